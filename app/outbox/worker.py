"""The worker: carries out messages and periodic duties, beside the service or in a process of its own."""

import logging
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from app.core.db import Database
from app.outbox import messages
from app.outbox.messages import GivenUp, Message, NotYet
from app.ports import Clock

log: Final = logging.getLogger("sigillo.worker")
AT_ONCE: Final = 20
PAUSE_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Worker:
    """Does what was left to be done. Any number may run: a lease keeps each message with one of them.

    It takes messages of its own topics alone. Where its work gives an instant, it comes again then.
    """

    database: Database
    clock: Clock
    topics: Mapping[str, Callable[[Message], datetime | None]]
    duties: Sequence[Callable[[], object]] = ()
    at_once: int = AT_ONCE  # under one lease: few, where each takes long
    name: str = field(default_factory=lambda: secrets.token_hex(8))

    def run_once(self) -> int:
        """Do every duty once and the messages that are due now; return how many messages were done."""
        self._attend()
        return self._deliver()

    def _attend(self) -> int:
        """Do every duty; tell how many had something to do. What fails is logged and comes round again."""
        busy = 0
        for duty in self.duties:
            try:
                busy += bool(duty())
            except Exception:
                log.exception("duty.failed")
        return busy

    def _deliver(self) -> int:
        with self.database.writing() as session:
            claimed = messages.claim(
                session, self.name, topics=self.topics.keys(), at=self.clock.now(), limit=self.at_once
            )
            session.expunge_all()
        return sum(self._carry_out(message) for message in claimed)

    def drain(self) -> int:
        """Work until nothing is due; return how many messages were done."""
        done = 0
        while step := self.run_once():
            done += step
        return done

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop. What fails is logged and tried again.

        Duties have a thread of their own: no list is late because somebody outside is slow to answer.
        """
        attending = threading.Thread(target=self._keep, args=(self._attend, stop), name="duties", daemon=True)
        attending.start()
        self._keep(self._deliver, stop)
        attending.join()

    def _keep(self, work: Callable[[], int], stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                done = work()
            except Exception:
                log.exception("worker.failed")
                done = 0
            if not done:
                stop.wait(PAUSE_SECONDS)

    def _carry_out(self, message: Message) -> bool:
        try:
            again = self.topics[message.topic](message)
        except GivenUp as error:
            log.error(  # noqa: TRY400 - no defect
                "message.given-up",
                extra={"topic": message.topic, "message_id": message.id, "reason": str(error)},
            )
            with self.database.writing() as session:
                return messages.give_up(session, message, self.name, error, at=self.clock.now())
        except Exception as error:  # whatever it is, the message must be tried again
            if not isinstance(error, NotYet):
                log.exception("message.failed", extra={"topic": message.topic, "message_id": message.id})
            with self.database.writing() as session:
                messages.put_back(session, message, self.name, error, at=self.clock.now())
            return False
        with self.database.writing() as session:
            if again is not None:
                return messages.come_again(session, message, self.name, at=self.clock.now(), due_at=again)
            return messages.finish(session, message, self.name, at=self.clock.now())
