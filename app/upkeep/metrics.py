"""What can be seen of a service: numbers for Prometheus, about the work and never about a person.

Requests are counted in each process. What waits, and how old it is, is read from the database when it is
asked for, so that any one process tells it for all.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import func, select

from app.adapters.keycheck import days_left
from app.core.db import EVERY_ORGANISATION
from app.credentials import issuing
from app.organisations.models import Organisation
from app.outbox.messages import Message
from app.outbox.trail import EventWaiting
from app.ports import Ports
from app.status.models import PublishedList, StatusList

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
KEPT: Final = timedelta(seconds=1)  # so long nobody asks the database again, however many ask us
# Of an answer, in seconds: from the public road's memory to a report with foreign lists in it.
BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The numbers of one process."""

    def __init__(self, ports: Ports) -> None:
        self._registry = CollectorRegistry()
        self._answers: dict[tuple[str, str, int], int] = {}
        self._took: dict[str, _Times] = {}
        self._registry.register(self)
        self._registry.register(_Standing(ports))

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer; `route` is the route's pattern, never the address that was asked for.

        Called in the event loop alone, and after every answer: with locks it would cost ten times as much.
        """
        asked = (method, route, status)
        self._answers[asked] = self._answers.get(asked, 0) + 1
        times = self._took.get(route)
        if times is None:
            times = self._took[route] = _Times()
        times.counts[bisect_left(BUCKETS, seconds)] += 1
        times.total += seconds

    def collect(self) -> Iterable[Metric]:
        """Give what this process has counted."""
        answers = CounterMetricFamily(
            "sigillo_requests", "Answers of this process.", labels=("method", "route", "status")
        )
        for (method, route, status), count in [*self._answers.items()]:
            answers.add_metric((method, route, str(status)), count)
        yield answers
        seconds = HistogramMetricFamily("sigillo_request_seconds", "How long they took.", labels=("route",))
        for route, times in [*self._took.items()]:
            running = accumulate(times.counts)
            bounds = (*map(str, BUCKETS), "+Inf")
            seconds.add_metric((route,), [*zip(bounds, running, strict=True)], times.total)
        yield seconds

    def written(self) -> bytes:
        """Write every number down, in the text form of Prometheus."""
        return generate_latest(self._registry)


@dataclass(slots=True)
class _Times:
    """How many answers took how long, and all of them together."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0


@dataclass(slots=True, eq=False)
class _Standing:
    """What the database tells: read when somebody asks, and not more than once a second."""

    ports: Ports
    _read_at: datetime | None = None
    _read: tuple[Metric, ...] = ()

    def describe(self) -> Iterable[Metric]:
        """Name nothing beforehand: nothing is read before somebody asks."""
        return ()

    def collect(self) -> Iterable[Metric]:
        at = self.ports.clock.now()
        if self._read_at is None or not timedelta(0) <= at - self._read_at < KEPT:
            self._read = (*_waiting(self.ports, at), *_lists(self.ports, at), *_keys(self.ports, at))
            self._read_at = at
        return self._read


def _gauge(name: str, words: str, values: Mapping[str, float], label: str | None = None) -> Metric:
    made = GaugeMetricFamily(name, words, labels=[label] if label else [])
    for of, value in values.items():
        made.add_metric([of] if label else [], value)
    return made


def _waiting(ports: Ports, at: datetime) -> Iterable[Metric]:
    with ports.database.reading() as session:
        rows = session.execute(
            select(Message.topic, func.count(), func.min(Message.due_at))
            .where(Message.done_at.is_(None), Message.due_at <= at)
            .group_by(Message.topic),
            execution_options=EVERY_ORGANISATION,
        ).all()
        failing = session.scalar(
            select(func.count()).where(Message.done_at.is_(None), Message.attempts > 1),
            execution_options=EVERY_ORGANISATION,
        )
        intents = session.scalar(
            select(func.count()).where(
                Message.done_at.is_(None), Message.topic == issuing.FINISH, Message.due_at <= at
            ),
            execution_options=EVERY_ORGANISATION,
        )
        unchained = session.scalar(
            select(func.count()).select_from(EventWaiting), execution_options=EVERY_ORGANISATION
        )
        modes = session.execute(select(Organisation.mode, func.count()).group_by(Organisation.mode)).all()
    yield _gauge("sigillo_organisations", "Organisations, by mode.", {str(m): n for m, n in modes}, "mode")
    yield _gauge(
        "sigillo_intents_waiting", "Documents that whoever intended them left undone.", {"": intents or 0}
    )
    yield _gauge("sigillo_outbox_due", "Pieces of work that are due.", {t: n for t, n, _ in rows}, "topic")
    oldest = max(((at - due).total_seconds() for _, _, due in rows), default=0.0)
    yield _gauge("sigillo_outbox_age_seconds", "For how long the oldest piece of work is due.", {"": oldest})
    yield _gauge(
        "sigillo_outbox_failing", "Pieces of work that failed and are tried again.", {"": failing or 0}
    )
    yield _gauge("sigillo_events_unchained", "Events on their way to the chain.", {"": unchained or 0})


def _lists(ports: Ports, at: datetime) -> Iterable[Metric]:
    newest = (
        select(
            PublishedList.list_id,
            func.min(PublishedList.version).label("version"),
            func.min(PublishedList.signed_at).label("signed_at"),
            func.min(PublishedList.expires_at).label("expires_at"),
        )
        .group_by(PublishedList.list_id)
        .subquery()
    )
    asked = select(
        StatusList.kind,
        StatusList.taken,
        StatusList.version,
        newest.c.version,
        newest.c.signed_at,
        newest.c.expires_at,
    ).outerjoin(newest, newest.c.list_id == StatusList.id)
    rows = [
        row
        for session in ports.database.everywhere()
        for row in session.execute(asked, execution_options=EVERY_ORGANISATION)
    ]
    issued = CounterMetricFamily(
        "sigillo_documents", "Documents that took a place in a list of this kind.", labels=("kind",)
    )
    taken: Counter[str] = Counter()
    for kind, places, *_ in rows:
        taken[str(kind)] += places
    for name, places in taken.items():
        issued.add_metric((name,), places)
    yield issued
    yield _gauge("sigillo_status_lists", "Status lists.", {"": len(rows)})
    behind = sum(shown is None or shown < version for _, _, version, shown, *_ in rows)
    yield _gauge("sigillo_status_lists_behind", "Lists that changed and are not published yet.", {"": behind})
    published = [(signed_at, expires_at) for *_, signed_at, expires_at in rows if signed_at is not None]
    if published:
        age = max((at - signed_at).total_seconds() for signed_at, _ in published)
        left = min((expires_at - at).total_seconds() for _, expires_at in published)
        yield _gauge("sigillo_status_list_age_seconds", "Since when the oldest list is as it is.", {"": age})
        yield _gauge("sigillo_status_list_left_seconds", "Until the first list expires.", {"": left})


def _keys(ports: Ports, at: datetime) -> Iterable[Metric]:
    left = GaugeMetricFamily(
        "sigillo_certificate_days_left",
        "Days until a key's certificate ends; `organisation` is whose own it is.",
        labels=("slot", "organisation"),
    )
    for key in ports.signer.published():
        if key.current:
            left.add_metric((key.slot.value, key.body) if key.body else (key.slot.value,), days_left(key, at))
    yield left
