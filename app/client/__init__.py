"""The client: the member's command, and for programs `from app.client import Sigillo`."""

from app.client.sdk import (
    ClientKey,
    ClientSecret,
    GaveUp,
    NotUsable,
    Patience,
    Refused,
    Sigillo,
    Strange,
    Unreachable,
    Unsure,
)

__all__ = [
    "ClientKey",
    "ClientSecret",
    "GaveUp",
    "NotUsable",
    "Patience",
    "Refused",
    "Sigillo",
    "Strange",
    "Unreachable",
    "Unsure",
]
