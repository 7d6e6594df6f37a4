"""Whoever asks for a credential while another is being issued goes with the next ones: one run for them all.

A commit waits for the disk, and most statements cost the same for one as for many. Nobody waits for others
to come: a run takes what is there.
"""

import asyncio
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from app.credentials import issuing
from app.credentials.issuing import Issued
from app.organisations.idempotency import Once
from app.organisations.rules import Actor
from app.ports import Ports

AT_ONCE: Final = 32  # so few that a slow signer keeps nobody waiting for long


@dataclass(frozen=True, slots=True)
class _Asked:
    decision_id: str
    by: Actor
    at: datetime
    once: Once
    outcome: Future[Issued] = field(default_factory=Future)


class Gathering:
    """Issues what is asked for at the same time together; a process has one, and one thread for it."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._waiting = deque[_Asked]()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="issuing")

    async def issue(self, decision_id: str, *, by: Actor, at: datetime, once: Once) -> Issued:
        """Issue the credential of a decision, as `issuing.issue` does, with what others ask for meanwhile."""
        asked = _Asked(decision_id, by, at, once)
        self._waiting.append(asked)
        self._writer.submit(self._carry_out)
        return await asyncio.wrap_future(asked.outcome)

    def _carry_out(self) -> None:
        taken = [each for each in self._take() if each.outcome.set_running_or_notify_cancel()]
        if not taken:
            return  # the run before took them along
        outcomes: list[Issued | Exception]
        try:
            outcomes = issuing.issue_together(
                self._ports,
                [(each.decision_id, each.once) for each in taken],
                by=taken[0].by,
                at=max(each.at for each in taken),
            )
        except Exception as broken:  # noqa: BLE001 - whoever asked hears of it
            outcomes = [broken] * len(taken)
        for each, outcome in zip(taken, outcomes, strict=True):
            if isinstance(outcome, Exception):
                each.outcome.set_exception(outcome)
            else:
                each.outcome.set_result(outcome)

    def _take(self) -> list[_Asked]:
        """Take what waits longest, and what the same caller asks for besides: a transaction is of one."""
        taken: list[_Asked] = []
        others: list[_Asked] = []
        while self._waiting and len(taken) < AT_ONCE:
            asked = self._waiting.popleft()
            (taken if not taken or _whose(asked) == _whose(taken[0]) else others).append(asked)
        self._waiting.extendleft(reversed(others))
        return taken


def _whose(asked: _Asked) -> tuple[str, str]:
    return asked.by.organisation_id, asked.by.id
