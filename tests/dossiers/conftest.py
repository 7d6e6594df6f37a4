import pytest

from app.ports import Ports
from tests.dossiers import steps


@pytest.fixture
def cast(ports: Ports) -> steps.Cast:
    return steps.cast(ports)
