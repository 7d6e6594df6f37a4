"""The device, which has only the list, and the service say the same of what a review ended."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from app.organisations.models import Mode
from app.ports import Slot
from tests.browser.site import Site, served
from tests.browser.test_agreement import by_the_service, on_the_device
from tests.browser.test_issued import published
from tests.browser.visitor import Visitor
from tests.renewal import members
from tests.renewal.members import House
from tests.renewal.renewing import DAY, accept_all, approved, credential, enough, filed, refuse
from tests.renewal.test_bridging import LAST, bridge_of


@pytest.fixture
def later(sqlite_template: Path, tmp_path: Path) -> Iterator[Site]:
    """A service of its own: its years go by, and its keys with them."""
    shutil.copy(sqlite_template, tmp_path / "sigillo.db")
    with served(tmp_path / "sigillo.db", tmp_path / "files") as site:
        yield site


def aside(step: Callable[..., Any], *given: Any) -> Any:
    """Take a step of the office's in another thread: in this one the browser has its event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(step, *given).result()


@pytest.mark.parametrize("outcome", ["refused", "approved"])
def test_both_say_the_same_of_a_bridge(page: Page, later: Site, outcome: str) -> None:
    house = members.opened(later.ports, mode=Mode.LIVE)
    enough(house, provider="Scuola di prova")
    house.go_to(LAST - timedelta(days=30))
    for slot in Slot:
        later.keys.rotate(slot, house.now)
    renewal = aside(filed, house)
    house.go_to(LAST - DAY)
    published(later)
    house.go_to(date(2030, 1, 10))
    published(later)
    visitor = Visitor(page, later)
    visitor.opens()
    agree(visitor, house, "valid")
    if outcome == "refused":
        assert aside(refuse, house, renewal).status_code == 200
    else:
        accept_all(house)
        aside(approved, house, renewal)
    published(later)
    agree(visitor, house, "invalid", "superseded-listed")
    if outcome == "approved":
        for made in credential(house).periods[-1].documents:
            here, there = on_the_device(visitor, later, made.token), by_the_service(later, made.token)
            assert here["result"] == there["result"] == "valid"
    assert visitor.complaints == []


def agree(visitor: Visitor, house: House, result: str, code: str = "newest") -> None:
    for made in bridge_of(house).documents:
        here, there = (
            on_the_device(visitor, visitor.site, made.token),
            by_the_service(visitor.site, made.token),
        )
        assert here["result"] == there["result"] == result
        assert {check["id"]: check["code"] for check in here["checks"]}["superseded"] == code
