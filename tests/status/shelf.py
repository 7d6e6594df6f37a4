"""A list with three documents in it, and what the public sees of it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.formats.bitstring import MAX_TOKEN, ReadStatusList, read_status_list
from app.formats.claims import Purpose
from app.formats.jose import Compact, open_compact
from app.formats.tokenlist import ReadTokenList, open_token_list
from app.ports import Ports
from app.status import queries
from app.status.models import ListKind, PublishedList, Standing, StatusList
from app.status.publishing import Form, Publisher
from app.status.service import draw_places, set_standing, take_places
from tests import make


def take_position(
    session: Session,
    kind: ListKind,
    document_id: str,
    *,
    organisation_id: str,
    at: datetime,
    draw: Callable[[int], int] = secrets.randbelow,
) -> tuple[StatusList, int]:
    """Take a place for one document, for good, as issuing does for many."""
    (place,) = draw_places(session, kind, 1, organisation_id=organisation_id, at=at, draw=draw)
    take_places(session, {document_id: place})
    return queries.locked(session, place.list_id), place.index


@dataclass(frozen=True, slots=True)
class Shelf:
    """A list with three documents in it, and a worker of its own that publishes it."""

    ports: Ports
    organisation_id: str
    list_id: int
    places: dict[str, int]
    publisher: Publisher

    @classmethod
    def made(cls, ports: Ports, kind: ListKind = ListKind.CREDENTIAL) -> "Shelf":
        at = ports.clock.now()
        places = {}
        with ports.database.writing() as session:
            organisation_id = make.organisation(session, at).organisation.id
            for name in ("doc_1", "doc_2", "doc_3"):
                chosen, places[name] = take_position(
                    session, kind, name, organisation_id=organisation_id, at=at
                )
        return cls(ports, organisation_id, chosen.id, places, Publisher(ports))

    def say(self, standing: Standing, *names: str) -> None:
        with self.ports.database.writing(self.organisation_id) as session:
            set_standing(session, names, standing)

    def publish(self, publisher: Publisher | None = None) -> bool:
        return (publisher or self.publisher).publish(self.list_id, at=self.ports.clock.now())

    def row(self, form: Form) -> PublishedList:
        with self.ports.database.reading() as session:
            return queries.published(session, self.list_id, form)

    def versions(self) -> dict[str, int]:
        with self.ports.database.reading(self.organisation_id) as session:
            return {form: seen.version for form, seen in queries.shown(session, self.list_id).items()}

    def levels(self) -> set[int]:
        with self.ports.database.reading(self.organisation_id) as session:
            return {seen.level for seen in queries.shown(session, self.list_id).values()}

    def token(self, form: Form) -> Compact:
        return open_compact(self.row(form).token, limit=MAX_TOKEN)

    def listed(self) -> ReadTokenList:
        return open_token_list(self.row("token").token)[1]

    def states(self) -> dict[str, int]:
        """What the token list says of each document; of every other position it says nothing."""
        states = self.listed().states
        said = {name: states.at(index) for name, index in self.places.items()}
        told = sum(1 for byte in states.content for pair in (0, 2, 4, 6) if byte >> pair & 3)
        assert told == sum(1 for state in said.values() if state), "nobody else's position says anything"
        return said

    def read(self, purpose: Purpose) -> ReadStatusList:
        return read_status_list(self.token(purpose).payload)

    def raised(self, purpose: Purpose) -> set[str]:
        bits = self.read(purpose).bits
        assert sum(byte.bit_count() for byte in bits.content) == sum(
            bits.is_set(index) for index in self.places.values()
        ), "no bit is set that belongs to nobody"
        return {name for name, index in self.places.items() if bits.is_set(index)}
