"""The association that these tests stand in."""

import pytest

from app.ports import Ports
from tests.renewal import members


@pytest.fixture
def house(ports: Ports) -> members.House:
    return members.opened(ports)
