"""European Digital Credentials sealed at every level, by us and by others, under the test authority."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from app.core.labels import Labels
from app.formats import jades
from app.formats.claims import Format
from app.formats.edc import Body
from app.formats.jades import Level, Seal
from app.formats.strict import encode64, write_json
from app.ports import PublicKey, Slot
from app.verification import sealed, service
from app.verification.entries import Document, Entry
from app.verification.examining import Examined
from app.verification.report import Report
from app.verification.trust import Keyring
from tests.formats import make
from tests.formats.make_edc import edc
from tests.formats.seals import ASKED, holder, sealer
from tests.pki.authority import IDENTIFIER, ORGANISATION, Holder
from tests.pki.samples import MINUTE

ELSEWHERE = "https://school.example.net"
Json = dict[str, Any]


@cache
def stranger() -> Holder:
    """Who is under an anchor, and is not us."""
    return sealer().pki.seal(name="TEST seal of a school")


def as_ours(key: Holder, **changes: Any) -> PublicKey:
    return replace(key.public, slot=Slot.EDC_SEAL, **changes)


def ring(*ours: PublicKey, anchored: bool = True) -> Keyring:
    pki = sealer().pki
    anchors = pki.anchors if anchored else ()
    return Keyring(ours, anchors, make.DID, {}, stamp_anchors=pki.stamp_anchors)


def ours(algorithm: str = "ES256") -> Keyring:
    return ring(as_ours(holder(algorithm)))


def content(*, body: Body | None = None, **changes: Any) -> Json:
    """What one of ours says."""
    return edc(body=body or Body(ORGANISATION, "TEST seal", IDENTIFIER, "IT"), **({"test": False} | changes))


def foreign() -> Json:
    """What somebody else says, who has never heard of us."""
    written = json.dumps(content(document_id="urn:uuid:00000000-0000-4000-8000-000000000001"))
    says: Json = json.loads(written.replace(make.BASE, ELSEWHERE))
    return says


def seal_of(says: Json, by: Holder, level: Level = Level.B_LTA) -> Seal:
    return sealer().sealed(by, level, content=write_json(says))


@cache
def own(level: Level = Level.B_LTA, algorithm: str = "ES256") -> Seal:
    return seal_of(content(), holder(algorithm), level)


def header(by: Holder) -> Json:
    made = jades.protected_header(by.public, at=sealer().at, signing_time="iat", kind="edc")
    return {**made}


def sealed_raw(head: bytes | Mapping[str, Any], payload: str, by: Holder) -> Seal:
    """Seal whatever there is, and let it grow to B-LTA, as no honest writer would."""
    raw = head if isinstance(head, bytes) else write_json(dict(head))
    protected, made = encode64(raw), sealer()
    seal = Seal(payload, protected, encode64(by.sign(f"{protected}.{payload}".encode())), b64=False)
    made.moment = made.at + MINUTE
    seal = jades.with_signature_timestamp(seal, made.stamper.stamp(jades.signature_imprint(seal)))
    seal = jades.with_validation_values(seal, *made.values(by))
    made.moment = made.at + 3 * MINUTE
    return jades.with_archive_timestamp(seal, made.stamper.stamp(jades.archive_imprint(seal)))


def examined(text: str, keys: Keyring, at: Any = ASKED) -> Examined:
    return sealed.examine_seal(text, keys, at=at)


def reported(text: str, keys: Keyring, entry: Entry | None = None, at: Any = ASKED) -> Report:
    known = service.compare(examined(text, keys, at), entry, keys)
    return service.report(known, keys, at=at)


def codes(report: Report) -> dict[str, str]:
    return {check.name.value: check.reason_code for check in report.checks}


def reason(report: Report, name: str) -> Labels:
    """All that a check says, time-stamp by time-stamp."""
    check = next(check for check in report.checks if check.name == name)
    said = [check.reason, *(stamp.reason for stamp in check.stamps or ())]
    return Labels(it=" ".join(each.it for each in said), en=" ".join(each.en for each in said))


def stamps(report: Report) -> list[str]:
    """What was found of each time-stamp, by its code."""
    return [f"{told.kind} {told.code}" for check in report.checks for told in check.stamps or ()]


def entry_of(seal: Seal, **changes: Any) -> Entry:
    """What the register holds of one of ours: the digest of what was issued, which no later level changes."""
    claims = make.claims()
    document = Document(
        period=1,
        kind="grant",
        first_day=claims.valid_from.date(),
        last_day=claims.valid_until.date(),
        ended_on=None,
        scheme_version="0.0.0",  # not in the catalogue: the document's own words are shown
        format="edc",
        jti=claims.document_id,
        token="",
        sha256=examined(seal.bare.general(), ours()).sha256,
        key_thumbprint=holder("ES256").public.thumbprint,
        issued_at=sealer().at,
        superseded_at=None,
    )
    first = replace(document, format=Format.VC_JWT, jti="urn:uuid:the-first", sha256="")
    entry = Entry(
        number=claims.number,
        subject_id=claims.subject_id,
        scheme_id=claims.scheme_id,
        suspended_at=None,
        revoked_at=None,
        closed_at=None,
        mode="live",
        time_zone="Europe/Rome",
        documents=(first, document),
    )
    return replace(entry, **changes)


def flips(text: str, each: int) -> list[str]:
    """Flip one bit of every so-manieth byte of the text, a different one each time."""
    raw = text.encode()
    flipped = []
    for place in range(0, len(raw), each):
        changed = raw[:place] + bytes([raw[place] ^ (1 << place % 7)]) + raw[place + 1 :]
        flipped.append(changed.decode("utf-8", "replace"))
    return flipped
