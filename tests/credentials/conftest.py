"""The registry that these tests stand in."""

from dataclasses import replace

import pytest

from app.ports import Ports
from tests.credentials.office import Office
from tests.furnished import Furnishing


@pytest.fixture
def furnishing() -> Furnishing:
    return Furnishing("office", Office.opened)


@pytest.fixture
def office(ports: Ports, furniture: Office) -> Office:
    return replace(furniture, ports=ports)
