"""Lists as strangers fetch them: signed by the status key, never older than before, renewed in time."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from app.formats.bitstring import MAX_TOKEN
from app.formats.deflate import BEST
from app.formats.strict import decode64, read_object
from app.main import worker
from app.outbox import changes, messages
from app.ports import KeyNotUsable, Ports, Slot
from app.status.errors import SigningFailed
from app.status.models import ListKind, PublishedList, Standing
from app.status.publishing import (
    AFTER_FAILURE,
    AT_REST,
    FAST,
    LIFE,
    PUBLISH,
    RENEWED_AFTER,
    Form,
    Publisher,
    ensure_all_published,
)
from tests.conftest import START
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.status.failing import FailingKeys
from tests.status.shelf import Shelf

SECOND = timedelta(seconds=1)
FORMS: tuple[Form, ...] = ("token", "revocation", "suspension")


@pytest.fixture
def keys() -> MemoryKeys:
    """Keys that a test may change."""
    return MemoryKeys(START)


@pytest.fixture
def shelf(ports: Ports) -> Shelf:
    return Shelf.made(ports)


def test_the_bits_of_a_credential_list_tell_final_from_passing(shelf: Shelf) -> None:
    shelf.say(Standing.REVOKED, "doc_1")
    shelf.say(Standing.SUSPENDED, "doc_2")
    shelf.say(Standing.SUPERSEDED, "doc_3")
    shelf.publish()
    assert shelf.raised("revocation") == {"doc_1", "doc_3"}
    assert shelf.raised("suspension") == {"doc_2"}
    assert shelf.states() == {"doc_1": 1, "doc_2": 2, "doc_3": 3}


def test_the_one_bit_of_a_badge_list_is_set_by_whatever_is_not_valid(ports: Ports) -> None:
    shelf = Shelf.made(ports, ListKind.BADGE)
    shelf.say(Standing.REVOKED, "doc_1")
    shelf.say(Standing.SUSPENDED, "doc_2")
    shelf.publish()
    assert shelf.raised("suspension") == {"doc_1", "doc_2"}


def test_a_list_is_signed_by_the_status_key_and_says_what_it_is(shelf: Shelf, keys: MemoryKeys) -> None:
    shelf.publish()
    read = shelf.read("suspension")
    assert shelf.token("suspension").verified_by(keys.current(Slot.STATUS).jwk)
    assert not shelf.token("suspension").verified_by(keys.current(Slot.SEAL).jwk)
    assert (read.url, read.issuer, read.purposes) == (
        f"https://sigillo.example.org/status/{shelf.list_id}-suspension",
        "did:web:sigillo.example.org",
        ("suspension",),
    )
    at = shelf.ports.clock.now()
    assert (read.valid_from, read.valid_until) == (at, at + LIFE)


def test_what_is_published_already_is_not_signed_again(shelf: Shelf) -> None:
    assert [shelf.publish(), shelf.publish()] == [True, False]
    shelf.say(Standing.SUSPENDED, "doc_1")
    assert [shelf.publish(), shelf.publish()] == [True, False]
    assert shelf.row("revocation").version == shelf.row("suspension").version == 2


def test_a_publication_is_announced_to_those_who_remember_answers(shelf: Shelf) -> None:
    shelf.publish()
    with shelf.ports.database.reading() as session:
        assert [change.subject for change in changes.since(session, 0)] == [f"list:{shelf.list_id}"]


def test_a_list_is_signed_again_at_half_its_life(shelf: Shelf, clock: SetClock) -> None:
    shelf.publish()
    clock.move(AT_REST)
    shelf.publish()
    resting = shelf.row("revocation")
    clock.move(RENEWED_AFTER - SECOND)
    shelf.publisher.keep_up()
    assert shelf.row("revocation").token == resting.token
    clock.move(SECOND)
    worker(shelf.ports).run_once()
    renewed = shelf.row("revocation")
    assert (renewed.version, renewed.signed_at, renewed.expires_at) == (1, clock.now(), clock.now() + LIFE)
    assert renewed.token != resting.token
    assert shelf.listed().expires_at == clock.now() + LIFE


def test_a_list_that_a_lost_key_signed_is_signed_again_at_once(
    shelf: Shelf, keys: MemoryKeys, clock: SetClock
) -> None:
    shelf.say(Standing.SUPERSEDED, "doc_3")
    shelf.publish()
    clock.move(SECOND)
    keys.compromise(Slot.STATUS, clock.at)
    successor = keys._make(Slot.STATUS, clock.at)
    worker(shelf.ports).run_once()
    for form in FORMS:
        assert shelf.token(form).verified_by(successor.jwk)
    assert shelf.states()["doc_3"] == 3
    assert shelf.publish() is False


def test_a_list_whose_key_has_retired_in_honour_stays_as_it_is(shelf: Shelf, keys: MemoryKeys) -> None:
    shelf.publish()
    keys.rotate(Slot.STATUS, shelf.ports.clock.now())
    assert shelf.publish() is False


def test_a_list_goes_over_to_its_bodys_own_key_when_its_turn_comes_and_not_before(
    shelf: Shelf, keys: MemoryKeys, clock: SetClock
) -> None:
    shelf.publish()
    body = shelf.row("token").organisation_id
    keys.give(body, 1, clock.at, Slot.STATUS)
    assert shelf.publish() is False  # what is published verifies as before
    clock.move(RENEWED_AFTER)
    worker(shelf.ports).run_once()
    for form in FORMS:
        assert shelf.token(form).verified_by(keys.current(Slot.STATUS, body).jwk)
        assert not shelf.token(form).verified_by(keys.current(Slot.STATUS).jwk)


def test_a_list_that_another_bodys_own_key_signed_is_signed_again(
    shelf: Shelf, keys: MemoryKeys, clock: SetClock
) -> None:
    shelf.publish()
    keys._keys = [replace(key, body="org_other", issuer_code=9) for key in keys._keys]
    keys._make(Slot.STATUS, clock.at)
    assert shelf.publish() is True
    assert shelf.token("token").verified_by(keys.current(Slot.STATUS).jwk)


def test_a_list_of_a_body_that_lost_its_own_key_waits_for_the_next_one(
    shelf: Shelf, keys: MemoryKeys, clock: SetClock
) -> None:
    shelf.publish()
    body = shelf.row("token").organisation_id
    keys.give(body, 1, clock.at, Slot.STATUS)
    clock.move(RENEWED_AFTER)
    keys.compromise(Slot.STATUS, clock.at, body)
    with pytest.raises(KeyNotUsable):
        shelf.publish()
    keys.give(body, 1, clock.at, Slot.STATUS)
    assert shelf.publish() is True
    assert shelf.token("token").verified_by(keys.current(Slot.STATUS, body).jwk)


def test_a_list_whose_key_is_none_of_ours_is_signed_again(shelf: Shelf, clock: SetClock) -> None:
    shelf.publish()
    other = MemoryKeys(clock.at)
    ports = replace(shelf.ports, signer=other)
    worker(ports).run_once()
    assert shelf.token("token").verified_by(other.current(Slot.STATUS).jwk)


def test_a_list_that_comes_to_rest_is_packed_as_tight_as_can_be_and_says_the_same(
    shelf: Shelf, clock: SetClock
) -> None:
    shelf.say(Standing.REVOKED, "doc_1")
    shelf.publish()
    changed = shelf.row("token")
    assert (shelf.levels(), shelf.states()["doc_1"]) == ({FAST}, 1)
    clock.move(AT_REST - SECOND)
    shelf.publisher.keep_up()
    assert shelf.row("token").token == changed.token
    clock.move(SECOND)
    shelf.publisher.keep_up()
    assert (shelf.levels(), shelf.states(), shelf.versions()) == (
        {BEST},
        {"doc_1": 1, "doc_2": 0, "doc_3": 0},
        {"token": 2, "revocation": 2, "suspension": 2},
    )
    rested = shelf.row("token").token
    clock.move(AT_REST)
    shelf.publisher.keep_up()
    assert shelf.row("token").token == rested
    shelf.say(Standing.SUSPENDED, "doc_2")
    shelf.publisher.keep_up()
    assert (shelf.levels(), shelf.states()["doc_2"]) == ({FAST}, 2)


def test_a_list_is_signed_once_a_second_and_what_came_between_is_not_lost(
    ports: Ports, clock: SetClock
) -> None:
    shelf = Shelf.made(replace(ports, settings=ports.settings.model_copy(update={"list_pause": SECOND})))
    shelf.publish()
    shelf.say(Standing.SUSPENDED, "doc_1")
    clock.move(SECOND / 2)
    for publisher in (shelf.publisher, Publisher(shelf.ports)):
        publisher.keep_up()
        assert shelf.versions()["token"] == 1
    shelf.say(Standing.REVOKED, "doc_2")
    clock.move(SECOND / 2)
    worker(shelf.ports).run_once()
    assert shelf.versions() == {"token": 3, "revocation": 3, "suspension": 3}
    assert shelf.states() == {"doc_1": 2, "doc_2": 1, "doc_3": 0}


def test_a_clock_that_was_set_back_makes_no_list_wait_and_none_come_from_tomorrow(
    ports: Ports, clock: SetClock
) -> None:
    shelf = Shelf.made(replace(ports, settings=ports.settings.model_copy(update={"list_pause": SECOND})))
    shelf.publish()
    clock.move(-timedelta(hours=1))
    shelf.publisher.keep_up()
    assert shelf.listed().issued_at == clock.now()
    clock.move(-SECOND)
    shelf.say(Standing.REVOKED, "doc_1")
    shelf.publisher.keep_up()
    assert shelf.states()["doc_1"] == 1


def test_a_document_never_waits_for_a_list_and_its_list_never_waits_for_a_document(
    ports: Ports, clock: SetClock
) -> None:
    """Whoever issues publishes a list that nobody can fetch yet, and leaves what changed to the workers."""
    shelf = Shelf.made(replace(ports, settings=ports.settings.model_copy(update={"list_pause": SECOND})))
    lists = {shelf.list_id: ListKind.CREDENTIAL}
    ensure_all_published(shelf.ports, shelf.organisation_id, lists, at=clock.now())
    first = shelf.row("token").token
    shelf.say(Standing.REVOKED, "doc_1")
    clock.move(SECOND)
    ensure_all_published(shelf.ports, shelf.organisation_id, lists, at=clock.now())
    assert shelf.row("token").token == first


def test_a_list_that_lacks_a_form_gets_it_at_once(ports: Ports, clock: SetClock) -> None:
    """As lists do that were published before there were token lists."""
    shelf = Shelf.made(replace(ports, settings=ports.settings.model_copy(update={"list_pause": SECOND})))
    shelf.publish()
    with ports.database.writing(shelf.organisation_id) as session:
        session.execute(text("DELETE FROM published_list WHERE purpose = 'token'"))
    Publisher(shelf.ports).keep_up()
    assert shelf.versions() == {"token": 1, "revocation": 1, "suspension": 1}
    assert shelf.row("revocation").signed_at == clock.now()


def test_a_list_of_the_offline_code_is_a_token_list_and_nothing_else(ports: Ports) -> None:
    shelf = Shelf.made(ports, ListKind.QR)
    shelf.say(Standing.SUSPENDED, "doc_3")
    shelf.publish()
    assert shelf.versions() == {"token": 2}
    assert shelf.states() == {"doc_1": 0, "doc_2": 0, "doc_3": 2}


def test_a_token_list_says_whose_it_is_where_it_is_and_how_long_it_holds(
    shelf: Shelf, keys: MemoryKeys
) -> None:
    shelf.publish()
    at = shelf.ports.clock.now()
    token, read = shelf.token("token"), shelf.listed()
    assert token.verified_by(keys.current(Slot.STATUS).jwk)
    assert (read.url, read.issuer, read.ttl) == (
        f"https://sigillo.example.org/status/{shelf.list_id}",
        "did:web:sigillo.example.org",
        300,
    )
    assert (read.issued_at, read.expires_at, read.states.bits) == (at, at + LIFE, 2)


def test_every_form_follows_through_suspension_reinstatement_and_revocation(shelf: Shelf) -> None:
    for standing, state, revoked, suspended in (
        (Standing.SUSPENDED, 2, set(), {"doc_1"}),
        (Standing.VALID, 0, set(), set()),
        (Standing.SUSPENDED, 2, set(), {"doc_1"}),
        (Standing.REVOKED, 1, {"doc_1"}, set()),
    ):
        shelf.say(standing, "doc_1")
        assert shelf.publish()
        assert shelf.states()["doc_1"] == state
        assert (shelf.raised("revocation"), shelf.raised("suspension")) == (revoked, suspended)


def test_word_that_an_earlier_version_left_is_carried_out(shelf: Shelf) -> None:
    at = shelf.ports.clock.now()
    with shelf.ports.database.writing(shelf.organisation_id) as session:
        messages.leave(
            session, PUBLISH, {"list": shelf.list_id}, organisation_id=shelf.organisation_id, at=at
        )
    worker(shelf.ports).drain()
    with shelf.ports.database.reading(shelf.organisation_id) as session:
        assert all(message.done_at for message in session.scalars(select(messages.Message)))
    assert shelf.versions()["token"] == 1


def test_a_list_stays_the_same_where_the_status_key_fails_and_other_work_goes_on(
    ports: Ports, clock: SetClock
) -> None:
    signer = FailingKeys(clock.at)
    shelf = Shelf.made(replace(ports, signer=signer))
    shelf.publish()
    before = shelf.row("revocation").token
    signer.down = True
    clock.move(RENEWED_AFTER)
    worker(shelf.ports).run_once()
    assert shelf.row("revocation").token == before
    shelf.say(Standing.SUSPENDED, "doc_1")
    with pytest.raises(SigningFailed):
        shelf.publish()
    signer.down = False
    clock.move(timedelta(minutes=1))
    worker(shelf.ports).drain()
    assert shelf.raised("suspension") == {"doc_1"}


def test_a_late_publisher_never_takes_the_public_back(shelf: Shelf) -> None:
    """Somebody reads the list, and before they store it a newer version is out."""
    shelf.publish()
    shelf.say(Standing.SUSPENDED, "doc_1")
    overtaken = threading.Event()

    class Slow(MemoryKeys):
        def sign(self, thumbprint: str, message: bytes) -> bytes:
            if not overtaken.is_set():
                overtaken.set()
                shelf.say(Standing.REVOKED, "doc_2")
                assert shelf.publish()
            return super().sign(thumbprint, message)

    slow = replace(shelf.ports, signer=Slow(shelf.ports.clock.now()))
    assert not shelf.publish(Publisher(slow))
    assert shelf.row("revocation").version == 3
    assert (shelf.raised("revocation"), shelf.raised("suspension")) == ({"doc_2"}, {"doc_1"})


def test_two_workers_publish_a_change_once(shelf: Shelf) -> None:
    shelf.publish()
    shelf.say(Standing.SUSPENDED, "doc_1")
    start = threading.Barrier(2)
    workers = [worker(shelf.ports) for _ in range(2)]

    def run(place: int) -> None:
        start.wait()
        workers[place].drain()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with shelf.ports.database.reading(shelf.organisation_id) as session:
        assert len(changes.since(session, 0)) == 2
        rows = session.scalars(select(PublishedList)).all()
    assert {(row.purpose, row.version) for row in rows} == {
        ("token", 2),
        ("revocation", 2),
        ("suspension", 2),
    }


def test_many_publishers_of_a_new_list_store_one_of_each_purpose(shelf: Shelf) -> None:
    start = threading.Barrier(8)
    stored: list[bool] = []

    def run() -> None:
        start.wait()
        stored.append(shelf.publish())

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(stored) == [*[False] * 7, True]


def test_a_list_that_cannot_be_signed_keeps_no_other_waiting_and_is_tried_again_a_little_later(
    ports: Ports, clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = Shelf.made(ports), Shelf.made(ports)

    class Picky(MemoryKeys):
        tried = 0
        broken_at = f"/status/{broken.list_id}"

        def sign(self, thumbprint: str, message: bytes) -> bytes:
            claims = read_object(decode64(message.decode().partition(".")[2]), limit=MAX_TOKEN)
            if str(claims["sub"]).endswith(self.broken_at):
                self.tried += 1
                raise OSError("the card refuses this one")
            return super().sign(thumbprint, message)

    signer = Picky(clock.now())
    publisher = Publisher(replace(ports, signer=signer))
    for _ in range(3):
        publisher.keep_up()
    assert (broken.versions(), sound.versions()["token"], signer.tried) == ({}, 1, 1)
    assert [record.message for record in caplog.records] == ["signing.failed"]
    clock.move(AFTER_FAILURE)
    signer.broken_at = "nowhere"
    publisher.keep_up()
    assert broken.versions()["token"] == 1


def test_whatever_goes_wrong_with_one_list_is_logged_and_the_others_are_published(
    ports: Ports, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = Shelf.made(ports), Shelf.made(ports)
    with ports.database.writing(broken.organisation_id) as session:
        session.execute(text("UPDATE status_list SET size = 7 WHERE id = :id"), {"id": broken.list_id})
    Publisher(ports).keep_up()
    assert (broken.versions(), sound.versions()["token"]) == ({}, 1)
    assert [record.message for record in caplog.records] == ["list.failed"]
