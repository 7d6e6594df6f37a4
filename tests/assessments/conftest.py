"""The case that these tests are about."""

import pytest

from app.ports import Ports
from tests.assessments.case import Case


@pytest.fixture
def case(ports: Ports) -> Case:
    return Case(ports)
