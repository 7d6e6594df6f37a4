"""Many credentials in one request: each gets its own answer, and nobody else has to wait for them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from math import ceil
from time import monotonic
from typing import Final

import anyio
from anyio import CapacityLimiter, WouldBlock
from anyio.lowlevel import RunVar, checkpoint
from starlette.exceptions import HTTPException

from app.core.errors import JsonValue, Problem
from app.core.numbers import CredentialNumber
from app.problems import members_of
from app.verification import submitted
from app.verification.desk import Desk
from app.verification.errors import RETRY_AFTER
from app.verification.foreign import PATIENCE_SECONDS
from app.verification.sealed import begins_as_one
from app.verification.submitted import Submission

MOST: Final = 100
AT_ONCE: Final = 8  # of one batch: what waits for others waits together
BATCHES_AT_ONCE: Final = 2
PATIENCE_FOR_ALL_SECONDS: Final = 20.0  # for everything abroad that all of them point at

DOCUMENTS_FOR_ONE: Final = 10  # for one look-up: nobody walks through the register with signed documents

Turns = RunVar[CapacityLimiter]
OF_BATCHES: Final = Turns("turns of batches")  # of the event loop
OF_PRESENTATIONS: Final = Turns("turns of presentations")


@asynccontextmanager
async def turn(of: Turns = OF_BATCHES) -> AsyncIterator[None]:
    """Take one of the few turns for many credentials, or be sent away."""
    turns = of.get(None) or CapacityLimiter(BATCHES_AT_ONCE)
    of.set(turns)
    mark = object()
    try:
        turns.acquire_on_behalf_of_nowait(mark)
    except WouldBlock:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": RETRY_AFTER}) from None
    try:
        yield
    finally:
        turns.release_on_behalf_of(mark)


def cost(credentials: Sequence[str | dict[str, JsonValue]], ours: Sequence[str]) -> int:
    """Say for how many look-ups a batch counts.

    Numbers can be guessed, and seals in JSON take a while: each of them counts in full.
    """
    in_full = [_in_full(credential, ours) for credential in credentials]
    return sum(in_full) + ceil(in_full.count(0) / DOCUMENTS_FOR_ONE)


def _in_full(credential: str | dict[str, JsonValue], ours: Sequence[str]) -> int:
    try:
        submission = _submission(credential, ours)
    except Problem:
        return 0  # then the register is not asked
    if isinstance(submission, CredentialNumber):
        return 1
    return submitted.costs(submission.text) if begins_as_one(submission.text) else 0


async def reports(desk: Desk, credentials: Sequence[str | dict[str, JsonValue]]) -> list[JsonValue]:
    """Report on each, in the order given; what cannot be looked up says in a `problem` why not."""
    answers: list[JsonValue] = [None] * len(credentials)
    ours = await desk.addresses()
    ends = monotonic() + PATIENCE_FOR_ALL_SECONDS
    few = CapacityLimiter(AT_ONCE)

    async def answer(place: int) -> None:
        async with few:
            # The loop turns between any two of them: each costs a millisecond or two of its time.
            await checkpoint()
            patience = max(0.0, min(PATIENCE_SECONDS, ends - monotonic()))
            try:
                submission = _submission(credentials[place], ours)
                answers[place] = (await desk.on(submission, patience=patience)).as_json()
            except Problem as refused:
                answers[place] = {"problem": members_of(refused)}

    try:
        async with anyio.create_task_group() as tasks:
            for place in range(len(credentials)):
                tasks.start_soon(answer, place)
    except* Exception as several:  # noqa: BLE001 - one failure is the failure of all, and not a group
        raise several.exceptions[0] from None
    return answers


def _submission(credential: str | dict[str, JsonValue], ours: Sequence[str]) -> Submission:
    if isinstance(credential, str):
        return submitted.of_text(credential, ours=ours)
    return submitted.of_sealed(credential) or submitted.of_member(credential)
