"""What the commands of `sigillo keys` share: the keys, whose they are, and what went wrong as a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.client.visit import Ends
from app.operators import settings_or_stop, stopped

if TYPE_CHECKING:
    from app.adapters.ceremony import Ceremony
    from app.adapters.keys import FileKeys
    from app.adapters.ring import Whose
    from app.adapters.tokens import Tokens
    from app.organisations.models import Organisation as Registered
    from app.ports import Slot


class For(StrEnum):
    """What a key is for, as the slots of the ring are called."""

    SEAL = "seal"
    EDC_SEAL = "edc-seal"
    STATUS = "status"
    QR = "qr"


Own = Annotated[
    str | None,
    typer.Option(
        "--for",
        metavar="ORGANISATION",
        help="Id, org_…, of the organisation whose own keys are meant; without it, the keys of all that have "
        "none of their own.",
    ),
]


@dataclass(frozen=True, slots=True)
class KeysDesk:
    """What every command works with: the keys, and whose are meant where they are somebody's own."""

    at: datetime
    signer: "FileKeys"
    ceremony: "Ceremony"
    tokens: "Tokens | None"
    of: "Whose | None" = None
    registered: str | None = None  # the legal name of whose they are, where the register was asked


@contextmanager
def keys_desk(own: str | None = None) -> Iterator[KeysDesk]:
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
        signer, tokens = keys_of(settings, at=at, opened=False), tokens_in(settings)
        ceremony = Ceremony(settings.keys_folder, passphrase=passphrase, tokens=tokens)
        of, registered = _whose(ceremony, own) if own else (None, None)
        yield KeysDesk(at, signer, ceremony, tokens, of, registered)
    except (NotDone, KeysUnreadable) as refused:
        raise stopped(str(refused)) from None
    except KeyNotUsable as refused:
        raise stopped(refused.detail) from None
    except KeysUnavailable as away:
        raise stopped(f"{away} Nothing was changed.", Ends.NETWORK) from None


def _whose(ceremony: "Ceremony", own: str) -> "tuple[Whose, str | None]":
    """Find the organisation of this id among the keys, or else in the register, which gives its name too."""
    from app.adapters.ceremony import NotDone
    from app.adapters.ring import Whose

    if known := next((each for each in ceremony.ring().bodies() if each.id == own), None):
        return known, None
    register = registered_bodies()
    if register is None:
        raise NotDone(
            "There is no database yet, or it does not answer, or is not of this version: without it nobody "
            f"can tell whether there is an organisation {own}. Nothing was changed."
        )
    found = register.get(own)
    if found is None:
        raise NotDone(
            f"There is no organisation {own}, neither in the register nor among the keys. Its id begins with "
            "org_: `sigillo organisation create` told it."
        )
    return Whose(id=own, issuer_code=found.issuer_code), found.legal_name


def registered_bodies() -> "dict[str, Registered] | None":
    """Read which organisations there are; None where no database of this version answers. None is made."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import OperationalError, ProgrammingError

    from app.core.db import connect
    from app.organisations.queries import organisations

    url = settings_or_stop().database_url
    if url.startswith("sqlite:") and not Path(make_url(url).database or "").is_file():
        return None
    database = connect(url, pool=1)
    try:
        with database.reading() as session:
            return {each.id: each for each in organisations(session)}
    except (OperationalError, ProgrammingError):
        return None
    finally:
        database.close()


def slot_of(name: For) -> "Slot":
    from app.ports import Slot

    return Slot(name.value)
