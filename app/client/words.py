"""How the command speaks: Italian or English, messages by code, dates and hours as people write them."""

import locale
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final

import yaml

NOTHING: Final = "\N{EN DASH}"
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C, where it was built


def written(name: str) -> Any:
    """Read words that stand in a file of their own, beside the code."""
    text = (files("app.client") / name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - both loaders are safe ones


SENTENCES: Final[Mapping[str, Mapping[str, str]]] = written("sentences.yaml")
MONTHS: Final[Mapping[str, tuple[str, ...]]] = {
    "it": (
        *("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno"),
        *("luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"),
    ),
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
}


class Language(StrEnum):
    """The languages that everything is said in."""

    IT = "it"
    EN = "en"


def language(asked: str | None, environment: Mapping[str, str] = os.environ) -> Language:
    """Choose: what was asked for, then SIGILLO_LANG, then the machine's language if it is Italian.

    A machine that names no language, or one that we do not speak, is answered in English.
    """
    for name in (asked, environment.get("SIGILLO_LANG")):
        if name and name.lower() in set(Language):
            return Language(name.lower())
    for variable in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if name := environment.get(variable):
            return Language.IT if name.lower().startswith("it") else Language.EN
    return Language.IT if (locale.getlocale()[0] or "").lower().startswith("it") else Language.EN


ELIDED: Final[Mapping[str, str]] = {"il": "l'", "Il": "L'", "dal": "dall'", "al": "all'"}


class Day(str):
    """A day as people write it; Italian puts the article before it: `{day:il}`, `{day:dal}`, `{day:al}`."""

    __slots__ = ()

    def __format__(self, article: str) -> str:
        """Put the article before the day: l'8 and l'11, since these numbers begin with a vowel."""
        if not article:
            return str(self)
        if self.startswith(("8 ", "11 ")):
            return f"{ELIDED[article]}{self}"
        return f"{article} {self}"


@dataclass(frozen=True, slots=True)
class Voice:
    """Says things in one language."""

    language: Language

    def say(self, code: str, **facts: object) -> str:
        """Say the sentence of a code, with its facts filled in."""
        return SENTENCES[code][self.language].format(**facts)

    def named(self, family: str, value: object) -> str:
        """Name a value of the service, a state say; one that we do not know is shown as it came."""
        code = f"{family}.{value}"
        return self.say(code) if code in SENTENCES else str(value)

    def knows(self, code: str) -> bool:
        return code in SENTENCES

    def both(self, words: Any) -> str:
        """Pick from words that came in both languages."""
        if isinstance(words, dict):
            return str(words.get(self.language.value) or words.get("en") or "")
        return str(words or "")

    def day(self, when: object) -> Day:
        """Write a day as people do; of an instant, the day that it was at its own place."""
        try:
            day = date.fromisoformat(str(when)[:10])
        except ValueError:
            return Day(NOTHING if when is None else when)
        first = "1º" if day.day == 1 and self.language is Language.IT else str(day.day)
        return Day(f"{first} {MONTHS[self.language][day.month - 1]} {day.year}")

    def moment(self, when: object) -> Day:
        """Write the day of an instant that came in UTC, as this machine's calendar has it."""
        try:
            return self.day(datetime.fromisoformat(str(when)).astimezone().date())
        except ValueError:
            return self.day(when)

    def hours(self, amount: object) -> str:
        """Write hours without idle zeros, with the language's own decimal sign."""
        try:
            plain = f"{Decimal(str(amount)).normalize():f}"
        except InvalidOperation:
            return NOTHING if amount is None else str(amount)
        return plain.replace(".", ",") if self.language is Language.IT else plain

    def amount(self, hours: object) -> str:
        """Write hours with their unit: 1 hour, 7.5 hours."""
        written = self.hours(hours)
        return self.say("hours.one" if written == "1" else "hours.many", hours=written)


ENGLISH: Final = Voice(Language.EN)


class Told(Exception):
    """Something that a person must be told: a sentence by its code, which says what to do next."""

    def __init__(self, code: str, **facts: object) -> None:
        self.code = code
        self.facts = facts
        super().__init__(ENGLISH.say(code, **facts))

    def said(self, voice: Voice) -> str:
        """Say it in a voice."""
        return voice.say(self.code, **self.facts)
