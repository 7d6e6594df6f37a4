"""Names on credentials: whether there is room for them, and how long they may change."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import pytest
from sqlalchemy import select, update

from app.batches import importing, service
from app.batches.models import BatchRow
from app.credentials import naming
from app.decisions.models import Decision
from app.organisations.models import Person
from app.outbox.trail import Event
from tests.batches.desk import Desk, Json, decision, member
from tests.fakes import SetClock

LONG: Final = {
    "given_name": "Maria Immacolata Concetta Annunziata Teresa",
    "family_name": "von Hohenzollern-Sigmaringen de Bourbon",
}
CYRILLIC: Final = {
    "given_name": "Александра-Виктория",
    "family_name": "Константинопольская-Рождественская",
}
SHORT: Final = "Maria von Hohenzollern"


def name_of(desk: Desk, credential: str) -> str:
    return str(desk.calls().get(f"/v1/credentials/{credential}").json()["holder_name"])


def granted(desk: Desk) -> int:
    with desk.ports.database.reading(desk.organisation_id) as session:
        return len(session.scalars(select(Decision)).all())


def renamings(desk: Desk) -> list[Event]:
    with desk.ports.database.reading(desk.organisation_id) as session:
        topic = "person.name-on-credential-set"
        return list(session.scalars(select(Event).where(Event.topic == topic)))


@pytest.fixture
def as_before(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Take rows in and enter them as the release before did, until this is called."""
    original = service._look_at_name, importing._Names.refused, importing._Names.change
    monkeypatch.setattr(service, "_look_at_name", lambda *_: iter(()))
    monkeypatch.setattr(importing._Names, "refused", lambda *_: None)
    monkeypatch.setattr(importing._Names, "change", lambda *_: None)

    def now() -> None:
        monkeypatch.setattr(service, "_look_at_name", original[0])
        monkeypatch.setattr(importing._Names, "refused", original[1])
        monkeypatch.setattr(importing._Names, "change", original[2])

    return now


@pytest.mark.parametrize("name", [LONG, CYRILLIC], ids=["long", "Cyrillic"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_decision_on_a_name_that_no_code_on_paper_has_room_for_is_refused_at_once(
    desk: Desk,
    name: dict[str, str],
    dry_run: bool,  # noqa: FBT001 - of a test
) -> None:
    minutes = desk.recorded()
    rows = [decision(1), decision(2, name_on_credential=" ".join(name.values()))]
    answer = desk.send("decisions", rows, minutes=minutes, dry_run=dry_run)
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("#/rows/1/name_on_credential", "name-too-long")
    assert "give a shorter `name_on_credential`" in fault["detail"]
    assert "Maria" not in answer.text
    assert desk.count()["batch"] == 0


@pytest.mark.parametrize("name", [LONG, CYRILLIC], ids=["long", "Cyrillic"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_nothing_is_granted_to_whom_no_credential_could_be_issued_by_name(
    desk: Desk,
    name: dict[str, str],
    dry_run: bool,  # noqa: FBT001 - of a test
) -> None:
    minutes = desk.recorded()
    ended = desk.done("decisions", [decision(1, **name)], minutes=minutes, dry_run=dry_run)
    assert [row["code"] for row in desk.results(ended["id"])] == ["name-too-long"]
    assert granted(desk) == 0
    short = [decision(1, **name, name_on_credential=SHORT)]
    assert desk.done("decisions", short, minutes=minutes)["counts"]["ok"] == 1


def test_nothing_is_granted_to_whom_the_register_has_no_room_for_where_no_code_names_anybody(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naming, "_room", lambda *_: None)
    long = decision(1, given_name="A" * 150, family_name="B" * 150)
    ended = desk.done("decisions", [long, decision(2)], minutes=desk.recorded())
    assert [row.get("code") for row in desk.results(ended["id"])] == ["name-too-long", None]
    assert granted(desk) == 1


def test_whose_shorter_name_is_known_is_found_by_the_names_alone(desk: Desk) -> None:
    desk.done("members", [member(1, **LONG, name_on_credential=SHORT)], who="secretary")
    ended = desk.done("decisions", [decision(1, **LONG)], minutes=desk.recorded())
    (made,) = desk.results(ended["id"])
    assert made["state"] == "ok"
    assert name_of(desk, made["credential"]) == SHORT


def test_what_is_taken_in_is_what_can_be_issued_to_the_byte(desk: Desk) -> None:
    minutes = desk.recorded()
    sizes = range(60, 100)
    rows = [decision(size, name_on_credential="N" * size) for size in sizes]
    refused = desk.send("decisions", rows, minutes=minutes).json()["errors"]
    first = sizes[-len(refused)]
    fitting = [row for row in rows if len(row["name_on_credential"]) < first]
    assert desk.done("decisions", fitting[-1:], minutes=minutes)["counts"]["ok"] == 1
    found = desk.calls("secretary").post(
        f"/v1/organisations/{desk.organisation_id}/members",
        json={
            "given_name": "A",
            "family_name": "B",
            "email": "a@example.org",
            "name_on_credential": "N" * first,
        },
    )
    assert (found.status_code, found.json()["code"]) == (422, "name-too-long")


def test_the_room_is_what_the_rule_of_the_code_itself_leaves(
    desk: Desk, as_before: Callable[[], None]
) -> None:
    minutes = desk.recorded()
    rows = [decision(size, name_on_credential="N" * size) for size in range(60, 100)]
    ended = desk.done("decisions", rows, minutes=minutes)
    issued = [row["state"] == "ok" for row in desk.results(ended["id"])]
    as_before()
    faults = desk.send("decisions", rows, minutes=minutes, dry_run=True).json()["errors"]
    assert len(faults) == issued.count(False) > 0
    assert issued == sorted(issued, reverse=True)


@pytest.mark.parametrize("name", [LONG, CYRILLIC], ids=["long", "Cyrillic"])
def test_nobody_is_entered_with_a_name_that_no_credential_could_bear(
    desk: Desk, name: dict[str, str]
) -> None:
    answer = desk.send("members", [member(1, **name)], who="secretary")
    (fault,) = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("#/rows/0/name_on_credential", "name-too-long")
    path = f"/v1/organisations/{desk.organisation_id}/members"
    asked = {**name, "email": "maria@example.org"}
    refused = desk.calls("secretary").post(path, json=asked)
    assert (refused.status_code, refused.json()["code"]) == (422, "name-too-long")
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["#/name_on_credential"]
    assert "Maria" not in refused.text
    taken = desk.calls("secretary").post(path, json={**asked, "name_on_credential": SHORT})
    assert taken.status_code == 201
    assert desk.done("members", [member(1, **name, name_on_credential=SHORT)], who="secretary")["counts"][
        "ok"
    ]


def test_who_was_granted_something_under_too_long_a_name_gets_it_under_a_shorter_one(
    desk: Desk, as_before: Callable[[], None]
) -> None:
    minutes = desk.recorded()
    (stuck,) = desk.results(desk.done("decisions", [decision(1, **LONG)], minutes=minutes)["id"])
    assert stuck["code"] == "lint-failed"
    as_before()
    rows = [decision(1, **LONG, name_on_credential=SHORT)]
    rehearsed = desk.done("decisions", rows, minutes=minutes, dry_run=True)
    assert (rehearsed["counts"]["ok"], renamings(desk)) == (1, [])
    (made,) = desk.results(desk.done("decisions", rows, minutes=minutes)["id"])
    assert (made["state"], made["decision"]) == ("ok", stuck["decision"])
    assert name_of(desk, made["credential"]) == SHORT
    assert granted(desk) == 1
    (told,) = renamings(desk)
    assert (told.about, told.facts, told.actor_id) == (
        {"person": made["person"]},
        {},
        desk.actors["registrar"].id,
    )


def test_what_minutes_granted_somebody_and_nobody_issued_is_taken_up_and_never_granted_twice(
    desk: Desk, as_before: Callable[[], None]
) -> None:
    minutes = desk.recorded(decisions=1)
    (stuck,) = desk.results(desk.done("decisions", [decision(1, **LONG)], minutes=minutes)["id"])
    as_before()
    named = decision(1, **LONG, external_id="NEW", name_on_credential=SHORT)
    (made,) = desk.results(desk.done("decisions", [named], minutes=minutes)["id"])
    assert (made["state"], made["decision"], made["dossier"]) == ("ok", stuck["decision"], stuck["dossier"])
    assert (granted(desk), name_of(desk, made["credential"])) == (1, SHORT)
    again = desk.results(desk.done("decisions", [named], minutes=minutes)["id"])
    assert [(row["code"], row["credential"]) for row in again] == [("done-before", made["credential"])]


def test_a_name_that_a_credential_bears_is_not_changed_and_its_row_says_so(desk: Desk) -> None:
    minutes = desk.recorded()
    row = decision(1, name_on_credential="Old Name")
    (made,) = desk.results(desk.done("decisions", [row], minutes=minutes)["id"])
    other = desk.recorded()
    new = {**row, "name_on_credential": "New Name"}
    (same_id,) = desk.results(desk.done("decisions", [new], minutes=minutes)["id"])
    assert (same_id["state"], same_id["code"]) == ("failed", "person-of-another-name")
    revoked = desk.calls().post(
        f"/v1/credentials/{made['credential']}/revocation",
        json={"cause": "issued_in_error", "reasons": "Errore."},
    )
    assert revoked.status_code == 200, revoked.text
    (late,) = desk.results(desk.done("decisions", [{**new, "external_id": "N"}], minutes=other)["id"])
    assert (late["state"], late["code"]) == ("failed", "person-of-another-name")
    assert (name_of(desk, made["credential"]), renamings(desk), granted(desk)) == ("Old Name", [], 1)
    (kept,) = desk.results(desk.done("decisions", [{**row, "external_id": "O"}], minutes=other)["id"])
    assert kept["state"] == "ok"


def test_a_member_without_a_credential_gets_the_name_that_the_row_gives_and_keeps_their_address(
    desk: Desk,
) -> None:
    desk.done("members", [member(1, name_on_credential="Old Name"), member(2)], who="secretary")
    minutes = desk.recorded()
    rows = [decision(1, name_on_credential="New Name", email="new@example.org"), decision(2)]
    one, two = desk.results(desk.done("decisions", rows, minutes=minutes)["id"])
    assert [name_of(desk, each["credential"]) for each in (one, two)] == ["New Name", "Sara Esempio2"]
    assert [told.about["person"] for told in renamings(desk)] == [one["person"]]
    with desk.ports.database.reading(desk.organisation_id) as session:
        assert session.get_one(Person, one["person"]).email == "sara1@example.org"


def test_a_known_name_that_is_too_long_costs_no_grant(desk: Desk, as_before: Callable[[], None]) -> None:
    desk.done("members", [member(1, **LONG)], who="secretary")
    batch = desk.sent("decisions", [decision(1, **LONG)], minutes=desk.recorded())
    as_before()
    desk.work()
    assert [row["code"] for row in desk.results(batch)] == ["name-too-long"]
    assert granted(desk) == 0


def test_nobody_half_way_is_given_the_name_of_another_who_comes_under_their_id(
    desk: Desk, as_before: Callable[[], None]
) -> None:
    minutes = desk.recorded()
    desk.done("decisions", [decision(1, **LONG)], minutes=minutes)
    as_before()
    with desk.ports.database.writing(desk.organisation_id) as session:
        session.execute(update(BatchRow).values(content_digest=None))  # rows kept no digest then
    another: Json = decision(1, given_name="Ugo", family_name="Prova", name_on_credential="Ugo Prova")
    (row,) = desk.results(desk.done("decisions", [another], minutes=minutes)["id"])
    assert (row["state"], row["code"]) == ("failed", "person-of-another-name")
    assert renamings(desk) == []


def test_a_grant_of_a_day_to_come_keeps_no_other_row_of_a_batch_waiting(
    desk: Desk, clock: SetClock, as_before: Callable[[], None]
) -> None:
    minutes = desk.recorded()
    ahead = timedelta(days=20)
    clock.move(ahead)
    stuck = decision(1, **LONG)
    desk.done("decisions", [stuck], minutes=minutes)
    as_before()
    clock.move(-ahead)
    known = decision(1, **LONG, external_id="B-1", name_on_credential=SHORT)
    ended = desk.done("decisions", [known, decision(2)], minutes=minutes)
    assert ended["state"] == "done"
    assert [row.get("code") for row in desk.results(ended["id"])] == ["decision-not-published", None]
    clock.move(ahead)
    (made,) = desk.results(desk.done("decisions", [known], minutes=minutes)["id"])
    assert (made["state"], granted(desk)) == ("ok", 2)
