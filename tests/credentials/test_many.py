"""Many decisions are issued in one go: each as if it were alone, and what is wrong with one is its own."""

import threading
from dataclasses import dataclass, field, replace

import pytest
from sqlalchemy import select

from app.core.errors import Problem
from app.credentials import intending, issuing, queries
from app.credentials.errors import (
    CredentialIssuedAlready,
    CredentialOpenAlready,
    LintFailed,
    OwnCredential,
)
from app.credentials.issuing import Issued
from app.credentials.models import Credential, Document, Intent, Period
from app.decisions.errors import DecisionNotFound, DecisionNotGranted, DecisionNotPublished
from app.formats.claims import Format
from app.formats.jose import open_compact
from app.formats.q1 import decode_q1
from app.organisations.errors import MembershipNotValid
from app.organisations.models import Person
from app.outbox import changes
from app.outbox.changes import Change
from app.outbox.messages import Message
from app.outbox.trail import Event
from app.ports import PublicKey, Signer, Slot
from app.status.errors import SigningFailed
from app.status.models import ListKind, StatusList, StatusPosition
from tests.credentials.office import Office
from tests.fakes import SetClock
from tests.status.failing import FailingKeys

SEVERAL = 12


@dataclass(frozen=True, slots=True)
class CountingSigner:
    """The signer of these tests, which remembers what it signed with the seal."""

    signer: Signer
    signed: list[bytes] = field(default_factory=list)

    def current(self, slot: Slot, body: str | None = None) -> PublicKey:
        return self.signer.current(slot, body)

    def published(self) -> tuple[PublicKey, ...]:
        return self.signer.published()

    def anchors(self) -> tuple[bytes, ...]:
        return self.signer.anchors()

    def sign(self, thumbprint: str, message: bytes) -> bytes:
        if thumbprint == self.signer.current(Slot.SEAL).thumbprint:
            self.signed.append(message)
        return self.signer.sign(thumbprint, message)


def many(office: Office, decisions: list[str]) -> list[Issued | Problem]:
    return issuing.issue_many(office.ports, decisions, by=office.registrar, at=office.now)


def several(office: Office, count: int = SEVERAL) -> list[str]:
    return [office.decision() for _ in range(count)]


def documents(office: Office) -> list[Document]:
    with office.ports.database.reading(office.organisation_id) as session:
        return list(session.scalars(select(Document)))


def test_each_of_many_has_its_intent_its_events_its_word_and_its_verified_signature(office: Office) -> None:
    counting = CountingSigner(office.ports.signer)
    office = replace(office, ports=replace(office.ports, signer=counting))
    decisions = several(office)
    with office.ports.database.reading() as session:
        before = changes.last(session)
    outcomes = many(office, decisions)
    issued = [each for each in outcomes if isinstance(each, Issued)]
    assert (
        len({each.credential_id for each in issued})
        == len({each.credential_id for each in issued})
        == SEVERAL
    )
    with office.ports.database.reading(office.organisation_id) as session:
        credentials = {each.id: each for each in session.scalars(select(Credential))}
        periods = {each.decision_id: each for each in session.scalars(select(Period))}
        made = session.scalars(select(Document)).all()
        events = [each for each in session.scalars(select(Event)) if "document" in each.about]
        words = {each.id: each for each in session.scalars(select(Message)) if each.topic == intending.FINISH}
        positions = {each.document_id: each for each in session.scalars(select(StatusPosition))}
        (listed,) = session.scalars(select(StatusList)).all()
        told = [each.subject for each in session.scalars(select(Change).where(Change.seq > before))]
        assert session.scalars(select(Intent)).all() == []
    assert [periods[each].credential_id for each in decisions] == [each.credential_id for each in issued]
    assert sorted(counting.signed) == sorted(open_compact(each.token).signing_input for each in made)
    seal = counting.current(Slot.SEAL)
    for document in made:
        assert document.format == Format.VC_JWT
        assert open_compact(document.token).verified_by(seal.jwk)
        its = [event.topic for event in events if event.about["document"] == document.id]
        assert its == ["issuance.intended", "credential.issued"]
        assert words[f"fin_{document.id.removeprefix('doc_')}"].done_at == office.now
        place = positions[document.id]
        assert (place.list_id, place.index) == (document.list_id, document.list_index)
    assert len(made) == len(words) == len(positions) == listed.taken == SEVERAL
    assert all(credentials[each.credential_id].issued_at == office.now for each in issued)
    subjects = [f"credential:{credentials[each.credential_id].number}" for each in issued]
    assert sorted(each for each in told if each.startswith("credential:")) == sorted(subjects)


def test_a_name_without_room_in_the_offline_code_is_refused_of_many_as_of_one(office: Office) -> None:
    decisions = [office.decision(office.candidate(name=name)) for name in ("W" * 200, "Ada Riva")]
    refused, issued = many(office, decisions)
    assert isinstance(refused, LintFailed)
    assert isinstance(issued, Issued)
    office.work()
    with office.ports.database.reading(office.organisation_id) as session:
        assert [each.id for each in session.scalars(select(Credential))] == [issued.credential_id]


def test_a_decision_that_is_named_twice_is_issued_once(office: Office) -> None:
    decision, wrong = office.decision(), office.decision(office.candidate(name=" "))
    first, second, *refused = many(office, [decision, decision, wrong, wrong])
    assert isinstance(first, Issued)
    assert isinstance(second, CredentialIssuedAlready)
    assert second.facts == {"credential": first.credential_id}
    assert all(isinstance(each, LintFailed) for each in refused)


def test_what_is_wrong_with_one_of_many_keeps_no_other_waiting(office: Office) -> None:
    holder = office.candidate()
    first, second = office.decision(holder), office.decision(holder)
    with office.ports.database.reading(office.organisation_id) as session:
        registrar = session.get_one(Person, office.registrar.id)
    done = office.decision()
    office.issue(done)
    wrong = {
        office.decision(outcome="refuse"): DecisionNotGranted,
        office.decision(published=False): DecisionNotPublished,
        "dec_" + "0" * 26: DecisionNotFound,
        office.decision(office.candidate(member=False)): MembershipNotValid,
        office.decision(registrar): OwnCredential,
        office.decision(office.candidate(name=" ")): LintFailed,
        done: CredentialIssuedAlready,
    }
    good = several(office, 3)
    asked = [good[0], *wrong, first, good[1], second, good[2], good[0]]
    outcomes = many(office, asked)
    expected = [
        Issued,
        *wrong.values(),
        Issued,
        Issued,
        CredentialOpenAlready,
        Issued,
        CredentialIssuedAlready,
    ]
    assert [type(each) for each in outcomes] == expected
    assert isinstance(repeated := outcomes[-1], CredentialIssuedAlready)
    assert isinstance(original := outcomes[0], Issued)
    assert repeated.facts == {"credential": original.credential_id}
    with office.ports.database.reading(office.organisation_id) as session:
        sealed = [each for each in session.scalars(select(Document)) if each.format == Format.VC_JWT]
        places = session.scalars(select(StatusPosition)).all()
        lists = session.scalars(select(StatusList)).all()
        assert len(session.scalars(select(Credential)).all()) == len(sealed) == 5
    assert {each.kind: each.taken for each in lists} == {ListKind.CREDENTIAL: 5, ListKind.QR: 1}
    assert len(places) == 6, "what was refused has no place"


def test_the_codes_of_many_follow_by_themselves(office: Office) -> None:
    issued = [each for each in many(office, several(office)) if isinstance(each, Issued)]
    office.work()
    for each in issued:
        code = decode_q1(office.document(office.credential(each.credential_id), Format.QR).token)
        assert code.verified_by(office.ports.signer.current(Slot.QR).jwk)
    office.work()
    assert len(documents(office)) == 2 * SEVERAL
    assert office.intents() == []


def test_whoever_asks_for_a_code_before_it_followed_has_it_at_once(office: Office) -> None:
    first, _ = many(office, several(office, 2))
    assert isinstance(first, Issued)
    desk = office.desk()
    picture = desk.get(f"/v1/credentials/{first.credential_id}/qr.svg")
    digits = desk.get(f"/v1/credentials/{first.credential_id}/documents/qr")
    assert (picture.status_code, digits.status_code) == (200, 200)
    code = office.document(office.credential(first.credential_id), Format.QR).token
    assert digits.text == code
    office.work()
    assert office.document(office.credential(first.credential_id), Format.QR).token == code
    assert len(documents(office)) == 4


def test_many_at_once_from_two_sides_are_each_issued_once(office: Office) -> None:
    decisions = several(office, 2 * SEVERAL)
    start = threading.Barrier(2)
    got: dict[int, list[Issued | Problem]] = {}

    def side(place: int, asked: list[str]) -> None:
        start.wait()
        got[place] = many(office, asked)

    sides = [decisions, decisions[::-1]]
    threads = [threading.Thread(target=side, args=each) for each in enumerate(sides)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mine, theirs in zip(got[0], got[1][::-1], strict=True):
        issued = [each for each in (mine, theirs) if isinstance(each, Issued)]
        refused = [each for each in (mine, theirs) if isinstance(each, CredentialIssuedAlready)]
        assert (len(issued), len(refused)) == (1, 1)
        assert refused[0].facts == {"credential": issued[0].credential_id}
    with office.ports.database.reading(office.organisation_id) as session:
        assert len(session.scalars(select(Credential)).all()) == len(decisions)
        assert len(session.scalars(select(StatusPosition)).all()) == len(decisions)


def test_what_a_signer_did_not_sign_of_many_is_signed_later(office: Office, clock: SetClock) -> None:
    keys = FailingKeys(office.now)
    shaky = replace(office, ports=replace(office.ports, signer=keys))
    many(shaky, several(shaky, 2))  # so that the list is there
    keys.down = True
    outcomes = many(shaky, several(shaky, 3))
    assert [type(each) for each in outcomes] == [SigningFailed] * 3
    names = [str(each.facts["credential"]) for each in outcomes if isinstance(each, Problem)]
    assert len(shaky.intents()) == 3
    keys.down = False
    clock.move(intending.LEASE)
    shaky.work()
    assert shaky.intents() == []
    assert all(shaky.credential(name).issued_at == clock.now() for name in names)


def test_nothing_at_all_is_issued_of_nothing(office: Office) -> None:
    assert many(office, []) == []


@pytest.mark.parametrize("count", [1, 2])
def test_one_is_issued_as_many_are(office: Office, count: int) -> None:
    outcomes = many(office, several(office, count))
    assert all(isinstance(each, Issued) for each in outcomes)
    office.work()
    with office.ports.database.reading(office.organisation_id) as session:
        for each in outcomes:
            assert isinstance(each, Issued)
            credential = queries.by_id(session, each.credential_id)
            assert [document.format for document in credential.periods[0].documents] == ["vc+jwt", "qr"]
