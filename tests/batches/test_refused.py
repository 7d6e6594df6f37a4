"""Rows that cannot be: those of which that is seen at once, and those that the database alone refuses."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from sqlalchemy import func, select

from app.batches import members
from app.batches.models import BatchPart
from app.organisations.models import Membership, Person
from app.outbox import trail
from tests.batches.desk import Desk, decision, member

LONG: Final = {"given_name": "A" * 150, "family_name": "B" * 50}
INVERTED: Final = {"membership": {"number": "S-1", "from": "2026-05-01", "to": "2026-01-01"}}
Row = Callable[..., dict[str, Any]]
KINDS: Final = [
    pytest.param("members", member, id="members"),
    pytest.param("decisions", decision, id="decisions"),
]


def sent(desk: Desk, kind: str, rows: list[dict[str, Any]]) -> Any:
    if kind == "members":
        return desk.send(kind, rows, who="secretary")
    return desk.send(kind, rows, minutes=desk.recorded())


def test_a_row_whose_name_has_no_room_in_the_register_has_to_give_another(desk: Desk) -> None:
    answer = desk.send("members", [member(1, **LONG)], who="secretary")
    assert answer.status_code == 422, answer.text
    (told,) = answer.json()["errors"]
    assert (told["pointer"], told["code"]) == ("#/rows/0/name_on_credential", "missing")
    assert "`name_on_credential`" in told["detail"]
    assert "AAA" not in answer.text
    desk.done("members", [member(1, **LONG, name_on_credential="A. B.")], who="secretary")
    with desk.ports.database.reading(desk.organisation_id) as session:
        named = session.scalars(select(Person.name_on_credential).where(Person.given_name == "A" * 150))
        assert named.all() == ["A. B."]


@pytest.mark.parametrize(("kind", "row"), KINDS)
def test_a_membership_that_ends_before_it_begins_is_refused_at_once(desk: Desk, kind: str, row: Row) -> None:
    before = desk.count()
    answer = sent(desk, kind, [row(1, **INVERTED)])
    assert answer.status_code == 422, answer.text
    (told,) = answer.json()["errors"]
    assert (answer.status_code, told["pointer"]) == (422, "#/rows/0/membership/to")
    assert (told["code"], told["detail"]) == ("period-inverted", "The period ends before it begins.")
    assert desk.count()["batch"] == before["batch"]


def test_a_number_that_grows_beyond_its_column_is_refused_at_once(desk: Desk) -> None:
    grown = "\u0958" * 40  # two characters each, once it is normalised
    answer = desk.send(
        "members", [member(1, membership={"number": grown, "from": "2026-01-01"})], who="secretary"
    )
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "too-long")


def refused_by_the_database(desk: Desk) -> list[Mapping[str, Any]]:
    """What no row can be any more that is sent, and a database refuses; of lengths SQLite knows nothing."""
    without = {"given_name": None, "name_on_credential": "Nobody"}
    longer = {"family_name": "B" * 250, "name_on_credential": "Nobody"}
    return [without, *([longer] if desk.ports.database.engine.dialect.name == "postgresql" else [])]


def spoil(desk: Desk, places: Mapping[int, Mapping[str, Any]]) -> None:
    """Make rows that wait into such as an older service might have taken in."""
    with desk.ports.database.writing(desk.organisation_id) as session:
        part = session.scalars(select(BatchPart).order_by(BatchPart.first)).first()
        assert part
        rows = [json.loads(line) for line in part.rows.splitlines()]
        spoilt = [row | places.get(place, {}) for place, row in enumerate(rows)]
        part.rows = "".join(json.dumps(row) + "\n" for row in spoilt)


@pytest.mark.parametrize(("kind", "row"), KINDS)
def test_of_a_part_in_which_the_database_refuses_a_row_all_others_are_done(
    desk: Desk, kind: str, row: Row
) -> None:
    batch = sent(desk, kind, [row(number) for number in range(12)]).json()["id"]
    spoilt = dict(zip((7, 2), refused_by_the_database(desk), strict=False))
    spoil(desk, spoilt)
    desk.work()
    who = "secretary" if kind == "members" else "registrar"
    ended = desk.batch(batch, who)
    assert (ended["state"], ended["counts"]["ok"]) == ("done", 12 - len(spoilt))
    results = desk.results(batch, who)
    assert [result["row"] for result in results] == list(range(12))
    failed = {result["row"]: result["code"] for result in results if result["state"] == "failed"}
    assert failed == dict.fromkeys(spoilt, "row-refused")
    with desk.ports.database.reading(desk.organisation_id) as session:
        entered = select(func.count()).select_from(Membership).where(Membership.number.like("S-%"))
        assert session.scalar(entered) == 12 - len(spoilt)
    while trail.append(desk.ports.database):
        pass
    with desk.ports.database.reading(desk.organisation_id) as session:
        assert trail.verify(session, desk.organisation_id).findings == ()


def test_a_refused_row_keeps_no_later_part_waiting_and_may_be_sent_again(desk: Desk) -> None:
    batch = desk.sent("members", [member(number) for number in range(502)], who="secretary")
    spoil(desk, {0: refused_by_the_database(desk)[0]})
    desk.work()
    assert desk.batch(batch, "secretary")["counts"] == {"queued": 0, "ok": 501, "failed": 1, "skipped": 0}
    assert desk.done("members", [member(0)], who="secretary")["counts"]["ok"] == 1


def test_what_somebody_wrote_at_the_same_moment_is_no_refusal(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.done("members", [member(1)], who="secretary")
    known, looks = members.known_members, iter([False])

    def looked(*given: Any) -> Any:
        return known(*given) if next(looks, True) else {}  # at first, not there yet

    monkeypatch.setattr(members, "known_members", looked)
    ended = desk.done("members", [member(1, external_id="B-1")], who="secretary")
    assert desk.results(ended["id"], "secretary")[0]["code"] == "membership-number-taken"
