"""The few statements of the public road, and what their rows become: no mapper stands in between."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Final

from app.formats.keylist import Issuer
from app.verification.entries import Changes, Document, Entry, Row

MOST_CHANGES: Final = 1_000  # one fewer than are read: beyond it, everything is forgotten

# In the rows of an entry, what its holder shares with others comes first, and then what is its own.
DECIDING: Final = 18
FORMAT: Final = 14
NUMBER, SUBJECT, JTI, TOKEN, SHA256, ISSUED_AT, MAC = range(DECIDING, DECIDING + 7)
_OF_DOCUMENT: Final = 8

# `{mark}` is where the driver wants its value. An entry is public once its first document was stored.
_ENTRY: Final = """
SELECT c.scheme_id, c.suspended_at, c.revoked_at, c.closed_at, c.mode, o.time_zone, o.legal_name,
       o.issuer_code,
       p.seq, p.kind, p.valid_from, p.valid_until, p.ended_on, p.scheme_version,
       d.format, d.key_thumbprint, d.superseded_at, r.id,
       c.number, c.subject_id, d.jti, {token}, d.sha256, d.issued_at, d.mac
FROM credential c
JOIN organisation o ON o.id = c.organisation_id
JOIN period p ON p.credential_id = c.id
JOIN document d ON d.period_id = p.id
LEFT JOIN renewal r ON r.credential_id = c.id AND r.cycle = p.cycle AND r.kind = 'renewal'
     AND r.state = 'refused'
WHERE c.issued_at IS NOT NULL AND {condition}
ORDER BY p.seq, d.issued_at, d.id
"""
# What its holder hid, or its body, is not there for whoever only has a number.
BY_NUMBER: Final = _ENTRY.replace("{token}", "d.token").replace(
    "{condition}", "c.number = {mark} AND d.format = 'vc+jwt' AND c.hidden_at IS NULL AND o.register_open"
)
_HOLDER: Final = (
    "SELECT q.credential_id FROM period q JOIN document e ON q.id = e.period_id WHERE e.jti = {mark}"
)
# Whoever sends a document has it: here it is read by its digest.
BY_DOCUMENT: Final = _ENTRY.replace("{token}", "''").replace(
    "{condition}", f"c.id = ({_HOLDER}) AND (d.format = 'vc+jwt' OR d.jti = {{mark}})"
)
ISSUERS: Final = "SELECT issuer_code, legal_name, url, mode FROM organisation ORDER BY issuer_code"
HOSTS: Final = "SELECT issuer_code, host FROM organisation WHERE host IS NOT NULL ORDER BY issuer_code"
# The newest lists, as many as a device takes along: some kilobytes each at rest, some hundred at most.
LISTS: Final = "SELECT id FROM status_list WHERE kind IN ('qr', 'credential') ORDER BY id DESC LIMIT 32"
STATUS_LIST: Final = "SELECT token FROM published_list WHERE list_id = {mark} AND purpose = {mark}"
# One statement, so that the counter and the changes are those of one instant.
CHANGES: Final = """
SELECT k.value, h.seq, h.subject FROM change_counter k LEFT JOIN change h ON h.seq > {mark}
WHERE k.id = 1 ORDER BY h.seq LIMIT 1001
"""


def entry_of(rows: Sequence[Row]) -> Entry | None:
    if not rows:
        return None
    scheme_id, suspended_at, revoked_at, closed_at, mode, time_zone, issuer_name, issuer_code = rows[0][:8]
    return Entry(
        number=rows[0][NUMBER],
        subject_id=rows[0][SUBJECT],
        scheme_id=scheme_id,
        suspended_at=_instant(suspended_at),
        revoked_at=_instant(revoked_at),
        closed_at=_instant(closed_at),
        mode=mode,
        time_zone=time_zone,
        documents=tuple(_document(*row[_OF_DOCUMENT:]) for row in rows),
        issuer_name=issuer_name,
        issuer_code=issuer_code,
    )


def issuers_of(rows: Sequence[Row]) -> tuple[Issuer, ...]:
    return tuple(Issuer(*row) for row in rows)


def hosts_of(rows: Sequence[Row]) -> dict[int, str]:
    return {row[0]: row[1] for row in rows}


def _document(
    seq: int,
    kind: str,
    valid_from: object,
    valid_until: object,
    ended_on: object,
    scheme_version: str,
    form: str,
    key_thumbprint: str,
    superseded_at: datetime | str | None,
    refused_renewal: str | None,
    number: str,
    subject_id: str,
    jti: str,
    token: str,
    sha256: str,
    issued_at: datetime | str,
    mac: bytes | None,
) -> Document:
    del number, subject_id, mac
    return Document(
        period=seq,
        kind=kind,
        first_day=_day(valid_from),
        last_day=_day(valid_until),
        ended_on=None if ended_on is None else _day(ended_on),
        scheme_version=scheme_version,
        format=form,
        jti=jti,
        token=token,
        sha256=sha256,
        key_thumbprint=key_thumbprint,
        issued_at=instant(issued_at),
        superseded_at=_instant(superseded_at),
        refused=refused_renewal is not None,
    )


def changes_of(rows: Sequence[Row], *, seq: int) -> Changes:
    """Read what changed after `seq`; wherever the sequence has a hole, nobody can say what fell into it."""
    last: int = rows[0][0]
    seqs = [seq, *(row[1] for row in rows if row[1] is not None)]
    whole = len(rows) <= MOST_CHANGES and all(later == earlier + 1 for earlier, later in pairwise(seqs))
    return Changes(last, tuple(row[2] for row in rows if row[1]) if whole and seqs[-1] == last else None)


def instant(value: datetime | str) -> datetime:
    """SQLite keeps instants as text, and without their zone."""
    read = datetime.fromisoformat(value) if isinstance(value, str) else value
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def _instant(value: datetime | str | None) -> datetime | None:
    return None if value is None else instant(value)


@lru_cache(maxsize=4096)
def _day(value: object) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))
