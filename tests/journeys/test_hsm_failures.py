"""What goes wrong in the middle of a journey through a token: clear errors, nothing issued wrongly, nothing
lost, and everything goes on by itself once the trouble is over.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import httpx
import pkcs11
import pytest
from cryptography.x509 import load_der_x509_certificate
from pydantic import SecretStr
from sqlalchemy import func, select

from app.core.db import Base
from app.credentials.models import Credential
from app.formats.claims import Format
from app.formats.jades import Level, read_seal
from app.formats.jose import open_compact
from app.main import create_app
from app.outbox import trail
from app.outbox.messages import SELDOM
from app.ports import Ports, Slot
from app.web import JsonLines
from tests import make
from tests.credentials.office import Office
from tests.fakes import SetClock
from tests.journeys.hsm import PASSPHRASE, Operator, revocation_from, signer_of, stamps_from
from tests.pki.authority import DAY, YEAR, Pki
from tests.pki.serving import Answer, Town
from tests.pki.stamping import response
from tests.softhsm import LABEL, PIN, start_again

HOUR: Final = timedelta(hours=1)
LATER: Final = timedelta(minutes=10)  # longer than what fails is put off, unless each try costs something
NEW_PIN: Final = "715204"
WRONG_PIN: Final = "111111"


@pytest.fixture(params=["sqlite"])
def database_url(database_url: str) -> str:
    """What is about keys is tried beside one database."""
    return database_url


@pytest.fixture
def clock(operator: Operator) -> SetClock:
    """Noon of tomorrow, so that an hour more or less never makes another day; authorities go by it too."""
    day = operator.town.pki.at + DAY
    clock = SetClock(day.replace(hour=12, minute=0, second=0, microsecond=0))
    operator.town.now = clock.now
    return clock


@pytest.fixture
def office(ports: Ports, operator: Operator, clock: SetClock) -> Office:
    """A live registry whose every key is on the token, with an authority for its time-stamps."""
    signer = signer_of(operator, clock)
    town = operator.town
    given = replace(
        ports,
        signer=signer,
        time_stamps=stamps_from(town, clock),
        revocation=revocation_from(town, signer, clock),
    )
    office = Office.opened(given)
    office.go_live()
    return office


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """What the log says, as it is written; whatever happens, it shows no secret."""
    caplog.set_level(logging.INFO, logger="sigillo")

    def lines() -> str:
        written = "\n".join(
            JsonLines().format(each) for each in caplog.records if each.name.startswith("sigillo")
        )
        caplog.clear()
        for secret in (PIN, NEW_PIN, WRONG_PIN, PASSPHRASE):
            assert secret not in written
        return written

    yield lines
    lines()


def refusal(answer: httpx.Response, code: str, words: str) -> None:
    """The caller is told which problem it is and what becomes of it, and no secret."""
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json"), answer
    told = answer.json()
    assert told["code"] == code, told
    assert words in told["detail"], told
    for secret in (PIN, NEW_PIN, WRONG_PIN, PASSPHRASE):
        assert secret not in answer.text


def asked(office: Office, decision: str | None = None) -> httpx.Response:
    return office.desk().post("/v1/credentials", json={"decision": decision or office.decision()})


def issued(office: Office) -> Credential:
    answer = asked(office)
    assert answer.status_code == 201, answer.text
    return office.credential(answer.json()["id"])


def edc(office: Office, credential: Credential) -> httpx.Response:
    return office.desk().get(f"/v1/credentials/{credential.id}/documents/edc")


def level(office: Office, credential: Credential) -> Level:
    answer = edc(office, credential)
    assert answer.status_code == 200, answer.text
    return read_seal(answer.text).level


def seen(office: Office, credential: Credential) -> set[tuple[str, str]]:
    """What a stranger is told, of each document that there is."""
    stranger = make.caller(create_app(office.ports))
    reports = [stranger.get(f"/v/{credential.number}.json").json()]
    for document in office.credential(credential.id).periods[-1].documents:
        given = {"file": ("x", document.token.encode())}
        reports.append(stranger.post("/v1/verifications", files=given).json())
    return {(report["result"], report["credential"]["state"]) for report in reports}


def rows(office: Office) -> dict[str, int]:
    with office.ports.database.reading(office.organisation_id) as session:
        return {
            table.name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in Base.metadata.sorted_tables
            if table.name not in {"event_link", "event_waiting"}
        }


def audited(office: Office) -> trail.Audit:
    trail.append(office.ports.database)
    with office.ports.database.reading(office.organisation_id) as session:
        return trail.verify(session, office.organisation_id)


def test_a_token_that_dies_in_the_middle_loses_nothing_and_all_goes_on_when_it_is_back(
    office: Office, operator: Operator, clock: SetClock, logged: Callable[[], str]
) -> None:
    first = issued(office)
    office.work()
    desk, decision = office.desk(), office.decision()
    operator.token.pull()
    refused = asked(office, decision)
    refusal(refused, "signing-failed", "Nothing is lost")
    refusal(edc(office, first), "signing-failed", "Nothing is lost")
    badge = desk.post(f"/v1/credentials/{first.id}/documents", json={"format": "ob+jwt"})
    refusal(badge, "signing-failed", "Nothing is lost")
    told = logged()
    assert "There is no token sigillo just now: is it plugged in, does its service run?" in told
    # What needs no key goes on: a suspension is decided, and what is published is read and verified.
    body = {"cause": "own_request", "reasons": "Richiesta."}
    assert desk.post(f"/v1/credentials/{first.id}/suspension", json=body).status_code == 200
    assert make.caller(create_app(office.ports)).get("/.well-known/jwks.json").status_code == 200
    clock.move(LATER)
    office.work()
    second = office.credential(str(refused.json()["credential"]))
    assert (second.issued_at, len(office.intents())) == (None, 3)
    operator.token.put_back()
    clock.move(LATER)
    office.work()
    assert office.intents() == []
    assert office.credential(second.id).issued_at == clock.now()
    formats = {each.format for each in office.credential(first.id).periods[-1].documents}
    # A European Digital Credential has no place for a status: none is sealed of what is suspended by then.
    assert formats == {Format.VC_JWT, Format.QR, Format.OB_JWT}
    assert seen(office, first) == {("invalid", "suspended")}
    assert seen(office, second) == {("valid", "active")}
    assert edc(office, second).status_code == 200
    office.work()
    assert level(office, second) is Level.B_LTA
    assert audited(office).findings == ()


def test_sessions_that_die_between_any_two_steps_are_not_even_noticed(
    office: Office, operator: Operator, logged: Callable[[], str]
) -> None:
    def die() -> None:
        pkcs11.lib(str(operator.token.library)).finalize()

    for _ in range(3):
        die()
        credential = issued(office)
        die()
        assert level(office, credential) is Level.B_B
        die()
        office.work()
        assert level(office, credential) is Level.B_LTA
    assert seen(office, credential) == {("valid", "active")}
    assert "signing" not in logged()


def test_a_pin_that_was_wrong_at_the_start_is_tried_once_and_said_until_it_is_set_right(
    office: Office, operator: Operator, clock: SetClock, logged: Callable[[], str]
) -> None:
    wrong = operator.token.owner(WRONG_PIN)
    start_again(wrong)
    refused = asked(office)
    refusal(refused, "signing-failed", "Nothing is lost")
    assert "refuses the PIN in SIGILLO_TOKEN_PIN" in logged()
    wrong._pin = SecretStr(PIN)  # would be taken, if it were tried
    for _ in range(3):
        clock.move(LATER)
        office.work()
    assert "set the right one and start again" in logged()
    assert len(office.intents()) == 2
    start_again(wrong)  # as a service does that is started with the right one
    clock.move(LATER)
    office.work()
    assert seen(office, office.credential(refused.json()["credential"])) == {("valid", "active")}


def test_a_pin_that_is_changed_while_the_service_runs_is_told_once_its_session_ends(
    office: Office, operator: Operator, clock: SetClock, logged: Callable[[], str]
) -> None:
    issued(office)
    owner = operator.token.owner()
    with pkcs11.lib(str(operator.token.library)).get_token(token_label=LABEL).open(rw=True) as session:
        session.set_pin(PIN, NEW_PIN)
    issued(office)  # whoever is logged in stays so
    owner._sessions[LABEL].close()
    refused = asked(office)
    refusal(refused, "signing-failed", "Nothing is lost")
    assert "refuses the PIN in SIGILLO_TOKEN_PIN" in logged()
    operator.token.owner(NEW_PIN)
    clock.move(LATER)
    office.work()
    assert seen(office, office.credential(refused.json()["credential"])) == {("valid", "active")}


def test_a_seal_that_ends_between_two_issuances_seals_no_more_and_lists_go_on(
    office: Office, operator: Operator, clock: SetClock, logged: Callable[[], str]
) -> None:
    operator.keys("rotate", "seal")
    operator.certify(Slot.SEAL, ends=clock.now() + 30 * DAY)
    first = issued(office)
    office.work()
    clock.move(31 * DAY)
    decision = office.decision()
    before = rows(office)
    refusal(asked(office, decision), "key-not-usable", "`sigillo keys rotate`")
    assert rows(office) == before, "a refusal leaves nothing behind"
    office.work()
    assert "the certificate for seal has ended" in logged()
    # What was sealed in time stays valid, lists are signed, and the other seal is another certificate.
    assert seen(office, first) == {("valid", "active")}
    assert level(office, first) is Level.B_B
    desk, path = office.desk(), f"/v1/credentials/{first.id}"
    assert desk.post(f"{path}/suspension", json={"cause": "own_request", "reasons": "Ferma."}).is_success
    office.work()
    assert seen(office, first) == {("invalid", "suspended")}
    assert level(office, first) is Level.B_LTA
    assert desk.get("/.well-known/qr-keys").status_code == 200
    operator.keys("rotate", "seal")
    operator.certify(Slot.SEAL)
    assert asked(office, decision).status_code == 201


@contextmanager
def slow(town: Town) -> Iterator[Answer]:
    """An authority that answers once nobody listens any more."""
    over = threading.Event()

    def wait(body: bytes) -> bytes:
        over.wait(30)
        return town.stamper.answer(body)

    yield wait
    over.set()


def lies(town: Town, clock: SetClock) -> dict[str, tuple[Answer, str]]:
    """Each way in which an authority fails, and what the log says of it."""

    def stamped(**changed: Any) -> Answer:
        return lambda body: replace(town.stamper, **changed).answer(body)

    def at(moved: timedelta) -> Answer:
        return stamped(now=lambda: clock.now() + moved)

    return {
        "an error": (lambda _: 500, "gave no answer: the answer is 500"),
        "a refusal": (lambda _: response(status=2), "grants no time-stamp"),
        "of something else": (lambda _: response(town.stamper.stamp(b"else")), "does not verify"),
        "another nonce": (
            lambda body: town.stamper.answer(body[:-8] + bytes([body[-8] ^ 1]) + body[-7:]),
            "does not verify",
        ),
        "another authority": (stamped(holder=Pki(town.pki.at).tsa), "does not verify"),
        "an hour ago": (at(-HOUR), "one of the two is wrong"),
        "in an hour": (at(HOUR), "one of the two is wrong"),
        "a year ago": (at(-YEAR), "does not verify"),  # its own certificate was not in force then
        "in a year": (at(YEAR), "one of the two is wrong"),
        "nonsense": (lambda _: b"<html>", "not one of a time-stamp authority"),
    }


def test_a_time_stamp_authority_that_is_down_or_lies_keeps_nothing_and_is_asked_again(
    office: Office, operator: Operator, clock: SetClock, logged: Callable[[], str]
) -> None:
    town = operator.town
    honest = dict(town.site.answers)
    credential = issued(office)
    sealed = edc(office, credential).text
    with slow(town) as waits:
        town.site.answers["/tsa"] = waits
        for stamps in (
            stamps_from(town, clock, at="http://office:hunter2@127.0.0.1:1/tsa"),
            stamps_from(town, clock, seconds=0.1),
        ):
            replace(office, ports=replace(office.ports, time_stamps=stamps)).work()
            told = logged()
            assert "The time-stamp authority gave no answer: nothing came back" in told
            assert "hunter2" not in told
            clock.move(LATER)
    for name, (answer, words) in lies(town, clock).items():
        town.site.answers = {**honest, "/tsa": answer}
        office.work()
        told = logged()
        assert words in told, (name, told)
        assert office.document(credential, Format.EDC).token == sealed, name
        clock.move(SELDOM)
    town.site.answers = honest
    office.work()
    assert level(office, credential) is Level.B_LTA
    assert seen(office, credential) == {("valid", "active")}


def test_issuers_that_are_away_or_lie_about_revocation_keep_a_seal_at_its_time_stamp(
    office: Office, operator: Operator, clock: SetClock, logged: Callable[[], str]
) -> None:
    town = operator.town
    pki, honest = town.pki, dict(town.site.answers)
    credential = issued(office)
    edc(office, credential)
    seal = load_der_x509_certificate(office.ports.signer.current(Slot.EDC_SEAL).chain[0])
    old, down = clock.now() - 30 * DAY, (lambda _: 500)
    failing: dict[str, dict[str, Answer]] = {
        "down": {"/ocsp": down, "/seals.crl": down},
        "unknown": {"/ocsp": lambda _: pki.ocsp(seal, clock.now(), unknown=True), "/seals.crl": down},
        "of another": {"/ocsp": lambda _: pki.ocsp(pki.seal().certificate, clock.now()), "/seals.crl": down},
        "old": {"/ocsp": lambda _: pki.ocsp(seal, old), "/seals.crl": lambda _: pki.crl(pki.issuing, old)},
        "old, and without an end": {"/ocsp": lambda _: pki.ocsp(seal, old, lives=None), "/seals.crl": down},
        "another's list": {"/ocsp": down, "/seals.crl": lambda _: pki.crl(pki.root, clock.now())},
        "nothing about the stamp": {"/stamps.crl": down},
    }
    stamped = set[str]()
    for name, answers in failing.items():
        town.site.answers = {**honest, **answers}
        office.work()
        told = logged()
        assert "Nothing could be had about" in told, (name, told)
        assert level(office, credential) is Level.B_T, name
        stamped.add(office.document(credential, Format.EDC).token)
        clock.move(LATER)
    town.site.answers = honest
    office.work()
    assert (level(office, credential), len(stamped)) == (Level.B_LTA, 1)


def test_a_clock_that_goes_back_dates_no_document_before_its_ground_and_the_trail_keeps_its_order(
    office: Office, operator: Operator, clock: SetClock, logged: Callable[[], str]
) -> None:
    first, decision = issued(office), office.decision()
    office.work()
    operator.token.pull()
    waiting = asked(office)
    refusal(waiting, "signing-failed", "Nothing is lost")
    operator.token.put_back()
    right = clock.at
    clock.move(-HOUR)
    logged()
    before = rows(office)
    # Nothing new is dated before the decision, the register or the intent on which it rests.
    refusal(asked(office, decision), "signing-failed", "when the decision was published")
    refusal(edc(office, first), "signing-failed", "when this credential was entered")
    badge = {"format": "ob+jwt"}
    refusal(
        office.desk().post(f"/v1/credentials/{first.id}/documents", json=badge),
        "signing-failed",
        "when this credential was entered",
    )
    asks_again = office.desk().post(
        f"/v1/credentials/{waiting.json()['credential']}/documents", json={"format": "qr"}
    )
    refusal(asks_again, "signing-failed", "when this document was written. Nothing is lost")
    assert rows(office) == before
    assert logged().count("clock.behind") == 4
    # Whoever has to be suspended is suspended, whatever the clock says; strangers hear of it.
    desk, path = office.desk(), f"/v1/credentials/{first.id}"
    assert desk.post(f"{path}/suspension", json={"cause": "own_request", "reasons": "Ferma."}).is_success
    office.work()
    assert seen(office, first) == {("invalid", "suspended")}
    assert audited(office).findings == ()
    clock.move(right - clock.at + LATER)
    office.work()
    assert office.intents() == []
    assert seen(office, office.credential(waiting.json()["credential"])) == {("valid", "active")}
    assert asked(office, decision).status_code == 201
    audit = audited(office)
    assert (audit.findings, audit.waiting) == ((), 0)


def test_a_clock_a_little_behind_that_of_the_decision_takes_its_time_from_there(
    office: Office, clock: SetClock
) -> None:
    decision, decided_at = office.decision(), clock.now()
    clock.move(-timedelta(seconds=30))
    credential = office.credential(asked(office, decision).json()["id"])
    document = open_compact(office.document(credential).token)
    assert document.header.iat == int(decided_at.timestamp())
    assert (credential.created_at, credential.issued_at) == (decided_at, decided_at)


def test_a_clock_that_stood_a_year_ahead_keeps_nobody_waiting_once_it_is_right(
    office: Office, operator: Operator, clock: SetClock, logged: Callable[[], str]
) -> None:
    operator.token.pull()
    refused = asked(office)
    operator.token.put_back()
    right = clock.at
    clock.move(4 * YEAR)  # every certificate is over: what waits is put off, as of then
    office.work()
    assert "KeyNotUsable" in logged()
    assert len(office.intents()) == 2
    clock.move(right - clock.at + LATER)
    office.work()
    assert seen(office, office.credential(refused.json()["credential"])) == {("valid", "active")}


def test_a_clock_that_is_wrong_gets_no_time_stamp(
    office: Office, operator: Operator, clock: SetClock, logged: Callable[[], str]
) -> None:
    credential = issued(office)
    assert level(office, credential) is Level.B_B
    truth = clock.now()
    operator.town.now = lambda: truth
    clock.move(HOUR)
    office.work()
    assert "one of the two is wrong" in logged()
    assert level(office, credential) is Level.B_B
    operator.town.now = clock.now
    clock.move(LATER)
    office.work()
    assert level(office, credential) is Level.B_LTA
