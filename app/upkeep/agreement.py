"""Whether a register agrees with itself: its trail, its status lists, its documents and its files.

Nothing is changed. What is looked at is what a stranger relies on: every signature is verified once more with
the published key, every position is compared with the facts, every file is read.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import func, literal, select, union
from sqlalchemy.orm import Session

from app.core.db import Database
from app.core.errors import NotFound
from app.credentials.models import Credential, Document, Intent, Period
from app.decisions.models import Minutes
from app.dossiers.models import Evidence
from app.formats import bitstring, jades, q1, tokenlist
from app.formats.claims import Format
from app.formats.jose import open_compact
from app.formats.strict import Malformed
from app.organisations import queries as organisations
from app.outbox import trail
from app.ports import Files, Signer
from app.renewal.models import CpdProof
from app.status import publishing
from app.status.bitmaps import VALUES
from app.status.models import PublishedList, Standing, StatusList, StatusPosition

MOST_TOLD: Final = 100  # of what does not agree; the count goes on
CHUNK: Final = 256 * 1024
ROWS: Final = 500
_READERS: Final[Mapping[Format, Callable[[str], Any]]] = {
    Format.VC_JWT: open_compact,
    Format.OB_JWT: open_compact,
    Format.QR: q1.decode_q1,
    Format.EDC: jades.read_seal,
}


@dataclass(slots=True)
class Agreement:
    """What was looked at, how many of each, and what does not agree, in words that name nobody."""

    looked_at: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    disagreeing: int = 0

    @property
    def whole(self) -> bool:
        return not self.disagreeing

    def miss(self, words: str) -> None:
        self.disagreeing += 1
        if len(self.findings) < MOST_TOLD:
            self.findings.append(words)


def agreement(
    database: Database, signer: Signer, files: Files | None, *, tick: Callable[[str], object] = str
) -> Agreement:
    """Look at everything, and say what does not agree; `tick` hears of each thing that was looked at.

    The trail's last events are put in their places first, as `sigillo audit verify` does. Without `files`
    the evidence is left out.
    """
    trail.append(database)
    found = Agreement()
    with database.reading() as session:
        known = [each.id for each in organisations.organisations(session)]
    for organisation_id in known:
        found.looked_at["organisations"] += 1
        for look in (_trail, _documents, _positions, _lists):
            with database.reading(organisation_id) as session:
                for what in look(session, organisation_id, signer, found):
                    found.looked_at[what] += 1
                    tick(what)
        if files is not None:
            with database.reading(organisation_id) as session:
                named = files_named(session)
            for sha256 in named:
                _file(files, sha256, found)
                tick("files")
    return found


def files_named(session: Session) -> Sequence[str]:
    """Name the files that evidence, proofs and minutes of the session's organisation stand on, each once."""
    evidence = select(Evidence.sha256).where(Evidence.sha256.is_not(None))
    proofs = select(CpdProof.sha256).where(CpdProof.sha256.is_not(None))
    named = {*session.scalars(evidence), *session.scalars(proofs), *session.scalars(select(Minutes.sha256))}
    return sorted(each for each in named if each)


def _trail(session: Session, organisation_id: str, signer: Signer, found: Agreement) -> Iterator[str]:
    del signer
    audit = trail.verify(session, organisation_id)
    for finding in audit.findings:
        found.miss(f"{organisation_id}: {finding}")
    found.looked_at["events"] += audit.events
    found.looked_at["events on their way to the chain"] += audit.waiting
    yield "chains"


def _documents(session: Session, organisation_id: str, signer: Signer, found: Agreement) -> Iterator[str]:
    """Every document is what was stored, by a key of its body, in the place that its list has for it."""
    keys = {key.thumbprint: key.jwk for key in signer.published()}
    others = {key.thumbprint for key in signer.published() if not key.serves(organisation_id)}
    rows = session.execute(
        select(
            Document.id,
            Document.format,
            Document.token,
            Document.sha256,
            Document.key_thumbprint,
            Document.list_id,
            Document.list_index,
            StatusPosition.document_id,
        )
        .outerjoin(
            StatusPosition,
            (StatusPosition.list_id == Document.list_id) & (StatusPosition.index == Document.list_index),
        )
        .order_by(Document.id)
        .execution_options(yield_per=ROWS)
    )
    for name, form, token, sha256, thumbprint, list_id, index, occupant in rows:
        if hashlib.sha256(token.encode()).hexdigest() != sha256:
            found.miss(f"Document {name} is not what was stored.")
        if thumbprint not in keys:
            found.miss(f"Document {name} was signed by a key that is not published: {thumbprint}.")
        elif not _verifies(Format(form), token, keys[thumbprint]):
            found.miss(f"Document {name} does not verify with the key that signed it.")
        elif thumbprint in others:
            found.miss(f"Document {name} was signed by another body's own key: {thumbprint}.")
        if list_id is not None and occupant != name:
            found.miss(f"Document {name} does not hold position {index} of list {list_id}.")
        yield "documents"


def _verifies(form: Format, token: str, jwk: Mapping[str, object]) -> bool:
    try:
        return bool(_READERS[form](token).verified_by(jwk))
    except Malformed:
        return False


def _positions(session: Session, organisation_id: str, signer: Signer, found: Agreement) -> Iterator[str]:
    """Every position is that of a document, made or in the making, and says what the facts say."""
    del organisation_id, signer
    made = select(
        Document.id.label("name"),
        Document.period_id.label("period"),
        (Document.superseded_at.is_not(None)).label("replaced"),
    )
    coming = select(Intent.id.label("name"), Intent.period_id.label("period"), literal(value=False))
    owners = union(made, coming).subquery("owner")
    rows = session.execute(
        select(
            StatusPosition.list_id,
            StatusPosition.index,
            StatusPosition.standing,
            owners.c.name,
            owners.c.replaced,
            Period.ended_on,
            Credential.revoked_at,
            Credential.suspended_at,
            Credential.closed_at,
        )
        .outerjoin(owners, owners.c.name == StatusPosition.document_id)
        .outerjoin(Period, Period.id == owners.c.period)
        .outerjoin(Credential, Credential.id == Period.credential_id)
        .order_by(StatusPosition.list_id, StatusPosition.index)
        .execution_options(yield_per=ROWS)
    )
    for list_id, index, standing, name, replaced, ended_on, revoked_at, suspended_at, closed_at in rows:
        said = Standing(standing)
        where = f"Position {index} of list {list_id}"
        if name is None:
            # What was intended and dropped leaves its place taken for good; nobody has a document for it.
            if said is Standing.VALID:
                found.looked_at["places of documents that were never made"] += 1
            yield "positions"
            continue
        if (revoked_at is not None) != (said is Standing.REVOKED):
            found.miss(f"{where} says {said}; its credential {_is(revoked_at is not None)} revoked.")
        elif revoked_at is None and closed_at is None and not replaced and ended_on is None:
            expected = Standing.SUSPENDED if suspended_at is not None else Standing.VALID
            if said is not expected:
                found.miss(f"{where} says {said}; by the facts it would be {expected}.")
        elif revoked_at is None and replaced and said is Standing.VALID:
            found.miss(f"{where} says {said} of a document that was replaced.")
        yield "positions"


def _is(fact: bool) -> str:  # noqa: FBT001 - the one fact it is about
    return "was" if fact else "was not"


def _lists(session: Session, organisation_id: str, signer: Signer, found: Agreement) -> Iterator[str]:
    """Every published list says what the positions say, by a key of its body; none is newer than they are."""
    keys = {key.thumbprint: key.jwk for key in signer.published() if key.serves(organisation_id)}
    for held in session.scalars(select(StatusList).order_by(StatusList.id)).all():
        taken = session.scalar(
            select(func.count()).select_from(StatusPosition).where(StatusPosition.list_id == held.id)
        )
        if taken != held.taken:
            found.miss(f"List {held.id} counts {held.taken} places taken; {taken} are.")
        states = bytearray(tokenlist.pack({}, held.size))
        raised = session.execute(
            select(StatusPosition.index, StatusPosition.standing).where(
                StatusPosition.list_id == held.id, StatusPosition.standing != Standing.VALID
            )
        )
        tokenlist.lay(states, {index: VALUES[Standing(standing)] for index, standing in raised})
        for form in session.scalars(select(PublishedList).where(PublishedList.list_id == held.id)).all():
            _form(held, form, bytes(states), keys, found)
            yield "published lists"


def _form(
    held: StatusList,
    form: PublishedList,
    states: bytes,
    keys: Mapping[str, Mapping[str, object]],
    found: Agreement,
) -> None:
    which = f"List {held.id} ({form.purpose})"
    if form.version > held.version:
        found.miss(f"{which} was published at version {form.version}; the register knows {held.version}.")
        return
    try:
        token = open_compact(form.token, limit=bitstring.MAX_TOKEN)
        said = _content(form)
    except Malformed as refused:
        found.miss(f"{which} cannot be read: {refused}.")
        return
    if form.key_thumbprint not in keys or not token.verified_by(keys[form.key_thumbprint]):
        found.miss(f"{which} does not verify with a key that is published.")
    if form.version < held.version:
        found.looked_at["lists that a worker will publish anew"] += 1
    elif said != _shown(held, form, states):
        found.miss(f"{which} does not say what the positions say.")


def _content(form: PublishedList) -> bytes:
    if form.purpose == publishing.TOKEN:
        return tokenlist.open_token_list(form.token)[1].states.content
    payload = open_compact(form.token, limit=bitstring.MAX_TOKEN).payload
    return bitstring.read_status_list(payload).bits.content


def _shown(held: StatusList, form: PublishedList, states: bytes) -> bytes:
    if form.purpose == publishing.TOKEN:
        return states
    raising = publishing.SET_BY[held.kind][form.purpose]  # type: ignore[index] # one of its purposes
    return bitstring.of_states(states, frozenset(VALUES[standing] for standing in raising))


def _file(files: Files, sha256: str, found: Agreement) -> None:
    found.looked_at["files"] += 1
    digest = hashlib.sha256()
    try:
        with files.open(sha256) as source:
            while piece := source.read(CHUNK):
                digest.update(piece)
    except NotFound:
        found.miss(f"File {sha256} is named and is not there.")
        return
    if digest.hexdigest() != sha256:
        found.miss(f"File {sha256} does not hold the bytes that it is named after.")
