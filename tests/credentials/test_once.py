"""One credential and one answer from one key, whatever breaks off in between."""

from datetime import timedelta
from functools import partial

import httpx
import pytest
from sqlalchemy import func, select

from app.credentials import fresh, intending, sealing
from app.credentials.models import Credential, Document
from app.organisations.idempotency import IdempotencyKey
from tests.credentials.office import Office
from tests.credentials.test_races import at_once
from tests.fakes import SetClock

PATH = "/v1/credentials"
KEY = {"Idempotency-Key": "one-issuance"}


def there(office: Office) -> tuple[int, int]:
    """How many credentials there are, and how many documents."""
    with office.ports.database.reading(office.organisation_id) as session:
        kinds = (Credential, Document)
        credentials, documents = (
            session.scalar(select(func.count()).select_from(kind)) or 0 for kind in kinds
        )
        return credentials, documents


def kept(office: Office) -> IdempotencyKey:
    with office.ports.database.reading(office.organisation_id) as session:
        return session.scalars(select(IdempotencyKey)).one()


def test_an_issuance_sent_again_gives_the_same_answer_and_no_second_credential(office: Office) -> None:
    asked, desk = {"decision": office.decision()}, office.desk()
    first, again = (desk.post(PATH, json=asked, headers=KEY) for _ in range(2))
    assert first.status_code == again.status_code == 201, first.text
    assert first.content == again.content
    assert again.headers["Idempotent-Replayed"] == "true"
    without = desk.get(f"{PATH}/{first.json()['id']}")
    assert without.json() == first.json()
    assert there(office) == (1, 2)
    other = desk.post(PATH, json={"decision": office.decision()}, headers=KEY)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert there(office) == (1, 2)


def test_the_key_is_answered_in_the_transaction_that_stores_the_document(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, desk = {"decision": office.decision()}, office.desk()

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the machine stops")

    entry = fresh.entry
    monkeypatch.setattr(fresh, "entry", broken)  # which the answer is made of
    assert desk.post(PATH, json=asked, headers=KEY).status_code == 500
    assert there(office) == (1, 0), "no document without its answer"
    begun = kept(office)
    assert begun.status is None
    monkeypatch.setattr(fresh, "entry", entry)
    again = desk.post(PATH, json=asked, headers=KEY)
    assert again.status_code == 201
    assert begun.begun is not None
    assert again.json()["id"] == begun.begun["credential"]
    assert there(office) == (1, 2)


def test_what_broke_off_between_the_two_transactions_is_finished_and_not_begun_anew(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, desk = {"decision": office.decision()}, office.desk()
    with monkeypatch.context() as broken:
        broken.setattr(sealing, "seal_all", lambda *_, **__: 1 / 0)
        assert desk.post(PATH, json=asked, headers=KEY).status_code == 500
    assert there(office) == (1, 0)
    assert desk.post(PATH, json=asked).json()["code"] == "credential-issued-already"
    first, again = (desk.post(PATH, json=asked, headers=KEY) for _ in range(2))
    assert (first.status_code, first.content) == (again.status_code, again.content) == (201, first.content)
    assert "Idempotent-Replayed" not in first.headers
    assert there(office) == (1, 2)


def test_what_a_worker_finished_meanwhile_is_answered_all_the_same(
    office: Office, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, desk = {"decision": office.decision()}, office.desk()
    with monkeypatch.context() as broken:
        broken.setattr(sealing, "seal_all", lambda *_, **__: 1 / 0)
        desk.post(PATH, json=asked, headers=KEY)
    clock.move(intending.LEASE + timedelta(seconds=1))
    office.work()
    assert there(office) == (1, 2)
    first, again = (desk.post(PATH, json=asked, headers=KEY) for _ in range(2))
    assert (first.status_code, first.content) == (201, again.content)
    assert kept(office).status == 201


def test_many_issuances_at_once_with_one_key_are_one(office: Office) -> None:
    asked = {"decision": office.decision()}
    desks = [office.desk(app) for app in (office.app(), office.app()) for _ in range(16)]
    answers = at_once(*(partial(desk.post, PATH, json=asked, headers=KEY) for desk in desks))
    told = [answer for answer in answers if isinstance(answer, httpx.Response)]
    assert len(told) == len(desks)
    # Whoever could not wait for the one that is carried out is told to come again.
    assert {answer.json()["code"] for answer in told if answer.status_code != 201} <= {
        "idempotency-in-flight",
        "database-busy",
    }
    assert len({answer.content for answer in told if answer.status_code == 201}) == 1
    assert there(office) == (1, 2)


def test_a_document_asked_for_again_is_answered_as_it_was(office: Office) -> None:
    credential, desk = office.issue(), office.desk()
    path = f"{PATH}/{credential.id}/documents"
    first, again = (desk.post(path, json={"format": "ob+jwt"}, headers=KEY) for _ in range(2))
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert desk.post(path, json={"format": "ob+jwt"}).status_code == 200


def test_a_credential_is_listed_since_anything_of_it_changed(office: Office, clock: SetClock) -> None:
    desk = office.desk()
    old, suspended, hidden, documented = (office.issue().id for _ in range(4))
    clock.move(timedelta(hours=1))
    since = clock.now()

    def listed(**query: str) -> list[str]:
        answer = desk.get(PATH, params=query)
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["data"]]

    assert listed(updated_since=since.isoformat()) == []
    cause = {"cause": "complaint_upheld", "reasons": "Reclamo accolto.", "review_on": "2027-01-15"}
    moved = desk.post(f"{PATH}/{suspended}/suspension", json=cause)
    assert moved.status_code == 200, moved.text
    assert desk.put(f"{PATH}/{hidden}/hiding").status_code == 200
    assert desk.post(f"{PATH}/{documented}/documents", json={"format": "ob+jwt"}).status_code == 201
    new = office.issue().id
    changed = sorted([suspended, hidden, documented, new])
    assert listed(updated_since=since.isoformat()) == changed
    clock.move(timedelta(minutes=10))
    assert listed(updated_since=clock.now().isoformat()) == []
    desk.post(f"{PATH}/{suspended}/reinstatement", json={"reasons": "Finita."})
    assert listed(updated_since=clock.now().isoformat()) == [suspended]
    paged, cursor = [], None
    while True:
        query = {"updated_since": since.isoformat(), "limit": "2", **({"cursor": cursor} if cursor else {})}
        page = desk.get(PATH, params=query).json()
        paged += [each["id"] for each in page["data"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert paged == changed
    assert listed(holder=office.credential(old).holder_id) == [old]
    assert listed(scheme="none") == []
    assert desk.get(PATH, params={"updated_since": "yesterday"}).status_code == 422
