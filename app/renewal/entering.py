# ruff: noqa: RUF001 - these sentences are printed, with the apostrophes of print
"""What an activity must state before it is written down, held against the scheme: values in, values out."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from app.core.errors import JsonValue
from app.core.labels import Labels
from app.outbox import trail
from app.renewal.models import HUNDREDTH, CpdActivity
from app.renewal.queries import Terms
from app.renewal.reading import as_read
from app.schemes.fields import FieldKind, fault_in
from app.schemes.scheme import Scheme
from app.verification.words import worded

MOST_HOURS: Final = Decimal(9999)
URL: Final = "url"
REFEREE: Final = "referee"
NEEDS_FILE: Final = frozenset({"certificate", "attendance", "artefact"})
_MAIL: Final = re.compile(r"[^\s@<>,;:]+@[^\s@<>,;:]+\.[^\s@<>,;:]+")
_PHONE: Final = re.compile(r"\+?[0-9](?:[ ./()-]?[0-9]){5,14}")
_NAME_LETTERS: Final = 3


@dataclass(frozen=True, slots=True)
class Reference:
    """A proof that is told in words: an address, or somebody to ask."""

    kind: str
    reference: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """An activity as it was sent, its form checked and its content not yet."""

    title: str
    provider: str
    started_on: date
    ended_on: date
    hours: Decimal
    category: str
    topics: Mapping[str, Decimal]
    competences: tuple[str, ...]
    note: str | None
    references: tuple[Reference, ...]
    claim: bool

    @property
    def fingerprint(self) -> str:
        """Tell by what it is the same activity, however its title and provider are typed."""
        return trail.digest(
            [
                as_read(self.title),
                as_read(self.provider),
                self.started_on.isoformat(),
                self.ended_on.isoformat(),
            ]
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as the scheme asks: where, and what to do about it."""

    field: str
    code: str
    detail: Labels

    def as_json(self) -> JsonValue:
        return {
            "field": self.field,
            "code": self.code,
            "detail": {"it": self.detail.it, "en": self.detail.en},
        }


def differing(known: CpdActivity, entry: Entry) -> list[JsonValue]:
    """Name the fields in which an activity of the same name and days says something else."""
    others = [] if known.note == entry.note else ["note"]
    return [*contradicted(known, entry), *others]


def contradicted(known: CpdActivity, entry: Entry) -> list[JsonValue]:
    """Name the fields that differ, apart from the note: that is its writer's alone."""
    pairs: tuple[tuple[str, object, object], ...] = (
        ("hours", known.hours, entry.hours),
        ("category", known.category, entry.category),
        ("topics", {name: Decimal(hours) for name, hours in known.topics.items()}, dict(entry.topics)),
        ("competences", set(known.competences), set(entry.competences)),
    )
    return [name for name, is_, said in pairs if is_ != said]


def faults(entry: Entry, terms: Terms, *, today: date) -> tuple[Fault, ...]:
    """Find everything that is wrong with an entry, all at once.

    The rules are those of the cycle in which the activity ended.
    """
    found = [*_wordless(entry), *_wrong_days(entry, terms.anchor, today)]
    return (*found, *_against(entry, terms.of(entry.ended_on).scheme))


def _wordless(entry: Entry) -> Iterator[Fault]:
    for field, text in (("title", entry.title), ("provider", entry.provider)):
        if not as_read(text):
            yield _fault(field, "no-words")


def _wrong_days(entry: Entry, anchor: date, today: date) -> Iterator[Fault]:
    if entry.ended_on < entry.started_on:
        yield _fault("ended_on", "dates-inverted")
    if entry.ended_on > today:
        yield _fault("ended_on", "in-the-future")
    if entry.ended_on < anchor:
        yield Fault("ended_on", "before-credential", worded(WORDS["before-credential"], day=anchor))


def _against(entry: Entry, scheme: Scheme) -> Iterator[Fault]:
    cpd = scheme.cpd
    yield from _missing(entry, cpd.evidence.required_fields)
    if code := _wrong_hours(entry.hours):
        yield _fault("hours", code)
    categories = [category.id for category in cpd.categories]
    if entry.category not in categories:
        yield _fault("category", "category-unknown", known=", ".join(categories))
    yield from _wrong_topics(entry, [topic.id for topic in cpd.topics])
    statements = [statement.id for statement in scheme.statements]
    if unknown := sorted(set(entry.competences) - set(statements)):
        names, known = ", ".join(unknown), ", ".join(statements)
        yield _fault("competences", "competence-unknown", names=names, known=known)
    for place, told in enumerate(entry.references):
        for fault in reference_faults(scheme, told.kind, told.reference):
            yield Fault(f"proof/{place}/{fault.field}", fault.code, fault.detail)


def _missing(entry: Entry, required: tuple[str, ...]) -> Iterator[Fault]:
    """What the scheme wants stated must be: of these, only lists and notes can come empty."""
    given: Mapping[str, object] = {
        "topics": entry.topics,
        "competences": entry.competences,
        "note": entry.note,
        "proof": entry.references,
    }
    for name in required:
        if name in given and not given[name]:
            yield _fault(name, "required")


def _wrong_hours(hours: Decimal) -> str | None:
    if hours <= 0:
        return "hours-not-positive"
    if hours > MOST_HOURS:
        return "hours-too-many"
    return "hours-too-fine" if hours % HUNDREDTH else None


def _wrong_topics(entry: Entry, known: list[str]) -> Iterator[Fault]:
    if unknown := sorted(set(entry.topics) - set(known)):
        yield _fault("topics", "topic-unknown", names=", ".join(unknown), known=", ".join(known))
    wrong = False
    for name, hours in entry.topics.items():
        if name in known and (code := _wrong_hours(hours)):
            wrong = True
            yield _fault(f"topics/{name}", code)
    if not wrong and sum(entry.topics.values(), Decimal(0)) > entry.hours:
        yield _fault("topics", "topics-above-hours")


def reference_faults(scheme: Scheme, kind: str, reference: str | None) -> Iterator[Fault]:
    """Find what is wrong with a proof as far as words go; whether it needs a file is another question."""
    kinds = scheme.cpd.evidence.proof
    if kind not in kinds:
        yield _fault("kind", "proof-kind-unknown", known=", ".join(kinds))
    elif kind == URL and fault_in(FieldKind.URL, reference) is not None:
        yield _fault("reference", "not-https")
    elif kind == REFEREE and not _can_be_asked(reference or ""):
        yield _fault("reference", "referee-not-reachable")


def _can_be_asked(told: str) -> bool:
    """Tell whether words name somebody and say how to reach them."""
    rest = _PHONE.sub(" ", _MAIL.sub(" ", told))
    return rest != told and sum(character.isalpha() for character in rest) >= _NAME_LETTERS


def _fault(field: str, code: str, **facts: str) -> Fault:
    return Fault(field, code, worded(WORDS[code], **facts))


NOT_PROOF: Final = Labels(
    it="Ricevute, inviti e diapositive non bastano: dicono che si era invitati, non che si era presenti.",
    en="Receipts, invitations and slides do not count: they show an invitation, not that one was there.",
)
WORDS: Final[Mapping[str, Labels]] = {
    "malformed": Labels(it="non è scritto come serve", en="is not written as it has to be"),
    "missing": Labels(it="manca", en="is missing"),
    "unknown-field": Labels(it="non è un campo di un’attività", en="is no field of an activity"),
    "no-words": Labels(it="servono lettere o cifre", en="letters or digits are needed"),
    "required": Labels(it="lo schema chiede di indicarlo", en="the scheme asks for it"),
    "dates-inverted": Labels(it="finisce prima di cominciare", en="it ends before it begins"),
    "in-the-future": Labels(
        it="non è ancora finita: si registra una volta conclusa",
        en="it has not ended yet: enter it once it has",
    ),
    "before-credential": Labels(
        it="è finita prima {day:del}, giorno da cui vale la credenziale",
        en="it ended before {day}, the day on which the credential begins",
    ),
    "hours-not-positive": Labels(
        it="servono ore maggiori di zero", en="a number of hours above zero is needed"
    ),
    "hours-too-many": Labels(it=f"sono al massimo {MOST_HOURS} ore", en=f"at most {MOST_HOURS} hours"),
    "hours-too-fine": Labels(it="al massimo due decimali", en="two decimals at most"),
    "category-unknown": Labels(
        it="lo schema non ha questa categoria; ha: {known}",
        en="the scheme has no such category; it has: {known}",
    ),
    "topic-unknown": Labels(
        it="lo schema non ha questi temi: {names}; ha: {known}",
        en="the scheme has no such topics: {names}; it has: {known}",
    ),
    "topics-above-hours": Labels(
        it="le ore dei temi superano quelle dell’attività: un’ora ha al massimo un tema",
        en="the hours of topics exceed those of the activity: an hour has one topic at most",
    ),
    "competence-unknown": Labels(
        it="lo schema non ha queste competenze: {names}; ha: {known}",
        en="the scheme has no such competences: {names}; it has: {known}",
    ),
    "proof-kind-unknown": Labels(
        it="lo schema non ammette questo tipo di prova; ammette: {known}. " + NOT_PROOF.it,
        en="the scheme takes no proof of this kind; it takes: {known}. " + NOT_PROOF.en,
    ),
    "not-https": Labels(
        it="serve un indirizzo https completo, che chi verifica possa aprire",
        en="a complete https address is needed, which a reviewer can open",
    ),
    "referee-not-reachable": Labels(
        it="servono il nome di chi può confermare e come raggiungerlo: un indirizzo e-mail o un telefono",
        en="name who can confirm it and how to reach them: an e-mail address or a telephone number",
    ),
    "file-needed": Labels(
        it="una prova di questo tipo è un file. " + NOT_PROOF.it,
        en="a proof of this kind is a file. " + NOT_PROOF.en,
    ),
}
