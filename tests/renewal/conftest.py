"""The association that these tests stand in."""

import pytest

from app.ports import Ports
from tests.furnished import Furnishing
from tests.renewal import members


@pytest.fixture
def furnishing() -> Furnishing:
    return Furnishing("house", members.opened)


@pytest.fixture
def house(ports: Ports, furniture: members.House) -> members.House:
    return furniture.on(ports)
