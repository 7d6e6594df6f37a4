"""The case that these tests are about."""

import pytest

from app.ports import Ports
from tests.assessments.case import Case
from tests.furnished import Furnishing


@pytest.fixture
def furnishing() -> Furnishing:
    return Furnishing("case", Case)


@pytest.fixture
def case(ports: Ports, furniture: Case) -> Case:
    return furniture.on(ports)
