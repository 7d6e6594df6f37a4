"""Lists as strangers fetch them: signed by the status key, never older than before, renewed in time."""

import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from app.core.db import EVERY_ORGANISATION
from app.formats.bitstring import ReadStatusList, read_status_list
from app.formats.claims import Purpose
from app.formats.jose import Compact, open_compact
from app.main import create_app, worker
from app.outbox import changes
from app.ports import Ports, Slot
from app.status import queries
from app.status.errors import SigningFailed
from app.status.models import ListKind, PublishedList, Standing
from app.status.publishing import LIFE, RENEWED_AFTER, keep_fresh, publish
from app.status.service import set_standing, take_position
from tests import make
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.status.failing import FailingKeys

LIST_LIMIT = 2**21


@dataclass(frozen=True, slots=True)
class Shelf:
    """A list with three documents in it."""

    ports: Ports
    organisation_id: str
    list_id: int
    places: dict[str, int]

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
        return cls(ports, organisation_id, chosen.id, places)

    def say(self, standing: Standing, *names: str) -> None:
        with self.ports.database.writing(self.organisation_id) as session:
            set_standing(session, names, standing, at=self.ports.clock.now())

    def publish(self) -> bool:
        return publish(self.ports, self.list_id, at=self.ports.clock.now())

    def row(self, purpose: Purpose) -> PublishedList:
        with self.ports.database.reading() as session:
            return queries.published(session, self.list_id, purpose)

    def token(self, purpose: Purpose) -> Compact:
        return open_compact(self.row(purpose).token, limit=LIST_LIMIT)

    def read(self, purpose: Purpose) -> ReadStatusList:
        return read_status_list(self.token(purpose).payload)

    def raised(self, purpose: Purpose) -> set[str]:
        bits = self.read(purpose).bits
        assert sum(byte.bit_count() for byte in bits.content) == sum(
            bits.is_set(index) for index in self.places.values()
        ), "no bit is set that belongs to nobody"
        return {name for name, index in self.places.items() if bits.is_set(index)}


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
    first = shelf.row("revocation").token
    clock.move(RENEWED_AFTER - timedelta(seconds=1))
    keep_fresh(shelf.ports)
    assert shelf.row("revocation").token == first
    clock.move(timedelta(seconds=1))
    worker(shelf.ports).run_once()
    renewed = shelf.row("revocation")
    assert (renewed.version, renewed.signed_at, renewed.expires_at) == (1, clock.now(), clock.now() + LIFE)
    assert renewed.token != first


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
    assert not publish(slow, shelf.list_id, at=shelf.ports.clock.now())
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
    with shelf.ports.database.reading() as session:
        assert len(changes.since(session, 0)) == 2
        rows = session.scalars(select(PublishedList), execution_options=EVERY_ORGANISATION).all()
    assert {(row.purpose, row.version) for row in rows} == {("revocation", 2), ("suspension", 2)}


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


def test_anybody_may_fetch_a_list_from_any_page(shelf: Shelf) -> None:
    shelf.publish()
    stranger = make.caller(create_app(shelf.ports))
    answer = stranger.get(f"/status/{shelf.list_id}-revocation")
    assert (answer.status_code, answer.text) == (200, shelf.row("revocation").token)
    assert answer.headers["content-type"] == "application/vc+jwt"
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_reader_that_has_the_list_is_told_so_until_it_is_signed_again(
    shelf: Shelf, clock: SetClock
) -> None:
    shelf.publish()
    stranger = make.caller(create_app(shelf.ports))
    path = f"/status/{shelf.list_id}-revocation"
    tag = stranger.get(path).headers["etag"]
    kept = stranger.get(path, headers={"If-None-Match": tag})
    assert (kept.status_code, kept.content, kept.headers["etag"]) == (304, b"", tag)
    clock.move(RENEWED_AFTER)
    keep_fresh(shelf.ports)
    assert stranger.get(path, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/status/999-revocation", "/status/1-expiry", "/status/99999999999999999999-revocation"]
)
def test_a_list_that_is_not_there_is_not_found(ports: Ports, path: str) -> None:
    answer = make.caller(create_app(ports)).get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "status-list-not-found")


def test_a_badge_list_has_no_revocation_form(ports: Ports) -> None:
    shelf = Shelf.made(ports, ListKind.BADGE)
    shelf.publish()
    answer = make.caller(create_app(ports)).get(f"/status/{shelf.list_id}-revocation")
    assert answer.status_code == 404


def test_a_list_that_cannot_be_renewed_keeps_no_other_waiting(
    ports: Ports, clock: SetClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = Shelf.made(ports), Shelf.made(ports)
    broken.publish()
    sound.publish()
    before = sound.row("revocation").token
    clock.move(RENEWED_AFTER)

    def fails_for_one(ports: Ports, list_id: int, *, at: datetime) -> bool:
        if list_id == broken.list_id:
            raise ValueError("a list that cannot be written")
        return publish(ports, list_id, at=at)

    monkeypatch.setattr("app.status.publishing.publish", fails_for_one)
    keep_fresh(ports)
    assert sound.row("revocation").token != before
    assert "list.failed" in [record.message for record in caplog.records]


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 10, "x", "-1", "1_0", "\N{ARABIC-INDIC DIGIT ONE}"])
def test_what_is_no_number_of_a_list_is_not_found(shelf: Shelf, number: str) -> None:
    shelf.publish()
    assert make.caller(create_app(shelf.ports)).get(f"/status/{number}-revocation").status_code == 404
