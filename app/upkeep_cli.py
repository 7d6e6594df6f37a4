"""`sigillo doctor`, `sigillo backup` and `sigillo restore`: what keeps a register safe."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app.client.terminal import counting
from app.client.visit import Ends
from app.operators import console, errors, migrate_or_stop, migrated, ports_or_stop, stopped

if TYPE_CHECKING:
    from sqlalchemy import URL

    from app.ports import Ports
    from app.upkeep.agreement import Agreement
    from app.upkeep.copies import Manifest
    from app.upkeep.health import Finding

PANEL: Final = "For operators"
app = typer.Typer()
AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON, for programs.")]


@app.command(rich_help_panel=PANEL)
def doctor(
    deep: Annotated[  # noqa: FBT002 - a flag of the command line
        bool,
        typer.Option(
            help="Also verify every document, list, event and file once more. Takes about a minute for each "
            "hundred thousand credentials."
        ),
    ] = False,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Look whether the service can do its work, and say what is to be mended. Nothing is changed.

    Ends with 3 where something does not work. `sigillo keys check` tries the keys themselves.
    """
    from app.upkeep import health

    ports = ports_or_stop()
    found = list(_answering(ports, health.look))
    agreed = None
    if deep and not any(each.about == "database" and each.level == "failure" for each in found):
        agreed = _agreement(ports)
    ports.database.close()
    if as_json:
        told: dict[str, Any] = {
            "findings": [{"about": e.about, "level": e.level, "words": e.words} for e in found]
        }
        if agreed is not None:
            told["agreement"] = _as_json(agreed)
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        _tell(found)
        if agreed is not None:
            _tell_agreement(agreed)
    bad = any(each.level == "failure" for each in found) or (agreed is not None and not agreed.whole)
    raise typer.Exit(Ends.REFUSED if bad else Ends.OK)


@app.command(rich_help_panel=PANEL)
def backup(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; a new name each time.")],
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Write the register and the evidence to one file, while the service goes on.

    It holds people's dossiers: keep it encrypted, and no longer than your retention says. The keys are not
    in it; keys_folder has a backup of its own, somewhere else. `sigillo restore` brings it back.
    """
    from app.upkeep import copies

    ports = migrated()
    at = ports.clock.now()
    with closing(ports.database), _copying() as tick:
        made = copies.back_up(ports.database, _owner_url(ports), _folder(ports), target, at=at, tick=tick)
    files = sum(name.startswith("files/") for name in made.content)
    shown = {
        "file": str(target),
        "bytes": target.stat().st_size,
        "database": made.database,
        "change": made.change,
        "files": files,
        "missing": list(made.missing),
    }
    if as_json:
        typer.echo(json.dumps(shown, indent=2))
    else:
        console.print(
            f"{target}: {shown['bytes']:,} bytes, the register up to change {made.change}, {files} files.",
            highlight=False,
            soft_wrap=True,
        )
        for sha256 in made.missing:
            console.print(f"  ! {sha256} is named by evidence and was not there.", highlight=False)
    raise typer.Exit(Ends.REFUSED if made.missing else Ends.OK)


@app.command(rich_help_panel=PANEL)
def restore(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="What `sigillo backup` wrote.")],
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Bring a backup back to an empty place, and look whether everything in it agrees.

    Stop the service first. Nothing is written over a register that is there. Refused (exit code 3) where the
    backup is damaged, or older than the status lists that were published from it: revoked credentials would
    be valid again. keys_folder tells, so bring that back first. A backup of an older version is brought up
    to date.
    """
    from app.upkeep import copies
    from app.upkeep.mark import RegisterTooOld, refuse_older

    ports = ports_or_stop()
    with _copying() as tick:
        manifest = copies.examined(source, tick=tick)
        _require_known(manifest)
        try:
            refuse_older(manifest.seen, ports.settings.keys_folder)
        except (RegisterTooOld, ValueError) as older:
            raise stopped(f"Nothing was brought back. {older}", Ends.REFUSED) from None
        ports.database.close()  # nothing of it was opened yet, and nothing is to be
        copies.bring_back(source, manifest, _owner_url(ports), _folder(ports), tick=tick)
    migrate_or_stop(ports)
    with closing(ports.database):
        found = _agreement(ports)
    if as_json:
        typer.echo(json.dumps({"change": manifest.change, **_as_json(found)}, indent=2, ensure_ascii=False))
    else:
        console.print(
            f"{source} of {manifest.made_at} is back, up to change {manifest.change}.", highlight=False
        )
        _tell_agreement(found)
    raise typer.Exit(Ends.OK if found.whole else Ends.REFUSED)


def _require_known(manifest: "Manifest") -> None:
    from app.adapters import schema

    if not schema.knows(manifest.revision):
        raise stopped(
            f"The backup is of a newer version ({manifest.revision}) than this one. Install that first.",
            Ends.REFUSED,
        )


def _owner_url(ports: "Ports") -> "URL":
    """Tell where the database is, for the role that sees all of it."""
    from sqlalchemy import make_url

    owner_url = ports.settings.database_owner_url
    return make_url(owner_url.get_secret_value()) if owner_url else ports.database.engine.url


def _folder(ports: "Ports") -> Any:
    from app.adapters.files import FolderFiles

    return FolderFiles(ports.settings.files_folder)


def _answering(ports: "Ports", look: Callable[["Ports"], Iterator["Finding"]]) -> Iterator["Finding"]:
    from sqlalchemy.exc import OperationalError

    try:
        yield from look(ports)
    except OperationalError:
        raise stopped(
            f"The database at {ports.database.engine.url.host} does not answer.", Ends.REFUSED
        ) from None


@contextmanager
def _copying() -> Iterator[Callable[[str, int, int], object]]:
    """Show how far it is, and say in a sentence why it cannot go on."""
    from app.upkeep.copies import CopyRefused

    with counting(errors) as bar:
        tasks: dict[str, Any] = {}

        def tick(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        try:
            yield tick
        except CopyRefused as why:
            bar.stop()
            raise stopped(str(why), Ends.REFUSED) from None


def _agreement(ports: "Ports") -> "Agreement":
    from app.upkeep.agreement import agreement

    with counting(errors) as bar:
        tasks: dict[str, Any] = {}

        def tick(what: str) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=None)
            bar.advance(tasks[what])

        return agreement(ports.database, ports.signer, ports.files, tick=tick)


def _as_json(found: "Agreement") -> dict[str, Any]:
    return {
        "agrees": found.whole,
        "looked_at": dict(found.looked_at),
        "disagreeing": found.disagreeing,
        "findings": found.findings,
    }


def _tell(found: Sequence["Finding"]) -> None:
    marks = {"good": "✓", "warning": "!", "failure": "✗"}
    for each in found:
        console.print(
            f"{marks[each.level]} {each.about:12} {each.words}", highlight=False, soft_wrap=True, markup=False
        )
    bad = sum(each.level == "failure" for each in found)
    console.print("Everything works." if not bad else f"{bad} to be mended: see ✗ above.", highlight=False)


def _tell_agreement(found: "Agreement") -> None:
    counts = ", ".join(f"{count:,} {what}" for what, count in found.looked_at.items())
    console.print(f"Looked at {counts}.", highlight=False, soft_wrap=True)
    for words in found.findings:
        console.print(f"  ✗ {words}", highlight=False, soft_wrap=True, markup=False)
    if found.whole:
        console.print("The audit chain, the status lists, the documents and the files agree.")
    else:
        console.print(f"{found.disagreeing} things do not agree.", highlight=False)
