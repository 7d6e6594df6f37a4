"""The sign-in that is kept on this machine: an address, and the key that opens it."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.client import private

NAME: Final = "account.json"


@dataclass(frozen=True, slots=True)
class Account:
    """Where somebody signs in, and with what. The key is never shown, not even by accident."""

    url: str
    key: str = field(repr=False)
    id: str = ""
    name: str = ""

    @property
    def mark(self) -> str:
        """Tell this account from others on the same machine, without the key."""
        return self.id or hashlib.sha256(self.key.encode()).hexdigest()[:32]


def place() -> Path:
    return private.home() / NAME


def keep(account: Account) -> Path:
    """Keep a sign-in, in the place of any other; say where it is."""
    path = place()
    private.write(path, {"url": account.url, "key": account.key, "id": account.id, "name": account.name})
    return path


def kept() -> Account | None:
    """Read the sign-in, if there is one."""
    found = private.read(place())
    if found is None:
        return None
    try:
        return Account(*(str(found[name]) for name in ("url", "key", "id", "name")))
    except (KeyError, TypeError):
        raise private.NotPrivate("not-understood", path=place()) from None


def forget() -> bool:
    """Remove the sign-in; tell whether there was one."""
    return private.remove(place())
