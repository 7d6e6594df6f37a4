"""First stage of issuing: decisions become entries in the register, where nothing forbids it."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import columns
from app.core.days import anniversary, local_day
from app.core.errors import Problem
from app.core.ids import new_id
from app.core.numbers import CredentialNumber
from app.credentials import standing
from app.credentials.composing import Entry
from app.credentials.errors import CredentialIssuedAlready, CredentialOpenAlready, OwnCredential
from app.credentials.models import Credential, Period
from app.credentials.rules import PeriodKind
from app.decisions import queries as decisions
from app.decisions.queries import Grant
from app.organisations import queries as organisations
from app.organisations.errors import NOT_A_MEMBER, MembershipNotValid
from app.organisations.models import Mode
from app.organisations.rules import Actor
from app.schemes.catalogue import catalogue
from app.schemes.scheme import Scheme

_CREDENTIAL, _PERIOD = columns.table(Credential), columns.table(Period)
_TAKEN: Final = select(_PERIOD.c.decision_id, _PERIOD.c.credential_id).where(
    columns.inside(_PERIOD), columns.among(_PERIOD.c.decision_id, "ids")
)
_OPEN: Final = select(_CREDENTIAL.c.holder_id, _CREDENTIAL.c.scheme_id, _CREDENTIAL.c.id).where(
    columns.inside(_CREDENTIAL),
    columns.among(_CREDENTIAL.c.holder_id, "ids"),
    _CREDENTIAL.c.closed_at.is_(None),
)


def enter(
    session: Session, decision_ids: Sequence[str], *, by: Actor, at: datetime
) -> tuple[list[Entry | Problem], datetime]:
    """Hold these decisions, and make an entry of each from which a credential may come; else say why not.

    Nothing is written yet: see `register`. Gives the instant, too: none of them is older than its decision.
    """
    granted = decisions.granted(session, {*decision_ids})
    grants = {name: each for name, each in granted.items() if isinstance(each, Grant)}
    holders = {each.holder_id for each in grants.values()}
    # Two grants for one person may be issued at once: the second waits here, and then sees the first's entry.
    names = organisations.names_of_locked(session, holders) if holders else {}
    published = (each.published_at for each in grants.values() if each.published_at is not None)
    now = max([at, *(each for each in published if each <= at + standing.SKEW)])
    desk = _Desk(session, grants, names, by=by, clock=at, at=now)
    return [_tried(desk, granted[name]) for name in decision_ids], now


def _tried(desk: "_Desk", grant: Grant | Problem) -> Entry | Problem:
    if isinstance(grant, Problem):
        return grant
    try:
        return desk.entry(grant)
    except Problem as refused:
        return refused


class _Desk:
    """Makes entries one after another, and knows those that it made."""

    def __init__(
        self,
        session: Session,
        grants: Mapping[str, Grant],
        names: Mapping[str, str],
        *,
        by: Actor,
        clock: datetime,
        at: datetime,
    ) -> None:
        self._by = by
        self._clock = clock
        self._names = names
        self._organisation = organisations.body_of(session)
        self._today = local_day(at, ZoneInfo(self._organisation.time_zone))
        self._schemes = dict[tuple[str, str], Scheme]()
        self._taken = dict[str, str]()
        self._open = dict[tuple[str, str], str]()
        self._members: Collection[str] = ()
        if grants:
            rows = columns.read(session, _TAKEN, ids=[*grants])
            self._taken = {row.decision_id: row.credential_id for row in rows}
            rows = columns.read(session, _OPEN, ids=[*names])
            self._open = {(row.holder_id, row.scheme_id): row.id for row in rows}
            self._members = organisations.members_on(session, names, self._today)

    def entry(self, grant: Grant) -> Entry:
        """Make an entry of a grant, if nothing forbids it."""
        standing.not_before(grant.published_at, self._clock, "the decision was published. Set it right")
        if taken := self._taken.get(grant.id):
            raise CredentialIssuedAlready("This decision has its credential already.", credential=taken)
        if grant.holder_id == self._by.id:
            raise OwnCredential("Another registrar issues this credential.")
        if held := self._open.get((grant.holder_id, grant.scheme_id)):
            raise CredentialOpenAlready(
                "The holder has an open credential of this scheme. It is renewed, or closed first.",
                credential=held,
            )
        scheme = self._schemes.get((grant.scheme_id, grant.scheme_version))
        if scheme is None:
            scheme = catalogue().version(grant.scheme_id, grant.scheme_version)
            self._schemes[grant.scheme_id, grant.scheme_version] = scheme
        if _needs_membership(scheme) and grant.holder_id not in self._members:
            raise MembershipNotValid(NOT_A_MEMBER)
        made = _entry(grant, scheme, self._names[grant.holder_id], self._organisation.mode, self._today)
        self._taken[grant.id] = self._open[grant.holder_id, grant.scheme_id] = made.credential_id
        return made


def _entry(grant: Grant, scheme: Scheme, holder_name: str, mode: Mode, today: date) -> Entry:
    return Entry(
        credential_id=new_id("crd"),
        number=str(CredentialNumber.draw(scheme.code, today.year)),
        subject_id=uuid.uuid4().urn,
        holder_id=grant.holder_id,
        holder_name=holder_name,
        scheme_id=scheme.id,
        mode=mode,
        period_id=new_id("prd"),
        scheme_version=scheme.version,
        valid_from=today,
        valid_until=anniversary(today, scheme.validity.period.years),
        ground={"decision": grant.id},
    )


def _needs_membership(scheme: Scheme) -> bool:
    rules = scheme.admission.membership
    return rules.required and "issuance" in rules.at


def register(session: Session, entries: Sequence[Entry], *, at: datetime) -> None:
    """Enter credentials and their first periods in the register; the public sees nothing of them yet."""
    columns.write(
        session,
        Credential,
        [
            {
                "id": entry.credential_id,
                "number": entry.number,
                "holder_id": entry.holder_id,
                "scheme_id": entry.scheme_id,
                "subject_id": entry.subject_id,
                "anchor": entry.valid_from,
                "created_at": at,
                "updated_at": at,
                "mode": entry.mode,
                "version": 1,
            }
            for entry in entries
        ],
    )
    columns.write(
        session,
        Period,
        [
            {
                "id": entry.period_id,
                "credential_id": entry.credential_id,
                "seq": 1,
                "kind": PeriodKind.GRANT,
                "cycle": 1,
                "decision_id": entry.ground["decision"],
                "scheme_version": entry.scheme_version,
                "valid_from": entry.valid_from,
                "valid_until": entry.valid_until,
            }
            for entry in entries
        ],
    )
