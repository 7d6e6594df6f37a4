"""`sigillo keys …`: an operator's way from keys for trying things to keys that count, and to the next."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from app.client.visit import Ends
from app.operators import console, settings_or_stop, stopped

if TYPE_CHECKING:
    from app.adapters.authority import Body
    from app.adapters.ceremony import Ceremony, OnThisToken
    from app.adapters.keys import FileKeys
    from app.adapters.ring import Entry, Waiting
    from app.adapters.tokens import Tokens
    from app.ports import Slot

IMPORT_PASSPHRASE: Final = "SIGILLO_IMPORT_PASSPHRASE"  # noqa: S105 - the name of a variable
_MOST: Final = 2**20  # bytes of a file with keys or certificates
EPILOG: Final = """\
**The way to keys that count**

1. Set SIGILLO_KEY_PASSPHRASE; for keys on a token also SIGILLO_TOKEN_LIBRARY and SIGILLO_TOKEN_PIN.
2. `sigillo keys init` makes the keys, and writes a certificate request for each seal.
3. Send the requests to your CA or trust service provider. Until it answers, nothing changes.
4. `sigillo keys import seal CHAIN --anchor ROOT` checks what it sent, and takes it into use.
5. `sigillo keys check` does with every key what issuing will do. Go live when it has nothing against it.

A running service sees every change by itself. Later: `sigillo keys rotate`, before a certificate ends.

**Exit codes**: 0 done · 2 something is to be mended first · 3 the check found something · 5 a token that is
away, safe to try again.
"""

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="The keys that this installation signs with.",
    epilog=EPILOG,
)


class For(StrEnum):
    """What a key is for, as the slots of the ring are called."""

    SEAL = "seal"
    EDC_SEAL = "edc-seal"
    STATUS = "status"
    QR = "qr"


class KindOfKey(StrEnum):
    """The kinds of keys that a seal may have."""

    P256 = "p256"
    RSA = "rsa"


SlotArgument = Annotated[For, typer.Argument(help="What the key is for.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON, for programs.")]
Organisation = Annotated[str | None, typer.Option(help="The legal name, as the seal is to say it.")]
Identifier = Annotated[
    str | None,
    typer.Option(
        help="organizationIdentifier (ETSI EN 319 412-1, 5.1.4): NTRIT-…, VATIT-… with the number, and so on."
    ),
]
Country = Annotated[str, typer.Option(help="Two letters.")]
Kind = Annotated[
    KindOfKey | None,
    typer.Option(help="p256 signs ES256; rsa (3072 bits) signs RS256. Ask your CA which it takes."),
]
OnToken = Annotated[
    str | None, typer.Option("--token", help="Label of the token to make the key on; without it, in a file.")
]


@dataclass(frozen=True, slots=True)
class _Desk:
    """What every command works with."""

    at: datetime
    signer: "FileKeys"
    ceremony: "Ceremony"
    tokens: "Tokens | None"
    folder: Path


@contextmanager
def _desk() -> Iterator[_Desk]:
    """Open the keys, and turn what goes wrong into a sentence and a code."""
    from app.adapters.ceremony import Ceremony, NotDone
    from app.adapters.ring import KeysUnreadable
    from app.core.clock import SystemClock
    from app.main import keys_of, tokens_in
    from app.ports import KeyNotUsable, KeysUnavailable

    settings = settings_or_stop()
    at = SystemClock(settings.clock_offset).now()
    passphrase = settings.key_passphrase.get_secret_value().encode() if settings.key_passphrase else None
    try:
        signer, tokens = keys_of(settings, at=at), tokens_in(settings)
        ceremony = Ceremony(settings.keys_folder, passphrase=passphrase, tokens=tokens)
        yield _Desk(at, signer, ceremony, tokens, settings.keys_folder)
    except (NotDone, KeysUnreadable) as refused:
        raise stopped(str(refused)) from None
    except KeyNotUsable as refused:
        raise stopped(refused.detail) from None
    except KeysUnavailable as away:
        raise stopped(f"{away} Nothing was changed.", Ends.NETWORK) from None


@app.command("init")
def begin(
    organisation: Organisation = None,
    identifier: Identifier = None,
    country: Country = "IT",
    kind: Kind = None,
    token: OnToken = None,
    seal: Annotated[list[For] | None, typer.Option(help="Which seals; by default both of them.")] = None,
) -> None:
    """Set up keys that count: asks for what it needs, or takes it as options.

    Keys for lists and QR codes are certified in the body's own name, at once. For each seal a key is made
    that waits for its certificate, and a request for it is written. What is there already stays as it is, so
    the command can be run again.
    """
    from app.adapters.ceremony import OWN
    from app.ports import Slot

    with _desk() as desk:
        body = _asked_body(organisation, identifier, country)
        for slot in OWN:
            entry = desk.ceremony.ring().current(slot)
            if entry is None or entry.development:
                desk.ceremony.certify_here(slot, body, desk.at)
                console.print(
                    f"{slot}: made, and certified in the name of {body.organisation}.", highlight=False
                )
        for wanted in seal or [For.SEAL, For.EDC_SEAL]:
            slot = Slot(wanted.value)
            entry = desk.ceremony.ring().current(slot)
            if slot in OWN or (entry is not None and not entry.development):
                console.print(
                    f"{slot}: there already. A new one: sigillo keys rotate {slot}", highlight=False
                )
                continue
            place = _place(slot, token, None, desk.at)
            waiting = desk.ceremony.prepare(slot, kind=_kind(kind), on=place)
            _write_request(desk, waiting, body, None)
        console.print("Then: sigillo keys import SLOT CHAIN --anchor ROOT, and sigillo keys check.")


@app.command("csr")
def request(
    slot: SlotArgument,
    organisation: Organisation = None,
    identifier: Identifier = None,
    country: Country = "IT",
    common_name: Annotated[str | None, typer.Option(help="By default the organisation's name.")] = None,
    kind: Kind = None,
    token: OnToken = None,
    label: Annotated[
        str | None, typer.Option(help="Of a key that is on the token already, made by whoever set it up.")
    ] = None,
) -> None:
    """Write the certificate request of the key that waits for this slot; make the key if none waits.

    The request names the organisation and its organizationIdentifier, as certificates of seals do.
    """
    with _desk() as desk:
        body = _body_of(desk, slot, organisation, identifier, country)
        wanted = _slot(slot)
        waiting = desk.ceremony.prepare(wanted, kind=_kind(kind), on=_place(wanted, token, label, desk.at))
        _write_request(desk, waiting, body, common_name)


@app.command("import")
def take_in(
    slot: SlotArgument,
    chain: Annotated[
        Path, typer.Argument(help="PEM with the certificates, or PKCS#12 with the key as well.")
    ],
    key: Annotated[Path | None, typer.Option(help="The private key (PEM), if it was not made here.")] = None,
    anchor: Annotated[
        list[Path] | None,
        typer.Option(help="Root certificate (PEM) of the CA: whatever it vouches for is trusted."),
    ] = None,
) -> None:
    """Take in the certificates that the CA sent; from then on this key signs, without a pause.

    Checked first: the key is ours, the chain leads to an anchor, the certificate is for signatures and in
    force, and what the key signs verifies with it. If one of them fails, nothing changes. The passphrase of a
    key file is asked for, or read from SIGILLO_IMPORT_PASSPHRASE; here the key is kept under
    SIGILLO_KEY_PASSPHRASE.
    """
    from dataclasses import replace

    from app.adapters.ceremony import NotDone
    from app.adapters.private import from_bundle

    with _desk() as desk:
        content = _read(chain)
        given = from_bundle(content, _passphrase_for(content, chain), chain.name)
        if key is not None:
            secret = _read(key)
            given = replace(given, key=from_bundle(secret, _passphrase_for(secret, key), key.name).key)
        anchors = [each for path in anchor or [] for each in from_bundle(_read(path), None, path.name).chain]
        if anchor and not anchors:
            raise NotDone("There is no certificate in the file given as --anchor.")
        taken = desk.ceremony.adopt(_slot(slot), given, anchors, at=desk.at)
        console.print(f"{slot}: {taken.thumbprint} signs from now on ({taken.algorithm}).", highlight=False)
        console.print("Now: sigillo keys check. Keep a backup of the folder and of its passphrase, apart.")


@app.command("rotate")
def rotate(slot: SlotArgument, kind: Kind = None, token: OnToken = None) -> None:
    """Begin with the next key; old documents keep verifying, since the old key stays published.

    It is of the kind and lies where the present one does, unless told otherwise.

    Keys for trying things and those for lists and QR codes are replaced at once. For a seal, the next key is
    made and its request written: the present one signs until `sigillo keys import`.
    """
    from app.adapters.ceremony import OWN

    with _desk() as desk:
        wanted = _slot(slot)
        entry = desk.ceremony.ring().current(wanted)
        if entry is not None and entry.development:
            desk.signer.rotate(wanted, desk.at)
            console.print(f"{slot}: a new key for trying things signs from now on.")
            return
        body = _body_of(desk, slot, None, None, "IT")
        if wanted in OWN:
            desk.ceremony.certify_here(wanted, body, desk.at)
            console.print(f"{slot}: a new key signs from now on; the old one stays published.")
            return
        if kind is None and entry is not None and desk.ceremony.published(entry).algorithm == "RS256":
            kind = KindOfKey.RSA
        kept = entry.key if entry is not None and not isinstance(entry.key, str) else None
        on = _place(wanted, token or (kept.token if kept else None), None, desk.at)
        waiting = desk.ceremony.prepare(wanted, kind=_kind(kind), on=on)
        _write_request(desk, waiting, body, None)


@app.command("compromise")
def compromise(
    name: Annotated[str, typer.Argument(help="The key's thumbprint, or how it begins: `sigillo keys list`.")],
    since: Annotated[
        datetime | None,
        typer.Option(help="From when its signatures are not to be trusted (UTC); by default now."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Declare that a key is, or may be, in other hands. This cannot be taken back.

    It never signs again. Documents that our register proves to be older stay valid here; all others, and all
    that are checked without asking us, are not valid any more. Name the earliest instant at which the key may
    have been out of your hands: of two declarations the earlier one counts.
    """
    with _desk() as desk:
        instant = since.replace(tzinfo=UTC) if since else desk.at
        if not yes:
            typer.confirm(
                f"Declare {name} compromised since {instant:%Y-%m-%d %H:%M} UTC, for good?", abort=True
            )
        entry = desk.ceremony.compromise(name, since=instant, at=desk.at)
        console.print(f"{entry.thumbprint} ({entry.slot}) proves nothing from then on.", highlight=False)
        console.print("Documents that it signed: sigillo documents remake, once the next key signs.")
        if not entry.development and entry.state == "current":
            console.print(
                f"Nothing signs for {entry.slot} now; what waits is kept. Next: sigillo keys rotate "
                f"{entry.slot}; tell the CA, so that it revokes the certificate.",
                highlight=False,
            )


@app.command("list")
def show(as_json: AsJson = False) -> None:  # noqa: FBT002 - a flag of the command line
    """List every key: what it is for, whether it signs, where it lies, and until when it is certified."""
    with _desk() as desk:
        ring = desk.ceremony.ring()
        rows = [_row(desk, entry) for entry in ring.keys] + [_waiting_row(each) for each in ring.waiting]
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for row in rows:
        until = f"until {row['certified_until']}" if row["certified_until"] else ""
        console.print(
            f"{row['slot']:9} {row['state']:11} {row['algorithm'] or '':6} {row['thumbprint']}  {until}",
            highlight=False,
            soft_wrap=True,
        )
        for told in (row["place"], row["note"]):
            if told:
                console.print(f"          {told}", highlight=False, soft_wrap=True, markup=False)


@app.command("check")
def examine(as_json: AsJson = False) -> None:  # noqa: FBT002 - a flag of the command line
    """Do with every key what issuing does, and say what is in the way of going live.

    Each one signs; the published key verifies it; the chain is judged; what ends within 90 days is said. Ends
    with 3 where a key cannot issue.
    """
    from app.adapters.keycheck import Level, check

    marks = {Level.GOOD: "✓", Level.WARNING: "!", Level.FAILURE: "✗"}
    with _desk() as desk:
        found = check(desk.signer, desk.ceremony.ring(), desk.tokens, at=desk.at)
    failed = any(each.level is Level.FAILURE for each in found)
    if as_json:
        told = [{"slot": each.slot, "level": each.level, "words": each.words} for each in found]
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        for each in found:
            console.print(
                f"{marks[each.level]} {each.slot:9} {each.words}",
                highlight=False,
                soft_wrap=True,
                markup=False,
            )
        console.print("Not every key can issue: see ✗ above." if failed else "Every key can issue.")
    raise typer.Exit(Ends.REFUSED if failed else Ends.OK)


def _slot(name: For) -> "Slot":
    from app.ports import Slot

    return Slot(name.value)


def _kind(given: KindOfKey | None) -> Literal["p256", "rsa"] | None:
    if given is None:
        return None
    return "rsa" if given is KindOfKey.RSA else "p256"


def _asked_body(organisation: str | None, identifier: str | None, country: str) -> "Body":
    """Ask for what was not given, and refuse what no certificate could say."""
    import re

    from app.adapters.authority import Body
    from app.adapters.ceremony import NotDone

    organisation = organisation or typer.prompt("Legal name of the organisation", err=True)
    identifier = identifier or typer.prompt("organizationIdentifier (such as NTRIT-12345678901)", err=True)
    body = Body(organisation.strip(), identifier.strip(), country.strip().upper())
    if not body.organisation or body.trial:
        raise NotDone("The organisation is named as its register has it, and not as TEST.")
    if not re.fullmatch(r"([A-Z]{3}[A-Z]{2}|[A-Z]{2}:[A-Z]{2})-\S.{0,60}", body.identifier):
        raise NotDone(
            "The identifier has three letters for its register, two for the country, a hyphen and the "
            "number: NTRIT-… (trade register), VATIT-… (VAT), LEIXG-… (LEI). ETSI EN 319 412-1, 5.1.4."
        )
    if not re.fullmatch(r"[A-Z]{2}", body.country):
        raise NotDone("The country has two letters, such as IT.")
    return body


def _body_of(
    desk: _Desk, slot: For, organisation: str | None, identifier: str | None, country: str
) -> "Body":
    """Take the body as it is given, or as the key before it or our own certificates name it."""
    from app.adapters.authority import Body

    if organisation is None and identifier is None:
        from cryptography.x509 import load_der_x509_certificate

        entry = desk.ceremony.ring().current(_slot(slot))
        if entry is not None and not entry.development:
            named = Body.of(load_der_x509_certificate(desk.ceremony.published(entry).chain[0]))
            if named.organisation and named.identifier and named.country:
                return named
        if known := desk.ceremony.own_body(desk.at):
            return known
    return _asked_body(organisation, identifier, country)


def _place(slot: "Slot", token: str | None, label: str | None, at: datetime) -> "OnThisToken | None":
    from app.adapters.ceremony import NotDone, OnThisToken

    if token is None:
        if label is not None:
            raise NotDone("--label names a key on a token: say which with --token.")
        return None
    return OnThisToken(token, label or f"sigillo-{slot}-{at:%Y%m%d}", there=label is not None)


def _write_request(desk: _Desk, waiting: "Waiting", body: "Body", common_name: str | None) -> None:
    written = desk.folder / f"{waiting.slot}.csr.pem"
    written.write_bytes(desk.ceremony.request(waiting, body, common_name or body.organisation[:64]))
    console.print(
        f"{waiting.slot}: the key waits for its certificate. Send {written} to the CA.",
        highlight=False,
        soft_wrap=True,
    )


def _read(path: Path) -> bytes:
    from app.adapters.ceremony import NotDone

    try:
        with path.open("rb") as file:
            content = file.read(_MOST + 1)
    except OSError as error:
        raise NotDone(f"{path} cannot be read: {error.strerror}.") from None
    if len(content) > _MOST:
        raise NotDone(f"{path} is too large to hold keys or certificates.")
    return content


def _passphrase_for(content: bytes, path: Path) -> bytes | None:
    """Ask for the passphrase of a file that may have one; it is read without being shown."""
    if b"-----BEGIN" in content and b"ENCRYPTED" not in content:
        return None
    given = os.environ.get(IMPORT_PASSPHRASE)
    if given is None:
        given = typer.prompt(
            f"Passphrase of {path.name}", hide_input=True, default="", show_default=False, err=True
        )
    return given.encode() or None


def _row(desk: _Desk, entry: "Entry") -> dict[str, str | None]:
    from app.adapters.keycheck import WARNED_AT, days_left
    from app.formats.x509 import life_of

    key = desk.ceremony.published(entry)
    left = days_left(key, desk.at)
    notes = []
    if entry.compromised_at:
        notes.append(f"compromised since {entry.compromised_at:%Y-%m-%d %H:%M} UTC")
    if entry.development:
        notes.append("for trying only")
    if key.current and left < 0:
        notes.append(f"its certificate has ended: sigillo keys rotate {entry.slot}")
    elif key.current and left <= max(WARNED_AT):
        notes.append(f"ends in {left} days: sigillo keys rotate {entry.slot}")
    return {
        "slot": entry.slot.value,
        "state": "compromised" if entry.compromised_at else entry.state,
        "algorithm": key.algorithm,
        "thumbprint": entry.thumbprint,
        "certified_until": f"{life_of(key.chain)[1]:%Y-%m-%d}",
        "place": str(entry.key) if key.current else None,
        "note": "; ".join(notes) or None,
    }


def _waiting_row(waiting: "Waiting") -> dict[str, str | None]:
    return {
        "slot": waiting.slot.value,
        "state": "waiting",
        "algorithm": None,
        "thumbprint": waiting.thumbprint,
        "certified_until": None,
        "place": str(waiting.key),
        "note": f"for its certificate: sigillo keys import {waiting.slot} FILE",
    }
