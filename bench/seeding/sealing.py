"""The documents of a seeded register: composed, signed and verified by the service's own functions."""

import hashlib
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.core.days import last_second_of, start_of
from app.credentials.composing import LISTS, SLOTS
from app.formats import q1, vc
from app.formats.claims import Claims, Format
from app.formats.published import did_of
from app.ports import Signer
from app.status import publishing
from app.status.signing import QR, signed
from bench.seeding.members import Body, Member, Wanted

ZONE = ZoneInfo("Europe/Rome")


def sealed(body: Body, signer: Signer, numbers: range) -> list[list[tuple[Wanted, str, str]]]:
    """Make the documents of these members, each with its digest."""
    lists = body.lists()
    today = body.at.astimezone(ZONE).date()
    return [list(_of(body, signer, Member(body.seed, number, today), lists, body.at)) for number in numbers]


def _of(
    body: Body, signer: Signer, member: Member, lists: dict[Format, range], at: datetime
) -> Iterator[tuple[Wanted, str, str]]:
    for wanted in member.documents(lists):
        claims = _claims(body, member, wanted, at)
        key = signer.current(SLOTS[wanted.form])
        if wanted.form is Format.QR:
            unsigned = q1.unsigned(_content(body, claims, wanted), q1.kid_of(key.chain[0]))
            token = signed(signer, key.thumbprint, unsigned, QR)
        else:
            token = signed(signer, key.thumbprint, vc.unsigned(wanted.form, claims, key, body.base_url))
        yield wanted, token, hashlib.sha256(token.encode()).hexdigest()


def _claims(body: Body, member: Member, wanted: Wanted, at: datetime) -> Claims:
    valid_from, valid_until = _validity(wanted.first, wanted.last)
    return replace(
        _alike(body, at),
        document_id=wanted.jti,
        subject_id=member.subject,
        number=member.number,
        holder_name=member.name,
        valid_from=valid_from,
        valid_until=valid_until,
        status=publishing.entries(body.base_url, LISTS[wanted.form], wanted.list_id, wanted.index),
    )


@lru_cache(maxsize=1)
def _alike(body: Body, at: datetime) -> Claims:
    """Write what all documents say alike."""
    scheme = body.scheme
    return Claims(
        document_id="",
        subject_id="",
        issuer_id=did_of(body.base_url),
        issuer_name=body.legal_name,
        issuer_url=body.url,
        number="",
        holder_name="",
        scheme_id=scheme.id,
        scheme_version=scheme.version,
        scheme_title=scheme.title,
        scheme_description=scheme.mission,
        scheme_url=f"{body.base_url}/schemes/{scheme.id}",
        standard=scheme.reference.standard,
        claim_wording=scheme.wording.claim,
        criteria=scheme.narrative,
        valid_from=at,
        valid_until=at,
        issued_at=at,
        status=(),
        test=True,
    )


@lru_cache(maxsize=2000)
def _validity(first: date, last: date) -> tuple[datetime, datetime]:
    return start_of(first, ZONE), last_second_of(last, ZONE)


def _content(body: Body, claims: Claims, wanted: Wanted) -> q1.Content:
    return q1.Content(
        issuer_code=body.issuer_code,
        document_id=claims.document_id,
        valid_from=claims.valid_from,
        valid_until=claims.valid_until,
        name=unicodedata.normalize("NFC", claims.holder_name),
        scheme=f"{body.scheme.code}/{body.scheme.version}",
        list_id=wanted.list_id,
        index=wanted.index,
        test=True,
    )
