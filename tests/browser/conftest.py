"""One browser, one service: what a stranger's telephone does with our pages."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.site import Site, served
from tests.browser.visitor import Visitor
from tests.conftest import START

CHROMIUM = Path("/usr/bin/chromium")


# Of the package and not of the session: as long as the browser is there, nobody else may run an event loop.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        why = f"{CHROMIUM} is not installed: pages are not tried in a browser"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def running(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("browser")
    shutil.copy(sqlite_template, folder / "sigillo.db")
    with served(folder / "sigillo.db", folder / "files") as site:
        yield site


@pytest.fixture
def site(running: Site) -> Site:
    running.fresh()
    return running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
    opened.clock.set_fixed_time(START)
    yield opened
    opened.close()


@contextmanager
def phone(browser: Browser, *, permissions: list[str] | None = None) -> Iterator[Page]:
    """Open a page on a telephone."""
    opened = browser.new_context(
        locale="en-GB", viewport={"width": 390, "height": 844}, permissions=permissions or []
    )
    opened.clock.set_fixed_time(START)
    yield opened.new_page()
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def visitor(page: Page, site: Site) -> Iterator[Visitor]:
    """Somebody with a browser; whatever it complained of fails the test."""
    somebody = Visitor(page, site)
    yield somebody
    assert somebody.complaints == []
