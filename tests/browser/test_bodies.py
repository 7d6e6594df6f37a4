"""Several bodies at one address: the page and whoever saved the keys say the same of what each signs."""

from datetime import timedelta
from itertools import count
from typing import Any

import httpx
import pytest

from app.formats.q1 import decode_q1
from app.verification import offline
from tests.browser.site import JWKS, QR_KEYS, Site
from tests.browser.test_agreement import by_the_service, codes, on_the_device, place
from tests.browser.visitor import Visitor
from tests.verification.issued import Issued, in_the_name_of, issued

NAME = "Associazione di prova"


@pytest.fixture
def first(site: Site) -> Issued:
    return issued(site.ports, own=site.keys)


@pytest.fixture
def second(site: Site) -> Issued:
    return issued(site.ports, own=site.keys)


@pytest.fixture
def third(site: Site) -> Issued:
    """Of a body that has no key of its own."""
    return issued(site.ports)


def code_of(credential: Issued) -> int:
    return decode_q1(credential.qr).says.issuer_code


def from_what_was_saved(site: Site, document: str) -> dict[str, Any]:
    given = offline.keys_in(httpx.get(site.url + path).content for path in (JWKS, QR_KEYS))
    lists = [body for path, (_, _, body) in site.answers.items() if path.startswith("/status/")]
    saved = offline.Saved.of(lists, given.keyring)
    return offline.report_on(document.encode(), given, saved, at=site.clock.now())[0].as_json()


def by_both(visitor: Visitor, site: Site, document: str) -> tuple[str, str, str]:
    """What page and saved keys say alike of a document: the result, and of the seal and the status why."""
    here, saved = on_the_device(visitor, site, document), from_what_was_saved(site, document)
    assert codes(here) == codes(saved)
    assert here["result"] == saved["result"]
    assert here["credential"]["state"] == saved["credential"]["state"]
    return here["result"], codes(here)["issuer_trust"], codes(here)["status"]


def is_verified_here(visitor: Visitor, site: Site, token: str) -> bool:
    """Tell whether the page judges a token itself, and does not ask to send it."""
    told = visitor.runs(
        "async ([keys, examine, site, token, now]) => {"
        "  const { keyring } = await import(keys), { isOurToken } = await import(examine);"
        f'  const jwks = {{ text: await (await fetch("{JWKS}")).text(), age: 0 }};'
        "  return isOurToken(token, await keyring(site, { jwks }, now));"
        "}",
        *(visitor.module(name) for name in ("keys", "examine")),
        site.url,
        token,
        int(site.clock.now().timestamp()),
    )
    return bool(told)


TIMES = count(10)


def settled(site: Site) -> None:
    """Move to a time of which no other test has asked for the keys."""
    site.clock.move(timedelta(minutes=next(TIMES)))
    site.publish_keys()


def test_a_seal_counts_in_the_name_of_this_address_alone(
    visitor: Visitor, site: Site, first: Issued, third: Issued
) -> None:
    host = "bodies.localhost"
    issued(site.ports, own=site.keys, host=host)
    settled(site)
    site.publish_keys(bodies=dict.fromkeys(map(code_of, (first, third)), NAME))
    site.publish(list_id=place(first.token)[0])
    site.publish(list_id=place(third.token)[0])
    visitor.opens()
    for credential in (first, third):
        assert by_both(visitor, site, credential.token) == ("valid", "issuer-trusted", "status-active")
        assert is_verified_here(visitor, site, credential.token)
    for name in (host, "elsewhere.example"):
        token = in_the_name_of(site.keys, first, first, name)
        assert by_both(visitor, site, token)[:2] == ("invalid", "issuer-key-misused")
        assert not is_verified_here(visitor, site, token)
        assert by_the_service(site, token)["result"] == "invalid"
        token = in_the_name_of(site.keys, third, third, name)
        assert by_both(visitor, site, token)[:2] == ("unknown", "issuer-unknown")
        assert not is_verified_here(visitor, site, token)
    lie = in_the_name_of(site.keys, first, first, host)
    assert codes(by_the_service(site, lie))["issuer_trust"] == "issuer-key-misused"


def test_a_body_does_not_speak_under_its_own_key_as_another_one_of_its_address(
    visitor: Visitor, site: Site, first: Issued, second: Issued
) -> None:
    third = issued(site.ports, own=site.keys)
    settled(site)
    site.publish_keys(bodies={code_of(first): NAME, code_of(second): "Another"})
    for credential in (first, second, third):
        site.publish(list_id=place(credential.token)[0])
    visitor.opens()
    assert by_both(visitor, site, first.token)[:2] == ("valid", "issuer-trusted")
    for credential in (second, third):  # called otherwise; and not called at all
        assert by_both(visitor, site, credential.token)[:2] == ("unknown", "issuer-unknown")


def test_a_list_under_the_own_key_of_another_body_than_the_documents_does_not_count(
    visitor: Visitor, site: Site, first: Issued, second: Issued, third: Issued
) -> None:
    settled(site)
    site.publish_keys(bodies=dict.fromkeys(map(code_of, (first, second, third)), NAME))
    visitor.opens()
    own = {each: each.by.organisation_id for each in (first, second)}
    for credential, by, status in (
        (first, None, "status-active"),
        (first, own[first], "status-active"),
        (first, own[second], "status-unreachable"),
        (third, None, "status-active"),
        (third, own[second], "status-unreachable"),
    ):
        site.publish(list_id=place(credential.token)[0], own=by)
        site.publish(list_id=decode_q1(credential.qr).says.list_id, own=by)
        for document in (credential.token, credential.qr):
            result = "valid" if status == "status-active" else "unknown"
            assert by_both(visitor, site, document) == (result, "issuer-trusted", status)


def test_a_bodys_own_list_counts_for_what_was_sealed_before_it_had_keys_where_its_name_tells(
    visitor: Visitor, site: Site, third: Issued
) -> None:
    body, code = third.by.organisation_id, code_of(third)
    site.keys.give(body, code, site.clock.now() - timedelta(seconds=1))
    settled(site)
    for list_id in (place(third.token)[0], decode_q1(third.qr).says.list_id):
        site.publish(list_id=list_id, own=body)
    visitor.opens()
    for bodies, status in (
        ({code: NAME, code + 1000: "Another"}, "status-active"),
        ({code: NAME, code + 1000: NAME}, "status-unreachable"),
        ({code: "A new name"}, "status-unreachable"),
    ):
        site.publish_keys(bodies=bodies)
        assert by_both(visitor, site, third.token)[2] == status
        assert by_both(visitor, site, third.qr)[2] == "status-active"
