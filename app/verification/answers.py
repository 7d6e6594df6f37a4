"""Answers that are the same for everybody: kept once, then given whole, packed, or not again at all."""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Self

from starlette.requests import Request
from starlette.responses import Response

PUBLIC: Final[Mapping[str, str]] = {
    "Cache-Control": "public, max-age=60",
    "Access-Control-Allow-Origin": "*",
    "X-Content-Type-Options": "nosniff",
}
_TAG: Final = r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")'
_TAGS: Final = re.compile(rf"[ \t,]*(?:{_TAG}[ \t]*(?:,[ \t,]*|$))+")
_NEVER: Final = re.compile(r"q=0(\.0{0,3})?")


@dataclass(frozen=True, slots=True)
class Answer:
    """A body, also packed where that was worth it, and the tag by which readers know what they have."""

    body: bytes
    media_type: str
    tag: str
    packed: bytes | None = None

    @classmethod
    def made(cls, body: bytes, media_type: str, *, pack: bool = False) -> Self:
        """Make an answer of a body; its tag is its digest, so every process gives the same one."""
        packed = gzip.compress(body, compresslevel=6, mtime=0) if pack else None
        return cls(body, media_type, hashlib.sha256(body).hexdigest()[:32], packed)

    def to(self, request: Request) -> Response:
        """Answer a GET or HEAD: as it was asked for, and briefly where the reader has it already."""
        wants_packed = self.packed is not None and takes_gzip(request)
        plain, short = f'"{self.tag}"', f'"{self.tag}.gz"'  # other bytes, another tag (RFC 9110, 8.8.3.3)
        headers = {**PUBLIC, "ETag": short if wants_packed else plain}
        if self.packed is not None:
            headers["Vary"] = "Accept-Encoding"
        for tag in (headers["ETag"], plain, short):
            if has(request, tag):
                return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={**headers, "ETag": tag})
        body = self.body
        if wants_packed and self.packed is not None:
            body = self.packed
            headers["Content-Encoding"] = "gzip"
        if request.method == "HEAD":
            headers["Content-Length"] = str(len(body))
            body = b""
        return Response(body, media_type=self.media_type, headers=headers)


def has(request: Request, tag: str) -> bool:
    """Tell whether a reader says to have what this strong tag names (RFC 9110, 13.1.2: compared weakly).

    A header that is no list of tags counts for nothing, so its sender gets the whole answer.
    """
    told = ", ".join(request.headers.getlist("if-none-match")).strip(" \t")
    if told == "*":
        return True
    return _TAGS.fullmatch(told) is not None and tag in re.findall(_TAG, told)


def takes_gzip(request: Request) -> bool:
    """Tell whether a reader takes gzip (RFC 9110, 12.5.3); one who says nothing may not unpack it."""
    taken: dict[str, bool] = {}
    for part in ",".join(request.headers.getlist("accept-encoding")).lower().split(","):
        coding, _, weight = part.partition(";")
        taken[coding.strip()] = not _NEVER.fullmatch(weight.replace(" ", ""))
    return taken.get("gzip", taken.get("x-gzip", taken.get("*", False)))
