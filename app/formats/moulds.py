"""Payloads of ours are alike but for what is a holder's alone: here that is cut out of them."""

import re
import secrets
from binascii import b2a_base64
from typing import Any, Final

import orjson

# What a holder's document has of its own; nobody can have written the marks that stand for it in a mould.
JTI, SUBJECT, NUMBER, HOLDER, LIST, INDEX = range(6)

_MARK: Final = secrets.token_hex(16)
_MARKED: Final = re.compile(_MARK.encode() + b"([0-5])")


def mark(of: int) -> str:
    """Write what stands for something of a holder's own."""
    return f"{_MARK}{of}"


def taken_apart(payload: Any) -> tuple[list[bytes], list[int]]:
    """Cut a payload where its holder's own texts stand, and wherever a mark stands already.

    It raises something of a payload that is not ours.
    """
    subject = payload["credentialSubject"]
    name, numbered = subject["identifier"]
    wording, number = payload["description"], numbered["identityHash"]
    payload["description"] = wording.removesuffix(number) + mark(NUMBER)
    name["identityHash"], numbered["identityHash"] = mark(HOLDER), mark(NUMBER)
    payload["id"] = payload["jti"] = mark(JTI)
    subject["id"] = payload["sub"] = mark(SUBJECT)
    for entry in payload["credentialStatus"]:
        entry["id"] = f"{entry['statusListCredential']}#{mark(INDEX)}"
        entry["statusListIndex"] = mark(INDEX)
    found = _MARKED.split(orjson.dumps(payload))
    return found[::2], [int(hole) for hole in found[1::2]]


def base64_of(pieces: list[bytes]) -> bytes:
    """Write the payload that these pieces are, as a token holds it."""
    written = b2a_base64(b"".join(pieces), newline=False)
    return written.replace(b"+", b"-").replace(b"/", b"_").rstrip(b"=")
