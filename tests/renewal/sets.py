"""The rule sets of real bodies, translated strictly: a key that nobody has thought about is an error.

`cpd-rulesets.yaml` is kept as it was given. Keys in `PROCESS` say how a body goes about renewing, not what
counts; they are named, so that leaving one out is a decision.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from app.core.days import Span
from app.core.labels import Labels
from app.renewal.rules import Activity, Cycle, Standing
from app.renewal.ruleset import (
    BalanceRule,
    CarryRule,
    CategoryRule,
    Model,
    RuleSet,
    SelfDeclaredRule,
    TopicRule,
    YearBasis,
)

FILE: Final = Path(__file__).with_name("cpd-rulesets.yaml")
FINEST: Final = Decimal("0.01")  # where a set names no step: the finest in which hours are kept

PROCESS: Final = frozenset(
    {
        "annual_fee_eur",
        "annual_report_due",
        "audit",
        "cycle_fixed",  # which days a cycle has is given to the engine
        "hardship",  # longer time, not fewer hours
        "late",
        "reconsideration",
        "register",
        "renewal",
        "statuses",
        "suggested_per_year",  # advice
        "then",
    }
)
COUNTING: Final = frozenset(
    {
        "age_65_plus",
        "cap_balance",
        "carry_over",
        "categories",
        "cycle",
        "debit_half_year",
        "debit_per_year",
        "earned_by",
        "exemptions",
        "granularity",
        "min_balance",
        "min_per_year",
        "min_total",
        "model",
        "opening_balance",
        "self_declared",
        "sub_min",
        "submitted_by",
        "topics",
        "unit",
        "year_basis",
    }
)
WITHIN: Final[Mapping[str, frozenset[str]]] = {
    "carry_over": frozenset({"max", "from_last_months", "categories"}),
    "self_declared": frozenset({"credits", "window", "late", "checked"}),
    "age_65_plus": frozenset({"min_total", "min_per_year"}),
}


@cache
def rule_sets() -> Mapping[str, RuleSet]:
    """Read every set of the file; those for older members stand beside their own, as `…_65_plus`."""
    found: dict[str, RuleSet] = {}
    for name, given in yaml.safe_load(FILE.read_text(encoding="utf-8")).items():
        found[name] = translated(name, given)
        if (older := given.get("age_65_plus")) is not None:
            found[f"{name}_65_plus"] = replace(
                found[name],
                id=f"{name}_65_plus",
                min_total=_hours(older["min_total"]),
                min_per_year=_hours(older["min_per_year"]),
            )
    return found


def translated(name: str, given: Mapping[str, Any]) -> RuleSet:
    """Turn one set of the file into rules; raise ValueError at whatever is not understood."""
    _only(name, given, COUNTING | PROCESS)
    for key, known in WITHIN.items():
        _only(f"{name}.{key}", given.get(key, {}), known)
    if given.get("earned_by", "cycle_end") != "cycle_end":
        raise ValueError(f"{name}.earned_by: hours are earned within the cycle")
    model = Model(given["model"])
    return RuleSet(
        id=name,
        unit=given["unit"],
        granularity=_hours(given.get("granularity", FINEST)),
        model=model,
        cycle=Span.read(given["cycle"]),
        min_total=_hours(given.get("min_total", 0)),
        min_per_year=_hours(given.get("min_per_year", 0)),
        year_basis=YearBasis(given.get("year_basis", YearBasis.ANNIVERSARY)),
        categories=tuple(_category(name, key, said) for key, said in given.get("categories", {}).items()),
        topics=(
            *(_topic(name, key, said) for key, said in given.get("topics", {}).items()),
            *(TopicRule(key, _label(key), _hours(least)) for key, least in given.get("sub_min", {}).items()),
        ),
        per_activity_max=None,
        per_day_max=None,
        no_double_count=True,
        carry_over=_carry_over(given.get("carry_over", {"max": 0})),
        submitted_within=_submitted_within(name, given.get("submitted_by", "cycle_end")),
        max_reduction_pct=100 if given.get("exemptions") else 0,
        balance=_balance(given) if model is Model.BALANCE else None,
        self_declared=_self_declared(name, given.get("self_declared")),
    )


def _only(place: str, given: Mapping[str, Any], known: frozenset[str]) -> None:
    for key in given:
        if key not in known:
            raise ValueError(f"{place}: {key} is not understood")


def _hours(value: object) -> Decimal:
    return Decimal(str(value))


def _label(key: str) -> Labels:
    return Labels(it=key.replace("_", " "), en=key.replace("_", " "))


def _category(name: str, key: str, said: Mapping[str, Any]) -> CategoryRule:
    _only(f"{name}.categories.{key}", said, frozenset({"min", "max"}))
    least, most = said.get("min"), said.get("max")
    return CategoryRule(
        key, _label(key), None if least is None else _hours(least), None if most is None else _hours(most)
    )


def _topic(name: str, key: str, said: Mapping[str, Any]) -> TopicRule:
    _only(f"{name}.topics.{key}", said, frozenset({"min"}))
    return TopicRule(key, _label(key), _hours(said["min"]))


def _carry_over(said: Mapping[str, Any]) -> CarryRule | None:
    if not said["max"]:
        return None
    return CarryRule(_hours(said["max"]), said["from_last_months"], tuple(said.get("categories", ())))


def _submitted_within(name: str, said: str) -> Span:
    if said == "cycle_end":
        return Span()
    start, plus, span = said.partition(" + ")
    if start != "cycle_end" or not plus:
        raise ValueError(f"{name}.submitted_by: {said!r} is not understood")
    return Span.read(span)


def _balance(given: Mapping[str, Any]) -> BalanceRule:
    return BalanceRule(
        opening=_hours(given["opening_balance"]),
        min=_hours(given["min_balance"]),
        cap=_hours(given["cap_balance"]),
        debit_per_year=_hours(given["debit_per_year"]),
        debit_half_year=_hours(given["debit_half_year"]),
    )


def _self_declared(name: str, said: Mapping[str, Any] | None) -> SelfDeclaredRule | None:
    if said is None:
        return None
    if said["late"] != "rejected":
        raise ValueError(f"{name}.self_declared.late: late ones are rejected")
    opens, closes = (_month_and_day(day) for day in said["window"])
    return SelfDeclaredRule(_hours(said["credits"]), opens, closes)


def _month_and_day(said: str) -> tuple[int, int]:
    month, day = said.split("-")
    return int(month), int(day)


def cycle(rules: RuleSet, begins: date, ends: date, *, follows: bool = False) -> Cycle:
    """Give a cycle whose activities may be claimed for as long as the rules say."""
    return Cycle(
        begins, ends, earned_by=ends, submitted_by=rules.submitted_within.after(ends), follows=follows
    )


def activity(
    id: str,  # noqa: A002 -- an activity is called by its id
    hours: str | float,
    category: str = "learning",
    *,
    on: date,
    days: int = 1,
    claimed_on: date | None = None,
    standing: Standing = Standing.CLAIMED,
    title: str | None = None,
    self_declared: bool = False,
    **topics: str | float,
) -> Activity:
    """Make something ordinary, ended on a day and claimed the same day; a test says what else matters."""
    return Activity(
        id=id,
        title=title or f"Attività {id}",
        provider="Ente Esempio",
        category=category,
        started_on=date.fromordinal(on.toordinal() - days + 1),
        ended_on=on,
        hours=_hours(hours),
        topics={topic: _hours(part) for topic, part in topics.items()},
        submitted_on=claimed_on or on,
        standing=standing,
        self_declared=self_declared,
    )
