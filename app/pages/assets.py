"""The files a page needs, named by their content so that browsers may keep them for good."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Final

FOLDER: Final = Path(__file__).parent / "static"
MEDIA_TYPES: Final[Mapping[str, str]] = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served."""

    path: str
    content: bytes
    media_type: str


def _read(name: str) -> Asset:
    file = FOLDER / name
    content = file.read_bytes()
    mark = sha256(content).hexdigest()[:12]
    return Asset(f"/static/{file.stem}.{mark}{file.suffix}", content, MEDIA_TYPES[file.suffix])


STYLESHEET: Final = _read("sigillo.css")
MARK: Final = _read("mark.svg")
# All that is served below /static, by path: nothing in a request ever names a file.
ASSETS: Final[Mapping[str, Asset]] = MappingProxyType({asset.path: asset for asset in (STYLESHEET, MARK)})
