"""A fictional association and two fictional candidates, to try the service with."""

from importlib.resources import files
from pathlib import Path
from typing import Final

ASSOCIATION: Final = "association.yaml"
"""The association and everybody who acts in it."""

GRANTED: Final = "elena-marchetti"
"""The dossier that meets admission path A by a clear margin and earns its grant."""

REFUSED: Final = "davide-corsini"
"""The dossier that path B only just admits, and that is refused on its merits."""


def folder() -> Path:
    """Where the samples lie: the association at the top, each candidate's folder under `dossiers`."""
    return Path(str(files(__name__)))
