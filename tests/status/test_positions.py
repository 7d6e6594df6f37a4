"""Places in lists: drawn at random, one document each, never given twice."""

import threading
from itertools import count

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from app.formats.bitstring import MIN_SIZE
from app.ports import Ports
from app.status.models import ListKind, Standing, StatusList, StatusPosition
from app.status.service import set_standing
from tests import make
from tests.status.shelf import take_position


@pytest.fixture
def organisation_id(ports: Ports) -> str:
    with ports.database.writing() as session:
        return make.organisation(session, ports.clock.now()).organisation.id


def take(
    ports: Ports, organisation_id: str, name: str, kind: ListKind = ListKind.CREDENTIAL
) -> tuple[int, int]:
    with ports.database.writing(organisation_id) as session:
        chosen, index = take_position(
            session, kind, name, organisation_id=organisation_id, at=ports.clock.now()
        )
        return chosen.id, index


def test_a_first_position_opens_a_list_of_the_least_size_that_hides_people(
    ports: Ports, organisation_id: str
) -> None:
    list_id, index = take(ports, organisation_id, "doc_1")
    with ports.database.reading(organisation_id) as session:
        opened = session.get_one(StatusList, list_id)
    assert (opened.size, opened.taken, opened.version) == (MIN_SIZE, 1, 1)
    assert 0 <= index < MIN_SIZE


def test_kinds_of_documents_do_not_share_lists(ports: Ports, organisation_id: str) -> None:
    lists = {take(ports, organisation_id, str(kind), kind)[0] for kind in ListKind}
    assert len(lists) == len(ListKind)


def test_organisations_do_not_share_lists(ports: Ports, organisation_id: str) -> None:
    with ports.database.writing() as session:
        other = make.organisation(session, ports.clock.now(), "Un'altra associazione").organisation.id
    assert take(ports, organisation_id, "doc_1")[0] != take(ports, other, "doc_2")[0]


def test_a_place_that_is_taken_is_drawn_again(ports: Ports, organisation_id: str) -> None:
    drawn = iter([7, 7, 7, 9])
    with ports.database.writing(organisation_id) as session:
        got = [
            take_position(
                session,
                ListKind.CREDENTIAL,
                name,
                organisation_id=organisation_id,
                at=ports.clock.now(),
                draw=lambda _size: next(drawn),
            )[1]
            for name in ("doc_1", "doc_2")
        ]
    assert got == [7, 9]


def test_a_list_is_left_when_it_is_half_full(ports: Ports, organisation_id: str) -> None:
    first, _ = take(ports, organisation_id, "doc_1")
    with ports.database.writing(organisation_id) as session:
        session.execute(update(StatusList).values(taken=MIN_SIZE // 2 - 1))
    assert take(ports, organisation_id, "doc_2")[0] == first
    second, _ = take(ports, organisation_id, "doc_3")
    assert second != first
    assert take(ports, organisation_id, "doc_4")[0] == second


def test_the_database_itself_refuses_a_place_twice(ports: Ports, organisation_id: str) -> None:
    list_id, index = take(ports, organisation_id, "doc_1")
    again = StatusPosition(
        organisation_id=organisation_id,
        list_id=list_id,
        index=index,
        document_id="doc_2",
        standing=Standing.VALID,
    )
    with pytest.raises(IntegrityError), ports.database.writing(organisation_id) as session:
        session.add(again)


def test_many_at_once_open_one_list_and_never_share_a_place(ports: Ports, organisation_id: str) -> None:
    start = threading.Barrier(24)
    taken: list[tuple[int, int]] = []
    names = count(1)

    def run() -> None:
        start.wait()
        taken.append(take(ports, organisation_id, f"doc_{next(names)}"))

    threads = [threading.Thread(target=run) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 24
    assert len({list_id for list_id, _ in taken}) == 1
    with ports.database.reading(organisation_id) as session:
        assert session.scalars(select(StatusList.taken)).all() == [24]


def test_a_place_stays_taken_whatever_becomes_of_its_document(ports: Ports, organisation_id: str) -> None:
    _, index = take(ports, organisation_id, "doc_1")
    with ports.database.writing(organisation_id) as session:
        set_standing(session, ["doc_1"], Standing.REVOKED)
        drawn = iter([index, index + 1 if index else 1])
        _, next_index = take_position(
            session,
            ListKind.CREDENTIAL,
            "doc_2",
            organisation_id=organisation_id,
            at=ports.clock.now(),
            draw=lambda _size: next(drawn),
        )
    assert next_index != index


def test_a_change_raises_the_version_once_per_list_and_stands_at_its_positions(
    ports: Ports, organisation_id: str
) -> None:
    list_id, _ = take(ports, organisation_id, "doc_1")
    take(ports, organisation_id, "doc_2")
    badges, _ = take(ports, organisation_id, "doc_3", ListKind.BADGE)
    take(ports, organisation_id, "doc_4")
    with ports.database.writing(organisation_id) as session:
        set_standing(session, ["doc_1", "doc_2", "doc_3"], Standing.SUSPENDED)
    with ports.database.reading(organisation_id) as session:
        versions = {row.id: row.version for row in session.scalars(select(StatusList))}
        positions = {row.document_id: row.version for row in session.scalars(select(StatusPosition))}
    assert versions == {list_id: 2, badges: 2}
    assert positions == {"doc_1": 2, "doc_2": 2, "doc_3": 2, "doc_4": 1}


def test_saying_the_same_again_changes_nothing(ports: Ports, organisation_id: str) -> None:
    take(ports, organisation_id, "doc_1")
    with ports.database.writing(organisation_id) as session:
        set_standing(session, ["doc_1"], Standing.VALID)
        assert session.scalars(select(StatusList.version)).all() == [1]
