import pytest

from app.ports import Ports
from tests.dossiers import steps
from tests.furnished import Furnishing


@pytest.fixture
def furnishing() -> Furnishing:
    return Furnishing("cast", steps.cast)


@pytest.fixture
def cast(ports: Ports, furniture: steps.Cast) -> steps.Cast:
    return furniture.on(ports)
