"""A live body with a seal of its own: what it issues is meant."""

from dataclasses import replace

import pytest
from fastapi import FastAPI

from app.main import create_app
from app.ports import Ports
from tests import make
from tests.calling import Caller
from tests.fakes_keys import MemoryKeys
from tests.furnished import Furnishing
from tests.verification.issued import Issued, issued


@pytest.fixture
def live(ports: Ports, bought_keys: MemoryKeys) -> Ports:
    return replace(ports, signer=bought_keys)


@pytest.fixture
def furnishing(bought_keys: MemoryKeys) -> Furnishing:
    return Furnishing("issued", lambda ports: issued(replace(ports, signer=bought_keys)))


@pytest.fixture
def credential(furniture: Issued) -> Issued:
    """Issued today by a live body, in both formats."""
    return furniture


@pytest.fixture
def app(live: Ports) -> FastAPI:
    return create_app(live)


@pytest.fixture
def stranger(app: FastAPI) -> Caller:
    """Somebody without a key, who was shown something."""
    return make.caller(app)
