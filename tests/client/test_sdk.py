"""The client for programs, before a service that is really served, and before one that breaks off."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization

from app.client import (
    ClientKey,
    ClientSecret,
    GaveUp,
    NotUsable,
    Patience,
    Refused,
    Sigillo,
    Unreachable,
    Unsure,
)
from app.client.api import KEY, Api
from app.client.tokens import Tokens
from app.main import batch_worker
from app.ports import Ports
from tests.batches.desk import HELD, SCHEME, SIGNED, Desk, decision
from tests.calling import Caller
from tests.client.stub import CREDENTIAL, Stub
from tests.client.stub import KEY as PERSONAL
from tests.oauth.house import EC, SCOPES, public
from tests.oauth.served import Served, listening, served

PEM = EC.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
SARA: Any = {"given_name": "Sara", "family_name": "Esempio", "email": "sara@example.org"}
ELSEWHERE = "https://sigillo.example.org"
AT_ONCE = Patience(pause=lambda _: None)


@pytest.fixture
def house(ports: Ports) -> Iterator[Served]:
    with served(ports) as running:
        yield running


@dataclass
class Wire(httpx.BaseTransport):
    """Passes everything on, and breaks off after so many requests were carried out."""

    breaks: int = 0
    seen: list[httpx.Request] = field(default_factory=list)
    replayed: list[str | None] = field(default_factory=list)
    real: httpx.HTTPTransport = field(default_factory=lambda: httpx.HTTPTransport(trust_env=False))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        answer = self.real.handle_request(request)
        answer.read()
        self.replayed.append(answer.headers.get("Idempotent-Replayed"))
        if self.breaks and not request.url.path.startswith("/oauth"):
            self.breaks -= 1
            raise httpx.ReadError("broken off", request=request)
        return answer

    def close(self) -> None:
        self.real.close()

    def paths(self) -> list[str]:
        return [f"{one.method} {one.url.path}" for one in self.seen]


def token_of(caller: Caller) -> str:
    return caller._headers["Authorization"].removeprefix("Bearer ")


def calling(service: Served, wire: Wire) -> Sigillo:
    """The client of an administrator."""
    return Sigillo(service.url, token_of(service.administrator), patience=AT_ONCE, transport=wire)


def test_what_makes_something_is_made_once_however_often_the_answer_breaks_off(house: Served) -> None:
    wire = Wire()
    with calling(house, wire) as sigillo:
        before = len(list(sigillo.members.all()))
        wire.breaks = 2
        made = sigillo.members.add(**SARA)
        assert wire.replayed[-3:] == [None, "true", "true"]
        assert len({one.headers[KEY] for one in wire.seen[-3:]}) == 1
        there = [one["id"] for one in sigillo.members.all()]
        assert len(there) == before + 1
        assert made["id"] in there


def test_a_key_of_ones_own_brings_the_same_answer_from_another_client(house: Served) -> None:
    with calling(house, Wire()) as sigillo:
        first = sigillo.members.add(**SARA, key="sara-1")
    with calling(house, Wire()) as sigillo:
        assert sigillo.members.add(**SARA, key="sara-1") == first
        with pytest.raises(Refused) as refused:
            sigillo.members.add(**{**SARA, "given_name": "Ugo"}, key="sara-1")
        assert refused.value.code == "idempotency-key-reused"


def test_what_somebody_changed_meanwhile_is_not_written_over(house: Served) -> None:
    membership: Any = {"number": "S-1", "from": "2026-01-01"}
    with calling(house, Wire()) as sigillo:
        (held,) = sigillo.members.add(**SARA, membership=membership)["memberships"]
        read = sigillo.members.membership(held["id"])
        assert sigillo.members.change_membership(read, state="suspended")["state"] == "suspended"
        with pytest.raises(Refused) as refused:
            sigillo.members.change_membership(read, state="ended")
        assert refused.value.code == "changed-meanwhile"
        with pytest.raises(NotUsable, match="read from the service"):
            sigillo.members.change_membership(held, state="ended")


def test_an_organisation_issues_by_its_minutes_and_minds_its_credentials(ports: Ports) -> None:
    desk = Desk.opened(ports)
    worker, worked = batch_worker(ports), list[int]()
    with (
        listening(desk.app()) as url,
        Sigillo(url, desk.keys["chair"]) as chair,
        Sigillo(url, desk.keys["registrar"]) as registrar,
        Sigillo(url, token_of(desk.client("events:read"))) as program,
        Sigillo(url) as stranger,
    ):
        (scheme, *_) = [one["id"] for one in chair.schemes()]
        assert chair.scheme(scheme)["id"] == scheme == SCHEME
        stated: Any = {"scheme": scheme, "members": 7, "eligible": 6, "present": 5, "decisions": 2}
        minutes = chair.minutes.record(("verbale.md", SIGNED), held_on=HELD.isoformat(), **stated)
        assert chair.minutes.file(minutes["id"]) == SIGNED

        sent = registrar.batches.send([decision(1), decision(2)], minutes=minutes["id"])
        assert (sent["kind"], sent["rows"]) == ("decisions", 2)
        looks = list(registrar.batches.follow(sent["id"], pause=lambda _: worked.append(worker.drain())))
        assert (looks[0]["done"], looks[-1]["done"]) == (False, True)
        assert {one["state"] for one in registrar.batches.results(sent["id"])} == {"ok"}
        assert registrar.batches.results_file(sent["id"], "text/csv").count(b"\n") == 3
        assert [one["id"] for one in registrar.batches.all(kind="decisions")] == [sent["id"]]

        ours = list(registrar.credentials.all(updated_since=ports.clock.now()))
        assert len(ours) == 2
        held = ours[0]["id"]
        assert registrar.credentials.attestation(held).startswith(b"%PDF")
        assert registrar.credentials.document(held, "vc+jwt").startswith(b"ey")
        registrar.credentials.suspend(held, cause="own_request", reasons="Chiesta dal titolare.")
        assert registrar.credentials.reinstate(held, "Finita.")["state"] == "active"
        registrar.credentials.revoke(held, cause="issued_in_error", reasons="Emessa per errore.")
        assert registrar.credentials.read(held)["state"] == "revoked"
        report = stranger.verification.verify_file(
            ("sealed.jwt", registrar.credentials.document(held, "vc+jwt"))
        )
        assert {one["id"]: one["state"] for one in report["checks"]}["integrity"] == "pass"

        desk.everything_else()
        said = list(program.events.since(types=["credential.issued", "credential.revoked"]))
        assert [one["type"] for one in said] == [
            "credential.issued",
            "credential.issued",
            "credential.revoked",
        ]
        assert said[-1] in list(program.events.since(said[1]["cursor"]))
        assert list(program.events.since(said[-1]["cursor"], types=["credential.issued"])) == []


def test_a_token_is_fetched_once_and_kept_and_fetched_anew_once_it_was_revoked(house: Served) -> None:
    wire = Wire()
    access = ClientSecret(house.client, house.secret, scopes=SCOPES)
    assert house.secret not in repr(access)
    with Sigillo(house.url, access, transport=wire) as sigillo:
        assert sigillo.me()["id"] == house.client
        list(sigillo.dossiers.all())
        assert wire.paths().count("POST /oauth/token") == 1
        token = wire.seen[-1].headers["Authorization"].removeprefix("Bearer ")
        form = {"client_id": house.client, "client_secret": house.secret, "token": token}
        assert httpx.post(f"{house.url}/oauth/revoke", data=form, trust_env=False).status_code == 200
        assert sigillo.me()["id"] == house.client
        assert wire.paths().count("POST /oauth/token") == 2


def test_a_wrong_secret_is_refused_in_the_words_of_the_service(house: Served) -> None:
    with (
        Sigillo(house.url, ClientSecret(house.client, "wrong")) as sigillo,
        pytest.raises(Refused) as refused,
    ):
        sigillo.me()
    assert (refused.value.status, refused.value.code) == (401, "invalid_client")


def test_a_private_key_proves_a_program_too(house: Served) -> None:
    made = house.administrator.post(f"{house.path}/jwks", json=public(EC))
    assert made.status_code == 201
    access = ClientKey(house.client, PEM, key_id=made.json()[0]["kid"], audience=house.audience)
    with Sigillo(house.url, access) as sigillo:
        assert sigillo.me()["id"] == house.client


def test_without_pyjwt_a_private_key_is_told_what_is_missing_and_a_wrong_one_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Sigillo(ELSEWHERE, ClientKey("cli_1", PEM, algorithm="RS256")) as sigillo:
        with pytest.raises(NotUsable, match="RS256"):
            sigillo.me()
        monkeypatch.setitem(sys.modules, "jwt", None)
        with pytest.raises(NotUsable, match="PyJWT"):
            sigillo.me()


def test_a_token_is_renewed_before_it_ends() -> None:
    now = [0.0]
    tokens: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            tokens.append(f"tok_{len(tokens)}")
            return httpx.Response(200, json={"access_token": tokens[-1], "expires_in": 3600})
        return httpx.Response(200, json={"used": request.headers["Authorization"]})

    auth = Tokens(ELSEWHERE, ClientSecret("cli_1", "secret"), clock=lambda: now[0])
    api = Api(ELSEWHERE, auth=auth, transport=httpx.MockTransport(answer))
    used = []
    for now[0] in (0.0, 3539.0, 3540.0, 7079.0):
        used.append(api.get("/v1/me")["used"])
    assert used == ["Bearer tok_0", "Bearer tok_0", "Bearer tok_1", "Bearer tok_1"]


@dataclass
class Script:
    """Answers one after another, and again and again with the last; keeps how long the client rested."""

    answers: list[httpx.Response | Exception]
    seen: list[httpx.Request] = field(default_factory=list)
    rests: list[float] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        found = self.answers[min(len(self.seen), len(self.answers)) - 1]
        if isinstance(found, Exception):
            raise found
        return found

    def client(self, **patience: Any) -> Sigillo:
        told = Patience(pause=self.rests.append, **patience)
        return Sigillo(ELSEWHERE, "key_1", patience=told, transport=httpx.MockTransport(self))


def said(status: int, code: str = "", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"code": code, "detail": code}, headers=named)


FINE = httpx.Response(201, json={"id": "per_1"})
IN_FLIGHT = said(409, "idempotency-in-flight", Retry_After="2")


@pytest.mark.parametrize(
    ("first", "rests"),
    [(IN_FLIGHT, [2.0]), (said(429, "hurried", Retry_After="7"), [7.0]), (said(503, Retry_After="1"), [1.0])],
)
def test_a_pause_that_the_service_asks_for_is_kept(first: httpx.Response, rests: list[float]) -> None:
    script = Script([first, FINE])

    with script.client() as sigillo:
        sigillo.__dict__["organisation"] = "org_1"
        assert sigillo.members.add(**SARA)["id"] == "per_1"
    assert script.rests == rests
    assert len({one.headers[KEY] for one in script.seen}) == 1


def test_patience_ends_and_says_so_with_the_key_to_go_on_with() -> None:
    script = Script([httpx.ReadError("broken off")])
    with script.client(attempts=4) as sigillo, pytest.raises(GaveUp) as gave_up:
        sigillo.dossiers.begin(scheme="s", language="it", ai_disclosure=False)
    assert gave_up.value.attempts == len(script.seen) == 4
    assert gave_up.value.key == script.seen[0].headers[KEY]
    assert script.rests == sorted(script.rests), "each time it waits longer"
    assert "4 attempts" in str(gave_up.value)


def test_a_pause_longer_than_ones_patience_is_not_begun() -> None:
    script = Script([said(429, "hurried", Retry_After="3600")])
    with script.client() as sigillo, pytest.raises(GaveUp) as gave_up:
        sigillo.me()
    assert (len(script.seen), script.rests, gave_up.value.after) == (1, [], 3600.0)


def test_what_only_moves_something_along_is_not_sent_again_where_it_may_have_been_taken() -> None:
    script = Script([httpx.ReadError("broken off")])
    with script.client() as sigillo, pytest.raises(Unsure, match="not known"):
        sigillo.credentials.revoke("crd_1", cause="error", reasons="Wrong.")
    assert len(script.seen) == 1
    for untaken in (httpx.ConnectError("nobody"), said(429, "hurried", Retry_After="0"), said(503)):
        again = Script([untaken, FINE])
        with again.client() as sigillo:
            sigillo.credentials.revoke("crd_1", cause="error", reasons="Wrong.")
        assert len(again.seen) == 2


def test_what_a_busy_database_may_have_taken_is_sent_again_only_with_its_key() -> None:
    busy = said(503, "database-busy", Retry_After="2")
    read: Any = {"id": "dos_1"}
    changes: list[Callable[[Sigillo], Any]] = [
        lambda sigillo: sigillo.api.patch("/v1/dossiers/dos_1", {"language": "it"}, edition='"1"'),
        lambda sigillo: sigillo.api.put("/v1/dossiers/dos_1/scores", {}, edition='"1"'),
        lambda sigillo: sigillo.api.move("/v1/dossiers/dos_1/submission"),
        lambda sigillo: sigillo.api.delete("/v1/dossiers/dos_1"),
    ]
    for change in changes:
        script = Script([busy, httpx.Response(200, json=read)])
        with script.client() as sigillo, pytest.raises(Unsure, match="not known"):
            change(sigillo)
        assert len(script.seen) == 1
    repeatable: list[Callable[[Sigillo], Any]] = [
        lambda sigillo: sigillo.api.get("/v1/dossiers/dos_1"),
        lambda sigillo: sigillo.api.post("/v1/dossiers", {}, key="once"),
    ]
    for safe in repeatable:
        script = Script([busy, httpx.Response(200, json=read)])
        with script.client() as sigillo:
            assert safe(sigillo) == read
        assert (len(script.seen), script.rests) == (2, [2.0])


def test_what_waits_for_a_token_was_not_taken_though_the_database_was_busy() -> None:
    token = httpx.Response(200, json={"access_token": "tok_1", "expires_in": 3600})
    script = Script([said(503, "database-busy", Retry_After="0"), token, httpx.Response(200, json={})])
    wire, proven_by = httpx.MockTransport(script), ClientSecret("cli_1", "secret")
    with Sigillo(ELSEWHERE, proven_by, patience=AT_ONCE, transport=wire) as sigillo:
        sigillo.api.delete("/v1/dossiers/dos_1")
    assert [one.url.path for one in script.seen] == ["/oauth/token", "/oauth/token", "/v1/dossiers/dos_1"]


@pytest.mark.parametrize("status", [400, 401, 404, 409, 412, 422])
def test_a_refusal_is_not_asked_again(status: int) -> None:
    script = Script([said(status, "some-code")])
    with script.client() as sigillo, pytest.raises(Refused) as refused:
        sigillo.decisions.open("dos_1", "mtg_1")
    assert (refused.value.status, refused.value.code, len(script.seen)) == (status, "some-code", 1)


def test_a_service_that_fails_is_not_hammered() -> None:
    script = Script([httpx.Response(500)])
    with script.client() as sigillo, pytest.raises(Unreachable):
        sigillo.me()
    assert len(script.seen) == 1


@pytest.mark.parametrize("name", ["", ".", "..", "../../me", "a/b", "?x=1"])
def test_a_name_leads_nowhere_else(name: str) -> None:
    script = Script([httpx.Response(200, json={})])
    with script.client() as sigillo:
        if name in {"", ".", ".."}:
            with pytest.raises(NotUsable):
                sigillo.dossiers.read(name)
            return
        sigillo.dossiers.read(name)
    assert script.seen[0].url.raw_path.count(b"/") == 3
    assert b"?" not in script.seen[0].url.raw_path


def test_an_answer_comes_as_it_was_sent() -> None:
    name = "Zoë\u200d\u00ad\x07"
    with Script([httpx.Response(200, json={"name": name})]).client() as sigillo:
        assert sigillo.me()["name"] == name


def hanging_up(*how: str) -> Callable[[str, str], str | None]:
    left = list(how)
    return lambda _, path: left.pop(0) if left and path.endswith("deliveries") else None


@pytest.mark.parametrize("how", ["before", "midway", "after"])
def test_a_connection_that_breaks_in_the_middle_of_an_answer_does_no_harm(
    service: Stub, url: str, how: str
) -> None:
    service.hang_up = hanging_up(how, how)
    with Sigillo(url, PERSONAL, patience=AT_ONCE) as sigillo:
        assert sigillo.credentials.deliver(CREDENTIAL, to="email")["state"] == "waiting"
    sent = [one[KEY] for one in service.headers]
    assert len(set(sent)) == 1


def test_rows_may_come_one_by_one_or_as_a_file(tmp_path: Any) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("external_id,decision\nA,dec_1\n", encoding="utf-8")
    script = Script([httpx.Response(202, json={"id": "bat_1"})])
    with script.client() as sigillo:
        sigillo.batches.send(file)
        sigillo.batches.send(
            (json.loads('{"external_id": "A", "votes": {}}') for _ in range(2)), minutes="min_1"
        )
    assert [(one.headers["Content-Type"], dict(one.url.params)) for one in script.seen] == [
        ("text/csv", {"kind": "credentials"}),
        ("application/x-ndjson", {"kind": "decisions", "minutes": "min_1"}),
    ]
    assert script.seen[1].content.count(b"\n") == 2
