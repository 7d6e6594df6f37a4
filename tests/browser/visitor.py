"""Somebody in front of a browser: what they do, what they see, and what the browser complained of."""

from typing import Any

from playwright.sync_api import ConsoleMessage, Page

from tests.browser.site import Site

RESULTS = {
    "valid": "Valid",
    "valid_with_warnings": "Valid, with warnings",
    "invalid": "Not valid",
    "unknown": "Not confirmed",
}


class Visitor:
    """Somebody who was shown an attestation."""

    def __init__(self, page: Page, site: Site) -> None:
        self.page = page
        self.site = site
        self.complaints: list[str] = []
        self.expected: tuple[str, ...] = ()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (event) => "
            "console.error(`CSP ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));"
        )

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(each in message.text for each in self.expected):
            self.complaints.append(message.text)

    def opens(self, digits: str = "", language: str = "en") -> None:
        """Follow the link of a QR code, and wait until the page has answered."""
        address = self.site.link(digits, language) if digits else f"{self.site.url}/v?lang={language}"
        self.page.goto("about:blank")
        self.page.goto(address)
        self.waits()

    def waits(self) -> None:
        self.page.wait_for_selector("html[data-ready]")

    def settled(self) -> None:
        """Wait until the device took along what it needs to verify without a network."""
        self.page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
        self.page.wait_for_selector("html[data-kept]")

    @property
    def headline(self) -> str:
        self.page.wait_for_selector("#answer")
        return self.text("#answer")

    @property
    def result(self) -> str:
        return self.text("[data-part=result]")

    def text(self, selector: str = "main") -> str:
        return self.page.inner_text(selector).replace("\N{NO-BREAK SPACE}", " ")

    def module(self, name: str) -> str:
        """The address of one of the page's modules."""
        from app.pages.assets import SCRIPT

        return SCRIPT[name].path

    def runs(self, script: str, *given: Any) -> Any:
        return self.page.evaluate(script, list(given) if given else None)
