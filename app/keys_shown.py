"""`sigillo keys list`, `check` and `lists`: what there is to see of the keys, changing none of them."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.client.visit import Ends
from app.keys_desk import For, KeysDesk, Own, keys_desk, registered_bodies, slot_of
from app.operators import anchors_or_stop, console, settings_or_stop, stopped

if TYPE_CHECKING:
    from app.adapters.keycheck import Finding
    from app.adapters.ring import Entry, Waiting, Whose
    from app.ports import TrustedList, TrustedLists

AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON, for programs.")]


def show(
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
    own: Own = None,
) -> None:
    """List every key: what it is for, whether it signs, where it lies, and until when it is certified.

    With --for, those of one organisation alone; of the others it says whose own they are.
    *current* signs; *waiting* has no certificate yet; *retired* signs no more and stays published, so that
    old documents verify; *compromised* proves nothing. No passphrase is needed to see this.
    """
    with keys_desk(own) as desk:
        ring = desk.ceremony.ring()
        keys = [each for each in ring.keys if desk.of in {None, each.body}]
        waiting = [each for each in ring.waiting if desk.of in {None, each.body}]
        rows = [_row(desk, each) for each in keys] + [_waiting_row(each) for each in waiting]
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        console.print(f"{own} has no keys of its own: it signs with the installation's.", highlight=False)
    for row in rows:
        until = f"until {row['certified_until']}" if row["certified_until"] else ""
        console.print(
            f"{row['slot']:9} {row['state']:11} {row['algorithm'] or '':6} {row['thumbprint']}  {until}",
            highlight=False,
            soft_wrap=True,
        )
        whose = f"{row['organisation']}'s own" if row["organisation"] else None
        for told in (whose, row["place"], row["note"]):
            if told:
                console.print(f"          {told}", highlight=False, soft_wrap=True, markup=False)


def examine(
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
    own: Own = None,
) -> None:
    """Do with every key what issuing does, and say what is in the way of going live.

    With each key, a specimen of every document that it makes is composed, checked, signed, read back as a
    stranger would, and thrown away: nothing is stored. The chain is judged, and the bodies that certificates
    name are compared; with a time-stamp authority in the settings, it is asked, and so are the CAs; what ends
    within 90 days is said. ✓ is well, ! wants your attention, ✗ is in the way. With --for, the keys that one
    organisation signs with: its own, and where it never had one, the installation's.

    Ends with 3 where a key cannot issue, while keys for trying only sign, while SIGILLO_PUBLIC_URL leads to
    this machine alone, and where the ring knows organisations otherwise than the register does.
    """
    from app.adapters.keycheck import Level, Tried, check
    from app.core.clock import SystemClock
    from app.main import revocation_of, time_stamps_of

    with keys_desk(own) as desk:
        settings = settings_or_stop()
        anchors_or_stop(settings)
        clock = SystemClock(settings.clock_offset)
        stamps, issuers = time_stamps_of(settings, clock), revocation_of(settings, desk.signer, clock)
        # Without bodies of their own keys there is nothing to hold against a register, or to ask it.
        register = registered_bodies() if desk.of or desk.ceremony.ring().bodies() else None
        body = (register or {}).get(desk.of.id) if desk.of else None
        tried = Tried(
            desk.signer,
            desk.ceremony,
            settings,
            desk.tokens,
            stamps,
            issuers,
            name=body.legal_name if body else None,
            body=desk.of,
            address=body.address(settings.public_url) if body else None,
            register=None if register is None else {each.id: each.issuer_code for each in register.values()},
        )
        found = check(tried, at=desk.at)
    if as_json:
        told = [
            {"slot": each.slot, "organisation": each.body, "level": each.level, "words": each.words}
            for each in found
        ]
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        tell(found)
    failed = any(each.level is Level.FAILURE for each in found)
    raise typer.Exit(Ends.REFUSED if failed else Ends.OK)


def lists(
    refresh: Annotated[bool, typer.Option("--refresh", help="Read them anew first.")] = False,  # noqa: FBT002 - a flag
    as_json: AsJson = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Say what the trusted lists say: how old they are, and whether our own seals are qualified by them.

    A running service reads them by itself, every six hours. Ends with 3 where a list could not be read.
    """
    from app.core.clock import SystemClock
    from app.main import lists_of

    settings = settings_or_stop()
    anchors_or_stop(settings)
    kept = lists_of(settings, SystemClock(settings.clock_offset))
    if kept is None:
        raise stopped("Set SIGILLO_TRUSTED_LISTS and SIGILLO_TRUSTED_LIST_SIGNERS first: see the README.")
    kept.load()
    if refresh:
        kept.refresh()
    said = kept.current()
    with keys_desk() as desk:
        told: dict[str, list[Any]] = {
            "lists": [_list_row(each, desk.at) for each in said.lists],
            "problems": [*said.problems],
            "seals": [
                _seal_row(desk, slot, of, said)
                for of in (None, *desk.ceremony.ring().bodies())
                for slot in (For.SEAL, For.EDC_SEAL)
            ],
        }
    if as_json:
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        _print_lists(told)
    raise typer.Exit(Ends.REFUSED if said.problems or not said.lists else Ends.OK)


def _list_row(each: "TrustedList", at: datetime) -> dict[str, str | int | bool | None]:
    return {
        "territory": each.territory,
        "sequence": each.sequence,
        "issued": f"{each.issued:%Y-%m-%d}",
        "next_update": f"{each.next_update:%Y-%m-%d}" if each.next_update else None,
        "current": each.is_current(at),
        "read_at": f"{each.read_at:%Y-%m-%d %H:%M} UTC",
        "services": sum(service.for_seals and service.until is None for service in each.services),
        "location": each.location,
    }


def _seal_row(
    desk: KeysDesk, slot: For, of: "Whose | None", said: "TrustedLists"
) -> dict[str, str | int | bool | None]:
    from app.formats.qualified import qualified

    entry, row = desk.ceremony.ring().current(slot_of(slot), of), {"slot": slot.value}
    if of is not None:
        row["organisation"] = of.id
    if entry is None:
        return {**row, "qualified": "not_checked", "code": "no-key", "territory": None}
    found = qualified(desk.ceremony.published(entry).chain, said, sealed_at=desk.at, now=desk.at)
    by = found.by.territory if found.by else None
    return {**row, "qualified": found.answer.value, "code": found.why.value, "territory": by}


def _print_lists(told: "dict[str, list[Any]]") -> None:
    for row in told["lists"]:
        mark, ends = ("✓" if row["current"] else "✗"), row["next_update"] or "never: it was closed"
        console.print(
            f"{mark} {row['territory']} no. {row['sequence']} of {row['issued']}, read {row['read_at']}, "
            f"next update {ends}: {row['services']} services for seals",
            highlight=False,
            soft_wrap=True,
        )
    for problem in told["problems"]:
        console.print(f"✗ {problem}", highlight=False, soft_wrap=True, markup=False)
    if not told["lists"]:
        console.print("No list was read yet: sigillo keys lists --refresh.")
    for row in told["seals"]:
        whose = f" {row['organisation']}'s own," if "organisation" in row else ""
        words = f"{row['slot']:9}{whose} qualified: {row['qualified']} ({row['code']})"
        console.print(words, highlight=False, soft_wrap=True)


def tell(found: "Sequence[Finding]") -> None:
    """Print what the check found, and what it comes to."""
    from app.adapters.keycheck import Level, conclusion

    marks = {Level.GOOD: "✓", Level.WARNING: "!", Level.FAILURE: "✗"}
    for each in found:
        whose = f"{each.body}: " if each.body else ""
        console.print(
            f"{marks[each.level]} {each.slot or 'set-up':9} {whose}{each.words}",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )
    console.print(conclusion(found), highlight=False, soft_wrap=True, markup=False)


def _row(desk: KeysDesk, entry: "Entry") -> dict[str, str | None]:
    from app.adapters.ceremony import asking
    from app.adapters.keycheck import WARNED_AT, days_left
    from app.adapters.ring import KeysUnreadable
    from app.formats.x509 import life_of

    state = "compromised" if entry.compromised_at else entry.state
    whose = entry.body.id if entry.body else None
    try:
        key = desk.ceremony.published(entry)
    except KeysUnreadable as wrong:
        return {
            "slot": entry.slot.value,
            "organisation": whose,
            "state": state,
            "algorithm": None,
            "thumbprint": entry.thumbprint,
            "certified_until": None,
            "place": None,
            "note": str(wrong),
        }
    left = days_left(key, desk.at)
    notes = []
    if entry.compromised_at:
        notes.append(f"compromised since {entry.compromised_at:%Y-%m-%d %H:%M} UTC")
    if entry.development:
        notes.append("for trying only")
    if key.current and left < 0:
        notes.append(f"its certificate has ended: {asking('rotate', entry.slot, entry.body)}")
    elif key.current and left <= max(WARNED_AT):
        notes.append(f"ends in {left} days: {asking('rotate', entry.slot, entry.body)}")
    return {
        "slot": entry.slot.value,
        "organisation": whose,
        "state": state,
        "algorithm": key.algorithm,
        "thumbprint": entry.thumbprint,
        "certified_until": f"{life_of(key.chain)[1]:%Y-%m-%d}",
        "place": str(entry.key) if key.current else None,
        "note": "; ".join(notes) or None,
    }


def _waiting_row(waiting: "Waiting") -> dict[str, str | None]:
    from app.adapters.ceremony import asking

    return {
        "slot": waiting.slot.value,
        "organisation": waiting.body.id if waiting.body else None,
        "state": "waiting",
        "algorithm": None,
        "thumbprint": waiting.thumbprint,
        "certified_until": None,
        "place": str(waiting.key),
        "note": f"for its certificate: {asking('import', waiting.slot, waiting.body, 'FILE')}",
    }
