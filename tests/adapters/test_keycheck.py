"""What is said of certificates before they end: in the log of a running service, once a day."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from app.adapters.keycheck import ExpiryWatch
from app.ports import Slot
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    said = [(record.levelname, str(vars(record)["reason"])) for record in caplog.records]
    caplog.clear()
    return said


def test_the_log_says_once_a_day_what_ends_soon(caplog: pytest.LogCaptureFixture) -> None:
    clock = SetClock(AT)
    watch = ExpiryWatch(MemoryKeys(AT, development=False, life=100 * DAY), clock)
    with caplog.at_level(logging.WARNING, logger="sigillo.keys"):
        watch()
        assert told(caplog) == []
        clock.move(10 * DAY)
        for _ in range(3):
            watch()
        warned = told(caplog)
        assert len(warned) == len(Slot)
        assert warned[0] == ("WARNING", "the certificate for seal ends in 90 days")
        clock.move(85 * DAY)
        watch()
        assert told(caplog)[0] == ("ERROR", "the certificate for seal ends in 5 days")
        clock.move(6 * DAY)
        watch()
        assert told(caplog)[0] == ("ERROR", "the certificate for seal has ended")


def test_of_keys_for_trying_things_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="sigillo.keys"):
        ExpiryWatch(MemoryKeys(AT, life=DAY), SetClock(AT))()
    assert told(caplog) == []
