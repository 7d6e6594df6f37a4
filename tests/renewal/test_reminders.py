"""Reminders of renewal: dated, one letter for each person and date, and none once there is no reason."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Final

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from app.adapters.mail import SmtpMailer
from app.core.db import EVERY_ORGANISATION
from app.core.ids import new_id
from app.credentials.models import Credential, Period
from app.credentials.rules import PeriodKind
from app.organisations.models import Mode, Organisation, Person
from app.outbox.messages import LEASE, Message
from app.outbox.trail import Event
from app.outbox.worker import Worker
from app.ports import Mail, Mailer, Ports
from app.renewal import reminders
from app.renewal.models import Reminder, Renewal
from app.renewal.reminders import Kind, TooLateToBegin, due, ends_due
from app.renewal.states import RenewalKind, RenewalState
from app.schemes.catalogue import catalogue
from tests import make
from tests.conftest import START
from tests.fakes import SetClock
from tests.fakes_mail import MemoryMailer
from tests.serving import free_port

SCHEME: Final = catalogue().schemes[-1]
RULES: Final = SCHEME.renewal
ANCHOR: Final = date(2026, 11, 20)
UNTIL: Final = date(2029, 11, 20)
DATES: Final = {
    Kind.P180D: date(2029, 5, 24),
    Kind.P90D: date(2029, 8, 22),
    Kind.P30D: date(2029, 10, 21),
    Kind.P7D: date(2029, 11, 13),
    Kind.EXPIRY: date(2029, 11, 21),
    Kind.GRACE: date(2030, 1, 19),
}
HOUR: Final = timedelta(hours=1)


# Which reminder a day asks for


@pytest.mark.parametrize(
    ("today", "kind"),
    [
        (date(2029, 5, 23), None),
        *((day, kind) for kind, day in DATES.items()),
        (date(2029, 8, 21), Kind.P180D),
        (date(2029, 11, 20), Kind.P7D),
        (date(2030, 1, 18), Kind.EXPIRY),
        (date(2030, 2, 18), Kind.GRACE),
        (date(2030, 2, 19), None),
    ],
)
def test_a_day_asks_for_the_reminder_whose_date_came_last(today: date, kind: Kind | None) -> None:
    assert due(UNTIL, RULES, today) is kind


def test_a_short_grace_needs_no_second_word_and_none_at_all_no_first() -> None:
    month, none = (replace(RULES, grace=replace(RULES.grace, days=days)) for days in (31, 0))
    assert due(UNTIL, month, date(2029, 12, 21)) is Kind.EXPIRY
    assert due(UNTIL, none, UNTIL) is Kind.P7D
    assert due(UNTIL, none, date(2029, 11, 21)) is None


@given(
    today=st.dates(date(2027, 1, 1), date(2060, 1, 1)),
    ahead=st.integers(-400, 200),
    grace=st.integers(0, 200),
)
def test_the_days_that_are_looked_for_are_those_that_ask_for_a_reminder(
    today: date, ahead: int, grace: int
) -> None:
    rules = replace(RULES, grace=replace(RULES.grace, days=grace))
    until = today + timedelta(days=ahead)
    spans = ends_due(rules, today)
    assert [kind for kind, (first, last) in spans.items() if first <= until <= last] == [
        kind for kind in (due(until, rules, today),) if kind is not None
    ]


# An association with holders, and a worker that knows reminders and nothing else


@dataclass
class Post:
    """An association whose holders are reminded."""

    ports: Ports
    clock: SetClock
    mailer: MemoryMailer
    organisation: str
    worker: Worker

    def go_to(self, day: date) -> None:
        self.clock.at = datetime.combine(day, time(9), tzinfo=UTC)

    def work(self) -> None:
        self.worker.drain()

    def held(self, anchor: date = ANCHOR) -> tuple[Person, str]:
        """A holder and the credential that was issued to them; no document, which no reminder needs."""
        at = datetime.combine(anchor, time(9), tzinfo=UTC)
        with self.ports.database.writing(self.organisation) as session:
            holder = make.person(session, self.organisation, at=at, member=False)
            decision = make.granted_decision(session, self.organisation, holder, at=at)
            credential = Credential(
                mode=Mode.TEST,
                id=new_id("crd"),
                organisation_id=self.organisation,
                number=f"DLE-{holder.id[-20:]}",
                holder_id=holder.id,
                scheme_id=SCHEME.id,
                subject_id=f"urn:uuid:{holder.id}",
                anchor=anchor,
                created_at=at,
                issued_at=at,
            )
            session.add(credential)
            session.flush()
            session.add(
                Period(
                    id=new_id("prd"),
                    organisation_id=self.organisation,
                    credential_id=credential.id,
                    seq=1,
                    kind=PeriodKind.GRANT,
                    cycle=1,
                    decision_id=decision.id,
                    scheme_version=SCHEME.version,
                    valid_from=anchor,
                    valid_until=anchor.replace(year=anchor.year + 3),
                )
            )
            return holder, credential.id

    def change(self, credential: str, **values: Any) -> None:
        with self.ports.database.writing(self.organisation) as session:
            session.execute(update(Credential).where(Credential.id == credential).values(**values))

    def file(self, holder: Person, credential: str, state: RenewalState = RenewalState.SUBMITTED) -> str:
        """A renewal of the first cycle, as if it had been filed now."""
        at = self.clock.now()
        with self.ports.database.writing(self.organisation) as session:
            filed = Renewal(
                id=new_id("ren"),
                organisation_id=self.organisation,
                credential_id=credential,
                holder_id=holder.id,
                cycle=1,
                kind=RenewalKind.RENEWAL,
                state=state,
                late=False,
                filed_at=at,
                filed_on=at.date(),
                scheme_version=SCHEME.version,
                rules_digest="0" * 64,
                evaluation={"carry_over": "0"},
            )
            session.add(filed)
            return filed.id

    def renew(self, holder: Person, credential: str) -> None:
        """A renewal of the first cycle that was approved."""
        renewal = self.file(holder, credential, RenewalState.APPROVED)
        self.cover(credential, renewal, PeriodKind.RENEWAL, date(2032, 11, 20))

    def cover(self, credential: str, renewal: str, kind: PeriodKind, until: date) -> None:
        """A second period, from a renewal of the first cycle."""
        with self.ports.database.writing(self.organisation) as session:
            session.add(
                Period(
                    id=new_id("prd"),
                    organisation_id=self.organisation,
                    credential_id=credential,
                    seq=2,
                    kind=kind,
                    cycle=2,
                    renewal_id=renewal,
                    scheme_version=SCHEME.version,
                    valid_from=date(2029, 11, 21),
                    valid_until=until,
                )
            )

    def recalled(self) -> dict[str, bool]:
        """What is written down of reminders, and whether each was sent."""
        with self.ports.database.reading(self.organisation) as session:
            rows = session.scalars(select(Reminder))
            return {row.kind: row.sent for row in rows}

    def messages(self) -> list[Message]:
        with self.ports.database.reading() as session:
            query = select(Message).where(Message.topic == reminders.REMINDER).order_by(Message.created_at)
            return list(session.scalars(query, execution_options=EVERY_ORGANISATION))

    def events(self, topic: str) -> list[Event]:
        with self.ports.database.reading(self.organisation) as session:
            return list(session.scalars(select(Event).where(Event.topic == topic)))


def worker_of(ports: Ports) -> Worker:
    return Worker(
        ports.database, ports.clock, topics=reminders.topics(ports), duties=(reminders.duty(ports),)
    )


@pytest.fixture
def post(ports: Ports, clock: SetClock) -> Post:
    assert isinstance(ports.mailer, MemoryMailer)
    with ports.database.writing() as session:
        organisation = make.organisation(session, START).organisation.id
    return Post(ports, clock, ports.mailer, organisation, worker_of(ports))


@contextmanager
def through(post: Post, mailer: Mailer) -> Iterator[Callable[[], int]]:
    """Send by another mailer."""
    yield worker_of(replace(post.ports, mailer=mailer)).drain


# Once each, on its day


def test_every_date_is_recalled_once_on_its_day_and_nothing_else_is_written(post: Post) -> None:
    holder, _ = post.held()
    around = {day + timedelta(days=by) for day in DATES.values() for by in (-1, 0, 1)}
    weekly = {date(2029, 5, 1) + timedelta(weeks=each) for each in range(48)}
    sent: dict[date, int] = {}
    for day in sorted(around | weekly):
        post.go_to(day)
        before = len(post.mailer.letters)
        post.work()
        if new := len(post.mailer.letters) - before:
            sent[day] = new
    assert sent == dict.fromkeys(DATES.values(), 1)
    assert {mail.to for mail in post.mailer.letters} == {holder.email}
    assert post.recalled() == dict.fromkeys(DATES, True)


def test_a_day_is_the_associations_own(post: Post) -> None:
    post.held()
    for at, letters in (
        (datetime(2029, 5, 23, 21, 59, tzinfo=UTC), 0),
        (datetime(2029, 5, 23, 22, tzinfo=UTC), 1),
    ):
        post.clock.at = at
        worker_of(post.ports).drain()
        assert len(post.mailer.letters) == letters


def test_the_register_is_looked_through_once_an_hour_at_most(post: Post) -> None:
    post.clock.at = datetime(2029, 5, 23, 21, 30, tzinfo=UTC)
    post.held()
    post.work()
    post.clock.move(HOUR - timedelta(seconds=1))
    post.work()
    assert post.mailer.letters == []
    post.clock.move(timedelta(seconds=1))
    post.work()
    assert len(post.mailer.letters) == 1


def test_any_number_of_workers_send_one_letter(post: Post) -> None:
    for _ in range(3):
        post.held()
    post.go_to(DATES[Kind.P90D])
    ready = threading.Barrier(8)

    def work() -> None:
        ready.wait()
        worker_of(post.ports).drain()

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work) for _ in range(8)]:
            done.result()
    assert Counter(mail.to for mail in post.mailer.letters) == Counter(
        {mail.to for mail in post.mailer.letters}
    )
    assert len(post.mailer.letters) == 3
    assert len(post.messages()) == 3


def test_whom_another_worker_was_faster_with_is_left_to_it_and_the_others_are_not(post: Post) -> None:
    (first, its), (second, others) = post.held(), post.held()
    at = post.clock.now()
    with post.ports.database.writing(post.organisation) as session:
        outcomes = [
            reminders._leave(
                session, post.organisation, person.id, [reminders.Due(credential, 1, Kind.P7D)], at=at
            )
            for person, credential in ((first, its), (first, its), (second, others))
        ]
    assert outcomes == [True, False, True]
    assert [message.body["person"] for message in post.messages()] == [first.id, second.id]


def test_a_service_that_slept_for_half_a_year_writes_one_letter_to_each_of_three_hundred(post: Post) -> None:
    for _ in range(300):
        post.held()
    post.go_to(date(2029, 5, 1))
    post.work()
    assert post.mailer.letters == []
    post.go_to(date(2029, 11, 1))
    post.work()
    assert len(post.mailer.letters) == len({mail.to for mail in post.mailer.letters}) == 300
    assert post.recalled() == {Kind.P180D: False, Kind.P90D: False, Kind.P30D: True}
    post.clock.move(HOUR)
    post.work()
    assert len(post.mailer.letters) == 300


def test_a_letter_that_could_not_leave_until_the_next_date_gives_way_to_that_ones(post: Post) -> None:
    post.held()
    post.mailer.reachable = False
    post.go_to(DATES[Kind.P90D])
    post.work()
    post.go_to(DATES[Kind.P30D])
    post.work()
    post.mailer.reachable = True
    post.clock.move(HOUR)
    post.work()
    assert len(post.mailer.letters) == 1
    assert [each.facts["reminders"][0]["kind"] for each in post.events("reminder.sent")] == ["P30D"]  # type: ignore[index,call-overload]  # JSON as it was written
    assert all(message.done_at is not None for message in post.messages())


def kinds(post: Post) -> list[list[str]]:
    """What was sent, letter by letter."""
    facts: list[Any] = [event.facts["reminders"] for event in post.events("reminder.sent")]
    return [[each["kind"] for each in letter] for letter in facts]


@pytest.mark.parametrize("ahead", [Kind.P90D, Kind.P7D, Kind.GRACE])
def test_reminders_that_a_clock_asked_for_which_stood_ahead_come_once_each_on_their_days(
    post: Post, ahead: Kind
) -> None:
    post.held()
    post.mailer.reachable = False
    post.go_to(DATES[ahead] + timedelta(days=1))
    post.work()
    assert len(post.recalled()) == list(Kind).index(ahead) + 1
    post.mailer.reachable = True
    post.go_to(DATES[Kind.P180D] - timedelta(days=2))
    post.work()
    assert post.recalled() == {}
    assert all(message.done_at is not None for message in post.messages()), "nothing waits, and nothing fails"
    sent: dict[date, int] = {}
    for day in sorted(each + timedelta(days=more) for each in DATES.values() for more in (-1, 0, 1)):
        post.go_to(day)
        before = len(post.mailer.letters)
        for _ in range(3):
            post.work()
            post.clock.move(HOUR)
        if new := len(post.mailer.letters) - before:
            sent[day] = new
    assert sent == dict.fromkeys(DATES.values(), 1)
    assert kinds(post) == [[kind] for kind in DATES]


def test_what_was_sent_before_the_clock_stood_ahead_is_not_sent_again(post: Post) -> None:
    post.held()
    post.go_to(DATES[Kind.P180D])
    post.work()
    post.mailer.reachable = False
    post.go_to(DATES[Kind.P7D])
    post.work()
    post.mailer.reachable = True
    for day in (DATES[Kind.P180D] + timedelta(days=1), *list(DATES.values())[1:]):
        post.go_to(day)
        for _ in range(3):
            post.work()
            post.clock.move(HOUR)
    assert kinds(post) == [[kind] for kind in DATES]


def test_what_left_while_the_clock_stood_ahead_does_not_leave_again(post: Post) -> None:
    post.held()
    for kind in (Kind.P180D, Kind.P90D):
        post.go_to(DATES[kind])
        post.work()
    post.mailer.reachable = False
    post.go_to(DATES[Kind.P30D] + timedelta(days=1))
    post.work()
    post.mailer.reachable = True
    for day in (DATES[Kind.P90D] - timedelta(days=2), *DATES.values()):
        post.go_to(day)
        post.work()
    assert kinds(post) == [[kind] for kind in DATES]


def test_what_left_does_not_leave_again_when_the_clock_falls_behind(post: Post) -> None:
    post.held()
    for kind in (Kind.P180D, Kind.P90D):
        post.go_to(DATES[kind])
        post.work()
    post.mailer.reachable = False
    post.go_to(DATES[Kind.P30D])
    post.work()
    post.mailer.reachable = True
    post.go_to(DATES[Kind.P90D] - timedelta(days=1))
    for _ in range(30):
        post.work()
        post.clock.move(HOUR)
    post.go_to(DATES[Kind.P30D] + timedelta(days=2))
    post.work()
    assert kinds(post) == [["P180D"], ["P90D"], ["P30D"]]


@pytest.mark.parametrize("jump", [DATES[Kind.P30D] + timedelta(days=1), UNTIL + timedelta(days=3000)])
def test_what_a_clock_that_stood_ahead_made_too_late_comes_once_it_is_right(post: Post, jump: date) -> None:
    post.held()
    post.go_to(DATES[Kind.P180D])
    post.work()
    post.mailer.reachable = False
    for day in (DATES[Kind.P90D], jump):
        post.go_to(day)
        post.work()
    post.mailer.reachable = True
    post.go_to(DATES[Kind.P90D] + timedelta(days=1))
    for _ in range(3):
        post.work()
        post.clock.move(HOUR)
    post.go_to(DATES[Kind.P30D])
    post.work()
    assert kinds(post) == [["P180D"], ["P90D"], ["P30D"]]


def test_two_letters_that_wait_at_once_leave_once_each_on_their_days(post: Post) -> None:
    post.held()
    post.mailer.reachable = False
    post.go_to(DATES[Kind.P30D] + timedelta(days=1))
    post.work()
    post.go_to(DATES[Kind.P7D] + timedelta(days=1))
    reminders.remind(post.ports)  # duties have a thread of their own
    post.mailer.reachable = True
    post.go_to(DATES[Kind.P30D])
    for _ in range(5):
        post.work()
        post.clock.move(HOUR)
    assert kinds(post) == [["P30D"]]


def test_a_reminder_whose_day_has_come_comes_once_whatever_else_the_clock_asked_for(post: Post) -> None:
    post.held()
    post.mailer.reachable = False
    for kind in (Kind.P30D, Kind.P7D):
        post.go_to(DATES[kind] + timedelta(days=1))
        post.work()
    post.mailer.reachable = True
    post.go_to(DATES[Kind.P30D])
    for _ in range(5):
        post.work()
        post.clock.move(HOUR)
    assert kinds(post) == [["P30D"]]
    post.go_to(DATES[Kind.P7D])
    post.work()
    assert kinds(post) == [["P30D"], ["P7D"]]


def test_what_is_due_in_a_letter_does_not_wait_for_what_is_not(post: Post) -> None:
    (holder, first), (_, second) = post.held(), post.held(ANCHOR + timedelta(days=30))
    post.go_to(DATES[Kind.P30D])
    with post.ports.database.writing(post.organisation) as session:
        # No body here has two schemes yet; a person with two is reminded like this.
        found = [reminders.Due(first, 1, Kind.P90D), reminders.Due(second, 1, Kind.P90D)]
        assert reminders._leave(session, post.organisation, holder.id, found, at=post.clock.now())
    post.go_to(DATES[Kind.P90D])
    worker = replace(post.worker, duties=())
    worker.drain()
    assert kinds(post) == [["P90D"]]
    with post.ports.database.reading(post.organisation) as session:
        assert set(session.scalars(select(Reminder.credential_id))) == {first}
    post.go_to(DATES[Kind.P90D] + timedelta(days=30))
    post.work()
    assert kinds(post)[-1:] == [["P90D"]]


def test_what_one_person_has_to_renew_stands_in_one_letter(post: Post) -> None:
    (holder, first), (_, second) = post.held(), post.held()
    with post.ports.database.writing(post.organisation) as session:
        # No body here has two schemes yet; a person with two is reminded like this.
        found = [reminders.Due(first, 1, Kind.P90D), reminders.Due(second, 1, Kind.P90D)]
        assert reminders._leave(session, post.organisation, holder.id, found, at=post.clock.now())
    post.go_to(DATES[Kind.P90D])
    post.work()
    (letter,) = post.mailer.letters
    assert letter.to == holder.email
    assert "2 attestati da rinnovare" in letter.subject


# Stopped when there is no more reason


def test_nobody_is_reminded_of_what_was_filed_whatever_became_of_it(post: Post) -> None:
    for state in RenewalState:
        post.file(*post.held(), state)
    for day in DATES.values():
        post.go_to(day)
        post.work()
    assert post.messages() == []


def test_nobody_is_reminded_while_a_slow_review_is_bridged(post: Post) -> None:
    holder, credential = post.held()
    renewal = post.file(holder, credential, RenewalState.AUDIT)
    post.cover(credential, renewal, PeriodKind.BRIDGE, date(2030, 2, 18))
    for day in (*DATES.values(), date(2030, 2, 19)):
        post.go_to(day)
        post.work()
    assert post.messages() == []


@pytest.mark.parametrize("end", ["revoked_at", "closed_at"])
def test_nobody_is_reminded_of_a_credential_that_has_ended(post: Post, end: str) -> None:
    _, credential = post.held()
    post.change(credential, **{end: START})
    post.go_to(DATES[Kind.P90D])
    post.work()
    assert post.messages() == []


def test_nobody_is_reminded_of_a_credential_that_was_never_issued(post: Post) -> None:
    _, credential = post.held()
    post.change(credential, issued_at=None)
    post.go_to(DATES[Kind.P90D])
    post.work()
    assert post.messages() == []


def test_what_was_settled_before_the_letter_left_is_not_written_of(post: Post) -> None:
    filing, revoked = post.held(), post.held()
    post.mailer.reachable = False
    post.go_to(DATES[Kind.P90D])
    post.work()
    post.file(*filing)
    post.change(revoked[1], revoked_at=post.clock.now())
    post.mailer.reachable = True
    post.clock.move(HOUR)
    post.work()
    assert post.mailer.letters == []
    assert [message.done_at is not None for message in post.messages()] == [True, True]


def test_a_renewed_credential_is_recalled_again_in_its_next_cycle(post: Post) -> None:
    post.renew(*post.held())
    for day in DATES.values():
        post.go_to(day)
        post.work()
    assert post.mailer.letters == []
    post.go_to(date(2032, 11, 13))
    post.work()
    assert len(post.mailer.letters) == 1
    assert "20 November 2032" in post.mailer.letters[0].text


def test_a_suspended_holder_is_reminded_too_and_told_what_it_means(post: Post) -> None:
    _, credential = post.held()
    post.change(credential, suspended_at=START)
    post.go_to(DATES[Kind.P90D])
    post.work()
    (letter,) = post.mailer.letters
    assert "It is suspended" in letter.text


# What a letter says, and what is kept of it


def test_a_letter_is_written_from_the_register_as_it_is_when_it_leaves(post: Post) -> None:
    holder, _ = post.held()
    post.mailer.reachable = False
    post.go_to(DATES[Kind.P90D])
    post.work()
    with post.ports.database.writing(post.organisation) as session:
        session.execute(update(Person).where(Person.id == holder.id).values(email="new@example.org"))
    post.mailer.reachable = True
    post.clock.move(HOUR)
    post.work()
    (letter,) = post.mailer.letters
    assert letter.to == "new@example.org"
    assert f"Gentile {holder.given_name} {holder.family_name}," in letter.text
    assert f"https://sigillo.example.org/v/DLE-{holder.id[-20:]}" in letter.text
    assert "conta finora: 0 ore, su 90 ore." in letter.text.replace("\n", " ")
    assert "- 90 hours are missing in total" in letter.text.replace("\n", " ")


def test_a_body_in_test_mode_says_so_and_a_live_one_does_not(post: Post) -> None:
    post.held()
    post.go_to(DATES[Kind.P90D])
    post.work()
    with post.ports.database.writing(post.organisation) as session:
        session.execute(update(Organisation).values(mode=Mode.LIVE))
    post.go_to(DATES[Kind.P30D])
    post.work()
    assert ["TEST" in mail.subject and "TEST" in mail.text for mail in post.mailer.letters] == [True, False]


def test_messages_and_events_hold_identifiers_and_nothing_personal(post: Post) -> None:
    holder, _ = post.held()
    refused, _ = post.held()
    post.mailer.refused.add(refused.email)
    post.go_to(DATES[Kind.P90D])
    post.work()
    kept = [message.body for message in post.messages()]
    kept += [
        {**each.about, **each.facts}
        for each in post.events("reminder.sent") + post.events("reminder.refused")
    ]
    for each in (holder, refused):
        for personal in (each.email, each.given_name, each.family_name):
            assert personal not in str(kept)
    assert len(kept) == 4


def test_one_association_never_reminds_anothers_holders(post: Post, ports: Ports) -> None:
    with ports.database.writing() as session:
        other = make.organisation(session, START, "Altra associazione").organisation.id
    post.held()
    replace(post, organisation=other).held()
    post.go_to(DATES[Kind.P90D])
    post.work()
    assert Counter(message.organisation_id for message in post.messages()) == {post.organisation: 1, other: 1}
    assert len(post.mailer.letters) == 2


def test_each_association_is_reminded_by_its_own_calendar(post: Post, ports: Ports) -> None:
    with ports.database.writing() as session:
        other = make.organisation(session, START, "Elsewhere").organisation
        other.time_zone = "America/New_York"
    (holder, _), _ = post.held(), replace(post, organisation=other.id).held()
    post.clock.at = datetime(2029, 5, 23, 23, tzinfo=UTC)
    post.work()
    assert [mail.to for mail in post.mailer.letters] == [holder.email]
    post.clock.move(5 * HOUR)
    post.work()
    assert len(post.mailer.letters) == 2


def test_an_association_that_cannot_be_served_does_not_keep_the_others_waiting(
    post: Post, ports: Ports
) -> None:
    with ports.database.writing() as session:
        other = make.organisation(session, START - HOUR, "Altra associazione").organisation
        other.time_zone = "Nowhere/Nothing"
    post.held()
    post.go_to(DATES[Kind.P90D])
    post.work()
    assert len(post.mailer.letters) == 1


# When mail does not go through


def test_mail_that_could_not_be_handed_over_is_tried_again_as_the_same_letter(post: Post) -> None:
    post.held()
    post.mailer.reachable = False
    post.go_to(DATES[Kind.P90D])
    post.work()
    (message,) = post.messages()
    assert (message.attempts, message.last_error) == (1, "MailUnreachable")
    post.mailer.reachable = True
    post.clock.move(HOUR)
    post.work()
    assert [mail.message_id for mail in post.mailer.letters] == [message.id]


def test_an_address_that_is_refused_is_written_down_and_not_tried_again(post: Post) -> None:
    holder, credential = post.held()
    post.mailer.refused.add(holder.email)
    post.go_to(DATES[Kind.P90D])
    post.work()
    post.mailer.refused.clear()
    post.clock.move(HOUR)
    post.work()
    assert post.mailer.letters == []
    (event,) = post.events("reminder.refused")
    assert event.about["person"] == holder.id
    assert event.facts == {"reminders": [{"credential": credential, "cycle": 1, "kind": "P90D"}]}


def test_no_letter_is_begun_that_another_worker_may_be_sending_by_its_end(post: Post) -> None:
    post.held()
    post.go_to(DATES[Kind.P90D])
    reminders.remind(post.ports)
    (message,) = post.messages()
    message.lease_until = post.clock.now() + LEASE / 3
    with pytest.raises(TooLateToBegin):
        reminders.topics(post.ports)[reminders.REMINDER](message)
    assert post.mailer.letters == []


# Over SMTP


@dataclass
class Inbox:
    """What a real mail server took in, and how often it says to come again first."""

    letters: list[bytes] = field(default_factory=list)
    put_off: int = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the server's own name for it
        del server, session
        assert isinstance(envelope.content, bytes)
        if self.put_off:
            self.put_off -= 1
            return "451 4.3.0 Come again"
        self.letters.append(envelope.content)
        return "250 OK"


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, int]]:
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield inbox, controller.port
    controller.stop()


def test_a_reminder_reaches_a_mail_server_that_first_puts_it_off(
    post: Post, inbox: tuple[Inbox, int]
) -> None:
    holder, _ = post.held()
    server, port = inbox
    server.put_off = 1
    post.go_to(DATES[Kind.P90D])
    with through(post, SmtpMailer(f"smtp://127.0.0.1:{port}", "register@example.org", post.clock)) as work:
        assert work() == 0
        post.clock.move(HOUR)
        assert work() == 1
    (content,) = server.letters
    letter = message_from_bytes(content, policy=policy.default)
    (message,) = post.messages()
    assert letter["To"] == holder.email
    assert letter["Message-ID"] == f"<{message.id}@example.org>"
    assert "20 novembre 2029" in letter["Subject"]
    assert isinstance(letter, EmailMessage)
    assert "Vale fino al 20 novembre 2029." in letter.get_content()


def test_a_letter_that_was_taken_and_not_confirmed_in_time_comes_again_under_its_own_mark(post: Post) -> None:
    post.held()

    @dataclass
    class Late(MemoryMailer):
        """Takes a letter, and then says too late that it did."""

        def send(self, mail: Mail) -> None:
            super().send(mail)
            if len(self.letters) == 1:
                raise TimeoutError

    mailer = Late(post.clock)
    post.go_to(DATES[Kind.P90D])
    with through(post, mailer) as work:
        work()
        post.clock.move(HOUR)
        work()
    assert len(mailer.letters) == 2
    assert len({mail.message_id for mail in mailer.letters}) == 1
    assert mailer.letters[0] == mailer.letters[1]
