"""What the page says of an offline QR, in a real browser: never more than could be checked."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from app.formats.strict import encode64
from app.pages.assets import WORDS
from app.ports import Slot
from tests.browser.site import BEGINS, ENDS, JWKS, LIST, QR_KEYS, Site
from tests.browser.visitor import Visitor
from tests.conftest import START
from tests.fakes_keys import MemoryKeys

REVOKED, SUSPENDED, SUPERSEDED = 1, 2, 3
YEAR = timedelta(days=365)
GONE = (503, "text/plain", b"")


def test_a_genuine_code_is_answered_in_the_first_line(visitor: Visitor, site: Site) -> None:
    visitor.opens(site.q1())
    assert visitor.headline == "Valid today, 20 November 2026, until 20 November 2029"
    said = visitor.text()
    for words in (
        "Alba Neri",
        "AI Deep Learning Engineer",
        "Associazione di prova",
        "Compare the name with an identity document.",
        "What the seal proves",
        "What it does not prove",
        "Suspensions and revocations as of 20 November 2026, 10:00 CET",
        "the document was sent to nobody",
        "the register was not asked",
    ):
        assert words in said
    assert visitor.page.title() == "Valid · Sigillo"
    assert visitor.page.evaluate("document.activeElement.id") == "answer"


@pytest.mark.parametrize(
    ("state", "result", "headline", "shown"),
    [
        (REVOKED, "Not valid", "Not valid today, 20 November 2026: it has been revoked, for good", "Revoked"),
        (SUSPENDED, "Not valid", "Not valid today, 20 November 2026: it is suspended", "Suspended"),
        (
            SUPERSEDED,
            "Not valid",
            "Not valid today, 20 November 2026: it no longer holds, ask the holder for the current document",
            "No longer the current document",
        ),
    ],
    ids=["revoked", "suspended", "superseded"],
)
def test_the_list_speaks_for_the_register(
    visitor: Visitor, site: Site, state: int, result: str, headline: str, shown: str
) -> None:
    site.publish({1: state, 0: REVOKED, 2: REVOKED})
    visitor.opens(site.q1(index=1))
    assert visitor.result.title() == result.title()
    assert visitor.headline.startswith(headline.removesuffix(", for good"))
    assert shown in visitor.text("[data-part=facts]")


@pytest.mark.parametrize(
    ("begins", "ends", "headline"),
    [
        (BEGINS - 4 * YEAR, ENDS - 4 * YEAR, "its validity ended on 21 November 2025"),
        (START + timedelta(days=1), ENDS, "its validity starts on 21 November 2026"),
        (BEGINS, START - timedelta(seconds=1), "its validity ended on 20 November 2026"),
    ],
    ids=["expired", "not yet valid", "expired a second ago"],
)
def test_time_is_judged_by_the_device(
    visitor: Visitor, site: Site, begins: object, ends: object, headline: str
) -> None:
    visitor.opens(site.q1(begins=begins, ends=ends))  # type: ignore[arg-type] # both are instants
    assert visitor.headline == f"Not valid today, 20 November 2026: {headline}"


def test_the_last_second_is_still_valid(visitor: Visitor, site: Site) -> None:
    visitor.opens(site.q1(ends=START))
    assert visitor.result.lower() == "valid"


def _unreachable(site: Site) -> None:
    site.answers[f"/status/{LIST}"] = GONE


def _not_there(site: Site) -> None:
    site.answers[f"/status/{LIST}"] = (404, "application/json", b"{}")


def _expired(site: Site) -> None:
    site.publish(at=START - timedelta(days=2))


def _ahead(site: Site) -> None:
    site.publish(at=START + timedelta(hours=1))


def _of_another(site: Site) -> None:
    site.publish(list_id=LIST + 1)
    site.answers[f"/status/{LIST}"] = site.answers.pop(f"/status/{LIST + 1}")


def _tampered(site: Site) -> None:
    status, media_type, token = site.answers[f"/status/{LIST}"]
    site.answers[f"/status/{LIST}"] = (status, media_type, token[:-4] + b"AAAA")


def _swollen(site: Site) -> None:
    """Sound, and larger than any list of ours may be."""
    from unittest.mock import patch

    with patch("tests.browser.site.SIZE", 2**23):
        site.publish()


@pytest.mark.parametrize(
    ("happens", "because"),
    [
        (_unreachable, "the status list cannot be reached"),
        (_not_there, "the status list cannot be reached"),
        (_of_another, "the status list cannot be reached"),
        (_tampered, "the status list cannot be reached"),
        (_swollen, "the status list cannot be reached"),
        (_expired, "the status list is too old"),
        (_ahead, "the clock of this device is behind"),
    ],
)
def test_without_a_list_that_can_be_believed_nothing_is_called_valid(
    visitor: Visitor, site: Site, happens: Callable[[Site], None], because: str
) -> None:
    happens(site)
    visitor.expected = ("503", "404")
    visitor.opens(site.q1())
    assert visitor.headline == f"Cannot be confirmed today, 20 November 2026: {because}"
    assert visitor.result.lower() == "not confirmed"
    assert "Not known" in visitor.text("[data-part=facts]")


def _no_key_set(site: Site) -> None:
    site.answers[JWKS] = GONE


def _no_qr_keys(site: Site) -> None:
    site.answers[QR_KEYS] = GONE


def _ended_qr_keys(site: Site) -> None:
    site.clock.move(-timedelta(days=8))
    site.publish_keys()
    site.clock.move(timedelta(days=8))


def _sealed_by_another_key(site: Site) -> None:
    site.publish_keys(by=Slot.STATUS)


def _changed_qr_keys(site: Site) -> None:
    status, media_type, token = site.answers[QR_KEYS]
    head, body, seal = token.split(b".")
    body = body[:-8] + encode64(b"x" * 6).encode()
    site.answers[QR_KEYS] = (status, media_type, b".".join((head, body, seal)))


@pytest.mark.parametrize(
    "happens", [_no_key_set, _no_qr_keys, _ended_qr_keys, _sealed_by_another_key, _changed_qr_keys]
)
def test_a_key_that_the_seal_does_not_vouch_for_proves_nothing(
    visitor: Visitor, site: Site, happens: Callable[[Site], None]
) -> None:
    happens(site)
    visitor.expected = ("503",)
    visitor.opens(site.q1())
    assert visitor.headline.startswith("Cannot be confirmed today")
    assert "Alba Neri" not in visitor.text()


def test_somebody_elses_key_shows_nothing_of_what_it_signed(visitor: Visitor, site: Site) -> None:
    visitor.opens(site.q1(keys=MemoryKeys(START)))
    assert visitor.result.lower() == "not confirmed"
    assert "Alba Neri" not in visitor.text()


def test_a_tampered_code_is_not_valid_and_nothing_of_it_is_shown(visitor: Visitor, site: Site) -> None:
    digits = site.q1()
    for changed in (str(int(digits) ^ 1), str(int(digits) ^ (1 << 8 * 80)), digits[:-1], digits + "0"):
        visitor.opens(changed)
        assert visitor.result.lower() == "not valid"
        assert "Alba Neri" not in visitor.text()


def test_a_test_document_says_so_first(visitor: Visitor, site: Site) -> None:
    visitor.opens(site.q1(test=True))
    assert visitor.headline.startswith("TEST \N{EN DASH} no value. Otherwise valid today")
    assert visitor.text().lstrip().startswith("TEST \N{EN DASH} no value.")


def test_an_issuer_whom_the_sealed_list_does_not_name_is_not_confirmed(visitor: Visitor, site: Site) -> None:
    visitor.opens(site.q1(issuer=1))
    assert visitor.result.lower() == "not confirmed"
    assert "Says it was issued by" in visitor.text()


def test_a_code_without_a_name_says_so(visitor: Visitor, site: Site) -> None:
    visitor.opens(site.q1(name=None))
    assert visitor.text("[data-part=holder]") == "The name is not written in the code"


HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</h2><script>alert(1)</script>",
    "{brief} {last:al} $& $1 ${today}",
    "Róża \N{RIGHT-TO-LEFT OVERRIDE}ireN <b>",
    "constructor",
    "A" * 400,
)


@pytest.mark.parametrize("name", HOSTILE, ids=["image", "script", "blanks", "override", "property", "long"])
def test_a_hostile_name_is_only_text(visitor: Visitor, site: Site, name: str) -> None:
    visitor.opens(site.q1(name=name))
    assert visitor.result.lower() == "valid"
    assert visitor.page.text_content("[data-part=holder]") == name
    assert visitor.page.locator("[data-part=holder] *").count() == 0
    assert visitor.page.locator("main img, main script, main iframe").count() == 0
    assert visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


MARKUP = (
    "<{tag} src=x onerror=alert(1)>",
    "</h2></section><{tag} onload=alert(1)>",
    "\"'><{tag} autofocus onfocus=alert(1)>",
    "<{tag} href=javascript:alert(1)>x</{tag}>",
    "<template><{tag} onclick=alert(1)></template>",
    "&lt;{tag} onload=alert(1)&gt;",
    "<!--><{tag} srcdoc='<script>alert(1)</script>'>-->",
    "${{alert(1)}}<{tag} style=animation-name:x onanimationstart=alert(1)>",
)
TAGS = (
    *("script", "img", "svg", "iframe", "object", "embed", "video", "audio", "math", "style", "link"),
    *("base", "meta", "form", "input", "button", "select", "textarea", "details", "marquee", "body"),
)
DRAW = """
async ([view, wordsPath, payloads]) => {
  const { drawn } = await import(view);
  const words = await (await fetch(wordsPath)).json();
  const place = document.getElementById("answer-place");
  const draw = (text) => {
    const report = {
      result: "valid", headline: text, mode: "live", checked_at: "2026-11-20T09:00:00Z",
      issuer: { name: text },
      checks: [{ id: "format", state: "pass", reason: text }],
      credential: {
        number: text, holder_name: text, scheme_title: text, standard: text, wording: text, state: text,
        valid_from: "2026-11-20T09:00:00Z", valid_until: "2026-11-20T09:00:00Z",
      },
    };
    place.replaceChildren(drawn(report, words, { notes: [text], short: false }));
    return [place.querySelectorAll("*").length, place.textContent.split(text).length - 1];
  };
  const [elements] = draw("Alba Neri");
  return payloads.map(draw).filter(([count, times]) => count !== elements || times < 9).length;
}
"""


def test_five_hundred_payloads_in_every_place_of_the_page_add_nothing_to_it(visitor: Visitor) -> None:
    ends = ("", "\\0", "\\n//")
    payloads = [each.format(tag=tag) + end for each in MARKUP for tag in TAGS for end in ends]
    assert len(payloads) > 500
    dialogs: list[str] = []
    visitor.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    visitor.opens()
    assert visitor.page.evaluate(DRAW, [visitor.module("view"), WORDS["en"].path, payloads]) == 0
    assert dialogs == []


def test_a_key_that_has_retired_serves_as_long_as_the_seal_lists_it(visitor: Visitor, site: Site) -> None:
    digits = site.q1()
    site.clock.at = START + timedelta(days=400)  # its certificate lived for a year
    site.publish_keys()
    site.publish()
    visitor.page.clock.set_fixed_time(site.clock.at)
    visitor.opens(digits)
    assert visitor.headline == "Valid today, 25 December 2027, until 20 November 2029"
    assert "still answers for it" in visitor.text()


def test_a_second_code_in_the_same_tab_is_verified_too(visitor: Visitor, site: Site) -> None:
    visitor.opens(site.q1())
    site.publish({2: REVOKED})
    visitor.page.evaluate("(digits) => { location.hash = digits }", site.q1(index=2, name="Bruno Verdi"))
    visitor.page.wait_for_selector(".answer.invalid")
    assert "Bruno Verdi" in visitor.text()
    assert visitor.page.url == f"{site.url}/v?lang=en"
