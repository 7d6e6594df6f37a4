# ruff: noqa: RUF001 - these sentences are printed, with the dashes and apostrophes of print
"""The letters that remind of a renewal: plain text, in Italian and then in English.

One letter speaks of all that its reader has to renew. It says until when, what is still missing and how it
is done, and nothing that would not be on the attestation itself.
"""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from app.core.labels import Labels, Language
from app.renewal.cycles import Days, Phase
from app.verification.words import TEST, Fact, worded

WIDTH: Final = 72
RULE: Final = "\n\n" + "-" * WIDTH + "\n\n"


@dataclass(frozen=True, slots=True)
class Hours:
    """How far the hours of a cycle have come: what counts, of how much, and each thing that is missing."""

    counted: Labels
    required: Labels
    gaps: tuple[Labels, ...]
    carried: Labels | None = None  # what the cycle before brings along, if anything


@dataclass(frozen=True, slots=True)
class Entry:
    """One attestation that its holder is reminded of."""

    number: str
    title: Labels
    address: str  # where anybody can look it up
    days: Days
    suspended: bool
    hours: Hours


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent, but for the address."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Occasion:
    """Who writes to whom, when, and whether it is meant."""

    reader: str
    organisation: str
    today: date
    test: bool
    clock_offset: str | None  # how far the clock was moved for a demonstration, if it was


SUBJECT_OPEN: Final = Labels(
    it="Attestato {number}: da rinnovare entro {ends:il}", en="attestation {number}: renew by {ends}"
)
SUBJECT_EXPIRED: Final = Labels(
    it="Attestato {number}: scaduto, si rinnova fino {grace_ends:al}",
    en="attestation {number}: expired, renewable until {grace_ends}",
)
SUBJECT_SEVERAL: Final = Labels(
    it="{count} attestati da rinnovare, il primo entro {first:il}",
    en="{count} attestations to renew, the first by {first}",
)
ENGLISH_BELOW: Final = "(English below)"
MOVED: Final = Labels(it="Orologio spostato di {offset}.", en="Clock moved by {offset}.")
GREETING: Final = Labels(it="Gentile {reader},", en="Dear {reader},")
OPENING: Final = Labels(it="è tempo di pensare al rinnovo.", en="it is time to think of your renewal.")
NUMBER: Final = Labels(it="{title}, n. {number}", en="{title}, no. {number}")
NOT_OPEN: Final = Labels(
    it="Vale fino {ends:al}. Il rinnovo si chiede {opens:dal} {ends:al}.",
    en="It is valid until {ends}. Its renewal can be asked for from {opens} to {ends}.",
)
OPEN: Final = Labels(
    it="Vale fino {ends:al}. Il rinnovo va chiesto entro quel giorno.",
    en="It is valid until {ends}. Its renewal is to be asked for by that day.",
)
LATE: Final = Labels(
    it="In ritardo si può ancora fino {grace_ends:al}, ma intanto l’attestato risulta scaduto.",
    en="It can still be asked for late, until {grace_ends}; meanwhile the attestation shows as expired.",
)
EXPIRED: Final = Labels(
    it="È scaduto {ends:il}. Si può ancora rinnovare fino {grace_ends:al}, con ciò che è stato fatto entro "
    "la scadenza; varrà dal giorno della decisione.",
    en="It expired on {ends}. It can still be renewed until {grace_ends}, with what was done by its expiry; "
    "it will be valid from the day of the decision.",
)
SUSPENDED: Final = Labels(
    it="È sospeso: il rinnovo si può chiedere, e sarà deciso quando la sospensione sarà finita.",
    en="It is suspended: its renewal can be asked for, and will be decided once the suspension is over.",
)
COUNTED: Final = Labels(
    it="Aggiornamento continuo che conta finora: {counted}, su {required}.",
    en="Continuing development that counts so far: {counted}, of {required}.",
)
COUNTED_AND_CARRIED: Final = Labels(
    it="Aggiornamento continuo che conta finora: {counted}, più {carried} dal ciclo precedente, su "
    "{required}.",
    en="Continuing development that counts so far: {counted}, plus {carried} carried over from the previous "
    "cycle, of {required}.",
)
MISSING: Final = Labels(it="Per il rinnovo:", en="For the renewal:")
NOTHING_MISSING: Final = Labels(it="Non manca nulla.", en="Nothing is missing.")
MAY_FILE: Final = Labels(
    it="Non manca nulla: il rinnovo si può chiedere già ora.",
    en="Nothing is missing: the renewal can be asked for now.",
)
COMMANDS: Final = Labels(
    it="«sigillo check» mostra che cosa conta, «sigillo cpd add» registra un’attività, «sigillo renew» "
    "chiede il rinnovo. In caso di dubbi aiuta la segreteria.",
    en="“sigillo check” shows what counts, “sigillo cpd add” claims an activity, “sigillo renew” asks for "
    "the renewal. In doubt, the secretariat helps.",
)
AUTOMATIC: Final = Labels(
    it="Messaggio automatico, non occorre rispondere. Ogni scadenza si ricorda una volta sola, e non più "
    "dopo che il rinnovo è stato chiesto.",
    en="This message is automatic, no answer is needed. Each date is recalled once, and none after the "
    "renewal has been asked for.",
)
SENTENCES: Final = (
    *(SUBJECT_OPEN, SUBJECT_EXPIRED, SUBJECT_SEVERAL, MOVED, GREETING, OPENING, NUMBER, NOT_OPEN, OPEN, LATE),
    *(
        EXPIRED,
        SUSPENDED,
        COUNTED,
        COUNTED_AND_CARRIED,
        MISSING,
        NOTHING_MISSING,
        MAY_FILE,
        COMMANDS,
        AUTOMATIC,
    ),
)


def compose(entries: Sequence[Entry], occasion: Occasion) -> Letter:
    """Write one letter about all of these; what ends first stands first."""
    ordered = sorted(entries, key=lambda entry: (entry.days.ends, entry.number))
    text = RULE.join(_written(ordered, occasion, language) for language in ("it", "en"))
    return Letter(_subject(ordered, occasion), f"{ENGLISH_BELOW}\n\n{text}\n")


def _subject(entries: Sequence[Entry], occasion: Occasion) -> str:
    first = entries[0]
    if len(entries) > 1:
        soonest = min(_last_day(entry, occasion) for entry in entries)
        words = worded(SUBJECT_SEVERAL, count=str(len(entries)), first=soonest)
    elif _over(first, occasion):
        words = worded(SUBJECT_EXPIRED, number=first.number, grace_ends=first.days.grace_ends)
    else:
        words = worded(SUBJECT_OPEN, number=first.number, ends=first.days.ends)
    return f"{'TEST – ' if occasion.test else ''}{words.it} / {words.en}"


def _written(entries: Sequence[Entry], occasion: Occasion, language: Language) -> str:
    return "\n\n".join(_paragraphs(entries, occasion, language))


def _paragraphs(entries: Sequence[Entry], occasion: Occasion, language: Language) -> Iterator[str]:
    def said(sentence: Labels, **facts: Fact) -> str:
        return _filled(worded(sentence, **facts).in_language(language))

    if occasion.test:
        yield said(TEST)
    if occasion.clock_offset is not None:
        yield said(MOVED, offset=occasion.clock_offset)
    yield said(GREETING, reader=occasion.reader)
    yield said(OPENING)
    for entry in entries:
        yield _about(entry, occasion, language)
    yield said(COMMANDS)
    yield _filled(occasion.organisation)
    yield said(AUTOMATIC)


def _about(entry: Entry, occasion: Occasion, language: Language) -> str:
    def said(sentence: Labels, **facts: Fact) -> str:
        return worded(sentence, **facts).in_language(language)

    about = " ".join(said(sentence, **_facts(entry.days)) for sentence in _standing(entry, occasion))
    hours = entry.hours
    return "\n".join(
        [
            _filled(said(NUMBER, title=entry.title, number=entry.number)),
            entry.address,
            _filled(about),
            _filled(_so_far(hours).in_language(language)),
            _filled(said(_verdict(hours, entry.days.phase(occasion.today)))),
            *(_filled(gap.in_language(language), "- ") for gap in hours.gaps),
        ]
    )


def _so_far(hours: Hours) -> Labels:
    if hours.carried is None:
        return worded(COUNTED, counted=hours.counted, required=hours.required)
    return worded(COUNTED_AND_CARRIED, counted=hours.counted, carried=hours.carried, required=hours.required)


def _standing(entry: Entry, occasion: Occasion) -> Iterator[Labels]:
    if _over(entry, occasion):
        yield EXPIRED
    else:
        yield NOT_OPEN if entry.days.phase(occasion.today) is Phase.NOT_OPEN else OPEN
        yield LATE
    if entry.suspended:
        yield SUSPENDED


def _verdict(hours: Hours, phase: Phase) -> Labels:
    if hours.gaps:
        return MISSING
    return NOTHING_MISSING if phase is Phase.NOT_OPEN else MAY_FILE


def _last_day(entry: Entry, occasion: Occasion) -> date:
    return entry.days.grace_ends if _over(entry, occasion) else entry.days.ends


def _over(entry: Entry, occasion: Occasion) -> bool:
    return occasion.today > entry.days.ends


def _facts(days: Days) -> dict[str, Fact]:
    return {"opens": days.opens, "ends": days.ends, "grace_ends": days.grace_ends}


def _filled(text: str, mark: str = "") -> str:
    """Break lines where words end; white space, even a line break in a name, becomes one space."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )
