"""Reads of organisations, people and keys."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, bindparam, func, or_, select
from sqlalchemy.orm import Session, selectinload

from app.core import columns
from app.core.db import EVERY_ORGANISATION, Owned, look_up
from app.core.hosts import address_at
from app.organisations.errors import (
    ClientNotFound,
    JwkNotFound,
    KeyNotFound,
    MembershipNotFound,
    OrganisationNotFound,
    PersonNotFound,
    RoleNotHeld,
    SecretNotFound,
)
from app.organisations.models import (
    AccessToken,
    ApiClient,
    ApiKey,
    ClientJwk,
    ClientSecret,
    Membership,
    MembershipState,
    Mode,
    Organisation,
    Person,
    RoleGrant,
)
from app.organisations.rules import Role

Rows = Sequence[Sequence[Any]]
Sought = tuple[type[Owned], str, Select[Any]]  # what `of_anyone` takes, of a session or of the database


def organisation(session: Session, organisation_id: str) -> Organisation:
    found = session.get(Organisation, organisation_id)
    if found is None:
        raise OrganisationNotFound("There is no such organisation.")
    return found


_ORGANISATION: Final = columns.table(Organisation)
_BODY: Final = select(
    _ORGANISATION.c.id,
    _ORGANISATION.c.legal_name,
    _ORGANISATION.c.url,
    _ORGANISATION.c.time_zone,
    _ORGANISATION.c.mode,
    _ORGANISATION.c.issuer_code,
    _ORGANISATION.c.host,
).where(_ORGANISATION.c.id == columns.WHOSE)


@dataclass(frozen=True, slots=True)
class Body:
    """What documents tell of the organisation that issues them, and what it takes to write them."""

    id: str
    legal_name: str
    url: str
    time_zone: str
    mode: Mode
    issuer_code: int
    host: str | None = None

    def address(self, public_url: str) -> str:
        """Tell under which address it issues, in an installation at this one."""
        return address_at(public_url, self.host)


def body_of(session: Session) -> Body:
    """Read that of the session's organisation."""
    (found,) = columns.read(session, _BODY)
    return Body(*found)


def organisations(session: Session) -> list[Organisation]:
    return list(session.scalars(select(Organisation).order_by(Organisation.created_at)))


def codes(session: Session) -> dict[str, int]:
    """Give the code by which QR codes call each organisation of this installation, by its id."""
    return {found.id: found.issuer_code for found in organisations(session)}


def any_live(session: Session) -> bool:
    """Tell whether any organisation of this installation is live."""
    return (
        session.scalars(select(Organisation.id).where(Organisation.mode == Mode.LIVE).limit(1)).first()
        is not None
    )


def next_issuer_code(session: Session) -> int:
    """Give the code that the next body of this installation is known by in its QRs."""
    return (session.scalar(select(func.max(Organisation.issuer_code))) or 0) + 1


def person(session: Session, person_id: str) -> Person:
    found = session.get(Person, person_id)
    if found is None:
        raise PersonNotFound("There is no such person here.")
    return found


def person_of_anyone(session: Session, person_id: str) -> Person:
    """Find a person whichever organisation they belong to: for the operator, who serves them all."""
    look_up(session, Person, person_id)
    found = session.scalars(
        select(Person).where(Person.id == person_id), execution_options=EVERY_ORGANISATION
    ).first()
    if found is None:
        raise PersonNotFound("There is no such person here.")
    return found


def person_locked(session: Session, person_id: str) -> Person:
    """Give a person whom nobody else changes until this transaction ends (SQLite locks everything anyway)."""
    found = session.scalars(
        select(Person)
        .where(Person.id == person_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if found is None:
        raise PersonNotFound("There is no such person here.")
    return found


def name_of(session: Session, holder_id: str, *, is_person: bool) -> str:
    """Tell what the holder of a key is called."""
    if not is_person:
        return client(session, holder_id).name
    known = person(session, holder_id)
    return f"{known.given_name} {known.family_name}"


def people(session: Session, *, after: str | None, limit: int) -> list[Person]:
    query = select(Person).options(selectinload(Person.memberships), selectinload(Person.roles))
    if after is not None:
        query = query.where(Person.id > after)
    return list(session.scalars(query.order_by(Person.id).limit(limit)))


def membership(session: Session, membership_id: str) -> Membership:
    found = session.get(Membership, membership_id)
    if found is None:
        raise MembershipNotFound("There is no such membership here.")
    return found


def client(session: Session, client_id: str) -> ApiClient:
    found = session.get(ApiClient, client_id)
    if found is None or found.removed_at is not None:
        raise ClientNotFound("There is no such API client here.")
    return found


def client_locked(session: Session, client_id: str) -> ApiClient:
    """Give a client of which nothing else changes until this transaction ends: no token, secret or scope."""
    found = session.scalars(
        select(ApiClient)
        .where(ApiClient.id == client_id, ApiClient.removed_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).first()
    if found is None:
        raise ClientNotFound("There is no such API client here.")
    return found


def clients(session: Session, *, after: str | None, limit: int) -> list[ApiClient]:
    query = select(ApiClient).where(ApiClient.removed_at.is_(None))
    if after is not None:
        query = query.where(ApiClient.id > after)
    return list(session.scalars(query.order_by(ApiClient.id).limit(limit)))


def organisation_of_client(session: Session, client_id: str) -> str | None:
    """Tell whose client it is, before it is known who asks."""
    look_up(session, ApiClient, client_id)
    return session.scalars(
        select(ApiClient.organisation_id).where(ApiClient.id == client_id, ApiClient.removed_at.is_(None)),
        execution_options=EVERY_ORGANISATION,
    ).first()


def secrets_of(session: Session, client_id: str, at: datetime) -> list[ClientSecret]:
    """Give the secrets that a client may prove itself with now."""
    rows = session.scalars(
        select(ClientSecret)
        .where(
            ClientSecret.client_id == client_id,
            ClientSecret.revoked_at.is_(None),
            ClientSecret.expires_at > at,
        )
        .order_by(ClientSecret.created_at, ClientSecret.id)
    )
    return list(rows)


def secret(session: Session, client_id: str, secret_id: str) -> ClientSecret:
    found = session.get(ClientSecret, secret_id)
    if found is None or found.client_id != client_id:
        raise SecretNotFound("The client has no such secret.")
    return found


def jwks_of(session: Session, client_id: str) -> list[ClientJwk]:
    rows = session.scalars(
        select(ClientJwk).where(ClientJwk.client_id == client_id).order_by(ClientJwk.created_at, ClientJwk.id)
    )
    return list(rows)


def jwk(session: Session, client_id: str, jwk_id: str) -> ClientJwk:
    found = session.get(ClientJwk, jwk_id)
    if found is None or found.client_id != client_id:
        raise JwkNotFound("The client has no such key.")
    return found


def key(session: Session, key_id: str) -> ApiKey:
    found = session.get(ApiKey, key_id)
    if found is None:
        raise KeyNotFound("There is no such key here.")
    return found


def key_locked(session: Session, key_id: str) -> ApiKey:
    """Give a key that nobody else ends or rotates until this transaction ends."""
    found = session.scalars(
        select(ApiKey).where(ApiKey.id == key_id).with_for_update().execution_options(populate_existing=True)
    ).first()
    if found is None:
        raise KeyNotFound("There is no such key here.")
    return found


def keys(
    session: Session, *, person: str | None, client: str | None, after: str | None, limit: int
) -> list[ApiKey]:
    query = select(ApiKey)
    if person is not None:
        query = query.where(ApiKey.person_id == person)
    if client is not None:
        query = query.where(ApiKey.client_id == client)
    if after is not None:
        query = query.where(ApiKey.id > after)
    return list(session.scalars(query.order_by(ApiKey.id).limit(limit)))


@dataclass(frozen=True, slots=True)
class KnownToken:
    """What is known of an access token: whose it is, until when, and what it and its client may."""

    organisation_id: str
    client_id: str
    secret_hash: str
    scopes: list[str]
    expires_at: datetime
    client_scopes: list[str] | None
    requests_per_minute: int | None  # its organisation's own quota


_TOKEN, _CLIENT = columns.table(AccessToken), columns.table(ApiClient)
_KEY, _OWNER, _GRANT = columns.table(ApiKey), columns.table(Organisation), columns.table(RoleGrant)
# Written once: it is asked for every call of a program.
_KNOWN_TOKEN: Final = (
    select(
        _TOKEN.c.organisation_id,
        _TOKEN.c.client_id,
        _TOKEN.c.secret_hash,
        _TOKEN.c.scopes,
        _TOKEN.c.expires_at,
        _CLIENT.c.scopes,
        _OWNER.c.requests_per_minute,
    )
    .join(_CLIENT, _CLIENT.c.id == _TOKEN.c.client_id)
    .join(_OWNER, _OWNER.c.id == _TOKEN.c.organisation_id)
    .where(_TOKEN.c.id == bindparam("name"))
)


def token_sought(token_id: str) -> Sought:
    """Say how an access token is looked up before it is known whose it is."""
    return AccessToken, token_id, _KNOWN_TOKEN


def known_token(rows: Rows) -> KnownToken | None:
    """Read what was found of it. Those that ended early are deleted."""
    return KnownToken(*rows[0]) if rows else None


@dataclass(frozen=True, slots=True)
class KnownKey:
    """What is known of a key: whose it is, whether it is in use, and all that its person was ever granted."""

    id: str
    organisation_id: str
    secret_hash: str
    person_id: str | None
    client_id: str | None
    scopes: list[str] | None
    expires_at: datetime
    revoked_at: datetime | None
    last_used_on: date | None
    time_zone: str
    requests_per_minute: int | None  # its organisation's own quota
    grants: Sequence[tuple[str, date, date | None]]

    def usable(self, at: datetime) -> bool:
        return self.revoked_at is None and at < self.expires_at

    def roles(self, on: date) -> frozenset[Role]:
        """Tell which roles its person holds on a day."""
        held = [role for role, begins, ends in self.grants if begins <= on and (ends is None or ends >= on)]
        return frozenset(Role(role) for role in held)


# Written once and past the ORM: it is asked for every call.
_KNOWN_KEY: Final = (
    select(
        _KEY.c.id,
        _KEY.c.organisation_id,
        _KEY.c.secret_hash,
        _KEY.c.person_id,
        _KEY.c.client_id,
        _KEY.c.scopes,
        _KEY.c.expires_at,
        _KEY.c.revoked_at,
        _KEY.c.last_used_on,
        _OWNER.c.time_zone,
        _OWNER.c.requests_per_minute,
        _GRANT.c.role,
        _GRANT.c.from_day,
        _GRANT.c.to_day,
    )
    .join(_OWNER, _OWNER.c.id == _KEY.c.organisation_id)
    .outerjoin(_GRANT, _GRANT.c.person_id == _KEY.c.person_id)
    .where(_KEY.c.id == bindparam("name"))
)


def key_sought(key_id: str) -> Sought:
    """Say how a key is looked up before it is known whose it is."""
    return ApiKey, key_id, _KNOWN_KEY


def known_key(rows: Rows) -> KnownKey | None:
    """Read what was found of it."""
    if not rows:
        return None
    grants = [(role, begins, ends) for *_, role, begins, ends in rows if role is not None]
    known: list[Any] = [*rows[0][:-3], grants]
    return KnownKey(*known)


def keys_of_client(session: Session, client_id: str, at: datetime) -> Sequence[ApiKey]:
    """Give the keys that a client can still use."""
    return session.scalars(
        select(ApiKey).where(
            ApiKey.client_id == client_id, ApiKey.revoked_at.is_(None), ApiKey.expires_at > at
        )
    ).all()


def roles_on(session: Session, person_id: str, on: date) -> frozenset[Role]:
    """Tell which roles a person holds on a day."""
    rows = session.scalars(select(RoleGrant).where(RoleGrant.person_id == person_id, *_in_force(on)))
    return frozenset(Role(row.role) for row in rows)


def grants_to_end(session: Session, person_id: str, role: Role, last: date) -> list[RoleGrant]:
    """Find when a person holds a role beyond a day."""
    rows = session.scalars(
        select(RoleGrant)
        .where(
            RoleGrant.person_id == person_id,
            RoleGrant.role == role.value,
            or_(RoleGrant.to_day.is_(None), RoleGrant.to_day > last),
        )
        .order_by(RoleGrant.from_day)
    ).all()
    if not rows:
        raise RoleNotHeld(f"The person does not hold the role {role} beyond that day.")
    return list(rows)


def has_other_administrator(session: Session, person_id: str, on: date) -> bool:
    """Tell whether somebody else is administrator on a day, and until further notice."""
    rows = session.scalars(
        select(RoleGrant.id)
        .where(
            RoleGrant.role == Role.ADMINISTRATOR.value,
            RoleGrant.person_id != person_id,
            RoleGrant.from_day <= on,
            RoleGrant.to_day.is_(None),
        )
        .limit(1)
    )
    return rows.first() is not None


def organisation_locked(session: Session, organisation_id: str) -> Organisation:
    """Give an organisation of which nobody else changes who leads it until this transaction ends."""
    found = session.get(Organisation, organisation_id, with_for_update=True)
    if found is None:
        raise OrganisationNotFound("There is no such organisation.")
    return found


def holders_of(session: Session, roles: Iterable[Role], on: date) -> frozenset[str]:
    """Tell who holds any of these roles on a day: the committee in office, for one."""
    rows = session.scalars(select(RoleGrant.person_id).where(RoleGrant.role.in_(list(roles)), *_in_force(on)))
    return frozenset(rows)


_MEMBERSHIP: Final = columns.table(Membership)
_MEMBERS: Final = select(_MEMBERSHIP.c.person_id).where(
    columns.inside(_MEMBERSHIP),
    columns.among(_MEMBERSHIP.c.person_id, "ids"),
    _MEMBERSHIP.c.state == MembershipState.ACTIVE,
    _MEMBERSHIP.c.from_day <= bindparam("day"),
    or_(_MEMBERSHIP.c.to_day.is_(None), _MEMBERSHIP.c.to_day >= bindparam("day")),
)
_PERSON: Final = columns.table(Person)
_NAMES: Final = (
    select(_PERSON.c.id, _PERSON.c.name_on_credential)
    .where(columns.inside(_PERSON), columns.among(_PERSON.c.id, "ids"))
    .order_by(_PERSON.c.id)
    .with_for_update(key_share=True)
)


def members_on(session: Session, person_ids: Collection[str], on: date) -> Collection[str]:
    """Tell whose membership is in force on a day."""
    return {row.person_id for row in columns.read(session, _MEMBERS, ids=[*person_ids], day=on)}


def names_of_locked(session: Session, person_ids: Collection[str]) -> Mapping[str, str]:
    """Give the names that credentials bear, of people for whom nobody else issues meanwhile."""
    rows = columns.read(session, _NAMES, ids=[*person_ids])
    return {row.id: row.name_on_credential for row in rows}


def membership_on(session: Session, person_id: str, on: date) -> Membership | None:
    """Find the membership of a person that is in force on a day."""
    rows = session.scalars(select(Membership).where(Membership.person_id == person_id))
    return next((row for row in rows if row.in_force(on)), None)


def _in_force(on: date) -> tuple[ColumnElement[bool], ...]:
    return RoleGrant.from_day <= on, or_(RoleGrant.to_day.is_(None), RoleGrant.to_day >= on)
