"""The attestation on A4: what stands on the page, and the page as PDF/UA-1 and as a picture.

The fonts are those inside typst: Libertinus Serif, and behind it New Computer Modern and DejaVu Sans Mono,
all free to embed. Nothing is read from the machine's own fonts, and nothing from a network.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.attestation.marks import Mark, MarkRefused
from app.attestation.words import (
    ADVANCED,
    CLOCK_MARK,
    CLOCK_WORDS,
    HEADING,
    MARK_ALT,
    MONTHS,
    PARTS,
    QR_ALT,
    QUALIFIED,
    TEST_MARK,
    TEST_WORDS,
    WORDS,
)
from app.core.errors import RuleBroken
from app.core.labels import Labels, Language
from app.formats import qr
from app.formats.claims import TEST_MARK as TITLE_MARK

if TYPE_CHECKING:
    import typst  # seven megabytes, which a process takes with its first page

LANGUAGES: Final[tuple[Language, ...]] = ("it", "en")
MAX_TEXT: Final = 400
MIN_PPI: Final = 72
MAX_PPI: Final = 300
_TEMPLATE: Final = Path(__file__).with_name("attestation.typ")
_GRID: Final = 0.5  # points: one pixel at 144 ppi
_QR_SIDE: Final = 121.5  # points, 43 mm, white margin included: a module of 0.5 mm up to version 14
_LONG_WORD: Final = 24  # letters: longer than any that a line has to keep whole
# Joiners change words in some scripts; the space without width lets a long word be broken.
_KEPT: Final = frozenset("\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH SPACE}")
_UNDRAWN: Final = "The mark cannot be drawn."
_NO_GLYPH: Final = re.compile(r"the text `(.+?)` could not be displayed")


class NotPrintable(RuleBroken):
    """Something on the page has no letters in our fonts, or does not fit: no page is better than a gap."""

    code = "not-printable"
    title = "The attestation cannot be set on its page"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What stands on the page. `link` is what its QR code says, `address` is where readers see it lead."""

    body: str
    mark: Mark | None
    holder: str
    profile: Labels
    standard: str
    claim: Labels  # the route's own words for what is issued
    number: str
    valid_from: date
    valid_until: date  # the last day, itself included
    link: str
    address: str
    test: bool
    clock_offset: str | None = None  # how far the clock was moved for a demonstration, if it was
    qualified: bool = False  # whether the certificate of the seal says so, and a trusted list bears it out

    @property
    def seal(self) -> Labels:
        return QUALIFIED if self.qualified else ADVANCED

    def statements(self) -> Iterator[str]:
        """Yield what the page says in words of ours or of the scheme; names are whoever's they are."""
        ours = (*WORDS.values(), TEST_MARK, TEST_WORDS, CLOCK_MARK, CLOCK_WORDS, self.seal)
        parts = (words for part in PARTS for words in (part.heading, *part.paragraphs))
        for words in (*ours, *parts, self.profile, self.claim):
            yield from (words.it, words.en)
        yield self.standard


def as_pdf(sheet: Sheet) -> bytes:
    """Set the page in both languages: one page, tagged, PDF/UA-1 (ISO 14289-1); the same bytes every time."""
    (page,) = _set(_inputs(sheet, [LANGUAGES]))
    return page


def as_pngs(sheet: Sheet, ppi: int = 144) -> Mapping[Language, bytes]:
    """Draw the page in each language, as the European Digital Credential shows it."""
    if not MIN_PPI <= ppi <= MAX_PPI:
        raise ValueError(f"A page is drawn at {MIN_PPI} to {MAX_PPI} pixels per inch.")
    drawn = _set(_inputs(sheet, [(language,) for language in LANGUAGES]), ppi=ppi)
    if len(drawn) != len(LANGUAGES):
        raise NotPrintable("It would take more than one page.")
    return dict(zip(LANGUAGES, drawn, strict=True))


def _set(given: Mapping[str, Any], *, ppi: int | None = None) -> list[bytes]:
    """Set the pages as one PDF, and with a density as a picture of each instead.

    A compiler takes one caller at a time and is cheap. What is dear is shared: the fonts, and what typst
    remembers of earlier pages, so that pages that were set once cost little more as pictures.
    """
    import typst

    compiler = typst.Compiler(_TEMPLATE, root=_TEMPLATE.parent, font_paths=_fonts(), ignore_system_fonts=True)
    inputs = {"sheet": json.dumps(given)}
    try:
        made = compiler.compile(format="pdf", pdf_standards="ua-1", sys_inputs=inputs)
        if ppi is not None:  # PDF/UA refuses a letter that no font has, where a picture would leave a gap
            made = compiler.compile(format="png", ppi=ppi, sys_inputs=inputs)
    except typst.TypstError as refused:
        raise _told(refused.message) from None
    except BaseException as broken:
        # Where the library itself breaks, what it raises is no Exception and would end the whole service.
        if type(broken).__name__ != "PanicException":
            raise
        raise (MarkRefused(_UNDRAWN) if given["mark"] else RuntimeError(str(broken))) from None
    return [made] if isinstance(made, bytes) else [*(made or ())]


def _told(message: str) -> Exception:
    if found := _NO_GLYPH.search(message):
        return NotPrintable(f"Our fonts have no sign for {found[1]}: write that text in another script.")
    if "do not fit" in message:
        return NotPrintable("A text is too long for its place on the page.")
    if "SVG" in message:
        return MarkRefused(_UNDRAWN)
    return RuntimeError(message)


@cache
def _fonts() -> "typst.Fonts":
    import typst

    return typst.Fonts(include_system_fonts=False)


def _inputs(sheet: Sheet, pages: Sequence[tuple[Language, ...]]) -> Mapping[str, Any]:
    """Give the template all that it shows, as text: typst reads none of it as markup."""
    first = pages[0][0]
    holder = _text(sheet.holder)
    title = f"{HEADING.in_language(first)} · {_text(sheet.profile.in_language(first))} · {holder}"
    return {
        "pages": pages,
        "title": (TITLE_MARK if sheet.test else "") + title,
        "test": sheet.test,
        "body": _breakable(_text(sheet.body)),
        "initials": _initials(_text(sheet.body)),
        "mark": None
        if sheet.mark is None
        else {
            "svg": sheet.mark.svg,
            "width": sheet.mark.width_at(54, most=160),
            "alt": _named(MARK_ALT, body=_text(sheet.body)),
        },
        "holder": _breakable(holder),
        "profile": _both(sheet.profile),
        "standard": _breakable(_text(sheet.standard)),
        "claim": _both(sheet.claim),
        "number": _text(sheet.number),
        "valid_from": _day(sheet.valid_from),
        "valid_until": _day(sheet.valid_until),
        "words": {name: _both(words) for name, words in WORDS.items()},
        "notices": _notices(sheet),
        "parts": [
            {
                "heading": _both(part.heading),
                "paragraphs": [_both(_filled(each, sheet)) for each in part.paragraphs],
            }
            for part in PARTS
        ],
        "qr": _code(sheet),
    }


def _code(sheet: Sheet) -> Mapping[str, Any]:
    """Draw the QR code, each module a whole number of half points wide."""
    drawn = qr.drawing(sheet.link, qr.Level.PRINT)
    module = _QR_SIDE / drawn.size // _GRID * _GRID
    return {
        "svg": drawn.svg(),
        "side": module * drawn.size,
        "quiet": module * qr.QUIET_ZONE,
        "alt": _named(QR_ALT, number=sheet.number),
    }


def _notices(sheet: Sheet) -> list[Mapping[str, Any]]:
    notices = [(TEST_MARK, TEST_WORDS)] if sheet.test else []
    if sheet.clock_offset is not None:
        notices.append((_filled(CLOCK_MARK, sheet), CLOCK_WORDS))
    return [{"mark": _both(mark), "words": _both(words)} for mark, words in notices]


def _filled(words: Labels, sheet: Sheet) -> Labels:
    address = sheet.address
    if len(address) > _LONG_WORD:
        address = address.replace(".", ".\N{ZERO WIDTH SPACE}")  # where a narrow column may break it
    return Labels(
        it=words.it.format(seal=sheet.seal.it, address=address, moved=sheet.clock_offset),
        en=words.en.format(seal=sheet.seal.en, address=address, moved=sheet.clock_offset),
    )


def _named(words: Labels, **names: str) -> Mapping[str, str]:
    return {"it": words.it.format(**names), "en": words.en.format(**names)}


def _both(words: Labels) -> Mapping[str, str]:
    return {"it": _breakable(_text(words.it)), "en": _breakable(_text(words.en))}


def _day(day: date) -> Mapping[str, str]:
    number = "1º" if day.day == 1 else str(day.day)
    return {
        "it": f"{number} {MONTHS['it'][day.month - 1]} {day.year}",
        "en": f"{day.day} {MONTHS['en'][day.month - 1]} {day.year}",
    }


def _text(given: str) -> str:
    """Bring a text to one line of what a reader sees; what only turns or hides other signs is left out."""
    kept = [sign for sign in given if unicodedata.category(sign) != "Cf" or sign in _KEPT]
    text = unicodedata.normalize("NFC", " ".join("".join(kept).split()))
    if len(text) > MAX_TEXT:
        raise NotPrintable(f"A text has more than {MAX_TEXT} letters.")
    if not text or any(unicodedata.category(sign) in {"Cc", "Cs", "Co", "Cn"} for sign in text):
        raise NotPrintable("A text is empty, or has signs that nobody reads.")
    return text


def _breakable(text: str) -> str:
    """Let a word that no line has room for be broken; every other is kept whole."""
    long = re.compile(rf"\S{{{_LONG_WORD}}}(?=\S)")
    return long.sub(lambda found: found[0] + "\N{ZERO WIDTH SPACE}", text)


def _initials(name: str) -> str:
    """Give up to three letters for a mark: those of the words that begin large, else the very first."""
    found = [word[0] for word in name.split() if word[0].isupper()]
    return "".join(found[:3]) or name[0].upper()
