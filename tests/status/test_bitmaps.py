"""What a worker keeps of the lists says what the positions say, whatever happened in between."""

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text

from app.formats.tokenlist import States
from app.ports import Ports
from app.status import queries
from app.status.bitmaps import VALUES, Bitmaps
from app.status.models import Standing
from tests.status.shelf import Shelf

NAMES = ("doc_1", "doc_2", "doc_3")


@pytest.fixture
def shelf(ports: Ports) -> Shelf:
    return Shelf.made(ports)


@dataclass
class Asked:
    """Which statements the database was asked."""

    statements: list[str] = field(default_factory=list)

    def anew(self) -> bool:
        """Tell whether every position was read since the last time, rather than those that changed."""
        asked, self.statements = self.statements, []
        return any("status_position.standing !=" in statement for statement in asked)


@pytest.fixture
def asked(ports: Ports) -> Asked:
    noted = Asked()

    @event.listens_for(ports.database.engine, "before_cursor_execute")
    def _noted(*told: object) -> None:
        noted.statements.append(str(told[2]))

    return noted


def read(shelf: Shelf, bitmaps: Bitmaps, published: int | None) -> dict[str, int]:
    with shelf.ports.database.reading() as session:
        states = bitmaps.read(session, queries.of_anyone(session, shelf.list_id), published=published)
    return {name: States(states).at(index) for name, index in shelf.places.items()}


def test_a_change_is_read_alone_and_every_position_only_the_first_time(shelf: Shelf, asked: Asked) -> None:
    shelf.publish()
    assert asked.anew()
    for standing in (Standing.SUSPENDED, Standing.VALID, Standing.REVOKED):
        shelf.say(standing, "doc_1")
        shelf.publish()
        assert not asked.anew()
        assert shelf.states() == {"doc_1": VALUES[standing], "doc_2": 0, "doc_3": 0}


def test_what_other_workers_published_meanwhile_is_caught_up_with(shelf: Shelf, asked: Asked) -> None:
    other = Shelf(
        shelf.ports, shelf.organisation_id, shelf.list_id, shelf.places, type(shelf.publisher)(shelf.ports)
    )
    shelf.publish()
    for name in ("doc_1", "doc_3"):
        shelf.say(Standing.REVOKED, name)
        other.publish()
    shelf.say(Standing.SUPERSEDED, "doc_2")
    asked.anew()
    shelf.publish()
    assert not asked.anew()
    assert shelf.states() == {"doc_1": 1, "doc_2": 3, "doc_3": 1}


def test_a_hole_in_what_changed_makes_every_position_be_read_anew(shelf: Shelf, asked: Asked) -> None:
    """A change twice over leaves one, and whatever does not know of the column leaves one too."""
    shelf.publish()
    shelf.say(Standing.SUSPENDED, "doc_1")
    shelf.say(Standing.REVOKED, "doc_1")
    asked.anew()
    shelf.publish()
    assert asked.anew()
    with shelf.ports.database.writing(shelf.organisation_id) as session:
        session.execute(text("UPDATE status_position SET standing = 'revoked' WHERE document_id = 'doc_2'"))
        session.execute(text("UPDATE status_list SET version = version + 1"))
    shelf.publish()
    assert asked.anew()
    assert shelf.states() == {"doc_1": 1, "doc_2": 1, "doc_3": 0}


@pytest.mark.parametrize("published", [None, 1, 9], ids=["at rest", "put back", "from elsewhere"])
def test_where_memory_proves_nothing_every_position_is_read_anew(
    shelf: Shelf, asked: Asked, published: int | None
) -> None:
    bitmaps = Bitmaps()
    shelf.say(Standing.REVOKED, "doc_1")
    read(shelf, bitmaps, published=2)
    asked.anew()
    assert read(shelf, bitmaps, published=2)["doc_1"] == 1
    assert not asked.anew()
    assert read(shelf, bitmaps, published=published)["doc_1"] == 1
    assert asked.anew()


def test_memory_is_bounded_by_lists(ports: Ports, asked: Asked) -> None:
    shelves, bitmaps = [Shelf.made(ports) for _ in range(3)], Bitmaps(most=2)
    for shelf in shelves:
        read(shelf, bitmaps, published=1)
    asked.anew()
    for shelf, anew in ((shelves[2], False), (shelves[1], False), (shelves[0], True), (shelves[2], True)):
        read(shelf, bitmaps, published=1)
        assert asked.anew() == anew


@given(
    steps=st.lists(
        st.tuples(
            st.sets(st.sampled_from(NAMES), min_size=1),
            st.sampled_from(Standing),
            st.integers(0, 2),
        ),
        max_size=12,
    )
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_said_in_whatever_order_every_form_says_the_last(
    shelf: Shelf, steps: list[tuple[set[str], Standing, int]]
) -> None:
    """Two workers publish by turns or not at all; the public sees what a plain table says."""
    workers = [shelf.publisher, type(shelf.publisher)(shelf.ports)]
    for names, standing, turn in steps:
        shelf.say(standing, *names)
        if turn < len(workers):
            shelf.publish(workers[turn])
    last = dict.fromkeys(NAMES, Standing.VALID)
    shelf.say(Standing.VALID, *NAMES)
    for names, standing, _ in steps:
        shelf.say(standing, *names)
        last |= dict.fromkeys(names, standing)
    workers[0].keep_up()
    assert shelf.states() == {name: VALUES[standing] for name, standing in last.items()}
    assert shelf.raised("revocation") == {
        name for name, standing in last.items() if standing in {Standing.REVOKED, Standing.SUPERSEDED}
    }
    assert shelf.raised("suspension") == {
        name for name, standing in last.items() if standing is Standing.SUSPENDED
    }
