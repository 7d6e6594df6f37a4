"""The ground of journeys through a token: keys as an operator makes them, once for all of these tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.hsm import Ground, Operator, ground_in
from tests.pki.serving import town


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with town() as opened, ground_in(tmp_path_factory.mktemp("body"), opened) as made:
        yield made


@pytest.fixture
def operator(ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Operator]:
    """An operator with a copy of it all; what the authorities answer in a test ends with it."""
    there = ground.town
    answers, now = dict(there.site.answers), there.now
    yield ground.copied(tmp_path, monkeypatch)
    there.site.answers, there.now = answers, now
    there.pki.revoked.clear()
