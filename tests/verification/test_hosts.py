"""A body with a host of its own: what it issues names that one, and everybody answers for it everywhere."""

import json
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from app.credentials import addressing, issuing, register
from app.credentials import queries as credentials
from app.formats import bitstring, q1, tokenlist
from app.formats.claims import Format
from app.formats.jades import read_seal
from app.formats.jose import assemble, open_compact
from app.formats.strict import decode64, encode64
from app.main import create_app, worker
from app.organisations.errors import HostNamed, HostNotUsable, HostTaken
from app.organisations.idempotency import ANEW
from app.organisations.models import Person
from app.organisations.rules import Role
from app.outbox.trail import SYSTEM
from app.ports import Ports, Slot
from app.verification import offline
from app.verification.errors import RegisterUnreachable
from app.verification.hosts import Houses
from app.verification.postgresql import PostgresRegister
from app.verification.sqlite import SqliteRegister
from tests import make
from tests.attestation.pages import text_of
from tests.calling import Caller
from tests.credentials.test_races import at_once
from tests.fakes import SetClock
from tests.verification.issued import Issued, document, issued

OURS, THEIRS = "sigillo.example.org", "credentials.body.example"
DIDS = {OURS: f"did:web:{OURS}", THEIRS: f"did:web:{THEIRS}"}
HOSTS = pytest.mark.parametrize("host", [OURS, THEIRS])
SHORT = timedelta(seconds=1)


@pytest.fixture
def own(live: Ports) -> Issued:
    """Issued today by another live body, which has a host of its own."""
    return issued(live, host=THEIRS)


def at(host: str) -> dict[str, Any]:
    return {"headers": {"Host": host}}


def opened(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    head, payload, _ = token.split(".")
    return json.loads(decode64(head)), json.loads(decode64(payload))


def verified(stranger: Caller, sent: str, host: str) -> dict[str, Any]:
    answer = stranger.post("/v1/verifications", json={"credential": sent}, **at(host))
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    return report


def set_host(ports: Ports, organisation_id: str, host: str | None) -> None:
    with ports.database.writing() as session:
        addressing.set_host(
            session,
            organisation_id,
            host,
            public_url=ports.settings.public_url,
            by=SYSTEM,
            at=ports.clock.now(),
        )


def another(ports: Ports) -> str:
    with ports.database.writing() as session:
        return make.organisation(session, ports.clock.now()).organisation.id


def test_every_document_names_the_host_of_its_body_and_no_other(live: Ports, own: Issued) -> None:
    for token, kid in ((own.token, f"{DIDS[THEIRS]}#"), (own.badge, f"https://{THEIRS}/keys/")):
        header, payload = opened(token)
        assert header["kid"].startswith(kid)
        assert payload["issuer"]["id"] == DIDS[THEIRS]
        assert f"https://{THEIRS}/status/" in json.dumps(payload["credentialStatus"])
        assert OURS not in json.dumps([header, payload])
    issuing.issue_document(live, own.id, Format.EDC, by=own.by, at=live.clock.now())
    content = read_seal(document(live, own, Format.EDC).token).content
    said = json.dumps(json.loads(content))
    assert f"https://{THEIRS}/v/{own.number}" in said
    assert OURS not in said


def test_what_its_people_are_given_names_its_host(live: Ports, own: Issued) -> None:
    with live.database.writing(own.by.organisation_id) as session:
        holder = session.get_one(Person, credentials.by_id(session, own.id).holder_id)
        key = make.key(session, holder, at=live.clock.now())
    theirs = make.caller(create_app(live), key)
    assert theirs.get(f"/v1/credentials/{own.id}").json()["verify_url"] == f"https://{THEIRS}/v/{own.number}"
    said = text_of(theirs.get(f"/v1/credentials/{own.id}/attestation.pdf").content).replace(". body", ".body")
    assert (f"{THEIRS}/v" in said, OURS in said) == (True, False)
    with live.database.reading(own.by.organisation_id) as session:
        text = register.qr_text(session, live, credentials.by_id(session, own.id), at=live.clock.now())
    assert text == f"https://{THEIRS}/v#{own.qr}"


def test_the_answer_to_issuing_names_it_as_reading_does_later(live: Ports, own: Issued) -> None:
    at_, whose = live.clock.now(), own.by.organisation_id
    with live.database.writing(whose) as session:
        decision = make.granted_decision(session, whose, make.person(session, whose, at=at_), at=at_).id
    (made,) = issuing.issue_together(live, [(decision, ANEW)], by=own.by, at=at_)
    assert isinstance(made, issuing.Issued)
    assert made.entry is not None
    assert made.entry.verify_url == f"https://{THEIRS}/v/{made.entry.number}"


def test_its_lists_are_its_own_under_its_host(live: Ports, stranger: Caller, own: Issued) -> None:
    del live
    _, payload = opened(own.token)
    for entry in payload["credentialStatus"]:
        url = entry["statusListCredential"]
        token = stranger.get(url.removeprefix(f"https://{THEIRS}"), **at(THEIRS)).text
        read = bitstring.read_status_list(open_compact(token, limit=bitstring.MAX_TOKEN).payload)
        assert (read.url, read.issuer) == (url, DIDS[THEIRS])
        assert OURS not in json.dumps(opened(token))
        _, tokens = tokenlist.open_token_list(stranger.get(url.rpartition("-")[0]).text)
        assert (tokens.url, tokens.issuer) == (url.rpartition("-")[0], DIDS[THEIRS])


@HOSTS
def test_a_document_of_any_body_is_verified_at_every_host(
    host: str, stranger: Caller, credential: Issued, own: Issued
) -> None:
    for each, home in ((credential, OURS), (own, THEIRS)):
        links = (
            f"https://{home}/v/{each.number}",
            f"https://{home}/v#{each.qr}",
            f"HTTPS://{home.upper()}/v#{each.qr}",
        )
        for sent in (each.token, each.badge, each.qr, each.number, *links):
            report = verified(stranger, sent, host)
            assert (report["result"], report["credential"]["holder_name"]) == ("valid", each.holder_name), (
                sent
            )
        (report,) = stranger.post("/v1/verifications", json={"credentials": [links[0]]}, **at(host)).json()[
            "reports"
        ]
        assert report["result"] == "valid"
        assert (
            stranger.post("/credentials/verify", json={"verifiableCredential": each.token}).status_code == 200
        )
        assert stranger.get(f"/v/{each.number}.json", **at(host)).json()["result"] == "valid"


def test_a_link_to_somebody_elses_host_is_refused_unopened(stranger: Caller, own: Issued) -> None:
    for host in ("body.example", f"{THEIRS}.example", f"{THEIRS}:443", f"www.{THEIRS}", f"x@{THEIRS}"):
        sent = f"https://{host}/v/{own.number}"
        answer = stranger.post("/v1/verifications", json={"credential": sent})
        assert answer.status_code == 422
        assert answer.json()["detail"] == (
            f"Only addresses that begin with https://{OURS}/v/, or so at a host of a body that issues here, "
            "can be answered for."
        )
    assert stranger.post("/v1/verifications", json={"credential": f"http://{THEIRS}/v/{own.number}"}).is_error


@HOSTS
def test_keys_are_published_under_the_name_of_the_host_that_is_asked(
    host: str, stranger: Caller, own: Issued, live: Ports
) -> None:
    del own
    did = stranger.get("/.well-known/did.json", **at(host)).json()
    assert did["id"] == DIDS[host]
    assert {each["controller"] for each in did["verificationMethod"]} == {DIDS[host]}
    keys = stranger.get("/.well-known/jwks.json", **at(host)).json()["keys"]
    assert {each["kid"].partition("#")[0] for each in keys} == {DIDS[host]}
    seal = live.signer.current(Slot.SEAL).thumbprint
    assert stranger.get(f"/keys/{seal}", **at(host)).json()["kid"] == f"https://{host}/keys/{seal}"
    header, payload = opened(stranger.get("/.well-known/qr-keys", **at(host)).text)
    assert payload["iss"] == DIDS[host]
    assert header["kid"].startswith(DIDS[host])
    tags = [stranger.get("/.well-known/jwks.json", **at(each)).headers["etag"] for each in (OURS, THEIRS)]
    assert len({*tags}) == 2


@HOSTS
def test_pages_show_the_host_that_is_asked(host: str, stranger: Caller, own: Issued) -> None:
    (other,) = {OURS, THEIRS} - {host}
    page = stranger.get(f"/v/{own.number}", **at(host)).text
    assert f"https://{host}/v/{own.number}" in page
    assert f"https://{other}/v/{own.number}" not in page
    assert f'data-site="https://{host}"' in stranger.get("/v", **at(host)).text
    refused = stranger.post("/v", files={"file": b"https://elsewhere.example/v/1"}, **at(host))
    assert f'data-site="https://{host}"' in refused.text
    workers = [stranger.get("/sw.js", **at(each)).content for each in (host, other, host)]
    assert workers[0] == workers[2] != workers[1]


HOSTILE = (
    b"unknown.example",
    f"{THEIRS}..".encode(),
    f"{THEIRS}:8443".encode(),
    f"{THEIRS}:80".encode(),
    f"{THEIRS}:443:443".encode(),
    f"{THEIRS}:".encode(),
    f"x@{THEIRS}".encode(),
    f"{THEIRS}\x00.example".encode(),
    f"{THEIRS}\r\nX-Said: so".encode(),
    f" {THEIRS}".encode(),
    f"{THEIRS}, {OURS}".encode(),
    f"{THEIRS}/".encode(),
    b"<script>alert(1)</script>",
    b"\xff\xfe",
    b"",
    b"unknown.example" * 10_000,
)


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda each: repr(each[:24]))
def test_a_host_that_is_none_of_ours_changes_nothing_and_is_never_repeated(
    hostile: bytes, stranger: Caller, own: Issued
) -> None:
    names = ("did.json", "jwks.json", "qr-keys")
    paths = [
        *(f"/.well-known/{name}" for name in names),
        "/v",
        "/sw.js",
        f"/v/{own.number}",
        "/v/x",
        "/nowhere",
    ]
    for path in paths:
        asked = [stranger.get(path, headers=[(b"host", host)]) for host in (OURS.encode(), hostile)]
        plain, answer = asked
        assert answer.status_code == plain.status_code
        assert b"unknown.example" not in answer.content
        if answer.is_success:
            assert without_its_name(answer) == without_its_name(plain)


@pytest.mark.parametrize(
    "spelt", [THEIRS.upper(), f"{THEIRS}.", f"{THEIRS}:443", f"{THEIRS.title()}.:443"], ids=repr
)
def test_a_host_is_the_same_however_it_is_spelt(spelt: str, stranger: Caller, own: Issued) -> None:
    del own
    for path in ("/.well-known/did.json", "/v", "/sw.js"):
        plain, answer = (stranger.get(path, **at(host)) for host in (THEIRS, spelt))
        assert without_its_name(answer) == without_its_name(plain)
    assert stranger.get("/.well-known/did.json", **at(spelt)).json()["id"] == DIDS[THEIRS]
    assert stranger.get("/.well-known/did.json", **at(OURS.title())).json()["id"] == DIDS[OURS]


@pytest.mark.parametrize(
    ("public_url", "asked", "here"),
    [
        ("http://localhost", b"LOCALHOST:80", True),
        ("http://localhost", b"localhost:443", False),
        ("http://localhost:8000", b"localhost.:8000", True),
        ("http://localhost:8000", b"localhost", False),
        ("https://[::1]", b"[::1]:443", True),
        ("https://Sigillo.Example.org:443", OURS.encode(), True),
    ],
)
def test_the_port_that_goes_unsaid_is_that_of_the_scheme(
    public_url: str, asked: bytes, *, here: bool
) -> None:
    request = Request({"type": "http", "headers": [(b"host", asked)]})
    houses = Houses(public_url, {})
    assert houses.asked_by(request) is (houses.own if here else None)


def without_its_name(answer: httpx.Response) -> tuple[bytes, dict[str, str]]:
    return answer.content, {name: value for name, value in answer.headers.items() if name != "x-request-id"}


def test_several_hosts_in_one_request_are_none(stranger: Caller, own: Issued) -> None:
    del own
    both = [(b"host", THEIRS.encode()), (b"host", THEIRS.encode())]
    assert stranger.get("/.well-known/did.json", headers=both).json()["id"] == DIDS[OURS]


@HOSTS
def test_without_a_network_each_is_verified_by_what_was_saved_at_its_own_host(
    host: str, live: Ports, stranger: Caller, credential: Issued, own: Issued
) -> None:
    worker(live).drain()
    kept = [stranger.get(f"/.well-known/{name}", **at(host)).content for name in ("jwks.json", "qr-keys")]
    given = offline.keys_in(kept)
    lists = [stranger.get(path) for path in (f"/status/{number}" for number in range(1, 12))]
    saved = offline.Saved.of([each.content for each in lists if each.is_success], given.keyring)
    for each, home in ((credential, OURS), (own, THEIRS)):
        for text in (each.token, each.badge, each.qr, f"https://{home}/v#{each.qr}"):
            if text.startswith("https") and home != host:
                continue
            report, _ = offline.report_on(text.encode(), given, saved, at=live.clock.now())
            told = report.as_json()["result"]
            assert told == ("valid" if home == host else "unknown"), text


def test_a_document_of_one_body_that_names_another_is_not_valid(
    live: Ports, stranger: Caller, credential: Issued, own: Issued
) -> None:
    """Our own key sealed it, so the register alone can tell."""
    key = live.signer.current(Slot.SEAL)
    for each, mine, theirs in ((credential, OURS, THEIRS), (own, THEIRS, OURS)):
        head, payload, _ = each.token.split(".")
        changed = (
            encode64(decode64(part).replace(mine.encode(), theirs.encode())) for part in (head, payload)
        )
        unsigned = ".".join(changed).encode()
        report = verified(stranger, assemble(unsigned, live.signer.sign(key.thumbprint, unsigned)), OURS)
        codes = {check["id"]: check["code"] for check in report["checks"]}
        assert (report["result"], codes["register_match"]) == ("invalid", "register-contradicts")


def test_a_stranger_who_names_a_bodys_host_is_told_of_by_our_register(
    stranger: Caller, live: Ports, own: Issued
) -> None:
    """Nothing of ours is fetched at a host that leads back to us."""
    _, payload = opened(own.token)
    payload["jti"] = payload["id"] = "urn:uuid:00000000-0000-4000-8000-000000000000"
    key = live.signer.current(Slot.SEAL)
    head = own.token.partition(".")[0]
    unsigned = f"{head}.{encode64(json.dumps(payload).encode())}".encode()
    report = verified(stranger, assemble(unsigned, live.signer.sign(key.thumbprint, unsigned)), THEIRS)
    codes = {check["id"]: check["code"] for check in report["checks"]}
    assert (report["result"], codes["register_match"]) == ("invalid", "register-has-no-entry")


def test_a_code_of_a_body_without_an_entry_is_told_under_its_own_name(
    stranger: Caller, live: Ports, own: Issued
) -> None:
    key = live.signer.current(Slot.QR)
    says = q1.decode_q1(own.qr).says
    lost = q1.Content(
        **{name: getattr(says, name) for name in says.__slots__}
        | {"document_id": "urn:uuid:00000000-0000-4000-8000-000000000000"}
    )
    unsigned = q1.unsigned(lost, q1.kid_of(key.chain[0]))
    digits = q1.assemble(unsigned, q1.low_s(live.signer.sign(key.thumbprint, unsigned)))
    assert verified(stranger, digits, OURS)["issuer"]["name"] == DIDS[THEIRS]


def test_every_process_sees_a_new_host_within_two_seconds(live: Ports, clock: SetClock) -> None:
    whose = another(live)
    processes = [make.caller(create_app(live)) for _ in range(2)]

    def told() -> set[str]:
        return {each.get("/.well-known/did.json", **at(THEIRS)).json()["id"] for each in processes}

    assert told() == {DIDS[OURS]}
    set_host(live, whose, THEIRS)
    clock.move(SHORT)
    assert told() == {DIDS[THEIRS]}
    set_host(live, whose, None)
    clock.move(SHORT)
    assert told() == {DIDS[OURS]}


def register_away(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Let nobody hear what changed; gives who tried."""
    attempts: list[object] = []

    async def away(_: object, seq: int) -> None:
        attempts.append(seq)
        raise RegisterUnreachable

    for each in (SqliteRegister, PostgresRegister):
        monkeypatch.setattr(each, "changes_since", away)
    return attempts


@pytest.mark.parametrize("host", [OURS, THEIRS, "10.0.0.1"])
def test_while_the_register_is_away_few_wait_for_it_at_any_host(
    host: str, live: Ports, own: Issued, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    del own
    stranger = make.caller(create_app(live))
    before = stranger.get("/.well-known/did.json", **at(host)).json()["id"]
    attempts = register_away(monkeypatch)
    for _ in range(3):  # longer than anything is told from memory
        clock.move(SHORT)
    answers = [stranger.get(path, **at(host)) for _ in range(10) for path in ("/.well-known/did.json", "/v")]
    assert {answer.status_code for answer in answers} == {200}
    assert answers[0].json()["id"] == before
    assert len(attempts) <= 1
    clock.move(SHORT)
    stranger.get("/v", **at(host))
    assert len(attempts) <= 2


def test_the_installations_own_host_is_answered_even_where_no_other_is_known_yet(
    live: Ports, own: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    del own
    attempts = register_away(monkeypatch)
    stranger = make.caller(create_app(live))
    for host, status in ((OURS, 200), (OURS.upper(), 200), (f"{OURS}.:443", 200), (THEIRS, 503)):
        for path in ("/.well-known/did.json", "/.well-known/jwks.json", "/v", "/sw.js"):
            assert stranger.get(path, **at(host)).status_code == status
    assert len(attempts) <= 2


def test_a_body_that_has_issued_keeps_its_address(live: Ports, credential: Issued, own: Issued) -> None:
    for each in (credential, own):
        for host in ("elsewhere.example", None):
            if each is credential and host is None:
                continue
            with pytest.raises(HostNamed, match="A body that has issued keeps its address"):
                set_host(live, each.by.organisation_id, host)
    set_host(live, own.by.organisation_id, THEIRS.upper())  # as it is


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "",
            ".",
            "credentials",
            "10.0.0.1",
            "[::1]",
            "::1",
            "1.2.3.4.",
            "https://body.example",
            "body.example/v",
        ),
        *("user@body.example", "*.body.example", "body.example.", "body..example", "-body.example"),
        *("body_.example", "body.example:443", "bödy.example", "body.example\r\nx", "body.localhost", OURS),
        *(OURS.upper(), f"{'a' * 64}.example", ".".join(["a" * 60] * 5), "body.example?x", "body.example#x"),
    ],
)
def test_only_a_bare_name_in_the_dns_can_be_a_host(typed: str, live: Ports) -> None:
    whose = another(live)
    with pytest.raises(HostNotUsable):
        set_host(live, whose, typed)


def test_two_bodies_never_have_one_host_whoever_comes_first(live: Ports) -> None:
    bodies = [another(live) for _ in range(4)]
    got = at_once(*(partial(set_host, live, each, THEIRS) for each in bodies))
    assert sorted(type(each).__name__ for each in got) == ["HostTaken"] * 3 + ["NoneType"]
    with pytest.raises(HostTaken, match=THEIRS):
        set_host(live, bodies[[type(each) for each in got].index(HostTaken)], THEIRS)


def test_a_host_that_is_set_while_the_first_document_is_made_is_either_named_by_it_or_refused(
    live: Ports,
) -> None:
    for place in range(4):
        host, at_ = f"body{place}.example", live.clock.now()
        with live.database.writing() as session:
            whose = make.organisation(session, at_).organisation.id
            registrar = make.person(session, whose, Role.REGISTRAR, at=at_)
            by = make.actor(session, make.key(session, registrar, at=at_), at=at_)
            decision = make.granted_decision(session, whose, make.person(session, whose, at=at_), at=at_).id
        issue = partial(issuing.issue, live, decision, by=by, at=at_)
        refused, issued_ = at_once(partial(set_host, live, whose, host), issue)
        assert isinstance(issued_, str)
        with live.database.reading(whose) as session:
            period = credentials.current_period(session, credentials.by_id(session, issued_), at_)
            token = credentials.document(session, period, Format.VC_JWT).token
        named = opened(token)[1]["issuer"]["id"]
        assert named == (DIDS[OURS] if isinstance(refused, HostNamed) else f"did:web:{host}")


def test_a_trial_body_may_be_tried_below_localhost(live: Ports) -> None:
    for public_url, typed, host in (
        ("http://localhost:8000", "Body.localhost:8000", "body.localhost:8000"),
        ("https://localhost:8443", "credentials.body.example", "credentials.body.example"),
        (f"https://{OURS}", " Credentials.XN--BDY-SNA.Example ", "credentials.xn--bdy-sna.example"),
    ):
        whose = another(live)
        with live.database.writing() as session:
            made = addressing.set_host(
                session, whose, typed, public_url=public_url, by=SYSTEM, at=live.clock.now()
            )
            scheme = public_url.partition(":")[0]
            assert (made.host, made.address(public_url)) == (host, f"{scheme}://{host}")
    with live.database.writing() as session, pytest.raises(HostNotUsable, match="http://"):
        addressing.set_host(
            session,
            whose,
            "body.example",
            public_url="http://localhost:8000",
            by=SYSTEM,
            at=live.clock.now(),
        )
