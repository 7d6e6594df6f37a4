"""Organisations, their people and API clients, and the keys that prove who is asking."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.db import Base, Choice, Owned
from app.core.hosts import address_at
from app.organisations.rules import LONGEST_NAME


class Mode(StrEnum):
    """Whether what an organisation issues is meant. Everything it makes in `test` says TEST."""

    TEST = "test"
    LIVE = "live"


class Organisation(Base):
    """A professional body that this installation serves."""

    __tablename__ = "organisation"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    legal_name: Mapped[str] = mapped_column(String(200))
    url: Mapped[str] = mapped_column(String(200))
    time_zone: Mapped[str] = mapped_column(String(40))
    mode: Mapped[Mode] = mapped_column(Choice(Mode, 8))
    created_at: Mapped[datetime]
    # What the offline QR calls the body, in a byte or two; our published key list says whose code it is.
    issuer_code: Mapped[int] = mapped_column(unique=True)
    # Under which its documents are issued, where it has one of its own: its DID and its addresses are of it.
    host: Mapped[str | None] = mapped_column(String(260), unique=True, index=True)
    # Whether anybody may look a number up. Where not, a document in hand is still verified.
    register_open: Mapped[bool] = mapped_column(default=True)
    # How many requests a minute each of its people and programs may make, where not as many as others.
    requests_per_minute: Mapped[int | None]
    version: Mapped[int] = mapped_column()

    __mapper_args__: Mapping[str, object] = {"version_id_col": version}

    def address(self, public_url: str) -> str:
        """Tell under which address it issues, in an installation at this one."""
        return address_at(public_url, self.host)


class Person(Owned, Base):
    """Somebody the organisation knows: a candidate, a holder, an assessor, its staff."""

    __tablename__ = "person"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    given_name: Mapped[str] = mapped_column(String(200))
    family_name: Mapped[str] = mapped_column(String(200))
    name_on_credential: Mapped[str] = mapped_column(String(LONGEST_NAME))
    email: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[datetime]
    memberships: Mapped[list["Membership"]] = relationship(order_by="Membership.from_day")
    roles: Mapped[list["RoleGrant"]] = relationship(order_by="RoleGrant.from_day")


class MembershipState(StrEnum):
    """Whether a membership stands. Only the dates end it quietly."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"


class Membership(Owned, Base):
    """A person's membership of the association, by its number in the members' book."""

    __tablename__ = "membership"
    __table_args__ = (UniqueConstraint("organisation_id", "number"),)

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"), index=True)
    number: Mapped[str] = mapped_column(String(40))
    from_day: Mapped[date]
    to_day: Mapped[date | None]
    state: Mapped[MembershipState] = mapped_column(Choice(MembershipState, 12))
    version: Mapped[int] = mapped_column()

    __mapper_args__: Mapping[str, object] = {"version_id_col": version}

    def in_force(self, on: date) -> bool:
        """Tell whether the membership stands on a day, its first and last day included."""
        within = self.from_day <= on and (self.to_day is None or on <= self.to_day)
        return within and self.state == MembershipState.ACTIVE


class RoleGrant(Owned, Base):
    """A role that a person holds for a time."""

    __tablename__ = "role_grant"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    person_id: Mapped[str] = mapped_column(ForeignKey("person.id"), index=True)
    role: Mapped[str] = mapped_column(String(30))
    from_day: Mapped[date]
    to_day: Mapped[date | None]

    def in_force(self, on: date) -> bool:
        return self.from_day <= on and (self.to_day is None or on <= self.to_day)


class ApiClient(Owned, Base):
    """A program of the organisation or of a partner, acting under scopes."""

    __tablename__ = "api_client"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    # The most that its tokens and keys allow. Where nobody named it, it gets no tokens, and keys name theirs.
    scopes: Mapped[list[str] | None]
    removed_at: Mapped[datetime | None]  # the trail names it for good


class ApiKey(Owned, Base):
    """A bearer key, kept as a hash; it belongs to one person or to one client, never to both."""

    __tablename__ = "api_key"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    secret_hash: Mapped[str] = mapped_column(String(64))
    person_id: Mapped[str | None] = mapped_column(ForeignKey("person.id"), index=True)
    client_id: Mapped[str | None] = mapped_column(ForeignKey("api_client.id"), index=True)
    scopes: Mapped[list[str] | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_used_on: Mapped[date | None]  # in UTC, and no finer: nobody's hours are watched

    def usable(self, at: datetime) -> bool:
        return self.revoked_at is None and at < self.expires_at


class ClientSecret(Owned, Base):
    """What a client proves itself with for a token, kept as a hash."""

    __tablename__ = "client_secret"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("api_client.id"), index=True)
    secret_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_used_on: Mapped[date | None]

    def usable(self, at: datetime) -> bool:
        return self.revoked_at is None and at < self.expires_at


class ClientJwk(Owned, Base):
    """The public half of a key that a client signs its assertions with; one key, one algorithm."""

    __tablename__ = "client_jwk"
    __table_args__ = (UniqueConstraint("client_id", "kid"),)

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("api_client.id"))
    kid: Mapped[str] = mapped_column(String(128))
    alg: Mapped[str] = mapped_column(String(8))
    jwk: Mapped[dict[str, str]]
    created_at: Mapped[datetime]
    last_used_on: Mapped[date | None]


class AccessToken(Owned, Base):
    """A token that a client asked for, kept as a hash and deleted when it ends, however it does."""

    __tablename__ = "access_token"
    __table_args__ = (Index("ix_access_token_client_id_expires_at", "client_id", "expires_at"),)

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("api_client.id"))
    proof_id: Mapped[str] = mapped_column(String(30))  # the secret or the JWK that it was given for
    secret_hash: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class UsedAssertion(Owned, Base):
    """An assertion that was taken, so that it is never taken again (RFC 7523, 3, `jti`)."""

    __tablename__ = "used_assertion"

    client_id: Mapped[str] = mapped_column(ForeignKey("api_client.id"), primary_key=True)
    jti_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[datetime]
