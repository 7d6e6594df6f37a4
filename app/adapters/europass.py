"""Deposits in the wallets of Europass: one document to one recipient, and what the service made of it.

Recipients stand in the query of the address, as that interface wants it. So the address is never shown: not
in a log, not in an error, not as the cause of one.
"""

import logging
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from time import monotonic
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

import anyio
import httpx

from app.adapters.outbound import LONGEST_ADDRESS, GuardedOutbound, target_of
from app.core.errors import JsonValue
from app.core.labels import Language
from app.formats.strict import Malformed, read_object
from app.ports import (
    Deposited,
    DepositRefusal,
    DepositRefused,
    FetchBusy,
    Fetched,
    FetchFailed,
    FetchRefused,
    Recipient,
    RecipientKind,
    WalletUnavailable,
)

log: Final = logging.getLogger("sigillo.europass")
TOTAL_SECONDS: Final = 20.0  # a seal is validated over there before the answer; within a message's lease
MAX_ANSWER: Final = 2_000_000
REST_SECONDS: Final = 60.0
_JSON: Final = "application/json"
_PARAMETER: Final = {RecipientKind.EMAIL: "userEmail", RecipientKind.WALLET: "walletAddress"}
_UNSIGNED: Final = "CREDENTIAL_UNSIGNED"
_LONGEST_VIEWER: Final = 2_048


class EuropassWallet:
    """Deposits at a wallet service, `…/v2/credentials`: multipart `_credential`, the recipient in the query.

    A service that keeps silent is left alone for a minute: whoever else waits does not wait for it as well.
    """

    def __init__(
        self,
        url: str,
        *,
        outbound: GuardedOutbound | None = None,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        """Name the service. `seconds` count on whatever anybody does to the clock."""
        try:
            target_of(url)
        except FetchRefused:
            raise ValueError("europass_wallet_url must be a plain https address of a public host") from None
        self._url = url
        self._seconds = seconds
        self._outbound = outbound or GuardedOutbound(total_seconds=TOTAL_SECONDS, step_seconds=TOTAL_SECONDS)
        self._rests_until: float | None = None

    def deposit(self, credential: bytes, to: Recipient, language: Language) -> Deposited:
        """Put a sealed document into a wallet, or raise `DepositRefused` or `WalletUnavailable`.

        For threads of the work road: it waits. Done twice, it is there once.
        """
        if self._rests_until is not None and self._seconds() < self._rests_until:
            raise WalletUnavailable("The wallet service did not answer a moment ago, and is left alone.")
        url = self._address(to, language)
        # A neutral name: the file's own, as the platform would name it, says whose it is.
        form = httpx.Request("POST", self._url, files={"_credential": ("credential.jsonld", credential)})
        send = partial(
            self._outbound.send,
            url,
            form.read(),
            media_type=form.headers["Content-Type"],
            limit=MAX_ANSWER,
            accept=_JSON,
        )
        try:
            status, answer = anyio.run(send)
        except FetchFailed:
            self._rests_until = self._seconds() + REST_SECONDS
            raise WalletUnavailable("The wallet service gave no answer that can be used.") from None
        except (FetchRefused, FetchBusy):
            raise WalletUnavailable("The wallet service was not asked.") from None
        return _understood(status, answer)

    def _address(self, to: Recipient, language: Language) -> str:
        # Whoever is named by their e-mail address learns by letter where it lies; a wallet shows it itself.
        by_letter = to.kind is RecipientKind.EMAIL
        query = {
            _PARAMETER[to.kind]: to.address,
            "locale": language,
            "sendEmail": str(by_letter).lower(),
        }
        url = f"{self._url}?{urlencode(query, quote_via=quote, safe='')}"
        if len(url) > LONGEST_ADDRESS:
            raise DepositRefused(DepositRefusal.ADDRESS_NOT_USABLE)
        return url


def _understood(status: int, answer: Fetched) -> Deposited:
    """Read the answer; whatever does not surely mean yes or no means that it may be tried again."""
    match status:
        case HTTPStatus.OK | HTTPStatus.CREATED:
            return Deposited(_viewer(_object(answer).get("viewerURL")), there_already=False)
        case HTTPStatus.CONFLICT:
            return Deposited(None, there_already=True)
        case HTTPStatus.BAD_REQUEST:
            raise DepositRefused(_why(answer))
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise DepositRefused(DepositRefusal.TOO_LARGE)
        case _:
            log.warning("wallet.answered", extra={"status": status})
            raise WalletUnavailable(f"The wallet service answered {status}.")


def _object(answer: Fetched) -> dict[str, JsonValue]:
    try:
        return read_object(answer.content, limit=MAX_ANSWER)
    except Malformed:
        raise WalletUnavailable("The wallet service agreed in words that are not its own.") from None


def _why(answer: Fetched) -> DepositRefusal:
    try:
        code = read_object(answer.content, limit=MAX_ANSWER).get("code")
    except Malformed:
        code = None
    return DepositRefusal.UNSEALED if code == _UNSIGNED else DepositRefusal.UNREADABLE


def _viewer(found: JsonValue) -> str | None:
    """Take the address under which a holder sees it, if it is one that may be shown to them."""
    first = next(iter(found), None) if isinstance(found, list) else found
    if not isinstance(first, str) or len(first) > _LONGEST_VIEWER:
        return None
    plain = first.isascii() and first.isprintable() and not set(first) & set(" <>\"'\\")
    try:
        parts = urlsplit(first)
        sound = parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    except ValueError:
        sound = False
    return first if plain and sound else None
