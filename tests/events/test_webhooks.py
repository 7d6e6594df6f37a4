"""Webhooks: signed, in order, at least once, tried again, given up in the open; and never sent inside."""

import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from app.core.clock import SystemClock
from app.events import queries, sending, spreading
from app.events.models import WebhookDeliveryState, WebhookEndpoint
from app.events.rules import KEPT, MOST_FORMER, OVERLAP, RETRIES, next_try
from app.events.sending import LEASE, REST, SHARE, VISITS, WAVE, WAVES
from app.organisations.rules import Role
from app.ports import Hooks
from tests import make
from tests.conftest import START
from tests.events.conftest import ENDPOINTS, Body
from tests.events.receiver import Received
from tests.fakes_outbound import PlainVault
from tests.outside import outside

HOUR = timedelta(hours=1)


def revoked(body: Body, *names: str) -> None:
    for name in names:
        body.happens("credential.revoked", about={"credential": name})


def told(body: Body) -> list[str]:
    return [each.event["data"].get("credential", "") for each in body.receiver.received]


def states(body: Body) -> Counter[str]:
    return Counter(each.state.value for each in body.deliveries())


def test_what_arrives_is_what_the_feed_says_signed_as_the_standard_asks(body: Body) -> None:
    body.ports = replace(body.ports, clock=SystemClock())
    made = body.endpoint(types=["credential.issued"])
    body.happens(
        "credential.issued",
        about={"credential": "crd_1", "decision": "dec_1", "document": "doc_1", "applicant": "per_canary"},
        facts={"format": "vc+jwt", "number": "DLE-26-CANARY", "holder": "Maria Rossi"},
    )
    assert body.work() == 1

    [came] = body.receiver.received
    [event] = body.feed()["data"]
    assert came.event == event
    assert came.id == event["id"]
    assert event["data"] == {
        "credential": "crd_1",
        "decision": "dec_1",
        "document": "doc_1",
        "format": "vc+jwt",
    }
    assert not any(canary in came.content for canary in (b"canary", b"CANARY", b"Rossi"))
    assert Webhook(made["secret"]).verify(came.content, dict(came.headers)) == event
    assert came.signed_by(made["secret"])
    for wrong in (came.content.replace(b"crd_1", b"crd_2"), came.content + b" "):
        with pytest.raises(WebhookVerificationError):
            Webhook(made["secret"]).verify(wrong, dict(came.headers))


def test_an_endpoint_hears_of_what_it_asked_for_and_of_what_happens_from_now_on(body: Body) -> None:
    revoked(body, "crd_before")
    body.endpoint("/revoked", types=["credential.revoked"])
    body.endpoint("/all")
    revoked(body, "crd_1")
    body.happens("dossier.submitted", about={"dossier": "dos_1"})
    body.happens("evidence.added", about={"dossier": "dos_1"})
    body.work()
    assert sorted((each.path, each.event["type"]) for each in body.receiver.received) == [
        ("/all", "credential.revoked"),
        ("/all", "dossier.submitted"),
        ("/revoked", "credential.revoked"),
    ]


def test_one_organisation_never_hears_of_anothers_events(body: Body, other: Body) -> None:
    body.endpoint("/ours")
    other.endpoint("/theirs")
    revoked(other, "crd_theirs")
    revoked(body, "crd_ours")
    body.work()
    assert {(each.path, each.event["data"]["credential"]) for each in body.receiver.received} == {
        ("/ours", "crd_ours"),
        ("/theirs", "crd_theirs"),
    }


def test_an_event_has_one_delivery_to_an_endpoint_however_many_spread_it(body: Body) -> None:
    body.endpoint()
    revoked(body, *(f"crd_{number}" for number in range(30)))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: body.spread(), range(4)))
    assert len(body.deliveries()) == 30


def test_a_failure_is_tried_again_by_the_same_id_as_often_as_said_and_then_given_up(body: Body) -> None:
    made = body.endpoint()
    body.receiver.answers = lambda _: 503
    revoked(body, "crd_1")
    waits = []
    while body.work():
        [delivery] = body.deliveries()
        if delivery.state is WebhookDeliveryState.GIVEN_UP:
            break
        waits.append(delivery.due_at - body.clock.now())
        body.clock.at = delivery.due_at + REST
    assert len(body.receiver.received) == len(RETRIES) + 1 == 10
    assert len(set(body.receiver.ids)) == 1
    assert all(plan <= wait <= plan * 1.1 for plan, wait in zip(RETRIES, waits, strict=True))
    path = f"{ENDPOINTS}/{made['id']}/deliveries"
    [shown] = body.api.get(path, params={"state": "given_up"}).json()["data"]
    assert (shown["attempts"], shown["status_code"], shown["next_try_at"]) == (10, 503, None)

    body.receiver.answers = lambda _: 204
    assert body.work() == 0
    assert body.api.post(f"{path}/{shown['id']}/replay").status_code == 202
    body.move(REST * 2)  # an endpoint that fails is left alone for a moment
    assert body.work() == 1
    assert len(set(body.receiver.ids)) == 1
    assert states(body) == {"delivered": 1}


def test_many_that_failed_together_do_not_come_again_together() -> None:
    times = {next_try(3, drawn=drawn, at=START) for drawn in range(1000)}
    assert len(times) == 1000
    assert next_try(len(RETRIES) + 1, drawn=0, at=START) is None


def test_a_later_event_about_the_same_thing_waits_for_the_earlier_and_others_do_not(body: Body) -> None:
    def refuse_the_first(came: Received) -> int:
        return 500 if came.event["type"] == "credential.suspended" else 204

    body.endpoint()
    body.receiver.answers = refuse_the_first
    for topic in ("credential.suspended", "credential.reinstated", "credential.revoked"):
        body.happens(topic, about={"credential": "crd_slow"})
    revoked(body, "crd_other")
    body.work()
    body.move(REST * 2)
    body.work()
    # Those two went out together, so either may have arrived first.
    first = [(each.event["type"], each.event["data"]["credential"]) for each in body.receiver.received[:2]]
    assert sorted(first) == [("credential.revoked", "crd_other"), ("credential.suspended", "crd_slow")]
    body.receiver.answers = lambda _: 204
    body.receiver.received.clear()
    body.move(HOUR)
    body.work()
    assert [each.event["type"] for each in body.receiver.received] == [
        "credential.suspended",
        "credential.reinstated",
        "credential.revoked",
    ]


def test_a_later_event_follows_at_once_when_the_earlier_is_given_up(body: Body) -> None:
    body.endpoint()
    body.receiver.answers = lambda came: 500 if came.event["type"] == "credential.suspended" else 204
    body.happens("credential.suspended")
    body.happens("credential.revoked")
    for _ in range(len(RETRIES)):
        body.work()
        body.clock.at = max(each.due_at for each in body.deliveries()) + REST
    body.work()
    body.move(REST * 2)
    body.work()
    assert [each.state.value for each in body.deliveries()] == ["given_up", "delivered"]


def test_waiting_for_an_earlier_event_keeps_no_courier_busy(body: Body) -> None:
    body.endpoint()
    body.receiver.answers = lambda _: 500
    body.happens("credential.suspended")
    body.happens("credential.revoked")
    body.work()
    body.move(REST * 1)
    first, second = body.deliveries()
    body.clock.at = first.due_at + REST
    body.work()  # it fails again, and waits for minutes
    body.move(REST * 2)
    assert body.courier()._claimed(16) in ([], [(body.id, first.endpoint_id)])
    body.move(LEASE * 1.1)
    body.courier().drain()
    first, second = body.deliveries()
    assert second.due_at == first.due_at


def test_gone_disables_the_endpoint_and_the_feed_says_so(body: Body) -> None:
    made = body.endpoint("/gone")
    body.endpoint("/other", types=["webhook_endpoint.disabled"])
    body.receiver.answers = lambda came: 410 if came.path == "/gone" else 204
    revoked(body, *(f"crd_{number}" for number in range(40)))
    body.work()
    shown = body.api.get(f"{ENDPOINTS}/{made['id']}").json()
    assert (shown["disabled"], shown["disabled_reason"]) == (True, "gone")
    sent = len(body.receiver.received)
    assert sent <= 16  # one wave
    assert body.work() == 1
    said = {"endpoint": made["id"], "reason": "gone"}
    assert body.receiver.received[-1].event["data"] == said == body.feed()["data"][-1]["data"]
    for path in ("test", "replay?after=0"):
        answer = body.api.post(f"{ENDPOINTS}/{made['id']}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (409, "webhook-endpoint-disabled")

    body.receiver.answers = lambda _: 204
    body.receiver.received.clear()
    body.api.patch(f"{ENDPOINTS}/{made['id']}", json={"disabled": False})
    body.move(HOUR)
    body.work()
    assert {f"crd_{number}" for number in range(40)} <= set(told(body))


def test_an_endpoint_that_takes_nothing_for_days_is_disabled(body: Body) -> None:
    made = body.endpoint()
    body.receiver.answers = lambda _: 500
    for day in range(7):
        revoked(body, f"crd_{day}")
        body.work()
        body.move(timedelta(days=1))
    assert body.row(made["id"]).disabled_reason == "failing"
    assert "webhook_endpoint.disabled" in [each["type"] for each in body.feed()["data"]]


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 429, 500])
def test_only_a_yes_is_a_yes_and_no_redirect_is_followed(body: Body, status: int) -> None:
    body.endpoint()
    body.receiver.answers = lambda _: status
    revoked(body, "crd_1")
    body.work()
    [delivery] = body.deliveries()
    assert (delivery.state, delivery.status_code) == (WebhookDeliveryState.WAITING, status)
    assert len(body.receiver.received) == 1


def test_a_dead_endpoint_keeps_no_other_waiting(body: Body) -> None:
    body.endpoint("/dead")
    body.endpoint("/alive")
    body.receiver.answers = lambda came: None if came.path == "/dead" else 204
    revoked(body, *(f"crd_{number}" for number in range(60)))
    body.work()
    paths = Counter(each.path for each in body.receiver.received)
    assert paths["/alive"] == 60
    assert paths["/dead"] <= 16
    assert states(body) == {"delivered": 60, "waiting": 60}


def test_for_a_day_after_a_rotation_both_secrets_verify_and_then_the_new_one_alone(body: Body) -> None:
    made = body.endpoint()
    rotated = body.api.post(f"{ENDPOINTS}/{made['id']}/secret-rotation")
    assert rotated.headers["Cache-Control"] == "no-store"
    old, new = made["secret"], rotated.json()["secret"]
    assert old != new
    for moved, expected in ((timedelta(0), (True, True)), (timedelta(hours=24), (False, True))):
        body.move(moved)
        body.receiver.received.clear()
        body.api.post(f"{ENDPOINTS}/{made['id']}/test")
        body.work()
        [came] = body.receiver.received
        assert (came.signed_by(old), came.signed_by(new)) == expected
        assert len(came.signatures) == sum(expected)


def test_a_secret_that_is_replaced_again_within_its_day_signs_until_that_day_is_over(body: Body) -> None:
    """Whoever did not get the answer asks again, and meanwhile verifies by the secret that they have."""
    made = body.endpoint()
    path = f"{ENDPOINTS}/{made['id']}/secret-rotation"
    first = body.api.post(path).json()["secret"]
    body.move(timedelta(hours=1))
    last = body.api.post(path).json()
    assert (
        last["former_secret_until"] == body.api.get(f"{ENDPOINTS}/{made['id']}").json()["former_secret_until"]
    )
    given = (made["secret"], first, last["secret"])
    for moved, expected in (
        (timedelta(hours=23) - timedelta(seconds=1), (True, True, True)),
        (timedelta(seconds=1), (False, True, True)),
        (timedelta(hours=1), (False, False, True)),
    ):
        body.move(moved)
        body.receiver.received.clear()
        body.api.post(f"{ENDPOINTS}/{made['id']}/test")
        body.work()
        [came] = body.receiver.received
        assert tuple(came.signed_by(secret) for secret in given) == expected
        assert len(came.signatures) == sum(expected)


def test_a_rotation_that_is_sent_again_with_its_key_replaces_nothing_and_shows_no_secret(body: Body) -> None:
    made, key = body.endpoint(), {"Idempotency-Key": "a-rotation"}
    path = f"{ENDPOINTS}/{made['id']}/secret-rotation"
    first, again = (body.api.post(path, headers=key) for _ in range(2))
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json() == {**first.json(), "secret": None}
    assert len(body.row(made["id"]).former_secrets) == 1


def test_a_secret_is_replaced_no_more_often_than_all_that_was_promised_can_sign(body: Body) -> None:
    made = body.endpoint()
    path = f"{ENDPOINTS}/{made['id']}/secret-rotation"
    answers = [body.api.post(path) for _ in range(MOST_FORMER + 1)]
    assert {each.status_code for each in answers[:-1]} == {200}
    assert (answers[-1].status_code, answers[-1].json()["code"]) == (409, "secret-rotated-often")
    body.move(OVERLAP)
    assert body.api.post(path).status_code == 200


def test_a_test_sends_a_ping_that_stands_in_no_feed(body: Body) -> None:
    made = body.endpoint(types=["credential.issued"])
    sent = body.api.post(f"{ENDPOINTS}/{made['id']}/test")
    assert (sent.status_code, sent.json()["type"], sent.json()["state"]) == (202, "ping", "waiting")
    body.work()
    [came] = body.receiver.received
    assert (came.event["type"], came.event["data"]) == ("ping", {})
    assert came.id == came.event["id"] == sent.json()["event_id"]
    assert body.feed()["data"] == []
    [shown] = body.api.get(f"{ENDPOINTS}/{made['id']}/deliveries").json()["data"]
    assert (shown["state"], shown["status_code"], shown["attempts"]) == ("delivered", 204, 1)


def test_everything_since_a_cursor_is_sent_once_more(body: Body) -> None:
    made = body.endpoint()
    revoked(body, "crd_0", "crd_1", "crd_2")
    body.work()
    first, *_ = body.feed()["data"]
    ids = set(body.receiver.ids)
    body.receiver.received.clear()
    answer = body.api.post(f"{ENDPOINTS}/{made['id']}/replay", params={"after": first["cursor"]})
    assert answer.status_code == 202
    body.work()
    assert sorted(told(body)) == ["crd_1", "crd_2"]
    assert set(body.receiver.ids) < ids
    late = body.api.post(f"{ENDPOINTS}/{made['id']}/replay", params={"after": "99999"})
    assert (late.status_code, late.json()["code"]) == (422, "cursor-unknown")


def test_a_replay_leaves_its_work_to_the_worker_who_takes_it_in_stretches(
    body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = body.endpoint()
    revoked(body, *(f"crd_{number}" for number in range(6)))
    body.work()
    body.receiver.received.clear()
    body.api.post(f"{ENDPOINTS}/{made['id']}/replay", params={"after": "0"})
    assert states(body) == {"delivered": 6}
    monkeypatch.setattr(spreading, "STRETCH", 3)
    while states(body)["waiting"] == 0:
        spreading.duty(body.ports)
    assert states(body)["waiting"] <= 3
    body.work()
    assert Counter(told(body)) == {f"crd_{number}": 1 for number in range(6)}


def test_one_organisation_never_takes_every_courier_and_an_endpoint_of_it_comes_in_turns(
    body: Body, other: Body
) -> None:
    for number in range(SHARE + 2):
        body.endpoint(f"/busy{number}")
    revoked(body, *(f"crd_{number}" for number in range(WAVE * WAVES + 1)))
    body.spread()
    body.move(timedelta(seconds=1))
    calm = other.endpoint("/calm")
    revoked(other, "crd_calm")
    other.spread()

    courier = body.courier()
    places = courier._claimed(VISITS)
    assert [owner for owner, _ in places] == [body.id, other.id, *[body.id] * (SHARE - 1)]
    assert (other.id, calm["id"]) in places
    assert courier._claimed(VISITS) == body.courier()._claimed(VISITS) == []
    busy = places[0]
    assert anyio.run(courier._visit, busy, threading.Event()) == WAVE * WAVES
    assert len(courier._claimed(VISITS)) == 1


def test_deliveries_age_out_after_a_month_and_are_replayed_no_further_back(body: Body) -> None:
    made = body.endpoint()
    revoked(body, *(f"crd_{number}" for number in range(3)))
    body.work()
    ageing = spreading.ageing(body.ports)
    ageing()
    assert len(body.deliveries()) == 3
    body.move(KEPT + timedelta(seconds=1))
    ageing()
    assert not body.deliveries()
    revoked(body, "crd_late")
    body.work()
    body.receiver.received.clear()
    body.api.post(f"{ENDPOINTS}/{made['id']}/replay", params={"after": "0"})
    body.work()
    assert told(body) == ["crd_late"]


def test_deliveries_are_listed_in_pages_the_latest_first(body: Body) -> None:
    made = body.endpoint()
    revoked(body, *(f"crd_{number}" for number in range(5)))
    body.work()
    path, cursor, seen = f"{ENDPOINTS}/{made['id']}/deliveries", None, []
    while True:
        page = body.api.get(path, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [each["event_id"] for each in page["data"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == [each["id"] for each in reversed(body.feed()["data"])]


def test_an_endpoint_that_is_removed_while_deliveries_wait_ends_them(body: Body) -> None:
    made = body.endpoint()

    def remove_it(came: Received) -> int:
        del came
        with ThreadPoolExecutor(1) as beside:  # this thread is the receiver's loop
            gone = beside.submit(body.api.delete, f"{ENDPOINTS}/{made['id']}").result()
        assert gone.status_code in {204, 404}
        return 204

    body.receiver.answers = remove_it
    revoked(body, *(f"crd_{number}" for number in range(20)))
    body.work()
    assert not body.deliveries()
    assert body.work() == 0


def inside() -> Callable[[str], list[str]]:
    return lambda _: ["169.254.169.254"]


def rebinding() -> Callable[[str], list[str]]:
    """A name that is a public one's when it is registered, and leads inside from then on."""
    answers = iter([["93.184.215.14"]])
    return lambda _: next(answers, ["127.0.0.1"])


@pytest.mark.parametrize("named", [inside, rebinding])
def test_a_name_that_leads_inside_is_never_connected_to(
    body: Body, named: Callable[[], Callable[[str], list[str]]]
) -> None:
    with outside({}) as canary:
        assert body.ports.hooks is not None
        postman = body.receiver.postman(named())
        postman._openings, postman._port = frozenset(), canary.port
        body.ports = replace(body.ports, hooks=Hooks(postman, body.ports.hooks.vault))
        answer = body.api.post(ENDPOINTS, json={"url": body.receiver.url()})
        if named is inside:
            assert (answer.status_code, answer.json()["code"]) == (422, "webhook-address-refused")
        else:
            assert answer.status_code == 201
            revoked(body, "crd_1")
            body.work()
            [delivery] = body.deliveries()
            assert (delivery.state, delivery.error) == (WebhookDeliveryState.WAITING, "address-refused")
        assert canary.connections == 0
    assert body.receiver.connections == 0


def test_a_secret_that_cannot_be_opened_disables_the_endpoint_until_it_is_rotated(body: Body) -> None:
    made = body.endpoint()

    class AnotherVault(PlainVault):
        def open(self, sealed: bytes, place: str) -> bytes:
            return super().open(sealed, place + "x")

    before = body.ports
    assert before.hooks is not None
    body.ports = replace(before, hooks=Hooks(before.hooks.postman, AnotherVault()))
    revoked(body, "crd_1")
    assert body.work() == 0
    assert body.row(made["id"]).disabled_reason == "secret-unreadable"
    body.ports = before
    body.api.post(f"{ENDPOINTS}/{made['id']}/secret-rotation")
    body.api.patch(f"{ENDPOINTS}/{made['id']}", json={"disabled": False})
    body.work()
    assert "crd_1" in told(body)


def test_a_new_secret_signs_even_where_those_before_it_can_never_be_opened_again(body: Body) -> None:
    made = body.endpoint()
    with body.ports.database.writing(body.id) as session:
        session.get_one(WebhookEndpoint, made["id"]).secret = b"of a key that is gone"
    new = body.api.post(f"{ENDPOINTS}/{made['id']}/secret-rotation").json()["secret"]
    body.api.post(f"{ENDPOINTS}/{made['id']}/test")
    body.work()
    [came] = body.receiver.received
    assert came.signed_by(new)
    assert len(came.signatures) == 1


def test_two_couriers_send_each_event_once_between_them(body: Body) -> None:
    body.endpoint("/one")
    body.endpoint("/other")
    revoked(body, *(f"crd_{number}" for number in range(40)))
    body.spread()
    with ThreadPoolExecutor(3) as pool:
        sent = sum(pool.map(lambda _: body.courier().drain(), range(3)))
    assert sent == len(body.receiver.received) == 80
    assert states(body) == {"delivered": 80}


def test_a_courier_whose_lease_is_over_leaves_the_rest_to_whoever_has_it(body: Body) -> None:
    body.endpoint()
    revoked(body, "crd_1")
    body.spread()
    slow = body.courier()
    [place] = slow._claimed(16)
    body.move(LEASE * 1.1)
    assert body.courier().drain() == 1
    assert slow._next_wave(place, ()) == []


AHEAD = timedelta(days=3)


def taken_and_left(body: Body, endpoint: str) -> None:
    del endpoint
    revoked(body, "crd_1")
    body.spread()
    assert len(body.courier()._claimed(VISITS)) == 1


def spread_alone(body: Body, endpoint: str) -> None:
    del endpoint
    revoked(body, "crd_1")
    body.spread()


def pinged(body: Body, endpoint: str) -> None:
    assert body.api.post(f"{ENDPOINTS}/{endpoint}/test").status_code == 202


def refused(body: Body, endpoint: str) -> None:
    del endpoint
    body.receiver.answers = lambda _: 500
    revoked(body, "crd_1")
    assert body.work() == 1
    body.receiver.answers = lambda _: 204


@pytest.mark.parametrize("happened", [taken_and_left, spread_alone, pinged, refused])
def test_what_a_clock_put_off_that_stood_ahead_is_sent_once_it_is_right(
    body: Body, happened: Callable[[Body, str], None]
) -> None:
    righting = sending.righting(body.ports)
    endpoint = body.endpoint()["id"]
    body.move(AHEAD)
    righting()
    happened(body, endpoint)
    body.move(-AHEAD)
    righting()
    assert body.work() == 1
    assert states(body) == {"delivered": 1}


def test_a_replay_that_was_asked_for_while_the_clock_stood_ahead_is_sent_once_it_is_right(body: Body) -> None:
    endpoint = body.endpoint()["id"]
    revoked(body, "crd_1")
    body.work()
    body.move(AHEAD)
    [sent] = body.deliveries()
    assert body.api.post(f"{ENDPOINTS}/{endpoint}/deliveries/{sent.id}/replay").status_code == 202
    body.move(-AHEAD)
    sending.righting(body.ports)()
    assert body.work() == 1


def test_later_events_of_a_thing_follow_in_their_order_what_a_clock_put_off_that_stood_ahead(
    body: Body,
) -> None:
    body.endpoint()
    body.move(AHEAD)
    refused(body, "")
    body.move(REST * 2)
    body.happens("credential.suspended")
    body.work()
    body.move(-AHEAD)
    sending.righting(body.ports)()
    body.happens("credential.reinstated")
    body.work()
    told_of = [each.event["type"] for each in body.receiver.received]
    assert told_of == [
        "credential.revoked",
        "credential.revoked",
        "credential.suspended",
        "credential.reinstated",
    ]


def test_no_wait_between_tries_is_cut_short_by_putting_right_what_a_clock_got_wrong(body: Body) -> None:
    body.endpoint()
    body.receiver.answers = lambda _: 500
    body.happens("credential.suspended")
    body.happens("credential.revoked")
    for _ in RETRIES:
        body.work()
        body.move(REST * 2)
        body.work()  # what follows in its order is put off with it
        waits = [each.due_at for each in body.deliveries()]
        sending.righting(body.ports)()
        assert [each.due_at for each in body.deliveries()] == waits
        body.clock.at = max(waits)


def test_where_putting_right_fails_it_keeps_no_other_organisation_waiting(
    body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.tokens(body.ports, (Role.ADMINISTRATOR,))
    tried = []

    def fail(*args: object, **_: object) -> None:
        tried.append(args)
        raise RuntimeError

    monkeypatch.setattr(queries, "put_right", fail)
    sending.righting(body.ports)()
    assert len(tried) == len(body.ports.database.places())


def test_a_lease_that_stands_is_not_ended_by_putting_right_what_a_clock_got_wrong(body: Body) -> None:
    body.endpoint()
    revoked(body, "crd_1")
    body.spread()
    [(_, endpoint)] = body.courier()._claimed(VISITS)
    sending.righting(body.ports)()
    assert body.row(endpoint).lease_until == body.clock.at + LEASE


def test_a_worker_that_is_killed_between_sending_and_writing_sends_the_same_again(
    body: Body, database_url: str, tmp_path: Path
) -> None:
    names = [f"crd_{number}" for number in range(40)]
    body.endpoint()
    revoked(body, *names)
    body.spread()
    given = {
        "database": database_url,
        "port": body.receiver.port,
        "authority": str(body.receiver.tls.authority),
        "at": body.clock.now().isoformat(),
    }
    said = tmp_path / "said"
    with said.open("w") as into:
        machine = subprocess.Popen(
            [sys.executable, "-m", "tests.events.carrying", json.dumps(given)], stderr=into
        )

    def kill_in_the_second_wave(came: Received) -> int | None:
        del came
        if len(body.receiver.received) > 20:
            machine.kill()
            return None
        return 204

    body.receiver.answers = kill_in_the_second_wave
    assert machine.wait(60) == -signal.SIGKILL, said.read_text()
    before = Counter(body.receiver.ids)
    assert 20 < len(before) < 40
    unwritten = [each for each in body.deliveries() if each.state is WebhookDeliveryState.WAITING]
    again = {each.event_id for each in unwritten} & set(before)
    assert again

    body.receiver.answers = lambda _: 204
    assert body.work() == 0  # its lease still stands
    body.move(LEASE * 1.1)
    body.work()
    assert states(body) == {"delivered": 40}
    assert set(told(body)) == set(names)
    assert len(set(body.receiver.ids)) == 40  # each by its own id, however often
    assert {name for name, times in Counter(body.receiver.ids).items() if times > 1} == again
