"""The reckoning: what clients were told and what the receiver got, held against what the register has."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from time import monotonic, sleep
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.batches.models import Batch
from app.batches.rules import ENDED
from app.credentials.models import Credential, Document, Intent, Period
from app.dossiers.models import Evidence
from app.events.models import WebhookDelivery, WebhookDeliveryState, WebhookEndpoint
from app.events.rules import SHAPES, EventType
from app.formats.claims import Format
from app.formats.jose import open_compact
from app.organisations.models import Membership
from app.outbox.messages import Message
from app.outbox.trail import EventHead, EventWaiting
from app.ports import Ports
from app.status.models import PublishedList, StatusList, StatusPosition
from app.upkeep.agreement import agreement
from drill.asking import Caller
from drill.house import House
from drill.load import LINES, OK, Memory, Sent
from tests.events.receiver import Received

SOON: Final = timedelta(minutes=6)  # what is due later than that was not put off by a crash
PAGE: Final = 100
LOOK_SECONDS: Final = 0.5
NEVER: Final = "events were never delivered"
FORMATS: Final = (Format.VC_JWT, Format.QR)  # that every credential has


def drain(house: House, *, seconds: float) -> None:
    """Wait until nothing is left to be done; what is left after so long is a finding."""
    ends = monotonic() + seconds
    with house.place.ports() as ports:
        while left := _left(house, ports):
            if monotonic() > ends:
                house.find(f"after {seconds:.0f} s this was left to be done: {left}")
                return
            sleep(LOOK_SECONDS)


def _left(house: House, ports: Ports) -> dict[str, int]:
    soon = ports.clock.now() + SOON
    with ports.database.reading(house.organisation) as session:

        def count(table: Any, *where: ColumnElement[bool]) -> int:
            return session.scalars(select(func.count()).select_from(table).where(*where)).one()

        unseen = session.scalars(
            select(func.max(EventHead.seq) - func.min(WebhookEndpoint.seen)).select_from(
                EventHead.__table__.join(
                    WebhookEndpoint.__table__, EventHead.organisation_id == WebhookEndpoint.organisation_id
                )
            )
        ).one()
        late = select(func.count()).select_from(PublishedList).join(StatusList)
        found = {
            "batches": count(Batch, Batch.state.not_in(ENDED)),
            "intents": count(Intent),
            "messages": count(Message, Message.done_at.is_(None), Message.due_at <= soon),
            "events without their place": count(EventWaiting),
            "events without their delivery": unseen or 0,
            "deliveries": count(WebhookDelivery, WebhookDelivery.state == WebhookDeliveryState.WAITING),
            "lists": session.scalars(late.where(PublishedList.version < StatusList.version)).one(),
        }
    return {what: left for what, left in found.items() if left}


def reckon(house: House, memory: Memory) -> None:
    """Compare everything with everything, and note what differs."""
    registrar = Caller(house, house.keys["registrar"])
    desk = Caller(house, house.keys["desk"])
    administrator = Caller(house, house.keys["administrator"])
    told = {each.decision: each.id for each in memory.credentials.values()}
    for sent in memory.batches:
        told |= _batch(house, desk, sent)
    with house.place.ports() as ports, ports.database.reading(house.organisation) as session:
        _register(house, session, memory, told)
        _places(house, session)
        _evidence(house, session, memory)
        _members(house, session, memory)
        feed = list(_feed(administrator))
        _events(house, session, feed)
    _public(house, registrar, memory)
    for caller in (registrar, desk, administrator):
        caller.close()
    _agreement(house)


def _batch(house: House, desk: Caller, sent: Sent) -> dict[str, str]:
    """Read a batch as its sender does; give the credentials that it says it has issued, by decision."""
    stands = desk.ask("GET", f"/v1/batches/{sent.id}").json()
    answer = desk.ask("GET", f"/v1/batches/{sent.id}/results", headers={"Accept": LINES})
    rows = [json.loads(line) for line in answer.text.splitlines()]
    house.count("batches")
    house.count("batch rows accepted", len(sent.rows))
    states = Counter(row["state"] for row in rows)
    house.count("batch rows done", states["ok"])
    if [row["row"] for row in rows] != list(range(len(sent.rows))):
        house.find(f"Batch {sent.id} of {len(sent.rows)} rows tells of {len(rows)}")
    if {row["external_id"] for row in rows} != sent.rows.keys():
        house.find(f"Batch {sent.id} tells of other rows than were sent")
    if not stands["done"] or stands["counts"] != {"queued": 0, "ok": len(rows), "failed": 0, "skipped": 0}:
        codes = Counter(row.get("code") for row in rows if row["state"] != "ok")
        house.find(f"Batch {sent.id} ({sent.kind}) is {stands['state']} with {stands['counts']}: {codes}")
    return {row["decision"]: row["credential"] for row in rows if "credential" in row}


def _register(house: House, session: Session, memory: Memory, told: dict[str, str]) -> None:
    """Exactly one credential of each decision, that was told; and what was told is there."""
    rows = session.execute(
        select(
            Period.decision_id,
            Credential.id,
            Credential.number,
            Credential.holder_id,
            Credential.issued_at,
            Credential.revoked_at,
            Credential.suspended_at,
        ).join(Credential, Credential.id == Period.credential_id)
    ).all()
    house.count("credentials that clients were told of", len(told))
    house.count("credentials in the register", len(rows))
    issued = {row.decision_id: row.id for row in rows}
    lost = {decision for decision, credential in told.items() if issued.get(decision) != credential}
    twice = len(rows) - len({row.holder_id for row in rows})
    unknown = issued.keys() - told.keys() - house.raced
    house.count("credentials lost", len(lost))
    house.count("credentials issued twice", twice)
    house.count("credentials that nobody was told of", len(unknown))
    for what, how_many in (("lost", len(lost)), ("issued twice", twice), ("never told of", len(unknown))):
        if how_many:
            house.find(f"{how_many} credentials were {what}")
    unissued = sum(row.issued_at is None for row in rows)
    if unissued:
        house.find(f"{unissued} credentials have no document")
    known = {row.id: row for row in rows}
    for each in memory.credentials.values():
        row = known.get(each.id)
        if row is None:
            continue
        state = "revoked" if row.revoked_at else "suspended" if row.suspended_at else "active"
        if (row.number, state) != (each.number, each.state):
            house.find(f"{each.id} is {row.number}, {state}; a client was told {each.number}, {each.state}")
    made = Counter(
        (period, form) for period, form in session.execute(select(Document.period_id, Document.format))
    )
    periods = session.scalars(select(Period.id)).all()
    wrong = sum(made[period, form.value] != 1 for period in periods for form in FORMATS)
    house.count("documents", made.total())
    if wrong:
        house.find(f"{wrong} documents are missing, or there twice")


def _places(house: House, session: Session) -> None:
    """No place of a list is in two documents, by the register and by what the documents say themselves."""
    rows = session.execute(
        select(Document.format, Document.list_id, Document.list_index, Document.token)
    ).all()
    places = [(row.list_id, row.list_index) for row in rows if row.list_id is not None]
    said = [
        (entry["statusListCredential"], entry["statusListIndex"])
        for row in rows
        if row.format == Format.VC_JWT.value
        for entry in _statuses(row.token)
    ]
    taken = session.scalars(select(func.count()).select_from(StatusPosition)).one()
    again = len(places) - len(set(places)) + len(said) - len(set(said))
    house.count("status positions taken", taken)
    house.count("status positions in documents", len(places))
    house.count("status positions reused", again)
    if again:
        house.find(f"{again} status positions were given twice")


def _statuses(token: str) -> Any:
    return open_compact(token).payload["credentialStatus"]


def _evidence(house: House, session: Session, memory: Memory) -> None:
    rows = {
        row.id: (row.sha256, row.size)
        for row in session.execute(select(Evidence.id, Evidence.sha256, Evidence.size))
    }
    lost = [name for name, was in memory.uploads.items() if rows.get(name) != was]
    house.count("files that clients handed in", len(memory.uploads))
    house.count("rows of evidence", len(rows))
    house.count("evidence lost", len(lost))
    if lost:
        house.find(f"{len(lost)} pieces of evidence are not as they were handed in")
    if len(rows) != len(memory.uploads):
        house.find(f"{len(memory.uploads)} pieces of evidence were handed in, {len(rows)} are there")


def _members(house: House, session: Session, memory: Memory) -> None:
    """Whoever came by a batch is there once."""
    numbers = Counter(session.scalars(select(Membership.number)))
    sent = [
        name
        for each in memory.batches
        if each.kind in {"members", "decisions"}
        for name in each.rows.values()
    ]
    wrong = [number for number in sent if numbers[number] != 1]
    house.count("members by batches", len(sent))
    if wrong:
        house.find(f"{len(wrong)} members of batches are missing, or there twice")


def _feed(administrator: Caller) -> Iterator[dict[str, Any]]:
    after = "0"
    while True:
        page = administrator.ask("GET", "/v1/events", params={"after": after, "limit": PAGE}).json()
        yield from page["data"]
        after = page["next_cursor"]
        if not page["more"]:
            return


def _events(house: House, session: Session, feed: list[dict[str, Any]]) -> None:
    """Every event of the feed came in at the receiver, and its delivery is settled."""
    received = list(house.receiver.received)
    house.count("events in the feed", len(feed))
    house.count("deliveries that came in", len(received))
    house.count(
        "of these, of events that had come before", len(received) - len({each.id for each in received})
    )
    rows = Counter(session.scalars(select(WebhookDelivery.state)))
    amiss = carried(feed, received, house.secret) | {
        "deliveries are not settled": rows.total() - rows[WebhookDeliveryState.DELIVERED],
        "deliveries are not those of the feed": abs(rows.total() - len(feed)),
    }
    house.count("events that were never delivered", amiss[NEVER])
    for words, how_many in amiss.items():
        if how_many:
            house.find(f"{how_many} {words}")


def carried(feed: Sequence[Mapping[str, Any]], received: Sequence[Received], secret: str) -> dict[str, int]:
    """Count what is amiss: in the feed itself, and with what the receiver got of it and when first."""
    ids, cursors = [each["id"] for each in feed], [int(each["cursor"]) for each in feed]
    first = {name: place for place, name in enumerate(dict.fromkeys(each.id for each in received))}
    last: dict[str, int] = {}
    late = 0
    for each in feed:
        about = each["data"].get(SHAPES[EventType(each["type"])].subject, each["id"])
        place = first.get(each["id"], len(first))
        late += place < last.get(about, -1)
        last[about] = max(last.get(about, -1), place)
    return {
        "events stand in the feed twice": len(ids) - len(set(ids)),
        "events stand in the feed out of order": sum(one >= other for one, other in pairwise(cursors)),
        NEVER: sum(name not in first for name in ids),
        "deliveries are of no event in the feed": len(first.keys() - set(ids)),
        "deliveries are not signed as they should be": sum(not each.signed_by(secret) for each in received),
        "events came in before an earlier one of the same thing": late,
    }


def _public(house: House, caller: Caller, memory: Memory) -> None:
    """Anybody who looks a number up learns how it stands."""
    for each in memory.credentials.values():
        answer = caller.ask("GET", f"/v/{each.number}.json")
        said = answer.json()["credential"]["state"] if answer.status_code == OK else answer.status_code
        if said != each.state:
            house.find(f"{each.number} is {each.state}; the public is told {said}")
        house.count("numbers looked up")


def _agreement(house: House) -> None:
    """Look at everything once more from inside: trail, documents, positions, lists and files."""
    with house.place.ports() as ports:
        found = agreement(ports.database, ports.signer, ports.files)
    for what, how_many in found.looked_at.items():
        house.count(f"looked at: {what}", how_many)
    house.findings.extend(found.findings)
    if len(found.findings) < found.disagreeing:
        house.find(f"{found.disagreeing} things do not agree")
