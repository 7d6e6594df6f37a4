"""Two processes of the service on one PostgreSQL database: what one does holds for the other."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from threading import Barrier
from time import monotonic, sleep
from typing import Any, Final

import pytest

from app.client import Patience, Refused, Sigillo
from app.main import production_ports
from app.settings import Settings
from tests.batches.desk import Desk
from tests.postgres import PrivateServer
from tests.serving import PATIENCE_SECONDS, free_port, serving, settings

REQUESTS: Final = 200
PATIENT: Final = Patience(attempts=60, seconds=120)
SARA: Final[Any] = {
    "given_name": "Sara",
    "family_name": "Esempio",
    "email": "sara@example.org",
    "membership": {"number": "S-1", "from": "2026-01-01"},
}


@dataclass(frozen=True, slots=True)
class Two:
    """Where the two answer, and who calls them about what."""

    urls: tuple[str, str]
    desk: Desk
    grants: tuple[str, str]

    def as_one(self, who: str) -> tuple[Sigillo, Sigillo]:
        first, second = (Sigillo(url, self.desk.keys[who], patience=PATIENT) for url in self.urls)
        return first, second


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, postgres_server: PrivateServer) -> Iterator[Two]:
    folder = tmp_path_factory.mktemp("two")
    ports = free_port(), free_port()
    first, second = (f"http://localhost:{port}" for port in ports)
    # To the outside both are one service: one address, one database, one folder of keys and one of files.
    environment = settings(
        folder,
        ports[0],
        SIGILLO_DATABASE_URL=postgres_server.create_database("two_instances", template="template"),
        SIGILLO_LOOKUPS_PER_MINUTE="1000000",
    )
    named = {
        name.removeprefix("SIGILLO_").lower(): value
        for name, value in environment.items()
        if "SIGILLO" in name
    }
    given = production_ports(Settings.model_validate(named))
    desk = Desk.opened(given)
    grants = desk.grant(), desk.grant()
    given.database.close()
    with ExitStack() as running:
        for port, url in zip(ports, (first, second), strict=True):
            running.enter_context(serving(environment, url, "--port", str(port)))
        yield Two((first, second), desk, grants)
    postgres_server.drop_database("two_instances")


def all_at_once(clients: tuple[Sigillo, Sigillo], ask: Callable[[Sigillo], Any]) -> list[Any]:
    """Send the same request from two hundred threads, to the two in turn."""
    together = Barrier(REQUESTS)

    def one(number: int) -> Any:
        together.wait()
        return ask(clients[number % 2])

    with ThreadPoolExecutor(REQUESTS) as threads:
        return list(threads.map(one, range(REQUESTS)))


def test_two_hundred_identical_requests_over_both_have_one_effect_and_one_answer(two: Two) -> None:
    with ExitStack() as opened:
        clients = two.as_one("secretary")
        for client in clients:
            opened.enter_context(client)
        answers = all_at_once(clients, lambda client: client.members.add(**SARA, key="sara"))
        assert len(answers) == REQUESTS
        assert all(answer == answers[0] for answer in answers)
        entered = [one for one in clients[1].members.all() if one["email"] == SARA["email"]]
        assert [one["id"] for one in entered] == [answers[0]["id"]]


def test_one_grant_asked_for_over_both_at_once_is_one_credential(two: Two) -> None:
    with ExitStack() as opened:
        clients = two.as_one("registrar")
        for client in clients:
            opened.enter_context(client)
        grant = two.grants[0]
        answers = all_at_once(clients, lambda client: client.credentials.issue(grant, key="issue"))
        assert {answer["id"] for answer in answers} == {answers[0]["id"]}
        assert [one["id"] for one in clients[1].credentials.all()] == [answers[0]["id"]]


def test_a_revocation_through_one_shows_on_the_other(two: Two) -> None:
    first, second = two.as_one("registrar")
    with first, second:
        held = first.credentials.issue(two.grants[1])

        def shows(state: str) -> None:
            """Look at the other's public page until it says so; how long that takes, the drill measures."""
            ends = monotonic() + PATIENCE_SECONDS
            said = ""
            while monotonic() < ends and said != state:
                with suppress(Refused):  # it may not know the number yet
                    report = second.verification.look_up(held["number"])
                    said = str((report["credential"] or {}).get("state"))
                sleep(0.05)  # only while the other learns of it
            assert said == state

        shows("active")
        first.credentials.revoke(held["id"], cause="issued_in_error", reasons="Emessa per errore.")
        shows("revoked")
