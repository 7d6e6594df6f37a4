# ruff: noqa: RUF001 - these sentences are printed, with the dashes and apostrophes of print
"""What the rules engine says to a member, in Italian and in English: why hours do not count, what is missing.

A sentence names the rule and the day, blames nobody, and says what can still be done. The blanks are filled
by `worded`; amounts bring their unit along, so the sentences agree with hours and with credits alike.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from app.core.labels import Labels
from app.verification.words import Fact, worded


class Why(StrEnum):
    """Why some or all of an activity's hours do not count."""

    DRAFT = "draft"
    QUERIED = "queried"
    REJECTED = "rejected"
    ELSEWHERE = "elsewhere"
    UNKNOWN_CATEGORY = "unknown-category"
    BEFORE_CYCLE = "before-cycle"
    EARNED_TOO_LATE = "earned-too-late"
    IN_THE_FUTURE = "in-the-future"
    SUBMITTED_TOO_LATE = "submitted-too-late"
    SELF_DECLARED_TOO_EARLY = "self-declared-too-early"
    SELF_DECLARED_TOO_LATE = "self-declared-too-late"
    SAME_TWICE = "same-twice"
    GRANULARITY = "granularity"
    ACTIVITY_CAP = "activity-cap"
    DAY_CAP = "day-cap"
    SELF_DECLARED_CAP = "self-declared-cap"
    CATEGORY_CAP = "category-cap"
    BALANCE_CAP = "balance-cap"
    CARRY_OVER_CAP = "carry-over-cap"


REASONS: Final[Mapping[Why, Labels]] = {
    Why.DRAFT: Labels(
        it="È ancora una bozza: conterà quando sarà registrata.",
        en="It is still a draft: it will count once it is claimed.",
    ),
    Why.QUERIED: Labels(
        it="C’è una domanda a cui rispondere: conterà quando sarà chiarita.",
        en="There is a question to answer: it will count once that is settled.",
    ),
    Why.REJECTED: Labels(
        it="Non è stata accettata; il motivo è scritto nell’attività.",
        en="It was not accepted; the reason is written with the activity.",
    ),
    Why.ELSEWHERE: Labels(
        it="È già servita per il rinnovo di un altro ciclo, e si conta una volta sola.",
        en="It has served the renewal of another cycle already, and is counted only once.",
    ),
    Why.UNKNOWN_CATEGORY: Labels(
        it="Lo schema non ha una categoria «{category}»: va scelta una delle sue.",
        en="The scheme has no category “{category}”: one of its own has to be chosen.",
    ),
    Why.BEFORE_CYCLE: Labels(
        it="È finita prima {begins:del}, giorno in cui comincia questo ciclo.",
        en="It ended before {begins}, the day on which this cycle begins.",
    ),
    Why.EARNED_TOO_LATE: Labels(
        it="È finita dopo {earned_by:il}, ultimo giorno utile per questo ciclo.",
        en="It ended after {earned_by}, the last day that counts for this cycle.",
    ),
    Why.IN_THE_FUTURE: Labels(
        it="Non è ancora finita: conterà una volta conclusa.",
        en="It has not ended yet: it will count once it has.",
    ),
    Why.SUBMITTED_TOO_LATE: Labels(
        it="È stata registrata dopo {submitted_by:il}, ultimo giorno per quelle di questo ciclo.",
        en="It was claimed after {submitted_by}, the last day for those of this cycle.",
    ),
    Why.SELF_DECLARED_TOO_EARLY: Labels(
        it="L’autodichiarazione per quell’anno si registra {opens:dal} {closes:al}, non prima.",
        en="Self-declared activities of that year are claimed from {opens} to {closes}, not before.",
    ),
    Why.SELF_DECLARED_TOO_LATE: Labels(
        it="L’autodichiarazione per quell’anno si registra {opens:dal} {closes:al}, non dopo.",
        en="Self-declared activities of that year are claimed from {opens} to {closes}, not after.",
    ),
    Why.SAME_TWICE: Labels(
        it="È la stessa (titolo, ente e date) di un’altra attività elencata: si conta una volta sola.",
        en="It is the same (title, provider and dates) as another activity listed: it is counted only once.",
    ),
    Why.GRANULARITY: Labels(
        it="Si conta a passi di {step}: il resto si arrotonda per difetto.",
        en="Counting goes in steps of {step}: the rest is rounded down.",
    ),
    Why.ACTIVITY_CAP: Labels(
        it="Il massimo per ogni attività è di {most}.",
        en="The most for any one activity is {most}.",
    ),
    Why.DAY_CAP: Labels(
        it="Il massimo per ogni giorno è di {most}, tutte le attività insieme.",
        en="The most for any one day is {most}, all activities together.",
    ),
    Why.SELF_DECLARED_CAP: Labels(
        it="Il massimo che si può dichiarare da sé in un anno è di {most}.",
        en="The most that can be declared by oneself in a year is {most}.",
    ),
    Why.CATEGORY_CAP: Labels(
        it="Il massimo per «{category}» in un ciclo è di {most}.",
        en="The most for “{category}” in a cycle is {most}.",
    ),
    Why.BALANCE_CAP: Labels(
        it="Il saldo arriva al massimo a {most}.",
        en="The balance holds {most} at most.",
    ),
    Why.CARRY_OVER_CAP: Labels(
        it="È finita nel ciclo precedente, di cui in questo si contano al massimo {most} in tutto.",
        en="It ended in the cycle before, of which this one counts {most} at most, all together.",
    ),
}

TOPICS: Final[Mapping[str, Labels]] = {
    "responsible_ai": Labels(it="IA responsabile", en="responsible AI"),
    "sustainability": Labels(it="sostenibilità", en="sustainability"),
}


class Missing(StrEnum):
    """What a gap is a gap of."""

    TOTAL = "total"
    CATEGORY = "category"
    TOPIC = "topic"
    YEAR = "year"
    YEAR_OVER = "year-over"  # only what was done in that year can still fill it
    BALANCE = "balance"
    BALANCE_AFTER_DEBIT = "balance-after-debit"


GAPS: Final[Mapping[Missing, Labels]] = {
    Missing.TOTAL: Labels(it="{missing} in totale", en="{missing} in total"),
    Missing.CATEGORY: Labels(it="{missing} di «{what}»", en="{missing} of “{what}”"),
    Missing.TOPIC: Labels(it="{missing} sul tema «{what}»", en="{missing} on the topic “{what}”"),
    Missing.YEAR: Labels(
        it="{missing} nell’anno {begins:dal} {due:al}", en="{missing} in the year from {begins} to {due}"
    ),
    Missing.YEAR_OVER: Labels(
        it="{missing} nell’anno {begins:dal} {due:al}, che è finito",
        en="{missing} in the year from {begins} to {due}, which is over",
    ),
    Missing.BALANCE: Labels(
        it="{missing} al saldo, da fare al più presto: è di {balance}, deve essere almeno di {least}, "
        "e {due:il} scende ancora di {debit}",
        en="{missing} in the balance, to be earned as soon as possible: it is {balance}, must be {least} "
        "or more, and falls by another {debit} on {due}",
    ),
    Missing.BALANCE_AFTER_DEBIT: Labels(
        it="{missing} al saldo, da fare entro {due:il}: quel giorno scende di {debit}, da {balance}, e deve "
        "restare almeno di {least}",
        en="{missing} in the balance, to be earned by {due}: that day it falls by {debit}, from {balance}, "
        "and must stay at {least} or more",
    ),
}

# What can still be done about a gap: earn and claim, only claim, or nothing within this cycle.
TO_EARN: Final = Labels(
    it="da fare entro {due:il}, da registrare entro {file_by:il}",
    en="to be earned by {due} and claimed by {file_by}",
)
TO_EARN_AND_CLAIM: Final = Labels(
    it="da fare e da registrare entro {due:il}", en="to be earned and claimed by {due}"
)
TO_CLAIM: Final = Labels(
    it="valgono ancora solo attività finite entro {due:il}, da registrare entro {file_by:il}",
    en="only activities that ended by {due} can still count, to be claimed by {file_by}",
)
TO_CLAIM_OF_THAT_YEAR: Final = Labels(
    it="valgono ancora solo attività di quell’anno, da registrare entro {file_by:il}",
    en="only activities of that year can still count, to be claimed by {file_by}",
)
CLOSED: Final = Labels(
    it="l’ultimo giorno per registrare attività era {file_by:il}",
    en="the last day to claim activities was {file_by}",
)
OR_EXEMPTED: Final = Labels(it=", oppure un’esenzione", en=", or an exemption")
_NOTHING: Final = Labels(it="", en="")


def reason(why: Why, **facts: Fact) -> Labels:
    """Say why hours do not count."""
    return worded(REASONS[why], **facts)


def gap(
    code: Missing,
    missing: Labels,
    *,
    due: date,
    file_by: date,
    as_of: date,
    exemptible: bool = False,
    **facts: Fact,
) -> Labels:
    """Say what is missing, by when it is to be earned and by when to be claimed."""
    opening = worded(GAPS[code], missing=missing, due=due, **facts)
    if code in {Missing.BALANCE, Missing.BALANCE_AFTER_DEBIT}:
        return Labels(it=f"{opening.it}.", en=f"{opening.en}.")
    way = worded(_way(code, due, file_by, as_of), due=due, file_by=file_by)
    other = OR_EXEMPTED if code is Missing.YEAR_OVER and exemptible else _NOTHING
    return Labels(it=f"{opening.it}: {way.it}{other.it}.", en=f"{opening.en}: {way.en}{other.en}.")


def _way(code: Missing, due: date, file_by: date, as_of: date) -> Labels:
    if as_of > file_by:
        return CLOSED
    if code is Missing.YEAR_OVER:
        return TO_CLAIM_OF_THAT_YEAR
    if as_of > due:
        return TO_CLAIM
    return TO_EARN_AND_CLAIM if due == file_by else TO_EARN


def so_much_missing(hours: Decimal, unit: str) -> Labels:
    """Say that so much is missing; the sentence goes on from there."""
    said = amount(hours, unit)
    one = hours == 1
    return Labels(
        it=f"{'Manca' if one else 'Mancano'} {said.it}", en=f"{said.en} {'is' if one else 'are'} missing"
    )


def topic(name: str, covers: Sequence[str]) -> Labels:
    """Name a topic, which a scheme gives no words; one unknown here, also by the competences it is about."""
    known = TOPICS.get(name)
    if known is not None:
        return known
    spaced = name.replace("_", " ")
    told = f"{spaced} ({', '.join(covers)})" if covers else spaced
    return Labels(it=told, en=told)


def amount(hours: Decimal, unit: str) -> Labels:
    """Write an amount with its unit, as each language does: `4,5 ore`, `4.5 hours`, `30 CFP`."""
    figure = f"{hours.normalize():f}"
    name = _unit(unit, one=hours == 1)
    return Labels(it=f"{figure.replace('.', ',')} {name.it}", en=f"{figure} {name.en}")


def _unit(unit: str, *, one: bool) -> Labels:
    if unit != "hour":
        shown = unit.replace("_", " ")  # PDU, CPE, CFP: abbreviations have no plural
        return Labels(it=shown, en=shown)
    return Labels(it="ora", en="hour") if one else Labels(it="ore", en="hours")
