"""People entered in bulk: members, and those whom a committee elsewhere granted something."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from app.batches.reading import Row
from app.batches.rules import Outcome, RowState, failed
from app.core import columns
from app.core.db import Base
from app.core.errors import JsonValue
from app.core.ids import new_id
from app.organisations.errors import MembershipNumberTaken, PeriodInverted
from app.organisations.models import Membership, MembershipState, Person
from app.organisations.rules import whole_name
from app.outbox.trail import Told

INVERTED: Final = PeriodInverted.code

_RENAME: Final = (
    update(Person).where(Person.id == bindparam("person")).values(name_on_credential=bindparam("borne"))
)


@dataclass(slots=True)
class Written:
    """Rows to be written in one go, table by table, and the events that tell of them."""

    by: str
    rows: dict[type[Base], list[dict[str, Any]]] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    renamed: list[dict[str, str]] = field(default_factory=list)

    def add(self, table: type[Base], **values: Any) -> None:
        self.rows.setdefault(table, []).append(values)

    def rename(self, person: str, name_on_credential: str) -> None:
        """Have somebody's credentials bear another name. The event says that they do, not which."""
        self.renamed.append({"person": person, "borne": name_on_credential})
        self.tell("person.name-on-credential-set", {"person": person})

    def tell(
        self, topic: str, about: Mapping[str, str], facts: Mapping[str, JsonValue] | None = None
    ) -> None:
        self.told.append(Told(topic, self.by, about, facts or {}))

    def write(self, session: Session) -> None:
        """Write everything in the order in which tables were first named; the session knows none of it."""
        for table, rows in self.rows.items():
            columns.write(session, table, rows)
        if self.renamed:
            session.connection().execute(_RENAME, self.renamed)


def numbers_of(rows: Collection[Row]) -> list[str]:
    return [row["membership"]["number"] for row in rows if "membership" in row]


def known_members(session: Session, numbers: Collection[str]) -> Mapping[str, tuple[Membership, Person]]:
    """Find members by their numbers."""
    query = select(Membership, Person).join(Person, Person.id == Membership.person_id)
    found = session.execute(query.where(Membership.number.in_(numbers)))
    return {membership.number: (membership, person) for membership, person in found}


def enter(session: Session, rows: Sequence[Row], written: Written, *, at: datetime) -> list[Outcome]:
    """Enter people with their memberships, as one by one they are entered by hand."""
    taken = known_members(session, numbers_of(rows))
    return [_entered(row, taken, written, at=at) for row in rows]


def _entered(row: Row, taken: Collection[str], written: Written, *, at: datetime) -> Outcome:
    membership = row.get("membership")
    if membership is not None and membership["number"] in taken:
        return failed(MembershipNumberTaken.code)
    if is_inverted(membership):
        return failed(INVERTED)
    return Outcome(RowState.OK, write_person(row, written, at=at), effect=True)


def is_inverted(membership: Mapping[str, str] | None) -> bool:
    return membership is not None and membership.get("to", "9999") < membership.get("from", "")


def write_person(row: Row, written: Written, *, at: datetime) -> dict[str, str]:
    """Leave a person to be written, with the membership that the row gives them; tell their ids."""
    person = new_id("per")
    whole = whole_name(row["given_name"], row["family_name"])
    written.add(
        Person,
        id=person,
        given_name=row["given_name"],
        family_name=row["family_name"],
        name_on_credential=row.get("name_on_credential", whole),
        email=row["email"],
        created_at=at,
    )
    written.tell("person.added", {"person": person})
    membership = row.get("membership")
    if membership is None:
        return {"person": person}
    member = new_id("mem")
    written.add(
        Membership,
        id=member,
        person_id=person,
        number=membership["number"],
        from_day=date.fromisoformat(membership["from"]),
        to_day=date.fromisoformat(membership["to"]) if "to" in membership else None,
        state=MembershipState.ACTIVE,
    )
    written.tell("membership.begun", {"person": person, "membership": member})
    return {"person": person, "membership": member}
