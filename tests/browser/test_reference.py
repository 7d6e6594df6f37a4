"""The reference of the API in a browser: for everybody, on every screen."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.conftest import phone
from tests.browser.site import Site
from tests.browser.visitor import Visitor

PAGES = ("/api", "/api/dossiers", "/api/public", "/problems", "/problems/malformed")


def on_every_page(page: Page, site: Site, language: str) -> None:
    for path in PAGES:
        page.goto(f"{site.url}{path}?lang={language}")
        found = Axe().run(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0, f"{path} is wider than the screen"


@pytest.mark.parametrize("language", ["it", "en"])
def test_the_reference_is_accessible_on_a_desk(visitor: Visitor, site: Site, language: str) -> None:
    on_every_page(visitor.page, site, language)


def test_the_reference_is_accessible_on_a_telephone(browser: Browser, site: Site) -> None:
    with phone(browser) as page:
        on_every_page(page, site, "en")


def test_the_reference_is_read_without_a_script(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(f"{site.url}/api")
    page.click("text=dossiers")
    page.click("nav.card a:has-text('submission')")
    assert "Hand the dossier in" in page.inner_text("#post--v1-dossiers-dossier-submission")
    page.click("#post--v1-dossiers-dossier-submission a:has-text('dossier-incomplete')")
    assert "The dossier is not complete" in page.inner_text("h1")
    context.close()
