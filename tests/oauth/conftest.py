"""A house with a client that may do two things, and ways to call it."""

import pytest

from app.ports import Ports
from tests.oauth.house import House


@pytest.fixture
def house(ports: Ports) -> House:
    return House(ports)
