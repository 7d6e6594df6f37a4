"""The files a page needs, named by their content so that browsers may keep them for good."""

import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Final, get_args

from app.core.labels import Language
from app.pages import spoken

FOLDER: Final = Path(__file__).parent / "static"
SCRIPTS: Final = FOLDER / "verify"
MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
# The page's own modules, each after those that it imports; the scanner comes only when its button is pressed.
MODULES: Final = (
    *("fragment", "given", "strict", "cbor", "q1", "jose", "keys", "lists", "credential", "examine"),
    *("verdict", "wording", "network", "view", "verify"),
)
SCANNER: Final = "scan"
_IMPORT: Final = re.compile(r'"\./([a-z0-9]+)\.js"')


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served, plain or packed."""

    path: str
    content: bytes
    packed: bytes
    media_type: str


def _asset(stem: str, suffix: str, content: bytes) -> Asset:
    mark = sha256(content).hexdigest()[:12]
    return Asset(f"/static/{stem}.{mark}{suffix}", content, packed(content), MEDIA_TYPES[suffix])


def packed(content: bytes) -> bytes:
    """Pack bytes with gzip, without a time, so that it repeats."""
    return gzip.compress(content, compresslevel=9, mtime=0)


def _read(name: str) -> Asset:
    file = FOLDER / name
    return _asset(file.stem, file.suffix, file.read_bytes())


def _modules() -> Iterator[tuple[str, Asset]]:
    """Read the scripts, and let each import the others by the names that their content gives them."""
    made: dict[str, str] = {}
    for name in (*MODULES, SCANNER):
        text = (SCRIPTS / f"{name}.js").read_text("utf-8")
        content = _IMPORT.sub(lambda imported: f'"./{made[imported[1]]}"', text).encode()
        asset = _asset(name, ".js", content)
        made[name] = asset.path.rpartition("/")[2]
        yield name, asset


def _words(language: Language) -> Asset:
    content = json.dumps(spoken.catalogue(language), ensure_ascii=False, separators=(",", ":"))
    return _asset(f"words.{language}", ".json", content.encode())


STYLESHEET: Final = _read("sigillo.css")
MARK: Final = _read("mark.svg")
SCRIPT: Final[Mapping[str, Asset]] = MappingProxyType(dict(_modules()))
WORDS: Final[Mapping[Language, Asset]] = MappingProxyType({each: _words(each) for each in get_args(Language)})
_ALL: Final = (STYLESHEET, MARK, *SCRIPT.values(), *WORDS.values())
# All that is served below /static, by path: nothing in a request ever names a file.
ASSETS: Final[Mapping[str, Asset]] = MappingProxyType({asset.path: asset for asset in _ALL})


def service_worker(shells: Iterable[str]) -> bytes:
    """Write the service worker with the files that it keeps.

    When one of them changes, or a page that it keeps, so does its text; then browsers take all of it anew.
    """
    kept = json.dumps(sorted(ASSETS))
    version = sha256(json.dumps([kept, *shells]).encode()).hexdigest()[:12]
    text = (SCRIPTS / "sw.js").read_text("utf-8")
    return text.replace("{{version}}", version).replace('["{{assets}}"]', kept).encode()
