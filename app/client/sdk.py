"""The service for programs of organisations: `Sigillo` and what it is made of.

Every answer is a dict of a type in `app.client.shapes`; members that this version does not know are left in
it. A refusal is raised as `Refused`, whose `code` never changes. What makes something is sent with an
Idempotency-Key of its own, or with yours as `key`, and again for as long as there is patience: it is made
once. What only moves something along is sent again where it surely was not taken; else `Unsure` is raised.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

import httpx

from app.client.api import Api, GaveUp, NotUsable, Refused, Strange, Unreachable, Unsure, address
from app.client.calls.batches import Batches
from app.client.calls.credentials import Credentials
from app.client.calls.decisions import Decisions, Minutes
from app.client.calls.dossiers import Dossiers
from app.client.calls.events import Events, Webhooks
from app.client.calls.members import Members
from app.client.calls.part import Part
from app.client.calls.verification import Verification
from app.client.patience import Patience
from app.client.tokens import ClientKey, ClientSecret, Tokens

if TYPE_CHECKING:
    from app.client.shapes import Me, SchemeLine, SchemeOut

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


class Sigillo(Part):
    """The service, as a program or a person with an API key; without either, as anybody.

    Threads may share one. `api` is for routes that have no name here.
    """

    def __init__(
        self,
        url: str,
        access: ClientSecret | ClientKey | str | None = None,
        *,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        key = access if isinstance(access, str) else None
        auth = None
        if isinstance(access, ClientSecret | ClientKey):
            auth = Tokens(address(url, with_key=True), access)
        super().__init__(
            Api(
                url,
                key,
                auth=auth,
                patience=patience or Patience(),
                for_terminal=False,
                transport=transport,
            )
        )
        self.members = Members(self._api, lambda: self.organisation)
        self.dossiers = Dossiers(self._api)
        self.decisions = Decisions(self._api)
        self.minutes = Minutes(self._api)
        self.credentials = Credentials(self._api)
        self.batches = Batches(self._api)
        self.webhooks = Webhooks(self._api)
        self.events = Events(self._api)
        self.verification = Verification(self._api)

    @property
    def api(self) -> Api:
        return self._api

    def me(self) -> Me:
        return self._get("v1", "me")

    @cached_property
    def organisation(self) -> str:
        """Tell whose program or member this is."""
        return self.me()["organisation"]

    def schemes(self) -> Iterator[SchemeLine]:
        return self._all("v1", "schemes")

    def scheme(self, scheme: str, *, version: str | None = None) -> SchemeOut:
        return self._get("v1", "schemes", scheme, version=version)

    def close(self) -> None:
        self._api.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
