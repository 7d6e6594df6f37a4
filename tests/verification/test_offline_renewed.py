"""Whoever has only the list, and whoever asks the register, are told the same of what a review ended."""

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from app.organisations.models import Mode
from app.ports import Ports
from app.verification import offline
from tests.conftest import START
from tests.fakes_keys import MemoryKeys
from tests.renewal import members
from tests.renewal.members import House
from tests.renewal.renewing import DAY, accept_all, approved, credential, refuse, verified
from tests.renewal.test_bridging import LAST, bridge_of, under_review

REFUSED_ON = date(2029, 12, 10)
APPROVED_ON = date(2030, 1, 10)


@pytest.fixture(params=["sqlite"])
def database_url(database_url: str) -> str:
    """What asks no database is tried beside one."""
    return database_url


@pytest.fixture
def keys() -> MemoryKeys:
    return MemoryKeys(START, development=False, life=timedelta(days=3000))


@pytest.fixture
def house(ports: Ports, keys: MemoryKeys) -> House:
    """A house that means what it issues."""
    return members.opened(replace(ports, signer=keys), mode=Mode.LIVE)


def bridged(house: House, keys: MemoryKeys) -> dict[str, Any]:
    renewal = under_review(house, keys, LAST - timedelta(days=30))
    house.go_to(LAST - DAY)
    house.work()
    return renewal


def published(house: House) -> None:
    house.work()
    house.ports.clock.at = house.now + timedelta(minutes=2)  # type: ignore[attr-defined] # a set clock
    house.work()


def by_the_list(house: House, text: str) -> dict[str, Any]:
    ask = house.holder.calls.get
    given = offline.keys_in([ask(f"/.well-known/{name}").content for name in ("jwks.json", "qr-keys")])
    lists = [ask(path).content for path in json.loads(ask("/status/index.json").content)["lists"]]
    report, _ = offline.report_on(text.encode(), given, offline.Saved.of(lists, given.keyring), at=house.now)
    return report.as_json()


def codes(report: dict[str, Any]) -> dict[str, str]:
    return {check["id"]: check["code"] for check in report["checks"]}


def documents(house: House) -> list[str]:
    return [each.token for each in bridge_of(house).documents]


def test_a_bridge_whose_renewal_was_refused_is_no_longer_valid_by_its_list(
    house: House, keys: MemoryKeys
) -> None:
    renewal = bridged(house, keys)
    house.go_to(REFUSED_ON)
    published(house)
    for token in documents(house):
        assert by_the_list(house, token)["result"] == verified(house, token)["result"] == "valid"
    assert refuse(house, renewal).status_code == 200
    published(house)
    for token in documents(house):
        here, there = by_the_list(house, token), verified(house, token)
        assert here["result"] == there["result"] == "invalid"
        assert codes(here)["superseded"] == "superseded-listed"
        assert here["credential"]["state"] == "superseded"
        assert "it no longer holds" in here["headline"]["en"]
        # There is no newer document, and nobody says so.
        assert "it ended early, or a newer document" in str(here["checks"])


def test_a_bridge_that_never_began_does_not_make_anybody_wait_for_its_first_day(
    house: House, keys: MemoryKeys
) -> None:
    renewal = bridged(house, keys)
    assert refuse(house, renewal).status_code == 200
    published(house)
    for token in documents(house):
        here, there = by_the_list(house, token), verified(house, token)
        assert here["result"] == there["result"] == "invalid"
        assert here["credential"]["state"] == "superseded"
        assert "it no longer holds" in here["headline"]["en"]


def test_a_bridge_whose_renewal_was_approved_gave_way_to_it_by_its_list(
    house: House, keys: MemoryKeys
) -> None:
    renewal = bridged(house, keys)
    house.go_to(APPROVED_ON)
    accept_all(house)
    approved(house, renewal)
    published(house)
    for token in documents(house):
        here, there = by_the_list(house, token), verified(house, token)
        assert here["result"] == there["result"] == "invalid"
        assert codes(here)["superseded"] == "superseded-listed"
    for made in credential(house).periods[-1].documents:
        here, there = by_the_list(house, made.token), verified(house, made.token)
        assert here["result"] == there["result"] == "valid"
        assert codes(here)["superseded"] == codes(there)["superseded"] == "newest"
