"""PyPI `openbadgeslib`: opens a badge by the key that it names, and its list by the issuer's DID."""

import base64
import json
from importlib.metadata import version
from typing import Final

import httpx
from joserfc.jwk import ECKey
from openbadgeslib.ob3.status import check_credential_status
from openbadgeslib.ob3.verifier import OB3VerificationError, OB3Verifier

PEER: Final = "openbadgeslib"


def version_found() -> str:
    return version(PEER)


def found(http: httpx.Client, badge: str, issuer: str) -> dict[str, str]:
    """Say what the peer makes of a badge, and of one that was tampered with."""
    middle = len(badge) // 2
    forged = badge[:middle] + ("B" if badge[middle] == "A" else "A") + badge[middle + 1 :]
    return {
        "ob+jwt, by its bitstring list": _verdict(http, badge, issuer),
        "a forged ob+jwt": "refused" if _verdict(http, forged, issuer) == "refused" else "accepted",
    }


def _verdict(http: httpx.Client, badge: str, issuer: str) -> str:
    def download(url: str) -> bytes:
        return http.get(url).raise_for_status().content

    head = badge.partition(".")[0]
    kid = str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])
    pem = ECKey.import_key(http.get(kid).raise_for_status().json()).as_pem(private=False)
    try:
        credential = OB3Verifier(pem, issuer_did=issuer).verify(badge)
    except OB3VerificationError:
        return "refused"
    try:
        check_credential_status(credential, download, verify_list=True)
    except OB3VerificationError as refusal:
        return "suspended" if "'suspension' is set" in str(refusal) else f"refused: {refusal}"
    return "valid"
