"""`sigillo keys …`: an operator's way from keys for trying things to keys that count, and to the next."""

import os
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from app.keys_desk import For, KeysDesk, Own, keys_desk, slot_of
from app.keys_shown import examine, lists, show
from app.operators import console

if TYPE_CHECKING:
    from app.adapters.authority import Body
    from app.adapters.ceremony import OnThisToken
    from app.adapters.ring import Waiting
    from app.ports import Slot

IMPORT_PASSPHRASE: Final = "SIGILLO_IMPORT_PASSPHRASE"  # noqa: S105 - the name of a variable
_MOST: Final = 2**20  # bytes of a file with keys or certificates
EPILOG: Final = """\
**Words.** A *slot* is what a key is for: `seal` (credentials, and the list of QR keys), `edc-seal` (European
Digital Credentials), `status` (lists of what was revoked), `qr` (QR codes). The *ring* is the list of all
keys, ring.json in the folder of the keys. An *anchor* is the root certificate of a CA that is trusted. A
first start makes keys *for trying only*: whatever they sign says TEST.

**The way to keys that count**

1. Set SIGILLO_KEY_PASSPHRASE, here and for the service; for keys on a token also SIGILLO_TOKEN_LIBRARY and
   SIGILLO_TOKEN_PIN.
2. `sigillo keys init` makes the keys, and writes a certificate request for each seal.
3. Send the requests to your CA or trust service provider. Until it answers, nothing changes.
4. `sigillo keys import seal CHAIN --anchor ROOT` checks what it sent, and takes it into use.
5. `sigillo keys check` makes a specimen of every document with every key, and says what is in the way.
6. `sigillo organisation live` runs the same check, and lets an organisation issue documents that are meant.
7. Keep a backup of the folder, and of its passphrase somewhere else.

**Several organisations.** All sign with these keys until one has its own: a seal certificate belongs to one
legal person, so every further one needs another. `--for ORGANISATION` (its id) says in each step whose own
keys are meant; `sigillo keys init --for org_… --identifier …` begins. From its first key for a slot on, an
organisation never signs there with another's.

**Later**: `sigillo keys rotate SLOT`, three months before a certificate ends (the log says so). If a key may
be in other hands: `sigillo keys compromise`. A running service sees every change by itself.

**Exit codes**: 0 done · 2 something is to be mended first, nothing was changed · 3 the check says no ·
5 a token that is away, safe to try again.
"""

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="The keys that this installation signs with: made, certified, checked, replaced.",
    epilog=EPILOG,
)


class ForSeal(StrEnum):
    """The slots that a CA certifies."""

    SEAL = "seal"
    EDC_SEAL = "edc-seal"


class KindOfKey(StrEnum):
    """The kinds of keys that a seal may have."""

    P256 = "p256"
    RSA = "rsa"


SlotArgument = Annotated[
    For,
    typer.Argument(help="What the key is for: credentials, European Digital Credentials, lists or QR codes."),
]
Organisation = Annotated[
    str | None, typer.Option(help="The body's legal name, as its register has it and the seal is to say it.")
]
Identifier = Annotated[
    str | None,
    typer.Option(
        help="organizationIdentifier (ETSI EN 319 412-1, 5.1.4): NTRIT-…, VATIT-… with the number, and so on."
    ),
]
Country = Annotated[
    str,
    typer.Option(
        help="Two letters. European Digital Credentials are for bodies of the Union and the EEA alone."
    ),
]
Kind = Annotated[
    KindOfKey | None,
    typer.Option(help="p256 signs ES256; rsa (3072 bits) signs RS256. Ask your CA which it takes."),
]
OnToken = Annotated[
    str | None,
    typer.Option(
        "--token",
        help="Label of the PKCS#11 token to make the key on, which it never leaves; without it, in a file.",
    ),
]


@app.command("init")
def begin(
    organisation: Organisation = None,
    identifier: Identifier = None,
    country: Country = "IT",
    kind: Kind = None,
    token: OnToken = None,
    seal: Annotated[
        list[ForSeal] | None,
        typer.Option(help="Which seal, if not both; may be given again. Without edc-seal: no EDCs."),
    ] = None,
    own: Own = None,
) -> None:
    """Set up keys that count: asks for what it needs, or takes it as options. Begin here.

    Keys for lists and QR codes are certified in the body's own name, at once. For each seal a key is made
    that waits for its certificate, and a request for it is written into the folder of the keys: send it to
    the CA, and `import` what comes back. Keys that are there already stay as they are, so the command can be
    run again; it never puts a key aside that waits for its certificate.

    Example: `sigillo keys init --organisation "Associazione Esempio" --identifier NTRIT-12345678901`
    """
    from app.adapters.ceremony import OWN, asking
    from app.ports import Slot

    with keys_desk(own) as desk:
        slots = [Slot(each.value) for each in seal or ForSeal]
        body = _body_of_house(desk, organisation, identifier, country)
        for slot in slots:
            _can_say(slot, body)
        for slot in OWN:
            if desk.ceremony.certify_here(slot, body, desk.at, anew=False, of=desk.of):
                console.print(
                    f"{slot}: made, and certified in the name of {body.organisation}.", highlight=False
                )
        for slot in slots:
            entry = desk.ceremony.ring().current(slot, desk.of)
            if entry is not None and not entry.development:
                words = f"{slot}: there already. A new one: {asking('rotate', slot, desk.of)}"
                console.print(words, highlight=False, soft_wrap=True)
                continue
            place = _place(desk, slot, token, None)
            waiting = desk.ceremony.prepare(slot, kind=_kind(kind), on=place, of=desk.of)
            _write_request(desk, waiting, body, None)
        console.print(
            f"Then: {asking('import', 'SLOT', desk.of, 'CHAIN --anchor ROOT')}, and sigillo keys check.",
            highlight=False,
            soft_wrap=True,
        )


@app.command("csr")
def request(
    slot: SlotArgument,
    organisation: Organisation = None,
    identifier: Identifier = None,
    country: Country = "IT",
    common_name: Annotated[
        str | None, typer.Option(help="At most 64 letters; by default how the organisation's name begins.")
    ] = None,
    kind: Kind = None,
    token: OnToken = None,
    label: Annotated[
        str | None,
        typer.Option(
            help="Label of a key that is on the token already, made by whoever set it up: no other is made."
        ),
    ] = None,
    own: Own = None,
) -> None:
    """Write the certificate request of the key that waits for this slot; make the key if none waits.

    The request (SLOT.csr.pem, or SLOT-ORGANISATION.csr.pem, in the folder of the keys) names the body and its
    organizationIdentifier, as certificates of seals do (ETSI EN 319 412-3). Asked for again, it is written
    for the same key. A key of another kind is only made once the waiting one was given up: `cancel`.
    """
    with keys_desk(own) as desk:
        body = _body_of(desk, slot, organisation, identifier, country)
        wanted = slot_of(slot)
        _can_say(wanted, body)
        place = _place(desk, wanted, token, label)
        waiting = desk.ceremony.prepare(wanted, kind=_kind(kind), on=place, of=desk.of)
        _write_request(desk, waiting, body, common_name)


@app.command("import")
def take_in(
    slot: SlotArgument,
    chain: Annotated[
        Path,
        typer.Argument(
            help="What the CA sent: PEM, DER (.cer), PKCS#7 (.p7b), or PKCS#12 (.p12) with the key as well."
        ),
    ],
    key: Annotated[Path | None, typer.Option(help="The private key (PEM), if it was not made here.")] = None,
    anchor: Annotated[
        list[Path] | None,
        typer.Option(
            help="The CA's root certificate, PEM or DER. Compare its fingerprint with what the CA publishes: "
            "whatever it vouches for is trusted from then on."
        ),
    ] = None,
    own: Own = None,
) -> None:
    """Take in the certificates that the CA sent; from then on this key signs, without a pause.

    Checked first: the key is ours, the chain leads to an anchor, the certificate is for signatures and in
    force, names the body that seals, and what the key signs verifies with it. If one of them fails, nothing
    changes. The file need not hold the root; intermediate certificates have to be in it. The passphrase of
    a key file is asked for, or read from SIGILLO_IMPORT_PASSPHRASE; here the key is kept under
    SIGILLO_KEY_PASSPHRASE.

    Example: `sigillo keys import seal from-the-ca.p7b --anchor root.cer`
    """
    from dataclasses import replace

    from app.adapters.ceremony import NotDone
    from app.adapters.private import from_bundle

    with keys_desk(own) as desk:
        content = _read(chain)
        given = from_bundle(content, _passphrase_for(content, chain), chain.name)
        if key is not None:
            secret = _read(key)
            given = replace(given, key=from_bundle(secret, _passphrase_for(secret, key), key.name).key)
        anchors = [each for path in anchor or [] for each in from_bundle(_read(path), None, path.name).chain]
        if anchor and not anchors:
            raise NotDone("There is no certificate in the file given as --anchor.")
        taken = desk.ceremony.adopt(slot_of(slot), given, anchors, at=desk.at, of=desk.of)
        console.print(f"{slot}: {taken.thumbprint} signs from now on ({taken.algorithm}).", highlight=False)
        console.print("Now: sigillo keys check. Keep a backup of the folder and of its passphrase, apart.")


@app.command("rotate")
def rotate(
    slot: SlotArgument,
    kind: Kind = None,
    token: OnToken = None,
    organisation: Organisation = None,
    identifier: Identifier = None,
    country: Country = "IT",
    own: Own = None,
) -> None:
    """Begin with the next key; old documents keep verifying, since the old key stays published.

    Keys for trying things, and those in files for lists and QR codes, are replaced at once. For a seal, and
    on a token, the next key is made and its request written: the present one signs until `sigillo keys
    import`, so there is no pause. Run again, it writes the request of the same key.

    The next key is of the kind and lies where the present one does, and its certificate names the same body,
    unless told otherwise.
    """
    from app.adapters.ceremony import OWN

    with keys_desk(own) as desk:
        wanted = slot_of(slot)
        entry = desk.ceremony.ring().current(wanted, desk.of)
        if entry is not None and entry.development:
            desk.signer.rotate(wanted, desk.at)
            console.print(f"{slot}: a new key for trying things signs from now on.")
            return
        body = _body_of(desk, slot, organisation, identifier, country)
        _can_say(wanted, body)
        kept = entry.key if entry is not None and not isinstance(entry.key, str) else None
        if wanted in OWN and kept is None and token is None:
            desk.ceremony.certify_here(wanted, body, desk.at, of=desk.of)
            console.print(f"{slot}: a new key signs from now on; the old one stays published.")
            return
        if kind is None and entry is not None and desk.ceremony.published(entry).algorithm == "RS256":
            kind = KindOfKey.RSA
        on = _place(desk, wanted, token or (kept.token if kept else None), None)
        waiting = desk.ceremony.prepare(wanted, kind=_kind(kind), on=on, of=desk.of)
        _write_request(desk, waiting, body, None)


@app.command("cancel")
def cancel(
    slot: SlotArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # noqa: FBT002 - a flag
    own: Own = None,
) -> None:
    """Give up the key that waits for its certificate, and its request. The key that signs is not touched.

    If the request was sent, tell the CA: a certificate for this key cannot be used any more. A file with the
    key is destroyed; one on a token stays there, for whoever looks after the token.
    """
    with keys_desk(own) as desk:
        if not yes:
            typer.confirm(f"Give up the key that waits for {slot}, for good?", abort=True)
        gone = desk.ceremony.cancel(slot_of(slot), desk.of)
        console.print(f"{slot}: {gone.thumbprint} waits no more.", highlight=False)


# A thumbprint may begin with a hyphen.
@app.command("compromise", context_settings={"ignore_unknown_options": True})
def compromise(
    name: Annotated[
        str, typer.Argument(help="The key's thumbprint, or how it begins: see `sigillo keys list`.")
    ],
    since: Annotated[
        datetime | None,
        typer.Option(help="From when its signatures are not to be trusted (UTC); by default now."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Declare that a key is, or may be, in other hands. This cannot be taken back.

    It never signs again. Documents that our register proves to be older stay valid here; all others, and all
    that are checked without asking us, are not valid any more. Name the earliest instant at which the key may
    have been out of your hands: of two declarations the earlier one counts. Neither passphrase nor token is
    needed.

    A body's own key is named alike: the thumbprint says which it is. Nothing else is signed in its place.

    For `seal`, there is more to it: while no seal signs, `/.well-known/qr-keys` answers 503 (for a body's own
    seal, at that body's own host), and a device that never saw the list verifies no QR code. If the next
    certificate can be had at once, `rotate` and `import` first, and declare the old key then, with --since;
    if the thief may be at work, declare at once.
    """
    from app.adapters.ceremony import asking

    with keys_desk() as desk:
        instant = since.replace(tzinfo=UTC) if since else desk.at
        if not yes:
            typer.confirm(
                f"Declare {name} compromised since {instant:%Y-%m-%d %H:%M} UTC, for good?", abort=True
            )
        lost = desk.ceremony.compromise(name, since=instant, at=desk.at)
        ring = desk.ceremony.ring()
        if all(lost.thumbprint != entry.thumbprint for entry in ring.keys):
            console.print(
                f"{lost.thumbprint} waited for {lost.slot} and is given up: tell the CA not to certify it.",
                highlight=False,
            )
            return
        console.print(f"{lost.thumbprint} ({lost.slot}) proves nothing from then on.", highlight=False)
        console.print("Documents that it signed: sigillo documents remake, once the next key signs.")
        if ring.current(lost.slot, lost.body) is not None:
            return
        whose = f" of {lost.body.id}" if lost.body else ""
        console.print(
            f"Nothing signs for {lost.slot}{whose} now; what waits is kept. Next: "
            f"{asking('rotate', lost.slot, lost.body)}; tell the CA, so that it revokes the certificate.",
            highlight=False,
        )
        if lost.slot.value == For.SEAL.value:
            where = f" at {lost.body.id}'s own host, if it has one," if lost.body else ""
            console.print(
                f"Until the next seal signs, /.well-known/qr-keys{where} answers 503.",
                highlight=False,
                soft_wrap=True,
            )


app.command("list")(show)
app.command("check")(examine)
app.command("lists")(lists)


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


def _can_say(slot: "Slot", body: "Body") -> None:
    """Refuse, before any request is paid for, what European Digital Credentials could not be issued under."""
    from app.adapters.ceremony import NotDone
    from app.formats.edc_vocabulary import COUNTRIES

    if slot.value == For.EDC_SEAL.value and body.country not in COUNTRIES:
        raise NotDone(
            f"European Digital Credentials are sealed by bodies of the Union and the EEA, and {body.country} "
            "is no such country. For all other documents: sigillo keys init --seal seal."
        )


def _body_of_house(desk: KeysDesk, organisation: str | None, identifier: str | None, country: str) -> "Body":
    """Take the body that our own certificates name, if there are any; a second one is no set-up."""
    from app.adapters.ceremony import NotDone

    house = desk.ceremony.own_body(desk.at, desk.of)
    if house is None:
        return _asked_body(organisation or desk.registered, identifier, country)
    if organisation is None and identifier is None:
        return house
    asked = _asked_body(organisation or house.organisation, identifier or house.identifier, country)
    if asked != house:
        raise NotDone(
            f"The keys here are those of {house.organisation} ({house.identifier}, {house.country}). Keys of "
            "another organisation's own: --for, with its id. If the name is to change: sigillo keys rotate "
            "status --organisation … --identifier …, then the same for qr, and then init again."
        )
    return house


def _body_of(
    desk: KeysDesk, slot: For, organisation: str | None, identifier: str | None, country: str
) -> "Body":
    """Take the body as it is given, or as the key before it or our own certificates name it."""
    from app.adapters.authority import Body

    if organisation is None and identifier is None:
        from cryptography.x509 import load_der_x509_certificate

        entry = desk.ceremony.ring().current(slot_of(slot), desk.of)
        if entry is not None and not entry.development:
            named = Body.of(load_der_x509_certificate(desk.ceremony.published(entry).chain[0]))
            if named.organisation and named.identifier and named.country:
                return named
        if known := desk.ceremony.own_body(desk.at, desk.of):
            return known
    return _asked_body(organisation or desk.registered, identifier, country)


def _place(desk: KeysDesk, slot: "Slot", token: str | None, label: str | None) -> "OnThisToken | None":
    from app.adapters.ceremony import NotDone, OnThisToken
    from app.adapters.ring import LONGEST_LABEL, LONGEST_TOKEN

    if token is None:
        if label is not None:
            raise NotDone("--label names a key on a token: say which with --token.")
        return None
    if not 1 <= len(token) <= LONGEST_TOKEN or (label is not None and not 1 <= len(label) <= LONGEST_LABEL):
        raise NotDone(
            f"The label of a token has 1 to {LONGEST_TOKEN} characters, that of a key 1 to {LONGEST_LABEL} "
            "(PKCS#11). `pkcs11-tool --list-slots` shows the tokens that are there."
        )
    whose = f"-{desk.of.id}" if desk.of else ""
    return OnThisToken(token, label or f"sigillo-{slot}{whose}-{desk.at:%Y%m%d}", there=label is not None)


def _write_request(desk: KeysDesk, waiting: "Waiting", body: "Body", common_name: str | None) -> None:
    written = desk.ceremony.write_request(waiting, body, common_name or body.organisation[:64].strip())
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
    from app.adapters.private import asks_for_passphrase

    if not asks_for_passphrase(content):
        return None
    given = os.environ.get(IMPORT_PASSPHRASE)
    if given is None:
        given = typer.prompt(
            f"Passphrase of {path.name}", hide_input=True, default="", show_default=False, err=True
        )
    return given.encode() or None
