"""The feed: everything once, in its order, thin, and one's own alone."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import app as service
from app.events.rules import NEVER_YET, SHAPES, TOPICS, EventType, told, topics_of, type_of
from app.main import create_app
from app.outbox.trail import Event, EventLink
from tests import make
from tests.conftest import START
from tests.events.conftest import Body, machine_key

CANARIES = (
    "Rossi",
    "maria.rossi@example.org",
    "rossi",
    "per_canary00000000000000000000",
    "RSSMRA85T10A562S",
    "+39 02 1234567",
)


def test_whoever_follows_the_cursor_misses_nothing_and_sees_each_once(body: Body) -> None:
    seen: list[Any] = []
    cursor = "0"
    for number in range(40):
        body.happens("credential.suspended", about={"credential": f"crd_{number}"})
        if number % 7 == 0:
            page = body.feed(cursor, limit=3)
            seen += page["data"]
            cursor = page["next_cursor"]
    while (page := body.feed(cursor, limit=7))["data"]:
        seen += page["data"]
        cursor = page["next_cursor"]
    assert [each["data"]["credential"] for each in seen] == [f"crd_{number}" for number in range(40)]
    assert len({each["id"] for each in seen}) == 40
    assert all(int(one["cursor"]) < int(next_["cursor"]) for one, next_ in pairwise(seen))


def test_the_same_event_has_the_same_id_whenever_it_is_read(body: Body) -> None:
    body.happens("credential.revoked")
    assert body.feed()["data"] == body.feed()["data"]


def test_a_page_without_more_says_when_to_ask_again_and_where(body: Body) -> None:
    body.happens("credential.revoked")
    body.spread()
    last = body.feed()["next_cursor"]
    answer = body.api.get("/v1/events", params={"after": last})
    assert answer.json() == {"data": [], "next_cursor": last, "more": False}
    assert answer.headers["Retry-After"] == "5"


def test_steps_that_are_nobodys_business_stand_in_no_feed(body: Body) -> None:
    for topic in ("evidence.added", "key.issued", "decision.voted", "assessment.scored", "person.added"):
        body.happens(topic)
    page = body.feed()
    assert page["data"] == []
    assert int(page["next_cursor"]) > 0


def test_types_choose(body: Body) -> None:
    for topic in ("credential.revoked", "dossier.submitted", "document.issued"):
        body.happens(topic, about={"credential": "crd_1", "dossier": "dos_1"})
    body.happens("document.issued", facts={"replaces": "doc_0"})
    for types in (["credential.superseded"], ["dossier.submitted", "credential.revoked"]):
        assert {each["type"] for each in body.feed(type=types)["data"]} == set(types)
    assert body.api.get("/v1/events", params={"type": "person.added"}).status_code == 422


@pytest.mark.parametrize("after", ["-1", "x", "9999999999", "", "1 OR 1"])
def test_a_cursor_that_is_none_is_malformed(body: Body, after: str) -> None:
    answer = body.api.get("/v1/events", params={"after": after})
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")


def test_a_cursor_from_the_future_is_refused_for_it_would_skip_what_comes(body: Body) -> None:
    answer = body.api.get("/v1/events", params={"after": "999999"})
    assert (answer.status_code, answer.json()["code"]) == (422, "cursor-unknown")


def test_an_organisation_reads_its_own_events_alone(body: Body, other: Body) -> None:
    other.happens("credential.revoked", about={"credential": "crd_theirs"})
    body.happens("credential.revoked", about={"credential": "crd_ours"})
    assert [each["data"] for each in body.feed()["data"]] == [{"credential": "crd_ours"}]


def test_a_machine_reads_the_feed_with_the_scope_and_not_without(body: Body) -> None:
    app = create_app(body.ports)
    answers = [
        make.caller(app, machine_key(body, scope)).get("/v1/events").status_code
        for scope in ("events:read", "webhooks:read")
    ]
    assert answers == [200, 403]
    assert make.caller(app).get("/v1/events").status_code == 401


def event_of(topic: str, about: dict[str, Any], facts: dict[str, Any]) -> tuple[Event, EventLink]:
    event = Event(id=1, organisation_id="org_1", topic=topic, actor_id="per_1", at=START)
    event.about, event.facts = about, facts
    return event, EventLink(event_id=1, organisation_id="org_1", seq=1, hash="ab" * 32)


@pytest.mark.parametrize("topic", sorted(TOPICS))
@pytest.mark.parametrize("replaced", [{}, {"replaces": "doc_0"}], ids=["plain", "replacing"])
def test_no_event_carries_what_its_type_does_not_name(topic: str, replaced: dict[str, str]) -> None:
    names = ("applicant", "person", "holder", "name", "email", "note", "reasons", "minutes", "number")
    planted = dict(zip(names, CANARIES * 2, strict=False)) | replaced
    # Nor do the members that it names, once somebody's data slips into one of them.
    shape = SHAPES[TOPICS[topic]]
    slipped = dict.fromkeys((shape.subject, *shape.ids, *shape.words), "Maria Rossi")
    for about, facts in ((planted, planted), (slipped, slipped), ({**planted, "credential": "crd_1"}, {})):
        one = told(*event_of(topic, about, facts))
        assert one is not None
        written = json.dumps(one.written())
        assert not [canary for canary in (*CANARIES, "Maria") if canary in written]
        assert len(written) < 20_000


def test_every_type_comes_of_a_topic_and_has_its_shape() -> None:
    assert set(SHAPES) == set(EventType)
    assert {*TOPICS.values(), EventType.CREDENTIAL_SUPERSEDED} == set(EventType)
    assert topics_of(frozenset(EventType)) == set(TOPICS)
    assert {one.value for one in NEVER_YET} == {"appeal.opened", "appeal.closed"}


def test_a_document_in_the_place_of_another_supersedes_it() -> None:
    facts = {"replaces": "doc_0", "format": "vc+jwt"}
    event, link = event_of("document.issued", {"credential": "crd_1", "document": "doc_1"}, facts)
    assert type_of(event) is EventType.CREDENTIAL_SUPERSEDED
    one = told(event, link)
    assert one is not None
    assert one.data == {
        "credential": "crd_1",
        "document": "doc_1",
        "replaces": "doc_0",
        "format": "vc+jwt",
    }


def test_every_topic_is_one_that_some_use_case_records() -> None:
    """What is renamed in one place and not in the other would fall silent."""

    sources = "".join(path.read_text() for path in Path(service.__file__).parent.rglob("*.py"))
    moves = {"credential.suspended", "credential.reinstated", "credential.revoked"}  # made of the move's name
    unheard = {topic for topic in TOPICS if TOPICS[topic] not in NEVER_YET} - moves
    assert not [topic for topic in sorted(unheard) if f'"{topic}"' not in sources]
