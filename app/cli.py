"""The command `sigillo`: for members what the client does, for operators what keeps the service running.

Commands of the service load their libraries when they run, so that the client alone stays small.
"""

import gc
import json
import sys
from contextlib import closing
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console

from app.client.bilingual import BilingualGroup
from app.client.member import app as members
from app.client.member import offline_verification
from app.client.visit import Ends, Lang
from app.keys_cli import app as keys
from app.keys_shown import tell
from app.operators import (
    console,
    errors,
    migrate_or_stop,
    migrated,
    ports_or_stop,
    refuse_older_register,
    say_gaps,
    stopped,
)
from app.seals_cli import app as seals
from app.upkeep_cli import app as upkeep

if TYPE_CHECKING:
    from app.organisations.models import Organisation
    from app.ports import Ports

OPERATORS: Final = "For operators"
HELP: Final = "Competency dossiers, committee decisions and credentials that anyone can verify."
YEAR: Final = """\
**A member's year**

1. Once: `sigillo login`, with the address and the key that the secretariat gives you.
2. During the year, as you go: `sigillo cpd add`, or `sigillo cpd import FILE.csv` for many at once.
3. Whenever you like: `sigillo check` says what counts, what is missing, and by when.
4. From six months before expiry: `sigillo renew --dry-run`, then `sigillo renew`.
5. Once it is approved: `sigillo download`, and `sigillo status --qr` to show it.

Whoever has no credential yet begins with `sigillo dossier submit FOLDER`. Anybody: `sigillo verify FILE`.

**Exit codes**: 0 done · 1 a defect of ours · 2 the command or a file is to be mended · 3 no (something is
missing, not accepted, not valid) · 4 sign-in · 5 network, safe to try again · 130 interrupted.

For scripts: `--json`, SIGILLO_URL, SIGILLO_KEY, SIGILLO_LANG, SIGILLO_HOME (the folder of the sign-in).
"""


def _version(asked: bool) -> None:  # noqa: FBT001 - Typer calls it so
    if asked:
        from importlib.metadata import version

        typer.echo(version("sigillo"))
        raise typer.Exit(Ends.OK)


# What makes a host of a body's own lead to the service, and is not ours to do.
TO_DO: Final = """\
Before anything is issued, have {host}
1. lead here in the DNS;
2. named by a TLS certificate of the reverse proxy;
3. passed on by the proxy as it was asked for, in the Host header.
Then open {address}/.well-known/did.json: its id is to be {did}."""


# Members first, in the order of their year; then the operators, as their commands stand below.
MEMBERS_ORDER: Final = (
    *(
        "login",
        "status",
        "dossier",
        "cpd",
        "check",
        "renew",
        "download",
        "europass",
        "verify",
        "send",
        "logout",
    ),
)


class House(BilingualGroup):
    """All commands, in the order in which people meet them."""

    def list_commands(self, ctx: Any) -> list[str]:
        """List the members' commands first."""
        names = super().list_commands(ctx)
        return [*MEMBERS_ORDER, *(name for name in names if name not in MEMBERS_ORDER)]


app = typer.Typer(
    cls=House,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help=HELP,
    epilog=YEAR,
)
organisation = typer.Typer(no_args_is_help=True, help="Organisations that this installation serves.")
key = typer.Typer(no_args_is_help=True, help="Keys by which people and programs are known.")
audit = typer.Typer(no_args_is_help=True, help="The event trail.")
documents = typer.Typer(no_args_is_help=True, help="Signed documents of credentials.")
app.add_typer(members)
app.add_typer(organisation, name="organisation", rich_help_panel=OPERATORS)
app.add_typer(key, name="key", rich_help_panel=OPERATORS)
app.add_typer(keys, name="keys", rich_help_panel=OPERATORS)
app.add_typer(seals, name="seals", rich_help_panel=OPERATORS)
app.add_typer(audit, name="audit", rich_help_panel=OPERATORS)
app.add_typer(documents, name="documents", rich_help_panel=OPERATORS)
app.add_typer(upkeep)

AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON, for programs.")]


@app.callback()
def begin(
    version: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version, and stop.")
    ] = False,
    lang: Lang = None,
) -> None:
    """Competency dossiers, committee decisions and credentials that anyone can verify."""
    del version, lang


@app.command(rich_help_panel=OPERATORS)
def demo() -> None:
    """Live through the whole story once, over HTTP, with sample people and files; then say how to go on."""
    from app.client import demo as story

    raise typer.Exit(story.tell(Console(highlight=False)))


@app.command(rich_help_panel=OPERATORS)
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help="Port; by default that of a local public_url, else 8000.")
    ] = None,
) -> None:
    """Start the service. Settings come from SIGILLO_… variables and sigillo.toml."""
    gc.disable()  # what is loaded now stays: to search it for garbage took a sixth of the start
    from urllib.parse import urlsplit

    import uvicorn

    from app.core.hosts import LOOPBACK
    from app.main import ClockMovedWhileLive, check_clock, create_app
    from app.together import Together
    from app.web import log_to_stderr

    log_to_stderr()
    ports = migrated()
    try:
        check_clock(ports)
    except ClockMovedWhileLive as refused:
        raise stopped(str(refused)) from None
    refuse_older_register(ports)
    say_gaps(ports)
    public = urlsplit(ports.settings.public_url)
    listening = port or (public.port if public.hostname in LOOPBACK else None) or 8000
    service = create_app(ports, request_lines=sys.stderr.write)
    settled()
    errors.print(
        f"Sigillo starts on {host}, port {listening}, for {ports.settings.public_url} (Ctrl-C stops it)",
        highlight=False,
        soft_wrap=True,
    )
    uvicorn.run(
        service,
        host=host,
        port=listening,
        http=Together,
        ws="none",
        access_log=False,
        log_config=None,  # its own would print exceptions with their words, and those may be personal
        log_level="warning",
        server_header=False,
        forwarded_allow_ips=ports.settings.trusted_proxies,
        timeout_graceful_shutdown=10,
    )


def settled() -> None:
    """Search what lives as long as the process for garbage no more, between two answers or two batches."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 50)


@app.command(rich_help_panel=OPERATORS)
def worker() -> None:
    """Carry out what the outbox holds, in a process of its own; any number may run."""
    gc.disable()  # until it is settled
    import signal
    import threading

    from app.main import lists_kept_up, working
    from app.web import log_to_stderr

    log_to_stderr()
    stop = threading.Event()
    for stopping in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stopping, lambda *_: stop.set())
    ports = migrated()
    refuse_older_register(ports)
    say_gaps(ports)
    settled()
    threads = [*working(ports, stop), lists_kept_up(ports, stop, refreshing=True)]
    while not stop.wait(1):  # a signal is heard between two waits
        pass
    for thread in threads:
        thread.join(timeout=10)


@app.command(rich_help_panel=OPERATORS)
def migrate() -> None:
    """Bring the database to the newest form. Safe to run again; nothing is lost.

    On PostgreSQL as the role of `database_owner_url`, where that is set; the role of `database_url` is then
    given what serving takes.
    """
    ports = ports_or_stop()
    with closing(ports.database):
        migrate_or_stop(ports)
        typer.echo("The database is up to date.")
        say_gaps(ports)


@app.command(rich_help_panel=OPERATORS)
def openapi() -> None:
    """Print the API's contract, as openapi/openapi.json holds it."""
    from app.main import contract

    typer.echo(contract(), nl=False)


@organisation.command("create")
def create_organisation(
    legal_name: Annotated[str, typer.Option(help="The legal name, as documents will say it.")],
    url: Annotated[str, typer.Option(help="The body's own web address.")],
    given_name: Annotated[str, typer.Option(help="Of the first administrator.")],
    family_name: Annotated[str, typer.Option(help="Of the first administrator.")],
    email: Annotated[str, typer.Option(help="Of the first administrator.")],
    name_on_credential: Annotated[
        str | None, typer.Option(help="Of the first administrator, where it is another than these two.")
    ] = None,
    time_zone: Annotated[str, typer.Option(help="By whose calendar days are counted.")] = "Europe/Rome",
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Create an organisation in test mode, with its first administrator and its API client.

    Two keys are printed, this once. Only their hashes are kept.
    """
    from zoneinfo import available_timezones

    from pydantic import ValidationError

    from app.organisations import service
    from app.organisations.schemas import Founding

    if time_zone not in available_timezones():
        raise stopped(f"There is no time zone {time_zone}. One would be Europe/Rome.")
    try:
        asked = Founding(
            legal_name=legal_name,
            url=url,
            given_name=given_name,
            family_name=family_name,
            name_on_credential=name_on_credential,
            email=email,
        )
    except ValidationError as error:
        needed = "An organisation needs a name, an https address, and an administrator with an e-mail."
        wrong = (f"--{str(each['loc'][0]).replace('_', '-')}: {each['msg']}" for each in error.errors())
        raise stopped("\n".join([needed, *wrong])) from None
    ports = migrated()
    with ports.database.writing() as session:
        made = service.found(
            session,
            legal_name=asked.legal_name,
            url=asked.url,
            time_zone=time_zone,
            given_name=asked.given_name,
            family_name=asked.family_name,
            name_on_credential=asked.name_on_credential,
            email=asked.email,
            at=ports.clock.now(),
        )
    shown = {
        "organisation": made.organisation.id,
        "mode": made.organisation.mode,
        "administrator": made.administrator.id,
        "administrator_key": made.administrator_key.token,
        "client": made.client.id,
        "client_key": made.client_key.token,
        "keys_expire_at": made.client_key.expires_at.isoformat(),
    }
    if as_json:
        typer.echo(json.dumps(shown, indent=2))
        return
    for name, value in shown.items():
        console.print(f"{name.replace('_', ' '):20} {value}", highlight=False, soft_wrap=True)
    console.print("Keep the two keys now: they are not shown again.")


@organisation.command("live")
def go_live(
    organisation_id: Annotated[
        str | None,
        typer.Argument(metavar="ORGANISATION", help="Its id, org_…; not needed where there is one alone."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # noqa: FBT002 - a flag
    seal_names: Annotated[
        list[str] | None,
        typer.Option(
            help="The name in a seal's certificate, where it is not the organisation's and that is meant; "
            "may be given again."
        ),
    ] = None,
) -> None:
    """Let an organisation issue documents that are meant. This cannot be taken back.

    First, all of `sigillo keys check --for ORGANISATION` is run. It is refused (exit code 3) where a key
    cannot issue, while keys for trying only sign, while the public address or its own leads to this machine
    alone, where the ring knows organisations otherwise than the register does, where a seal names somebody
    else than the organisation (unless --seal-names says so), or while the clock is moved; then nothing was
    changed. What was issued before goes on saying TEST. A running service takes it up by itself.

    An organisation signs with the installation's keys until it has its own: `sigillo keys init --for
    ORGANISATION`.
    """
    from app.adapters.ceremony import Ceremony
    from app.adapters.keycheck import Level, Tried, check
    from app.adapters.ring import Whose
    from app.main import tokens_in
    from app.organisations import queries, service
    from app.outbox.trail import SYSTEM

    ports = migrated()
    settings, at = ports.settings, ports.clock.now()
    chosen = _one_organisation(ports, organisation_id)
    if chosen.mode == "live":
        console.print(f"{chosen.legal_name} ({chosen.id}) is live already.", highlight=False)
        return
    if ports.clock.offset:
        raise stopped(
            "The clock is moved (SIGILLO_CLOCK_OFFSET): nothing that is meant is issued so. Unset it "
            "for this command and for the service, and start that again.",
            Ends.REFUSED,
        )
    passphrase = settings.key_passphrase.get_secret_value().encode() if settings.key_passphrase else None
    tokens = tokens_in(settings)
    ceremony = Ceremony(settings.keys_folder, passphrase=passphrase, tokens=tokens)
    name = chosen.legal_name
    address = chosen.address(settings.public_url)
    with ports.database.reading() as session:
        register = queries.codes(session)
    tried = Tried(
        ports.signer,
        ceremony,
        settings,
        tokens,
        ports.time_stamps,
        ports.revocation,
        name=name,
        body=Whose(id=chosen.id, issuer_code=chosen.issuer_code),
        address=address,
        register=register,
    )
    found = check(tried, at=at)
    tell(found)
    if any(each.level is Level.FAILURE for each in found):
        raise stopped(f"{name} stays in test mode. Nothing was changed.", Ends.REFUSED)
    _settle_names(ports, chosen, seal_names or [])
    if not yes:
        typer.confirm(
            f"From now on, what {name} ({chosen.id}) issues at {address} is meant. Go live, for good?",
            abort=True,
        )
    with ports.database.writing() as session:
        service.go_live(session, chosen.id, by=SYSTEM, at=ports.clock.now())
    console.print(f"{name} is live.", highlight=False)


def _settle_names(ports: "Ports", body: "Organisation", meant: list[str]) -> None:
    """Say whom the seals name, and stop where that is neither the organisation nor expressly meant."""
    from app.adapters.keycheck import names_in, same_name

    name = body.legal_name
    for slot, named in names_in(ports.signer, body.id).items():
        console.print(f"{slot} names “{named}”; the organisation is called “{name}”.", highlight=False)
        if not any(same_name(named, each) for each in (name, *meant)):
            raise stopped(
                f"{name} stays in test mode: all that it issues would be under the seal of “{named}”. If it "
                f'is the same body, say so: --seal-names "{named}". If it is another, bring its own '
                f"seal: sigillo keys init --for {body.id}. Nothing was changed.",
                Ends.REFUSED,
            )


@organisation.command("quota")
def set_quota(
    organisation_id: Annotated[
        str | None,
        typer.Argument(metavar="ORGANISATION", help="Its id, org_…; not needed where there is one alone."),
    ] = None,
    requests: Annotated[
        int | None, typer.Option(min=1, max=10_000_000, help="Requests a minute for each of its callers.")
    ] = None,
    default: Annotated[bool, typer.Option("--default", help="As many as the settings say.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Say how many requests a minute each person and program of an organisation may make.

    It holds at once, in a running service too. Without an option, it is shown.
    """
    from app.organisations import service
    from app.outbox.trail import SYSTEM

    if requests is not None and default:
        raise stopped("Say either --requests or --default.")
    ports = migrated()
    chosen = _one_organisation(ports, organisation_id)
    quota = chosen.requests_per_minute
    if requests is not None or default:
        quota = requests
        with ports.database.writing() as session:
            service.set_quota(session, chosen.id, quota, by=SYSTEM, at=ports.clock.now())
    told = "as many as the settings say" if quota is None else str(quota)
    console.print(f"{chosen.legal_name} ({chosen.id}): {told}, a minute and caller.", highlight=False)


@organisation.command("host")
def set_host(
    organisation_id: Annotated[
        str | None,
        typer.Argument(metavar="ORGANISATION", help="Its id, org_…; not needed where there is one alone."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--host", help="A DNS name of its own: credentials.body.example.")
    ] = None,
    default: Annotated[bool, typer.Option("--default", help="The installation's own host.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Let an organisation issue under a host of its own: its documents, lists and QR codes name that one.

    It holds at once, in a running service too, and for good from its first document on: then this is
    refused (exit code 3). Without an option, it is shown.
    """
    from app.core.errors import Problem
    from app.credentials import addressing
    from app.formats.published import did_of
    from app.organisations.errors import HostNotUsable
    from app.outbox.trail import SYSTEM
    from app.settings import only_here

    if name is not None and default:
        raise stopped("Say either --host or --default.")
    ports = migrated()
    chosen, public_url = _one_organisation(ports, organisation_id), ports.settings.public_url
    if name is not None or default:
        try:
            with ports.database.writing() as session:
                chosen = addressing.set_host(
                    session, chosen.id, name, public_url=public_url, by=SYSTEM, at=ports.clock.now()
                )
        except HostNotUsable as unfit:
            raise stopped(f"{unfit.detail} Nothing was changed.") from None
        except Problem as refused:
            raise stopped(f"{refused.detail} Nothing was changed.", Ends.REFUSED) from None
    address = chosen.address(public_url)
    told = "the installation's address" if chosen.host is None else "an address of its own"
    console.print(f"{chosen.legal_name} ({chosen.id}): {address}, {told}.", highlight=False, soft_wrap=True)
    if name is not None and not only_here(address):
        words = TO_DO.format(host=chosen.host, address=address, did=did_of(address))
        console.print(words, highlight=False, soft_wrap=True)


def _one_organisation(ports: "Ports", organisation_id: str | None) -> "Organisation":
    """Find the organisation that is meant, or say which there are."""
    from app.organisations import queries

    with ports.database.reading() as session:
        known = queries.organisations(session)
    meant = [each for each in known if organisation_id in {None, each.id}]
    if len(meant) == 1:
        return meant[0]
    there = ", ".join(f"{each.id} ({each.legal_name})" for each in known)
    raise stopped(
        f"Say which organisation: {there}." if there else "There is none. `sigillo organisation create`."
    )


@key.command("issue")
def issue_key(
    person: Annotated[str, typer.Argument(help="Whose key it will be: per_….")],
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Make a new key for a person, when nobody is left who can: an administrator's own has expired, say.

    Otherwise administrators make keys, with `POST /v1/api-keys`. It is printed this once and written in the
    trail as made by the system.
    """
    from app.core.db import enter
    from app.organisations import queries, service
    from app.organisations.errors import PersonNotFound
    from app.outbox.trail import SYSTEM

    ports = migrated()
    try:
        with ports.database.writing() as session:
            found = queries.person_of_anyone(session, person)
            enter(session, found.organisation_id)
            made = service.issue_key(
                session, person_id=found.id, scopes=None, expires_at=None, by=SYSTEM, at=ports.clock.now()
            )
    except PersonNotFound:
        raise stopped(f"There is no person {person}. `GET /v1/organisations/…/members` lists them.") from None
    if as_json:
        typer.echo(json.dumps({"token": made.token, "expires_at": made.expires_at.isoformat()}, indent=2))
        return
    console.print(f"{made.token}", highlight=False, soft_wrap=True)
    console.print(f"Keep it now: it is not shown again. It expires on {made.expires_at:%Y-%m-%d}.")


@audit.command("verify")
def verify_audit() -> None:
    """Walk every organisation's chain of events and say whether anything was changed or left out."""
    from app.organisations import queries
    from app.outbox import trail

    ports = migrated()
    trail.append(ports.database)
    with ports.database.reading() as session:
        known = [found.id for found in queries.organisations(session)]
    broken = False
    for organisation_id in known:
        with ports.database.reading(organisation_id) as session:
            found = trail.verify(session, organisation_id)
        typer.echo(
            f"{organisation_id}  {found.events} events, {found.waiting} waiting, head {found.head[:16]}…"
        )
        for finding in found.findings:
            typer.echo(f"  ✗ {finding}")
        broken = broken or bool(found.findings)
    typer.echo("The trail is broken." if broken else "The trail is whole.")
    raise typer.Exit(1 if broken else Ends.OK)


@documents.callback()
def of_documents() -> None:
    """Signed documents of credentials."""


@documents.command("remake")
def remake_documents(
    only_count: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--count", help="Only say how many there are.")
    ] = False,
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Make anew what a compromised key signed, in every format, once the next key signs.

    Credentials keep their numbers and dates; the old documents are marked as superseded. It may be stopped
    and run again, beside the service. Ends with 3 where some could not be made, and says why. Suspended
    credentials are left out: run it again when they are reinstated.
    """
    from collections import Counter

    from app.client.terminal import counting
    from app.credentials import remaking

    ports = migrated()
    total = remaking.waiting(ports, at=ports.clock.now())
    made, refused = 0, Counter[str]()
    if not only_count:
        with counting(errors) as bar:
            task = bar.add_task("documents", total=total)
            for each in remaking.remake(ports):
                made += each.refused is None
                refused.update([each.refused] if each.refused else [])
                bar.advance(task)
    left = remaking.waiting(ports, at=ports.clock.now())
    ports.database.close()
    if as_json:
        typer.echo(json.dumps({"made": made, "left": left, "refused": refused}, indent=2, ensure_ascii=False))
    else:
        console.print(f"{made} made anew, {left} left.", highlight=False)
        for words, count in refused.items():
            console.print(f"  {count} not made: {words}", highlight=False, soft_wrap=True, markup=False)
    raise typer.Exit(Ends.REFUSED if left and not only_count else Ends.OK)


def _verify_offline(content: bytes, keys: list[bytes], lists: list[bytes]) -> dict[str, Any]:
    """Verify with what was saved of an issuer, by this machine's clock."""
    from app.client.api import Refused
    from app.core.clock import SystemClock
    from app.core.errors import Problem
    from app.verification import offline
    from app.verification.report import rfc3339

    try:
        given = offline.keys_in(keys)
        saved = offline.Saved.of(lists, given.keyring)
        report, as_of = offline.report_on(content, given, saved, at=SystemClock().now())
    except Problem as problem:
        told = {"code": problem.code, "title": problem.title, "detail": problem.detail, **problem.facts}
        raise Refused(422, told) from None
    return {
        **report.as_json(),
        "status_as_of": rfc3339(as_of) if as_of else None,
        "lists_ignored": saved.ignored,
    }


offline_verification.append(_verify_offline)


def main() -> None:
    """Run the command; say what is missing where only the client is installed."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without our letters shows what it can
    try:
        app()
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.split(".")[0] == "app":
            raise
        errors.print(
            f"This command needs the service: pip install 'sigillo[server]' ({missing.name} is missing).",
            markup=False,  # which would take the brackets for its own
        )
        sys.exit(Ends.USAGE)


if __name__ == "__main__":
    main()
