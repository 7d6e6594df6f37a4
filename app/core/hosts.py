"""The hosts that bodies have of their own: what may be one, and the address that comes of it."""

import re
from typing import Final
from urllib.parse import urlsplit

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
LONGEST: Final = 253
_LABEL: Final = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last part is no number: what looks like an IP address is one.
_NAME: Final = re.compile(rf"(?:{_LABEL}\.)+(?=[a-z]){_LABEL}")
_PORT: Final = re.compile("[1-9][0-9]{0,4}")
_MOST_PORTS: Final = 65_535


def address_at(public_url: str, host: str | None) -> str:
    """Give the address of a body with this host; without one it is the installation's own."""
    return public_url if host is None else f"{urlsplit(public_url).scheme}://{host}"


def is_here(host: str | None) -> bool:
    """Tell whether a host leads nobody anywhere but to the machine that asks for it (RFC 6761, 6.3)."""
    return host is not None and (host in LOOPBACK or host.endswith(".localhost"))


def read_host(typed: str, public_url: str) -> str:
    """Read a host that a body is to have, or say in a `ValueError` why it can be none."""
    host = typed.strip().lower()
    if not host.isascii():
        raise ValueError(
            "Write an international name as it stands in the DNS: each part that needs it xn--…."
        )
    name, colon, port = host.partition(":")
    if len(name) > LONGEST or not _NAME.fullmatch(name):
        raise ValueError(
            "A host is a bare DNS name, such as credentials.body.example: no scheme, path, user, wildcard or "
            "IP address."
        )
    ours = urlsplit(public_url)
    if colon and not (is_here(name) and _PORT.fullmatch(port) and int(port) <= _MOST_PORTS):
        raise ValueError("A host has no port, except below localhost, where it is tried.")
    if host == ours.netloc.lower():
        raise ValueError("This is the installation's own host, which a body has that has none of its own.")
    if is_here(name) and not is_here(ours.hostname):
        raise ValueError("A name below localhost leads nobody here, and the installation's address does.")
    if ours.scheme == "http" and not is_here(name):
        raise ValueError(
            "The installation's address is http://, for trying things on this very machine: only a name "
            "below localhost can be tried with it."
        )
    return host
