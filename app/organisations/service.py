"""Organisations, people and their keys: who is known, what they are, and how they prove it."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.days import local_day
from app.core.db import enter
from app.core.errors import JsonValue
from app.core.ids import new_id, pattern
from app.organisations import notices, queries
from app.organisations.errors import (
    NOT_A_MEMBER,
    ClientNotFound,
    KeyNotAccepted,
    LastAdministrator,
    MembershipNotValid,
    MembershipNumberTaken,
    OrganisationNotFound,
    PeriodInverted,
    RoleAlreadyHeld,
    ScopeNotGrantable,
)
from app.organisations.models import (
    ApiClient,
    ApiKey,
    Membership,
    MembershipState,
    Mode,
    Organisation,
    Person,
    RoleGrant,
)
from app.organisations.queries import Rows, Sought
from app.organisations.rules import (
    PERSONS_ONLY,
    Actor,
    Permission,
    Role,
    permissions_of_client,
    permissions_of_person,
    whole_name,
)
from app.outbox import changes, trail
from app.outbox.trail import EventHead

KEY_LIFE: Final = timedelta(days=365)
LONGEST_KEY_LIFE: Final = timedelta(days=730)
# What the first back office needs. Scores and the trail are for keys that ask for them by name.
CLIENT_SCOPES: Final = tuple(
    sorted(
        {
            Permission.DOSSIERS_READ,
            Permission.DOSSIERS_WRITE,
            Permission.CREDENTIALS_READ,
            Permission.CREDENTIALS_ISSUE,
            Permission.MEMBERS_READ,
            Permission.MEMBERS_WRITE,
            Permission.DECISIONS_READ,
        }
    )
)
_KEY_ID: Final = re.compile(pattern("key"))
_TOKEN_ID: Final = re.compile(pattern("tok"))
_NOT_ACCEPTED: Final = "The key is missing, unknown, expired or revoked."


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at the only moment at which it can be read."""

    id: str
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class NewOrganisation:
    """What its founders need to begin: the only copy of two keys."""

    organisation: Organisation
    administrator: Person
    administrator_key: NewKey
    client: ApiClient
    client_key: NewKey


def found(
    session: Session,
    *,
    legal_name: str,
    url: str,
    time_zone: str,
    given_name: str,
    family_name: str,
    email: str,
    name_on_credential: str | None = None,
    at: datetime,
) -> NewOrganisation:
    """Create an organisation in test mode, with its first administrator and its API client."""
    organisation = Organisation(
        id=new_id("org"),
        legal_name=legal_name,
        url=url,
        time_zone=time_zone,
        mode=Mode.TEST,
        created_at=at,
        issuer_code=queries.next_issuer_code(session),
    )
    session.add(organisation)
    session.flush()
    enter(session, organisation.id)
    session.add(EventHead(organisation_id=organisation.id))
    administrator = add_person(
        session,
        organisation.id,
        given_name=given_name,
        family_name=family_name,
        name_on_credential=name_on_credential or whole_name(given_name, family_name),
        email=email,
        by=trail.SYSTEM,
        at=at,
    )
    grant_role(
        session,
        administrator.id,
        Role.ADMINISTRATOR,
        from_day=local_day(at, ZoneInfo(time_zone)),
        to_day=None,
        by=trail.SYSTEM,
        at=at,
    )
    client = add_client(session, organisation.id, name="Back office", by=trail.SYSTEM, at=at)
    return NewOrganisation(
        organisation,
        administrator,
        issue_key(session, person_id=administrator.id, scopes=None, expires_at=None, by=trail.SYSTEM, at=at),
        client,
        issue_key(
            session, client_id=client.id, scopes=CLIENT_SCOPES, expires_at=None, by=trail.SYSTEM, at=at
        ),
    )


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, by a key or a token of ours."""

    actor: Actor
    requests_per_minute: int | None  # the quota of the organisation's own, if it has one
    unnoted: str | None = None  # a key that nobody noted the use of today


def sought(token: str) -> Sought | None:
    """Say what has to be read to find out whose key or token this is; None if it is named as none of ours."""
    name = token.partition(".")[0]
    if _TOKEN_ID.fullmatch(name):
        return queries.token_sought(name)
    return queries.key_sought(name) if _KEY_ID.fullmatch(name) else None


def identify(token: str, found: Rows, *, at: datetime) -> Caller:
    """Say by what was found of it whose key or token this is, and what it allows.

    Raises `KeyNotAccepted` without saying why.
    """
    if token.startswith("tok_"):
        return _by_token(token, found, at)
    key, secret = queries.known_key(found), token.partition(".")[2]
    known = key.secret_hash if key else hash_of("")
    if not hmac.compare_digest(hash_of(secret), known) or key is None or not key.usable(at):
        raise KeyNotAccepted(_NOT_ACCEPTED)
    return Caller(
        _by_key(key, at), key.requests_per_minute, key.id if key.last_used_on != at.date() else None
    )


def note_use(session: Session, key_id: str, *, at: datetime) -> None:
    """Write down on which day a key was last used: once a day, whatever is done with it."""
    queries.key(session, key_id).last_used_on = at.date()


def _by_token(token: str, rows: Rows, at: datetime) -> Caller:
    found, secret = queries.known_token(rows), token.partition(".")[2]
    known = found.secret_hash if found else hash_of("")
    if not hmac.compare_digest(hash_of(secret), known) or found is None or at >= found.expires_at:
        raise KeyNotAccepted(_NOT_ACCEPTED)
    # What the client lost since is lost to its tokens too.
    scopes = frozenset(found.scopes).intersection(found.client_scopes or ())
    allowed = permissions_of_client(scopes)
    actor = Actor(found.client_id, found.organisation_id, frozenset(), allowed, is_person=False)
    return Caller(actor, found.requests_per_minute)


def _by_key(key: queries.KnownKey, at: datetime) -> Actor:
    scopes = None if key.scopes is None else frozenset(key.scopes)
    if key.person_id is None:
        allowed = permissions_of_client(scopes or frozenset())
        return Actor(
            str(key.client_id), key.organisation_id, frozenset(), allowed, is_person=False, key_id=key.id
        )
    roles = key.roles(local_day(at, ZoneInfo(key.time_zone)))
    allowed = permissions_of_person(roles, scopes)
    return Actor(
        key.person_id,
        key.organisation_id,
        roles,
        allowed,
        is_person=True,
        narrowed=scopes is not None,
        key_id=key.id,
    )


def allowed_now(
    session: Session, organisation_id: str, holder_id: str, *, is_person: bool, at: datetime
) -> frozenset[Permission]:
    """Say what somebody may now at most, for work that goes on in their name: nobody, where they are gone."""
    if is_person:
        today = today_of(session, organisation_id, at)
        return permissions_of_person(queries.roles_on(session, holder_id, today), None)
    try:
        client = queries.client(session, holder_id)
    except ClientNotFound:
        return frozenset()
    keys = queries.keys_of_client(session, client.id, at)
    return permissions_of_client(frozenset(client.scopes or ()).union(*(key.scopes or () for key in keys)))


def own_organisation(session: Session, organisation_id: str, *, by: Actor) -> Organisation:
    """Give the actor's own organisation; another's does not exist for them."""
    if organisation_id != by.organisation_id:
        raise OrganisationNotFound("There is no such organisation.")
    return queries.organisation(session, organisation_id)


def open_register(
    session: Session,
    organisation_id: str,
    open_: bool,  # noqa: FBT001 - the one fact it is about
    *,
    by: Actor,
    at: datetime,
) -> Organisation:
    """Decide whether anybody may look numbers up; a document in hand is verified either way."""
    organisation = own_organisation(session, organisation_id, by=by)
    if organisation.register_open != open_:
        organisation.register_open = open_
        trail.record(
            session,
            "register.opened" if open_ else "register.closed",
            organisation_id=organisation.id,
            by=by.id,
            at=at,
            about={"organisation": organisation.id},
        )
        changes.announce(session, f"organisation:{organisation.id}", at=at)
    return organisation


def go_live(session: Session, organisation_id: str, *, by: str, at: datetime) -> bool:
    """Let what an organisation issues from now on be meant; tells whether it was in test mode till now.

    There is no way back: nobody could tell any more which of its documents were.
    """
    organisation = queries.organisation(session, organisation_id)
    enter(session, organisation.id)
    if organisation.mode == Mode.LIVE:
        return False
    organisation.mode = Mode.LIVE
    trail.record(
        session,
        "organisation.live",
        organisation_id=organisation.id,
        by=by,
        at=at,
        about={"organisation": organisation.id},
    )
    changes.announce(session, f"organisation:{organisation.id}", at=at)
    return True


def today_of(session: Session, organisation_id: str, at: datetime) -> date:
    """Tell which day it is where the organisation is."""
    return local_day(at, ZoneInfo(queries.organisation(session, organisation_id).time_zone))


def set_quota(
    session: Session, organisation_id: str, requests_per_minute: int | None, *, by: str, at: datetime
) -> Organisation:
    """Decide how many requests a minute each caller of an organisation may make; None: as the rest."""
    organisation = queries.organisation(session, organisation_id)
    enter(session, organisation.id)
    organisation.requests_per_minute = requests_per_minute
    trail.record(
        session,
        "organisation.quota-set",
        organisation_id=organisation.id,
        by=by,
        at=at,
        about={"organisation": organisation.id},
        facts={"requests_per_minute": requests_per_minute},
    )
    return organisation


def add_person(
    session: Session,
    organisation_id: str,
    *,
    given_name: str,
    family_name: str,
    name_on_credential: str,
    email: str,
    by: str,
    at: datetime,
) -> Person:
    """Get to know a person."""
    person = Person(
        id=new_id("per"),
        organisation_id=organisation_id,
        given_name=given_name,
        family_name=family_name,
        name_on_credential=name_on_credential,
        email=email,
        created_at=at,
    )
    session.add(person)
    session.flush()
    trail.record(
        session, "person.added", by=by, at=at, organisation_id=organisation_id, about={"person": person.id}
    )
    return person


def admit_member(
    session: Session,
    person_id: str,
    *,
    number: str,
    from_day: date,
    to_day: date | None,
    by: str,
    at: datetime,
) -> Membership:
    """Enter a person in the members' book."""
    person = queries.person(session, person_id)
    _in_order(from_day, to_day)
    membership = Membership(
        id=new_id("mem"),
        organisation_id=person.organisation_id,
        person_id=person.id,
        number=number,
        from_day=from_day,
        to_day=to_day,
        state=MembershipState.ACTIVE,
    )
    try:
        with session.begin_nested():
            session.add(membership)
    except IntegrityError:
        raise MembershipNumberTaken(f"The membership number {number} is taken.") from None
    trail.record(
        session,
        "membership.begun",
        by=by,
        at=at,
        organisation_id=person.organisation_id,
        about={"person": person.id, "membership": membership.id},
    )
    return membership


def change_membership(
    session: Session,
    membership_id: str,
    *,
    state: MembershipState,
    to_day: date | None,
    by: str,
    at: datetime,
) -> Membership:
    """Suspend, resume or end a membership."""
    membership = queries.membership(session, membership_id)
    _in_order(membership.from_day, to_day)
    membership.state = state
    membership.to_day = to_day
    trail.record(
        session,
        "membership.changed",
        by=by,
        at=at,
        organisation_id=membership.organisation_id,
        about={"person": membership.person_id, "membership": membership.id},
        facts={"state": state.value},
    )
    return membership


def require_membership(session: Session, person_id: str, on: date) -> Membership:
    """Insist that a person's membership is in force on a day (the scheme says at which steps)."""
    membership = queries.membership_on(session, person_id, on)
    if membership is None:
        raise MembershipNotValid(NOT_A_MEMBER)
    return membership


def grant_role(
    session: Session,
    person_id: str,
    role: Role,
    *,
    from_day: date,
    to_day: date | None,
    by: str,
    at: datetime,
) -> RoleGrant:
    """Give a person a role, for a time or until further notice; never for days that are over."""
    person = queries.person_locked(session, person_id)
    _in_order(from_day, to_day)
    if from_day < today_of(session, person.organisation_id, at):
        raise PeriodInverted("A role begins today or later: what was done without it stays so.")
    if role in queries.roles_on(session, person_id, from_day):
        raise RoleAlreadyHeld(f"The person holds the role {role} already.")
    grant = RoleGrant(
        id=new_id("rol"),
        organisation_id=person.organisation_id,
        person_id=person_id,
        role=role.value,
        from_day=from_day,
        to_day=to_day,
    )
    session.add(grant)
    session.flush()
    trail.record(
        session,
        "role.granted",
        by=by,
        at=at,
        organisation_id=person.organisation_id,
        about={"person": person_id},
        facts={"role": role.value},
    )
    return grant


def end_role(
    session: Session, person_id: str, role: Role, *, last: date | None, by: Actor, at: datetime
) -> None:
    """End a role after its last day, or at once; who would hold it only later never will.

    The last administrator keeps the role: nobody would be left to give it to anybody.
    """
    queries.organisation_locked(session, by.organisation_id)
    person = queries.person_locked(session, person_id)
    today = today_of(session, person.organisation_id, at)
    ends = last or today - timedelta(days=1)
    if last is not None and last < today:
        raise PeriodInverted("A role that was held stays so for days that are over.")
    grants = queries.grants_to_end(session, person_id, role, ends)
    next_day = ends + timedelta(days=1)
    if role is Role.ADMINISTRATOR and not queries.has_other_administrator(session, person_id, next_day):
        raise LastAdministrator("Make somebody else administrator first, until further notice.")
    for grant in grants:
        if grant.from_day > ends:
            session.delete(grant)
        else:
            grant.to_day = ends
    trail.record(
        session,
        "role.ended",
        by=by.id,
        at=at,
        organisation_id=person.organisation_id,
        about={"person": person_id},
        facts={"role": role.value, "last_day": ends.isoformat()},
    )


def add_client(
    session: Session,
    organisation_id: str,
    *,
    name: str,
    by: str,
    at: datetime,
    scopes: Collection[str] | None = None,
    within: Collection[Permission] | None = None,
) -> ApiClient:
    """Register a program that may call the API, with the most that it may ever do, if that is known."""
    client = ApiClient(
        id=new_id("cli"),
        organisation_id=organisation_id,
        name=name,
        created_at=at,
        scopes=None if scopes is None else scopes_of_client(scopes, within=within),
    )
    session.add(client)
    session.flush()
    trail.record(
        session,
        "client.added",
        by=by,
        at=at,
        organisation_id=organisation_id,
        about={"client": client.id},
        facts={} if client.scopes is None else {"scopes": list[JsonValue](client.scopes)},
    )
    return client


def scopes_of_client(scopes: Collection[str], *, within: Collection[Permission] | None = None) -> list[str]:
    """Check what a client is to be allowed: nothing that only persons do, or that its maker may not give."""
    _grantable(scopes, to_person=False)
    _none_wider(scopes, within)
    return sorted(set(scopes))


def issue_key(
    session: Session,
    *,
    person_id: str | None = None,
    client_id: str | None = None,
    scopes: Collection[str] | None,
    expires_at: datetime | None,
    by: str,
    at: datetime,
    within: Collection[Permission] | None = None,
) -> NewKey:
    """Make a key for one person or one client; what is returned is the only copy of its secret.

    `within` is what a narrowed key may hand on: no key makes another that is wider than itself.
    """
    if (person_id is None) == (client_id is None):
        raise ScopeNotGrantable("A key belongs to one person or to one client.")
    owner = (
        queries.person(session, person_id) if person_id else queries.client_locked(session, str(client_id))
    )
    _grantable(scopes, to_person=person_id is not None)
    if isinstance(owner, ApiClient) and owner.scopes is not None and not set(scopes or ()) <= {*owner.scopes}:
        raise ScopeNotGrantable("The client itself may not do all of this.")
    ends = expires_at or at + KEY_LIFE
    if ends <= at:
        raise PeriodInverted("The key would have expired already.")
    if ends > at + LONGEST_KEY_LIFE:
        raise PeriodInverted("A key lives for two years at most.")
    _none_wider(scopes, within)
    secret = secrets.token_urlsafe(32)
    key = ApiKey(
        id=new_id("key"),
        organisation_id=owner.organisation_id,
        secret_hash=hash_of(secret),
        person_id=person_id,
        client_id=client_id,
        scopes=None if scopes is None else sorted(set(scopes)),
        created_at=at,
        expires_at=ends,
    )
    session.add(key)
    session.flush()
    trail.record(
        session,
        "key.issued",
        by=by,
        at=at,
        organisation_id=owner.organisation_id,
        about={"key": key.id, "owner": owner.id},
        facts={"owner": owner.id, "scopes": None if key.scopes is None else list[JsonValue](key.scopes)},
    )
    if person_id is not None and by not in {person_id, trail.SYSTEM}:
        # Whoever makes a key for somebody could act as they do: they are told, and by whom.
        notices.leave(session, key, by=by, at=at)
    return NewKey(key.id, f"{key.id}.{secret}", ends)


def revoke_key(session: Session, key_id: str, *, by: str, at: datetime) -> ApiKey:
    """End a key now. Ending it again changes nothing."""
    key = queries.key(session, key_id)
    if key.revoked_at is None:
        key.revoked_at = at
        trail.record(
            session, "key.revoked", by=by, at=at, organisation_id=key.organisation_id, about={"key": key.id}
        )
    return key


def _grantable(scopes: Collection[str] | None, *, to_person: bool) -> None:
    if to_person and scopes is None:
        return
    if not scopes:
        raise ScopeNotGrantable("Name the scopes: a client gets none by itself.")
    unknown = sorted(set(scopes) - {p.value for p in Permission})
    if unknown:
        raise ScopeNotGrantable(f"There is no scope {', '.join(unknown)}.")
    barred = sorted(set(scopes) & {p.value for p in PERSONS_ONLY})
    if barred and not to_person:
        raise ScopeNotGrantable(
            f"Only persons may hold {', '.join(barred)}.",
            persons_only=list[JsonValue](sorted(p.value for p in PERSONS_ONLY)),
        )


def _none_wider(scopes: Collection[str] | None, within: Collection[Permission] | None) -> None:
    if within is not None and not set(scopes or [p.value for p in Permission]) <= {p.value for p in within}:
        raise ScopeNotGrantable("A key that was narrowed makes none that is wider.")


def _in_order(from_day: date, to_day: date | None) -> None:
    if to_day is not None and to_day < from_day:
        raise PeriodInverted("The period ends before it begins.")


def hash_of(secret: str) -> str:
    """Give the form in which a secret of ours is kept."""
    # It holds 256 random bits, so a fast hash gives nothing away; slow ones are for passwords.
    return hashlib.sha256(secret.encode()).hexdigest()
