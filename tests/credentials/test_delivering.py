"""Into the wallet: asked for by the holder alone, sent at least once, and forgotten when it is settled."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from app.adapters.keys import TlsFiles
from app.core.db import EVERY_ORGANISATION
from app.credentials import delivering, growing, prolonging
from app.credentials.errors import DocumentNotFound
from app.credentials.models import Credential, Delivery
from app.formats.claims import Format
from app.formats.jades import Level, read_seal
from app.main import patient_worker
from app.organisations.models import Person
from app.outbox import messages
from app.outbox.messages import GivenUp, Message
from app.outbox.trail import Event
from app.ports import Ports
from app.web import JsonLines
from tests import make
from tests.calling import Caller
from tests.conftest import START
from tests.credentials.office import Office
from tests.credentials.test_prolonging import Authorities
from tests.credentials.test_races import at_once
from tests.europass import EuropassStandIn, answer, client_of, europass
from tests.fakes import SetClock
from tests.outside import tls_files
from tests.pki.authority import Pki
from tests.pki.stamping import Stamper

ADDRESS = "wallet-A1234567-B123"
TO_WALLET = {"to": "wallet", "wallet_address": ADDRESS}
TO_MAIL = {"to": "email"}
AGAIN = timedelta(minutes=6)  # the longest wait of the outbox, and then some


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return tls_files(tmp_path_factory.mktemp("tls"), "wallet.example.org")


@pytest.fixture
def standin(tls: TlsFiles) -> Iterator[EuropassStandIn]:
    with europass(tls) as served:
        yield served


@pytest.fixture
def joined(office: Office, ports: Ports, standin: EuropassStandIn, tls: TlsFiles, clock: SetClock) -> Office:
    """An office whose operator has configured a wallet service."""
    return replace(office, ports=replace(ports, wallet=client_of(standin, tls, clock)))


@pytest.fixture
def holder(office: Office) -> Person:
    return office.candidate()


@pytest.fixture
def credential(joined: Office, holder: Person) -> Credential:
    return joined.issue(joined.decision(holder))


@pytest.fixture
def caller(joined: Office, holder: Person) -> Caller:
    return make.caller(joined.app(), joined.key(holder))


def path(credential: Credential) -> str:
    return f"/v1/credentials/{credential.id}/deliveries"


def asked(caller: Caller, credential: Credential, body: dict[str, Any] | None = None) -> dict[str, Any]:
    said = caller.post(path(credential), json=body or TO_WALLET)
    assert said.status_code == 202, said.text
    made: dict[str, Any] = said.json()
    return made


def latest(caller: Caller, credential: Credential) -> dict[str, Any]:
    said = caller.get(path(credential))
    assert (said.status_code, said.headers["cache-control"]) == (200, "private, no-store")
    found: dict[str, Any] = said.json()["data"][0]
    return found


def stands(caller: Caller, credential: Credential) -> tuple[str, str | None]:
    found = latest(caller, credential)
    return found["state"], found["reason"]


def row(office: Office) -> Delivery:
    with office.ports.database.reading(office.organisation_id) as session:
        return session.scalars(select(Delivery).order_by(Delivery.asked_at.desc())).all()[0]


def told(office: Office) -> list[Event]:
    with office.ports.database.reading(office.organisation_id) as session:
        events = session.scalars(select(Event).order_by(Event.id)).all()
        return [event for event in events if event.topic.startswith("delivery.")]


def test_a_holder_has_it_delivered_to_a_wallet_that_they_name(
    joined: Office, standin: EuropassStandIn, credential: Credential, caller: Caller
) -> None:
    made = asked(caller, credential)
    assert (made["state"], made["to"], made["viewer_url"]) == ("waiting", "wallet", None)
    assert standin.asked == [], "nothing leaves before the answer"
    joined.work()
    document = joined.document(credential, Format.EDC)
    assert made["document"] == document.id
    assert standin.deposits() == [(ADDRESS, document.token.encode())]
    found = latest(caller, credential)
    assert (found["id"], found["state"], found["reason"]) == (made["id"], "delivered", None)
    assert found["viewer_url"].startswith("https://viewer.example.org/")
    assert row(joined).address is None
    assert [event.topic for event in told(joined)] == ["delivery.asked", "delivery.delivered"]


def test_or_to_the_e_mail_address_that_is_known_of_them(
    joined: Office, standin: EuropassStandIn, credential: Credential, caller: Caller, holder: Person
) -> None:
    asked(caller, credential, {**TO_MAIL, "language": "en"})
    joined.work()
    assert [owner for owner, _ in standin.deposits()] == standin.written_to == [holder.email]
    assert "locale=en" in standin.asked[0]
    assert stands(caller, credential) == ("delivered", None)


def test_no_address_stands_in_messages_events_logs_or_answers(
    joined: Office,
    standin: EuropassStandIn,
    credential: Credential,
    caller: Caller,
    holder: Person,
    caplog: pytest.LogCaptureFixture,
    clock: SetClock,
) -> None:
    caplog.set_level(logging.DEBUG)
    standin.failing = lambda: answer(b"{}", status=500)
    answers = []
    for body in (TO_WALLET, TO_MAIL):
        answers += [json.dumps(asked(caller, credential, body))]
        joined.work()
        standin.failing = None
        clock.move(AGAIN)
        joined.work()
        answers += [json.dumps(latest(caller, credential))]
    assert len(standin.deposits()) == 2
    with joined.ports.database.reading() as session:
        left = [
            json.dumps([message.body, message.last_error])
            for message in session.scalars(select(Message), execution_options=EVERY_ORGANISATION)
        ]
    events = [json.dumps([event.about, event.facts]) for event in told(joined)]
    logged = [JsonLines().format(record) for record in caplog.records] + [caplog.text]
    for text_ in (*answers, *left, *events, *logged):
        assert ADDRESS not in text_
        assert holder.email not in text_
        assert holder.email.replace("@", "%40") not in text_


def test_without_a_wallet_service_the_answer_says_so(office: Office, holder: Person) -> None:
    credential = office.issue(office.decision(holder))
    refused = make.caller(office.app(), office.key(holder)).post(path(credential), json=TO_MAIL)
    assert (refused.status_code, refused.json()["code"]) == (409, "delivery-not-configured")
    with pytest.raises(DocumentNotFound):
        office.document(credential, Format.EDC)


def test_nobody_else_sends_it_or_sees_where_it_went(
    joined: Office, credential: Credential, caller: Caller
) -> None:
    made = asked(caller, credential)
    one = f"{path(credential)}/{made['id']}"
    app = joined.app()
    for key, status, code in (
        (joined.registrar_key, 403, "not-the-holder"),
        (joined.key(joined.candidate()), 404, "credential-not-found"),
    ):
        other = make.caller(app, key)
        for answer_ in (
            other.post(path(credential), json=TO_WALLET),
            other.get(path(credential)),
            other.delete(one),
        ):
            assert (answer_.status_code, answer_.json()["code"]) == (status, code)
    assert make.caller(app).post(path(credential), json=TO_WALLET).status_code == 401
    stranger = Office.opened(joined.ports, "Un'altra")
    foreign = make.caller(app, stranger.registrar_key)
    assert foreign.get(path(credential)).status_code == 404
    assert len(told(joined)) == 1


WRONG: list[Any] = [
    {},
    {"to": "wallet"},
    {"to": "email", "wallet_address": ADDRESS},
    {"to": "post"},
    {"to": "wallet", "wallet_address": ""},
    {"to": "wallet", "wallet_address": "a b"},
    {"to": "wallet", "wallet_address": "a\n"},
    {"to": "wallet", "wallet_address": "à"},
    {"to": "wallet", "wallet_address": "x" * 201},
    {"to": "wallet", "wallet_address": 7},
    {**TO_MAIL, "language": "de"},
    {**TO_MAIL, "userEmail": "somebody@example.org"},
    [],
    None,
]


@pytest.mark.parametrize("body", WRONG, ids=repr)
def test_what_names_no_recipient_is_turned_down(
    joined: Office, credential: Credential, caller: Caller, body: Any
) -> None:
    refused = caller.post(path(credential), json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, "malformed")
    assert told(joined) == []


@pytest.mark.parametrize(
    "failing",
    [
        lambda: answer(b"{}", status=500),
        lambda: answer(b"", status=302, Location="https://127.0.0.1/"),
        lambda: answer(b"<html>"),
        lambda: b"\0",
        lambda: b"",
    ],
    ids=["500", "redirect", "yes without JSON", "noise", "hang-up"],
)
def test_a_wallet_that_fails_is_tried_again(
    joined: Office,
    standin: EuropassStandIn,
    credential: Credential,
    caller: Caller,
    clock: SetClock,
    failing: Callable[[], bytes],
) -> None:
    asked(caller, credential)
    standin.failing = failing
    joined.work()
    assert (stands(caller, credential), row(joined).address) == (("waiting", "no-answer"), ADDRESS)
    standin.failing = None
    clock.move(AGAIN)
    joined.work()
    assert (stands(caller, credential), row(joined).address) == (("delivered", None), None)
    assert len(standin.deposits()) == 1


@pytest.mark.parametrize("lost", [b"", answer(b"<html>")], ids=["no answer", "garbage"])
def test_what_arrived_unheard_is_delivered_once(
    joined: Office,
    standin: EuropassStandIn,
    credential: Credential,
    caller: Caller,
    clock: SetClock,
    lost: bytes,
) -> None:
    asked(caller, credential)
    standin.lost = lambda: lost
    joined.work()
    assert stands(caller, credential) == ("waiting", "no-answer")
    standin.lost = None
    clock.move(AGAIN)
    joined.work()
    assert stands(caller, credential) == ("delivered", "there-already")
    assert len(standin.deposits()) == 1


def test_a_machine_that_stops_after_the_deposit_delivers_once(
    joined: Office,
    standin: EuropassStandIn,
    credential: Credential,
    caller: Caller,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked(caller, credential)

    class PowerCut(BaseException):
        """Nothing of ours catches it."""

    def stop(*_: object, **__: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(delivering, "_settle", stop)
        with pytest.raises(PowerCut):
            joined.work()
    assert (stands(caller, credential), len(standin.deposits())) == (("waiting", None), 1)
    clock.move(messages.LEASE + timedelta(seconds=1))
    joined.work()
    assert stands(caller, credential) == ("delivered", "there-already")
    assert len(standin.deposits()) == 1


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (answer(b'{"code": "CREDENTIAL_UNSIGNED"}', status=400), "unsealed"),
        (answer(b"<html>", status=400), "unreadable"),
        (answer(b"", status=413), "too-large"),
    ],
)
def test_a_refusal_is_told_by_a_code_of_ours_and_ends_it(
    joined: Office,
    standin: EuropassStandIn,
    credential: Credential,
    caller: Caller,
    clock: SetClock,
    said: bytes,
    reason: str,
) -> None:
    asked(caller, credential)
    standin.failing = lambda: said
    joined.work()
    assert (stands(caller, credential), row(joined).address) == (("refused", reason), None)
    clock.move(AGAIN)
    joined.work()
    assert len(standin.asked) == 1
    assert told(joined)[-1].facts == {"to": "wallet", "reason": reason}


def test_after_a_week_it_is_given_up(
    joined: Office, standin: EuropassStandIn, credential: Credential, caller: Caller, clock: SetClock
) -> None:
    asked(caller, credential)
    standin.failing = lambda: answer(b"{}", status=503)
    joined.work()
    clock.move(delivering.GIVE_UP - timedelta(hours=1))
    joined.work()
    assert stands(caller, credential) == ("waiting", "no-answer")
    clock.move(timedelta(hours=2))
    joined.work()
    assert (stands(caller, credential), row(joined).address) == (("failed", "given-up"), None)


def suspend(office: Office, credential: Credential) -> None:
    body = {"cause": "own_request", "reasons": "Richiesta."}
    assert office.desk().post(f"/v1/credentials/{credential.id}/suspension", json=body).status_code == 200


def revoke(office: Office, credential: Credential) -> None:
    body = {"cause": "issued_in_error", "reasons": "Errore."}
    assert office.desk().post(f"/v1/credentials/{credential.id}/revocation", json=body).status_code == 200


def hide(office: Office, credential: Credential) -> None:
    assert office.desk().put(f"/v1/credentials/{credential.id}/hiding").status_code == 200


def expire(office: Office, credential: Credential) -> None:
    del credential
    clock = office.ports.clock
    assert isinstance(clock, SetClock)
    clock.move(timedelta(days=3 * 366))


OBSTACLES = {
    "suspended": (suspend, "credential-not-active"),
    "revoked": (revoke, "credential-not-active"),
    "hidden": (hide, "credential-hidden"),
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_what_does_not_stand_any_more_is_not_sent(
    joined: Office, standin: EuropassStandIn, credential: Credential, caller: Caller, name: str
) -> None:
    happens, code = OBSTACLES[name]
    asked(caller, credential)
    happens(joined, credential)
    joined.work()
    assert (stands(caller, credential), row(joined).address) == (("failed", code), None)
    refused = caller.post(path(credential), json=TO_WALLET)
    assert (refused.status_code, refused.json()["code"]) == (409, code)
    assert standin.asked == []


def test_what_has_expired_meanwhile_is_not_sent(
    joined: Office, standin: EuropassStandIn, credential: Credential, caller: Caller
) -> None:
    asked(caller, credential)
    expire(joined, credential)
    joined.work()
    assert row(joined).reason == "credential-not-active"
    assert standin.asked == []


def test_a_document_that_was_superseded_is_not_sent(
    joined: Office, standin: EuropassStandIn, credential: Credential, caller: Caller
) -> None:
    asked(caller, credential)
    with joined.ports.database.writing(joined.organisation_id) as session:
        session.execute(text("UPDATE document SET superseded_at = issued_at WHERE format = 'edc'"))
    joined.work()
    assert stands(caller, credential) == ("failed", "superseded")
    assert standin.asked == []


def test_one_is_under_way_at_a_time_and_few_in_a_day(
    joined: Office, standin: EuropassStandIn, credential: Credential, caller: Caller, clock: SetClock
) -> None:
    first = asked(caller, credential)
    refused = caller.post(path(credential), json=TO_MAIL)
    assert (refused.status_code, refused.json()["code"]) == (409, "delivery-waiting")
    assert refused.json()["delivery"] == first["id"]
    for number in range(1, delivering.MOST_IN_A_DAY):
        joined.work()
        asked(caller, credential, {**TO_WALLET, "wallet_address": f"w{number}"})
    joined.work()
    refused = caller.post(path(credential), json=TO_MAIL)
    assert (refused.status_code, refused.json()["code"]) == (409, "deliveries-too-many")
    assert len(standin.deposits()) == delivering.MOST_IN_A_DAY
    clock.move(delivering.A_DAY)
    asked(caller, credential, TO_MAIL)


def test_what_was_sent_while_the_clock_stood_ahead_keeps_nobody_from_sending_once_it_is_right(
    joined: Office, credential: Credential, caller: Caller, clock: SetClock
) -> None:
    clock.move(delivering.A_DAY * 2)
    for number in range(delivering.MOST_IN_A_DAY):
        asked(caller, credential, {**TO_WALLET, "wallet_address": f"w{number}"})
        joined.work()
    clock.move(-delivering.A_DAY * 2)
    asked(caller, credential, TO_MAIL)


def test_many_who_ask_at_once_ask_once(joined: Office, credential: Credential, caller: Caller) -> None:
    app = joined.app()
    key = caller._headers["Authorization"].removeprefix("Bearer ")
    calls = [make.caller(app, key) for _ in range(6)]
    got = at_once(*(partial(each.post, path(credential), json=TO_WALLET) for each in calls))
    statuses = sorted(each.status_code for each in got if isinstance(each, httpx.Response))
    assert statuses == [202] + [409] * 5
    assert len(told(joined)) == 1


def test_a_holder_thinks_better_of_it(
    joined: Office, standin: EuropassStandIn, credential: Credential, caller: Caller
) -> None:
    one = f"{path(credential)}/{asked(caller, credential)['id']}"
    assert [caller.delete(one).status_code for _ in range(2)] == [204, 204]
    assert (stands(caller, credential), row(joined).address) == (("withdrawn", None), None)
    joined.work()
    assert standin.asked == []
    assert [event.topic for event in told(joined)] == ["delivery.asked", "delivery.withdrawn"]
    assert caller.delete(f"{path(credential)}/dlv_{'0' * 26}").json()["code"] == "delivery-not-found"
    asked(caller, credential)


def test_what_was_withdrawn_too_late_says_that_it_arrived(
    joined: Office, standin: EuropassStandIn, credential: Credential, caller: Caller
) -> None:
    one = f"{path(credential)}/{asked(caller, credential)['id']}"

    def withdrawn_meanwhile() -> bytes:
        assert caller.delete(one).status_code == 204
        return answer(b'{"viewerURL": "https://viewer.example.org/1"}')

    standin.lost = withdrawn_meanwhile
    joined.work()
    assert stands(caller, credential) == ("delivered", None)


def test_where_it_can_be_seen_is_forgotten_when_its_holder_says_so(
    joined: Office, credential: Credential, caller: Caller
) -> None:
    one = f"{path(credential)}/{asked(caller, credential)['id']}"
    joined.work()
    assert latest(caller, credential)["viewer_url"]
    assert caller.delete(one).status_code == 204
    assert (stands(caller, credential), row(joined).viewer_url) == (("delivered", None), None)


@pytest.fixture
def proven(joined: Office, clock: SetClock) -> tuple[Office, Authorities]:
    """An office that has a time-stamp authority too."""
    pki = Pki(START)
    authorities = Authorities(pki, Stamper(pki.tsa, clock.now))
    ports = replace(joined.ports, time_stamps=authorities, revocation=authorities)
    return replace(joined, ports=ports), authorities


def worked(office: Office, clock: SetClock) -> None:
    """Let each wait for the other."""
    for _ in range(4):
        office.work()
        clock.move(AGAIN)


def test_where_there_is_an_authority_it_goes_out_with_all_proof_or_waits(
    proven: tuple[Office, Authorities], standin: EuropassStandIn, holder: Person, clock: SetClock
) -> None:
    office, authorities = proven
    credential = office.issue(office.decision(holder))
    caller = make.caller(office.app(), office.key(holder))
    authorities.stamps_left = 0
    asked(caller, credential)
    worked(office, clock)
    assert (stands(caller, credential), standin.asked) == (("waiting", "proof-awaited"), [])
    authorities.stamps_left = 1000
    worked(office, clock)
    assert stands(caller, credential) == ("delivered", None)
    assert authorities.stamps_left == 998, "two steps, by the document's own message alone"
    ((_, sent),) = standin.deposits()
    assert read_seal(sent.decode()).level is Level.B_LTA


def test_an_authority_that_stays_away_holds_it_up_for_a_day(
    proven: tuple[Office, Authorities],
    standin: EuropassStandIn,
    holder: Person,
    clock: SetClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    office, authorities = proven
    credential = office.issue(office.decision(holder))
    caller = make.caller(office.app(), office.key(holder))
    authorities.stamps_left = 0
    asked(caller, credential)
    clock.move(delivering.A_DAY - timedelta(hours=1))
    worked(office, clock)
    assert (stands(caller, credential), latest(caller, credential)["tried_at"]) == (
        ("waiting", "proof-awaited"),
        None,
    )
    topics = [record.__dict__.get("topic") for record in caplog.records if record.message == "message.failed"]
    assert delivering.DELIVER not in topics, "to wait is no failure"
    clock.move(timedelta(hours=1))
    worked(office, clock)
    assert stands(caller, credential) == ("delivered", None)
    ((_, sent),) = standin.deposits()
    assert read_seal(sent.decode()).level is Level.B_B


def test_one_that_was_made_before_there_was_an_authority_is_brought_further_first(
    proven: tuple[Office, Authorities],
    joined: Office,
    standin: EuropassStandIn,
    holder: Person,
    clock: SetClock,
) -> None:
    credential = joined.issue(joined.decision(holder))
    key = joined.key(holder)
    assert make.caller(joined.app(), key).get(f"/v1/credentials/{credential.id}/documents/edc").is_success
    office, _ = proven
    asked(make.caller(office.app(), key), credential)
    worked(office, clock)
    ((_, sent),) = standin.deposits()
    assert read_seal(sent.decode()).level is Level.B_LTA


@pytest.mark.parametrize(
    ("why", "becomes", "sent"),
    [
        (growing.SealRevoked("A certificate of the seal was revoked."), ("failed", "seal-revoked"), 0),
        (growing.NobodyToAsk("Nobody is named."), ("delivered", None), 1),
    ],
    ids=["revoked", "as far as it goes"],
)
def test_what_can_grow_no_more_is_sent_as_it_is_unless_its_seal_was_revoked(
    proven: tuple[Office, Authorities],
    standin: EuropassStandIn,
    holder: Person,
    monkeypatch: pytest.MonkeyPatch,
    clock: SetClock,
    why: GivenUp,
    becomes: tuple[str, str | None],
    sent: int,
) -> None:
    office, _ = proven
    credential = office.issue(office.decision(holder))
    caller = make.caller(office.app(), office.key(holder))
    asked(caller, credential)

    def prolong(*_: object, **__: object) -> datetime:
        raise why

    monkeypatch.setattr(prolonging, "prolong", prolong)
    worked(office, clock)
    assert (stands(caller, credential), len(standin.deposits())) == (becomes, sent)


def test_it_is_not_begun_when_another_worker_may_begin_it_too(
    joined: Office, standin: EuropassStandIn, credential: Credential, caller: Caller, clock: SetClock
) -> None:
    asked(caller, credential)
    with joined.ports.database.writing() as session:
        (claimed,) = messages.claim(session, "slow", topics=[delivering.DELIVER], at=clock.at, limit=100)
        session.expunge_all()
    clock.move(messages.LEASE - timedelta(seconds=10))
    with pytest.raises(delivering.TooLateToBegin):
        patient_worker(joined.ports).topics[delivering.DELIVER](claimed)
    assert standin.asked == []


def test_the_database_keeps_no_address_of_what_is_settled(
    joined: Office, credential: Credential, caller: Caller
) -> None:
    asked(caller, credential)
    joined.work()
    for statement in (
        "UPDATE delivery SET address = 'x'",
        "UPDATE delivery SET state = 'waiting'",
        "UPDATE delivery SET settled_at = NULL",
    ):
        with pytest.raises(DBAPIError), joined.ports.database.writing(joined.organisation_id) as session:
            session.execute(text(statement))
