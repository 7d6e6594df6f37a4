"""A credential in words that verifiers know: W3C VCDM 2.0, an Open Badges 3.0 AchievementCredential inside.

Both envelopes carry the same claims. `vc+jwt` brings its certificate along and is a JAdES seal by the same
bytes; `ob+jwt` keeps to the three headers and the single status that Open Badges allow.
"""

from datetime import datetime
from typing import Final

from app.core.errors import JsonValue
from app.core.labels import Labels
from app.formats.claims import CLOCK_MOVED, NO_VALUE, TEST_MARK, Claims, Format, StatusEntry
from app.formats.instants import date_time, seconds
from app.formats.jades import protected_header
from app.formats.jose import assemble, signing_input
from app.formats.published import key_url, method_id
from app.formats.strict import encode64, write_texts
from app.ports import PublicKey

CONTEXT: Final[list[JsonValue]] = [
    "https://www.w3.org/ns/credentials/v2",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
]
TYPE: Final[list[JsonValue]] = ["VerifiableCredential", "AchievementCredential"]

# Extensions of the badge vocabulary: its own lists hold words that an association must not use of itself, and
# would call the number of an attestation a licence number.
ACHIEVEMENT_TYPE: Final = "ext:CompetenceAttestation"
NUMBER_TYPE: Final = "ext:credentialNumber"


# The header of the documents that are being written now: many at once have the same.
_heads: dict[tuple[object, ...], str] = {}


def unsigned(form: Format, claims: Claims, key: PublicKey, base_url: str) -> bytes:
    """Write the exact bytes that will be signed, and that the intent records before any key is used."""
    match form:
        case Format.VC_JWT:
            which = (claims.issuer_id, key.algorithm, key.thumbprint, key.chain, claims.issued_at)
            head = _heads.get(which)
            if head is None:
                header = seal_header(claims.issuer_id, key, claims.issued_at)
                head = encode64(write_texts(header))
                _heads.clear()
                _heads[which] = head
            return f"{head}.{encode64(write_texts(compose_vc(claims)))}".encode("ascii")
        case Format.OB_JWT:
            return signing_input(_ob_header(key, base_url), compose_ob(claims))
        case Format.QR | Format.EDC:
            raise ValueError(f"{form} is no JWT.")


def signed(unsigned: bytes, signature: bytes) -> str:
    """Make the document of the recorded bytes and their signature; nothing is written anew."""
    return assemble(unsigned, signature)


def compose_vc(claims: Claims) -> dict[str, JsonValue]:
    """Compose the payload of a `vc+jwt`, with every status entry (VCDM 2.0, 4.10 allows several)."""
    return {**_content(claims), "credentialStatus": [_status(entry) for entry in claims.status]}


def compose_ob(claims: Claims) -> dict[str, JsonValue]:
    """Compose the payload of an `ob+jwt`: the Open Badges schema knows one status, and it is an object."""
    (entry,) = claims.status
    return {**_content(claims), "credentialStatus": _status(entry)}


def in_both(labels: Labels) -> str:
    """Say it in both languages within one text, since the Open Badges schema has no room for two."""
    return labels.it if labels.it == labels.en else f"{labels.it} / {labels.en}"


def _content(claims: Claims) -> dict[str, JsonValue]:
    words = f"{in_both(claims.claim_wording)}. {claims.number}"
    if claims.clock_offset is not None:
        words = f"{in_both(CLOCK_MOVED)} {claims.clock_offset}. {words}"
    return {
        "@context": [*CONTEXT],
        "id": claims.document_id,
        "type": [*TYPE],
        "name": (TEST_MARK if claims.test else "") + in_both(claims.scheme_title),
        "description": f"{TEST_MARK}{in_both(NO_VALUE)} {words}" if claims.test else words,
        "issuer": {
            "id": claims.issuer_id,
            "type": ["Profile"],
            "name": claims.issuer_name,
            "url": claims.issuer_url,
        },
        "validFrom": date_time(claims.valid_from),
        "validUntil": date_time(claims.valid_until),
        "credentialSubject": {
            "id": claims.subject_id,
            "type": ["AchievementSubject"],
            "identifier": [_identity("name", claims.holder_name), _identity(NUMBER_TYPE, claims.number)],
            "achievement": _achievement(claims),
        },
        "iss": claims.issuer_id,
        "sub": claims.subject_id,
        "jti": claims.document_id,
        "nbf": seconds(claims.valid_from),
        "exp": seconds(claims.valid_until),
    }


def _achievement(claims: Claims) -> JsonValue:
    return {
        "id": claims.scheme_url,
        "type": ["Achievement"],
        "achievementType": ACHIEVEMENT_TYPE,
        "name": in_both(claims.scheme_title),
        "description": in_both(claims.scheme_description),
        "criteria": {"id": claims.scheme_url, "narrative": f"{claims.criteria.it}\n\n{claims.criteria.en}"},
        "humanCode": claims.scheme_id,
        "version": claims.scheme_version,
        "alignment": [
            {
                "type": ["Alignment"],
                "targetName": in_both(claims.scheme_title),
                "targetUrl": claims.scheme_url,
                "targetFramework": claims.standard,
            }
        ],
    }


def _identity(kind: str, value: str) -> JsonValue:
    return {"type": "IdentityObject", "hashed": False, "identityHash": value, "identityType": kind}


def _status(entry: StatusEntry) -> JsonValue:
    return {
        "id": f"{entry.url}#{entry.index}",
        "type": "BitstringStatusListEntry",
        "statusPurpose": entry.purpose,
        "statusListIndex": str(entry.index),
        "statusListCredential": entry.url,
    }


def seal_header(issuer_id: str, key: PublicKey, at: datetime) -> dict[str, JsonValue]:
    """Write the protected header that makes a `vc+jwt` a JAdES baseline B-B seal too.

    Its time is `iat` whatever the setting: `sigT` would be critical, and no reader of VC-JOSE understands it.
    """
    named: dict[str, JsonValue] = {"alg": key.algorithm, "kid": method_id(issuer_id, key)}
    return named | protected_header(key, at=at, signing_time="iat", kind="vc")


def _ob_header(key: PublicKey, base_url: str) -> JsonValue:
    return {"alg": key.algorithm, "kid": key_url(base_url, key.thumbprint), "typ": "JWT"}
