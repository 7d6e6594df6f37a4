"""Who shows credentials, to whom, and in answer to what: a presentation under the holder's own key."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import anyio

from app.core.errors import JsonValue
from app.formats.jose import Compact, open_presentation
from app.formats.presentation import ReadPresentation, read_presentation
from app.formats.strict import Malformed
from app.verification.desk import Desk
from app.verification.details import MALFORMED, PARSING, PROOF, RANGE, Judged, problem
from app.verification.foreign import PATIENCE_SECONDS

MAX_PRESENTATION: Final = 450_000  # characters: twenty credentials of ordinary size


@dataclass(frozen=True, slots=True)
class Presented:
    """A presentation and what was found of it; its credentials are there only where its proof holds."""

    judged: Judged
    payload: dict[str, JsonValue] | None = None
    credentials: tuple[JsonValue, ...] = ()

    @property
    def proven(self) -> bool:
        return self.payload is not None

    @classmethod
    async def read(
        cls, desk: Desk, text: str, *, challenge: str | None, domains: Sequence[str] | None
    ) -> Self:
        """Verify what the holder signed; whatever the text is, the answer is a finding."""
        try:
            token = open_presentation(text, limit=MAX_PRESENTATION)
            says = read_presentation(token.payload)
        except Malformed as refused:
            return cls(Judged([problem(PARSING, "presentation", f"Not read: {refused.reason}.")]))
        if not await _signed_by_holder(desk, token, says):
            detail = "The holder's key could not be had, or it did not sign this presentation."
            return cls(Judged([problem(PROOF, "proof", detail)]))
        judged = Judged()
        judged.errors.extend(_faults(says, challenge, domains, desk.now.timestamp()))
        if says.nonce is not None and challenge is None:
            detail = "It answers a challenge that was not given here: whether it is that one was not checked."
            judged.warnings.append(problem("/problems/not-checked", "challenge", detail))
        return cls(judged, token.payload, says.credentials)


async def _signed_by_holder(desk: Desk, token: Compact, says: ReadPresentation) -> bool:
    """Tell whether a key that the holder lists for this use signed it."""
    kid = token.header.kid or ""
    holder = says.holder or kid.partition("#")[0]
    with anyio.move_on_after(PATIENCE_SECONDS):
        try:
            key = await desk.abroad.key_of(token, holder, desk.keyring, desk.now, use="authentication")
            return key is not None and key.bound and token.verified_by(key.jwk)
        except Malformed:
            return False
    return False


def _faults(
    says: ReadPresentation, challenge: str | None, domains: Sequence[str] | None, now: float
) -> list[JsonValue]:
    faults: list[JsonValue] = []
    if challenge is not None and says.nonce != challenge:
        faults.append(problem(MALFORMED, "challenge", "Its `nonce` is not the challenge."))
    if domains is not None and not set(domains) & set(says.audience):
        faults.append(problem(MALFORMED, "domain", "Its `aud` is not the domain."))
    if (says.begins is not None and now < says.begins) or (says.ends is not None and now >= says.ends):
        faults.append(problem(RANGE, "validity", "It is not valid at this time."))
    return faults
