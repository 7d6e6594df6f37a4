"""What the service really issues and publishes, from the register to a stranger's telephone."""

import httpx
import pytest

from app.formats import q1
from app.main import worker
from tests.browser.site import QR_KEYS, Site
from tests.browser.test_agreement import by_the_service, comparable, on_the_device
from tests.browser.visitor import Visitor
from tests.verification.issued import Issued, issued, reinstate, revoke, suspend


@pytest.fixture
def real(site: Site) -> Site:
    """The service with nothing standing before its own answers."""
    site.answers.clear()
    # The clock was set back: what the service keeps for a second is read anew now, and again once it moves.
    for path in (QR_KEYS, "/status/index.json"):
        httpx.get(site.url + path)
    return site


def published(site: Site) -> None:
    """Let the worker publish what changed; a second later everybody sees it."""
    worker(site.ports).drain()
    site.clock.move()


@pytest.fixture
def credential(real: Site) -> Issued:
    made = issued(real.ports)
    published(real)
    return made


def test_a_code_lives_as_its_credential_does(visitor: Visitor, real: Site, credential: Issued) -> None:
    story = (
        (None, "Valid today, 20 November 2026, until 20 November 2029"),
        (suspend, "Not valid today, 20 November 2026: it is suspended"),
        (reinstate, "Valid today, 20 November 2026, until 20 November 2029"),
        (revoke, "Not valid today, 20 November 2026: it has been revoked"),
    )
    for happens, headline in story:
        if happens:
            happens(real.ports, credential)
            published(real)
        visitor.opens(credential.qr)
        assert visitor.headline == headline
        assert credential.holder_name in visitor.text()
        for document in (credential.qr, credential.token):
            here, there = on_the_device(visitor, real, document), by_the_service(real, document)
            assert here["result"] == there["result"]
            assert here["headline"] == there["headline"]
            assert comparable(here)["checks"] == comparable(there)["checks"]


def test_the_link_of_the_code_opens_the_page(visitor: Visitor, real: Site, credential: Issued) -> None:
    visitor.page.goto(q1.link(real.url, credential.qr))
    visitor.waits()
    assert visitor.headline.startswith("Valid today")
    assert visitor.page.url == f"{real.url}/v"


def test_everything_real_is_there_without_a_network(visitor: Visitor, credential: Issued) -> None:
    visitor.opens()
    visitor.settled()
    visitor.expected = ("ERR_INTERNET_DISCONNECTED",)
    visitor.page.context.set_offline(True)
    visitor.opens(credential.qr)
    assert visitor.headline.startswith("Valid today")
    visitor.opens()
    visitor.page.fill("#pasted", credential.token)
    visitor.page.click("#paste-form button")
    assert visitor.headline.startswith("Valid today")
    assert credential.number in visitor.text()


def test_a_badge_under_the_same_seal_is_no_list_of_keys(
    visitor: Visitor, real: Site, credential: Issued
) -> None:
    for token in (credential.badge, credential.token):
        real.answers["/.well-known/qr-keys"] = (200, "application/jwt", token.encode())
        visitor.opens(credential.qr)
        assert visitor.headline.endswith("the key to check the seal with could not be had")


def test_what_a_body_with_its_own_host_issued_is_verified_there_and_sent_there_from_here(
    visitor: Visitor, real: Site
) -> None:
    there = real.url.replace("localhost", "body.localhost")
    made = issued(real.ports, host=there.partition("://")[2])
    published(real)
    page = visitor.page
    link = q1.link(there, made.qr)
    page.goto(link)
    visitor.waits()
    assert (visitor.headline.startswith("Valid today"), page.url) == (True, f"{there}/v")
    page.goto(f"{there}/v?lang=en")
    visitor.waits()
    page.fill("#pasted", made.token)
    page.click("#paste-form button")
    assert visitor.headline.startswith("Valid today")
    visitor.settled()
    # At the installation's own host a link of the body's is followed, and what only its lists tell is sent.
    visitor.opens()
    page.fill("#pasted", link)
    page.click("#paste-form button")
    page.wait_for_url(f"{there}/v")
    visitor.waits()
    assert visitor.headline.startswith("Valid today")
    visitor.opens()
    page.fill("#pasted", made.token)
    page.click("#paste-form button")
    page.wait_for_selector("#consent:visible")
    page.click("#agree")
    assert visitor.headline.startswith("Valid today")


def test_a_code_of_a_key_that_only_another_host_of_ours_lists_may_be_sent(
    visitor: Visitor, real: Site
) -> None:
    there = real.url.replace("localhost", "fourth.localhost").partition("://")[2]
    made = issued(real.ports, own=real.keys, host=there)
    published(real)
    visitor.opens()
    visitor.page.fill("#pasted", made.qr)
    visitor.page.click("#paste-form button")
    visitor.page.wait_for_selector("#consent:visible")
    visitor.page.click("#agree")
    assert visitor.headline.startswith("Valid today")
