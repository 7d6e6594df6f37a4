import threading
from datetime import UTC, datetime

from app.core.db import Database
from app.outbox import changes

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def test_changes_become_visible_in_the_order_of_their_numbers(database: Database) -> None:
    start = threading.Barrier(8)
    seen: list[list[int]] = []

    def change(name: str) -> None:
        start.wait()
        for _ in range(5):
            with database.writing() as session:
                changes.announce(session, name, at=AT)
            with database.reading() as session:
                seen.append([found.seq for found in changes.since(session, 0)])

    threads = [threading.Thread(target=change, args=(f"credential:{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in seen)
    with database.reading() as session:
        assert changes.last(session) == 40


def test_a_change_that_is_rolled_back_takes_no_number(database: Database) -> None:
    with database.writing() as session:
        changes.announce(session, "credential:a", at=AT)
        session.rollback()
    with database.writing() as session:
        assert changes.announce(session, "credential:b", at=AT) == 1
