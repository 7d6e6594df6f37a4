"""The registry that these tests stand in."""

import pytest

from app.ports import Ports
from tests.credentials.office import Office


@pytest.fixture
def office(ports: Ports) -> Office:
    return Office.opened(ports)
