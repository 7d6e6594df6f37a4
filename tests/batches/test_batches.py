"""Batches from the submission to the last result: each row done once, and each told what became of it."""

import csv
import hashlib
import io
import json
from datetime import date, timedelta
from typing import Any, Final

import httpx
import pytest
from sqlalchemy import delete, func, select, update

from app.batches import carrying, reading, service
from app.batches.errors import BatchRowsWrong, BatchTooLong
from app.batches.models import Batch, BatchPart, BatchRow
from app.batches.rules import AT_ONCE, KEPT_FOR, MOST_AT_ONCE, MOST_ROWS, BatchState, Kind, RowState
from app.batches.schemas import COLUMNS, SHAPES
from app.credentials import issuing
from app.credentials.models import Credential, Document, Intent
from app.decisions.models import Decision
from app.main import batch_worker, worker
from app.organisations import clients
from app.organisations import service as organisations
from app.organisations.models import ApiClient, Membership, Person, RoleGrant
from app.outbox import trail
from app.outbox.trail import Event
from app.ports import Ports
from tests import make
from tests.batches.desk import LINES, Desk, Json, decision, member
from tests.calling import Caller
from tests.fakes import SetClock


def test_a_batch_is_accepted_at_once_and_carried_out_by_the_worker(desk: Desk) -> None:
    answer = desk.send("members", [member(1), member(2)], who="secretary")
    accepted = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/batches/{accepted['id']}"
    assert (accepted["state"], accepted["done"]) == ("queued", False)
    assert accepted["counts"] == {"queued": 2, "ok": 0, "failed": 0, "skipped": 0}
    desk.work()
    ended = desk.batch(accepted["id"], "secretary")
    assert (ended["state"], ended["done"]) == ("done", True)
    assert ended["counts"] == {"queued": 0, "ok": 2, "failed": 0, "skipped": 0}
    assert ended["ended_at"]
    first, second = desk.results(accepted["id"], "secretary")
    assert (first["row"], first["external_id"], first["state"]) == (0, "A-1", "ok")
    with desk.ports.database.reading(desk.organisation_id) as session:
        person = session.get_one(Person, second["person"])
        membership = session.get_one(Membership, second["membership"])
        assert (person.family_name, person.name_on_credential) == ("Esempio2", "Sara Esempio2")
        assert (membership.person_id, membership.number) == (person.id, "S-2")


def test_rows_come_as_a_table_too_with_what_is_nested_in_columns(desk: Desk) -> None:
    table = (
        "\ufeffexternal_id;given_name;family_name;email;membership_number;membership_from\r\n"
        "A-1;Sara;Esempio;sara@example.org;S-1;2026-01-01\r\n\r\n"
        'A-2;"Ugo; detto";Rossi;ugo@example.org;;\r\n'
    )
    ended = desk.done("members", table, who="secretary", media="text/csv; charset=utf-8")
    assert ended["counts"]["ok"] == 2
    with desk.ports.database.reading(desk.organisation_id) as session:
        assert (
            session.scalars(select(Person).where(Person.given_name == "Ugo; detto")).one().memberships == []
        )


def test_whatever_was_done_before_is_skipped_with_what_it_made_then(desk: Desk) -> None:
    first = desk.done("members", [member(1)], who="secretary")
    again = desk.done("members", [member(1), member(2)], who="secretary")
    (made,) = desk.results(first["id"], "secretary")
    skipped, fresh = desk.results(again["id"], "secretary")
    assert again["counts"] == {"queued": 0, "ok": 1, "failed": 0, "skipped": 1}
    assert (skipped["state"], skipped["code"], skipped["person"]) == (
        "skipped",
        "done-before",
        made["person"],
    )
    assert fresh["state"] == "ok"


OTHER_PERSON: Final = {
    "given_name": "Ugo",
    "family_name": "Prova",
    "membership": {"number": "N-2", "from": "2026-01-01"},
}


@pytest.mark.parametrize("changed", [OTHER_PERSON, {"email": "other@example.org"}], ids=["person", "address"])
@pytest.mark.parametrize("kind", ["members", "decisions"])
def test_another_row_under_an_id_that_made_something_fails_and_says_so(
    desk: Desk, kind: str, changed: Json
) -> None:
    minutes, who = (desk.recorded(), "registrar") if kind == "decisions" else (None, "secretary")
    row, other = (decision(1), decision(2)) if kind == "decisions" else (member(1), member(2))

    def sent(*rows: Json, **query: bool) -> Json:
        return desk.done(kind, rows, who=who, **query, **({"minutes": minutes} if minutes else {}))

    sent(row)
    for dry_run in (True, False):
        ended = sent({**row, **changed}, other, dry_run=dry_run)
        assert (ended["counts"]["ok"], ended["counts"]["failed"]) == (1, 1)
        told, _ = desk.results(ended["id"], who)
        assert told == {"row": 0, "external_id": "A-1", "state": "failed", "code": "external-id-reused"}
    again = sent(row)
    assert [each["code"] for each in desk.results(again["id"], who)] == ["done-before"]


def test_two_programs_that_issue_under_the_same_id_learn_of_it(desk: Desk) -> None:
    first, second = desk.grant(), desk.grant()
    desk.done("credentials", [{"external_id": "1", "decision": first}])
    ended = desk.done("credentials", [{"external_id": "1", "decision": second}])
    assert [row["code"] for row in desk.results(ended["id"])] == ["external-id-reused"]


def test_a_row_is_the_same_in_whatever_form_and_order_it_comes(desk: Desk) -> None:
    row = member(1)
    desk.done("members", [row], who="secretary")
    turned = {name: row[name] for name in reversed(row)} | {"name_on_credential": None}
    table = (
        "email;membership_from;external_id;membership_number;family_name;given_name\n"
        "sara1@example.org;2026-01-01;A-1;S-1;Esempio1;Sara\n"
    )
    for sent, media in ((json.dumps(turned), LINES), (table, "text/csv")):
        answer = desk.send("members", sent, who="secretary", media=media)
        desk.work()
        results = desk.results(answer.json()["id"], "secretary")
        assert [each["code"] for each in results] == ["done-before"], media


def test_rows_of_before_there_were_digests_are_known_by_their_id_alone(desk: Desk) -> None:
    desk.done("members", [member(1)], who="secretary")
    with desk.ports.database.writing(desk.organisation_id) as session:
        session.execute(update(BatchRow).values(content_digest=None))
    ended = desk.done("members", [member(1, **OTHER_PERSON)], who="secretary")
    assert [each["code"] for each in desk.results(ended["id"], "secretary")] == ["done-before"]


def test_a_digest_of_a_row_is_salted_and_kept_of_what_made_something(desk: Desk) -> None:
    desk.done("members", [member(1)], who="secretary")
    desk.done("members", [member(2, membership=member(1)["membership"])], who="secretary")
    desk.done("members", [member(1)], who="secretary")
    with desk.ports.database.writing(desk.organisation_id) as session:
        rows = session.scalars(select(BatchRow).order_by(BatchRow.batch_id, BatchRow.place)).all()
        kept = [row for row in rows if row.content_digest is not None]
        assert [(row.external_id, row.state) for row in kept] == [("A-1", "ok")]
        plain = hashlib.sha256(trail.canonical(member(1)).encode()).hexdigest()
        assert kept[0].content_digest != plain


def test_a_row_that_failed_may_be_sent_again_under_the_same_name(desk: Desk) -> None:
    desk.done("members", [member(1)], who="secretary")
    taken = member(2, membership={"number": "S-1", "from": "2026-01-01"})
    failing = desk.done("members", [taken], who="secretary")
    (told,) = desk.results(failing["id"], "secretary")
    assert (told["state"], told["code"]) == ("failed", "membership-number-taken")
    assert desk.done("members", [member(2)], who="secretary")["counts"]["ok"] == 1


def test_everything_that_needs_no_state_is_refused_at_once_with_its_place(desk: Desk) -> None:
    before = desk.count()
    rows = [member(1), member(1, email="nowhere"), member(3, membership={"number": "S-1", "from": "x"})]
    answer = desk.send("members", rows, who="secretary")
    told = answer.json()
    assert (answer.status_code, told["code"], told["faults"]) == (422, "batch-rows-wrong", 2)
    assert [(each["pointer"], each["line"]) for each in told["errors"]] == [
        ("#/rows/1/email", 2),
        ("#/rows/2/membership/from", 3),
    ]
    assert "nowhere" not in answer.text
    assert desk.count() == before


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        pytest.param("", "#/rows", "empty", id="nothing"),
        pytest.param("{", "#/rows/0", "not-json", id="half an object"),
        pytest.param("[]\n", "#/rows/0", "model-type", id="a list"),
        pytest.param('{"a": 1, "a": 2}\n', "#/rows/0", "not-json", id="a name that stands twice"),
        pytest.param('{"a": NaN}\n', "#/rows/0", "not-json", id="no number"),
        pytest.param("[" * 9_000 + "\n", "#/rows/0", "not-json", id="lists without end"),
        pytest.param(" " * 30_000, "#/rows/0", "row-too-long", id="a long row"),
        pytest.param(
            json.dumps(member(1)) + "\n" + json.dumps(member(2, external_id="A-1")) + "\n",
            "#/rows/1/external_id",
            "twice",
            id="the same name for two rows",
        ),
        pytest.param(
            json.dumps(member(1, external_id="à")) + "\n",
            "#/rows/0/external_id",
            "string-pattern-mismatch",
            id="a name of letters that are none of ASCII",
        ),
        pytest.param(
            json.dumps(member(1, extra=1)) + "\n", "#/rows/0/extra", "extra-forbidden", id="a member too many"
        ),
    ],
)
def test_rows_that_cannot_be_read_are_told_by_their_place(
    desk: Desk, body: str, pointer: str, code: str
) -> None:
    answer = desk.send("members", body, who="secretary")
    assert answer.status_code == 422, answer.text
    assert (answer.json()["errors"][0]["pointer"], answer.json()["errors"][0]["code"]) == (pointer, code)


@pytest.mark.parametrize(
    ("table", "pointer", "code"),
    [
        pytest.param("external_id,colour\nA,red\n", "#/rows/0", "columns-unknown", id="an unknown column"),
        pytest.param("external_id,external_id\nA,B\n", "#/rows/0", "columns-unknown", id="a column twice"),
        pytest.param("external_id,email\nA,a@example.org,x\n", "#/rows/0", "not-csv", id="a cell too many"),
        pytest.param('external_id,email\nA,"a\n', "#/rows/0", "not-csv", id="a quote without end"),
        pytest.param(
            "external_id,given_name,family_name,email,membership_number\nA,B,C,d@example.org,1\n",
            "#/rows/0/membership_from",
            "missing",
            id="half a membership, named by its column",
        ),
    ],
)
def test_tables_that_cannot_be_read_are_told_by_their_place(
    desk: Desk, table: str, pointer: str, code: str
) -> None:
    answer = desk.send("members", table, who="secretary", media="text/csv")
    assert answer.status_code == 422, answer.text
    assert (answer.json()["errors"][0]["pointer"], answer.json()["errors"][0]["code"]) == (pointer, code)


def test_bytes_that_are_no_text_and_kinds_that_are_no_rows_are_refused(desk: Desk) -> None:
    caller = desk.calls("secretary")
    lines = {"Content-Type": "application/x-ndjson"}
    spoilt = caller.post("/v1/batches?kind=members", content=b"\xff\xfe\n", headers=lines)
    assert (spoilt.status_code, spoilt.json()["errors"][0]["code"]) == (422, "not-utf-8")
    assert caller.post("/v1/batches?kind=members", json={}).status_code == 415
    assert caller.post("/v1/batches?kind=cats", content=b"{}", headers=lines).status_code == 422


@pytest.mark.parametrize(
    ("media", "body"),
    [
        pytest.param(LINES, "{0}\n\n{1}\n{2}", id="lines"),
        pytest.param(
            "text/csv",
            "external_id,given_name,family_name,email\nA,a,b,a@b.it\n\nB,a,b,a@b.it\nC,Nicol\xf2,b,a@b.it\n",
            id="a table",
        ),
        pytest.param(
            "text/csv",
            'external_id,given_name,family_name,email\nA,a,b,a@b.it\nB,a,b,a@b.it\nC,"a\nNicol\xf2",b,a@b.it\n',
            id="a table with a cell of two lines",
        ),
    ],
)
def test_bytes_that_are_no_text_are_told_by_their_row_and_line(desk: Desk, media: str, body: str) -> None:
    rows = [json.dumps(member(number)) for number in range(2)]
    sent = body.replace("{0}", rows[0]).replace("{1}", rows[1]).replace("{2}", '{"given_name": "Nicol\xf2"}')
    answer = desk.calls("secretary").post(
        "/v1/batches?kind=members", content=sent.encode("latin-1"), headers={"Content-Type": media}
    )
    (told,) = answer.json()["errors"]
    assert (told["pointer"], told["line"] >= 4, told["code"]) == ("#/rows/2", True, "not-utf-8")
    assert answer.json()["detail"].startswith("One fault was found.")


def test_of_a_hundred_and_more_faults_a_hundred_are_told_and_all_are_counted(desk: Desk) -> None:
    answer = desk.send("members", [member(number, email="x") for number in range(120)], who="secretary")
    assert (len(answer.json()["errors"]), answer.json()["faults"]) == (100, 120)


def test_credentials_are_issued_for_decisions_that_are_published_here(desk: Desk) -> None:
    decisions = [desk.grant(), desk.grant(), desk.grant(member=False)]
    rows = [{"external_id": f"D-{place}", "decision": each} for place, each in enumerate(decisions)]
    nowhere = {"external_id": "D-9", "decision": f"dec_{'0' * 26}"}
    ended = desk.done("credentials", [*rows, nowhere])
    assert ended["counts"] == {"queued": 0, "ok": 2, "failed": 2, "skipped": 0}
    first, second, lapsed, unknown = desk.results(ended["id"])
    assert (first["state"], first["decision"]) == ("ok", decisions[0])
    assert (lapsed["code"], unknown["code"]) == ("membership-not-valid", "decision-not-found")
    assert "credential" not in lapsed
    desk.everything_else()  # the offline QR codes follow
    with desk.ports.database.reading(desk.organisation_id) as session:
        issued = {row.id for row in session.scalars(select(Credential))}
        assert issued == {first["credential"], second["credential"]}
        assert session.scalar(select(func.count()).select_from(Document)) == 4
        assert session.scalar(select(func.count()).select_from(Intent)) == 0


def test_a_decision_that_has_its_credential_is_skipped_with_that(desk: Desk) -> None:
    given = desk.grant()
    answer = desk.calls().post("/v1/credentials", json={"decision": given})
    ended = desk.done("credentials", [{"external_id": "D-1", "decision": given}])
    (told,) = desk.results(ended["id"])
    assert (told["state"], told["code"]) == ("skipped", "credential-issued-already")
    assert told["credential"] == answer.json()["id"]


def test_a_rehearsal_says_what_would_happen_and_changes_nothing(desk: Desk) -> None:
    minutes = desk.recorded(decisions=2)
    granted = desk.grant()
    before = desk.count()
    told = [
        desk.done("members", [member(1), member(2)], who="secretary", dry_run=True),
        desk.done("credentials", [{"external_id": "D-1", "decision": granted}], dry_run=True),
        desk.done("decisions", [decision(7), decision(8)], minutes=minutes, dry_run=True),
    ]
    after = desk.count()
    assert [each["counts"]["ok"] for each in told] == [2, 1, 2]
    assert all(each["dry_run"] and each["done"] for each in told)
    about_batches = {"batch", "batch_row", "message", "event", "event_waiting"}
    assert {name: after[name] for name in after if name not in about_batches} == {
        name: before[name] for name in before if name not in about_batches
    }
    with desk.ports.database.reading(desk.organisation_id) as session:
        topics = session.scalars(select(Event.topic).order_by(Event.id.desc()).limit(6)).all()
    assert set(topics) == {"batch.accepted", "batch.ended"}
    assert desk.done("members", [member(1)], who="secretary")["counts"]["ok"] == 1, "it was not done before"


def test_a_cancelled_batch_leaves_what_is_done_and_skips_the_rest(desk: Desk) -> None:
    batch = desk.sent("members", [member(number) for number in range(1_200)], who="secretary")
    assert carrying.carry_on(desk.ports, desk.organisation_id, batch)
    answer = desk.calls("secretary").post(f"/v1/batches/{batch}/cancellation")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelling")
    desk.work()
    ended = desk.batch(batch, "secretary")
    assert (ended["state"], ended["done"]) == ("cancelled", True)
    assert ended["counts"] == {"queued": 0, "ok": 500, "failed": 0, "skipped": 700}
    last = desk.results(batch, "secretary")[-1]
    assert (last["external_id"], last["state"], last["code"]) == ("A-1199", "skipped", "batch-cancelled")
    again = desk.calls("secretary").post(f"/v1/batches/{batch}/cancellation")
    assert (again.status_code, again.json()) == (200, ended)


def test_progress_is_seen_between_parts_and_an_unchanged_batch_is_not_sent_again(desk: Desk) -> None:
    batch = desk.sent("members", [member(number) for number in range(600)], who="secretary")
    caller = desk.calls("secretary")
    tag = caller.get(f"/v1/batches/{batch}").headers["ETag"]
    assert caller.get(f"/v1/batches/{batch}", headers={"If-None-Match": tag}).status_code == 304
    carrying.carry_on(desk.ports, desk.organisation_id, batch)
    half = caller.get(f"/v1/batches/{batch}", headers={"If-None-Match": tag})
    assert (half.json()["state"], half.json()["counts"]["ok"]) == ("running", 500)


def test_results_come_page_by_page_or_whole_as_lines_and_as_a_table(desk: Desk) -> None:
    rows = [member(number) for number in range(5)]
    rows[3]["external_id"] = "=1+1"
    batch = desk.done("members", rows, who="secretary")["id"]
    caller = desk.calls("secretary")
    path = f"/v1/batches/{batch}/results"
    first = caller.get(path, params={"limit": 3}).json()
    rest = caller.get(path, params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [row["row"] for row in (*first["data"], *rest["data"])] == [0, 1, 2, 3, 4]
    assert rest["next_cursor"] is None
    table = caller.get(path, headers={"Accept": "text/csv"})
    cells = list(csv.DictReader(io.StringIO(table.text)))
    assert [cell["external_id"] for cell in cells] == ["A-0", "A-1", "A-2", "'=1+1", "A-4"]
    assert len(desk.results(batch, "secretary")) == 5
    assert caller.get(path, params={"state": "failed"}).json()["data"] == []


@pytest.mark.parametrize("media", [LINES, "text/csv"])
def test_what_is_read_at_once_is_chosen_by_its_state_and_has_no_pages(desk: Desk, media: str) -> None:
    taken = member(9, membership={"number": "S-1", "from": "2026-01-01"})
    desk.done("members", [member(1)], who="secretary")
    batch = desk.done("members", [member(2), taken, member(3)], who="secretary")["id"]
    caller, path = desk.calls("secretary"), f"/v1/batches/{batch}/results"
    chosen = caller.get(path, params={"state": "failed"}, headers={"Accept": media}).text
    assert [name for name in ("A-2", "A-9", "A-3") if name in chosen] == ["A-9"]
    refused = caller.get(path, params={"limit": 1, "cursor": 1}, headers={"Accept": media})
    assert (refused.status_code, refused.json()["code"]) == (422, "malformed")
    assert [each["pointer"] for each in refused.json()["errors"]] == ["#/cursor", "#/limit"]


def test_an_answer_is_repeated_for_nobody_who_may_not_send_what_was_sent(desk: Desk) -> None:
    at, minutes = desk.ports.clock.now(), desk.recorded()
    with desk.ports.database.writing(desk.organisation_id) as session:
        program = organisations.add_client(
            session, desk.organisation_id, name="Gestionale", by="system", at=at
        )
        wide, narrow = (
            organisations.issue_key(
                session, client_id=program.id, scopes=scopes, expires_at=None, by="system", at=at
            )
            for scopes in (["decisions:import", "credentials:issue"], ["members:write"])
        )

    def sent(token: str) -> httpx.Response:
        return make.caller(desk.app(), token).post(
            f"/v1/batches?kind=decisions&minutes={minutes}",
            content=json.dumps(decision(1)).encode(),
            headers={"Content-Type": LINES, "Idempotency-Key": "one"},
        )

    assert sent(wide.token).status_code == 202
    assert sent(narrow.token).json()["code"] == "permission-missing"
    again = sent(wide.token)
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")


def test_nobody_sends_or_sees_what_they_could_not_do_row_by_row(desk: Desk, ports: Ports) -> None:
    minutes = desk.recorded()
    refused: list[tuple[str | Caller, str, dict[str, str]]] = [
        ("secretary", "credentials", {}),
        ("registrar", "members", {}),
        ("nobody", "members", {}),
        ("chair", "decisions", {"minutes": minutes}),
        (desk.client("decisions:import"), "decisions", {"minutes": minutes}),
    ]
    for who, kind, query in refused:
        assert desk.send(kind, [{}], who=who, **query).status_code == 403, (who, kind)
    assert desk.minutes(who="registrar").status_code == 403
    batch = desk.sent("members", [member(1)], who="secretary")
    assert desk.calls("registrar").get(f"/v1/batches/{batch}").status_code == 404
    assert desk.calls("registrar").get("/v1/batches").json()["data"] == []
    assert [row["id"] for row in desk.calls("secretary").get("/v1/batches").json()["data"]] == [batch]
    other = Desk.opened(ports, "Altra associazione")
    for path in ("", "/results"):
        assert other.calls("secretary").get(f"/v1/batches/{batch}{path}").status_code == 404
    assert other.calls("secretary").post(f"/v1/batches/{batch}/cancellation").status_code == 404
    assert other.send("decisions", [decision(1)], minutes=minutes).status_code == 404
    assert other.calls("chair").get(f"/v1/minutes/{minutes}").status_code == 404
    assert other.done("members", [member(1)], who="secretary")["counts"]["ok"] == 1, "names are a body's own"


def test_rows_are_kept_until_they_are_done_and_results_for_ninety_days(desk: Desk, clock: SetClock) -> None:
    batch = desk.sent("members", [member(1)], who="secretary")
    with desk.ports.database.reading(desk.organisation_id) as session:
        assert "Esempio1" in session.scalars(select(BatchPart.rows)).one()
    desk.work()
    with desk.ports.database.reading(desk.organisation_id) as session:
        assert session.scalars(select(BatchPart)).all() == []
        (row,) = session.scalars(select(BatchRow)).all()
        assert set(row.made) == {"person", "membership"}
        events = " ".join(json.dumps([event.about, event.facts]) for event in session.scalars(select(Event)))
    assert "Esempio1" not in events
    clock.move(KEPT_FOR)
    service.sweep(desk.ports, clock.now())
    assert desk.batch(batch, "secretary")["done"]
    clock.move(timedelta(seconds=1))
    worker(desk.ports).run_once()
    assert desk.calls("secretary").get(f"/v1/batches/{batch}").status_code == 404
    assert desk.count()["batch_row"] == 0


def test_every_row_leaves_its_events_in_a_trail_that_holds(desk: Desk) -> None:
    desk.done("members", [member(1), member(2)], who="secretary")
    while trail.append(desk.ports.database):
        pass
    with desk.ports.database.reading(desk.organisation_id) as session:
        assert trail.verify(session, desk.organisation_id).findings == ()
        topics = list(session.scalars(select(Event.topic).order_by(Event.id.desc()).limit(6)))
    assert topics[::-1] == [
        "batch.accepted",
        *("person.added", "membership.begun") * 2,
        "batch.ended",
    ]


def test_two_workers_share_a_batch_and_no_row_is_done_twice(desk: Desk) -> None:
    batch = desk.sent("members", [member(number) for number in range(1_500)], who="secretary")
    one, other = batch_worker(desk.ports), batch_worker(desk.ports)
    while one.run_once() + other.run_once():
        pass
    assert desk.batch(batch, "secretary")["counts"]["ok"] == 1_500
    assert desk.count()["batch_row"] == 1_500


@pytest.mark.parametrize("lost", ["role", "client"])
def test_a_batch_stops_where_its_sender_may_not_go_on_and_what_is_done_stays(desk: Desk, lost: str) -> None:
    at = desk.ports.clock.now()
    program = desk.client("members:write")
    sender: Caller | str = "secretary" if lost == "role" else program
    answer = desk.send("members", [member(number) for number in range(600)], who=sender)
    batch = answer.json()["id"]
    assert carrying.carry_on(desk.ports, desk.organisation_id, batch)
    with desk.ports.database.writing(desk.organisation_id) as session:
        if lost == "role":
            yesterday = at.date() - timedelta(days=1)
            secretary = RoleGrant.person_id == desk.actors["secretary"].id
            session.execute(
                update(RoleGrant).where(secretary).values(from_day=date(2026, 1, 1), to_day=yesterday)
            )
        else:
            client = session.scalars(select(ApiClient).where(ApiClient.name == "Gestionale")).one()
            clients.remove(session, client.id, by=desk.actors["chair"], at=at)
    desk.work()
    with desk.ports.database.reading(desk.organisation_id) as session:
        ended = session.get_one(Batch, batch)
        assert (ended.state, ended.ok, ended.failed, ended.skipped) == (BatchState.DONE, 500, 0, 100)
        last = session.get_one(BatchRow, (batch, 599))
        assert (last.state, last.code) == (RowState.SKIPPED, "sender-not-allowed")


@pytest.mark.parametrize("issued", [False, True])
def test_of_what_is_begun_nothing_more_is_issued_for_a_sender_who_may_not_go_on(
    desk: Desk,
    issued: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    issue_many = issuing.issue_many

    def stops(*given: Any, **named: Any) -> None:
        if issued:
            issue_many(*given, **named)
        raise KeyboardInterrupt

    batch = desk.sent("credentials", [{"external_id": "x", "decision": desk.grant()}])
    monkeypatch.setattr(issuing, "issue_many", stops)
    with pytest.raises(KeyboardInterrupt):
        carrying.carry_on(desk.ports, desk.organisation_id, batch)
    monkeypatch.undo()
    with desk.ports.database.writing(desk.organisation_id) as session:
        session.execute(delete(RoleGrant).where(RoleGrant.person_id == desk.actors["registrar"].id))
    assert not carrying.carry_on(desk.ports, desk.organisation_id, batch)  # it has ended
    with desk.ports.database.reading(desk.organisation_id) as session:
        row = session.get_one(BatchRow, (batch, 0))
        known = session.scalars(select(Credential.id)).all()
    told = (RowState.OK, None, [row.made.get("credential")])
    assert (row.state, row.code, known) == (told if issued else (RowState.SKIPPED, "sender-not-allowed", []))


def test_an_organisation_has_ten_batches_at_once_and_another_has_its_own(desk: Desk) -> None:
    rows = [member(1)]
    batches = [desk.sent("members", rows, who="secretary", dry_run=True) for _ in range(MOST_AT_ONCE)]
    refused = desk.send("members", rows, who="secretary")
    assert (refused.status_code, refused.json()["code"]) == (409, "too-many-batches")
    other = Desk.opened(desk.ports, "Altra associazione")
    assert other.send("members", rows, who="secretary").status_code == 202
    desk.calls("secretary").post(f"/v1/batches/{batches[0]}/cancellation")
    desk.work()
    assert desk.send("members", rows, who="secretary").status_code == 202


@pytest.mark.parametrize("table", [False, True])
def test_empty_lines_count_and_nothing_is_read_beyond_the_last_that_may_be(table: bool) -> None:  # noqa: FBT001
    source = io.BytesIO((b"external_id\n" if table else b"") + b"\n" * (3 * MOST_ROWS))
    form = reading.Form(SHAPES[Kind.MEMBERS], COLUMNS[Kind.MEMBERS], ())
    with pytest.raises(BatchTooLong):
        reading.understand(source, form, table=table, out=io.StringIO())
    assert source.tell() < 2 * MOST_ROWS


@pytest.mark.parametrize("cell", ["x" * 30_000, '"' + "x\n" * 15_000 + '"'])
def test_a_row_of_a_table_is_read_no_further_than_a_row_goes(cell: str) -> None:
    source = io.BytesIO(f"external_id,email\n{cell}".encode() + b"x" * 1_000_000)
    form = reading.Form(SHAPES[Kind.MEMBERS], COLUMNS[Kind.MEMBERS], ())
    with pytest.raises(BatchRowsWrong) as refused:
        reading.understand(source, form, table=True, out=io.StringIO())
    told = {"pointer": "#/rows/0", "code": "row-too-long"}
    assert told.items() <= json.loads(json.dumps(refused.value.facts["errors"]))[0].items()
    assert source.tell() < 100_000


def test_a_hundred_thousand_rows_are_accepted_and_one_more_is_not(desk: Desk) -> None:
    rows = "".join(f'{{"external_id":"D{n}","decision":"dec_{n:026}"}}\n' for n in range(MOST_ROWS))
    answer = desk.send("credentials", rows)
    assert (answer.status_code, answer.json()["counts"]["queued"]) == (202, MOST_ROWS)
    more = f'{rows}{{"external_id":"X","decision":"dec_{"1" * 26}"}}\n'
    refused = desk.send("credentials", more)
    assert (refused.status_code, refused.json()["code"]) == (413, "batch-too-long")
    with desk.ports.database.reading(desk.organisation_id) as session:
        assert session.scalar(select(func.count()).select_from(Batch)) == 1
        assert session.scalar(select(func.count()).select_from(Decision)) == 0


@pytest.mark.parametrize("begun", [False, True], ids=["queued", "running"])
def test_a_batch_does_not_wait_for_the_day_of_a_clock_that_stood_ahead(
    desk: Desk, clock: SetClock, *, begun: bool
) -> None:
    ahead = timedelta(days=3)
    rows = [member(number) for number in range(AT_ONCE + 1)]
    if begun:
        batch = desk.sent("members", rows, who="secretary")
        clock.move(ahead)
        batch_worker(desk.ports).run_once()
        assert desk.batch(batch, "secretary")["state"] == "running"
    else:
        clock.move(ahead)
        batch = desk.sent("members", rows, who="secretary")
    clock.move(-ahead)
    desk.work()
    assert desk.batch(batch, "secretary")["state"] == "done"
