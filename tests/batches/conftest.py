"""The body that these tests stand in."""

from dataclasses import replace

import pytest

from app.ports import Ports
from tests.batches.desk import Desk
from tests.furnished import Furnishing


@pytest.fixture
def furnishing() -> Furnishing:
    return Furnishing("desk", Desk.opened)


@pytest.fixture
def desk(ports: Ports, furniture: Desk) -> Desk:
    return replace(furniture, ports=ports)
