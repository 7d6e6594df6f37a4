"""The members' commands: what each one is called, what it takes, and what it says."""

import os
import re
import sys
from getpass import getpass
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from app.client import (
    account,
    activities,
    batches,
    checking,
    cpd,
    documents,
    dossier_template,
    importing,
    pending,
    private,
    renewing,
    standing,
    submission,
    terminal,
)
from app.client import folder as folders
from app.client.account import Account
from app.client.api import Json, NotUsable, Refused, address
from app.client.bilingual import BilingualCommand, BilingualGroup
from app.client.visit import Ends, NotSignedIn, Stopped, Visit, member

MEMBERS: Final = "For members"
ORGANISATIONS: Final = "For organisations"
ACTIVITY: Final = re.compile(r"act_[0-9a-z]{26}")
DELIVERY: Final = re.compile(r"dlv_[0-9a-z]{26}")
DOCUMENT: Final = "The activity"
KINDS: Final = (
    "certificate, attendance or artefact for a file (PDF, PNG, JPEG, Markdown, CSV); url; "
    "referee: whom to ask, and how."
)

app = typer.Typer(cls=BilingualGroup)
dossier = typer.Typer(cls=BilingualGroup, no_args_is_help=True, help="A candidate's dossier.")
continuing = typer.Typer(
    cls=BilingualGroup,
    no_args_is_help=True,
    help="Continuing development: log activities, import them, look at them.",
)

Number = Annotated[
    str | None,
    typer.Option("--credential", metavar="NUMBER", help="Which credential; by default your only open one."),
]
Title = Annotated[str | None, typer.Option("--title", help="What it was.", rich_help_panel=DOCUMENT)]
Provider = Annotated[
    str | None, typer.Option("--provider", help="Who provided it.", rich_help_panel=DOCUMENT)
]
From = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="DAY", help="First day: 2027-03-15 or 15/03/2027.", rich_help_panel=DOCUMENT
    ),
]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="DAY", help="Last day; by default the first.", rich_help_panel=DOCUMENT),
]
Hours = Annotated[
    str | None,
    typer.Option("--hours", metavar="HOURS", help="How many: 7.5 or 7,5.", rich_help_panel=DOCUMENT),
]
Category = Annotated[
    str | None,
    typer.Option(
        "--category", help="One of the scheme's: `sigillo check` lists them.", rich_help_panel=DOCUMENT
    ),
]
Topics = Annotated[
    list[str] | None,
    typer.Option(
        "--topic",
        metavar="TOPIC:HOURS",
        help="Hours of a topic: responsible_ai:2. Repeat it.",
        rich_help_panel=DOCUMENT,
    ),
]
Competences = Annotated[
    list[str] | None,
    typer.Option(
        "--competence",
        metavar="ID",
        help="A competence of the scheme: T1. Repeat it.",
        rich_help_panel=DOCUMENT,
    ),
]
Note = Annotated[str | None, typer.Option("--note", help="Anything to add.", rich_help_panel=DOCUMENT)]
ProofIs = Annotated[
    str | None,
    typer.Option(
        "--proof",
        metavar="FILE|URL",
        help="A file to send, an address, or a reference.",
        rich_help_panel=DOCUMENT,
    ),
]
ProofKind = Annotated[
    str | None,
    typer.Option(
        "--proof-kind",
        metavar="KIND",
        help=KINDS,
        rich_help_panel=DOCUMENT,
    ),
]
Draft = Annotated[bool, typer.Option("--draft", help="Keep it as a draft, without claiming it.")]


@app.command(rich_help_panel=MEMBERS, cls=BilingualCommand)
@member
def login(visit: Visit) -> None:
    """Sign in on this machine: keep the address of the service and your personal key.

    Asks for what is not given. The key comes from the secretariat; it is not shown while you type it, and is
    kept in a file that only you can read. In scripts pass it in SIGILLO_KEY or on standard input.

    --json: `{url, id, name, organisation, person, kept_in}`
    """
    url = visit.url_asked
    if url is None and visit.asks:
        url = typer.prompt(visit.say("ask-url"), default=_kept_url(), err=True).strip()
    if not url:
        raise NotUsable("url-needed")
    url = address(url, with_key=True)
    key = (visit.key_asked or _key(visit)).strip()
    if not key:
        raise NotSignedIn("key-needed")
    visit.url_asked = url
    me = visit.calling(url, key).get("/v1/me")
    path = account.keep(Account(url, key, str(me["id"]), str(me["name"])))
    if visit.as_json:
        shown = {name: me.get(name) for name in ("id", "name", "organisation", "person")}
        visit.answer({"url": url, **shown, "kept_in": str(path)})
        return
    visit.print("signed-in", style="bold", url=url, name=me["name"])
    visit.print("signed-in-kept", path=path)
    if os.environ.get("SIGILLO_KEY"):
        visit.note("signed-in-from")


@app.command(rich_help_panel=MEMBERS, cls=BilingualCommand)
@member
def logout(
    visit: Visit,
    *,
    forget_waiting: Annotated[
        bool, typer.Option("--forget-waiting", help="Throw away what waits to be sent, too.")
    ] = False,
) -> None:
    """Remove the sign-in from this machine. The key itself stays valid until the secretariat revokes it.

    What waits to be sent is kept, unless --forget-waiting is given.

    --json: `{removed, waiting}`
    """
    removed = account.forget()
    waiting = pending.everything()
    visit.print("signed-out" if removed else "signed-out-already")
    if forget_waiting:
        forgotten = sum(map(private.remove, waiting))
        visit.print("waits-forgotten", number=forgotten)
        waiting = []
    elif waiting:
        visit.print("waits-signed-out", number=len(waiting))
    if visit.as_json:
        visit.answer({"removed": removed, "waiting": len(waiting)})


@app.command(rich_help_panel=MEMBERS, cls=BilingualCommand)
@member
def send(visit: Visit) -> None:
    """Send what got no answer and waits on this machine, as every command that writes does first.

    Safe to run again. Ends with 5 if something still waits.

    --json: `{waiting}`
    """
    before = len(list(visit.outbox.waiting()))
    left = visit.begin_writing()
    if not before:
        visit.print("sent-nothing")
    if visit.as_json:
        visit.answer({"waiting": left})
    if left:
        raise Stopped(Ends.NETWORK)


@app.command(rich_help_panel=MEMBERS, cls=BilingualCommand)
@member
def status(
    visit: Visit,
    *,
    qr: Annotated[bool, typer.Option("--qr", help="Draw the QR code of each credential.")] = False,
) -> None:
    """Say where you stand: memberships, dossiers, credentials with their dates, and how a renewal goes.

    --json: `{me, dossiers: […], credentials: [{…, renewal, questions}], clock_offset}`
    """
    found = standing.of(visit)
    if visit.as_json:
        visit.answer(found)
    else:
        standing.show(visit, found, with_qr=qr)


@dossier.command("submit", cls=BilingualCommand)
@member
def submit_dossier(
    visit: Visit,
    folder: Annotated[
        Path | None, typer.Argument(help="A folder with dossier.yaml and the files that it names.")
    ] = None,
    *,
    template: Annotated[
        bool, typer.Option("--template", help="Print a dossier.yaml to fill in, and stop.")
    ] = False,
    scheme: Annotated[
        str | None, typer.Option("--scheme", metavar="ID", help="The scheme of the template.")
    ] = None,
) -> None:
    """Hand a dossier in: send what the service does not have yet, then submit it and print the receipt.

    `--template` prints a dossier.yaml with all that the scheme asks for. It says `scheme`, `language`
    (it or en), `ai_disclosure` (true or false) and `evidence`: a list of `{kind, fields, file}`, where
    `file` names a file in the same folder.

    Safe to run again: files that arrived are not sent twice.

    --json: the receipt, `{dossier, scheme, submitted_at, snapshot_hash, files: […]}`
    """
    if template:
        typer.echo(dossier_template.of(visit, scheme), nl=False)
        return
    if folder is None:
        raise NotUsable("folder-needed")
    prepared = folders.read(folder)
    visit.begin_writing()
    api = visit.api
    uploads = terminal.Uploads(visit.errors)
    try:
        opened = submission.open_dossier(api, prepared)
    except Refused as refused:
        raise dossier_template.naming_schemes(api, refused) from None
    with uploads.shown():
        submission.send_missing(api, opened, prepared, uploads.watch)
    receipt = submission.submit(api, opened["id"])
    if visit.as_json:
        visit.answer(receipt)
        return
    terminal.receipt(visit.out, receipt, visit.voice)
    visit.print("receipt-next")


@continuing.command("add", cls=BilingualCommand)
@member
def add_activity(
    visit: Visit,
    *,
    title: Title = None,
    provider: Provider = None,
    started_on: From = None,
    ended_on: To = None,
    hours: Hours = None,
    category: Category = None,
    topics: Topics = None,
    competences: Competences = None,
    note: Note = None,
    proof: ProofIs = None,
    proof_kind: ProofKind = None,
    draft: Draft = False,
    number: Number = None,
) -> None:
    """Log an activity, with its proof. In a terminal it asks for what you do not give.

    Example: `sigillo cpd add --title "Model evaluation" --provider "A school" --from 15/03/2027 --hours 8
    --category learning --competence T2 --proof certificate.pdf --proof-kind certificate`

    Safe to run again: the same activity is logged once.

    --json: the activity, `{id, state, missing: […], …}`
    """
    given = activities.Given(
        title,
        provider,
        started_on,
        ended_on,
        hours,
        category,
        tuple(topics or ()),
        tuple(competences or ()),
        note,
    )
    fields = given.fields()
    shown = activities.Proof.of(proof, proof_kind)
    missing = [option for name, option in activities.NEEDED.items() if name not in fields]
    if missing and not visit.asks:
        raise NotUsable("options-missing", options=", ".join(missing))
    visit.begin_writing()
    credential = standing.the_credential(visit, number)
    if missing:
        activities.ask(visit, fields, credential)
        shown = shown or activities.ask_proof(visit)
    made = activities.log(visit, credential, fields, shown, claim=not draft)
    _show_activity(visit, made)
    if made["state"] == "rejected":
        raise Stopped(Ends.REFUSED)


@continuing.command("import", cls=BilingualCommand)
@member
def import_activities(
    visit: Visit,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE.csv", help="The activities, one a row.")
    ] = None,
    *,
    template: Annotated[bool, typer.Option("--template", help="Print a file to fill in, and stop.")] = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE.csv", help="Write the result of every row here.")
    ] = None,
    number: Number = None,
) -> None:
    """Log many activities from a CSV file, with a result for every row.

    Columns: `title`, `provider`, `started_on`, `hours`, `category`, `competences` (T1 C1); and if you
    like `ended_on` (by default the first day), `topics` (responsible_ai:2 sustainability:0.5), `note`,
    `proof_kind` (certificate, attendance, artefact, url, referee) with `proof` (an https address, a
    reference, or the name of a file beside the CSV, which is sent afterwards), `claim` (no keeps it as a
    draft), `credential`. Italian names work too: `--template --lang it` prints them.

    The delimiter may be a comma or a semicolon, dates 2027-03-15 or 15/03/2027, hours 7.5 or 7,5;
    the text is UTF-8.

    Safe to interrupt and to run again: rows that arrived are recognised, and a second import
    changes nothing. Rows that are turned down spoil no others: mend them and import the same file
    again.

    --json: `{counts: {created, unchanged, refused, not_sent}, files_sent, results: [{row, title,
    outcome, activity, state, code, reasons}]}`. Ends with 3 if any row was turned down.
    """
    if template:
        typer.echo(cpd.template(visit.voice), nl=False)
        return
    if file is None:
        raise NotUsable("csv-needed")
    importing.run(visit, file, report, number)


@continuing.command("list", cls=BilingualCommand)
@member
def list_activities(
    visit: Visit,
    *,
    state: Annotated[
        Literal["draft", "claimed", "accepted", "queried", "rejected", "corrected", "locked"] | None,
        typer.Option("--state", help="Only those in this state."),
    ] = None,
    ids: Annotated[
        bool,
        typer.Option("--ids", help="Show each activity's id, act_…, which `prove` and `change` ask for."),
    ] = False,
    number: Number = None,
) -> None:
    """List your activities, and what each one that waits for you needs.

    --json: `{credential, data: [{id, state, title, hours, proofs, missing, question, …}]}`
    """
    credential = standing.the_credential(visit, number)
    query = {"credential": str(credential["id"]), "limit": "200"} | ({"state": state} if state else {})
    found = list(visit.api.all("/v1/cpd-activities", **query))
    if visit.as_json:
        visit.answer({"credential": credential["number"], "data": found})
        return
    current = [one for one in found if state or one["state"] != "corrected"]
    ordered = sorted(current, key=lambda one: (one["ended_on"], one["title"]))
    activities.show_all(visit, ordered, with_ids=ids, state=state)


Activity = Annotated[
    str, typer.Argument(metavar="ACTIVITY", help="Its id, act_…, as `sigillo cpd list --ids` shows it.")
]


@continuing.command("prove", cls=BilingualCommand)
@member
def prove_activity(
    visit: Visit,
    activity: Activity,
    *,
    proof: Annotated[
        list[str],
        typer.Option(
            "--proof",
            metavar="FILE|URL",
            help="A file to send, an address, or a reference. Repeat it: all go before the claim.",
        ),
    ],
    proof_kind: Annotated[
        list[str] | None,
        typer.Option("--proof-kind", metavar="KIND", help=f"{KINDS} Once for all, or once for each."),
    ] = None,
) -> None:
    """Add proofs to an activity that lacks one, that you were asked about, or that was turned down; claim it.

    Give all the proofs in one command: once a question is answered, the activity may be closed to more.
    In the place of one that was turned down comes a new version, which is reviewed anew.

    Safe to run again: a file that is there already is not sent twice. Ends with 3 if nothing new
    was sent where something new is asked for.

    --json: the activity, `{id, state, missing: […], …}`
    """
    shown = activities.Proof.several(proof, proof_kind or ())
    if not shown:
        raise NotUsable("proof-needed")
    path = _activity_path(activity)
    visit.begin_writing()
    found = visit.api.get(path)
    answered = found["state"] == "queried"
    _show_activity(visit, activities.prove(visit, found, shown), answered=answered)


@continuing.command("claim", cls=BilingualCommand)
@member
def claim_activity(visit: Visit, activity: Activity) -> None:
    """Claim a draft that lacks nothing any more, or say that a question is answered. Again changes nothing.

    --json: the activity, `{id, state, missing: […], …}`
    """
    path = _activity_path(activity)
    visit.begin_writing()
    answered = visit.api.get(path)["state"] == "queried"
    _show_activity(visit, visit.api.post(f"{path}/claim"), answered=answered)


@continuing.command("change", cls=BilingualCommand)
@member
def change_activity(
    visit: Visit,
    activity: Activity,
    *,
    title: Title = None,
    provider: Provider = None,
    started_on: From = None,
    ended_on: To = None,
    hours: Hours = None,
    category: Category = None,
    topics: Topics = None,
    competences: Competences = None,
    note: Note = None,
    draft: Draft = False,
) -> None:
    """Change an activity. One that was claimed already gets a new version, and the old one stays on record.

    So does one that was turned down: with something new in it, it is reviewed anew. With --draft the new
    version does not count: so a mistaken claim is taken back.

    --json: the activity as it is now, `{id, corrects, state, missing: […], …}`
    """
    given = activities.Given(
        title,
        provider,
        started_on,
        ended_on,
        hours,
        category,
        tuple(topics or ()),
        tuple(competences or ()),
        note,
    )
    fields = given.fields()
    if not fields and not draft:
        raise NotUsable("nothing-to-change")
    path = _activity_path(activity)
    visit.begin_writing()
    found = visit.api.get(path)
    changed = activities.change(visit, found, fields, claim=not draft)
    if changed["id"] != found["id"]:
        back = draft and changed["state"] == "draft"
        visit.print("activity-taken-back" if back else "activity-corrected", id=changed["id"])
    _show_activity(visit, changed, answered=found["state"] == "queried")


@continuing.command("discard", cls=BilingualCommand)
@member
def discard_activity(visit: Visit, activity: Activity) -> None:
    """Throw a draft away.

    --json: `{discarded}`
    """
    path = _activity_path(activity)
    visit.begin_writing()
    visit.api.delete(path)
    visit.print("activity-discarded")
    if visit.as_json:
        visit.answer({"discarded": activity})


@app.command(rich_help_panel=MEMBERS, cls=BilingualCommand)
@member
def check(
    visit: Visit,
    *,
    cycle: Annotated[
        int | None, typer.Option("--cycle", min=1, help="An earlier cycle; by default the present one.")
    ] = None,
    number: Number = None,
) -> None:
    """Say what counts, what does not and why, and what is missing by when.

    Ends with 0 if nothing is missing for the renewal, with 3 if something is.

    --json: `{credential, cpd: {counted, claimed, required, satisfied, categories, topics, years,
    lines, gaps, …}, renewal: {phase, opens_on, expires_on, grace_until, reinstatement_until, …},
    questions}`
    """
    credential = standing.the_credential(visit, number)
    path = f"/v1/credentials/{credential['id']}"
    ledger = visit.api.get(f"{path}/cpd", **({"cycle": str(cycle)} if cycle else {}))
    found = visit.api.get(f"{path}/renewal")
    questions = standing.questions(visit, credential)
    lapsed = credential["state"] == "lapsed"
    if visit.as_json:
        visit.answer(
            {"credential": credential["number"], "cpd": ledger, "renewal": found, "questions": questions}
        )
    elif lapsed:
        checking.show(visit, credential["number"], ledger)
        visit.out.print()
        visit.print("credential-lapsed", style="bold yellow", number=credential["number"])
    else:
        checking.show(visit, credential["number"], ledger)
        if not ledger["satisfied"]:
            checking.show_competences(visit, credential)
        visit.out.print()
        renewing.show_standing(visit, found)
        renewing.show_questions(visit, questions)
        dates = renewing.days(visit, found)
        if not renewing.is_pending(found):  # which has days of its own
            visit.print("renewal-dates", **dates)
        if renewing.can_add(found, ledger):
            visit.print("check-next-gaps")
        elif ledger["satisfied"] and found["may_file"]:
            visit.print("check-next-open")
        elif ledger["satisfied"] and found["phase"] == "not_open":
            visit.print("check-next-wait", opens=dates["opens_on"])
    raise Stopped(Ends.OK if ledger["satisfied"] and not lapsed else Ends.REFUSED)


@app.command(rich_help_panel=MEMBERS, cls=BilingualCommand)
@member
def renew(
    visit: Visit,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would happen; send nothing.")] = False,
    answer: Annotated[
        bool, typer.Option("--answer", help="Say that what you were asked to mend is mended.")
    ] = False,
    number: Number = None,
) -> None:
    """File the renewal of your credential, and say what happens next.

    Look first with --dry-run. Filing twice makes one renewal. Ends with 3 if it cannot be filed,
    with the reasons.

    --json: the renewal, `{id, state, filed_at, late, draw, audit, cure, decision, period, …}`; with
    --dry-run `{credential, would_file, renewal: {phase, may_file, why_not, …}, cpd: {…}}`
    """
    if not dry_run:
        visit.begin_writing()
    credential = standing.the_credential(visit, number)
    renewing.refuse_lapsed(visit, credential)
    if answer and not dry_run:
        answered = renewing.answer(visit, credential)
        if visit.as_json:
            visit.answer(answered)
            return
        visit.print("renewal-answered", style="bold")
        renewing.show_state(visit, answered)
        return
    if dry_run:
        path = f"/v1/credentials/{credential['id']}"
        found, ledger = visit.api.get(f"{path}/renewal"), visit.api.get(f"{path}/cpd")
        if visit.as_json:
            would = bool(found["may_file"])
            visit.answer(
                {"credential": credential["number"], "would_file": would, "renewal": found, "cpd": ledger}
            )
            raise Stopped(Ends.OK if would or renewing.was_filed(found) else Ends.REFUSED)
        renewing.rehearse(visit, credential, found, ledger)
        return
    filed, before = renewing.file(visit, credential)
    if visit.as_json:
        visit.answer(filed)
    else:
        today = visit.api.get(f"/v1/credentials/{credential['id']}/renewal")["today"] if before else ""
        renewing.show_filed(visit, filed, before=before, today=today)


@app.command(rich_help_panel=MEMBERS, cls=BilingualCommand)
@member
def download(
    visit: Visit,
    *,
    form: Annotated[
        Literal["vc+jwt", "ob+jwt", "edc"],
        typer.Option(
            "--format", help="vc+jwt for everybody; ob+jwt for Open Badges backpacks; edc for Europass."
        ),
    ] = "vc+jwt",
    qr: Annotated[bool, typer.Option("--qr", help="Save the QR code as a picture too.")] = False,
    pdf: Annotated[bool, typer.Option("--pdf", help="Save the attestation for printing too.")] = False,
    every: Annotated[
        bool, typer.Option("--all-periods", help="Every period's document, not just the one in force.")
    ] = False,
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where to save.")] = Path(),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that differs.")] = False,
    number: Number = None,
) -> None:
    """Save your credential's signed document: the one in force, or one for every period.

    --json: `{credential, files: [{path, new, valid_from, valid_until}]}`
    """
    credential = standing.the_credential(visit, number)
    files: list[Json] = []

    def keep(name: str, content: bytes, days: Json) -> None:
        path = to / name
        new = documents.keep(path, content, overwrite=overwrite)
        files.append(
            {"path": str(path), "new": new, **{key: days[key] for key in ("valid_from", "valid_until")}}
        )
        visit.print("saved" if new else "there-already", path=path)

    for name, content, period in documents.fetch(visit, credential, form, every=every):
        keep(name, content, period)
    if qr:
        picture = visit.api.content(f"/v1/credentials/{credential['id']}/qr.png", level="print")
        keep(f"{credential['number']}.qr.png", picture, credential)
    if pdf:
        page = visit.api.content(f"/v1/credentials/{credential['id']}/attestation.pdf")
        keep(f"{credential['number']}_{credential['valid_until']}.pdf", page, credential)
    if visit.as_json:
        visit.answer({"credential": credential["number"], "files": files})
        return
    if not every and (ahead := documents.ahead(credential)):
        visit.print("document-ahead", valid_from=visit.voice.day(ahead["valid_from"]))
    visit.print("document-next")


@app.command(rich_help_panel=MEMBERS, cls=BilingualCommand)
@member
def europass(
    visit: Visit,
    *,
    email: Annotated[
        bool, typer.Option("--email", help="To the wallet of the e-mail address that your association knows.")
    ] = False,
    wallet: Annotated[
        str | None, typer.Option("--wallet", metavar="ADDRESS", help="To the wallet with this address.")
    ] = None,
    withdraw: Annotated[
        str | None,
        typer.Option(
            "--withdraw", metavar="ID", help="Take a delivery back, or forget where it can be seen."
        ),
    ] = None,
    number: Number = None,
) -> None:
    """Have your European Digital Credential put into a Europass wallet, or see what became of it.

    Without an option it lists what you had delivered. With one, the document, which names you, and your
    address go to the service that keeps the wallet; nothing is ever sent without your asking.

    Safe to run again: what is under way is not sent twice.

    --json: `{credential, deliveries: [{id, to, state, reason, viewer_url, asked_at, …}]}`
    """
    if sum((email, wallet is not None, withdraw is not None)) > 1:
        raise NotUsable("europass-one")
    if withdraw is not None and not DELIVERY.fullmatch(withdraw):
        raise NotUsable("europass-unnamed", asked=withdraw)
    asks = email or wallet is not None
    if asks or withdraw is not None:
        visit.begin_writing()
    credential = standing.the_credential(visit, number)
    path = f"/v1/credentials/{credential['id']}/deliveries"
    if asks:
        to = {"to": "email"} if wallet is None else {"to": "wallet", "wallet_address": wallet}
        visit.api.post(path, {**to, "language": visit.voice.language.value})
        visit.print("europass-asked", style="bold")
    if withdraw is not None:
        visit.api.delete(f"{path}/{withdraw}")
        visit.print("europass-withdrawn")
    found = visit.api.get(path)["data"]
    if visit.as_json:
        visit.answer({"credential": credential["number"], "deliveries": found})
    else:
        documents.show_deliveries(visit, found)


@app.command(rich_help_panel=MEMBERS, cls=BilingualCommand)
@member
def verify(
    visit: Visit,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|URL|-",
            help="A document, a PDF or picture of its QR code, or the address in it; - is standard input.",
        ),
    ],
    *,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask nobody: verify with the keys and lists that you saved.")
    ] = False,
    keys: Annotated[
        list[Path] | None,
        typer.Option(help="Saved from the issuer: /.well-known/jwks.json, and qr-keys for QR codes."),
    ] = None,
    lists: Annotated[Path | None, typer.Option(help="A folder with the lists saved from /status/.")] = None,
) -> None:
    """Verify a credential as any stranger would: every check, with its reason. Needs no sign-in.

    Ends with 0 if it is valid (with warnings too), with 3 if it is not, or if that cannot be told.

    --offline asks nobody, so nobody learns whom you ask about. Save the keys once, and the lists as often as
    you want to know of suspensions and revocations: `curl -O https://HOST/status/1`. It takes the service's
    package on this computer: `pip install 'sigillo[server]'`.

    --json: the report, `{result, headline, checks: [{id, state, code, reason}], credential, issuer, …}`
    """
    content = documents.given(file)
    if offline or keys or lists:
        if not (offline and keys):
            raise NotUsable("offline-needs-keys")
        report = _offline()(content, [documents.read(path) for path in keys], documents.saved(lists))
    else:
        name = "address" if file.startswith(documents.ADDRESSES) else Path(file).name
        report = visit.anyone.upload(
            "/v1/verifications", {}, {"file": (name, content, "application/octet-stream")}
        )
    if visit.as_json:
        visit.answer(report)
    else:
        documents.show_report(visit, report)
    raise Stopped(Ends.OK if report["result"] in documents.GOOD else Ends.REFUSED)


@app.command(rich_help_panel=ORGANISATIONS, cls=BilingualCommand)
@member
def batch(
    visit: Visit,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The rows, as JSON lines or CSV.")
    ] = None,
    *,
    kind: Annotated[
        Literal["members", "credentials", "decisions"] | None,
        typer.Option("--kind", help="What the rows are; by default what the first of them looks like."),
    ] = None,
    minutes: Annotated[
        str | None,
        typer.Option("--minutes", metavar="ID", help="The minutes, min_…, that state these decisions."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, no more.")] = False,
    results: Annotated[
        Path | None,
        typer.Option("--results", metavar="FILE", help="Save what became of every row: .csv or .ndjson."),
    ] = None,
    follow: Annotated[
        str | None, typer.Option("--follow", metavar="ID", help="Look again at a batch, bat_….")
    ] = None,
    cancel: Annotated[
        str | None, typer.Option("--cancel", metavar="ID", help="Stop a batch: what is done stays.")
    ] = None,
) -> None:
    """Send many rows at once: enter members, issue credentials, or import decisions taken elsewhere.

    Each row has an `external_id` of your own, and makes something once, however often it is sent. Columns of
    `members`: `external_id, given_name, family_name,
    name_on_credential, email, membership_number, membership_from, membership_to`. Of `credentials`:
    `external_id, decision`. Of `decisions`: those of members, and `votes_for, votes_against,
    votes_abstained, outcome, decided_on, reasons`.

    Examples: `sigillo batch members.csv --dry-run`, then `sigillo batch members.csv --results done.csv`;
    `sigillo batch decisions.csv --minutes min_…`

    Safe to run again: the same file goes on with the same batch. Ctrl-C stops looking, not the batch. Ends
    with 2 if rows are to be mended (nothing was kept), with 3 if some failed.

    --json: the batch, `{id, state, done, counts: {…}, first_failed: […], …}`
    """
    if sum(given is not None for given in (file, follow, cancel)) != 1:
        raise NotUsable("batch-one")
    if cancel is not None:
        batches.cancel(visit, cancel)
    if file is None:
        batches.show(visit, batches.follow(visit, str(follow or cancel)), results)
        return
    if results is not None and results.resolve() == file.resolve():
        raise NotUsable("report-is-source")
    asked = batches.Asked.of(file, kind, minutes, dry_run=dry_run)
    found = batches.follow(visit, batches.send(visit, asked))
    batches.settle(visit, asked)
    batches.show(visit, found, results)


# What the command of the whole house sets; the client alone only talks HTTP.
offline_verification: list[documents.Offline] = []


def _offline() -> documents.Offline:
    if not offline_verification:
        raise NotUsable("offline-needs-service")
    return offline_verification[0]


app.add_typer(dossier, name="dossier", rich_help_panel=MEMBERS)
app.add_typer(continuing, name="cpd", rich_help_panel=MEMBERS)


def _kept_url() -> str | None:
    kept = account.kept()
    return kept.url if kept else None


def _key(visit: Visit) -> str:
    if visit.asks:
        return getpass(f"{visit.say('ask-key')}: ")  # which hides before it asks
    return "" if sys.stdin.isatty() else sys.stdin.readline()


def _activity_path(activity: str) -> str:
    if not ACTIVITY.fullmatch(activity):
        raise NotUsable("activity-unnamed", asked=activity)
    return f"/v1/cpd-activities/{activity}"


def _show_activity(visit: Visit, activity: Json, *, answered: bool = False) -> None:
    if visit.as_json:
        visit.answer(activity)
    else:
        activities.show(visit, activity, answered=answered)
