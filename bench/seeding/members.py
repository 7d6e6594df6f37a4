"""Who is in a seeded register: worked out from a seed and a number, the same in every process and run."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Final

from app.core.days import anniversary
from app.core.numbers import CredentialNumber
from app.formats.bitstring import MIN_SIZE
from app.formats.claims import Format
from app.schemes.catalogue import catalogue
from app.schemes.scheme import Scheme

SCHEME: Final = ("uni-11621-8/ai-deep-learning-engineer", "1.0.0")
STAFF: Final = ("registrar", "secretary", "assessor-1", "assessor-2", "member-1", "member-2", "member-3")
TO_A_MEETING: Final = 100
TO_A_LIST: Final = MIN_SIZE // 2  # a list is left when it is half full
STEP: Final = 48_271  # odd: to multiply by it can be undone
RENEWED_EVERY, CASE_EVERY, BADGE_EVERY = 20, 20, 200
_DAYS: Final = 290  # so far back the first of them began: nobody is reminded of anything for two years
_GIVEN: Final = ("Elena", "Marco", "Giulia", "Luca", "Chiara", "Paolo", "Noemi", "Ivan", "Sara", "Tommaso")
_FAMILY: Final = (
    "Riva",
    "Sala",
    "Conte",
    "Villa",
    "Greco",
    "Bruno",
    "Costa",
    "Fabbri",
    "D\u2019Amico",
    "Longo",
)


@dataclass(frozen=True, slots=True)
class Body:
    """The organisation that issued them all, and what they have in common."""

    seed: str
    count: int
    at: datetime
    base_url: str
    organisation: str
    legal_name: str
    url: str
    issuer_code: int

    @property
    def scheme(self) -> Scheme:
        return catalogue().version(*SCHEME)

    def staff(self, who: str) -> str:
        """Name one of the people who run it."""
        return named(self.seed, "prs", who)

    def meeting(self, number: int) -> str:
        return named(self.seed, "mtg", number)

    @property
    def draw(self) -> str:
        """Name the draw that all renewals were in."""
        return named(self.seed, "drw", "held")

    def lists(self) -> dict[Format, range]:
        """Number the lists of each kind."""
        most = -(-documents_before(self.count) // TO_A_LIST)
        badges = -(-self.count // BADGE_EVERY // TO_A_LIST) or 1
        return {
            Format.VC_JWT: range(1, most + 1),
            Format.QR: range(most + 1, 2 * most + 1),
            Format.OB_JWT: range(2 * most + 1, 2 * most + badges + 1),
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """A document that is to be made, with its place in a list."""

    id: str
    jti: str
    period: int
    form: Format
    list_id: int
    index: int
    first: date
    last: date


@dataclass(frozen=True)
class Member:
    """A holder with one credential; one in twenty renewed it once."""

    seed: str
    n: int
    today: date

    def named(self, prefix: str, what: object = "") -> str:
        """Give an id of this member's: a prefix and digits that tell nothing."""
        return named(self.seed, prefix, self.n, what)

    @cached_property
    def number(self) -> str:
        return number_of(self.seed, self.n, self.anchor.year)

    @property
    def name(self) -> str:
        return f"{_GIVEN[self.n % 10]} {_FAMILY[self.n // 10 % 10]}"

    @cached_property
    def subject(self) -> str:
        return _urn(self.seed, self.n, "subject")

    @property
    def renewed(self) -> bool:
        return self.n % RENEWED_EVERY == RENEWED_EVERY - 1

    @property
    def suspended(self) -> bool:
        return self.n % 200 == 3  # noqa: PLR2004 - one in two hundred

    @property
    def revoked(self) -> bool:
        return self.n % 100 == 1

    @cached_property
    def anchor(self) -> date:
        began = self.today - timedelta(days=1 + self.n % _DAYS)
        return anniversary(began, -3) if self.renewed else began

    def periods(self) -> tuple[tuple[date, date], ...]:
        """Give the first and the last day of each period."""
        first = (self.anchor, anniversary(self.anchor, 3))
        return (
            (first, (first[1] + timedelta(days=1), anniversary(self.anchor, 6))) if self.renewed else (first,)
        )

    def documents(self, lists: dict[Format, range]) -> Iterator[Wanted]:
        """List what is to be made, in the order in which it is issued."""
        for period, (first, last) in enumerate(self.periods(), start=1):
            for form in (Format.VC_JWT, Format.QR):
                turn = documents_before(self.n) + period - 1
                yield self._wanted(form, period, first, last, lists[form], turn)
        if self.n % BADGE_EVERY == 7:  # noqa: PLR2004 - any will do
            yield self._wanted(
                Format.OB_JWT, period, first, last, lists[Format.OB_JWT], self.n // BADGE_EVERY
            )

    def _wanted(self, form: Format, period: int, first: date, last: date, lists: range, turn: int) -> Wanted:
        return Wanted(
            id=self.named("doc", f"{form}{period}"),
            jti=_urn(self.seed, self.n, f"{form}{period}"),
            period=period,
            form=form,
            list_id=lists[turn // TO_A_LIST],
            index=_place(self.seed, form, turn % TO_A_LIST),
            first=first,
            last=last,
        )


def _place(seed: str, form: Format, turn: int) -> int:
    """Spread turns over a list as if at random, each on a place of its own: every step can be undone."""
    place = turn
    for _ in range(3):
        place = (place * STEP + _shift(seed, form)) % MIN_SIZE
        place ^= place >> 9
    return place


@lru_cache
def _shift(seed: str, form: Format) -> int:
    return int(_digest(seed, "shift", form.value)[:8], 16)


def documents_before(n: int) -> int:
    """Count the periods of all members before this one: each has a document of every kind."""
    return n + n // RENEWED_EVERY


def number_of(seed: str, n: int, year: int) -> str:
    """Draw a number that the register has."""
    return _number(_digest(seed, n, "number"), year)


def unknown_number(seed: str, n: int, year: int) -> str:
    """Draw a number that is well formed, and that the register does not have."""
    return _number(_digest(seed, n, "unknown"), year)


def named(seed: str, prefix: str, *of: object) -> str:
    """Give an id that the same words always give."""
    return f"{prefix}_{_digest(seed, prefix, *of)[:26]}"


def _number(drawn: str, year: int) -> str:
    return str(CredentialNumber.draw(catalogue().version(*SCHEME).code, year, bits=int(drawn[:15], 16)))


def _urn(*of: object) -> str:
    drawn = _digest(*of)
    parts = (drawn[:8], drawn[8:12], f"4{drawn[13:16]}", f"8{drawn[17:20]}", drawn[20:32])
    return f"urn:uuid:{'-'.join(parts)}"


def _digest(*of: object) -> str:
    return hashlib.sha256("\n".join(map(str, of)).encode()).hexdigest()
