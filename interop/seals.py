"""Every level and form of a seal, whole, spoiled, revoked and expired, and what is true of each."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from app.formats.jades import Seal, read_seal
from app.formats.strict import decode64, encode64, encode64_standard
from tests.pki import samples
from tests.pki.authority import DAY

Truth = Mapping[str, Any]

# What is true of a file, by the outcome that its manifest names. "not " stands before what may not be said.
TRUE_OF: Final[Mapping[str, Truth]] = {
    "passed": {"indication": "TOTAL_PASSED", "revocation": "NOT REVOKED", "expired": False},
    "revoked": {"indication": "not TOTAL_PASSED", "subindication": "REVOKED_NO_POE", "revocation": "REVOKED"},
    "expired": {
        "indication": "not TOTAL_PASSED",
        "subindication": "OUT_OF_BOUNDS_NOT_REVOKED",
        "revocation": "NOT REVOKED",
        "expired": True,
    },
    "untrusted": {"indication": "not TOTAL_PASSED", "subindication": "NO_CERTIFICATE_CHAIN_FOUND"},
}
# Since 15 July 2025 a seal with `sigT` holds, and is of no baseline level (TS 119 182-1 v1.2.1, 6.3).
NO_BASELINE: Final = "JSON-NOT-ETSI"
SPOILED: Final[Truth] = {"indication": "not TOTAL_PASSED"}
QUARTERS: Final = (1, 2, 3)


def written(folder: Path, at: datetime) -> list[Truth]:
    """Write what was sealed the day before into a folder, and give the truth about each file."""
    samples.write(folder, at - DAY)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    truths: list[Truth] = []
    for each in manifest["files"]:
        seal = read_seal((folder / each["file"]).read_text(encoding="utf-8"))
        truth = {"file": each["file"], **TRUE_OF[each["outcome"]]}
        if each["signing_time"] == "sigT":
            truth["format"] = NO_BASELINE
        elif each["outcome"] != "expired":  # a stamp after the end makes no B-T (TS 119 182-1, 6.3)
            truth["format"] = each["level"]
        truth["timestamps"] = ["PASSED"] * len(seal.stamps())
        truths.append(truth)
        if each["outcome"] == "passed" and each["signing_time"] == "iat":
            for what, spoiled, true_of_it in _spoiled(seal):
                name = f"{what}-{each['file']}"
                text = samples.SERIALISATIONS[each["serialisation"]](spoiled)
                (folder / name).write_text(text, encoding="utf-8")
                truths.append({"file": name, **true_of_it})
    manifest["files"] = truths
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return truths


def differences(truth: Truth, said: Mapping[str, Any]) -> Iterator[str]:
    """Give what is said of a file and is not so."""
    for what, true in truth.items():
        answer = said.get(what)
        if what == "timestamps":
            answer = [stamp["indication"] for stamp in answer or ()]
        if not _agrees(true, answer):
            yield f"{what}: {answer}, where it is {true} ({'; '.join(said.get('errors', ())) or 'no error'})"


def _agrees(true: object, answer: object) -> bool:
    if isinstance(true, str) and true.startswith("not "):
        return answer is not None and answer != true.removeprefix("not ")
    return answer == true


def _spoiled(seal: Seal) -> Iterator[tuple[str, Seal, Truth]]:
    """Change one bit in each part of a seal: near its beginning, in its middle and near its end."""
    for quarter in QUARTERS:
        yield f"payload{quarter}", replace(seal, payload=_other_payload(seal, quarter)), SPOILED
        yield f"header{quarter}", replace(seal, protected=_other(seal.protected, quarter)), SPOILED
        yield f"signature{quarter}", replace(seal, signature=_other(seal.signature, quarter)), SPOILED
    for index, stamp in enumerate(seal.stamps()):
        # A later time-stamp is about the earlier ones too.
        failed = ["PASSED"] * index + ["FAILED"] * (len(seal.stamps()) - index)
        imprint = stamp.token.index(hashlib.sha256(stamp.content).digest())
        for what, place in (("imprint", imprint), ("signature", len(stamp.token) - 1)):
            other = _flipped(stamp.token, place)
            yield f"{stamp.kind}-{what}", _with_token(seal, stamp.token, other), {"timestamps": failed}


def _with_token(seal: Seal, token: bytes, other: bytes) -> Seal:
    old, new = encode64_standard(token), encode64_standard(other)
    components = (decode64(each).decode().replace(old, new) for each in seal.etsi_u)
    return replace(seal, etsi_u=tuple(encode64(each.encode()) for each in components))


def _other_payload(seal: Seal, quarter: int) -> str:
    if seal.b64:
        return _other(seal.payload, quarter)
    letters = [place for place, letter in enumerate(seal.payload) if letter.isascii() and letter.isalpha()]
    place = letters[len(letters) * quarter // 4]
    return seal.payload[:place] + chr(ord(seal.payload[place]) ^ 1) + seal.payload[place + 1 :]


def _other(encoded: str, quarter: int) -> str:
    content = decode64(encoded)
    return encode64(_flipped(content, len(content) * quarter // 4))


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
