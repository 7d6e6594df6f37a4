"""The association that these tests stand in."""

from datetime import timedelta
from typing import Final

import pytest

from app.ports import Ports
from tests.conftest import START
from tests.fakes_keys import MemoryKeys
from tests.furnished import Furnishing
from tests.renewal import members

LONG: Final = timedelta(days=3000)


@pytest.fixture(scope="session")
def keys() -> MemoryKeys:
    """Keys that outlive a credential and its renewal: what this folder is about comes after years."""
    return MemoryKeys(START, life=LONG)


@pytest.fixture
def furnishing() -> Furnishing:
    return Furnishing("house", members.opened)


@pytest.fixture
def house(ports: Ports, furniture: members.House) -> members.House:
    return furniture.on(ports)
