"""What goes wrong on the way: broken answers, damaged codes, and what a device must not keep."""

import json
from datetime import timedelta

import pytest

from app.formats.strict import encode64
from app.ports import Slot
from tests.browser.site import LIST, Site
from tests.browser.visitor import Visitor
from tests.conftest import START

OUT_OF_ORDER = (503, "text/html", b"<h1>out of order</h1>")


@pytest.mark.parametrize(
    ("status", "said"), [(429, "Too many questions"), (503, "try again in a moment"), (413, "too large")]
)
def test_a_refusal_without_a_code_of_its_own_is_said_in_words(
    visitor: Visitor, site: Site, status: int, said: str
) -> None:
    visitor.opens()
    visitor.expected = (str(status),)
    site.answers["/v1/verifications"] = (status, "text/html", b"<h1>no</h1>")
    visitor.page.fill("#pasted", "something else")
    visitor.page.click("#paste-form button")
    visitor.page.click("#agree")
    visitor.page.wait_for_selector("#trouble:visible")
    assert said in visitor.text("#trouble")


def test_a_code_with_a_stray_character_is_answered(visitor: Visitor, site: Site) -> None:
    digits = site.q1()
    for damaged in (f"{digits[:90]}x{digits[90:]}", f"{digits}%20", f" {digits}"):
        visitor.opens(damaged)
        assert visitor.headline.endswith("the document cannot be read")
        assert digits[:20] not in visitor.page.url
    visitor.opens("main")
    assert visitor.page.is_visible("#start")


def test_a_document_that_nests_too_deeply_leaves_nobody_waiting(visitor: Visitor, site: Site) -> None:
    key = site.keys.current(Slot.SEAL)
    deep = '{"a":' + "[" * 20_000 + "]" * 20_000 + "}"
    ours = encode64(json.dumps({"alg": "ES256", "kid": key.thumbprint, "typ": "vc+jwt"}).encode())
    for token in (f"{encode64(deep.encode())}.e30.AAAA", f"{ours}.{encode64(deep.encode())}.AAAA"):
        visitor.opens()
        visitor.page.fill("#pasted", token)
        visitor.page.click("#paste-form button")
        visitor.page.wait_for_selector("#consent:visible, #answer")
        assert visitor.text("#progress") == ""


def test_a_service_that_is_out_of_order_takes_nobodys_page_away(visitor: Visitor, site: Site) -> None:
    visitor.opens()
    visitor.settled()
    site.answers["/v"] = OUT_OF_ORDER
    visitor.opens(site.q1())
    assert visitor.headline.startswith("Valid today")


def test_a_page_that_was_out_of_order_is_not_kept(visitor: Visitor, site: Site) -> None:
    visitor.opens()
    visitor.settled()
    site.answers["/v"] = OUT_OF_ORDER
    visitor.opens()
    kept = visitor.page.evaluate(
        """async () => {
          const pages = await Promise.all(["it", "en"].map((each) => caches.match(`/v?lang=${each}`)));
          return pages.map((page) => page.status);
        }"""
    )
    assert kept == [200, 200]


def test_a_page_that_changed_is_kept_anew(visitor: Visitor, site: Site) -> None:
    site.clock.offset = timedelta(days=30)
    try:
        visitor.opens()
        visitor.settled()
    finally:
        site.clock.offset = timedelta(0)
    assert "Clock moved" in visitor.text()
    visitor.opens()
    visitor.page.evaluate(
        """async () => {
          const texts = async () => Promise.all((await caches.keys()).map(async (name) =>
            (await (await caches.open(name)).match("/v?lang=en"))?.text()));
          const ends = performance.now() + 20_000;
          while (performance.now() < ends && (await texts()).some((page) => page?.includes("Clock moved"))) {
            await new Promise((resolve) => setTimeout(resolve, 50));
          }
        }"""
    )
    site.answers["/v"] = OUT_OF_ORDER
    visitor.opens(site.q1())
    assert "Clock moved" not in visitor.text()
    assert visitor.headline.startswith("Valid today, 20 November 2026")


def test_what_is_older_or_comes_from_somebody_else_replaces_no_copy(visitor: Visitor, site: Site) -> None:
    site.publish({1: 1})
    visitor.opens()
    visitor.settled()
    older = START - timedelta(hours=2)
    site.publish(at=older)
    stale = site.answers[f"/status/{LIST}"]
    for answer in (stale, (200, "text/html", b"<h1>Welcome to our network</h1>")):
        site.answers[f"/status/{LIST}"] = answer
        visitor.opens(site.q1())
        assert "it has been revoked" in visitor.headline
    site.publish(at=START + timedelta(minutes=1))
    visitor.opens(site.q1())
    assert visitor.headline.startswith("Valid today")
