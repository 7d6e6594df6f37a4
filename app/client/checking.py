"""The ledger of a cycle: what counts against what was claimed, and what is missing by when."""

import re
from typing import Final

from rich.text import Text

from app.client import terminal
from app.client.api import Json, Refused
from app.client.visit import Visit

SHOWN_AT_MOST: Final = 50
A_YEAR: Final = re.compile(r"\b[0-9]{4}\b")  # which every day that a sentence names has


def show(visit: Visit, number: str, ledger: Json) -> None:
    """Show a ledger: totals, tables, differences with their reasons, gaps with their dates."""
    voice = visit.voice
    begins, ends = voice.day(ledger["begins"]), voice.day(ledger["ends"])
    visit.print("ledger-of", style="bold", number=number, cycle=ledger["cycle"], begins=begins, ends=ends)
    show_clock(visit, ledger)
    figures = {name: voice.hours(ledger[name]) for name in ("required", "claimed")}
    figures["counted"] = voice.amount(ledger["counted"])
    count = "one" if figures["counted"] == voice.amount(1) else "many"
    if float(ledger.get("carried") or 0):
        visit.print(f"ledger-counted-carried.{count}", carried=voice.hours(ledger["carried"]), **figures)
    else:
        visit.print(f"ledger-counted.{count}", **figures)
    if ledger.get("per_activity_max") and ledger.get("per_day_max"):
        limits = {name: voice.amount(ledger[name]) for name in ("per_activity_max", "per_day_max")}
        visit.print("ledger-limits", **limits)
    for code, buckets in (("by-category", ledger["categories"]), ("by-topic", ledger["topics"])):
        _buckets(visit, code, buckets)
    _years(visit, ledger["years"])
    _differences(visit, ledger["lines"])
    show_gaps(visit, ledger)


def show_clock(visit: Visit, found: Json) -> None:
    """Say that the service's clock is moved, where it is: no day that is told is the calendar's then."""
    if found.get("clock_offset"):
        visit.print("clock-moved", style="yellow", offset=found["clock_offset"])


def show_competences(visit: Visit, credential: Json) -> None:
    """List the competences that an activity may name, where the service tells them."""
    try:
        scheme = visit.api.get(f"/v1/schemes/{credential['scheme']}")
    except Refused:
        return
    if names := [str(one["id"]) for one in scheme.get("statements") or ()]:
        visit.print("check-competences", names=", ".join(names))


def show_gaps(visit: Visit, ledger: Json) -> None:
    """Show what is missing, each thing with the days by which it must be done and logged."""
    visit.out.print()
    if ledger["satisfied"]:
        visit.print("ledger-satisfied", style="green")
        if float(ledger.get("carry_over") or 0):
            visit.print("ledger-carry-over", hours=visit.voice.amount(ledger["carry_over"]))
        return
    visit.print("ledger-gaps", style="bold yellow")
    for gap in ledger["gaps"]:
        said = visit.voice.both(gap["detail"])
        days = {name: visit.voice.day(gap[name]) for name in ("due", "file_by")}
        told = A_YEAR.search(said) or gap["file_by"] < ledger["as_of"]  # or nothing can be done about it now
        terminal.bullet(visit.out, said, *(() if told else (visit.say("gap-due", **days),)))


def _buckets(visit: Visit, code: str, buckets: list[Json]) -> None:
    if not buckets:
        return
    voice = visit.voice
    heads = (voice.say(code), *(voice.say(f"col.{name}") for name in ("counted", "min", "max")))
    made = terminal.table(*heads, numbers=(1, 2, 3))
    for bucket in buckets:
        counted, low = bucket["counted"], bucket["min"]
        made.add_row(
            f"{bucket['id']}: {voice.both(bucket['label'])}",
            _figure(visit, counted, low),
            voice.hours(low),
            voice.hours(bucket["max"]),
        )
    visit.out.print(made)


def _years(visit: Visit, years: list[Json]) -> None:
    if not years:
        return
    voice = visit.voice
    made = terminal.table(
        voice.say("by-year"), voice.say("col.counted"), voice.say("col.min"), numbers=(1, 2)
    )
    for year in years:
        days = {name: voice.day(year[name]) for name in ("begins", "ends")}
        counted = _figure(visit, year["counted"], year["min"])
        made.add_row(voice.say("year-row", number=year["number"], **days), counted, voice.hours(year["min"]))
    visit.out.print(made)


def _figure(visit: Visit, counted: str, low: str | None) -> Text:
    """Write a figure: green where it is enough, yellow where it is not yet."""
    enough = low is None or float(counted) >= float(low)
    return Text(visit.voice.hours(counted), style="green" if enough else "yellow")


def _differences(visit: Visit, lines: list[Json]) -> None:
    short = [line for line in lines if line["differences"]]
    if not short:
        return
    voice = visit.voice
    made = terminal.table(
        *(voice.say(f"col.{name}") for name in ("activity", "claimed", "counted", "reason")),
        title=voice.say("ledger-differences"),
        numbers=(1, 2),
    )
    for line in short[:SHOWN_AT_MOST]:
        why = "\n".join(
            f"\N{MINUS SIGN}{voice.hours(one['hours'])}: {voice.both(one['detail'])}"
            for one in line["differences"]
        )
        made.add_row(line["title"], voice.hours(line["claimed"]), voice.hours(line["counted"]), why)
    visit.out.print(made)
    if len(short) > SHOWN_AT_MOST:
        visit.print("check-more", number=len(short) - SHOWN_AT_MOST)
