"""A short run over the served contract: the long one is `python -m tests.contract.fuzzing` (`make fuzz`)."""

from pathlib import Path

import pytest

from tests import postgres
from tests.contract.fuzzing import NOBODY, Tally, callers, fuzz
from tests.contract.served import served

SEED = 20261120
# Of everybody who may be asked as, those who get furthest, on either database.
ASKING = {"sqlite": ("holder", NOBODY), "postgresql": ("secretariat",)}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_is_served_keeps_its_word(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = None
    if kind == "postgresql":
        server: postgres.PrivateServer = request.getfixturevalue("postgres_server")
        url = server.create_database("fuzzed", template="template")
    tally = Tally()
    with served(tmp_path, url) as at:
        everybody = callers(at.world)
        for who in ASKING[kind]:
            fuzz(
                at,
                who=who,
                token=everybody[who],
                tally=tally,
                examples=1,
                seed=SEED,
                phases=("examples", "fuzzing"),
                seconds=20,
            )
        log = at.log.read_text()

    assert tally.total > 50
    assert not tally.findings, "\n".join(tally.lines())
    assert '"event": "unexpected"' not in log
