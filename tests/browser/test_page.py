"""The page around the answer: two languages, every way in, nothing sent unasked, and nothing left behind."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FilePayload, Page, Request

from app.formats import qr
from app.pages.spoken import catalogue
from tests.browser.conftest import phone
from tests.browser.site import LIST, Site
from tests.browser.visitor import Visitor
from tests.conftest import START
from tests.verification.issued import Issued, issued
from tests.verification.sealing import foreign, seal_of, stranger

NAME = "Alba Neri"


@pytest.fixture
def credential(site: Site) -> Issued:
    """A credential of the real service, whose list says nothing ill of it."""
    made = issued(site.ports)
    site.publish(list_id=1)
    return made


# --- nothing is left behind ---


def test_what_stands_behind_the_hash_leaves_the_device_never(visitor: Visitor, site: Site) -> None:
    digits = site.q1()
    visitor.opens(digits)
    visitor.settled()
    assert visitor.page.url == f"{site.url}/v?lang=en"
    told = "\n".join(site.heard + site.logged)
    assert "/static/" in told
    for secret in (digits, digits[:40], NAME, "Alba"):
        assert secret not in told
    kept = visitor.page.evaluate(
        """async () => {
          const kept = [JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie];
          for (const name of await caches.keys()) {
            const cache = await caches.open(name);
            for (const request of await cache.keys()) {
              kept.push(request.url, await (await cache.match(request)).text());
            }
          }
          return kept;
        }"""
    )
    assert any(f"/status/{LIST}" in text for text in kept)
    for text in kept:
        assert digits[:40] not in text
        assert "Alba" not in text
        assert "#" not in text or not text.startswith("http")
    assert len([text for text in kept if text.startswith("http")]) > 10
    visitor.page.go_back()
    visitor.page.go_forward()
    visitor.waits()
    assert digits not in visitor.page.url


def test_a_credential_never_seen_before_is_verified_without_a_network(visitor: Visitor, site: Site) -> None:
    visitor.opens()
    visitor.settled()
    site.publish({5: 1})
    visitor.opens()  # a second visit takes the newest list along
    visitor.settled()
    visitor.expected = ("ERR_INTERNET_DISCONNECTED", "ERR_FAILED")
    visitor.page.context.set_offline(True)
    visitor.opens(site.q1(name="Bruno Mai Visto", index=4))
    assert visitor.headline == "Valid today, 20 November 2026, until 20 November 2029"
    assert "Bruno Mai Visto" in visitor.text()
    assert "without a network" in visitor.text()
    visitor.opens(site.q1(name="Carla Mai Vista", index=5), "it")
    assert "Non valido oggi, 20 novembre 2026: è stato revocato" in visitor.headline
    visitor.opens(site.q1(list_id=LIST + 1))
    assert visitor.headline.endswith("the status list cannot be reached")
    visitor.opens()
    visitor.page.fill("#number", "DLE-26-7K3Q-F9XM-2T5H-65")
    visitor.page.press("#number", "Enter")
    visitor.page.wait_for_selector("#trouble:visible")
    assert "no number can be looked up" in visitor.text("#trouble")
    # A day later the copy is too old to be believed, and says so.
    visitor.page.clock.set_fixed_time(START + timedelta(days=1, seconds=1))
    visitor.opens(site.q1())
    assert visitor.headline.endswith("the status list is too old")


def test_the_first_view_is_small(visitor: Visitor, site: Site) -> None:
    finished: list[Request] = []
    visitor.page.on("requestfinished", lambda request: finished.append(request))  # noqa: PLW0108 - it marks its listeners
    visitor.opens(site.q1())
    visitor.page.wait_for_load_state("networkidle")
    measured = {request.url: request.sizes() for request in finished}
    sizes = {url: each["responseBodySize"] + each["responseHeadersSize"] for url, each in measured.items()}
    transferred = sum(size for url, size in sizes.items() if url.startswith(site.url))
    assert len(sizes) > 15
    assert 20_000 < transferred < 60_000
    assert not [url for url in sizes if not url.startswith((site.url, "about:"))]
    assert not [url for url in sizes if "scan." in url]


# --- two languages ---


@pytest.mark.parametrize("language", ["it", "en"])
def test_a_page_speaks_one_language(visitor: Visitor, site: Site, language: str) -> None:
    other = _sentences("en" if language == "it" else "it") - _sentences(language)
    said = []
    for digits in ("", site.q1(), site.q1(list_id=LIST + 1), "1" + site.q1()[1:]):
        visitor.expected = ("404",)
        visitor.opens(digits, language)
        visitor.page.evaluate(
            "document.querySelectorAll('[hidden]').forEach((each) => { each.hidden = false })"
        )
        said.append(visitor.text("body"))
        assert visitor.page.evaluate("document.documentElement.lang") == language
    for text in said:
        for sentence in other:
            assert not re.search(rf"(?<!\w){re.escape(sentence)}(?!\w)", text), sentence


def _sentences(language: str) -> set[str]:
    """Every text of a catalogue without blanks in it, two words or longer ones."""

    def leaves(value: object) -> Iterator[str]:
        match value:
            case str():
                yield value
            case dict():
                for each in value.values():
                    yield from leaves(each)
            case list():
                for each in value:
                    yield from leaves(each)

    texts = leaves({**catalogue(language), "language": "", "elided": ""})  # type: ignore[arg-type]
    return {text for text in texts if len(text) > 4 and "{" not in text}


def test_another_language_keeps_the_answer(visitor: Visitor, site: Site) -> None:
    visitor.opens(site.q1())
    visitor.page.click("text=Italiano")
    visitor.page.wait_for_selector("html[lang=it]")
    assert visitor.headline == "Valido oggi, 20 novembre 2026, fino al 20 novembre 2029"
    assert NAME in visitor.text()
    assert visitor.page.title() == "Valido · Sigillo"
    assert visitor.page.url == f"{site.url}/v?lang=it"
    other = _sentences("en") - _sentences("it")
    assert not [sentence for sentence in other if f" {sentence} " in f" {visitor.text('body')} "]
    visitor.page.click("text=English")
    visitor.page.wait_for_selector("html[lang=en]")
    assert visitor.headline.startswith("Valid today")


# --- for everybody ---


def _harmless(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []


@pytest.mark.parametrize(
    ("language", "width", "scheme"), [("it", 390, "light"), ("en", 1280, "light"), ("en", 390, "dark")]
)
def test_no_barrier_is_found(visitor: Visitor, site: Site, language: str, width: int, scheme: str) -> None:
    visitor.page.set_viewport_size({"width": width, "height": 900})
    visitor.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] # both are schemes
    site.publish({2: 1, 3: 3})
    visitor.opens("", language)
    visitor.page.fill("#pasted", "nothing that could be verified here")
    visitor.page.click("#paste-form button")
    visitor.page.wait_for_selector("#consent:visible")
    _harmless(visitor.page)
    for digits in (site.q1(test=True), site.q1(index=2), site.q1(index=3)):
        visitor.opens(digits, language)
        assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        _harmless(visitor.page)


OUTSIDE = """() => {
  const outside = [];
  const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    const around = text.parentElement.closest(".answer, .card");
    if (!around || text.parentElement.closest(".unseen")) continue;
    const box = around.getBoundingClientRect();
    const range = document.createRange();
    range.selectNodeContents(text);
    const lines = [...range.getClientRects()];
    if (lines.some((line) => line.left < box.left || line.right > box.right)) outside.push(text.data);
  }
  return outside;
}"""


@pytest.mark.parametrize("width", [320, 360, 720, 1280])
@pytest.mark.parametrize("language", ["it", "en"])
def test_no_word_stands_out_of_its_box_on_any_screen(
    visitor: Visitor, site: Site, language: str, width: int
) -> None:
    visitor.page.set_viewport_size({"width": width, "height": 700})
    site.publish({2: 1, 3: 3})
    longest = datetime(2029, 9, 30, 22, 0, tzinfo=UTC)
    for digits in (
        site.q1(ends=longest),
        site.q1(ends=longest, test=True),
        site.q1(index=2),
        site.q1(index=3),
    ):
        visitor.opens(digits, language)
        assert visitor.headline
        assert visitor.runs(OUTSIDE) == []
        assert visitor.runs("() => document.documentElement.scrollWidth <= innerWidth")


def test_the_page_is_used_with_a_keyboard_alone(visitor: Visitor, site: Site) -> None:
    visitor.opens()
    keys = visitor.page.keyboard
    keys.press("Tab")
    assert visitor.page.evaluate("document.activeElement.className") == "skip"
    keys.press("Enter")
    for _ in range(30):
        keys.press("Tab")
        if visitor.page.evaluate("document.activeElement.id") == "pasted":
            break
    keys.insert_text(site.link(site.q1()))
    keys.press("Tab")
    keys.press("Enter")
    assert visitor.headline.startswith("Valid today")
    assert visitor.page.evaluate("document.activeElement.id") == "answer"
    keys.press("Tab")
    assert visitor.page.evaluate("document.activeElement.id") == "again"
    keys.press("Enter")
    assert visitor.page.is_visible("#opening")
    assert visitor.page.evaluate("document.activeElement.id") == "opening"
    assert NAME not in visitor.text("body")


def test_a_printed_page_leaves_out_what_paper_cannot_do(visitor: Visitor, site: Site) -> None:
    visitor.opens(site.q1())
    visitor.page.emulate_media(media="print")
    assert visitor.page.is_visible("#answer")
    assert not visitor.page.is_visible("#again")
    assert not visitor.page.is_visible(".languages")


# --- time ---


def test_a_device_whose_clock_is_wrong_is_told(visitor: Visitor, site: Site) -> None:
    visitor.opens(site.q1())
    assert "does not agree" not in visitor.text()
    site.clock.move(timedelta(minutes=6))
    visitor.opens(site.q1())
    assert "The clock of this device does not agree" in visitor.text().replace("the clock", "The clock")


def test_under_a_moved_clock_the_page_says_so_first_and_judges_by_it(visitor: Visitor, site: Site) -> None:
    month = timedelta(days=30)
    site.publish_keys(life=2 * month)
    site.publish(at=START + month)
    site.clock.offset = month
    try:
        visitor.opens(site.q1(begins=START + timedelta(days=20)))
    finally:
        site.clock.offset = timedelta(0)
    assert visitor.text().lstrip().startswith("Clock moved by P30D.")
    assert visitor.headline == "Valid today, 20 December 2026, until 20 November 2029"
    assert "does not agree" not in visitor.text()


# --- every way in, and nothing sent unasked ---


def _posts(site: Site) -> list[str]:
    return [line for line in site.heard if line.startswith(("/v1/", "content-type: multipart"))]


def test_our_own_document_is_verified_on_the_device(visitor: Visitor, site: Site, credential: Issued) -> None:
    visitor.opens()
    visitor.page.set_input_files(
        "#file", {"name": "document.jwt", "mimeType": "text/plain", "buffer": credential.token.encode()}
    )
    visitor.page.click("#file-form button")
    assert visitor.headline == "Valid today, 20 November 2026, until 20 November 2029"
    assert credential.number in visitor.text()
    assert credential.holder_name in visitor.text()
    assert _posts(site) == []


def test_a_document_may_be_dropped_anywhere(visitor: Visitor, credential: Issued) -> None:
    visitor.opens()
    visitor.page.evaluate(
        """(text) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([text], "document.jwt"));
          const drop = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
          document.body.dispatchEvent(drop);
        }""",
        credential.token,
    )
    assert visitor.headline.startswith("Valid today")


@pytest.mark.parametrize("script", [True, False], ids=["in the page", "without its script"])
def test_each_time_stamp_has_a_line_of_its_own_on_a_telephone(
    browser: Browser, site: Site, *, script: bool
) -> None:
    seal = seal_of(foreign(), stranger()).general().encode()
    file: FilePayload = {"name": "diploma.jsonld", "mimeType": "application/json", "buffer": seal}
    opened = browser.new_context(
        locale="en-GB", viewport={"width": 390, "height": 844}, java_script_enabled=script
    )
    page = opened.new_page()
    for language, said in (("en", "Time-stamp of the signature"), ("it", "Marca temporale della firma")):
        page.goto(f"{site.url}/v?lang={language}")
        page.set_input_files("#file", file)
        page.click("#file-form button")
        if script:
            page.click("#agree")
        lines = page.locator(".reason li")
        lines.first.wait_for()
        assert [said in each for each in lines.all_inner_texts()] == [True, False]
        width = page.locator("main").bounding_box()
        assert width is not None
        assert width["width"] <= 390
        assert page.locator(".checks > li").count() == 7
        told = page.locator(".checks + p").inner_text()
        assert {"en": "qualified seal", "it": "sigillo qualificato"}[language] in told
    opened.close()


def test_what_the_device_cannot_verify_is_sent_only_once_agreed(
    visitor: Visitor, site: Site, credential: Issued
) -> None:
    visitor.opens()
    visitor.page.fill("#pasted", credential.badge)
    visitor.page.click("#paste-form button")
    visitor.page.wait_for_selector("#consent:visible")
    assert "it has to be sent" in visitor.text("#consent")
    assert _posts(site) == []
    visitor.page.click("#decline")
    assert not visitor.page.is_visible("#consent")
    assert _posts(site) == []
    visitor.page.click("#paste-form button")
    visitor.page.click("#agree")
    assert visitor.headline == "Valid today, 20 November 2026, until 20 November 2029"
    assert "/v1/verifications" in _posts(site)
    assert "Checked by the service" in visitor.text()
    visitor.page.click("text=Italiano")
    visitor.page.wait_for_selector("html[lang=it]")
    assert visitor.headline.startswith("Valido oggi")


def test_a_photo_is_read_by_the_service_once_agreed(visitor: Visitor, site: Site, credential: Issued) -> None:
    visitor.opens()
    visitor.page.evaluate("delete globalThis.BarcodeDetector")
    visitor.page.click("#scan")
    visitor.page.wait_for_selector("#photo:visible")
    picture = qr.png(f"{site.url}/v/{credential.number}")
    visitor.page.set_input_files("#photo", {"name": "p.png", "mimeType": "image/png", "buffer": picture})
    visitor.page.wait_for_selector("#consent:visible")
    assert _posts(site) == []
    visitor.page.click("#agree")
    assert visitor.headline.startswith("Valid today")
    assert credential.number in visitor.text()


def test_what_the_service_cannot_read_is_said_in_words(visitor: Visitor) -> None:
    visitor.opens()
    visitor.expected = ("422",)
    broken = b"\x89PNG\r\n\x1a\n broken"
    visitor.page.set_input_files("#file", {"name": "p.png", "mimeType": "image/png", "buffer": broken})
    visitor.page.click("#file-form button")
    visitor.page.click("#agree")
    visitor.page.wait_for_selector("#trouble:visible")
    assert "The picture is damaged" in visitor.text("#trouble")
    visitor.page.click("text=Italiano")
    visitor.page.wait_for_selector("html[lang=it]")
    assert "rovinata" in visitor.text("#trouble")


def test_the_camera_reads_where_the_browser_can(browser: Browser, site: Site) -> None:
    with phone(browser, permissions=["camera"]) as page:
        visitor = Visitor(page, site)
        page.add_init_script(
            f"""globalThis.BarcodeDetector = class {{
              static async getSupportedFormats() {{ return ["qr_code"]; }}
              async detect() {{ return [{{ rawValue: "{site.link(site.q1()).replace("?lang=en", "")}" }}]; }}
            }};
            if (navigator.mediaDevices) {{
              const canvas = document.createElement("canvas");
              navigator.mediaDevices.getUserMedia = async () => canvas.captureStream();
            }}
            HTMLMediaElement.prototype.play = async () => undefined;"""
        )
        visitor.opens()
        page.click("#scan")
        assert visitor.headline.startswith("Valid today")
        assert not page.is_visible("#camera")
        assert page.evaluate("document.getElementById('video').srcObject") is None
        assert _posts(site) == []
        assert visitor.complaints == []


def test_another_sites_address_is_not_opened(visitor: Visitor, site: Site) -> None:
    visitor.opens()
    visitor.page.fill("#pasted", "https://evil.example/v#123")
    visitor.page.click("#paste-form button")
    visitor.page.wait_for_selector("#trouble:visible")
    assert "leads to another site" in visitor.text("#trouble")
    assert not [line for line in site.heard if "evil" in line]


def test_a_typed_number_leads_to_its_page(visitor: Visitor, site: Site, credential: Issued) -> None:
    visitor.opens()
    visitor.page.fill("#number", credential.number.lower())
    visitor.page.press("#number", "Enter")
    visitor.page.wait_for_url(f"{site.url}/v/{credential.number}?lang=en")
    assert visitor.headline.startswith("Valid today")
    visitor.opens()
    visitor.page.fill("#pasted", credential.number)
    visitor.page.click("#paste-form button")
    visitor.page.wait_for_url(f"{site.url}/v/{credential.number}**")
    kept = visitor.page.evaluate(
        "caches.keys().then((names) => Promise.all(names.map(async (name) => "
        "(await (await caches.open(name)).keys()).map((request) => request.url)))).then((all) => all.flat())"
    )
    assert not [url for url in kept if credential.number in url]


def test_without_its_script_the_page_still_answers(browser: Browser, site: Site, credential: Issued) -> None:
    opened = browser.new_context(java_script_enabled=False, locale="it-IT")
    page = opened.new_page()
    page.goto(f"{site.url}/v#{site.q1()}")
    assert "Questo browser non esegue lo script" in page.inner_text("main")
    assert not page.is_visible("#scan")
    page.fill("#number", credential.number)
    page.press("#number", "Enter")
    page.wait_for_url(f"{site.url}/v/{credential.number}?lang=it")
    assert "Valido oggi" in page.inner_text("h1")
    page.goto(f"{site.url}/v")
    page.set_input_files(
        "#file", {"name": "document.jwt", "mimeType": "text/plain", "buffer": credential.token.encode()}
    )
    page.click("#file-form button")
    assert "Valido oggi" in page.inner_text("h1")
    opened.close()
