"""`sigillo seals …`: how far the seals of European Digital Credentials have grown, and having them grow."""

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from app.client.terminal import counting
from app.client.visit import Ends
from app.operators import console, errors, migrated, stopped

if TYPE_CHECKING:
    from app.credentials.prolonging import Progress
    from app.ports import Ports

HELP: Final = """\
The levels of sealed European Digital Credentials (ETSI TS 119 182-1): B-B is the seal, B-T has a time-stamp,
B-LTA all that proves it for years.
"""
LOOKED_EVERY: Final = 0.5  # seconds
SAID_EVERY: Final = 10.0  # where there is no terminal
# What an operator can do about each kind of error.
WORDS: Final[Mapping[str, str]] = {
    "TimeStampUnavailable": "the time-stamp authority gives none now",
    "StampRefused": "what the authority gives does not verify: see timestamp_anchors, and the clock",
    "RevocationUnavailable": "an issuer does not say now whether a certificate was revoked",
    "NobodyToAsk": "a certificate names nobody whom we could ask whether it was revoked. Keys for trying "
    "things do not; addresses inside the house have to stand in revocation_origins, roots in anchors_folder",
    "NoAuthority": "no time-stamp authority is configured: see timestamp_url",
    "SealRevoked": "a certificate of the seal was revoked",
    "StamperRevoked": "the time-stamp authority's certificate was revoked",
    "ProofOver": "a certificate ended before anything proved that the seal is older",
    "InHand": "somebody else is at it",
    "Unsound": "what came of it did not verify and was thrown away",
}

app = typer.Typer(no_args_is_help=True, help=HELP)

AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON, for programs.")]


@app.command("prolong")
def prolong(
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
    wait: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option(help="Or only leave the work to `sigillo serve` and `sigillo worker`.")
    ] = True,
) -> None:
    """Bring every seal to B-LTA that is not there yet: once an authority is configured, or answers again.

    The work is left in the outbox, where any worker takes it up; this command lends a hand and shows how far
    it is. Stop it whenever you like: nothing that was stored is lost. Ends with 5 where some wait for an
    authority, and with 3 where some cannot be brought further.
    """
    from app.credentials import prolonging

    code = Ends.OK
    with _opened() as ports:
        if ports.time_stamps is None:
            raise stopped("No time-stamp authority is configured: set timestamp_url and timestamp_anchors.")
        prolonging.leave_for_all(ports.database, at=ports.clock.now())
        if wait:
            try:
                _work(ports)
            except KeyboardInterrupt:
                code = Ends.INTERRUPTED
        now = _tell(ports, as_json=as_json)
    if wait and code is Ends.OK:
        code = Ends.NETWORK if now.waiting else Ends.REFUSED if now.given_up else Ends.OK
    raise typer.Exit(code)


@app.command("status")
def status(as_json: AsJson = False) -> None:  # noqa: FBT002 - a flag of the command line
    """Say how many seals are at which level, how many wait, and what is in the way of the others."""
    with _opened() as ports:
        _tell(ports, as_json=as_json)


@contextmanager
def _opened() -> Iterator["Ports"]:
    ports = migrated()
    try:
        yield ports
    finally:
        ports.database.close()


def _work(ports: "Ports") -> None:
    """Work beside whatever workers there are until nothing is due any more, and show how far it is."""
    from app.main import patient_worker

    logging.getLogger("sigillo").addHandler(logging.NullHandler())  # what fails is told in the end
    stop = threading.Event()
    hand = threading.Thread(target=patient_worker(ports).run, args=(stop,), daemon=True)
    hand.start()
    try:
        _watch(ports)
    except KeyboardInterrupt:
        errors.print("Finishing the one in hand; the others stay in the outbox.")
        raise
    finally:
        stop.set()
        hand.join()


def _watch(ports: "Ports") -> None:
    from app.credentials.prolonging import progress

    now = progress(ports.database, at=ports.clock.now())
    total, said, pause = now.below, monotonic(), threading.Event()
    with counting(errors) as bar:
        task = bar.add_task("B-LTA", total=total)
        while now.busy:
            pause.wait(LOOKED_EVERY)
            now = progress(ports.database, at=ports.clock.now())
            bar.update(task, completed=max(total - now.below, 0))
            if not errors.is_terminal and monotonic() - said >= SAID_EVERY:
                failed = "".join(f"; {count} {kind}" for kind, count in now.failed.items())
                errors.print(f"{total - now.below} of {total} at B-LTA, {now.waiting} wait{failed}")
                said = monotonic()


def _tell(ports: "Ports", *, as_json: bool) -> "Progress":
    from app.credentials.prolonging import progress

    now = progress(ports.database, at=ports.clock.now())
    if as_json:
        typer.echo(json.dumps(_as_json(now), indent=2))
        return now
    for level, count in now.levels.items():
        _say(f"{level:6} {count}")
    if now.waiting:
        _say(f"{now.waiting} wait: `sigillo serve` or `sigillo worker` goes on with them in the background.")
    for what, kinds in (("failed, and will be tried again", now.failed), ("given up", now.given_up)):
        for kind, count in sorted(kinds.items()):
            _say(f"{count} {what}: {WORDS.get(kind, kind)}.")
    if now.waiting:
        _say("To look again: sigillo seals status")
    elif now.given_up or now.below:
        _say("To try again, once that is mended: sigillo seals prolong")
    return now


def _as_json(now: "Progress") -> dict[str, Any]:
    return {
        "levels": now.levels,
        "waiting": now.waiting,
        "failed": now.failed,
        "given_up": now.given_up,
    }


def _say(line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True, markup=False)
