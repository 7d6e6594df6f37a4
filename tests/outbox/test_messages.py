import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.core.db import EVERY_ORGANISATION, Database
from app.outbox import messages
from app.outbox.messages import LEASE, SELDOM, GivenUp, Message, NotYet, TriedSeldom
from app.outbox.worker import Worker
from tests import make
from tests.fakes import SetClock

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def left(database: Database, count: int = 1, topic: str = "work", at: datetime = AT) -> None:
    with database.writing() as session:
        organisation_id = make.organisation(session, AT).organisation.id
        for number in range(count):
            messages.leave(session, topic, {"n": number}, organisation_id=organisation_id, at=at)


def waiting(database: Database) -> list[Message]:
    query = select(Message).where(Message.done_at.is_(None))
    with database.reading() as session:
        return list(session.scalars(query, execution_options=EVERY_ORGANISATION))


def test_a_message_left_in_a_transaction_that_fails_was_never_there(database: Database) -> None:
    with database.writing() as session:
        organisation_id = make.organisation(session, AT).organisation.id
    with database.writing(organisation_id) as session:
        messages.leave(session, "work", {}, organisation_id=organisation_id, at=AT)
        session.flush()
        session.rollback()
    assert waiting(database) == []


def test_four_workers_never_do_one_message_twice(database: Database) -> None:
    left(database, 100)
    done: Counter[int] = Counter()
    lock = threading.Lock()
    start = threading.Barrier(4)

    def carry_out(message: Message) -> None:
        with lock:
            done[int(str(message.body["n"]))] += 1

    def work() -> None:
        start.wait()
        Worker(database, SetClock(AT), {"work": carry_out}).drain()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done.items()) == [(number, 1) for number in range(100)]
    assert waiting(database) == []


def test_work_that_failed_is_tried_again_later_and_keeps_no_words_of_the_failure(database: Database) -> None:
    left(database)
    clock = SetClock(AT)
    attempts: list[int] = []

    def carry_out(message: Message) -> None:
        attempts.append(message.attempts)
        if len(attempts) < 3:
            raise ValueError("Anna Bianchi")

    worker = Worker(database, clock, {"work": carry_out})
    assert worker.run_once() == 0
    assert waiting(database)[0].last_error == "ValueError"
    assert worker.run_once() == 0
    assert attempts == [1]
    for _ in range(2):
        clock.move(timedelta(minutes=10))
        worker.run_once()
    assert attempts == [1, 2, 3]
    assert waiting(database) == []


def test_a_lease_that_ran_out_lets_another_worker_take_over_and_the_first_settles_nothing(
    database: Database,
) -> None:
    left(database)
    with database.writing() as session:
        (first,) = messages.claim(session, "one", topics=["work"], at=AT, limit=1)
    with database.writing() as session:
        assert messages.claim(session, "two", topics=["work"], at=AT, limit=1) == []
    later = AT + LEASE + timedelta(seconds=1)
    with database.writing() as session:
        (second,) = messages.claim(session, "two", topics=["work"], at=later, limit=1)
    with database.writing() as session:
        assert not messages.finish(session, first, "one", at=later)
        assert messages.finish(session, second, "two", at=later)
    assert waiting(database) == []


def test_a_message_for_later_waits_until_it_is_due(database: Database) -> None:
    with database.writing() as session:
        organisation_id = make.organisation(session, AT).organisation.id
        due = AT + timedelta(days=30)
        messages.leave(session, "work", {}, organisation_id=organisation_id, at=AT, due_at=due)
    clock = SetClock(AT)
    done: list[Message] = []
    worker = Worker(database, clock, {"work": done.append})
    worker.drain()
    assert done == []
    clock.move(timedelta(days=30))
    worker.drain()
    assert len(done) == 1


def test_a_duty_that_fails_keeps_no_message_and_no_other_duty_waiting(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    left(database)
    done: list[str] = []

    def fails() -> None:
        raise ValueError("a chain that is broken")

    topics = {"work": lambda message: done.append(message.topic)}
    worker = Worker(database, SetClock(AT), topics, duties=(fails, lambda: done.append("duty")))
    assert worker.run_once() == 1
    assert done == ["duty", "work"]
    assert "duty.failed" in [record.message for record in caplog.records]


AHEAD = timedelta(hours=3)


def test_a_lease_that_a_clock_gave_which_stood_ahead_ends_once_it_is_right(database: Database) -> None:
    left(database)
    with database.writing() as session:
        (message,) = messages.claim(session, "one", at=AT + AHEAD, limit=1, topics=["work"])
    with database.writing() as session:
        (again,) = messages.claim(session, "two", at=AT, limit=1, topics=["work"])
        assert (again.id, again.lease_until) == (message.id, AT + LEASE)


@pytest.mark.parametrize("what", ["left", "put back", "left anew", "asked for again"])
def test_what_a_clock_put_off_that_stood_ahead_is_done_once_it_is_right(
    database: Database, what: str
) -> None:
    clock = SetClock(AT + AHEAD)
    left(database, at=clock.at if what == "left" else AT)
    done: list[str] = []

    def carry_out(message: Message) -> datetime | None:
        done.append(message.id)
        if clock.at == AT:
            return None
        if what == "put back":
            raise NotYet
        return clock.at + timedelta(days=30) if what == "left anew" else None

    worker = Worker(database, clock, {"work": carry_out})
    if what != "left":
        worker.run_once()
        assert len(done) == 1
    if what == "asked for again":
        with database.writing() as session:
            messages.ask_again(session, done, at=clock.at)
    clock.at = AT
    worker.drain()
    assert (len(done), waiting(database)) == (1 if what == "left" else 2, [])


def test_what_was_left_by_a_clock_that_stood_ahead_and_fails_is_tried_as_seldom_as_all_else(
    database: Database,
) -> None:
    left(database, at=AT + AHEAD)
    clock = SetClock(AT)
    tried: list[str] = []

    def carry_out(message: Message) -> None:
        tried.append(message.id)
        raise NotYet

    worker = Worker(database, clock, {"work": carry_out})
    for _ in range(3):
        worker.run_once()
    assert len(tried) == 1
    clock.move(timedelta(seconds=2))
    worker.run_once()
    assert len(tried) == 2


def test_two_machines_whose_clocks_differ_a_little_do_nothing_before_it_is_due(database: Database) -> None:
    left(database, at=AT + LEASE)
    with database.writing() as session:
        assert messages.claim(session, "one", at=AT, limit=1, topics=["work"]) == []


def test_what_has_its_day_is_not_done_before_it(database: Database) -> None:
    with database.writing() as session:
        organisation_id = make.organisation(session, AT).organisation.id
        later = AT + timedelta(days=400)
        messages.leave(session, "work", {}, organisation_id=organisation_id, at=AT, due_at=later)
    with database.writing() as session:
        assert messages.claim(session, "one", at=AT, limit=1, topics=["work"]) == []


def test_duties_do_not_wait_for_work_that_takes_its_time(database: Database) -> None:
    left(database)
    begun, attended, stop = threading.Event(), threading.Event(), threading.Event()

    def carry_out(message: Message) -> None:
        del message
        begun.set()
        assert attended.wait(30)
        stop.set()

    def duty() -> None:
        if begun.is_set():
            attended.set()

    Worker(database, SetClock(AT), {"work": carry_out}, duties=[duty]).run(stop)
    assert waiting(database) == []


def test_what_is_given_up_is_not_tried_again_until_somebody_asks(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    left(database)
    clock = SetClock(AT)
    tried: list[str] = []

    def carry_out(message: Message) -> None:
        tried.append(message.id)
        if len(tried) == 1:
            raise GivenUp("There is nobody to ask.")

    worker = Worker(database, clock, {"work": carry_out})
    for _ in range(3):
        worker.run_once()
        clock.move(timedelta(days=1))
    assert (len(tried), waiting(database)) == (1, [])
    (said,) = [record for record in caplog.records if record.message == "message.given-up"]
    assert (said.__dict__["reason"], said.exc_info) == ("There is nobody to ask.", None)
    with database.writing() as session:
        messages.ask_again(session, tried, at=clock.at)
    worker.run_once()
    assert (len(tried), waiting(database)) == (2, [])


def test_what_is_tried_seldom_waits_for_hours_in_the_end(database: Database) -> None:
    left(database)
    clock = SetClock(AT)

    def carry_out(message: Message) -> None:
        raise TriedSeldom(message.id)

    worker = Worker(database, clock, {"work": carry_out})
    waits = []
    for _ in range(20):
        worker.run_once()
        (message,) = waiting(database)
        waits.append(message.due_at - clock.at)
        clock.at = message.due_at
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(seconds=2), SELDOM)


def test_work_that_names_an_instant_comes_again_then(database: Database) -> None:
    left(database)
    clock = SetClock(AT)
    again = AT + timedelta(days=365)
    done: list[datetime] = []

    def carry_out(message: Message) -> datetime | None:
        done.append(message.due_at)
        return again if len(done) == 1 else None

    worker = Worker(database, clock, {"work": carry_out})
    worker.drain()
    clock.at = again
    worker.drain()
    assert (done, waiting(database)) == ([AT, again], [])


def test_a_worker_leaves_alone_what_is_not_of_its_topics(database: Database) -> None:
    left(database)
    waited: list[Message] = []
    Worker(database, SetClock(AT), {"other": waited.append}).drain()
    assert [message.attempts for message in waiting(database)] == [0]
