"""Values in, HTML out: what a person sees in a browser, in Italian or in English."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache, partial
from pathlib import Path
from typing import Final
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from app.core.labels import Labels, Language
from app.pages import assets, words
from app.pages.qr import qr_drawing
from app.schemes.scheme import Scheme
from app.verification import words as answers
from app.verification.report import CheckName, Outcome, Report
from app.verification.rules import ROME

LONGEST_ECHO: Final = 64
DAY: Final = re.compile(r"(\d{1,2}º?) (\w+) (\d{4})")
INSTEAD: Final[Mapping[int, str]] = {
    404: "astray",
    405: "astray",
    413: "oversized",
    429: "hurried",
    503: "unreachable",
}
_CODE: Final = re.compile(r"`([^`]+)`")
HOUR: Final = re.compile(r"(?:ore )?\d\d:\d\d [A-Z]{3,4}")

_templates: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,  # always: names come from people, and documents from anybody
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


def _spoken(labels: Mapping[str, Labels], language: Language) -> dict[str, str]:
    return {key: label.in_language(language) for key, label in labels.items()}


_SPOKEN: Final[Mapping[Language, Mapping[str, Mapping[str, str]]]] = {
    language: {
        "t": _spoken(words.WORDS, language),
        "results": _spoken(words.RESULTS, language),
        "outcomes": _spoken(words.OUTCOMES, language),
        "check_names": _spoken(words.CHECKS, language),
        "states": _spoken(words.STATES, language),
    }
    for language in ("it", "en")
}


def verification_page(
    report: Report,
    language: Language,
    *,
    number: str | None = None,
    address: str | None = None,
    contact: str | None = None,
    zone: tzinfo = ROME,
) -> str:
    """Show a report: the answer in the first line, then what it rests on.

    `number` is given where the page has an address of its own, `/v/{number}`, with a twin for programs;
    `address` is that page's public address, drawn as a QR; `contact` is where to report a problem by mail.
    """
    return _page(
        "verify.html",
        language,
        clock_offset=report.clock_offset,
        report=report,
        number=number,
        address=address,
        qr=qr_drawing(address) if address else None,
        contact=f"mailto:{quote(contact, safe='@')}" if contact else None,
        trusted=report.outcome(CheckName.ISSUER_TRUST) is Outcome.PASS,
        day=partial(_day, language=language, zone=zone),
        checked=answers.moment_in_words(report.checked_at, zone).in_language(language),
        proves=answers.PROVES,
        does_not_prove=answers.DOES_NOT_PROVE,
        switch=number is not None,
    )


def start_page(
    language: Language,
    *,
    site: str,
    others: Sequence[str] = (),
    trouble: str | None = None,
    clock_offset: str | None = None,
) -> str:
    """Offer to verify by number, file or photo; with its script, the page verifies on the reader's device.

    `site` is the address of ours that was asked, and `others` are those of bodies here that have another one;
    `trouble` is the code of what stopped the last attempt.
    """
    said = words.TROUBLES.get(trouble, words.TROUBLE).in_language(language) if trouble else None
    *modules, script = (assets.SCRIPT[name].path for name in assets.MODULES)
    return _page(
        "start.html",
        language,
        trouble=said,
        typed="",
        site=site,
        others=others,
        clock_offset=clock_offset,
        modules=modules,
        script=script,
        scanner=assets.SCRIPT[assets.SCANNER].path,
        spoken={each: asset.path for each, asset in assets.WORDS.items()},
    )


@lru_cache(maxsize=32)
def service_worker(site: str, clock_offset: str | None, others: Sequence[str] = ()) -> bytes:
    """Write the service worker of the start page, of another version wherever that page is another one."""
    return assets.service_worker(
        start_page(language, site=site, others=others, clock_offset=clock_offset) for language in _SPOKEN
    )


def scheme_page(scheme: Scheme, language: Language, *, clock_offset: str | None = None) -> str:
    """Tell what a scheme asks of its candidates: the address that documents name as their criteria."""
    return _page("scheme.html", language, scheme=scheme, clock_offset=clock_offset)


def scheme_not_found_page(language: Language, *, clock_offset: str | None = None) -> str:
    """Say that no scheme has this address."""
    return _notice(language, "scheme_not_found", again=False, clock_offset=clock_offset)


def not_found_page(language: Language, *, clock_offset: str | None = None) -> str:
    """Say that there is nothing to show: the same page for an unknown number and for a hidden one."""
    return _notice(language, "not_found", clock_offset=clock_offset)


def unreachable_page(language: Language, *, clock_offset: str | None = None) -> str:
    """Say that the register cannot be asked just now: no answer, rather than an old one."""
    return _notice(language, "unreachable", again=False, clock_offset=clock_offset)


def instead_page(language: Language, status: int, *, clock_offset: str | None = None) -> str:
    """Say to a browser what else a program would be told, and what its reader can do."""
    return _notice(language, INSTEAD.get(status, "defect"), clock_offset=clock_offset)


def mistyped_page(language: Language, typed: str = "", *, clock_offset: str | None = None) -> str:
    """Say that the check digits are wrong, with what was typed ready to be corrected."""
    return _notice(language, "mistyped", typed=typed[:LONGEST_ECHO], clock_offset=clock_offset)


def home_page(
    language: Language, *, documentation: str | None = None, clock_offset: str | None = None
) -> str:
    """Greet whoever comes to the bare address; `documentation` is the path of the API's own pages."""
    return _page("home.html", language, documentation=documentation, clock_offset=clock_offset)


def api_page(language: Language, **values: object) -> str:
    """Begin the API's reference: its parts, and what holds for all of them."""
    return _page("api.html", language, **values)


def api_part_page(language: Language, **values: object) -> str:
    """Show the operations of a part of the API."""
    return _page("api_part.html", language, **values)


def api_absent_page(language: Language) -> str:
    """Say that the reference has no such page."""
    return _notice(language, "api_absent", again=False)


def problems_page(language: Language, **values: object) -> str:
    """List what may go wrong."""
    return _page("problems.html", language, **values)


def problem_page(language: Language, **values: object) -> str:
    """Say what went wrong, and what to do about it."""
    return _page("problem.html", language, **values)


def _notice(
    language: Language, subject: str, *, typed: str = "", again: bool = True, clock_offset: str | None = None
) -> str:
    said = _SPOKEN[language]["t"]
    title, detail = said[f"{subject}_title"], said[f"{subject}_detail"]
    return _page(
        "notice.html",
        language,
        title=title,
        detail=detail,
        typed=typed,
        again=again,
        clock_offset=clock_offset,
    )


def _day(moment: datetime, *, language: Language, zone: tzinfo) -> str:
    return answers.day_in_words(moment.astimezone(zone).date()).in_language(language)


def _unbroken(text: str) -> str:
    """Keep a day on one line, and an hour, however narrow the screen."""
    days = DAY.sub("\\1\N{NO-BREAK SPACE}\\2\N{NO-BREAK SPACE}\\3", text)
    return HOUR.sub(lambda hour: hour[0].replace(" ", "\N{NO-BREAK SPACE}"), days)


def _coded(text: str) -> Markup:
    """Set apart what stands between backticks."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just before


def _page(template: str, language: Language, **values: object) -> str:
    defaults: dict[str, object] = {"switch": True, "clock_offset": None}
    return _templates.get_template(template).render(
        defaults
        | {
            "language": language,
            "stylesheet": assets.STYLESHEET.path,
            "mark": assets.MARK.path,
            "unbroken": _unbroken,
            "coded": _coded,
            "say": lambda labels: labels.in_language(language),
            **_SPOKEN[language],
        }
        | values
    )
