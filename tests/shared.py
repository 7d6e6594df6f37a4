"""What others published and we test against, read from beside the repository and never copied into it."""

import os
from pathlib import Path
from typing import Final

import pytest

_BESIDE: Final = Path(__file__).parents[2] / "shared"


def shared(*parts: str) -> Path:
    """Find test data beside the repository, or where SIGILLO_SHARED says; skip, saying so, without it."""
    found = Path(os.environ.get("SIGILLO_SHARED") or _BESIDE).joinpath(*parts)
    if not found.exists():
        pytest.skip(f"no {'/'.join(parts)} beside the repository: set SIGILLO_SHARED to where it is")
    return found
