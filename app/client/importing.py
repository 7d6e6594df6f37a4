"""Importing activities, watched: how far it is, what became of each row, and what to do next."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from rich.progress import Progress

from app.client import activities, cpd, standing, terminal
from app.client.api import NotUsable
from app.client.cpd import Import, Result
from app.client.visit import Ends, Stopped, Visit

SHOWN_WHOLE: Final = 25
SHOWN_AT_MOST: Final = 100


def run(visit: Visit, file: Path, report: Path | None, number: str | None) -> None:
    """Import a file, and write the report even of what was broken off."""
    if report is not None and report.resolve() == file.resolve():
        raise NotUsable("report-is-source")
    rows = cpd.read(file)
    visit.begin_writing()
    chosen: list[str] = []

    def credential() -> str:
        """Find out for which credential, once, and only if a row does not say so itself."""
        if not chosen:
            chosen.append(str(standing.the_credential(visit, number)["id"]))
        return chosen[0]

    if any(not row.wrong and not row.body.get("credential") for row in rows):
        credential()  # before anything moves: it may be that there is none
    under_way = Import(visit.api, rows, visit.voice, credential)
    try:
        with terminal.counting(visit.errors) as progress:
            under_way.send(_watched(progress, visit.say("import-progress"), len(rows)))
            if to_prove := under_way.to_prove():
                sent = _watched(progress, visit.say("import-proofs"), len(to_prove))
                under_way.prove(lambda path: path.open("rb"), sent)
    except BaseException:
        visit.note("import-stopped", done=len(under_way.results), rows=len(rows))
        raise
    finally:
        if report is not None:
            cpd.report(report, under_way.in_order())
    _show(visit, under_way, report)
    raise Stopped(Ends.REFUSED if under_way.counts["refused"] else Ends.OK)


def _watched(progress: Progress, what: str, total: int) -> Callable[[int], None]:
    task = progress.add_task(what, total=total)
    return lambda number: progress.advance(task, number)


def _show(visit: Visit, under_way: Import, report: Path | None) -> None:
    every, counts = under_way.in_order(), under_way.counts
    if visit.as_json:
        results = [one.as_json() for one in every]
        visit.answer({"counts": counts, "files_sent": under_way.files, "results": results})
        return
    remarkable = [one for one in every if one.outcome == "refused" or one.reasons or one.state == "draft"]
    _table(visit, every if len(every) <= SHOWN_WHOLE else remarkable)
    visit.print("import-counts", style="bold", rows=len(every), **counts)
    if under_way.files:
        visit.print("import-sent-files", number=under_way.files)
    if report is not None:
        visit.print("report-written", path=report)
    if drafts := sum(one.state == "draft" for one in every):
        visit.print("import-drafts", number=drafts)
    if counts["refused"]:
        visit.print("import-mend")
    elif counts["unchanged"] == len(every) and not under_way.files:
        visit.print("import-nothing-new")
    visit.print("import-next")


def _table(visit: Visit, shown: list[Result]) -> None:
    if not shown:
        return
    heads = (visit.say(f"col.{name}") for name in ("row", "title", "outcome", "reason"))
    made = terminal.table(*heads, numbers=(0,))
    for one in shown[:SHOWN_AT_MOST]:
        outcome = visit.say(f"row.{one.outcome}")
        if one.outcome != "refused" and one.state in activities.WAITING:
            outcome += f", {visit.voice.named('activity', one.state)}"
        made.add_row(str(one.row.number), one.row.title, outcome, "\n".join(one.reasons))
    visit.out.print(made)
    if len(shown) > SHOWN_AT_MOST:
        visit.print("import-more", number=len(shown) - SHOWN_AT_MOST)
