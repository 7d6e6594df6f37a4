"""What organisations, people, roles and keys look like on the wire."""

from datetime import date, datetime
from typing import Annotated, Self

from fastapi import Path
from pydantic import Field

from app.core.ids import pattern
from app.organisations.members import Entry
from app.organisations.models import Membership, MembershipState, Person
from app.organisations.rules import Actor, Role
from app.web import Answer, Day, Email, Instant, Line, Wire

OrganisationId = Annotated[str, Path(pattern=pattern("org"))]
PersonId = Annotated[str, Field(pattern=pattern("per"))]
PersonPath = Annotated[str, Path(pattern=pattern("per"))]
MembershipId = Annotated[str, Path(pattern=pattern("mem"))]
KeyId = Annotated[str, Path(pattern=pattern("key"))]
ClientId = Annotated[str, Field(pattern=pattern("cli"))]
MembershipNumber = Annotated[Line, Field(max_length=40)]
AnyRole = Annotated[Role, Field(strict=False)]
AnyState = Annotated[MembershipState, Field(strict=False)]


class NewMembership(Wire):
    """A membership to enter; its first day is the member's, not today."""

    number: MembershipNumber
    from_day: Annotated[Day, Field(alias="from")]
    to_day: Annotated[Day | None, Field(alias="to")] = None

    @property
    def entry(self) -> Entry:
        return Entry(self.number, self.from_day, self.to_day)


class RegisterIn(Wire):
    """Whether anybody may look a number up."""

    open: bool


class RegisterOut(Answer):
    """Whether anybody may look a number up."""

    open: bool


class NewMember(Wire):
    """A person to enter."""

    given_name: Line
    family_name: Line
    name_on_credential: Line | None = None
    email: Email
    membership: NewMembership | None = None
    roles: Annotated[tuple[AnyRole, ...], Field(strict=False), Field(max_length=len(Role))] = ()


class MembershipChange(Wire):
    """What becomes of a membership."""

    state: AnyState
    to_day: Annotated[Day | None, Field(alias="to")] = None


class NewRole(Wire):
    """A role to give, from today on unless told otherwise."""

    role: AnyRole
    from_day: Annotated[Day | None, Field(alias="from")] = None
    to_day: Annotated[Day | None, Field(alias="to")] = None


class NewClient(Wire):
    """A program to register."""

    name: Line


class NewApiKey(Wire):
    """A key to make, for one person or one client."""

    person: PersonId | None = None
    client: ClientId | None = None
    scopes: Annotated[list[Line], Field(max_length=50)] | None = None
    expires_at: Instant | None = None


class MembershipOut(Answer):
    """A line of the members' book."""

    id: str
    number: str
    from_day: Annotated[date, Field(serialization_alias="from")]
    to_day: Annotated[date | None, Field(serialization_alias="to")]
    state: MembershipState

    @classmethod
    def of(cls, row: Membership) -> Self:
        return cls.model_validate(row)


class RoleOut(Answer):
    """A role, and when it is held."""

    role: Role
    from_day: Annotated[date, Field(serialization_alias="from")]
    to_day: Annotated[date | None, Field(serialization_alias="to")]


class MemberOut(Answer):
    """A person that the organisation knows."""

    id: str
    given_name: str
    family_name: str
    name_on_credential: str
    email: str
    memberships: list[MembershipOut]
    roles: list[RoleOut]

    @classmethod
    def of(cls, row: Person) -> Self:
        return cls.model_validate(row)


class ClientOut(Answer):
    """A registered program."""

    id: str
    name: str


class KeyOut(Answer):
    """A key at the only moment at which it can be read."""

    id: str
    token: Annotated[
        str | None,
        Field(description="Shown once. `null` in the answer to a request that was repeated."),
    ]
    expires_at: datetime


class RevokedKeyOut(Answer):
    """A key that ended."""

    id: str
    revoked_at: datetime


class Me(Answer):
    """Who the key belongs to, and what it allows today."""

    id: str
    organisation: str
    person: bool
    name: str
    roles: list[Role]
    permissions: list[str]

    @classmethod
    def of(cls, actor: Actor, name: str) -> Self:
        return cls(
            id=actor.id,
            organisation=actor.organisation_id,
            person=actor.is_person,
            name=name,
            roles=sorted(actor.roles),
            permissions=sorted(actor.permissions),
        )
