"""What organisations, people, roles and keys look like on the wire."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Self

from fastapi import Path, Query
from pydantic import AfterValidator, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from app.core.ids import pattern
from app.organisations.members import Entry
from app.organisations.models import (
    ApiClient,
    ApiKey,
    ClientJwk,
    ClientSecret,
    Membership,
    MembershipState,
    Person,
)
from app.organisations.rules import LONGEST_NAME, Actor, Role, whole_name
from app.web import Answer, Day, Email, Instant, Line, Wire

OrganisationId = Annotated[str, Path(pattern=pattern("org"))]
PersonId = Annotated[str, Field(pattern=pattern("per"))]
PersonPath = Annotated[str, Path(pattern=pattern("per"))]
MembershipId = Annotated[str, Path(pattern=pattern("mem"))]
KeyId = Annotated[str, Path(pattern=pattern("key"))]
ClientId = Annotated[str, Field(pattern=pattern("cli"))]
ClientPath = Annotated[str, Path(pattern=pattern("cli"))]
SecretId = Annotated[str, Path(pattern=pattern("sec"))]
OfPerson = Annotated[str, Query(pattern=pattern("per"), description="Whose keys to list: a person's.")]
OfClient = Annotated[str, Query(pattern=pattern("cli"), description="Whose keys to list: a client's.")]
Scopes = Annotated[list[Line], Field(max_length=50)]
MembershipNumber = Annotated[Line, Field(max_length=40)]
AnyRole = Annotated[Role, Field(strict=False)]
AnyState = Annotated[MembershipState, Field(strict=False)]


def _given_if_needed(name: str | None, told: ValidationInfo) -> str | None:
    """Ask for the name on the credential where the one that is made of the others has no room there."""
    given, family = told.data.get("given_name"), told.data.get("family_name")  # none of what is wrong itself
    if name is None and given and family and len(whole_name(given, family)) > LONGEST_NAME:
        raise PydanticCustomError(
            "missing",
            "Given and family name have more than {most} characters together: give `name_on_credential`, the "
            "name that documents say.",
            {"most": LONGEST_NAME},
        )
    return name


# It stands after the two names that it is made of where nobody gives it.
NameOnCredential = Annotated[Line | None, AfterValidator(_given_if_needed), Field(validate_default=True)]


class NewMembership(Wire):
    """A membership to enter; its first day is the member's, not today."""

    number: MembershipNumber
    from_day: Annotated[Day, Field(alias="from")]
    to_day: Annotated[Day | None, Field(alias="to")] = None

    @property
    def entry(self) -> Entry:
        return Entry(self.number, self.from_day, self.to_day)


class Founding(Wire):
    """A body to create, with its first administrator."""

    legal_name: Line
    url: Annotated[Line, Field(pattern=r"^https://\S+$")]
    given_name: Line
    family_name: Line
    name_on_credential: NameOnCredential = None
    email: Email


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
    name_on_credential: NameOnCredential = None
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
    """A program to register, with the most that its tokens and keys will ever allow.

    Without `scopes` it gets no tokens; its keys name theirs. What only persons do is refused.
    """

    name: Line
    scopes: Scopes | None = None


class ClientChange(Wire):
    """What a client is called from now on, and the most that its tokens and keys allow."""

    name: Line | None = None
    scopes: Scopes | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.name is None and self.scopes is None:
            raise ValueError("must name what is to change")
        return self


class NewSecretIn(Wire):
    """A secret to make; it lives for a year unless told otherwise, and for two at most."""

    expires_at: Instant | None = None


class RotationIn(Wire):
    """How long the old key is still good beside the new one."""

    overlap_hours: Annotated[int, Field(ge=0, le=720)] = 24


class RoleEnd(Wire):
    """The last day on which a role is held; without one it ends at once."""

    to_day: Annotated[Day | None, Field(alias="to")] = None


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
    """A registered program, and the most that its tokens and keys allow."""

    id: str
    name: str
    scopes: list[str] | None
    created_at: datetime


class SecretOut(Answer):
    """A secret, by what it begins with; the rest was shown once."""

    id: str
    created_at: datetime
    expires_at: datetime
    last_used_on: date | None


class NewSecretOut(Answer):
    """A secret at the only moment at which it can be read."""

    id: str
    secret: Annotated[
        str | None,
        Field(description="Shown once. `null` in the answer to a request that was repeated."),
    ]
    expires_at: datetime


class RevokedSecretOut(Answer):
    """A secret that ended, and with it every token that was given for it."""

    id: str
    revoked_at: datetime


class JwkOut(Answer):
    """A public key that a client signs its assertions with, and the one algorithm that it is for."""

    id: str
    kid: str
    alg: str
    jwk: dict[str, str]
    created_at: datetime
    last_used_on: date | None


class ClientDetailOut(ClientOut):
    """A registered program, with what it may prove itself with for a token."""

    secrets: list[SecretOut]
    jwks: list[JwkOut]

    @classmethod
    def of(cls, row: ApiClient, secrets: Sequence[ClientSecret], jwks: Sequence[ClientJwk]) -> Self:
        return cls(
            id=row.id,
            name=row.name,
            scopes=row.scopes,
            created_at=row.created_at,
            secrets=[SecretOut.model_validate(each) for each in secrets],
            jwks=[JwkOut.model_validate(each) for each in jwks],
        )


class ListedKeyOut(Answer):
    """A key as everybody who gives keys may see it: what its token begins with, and never the rest."""

    id: str
    person: str | None
    client: str | None
    scopes: list[str] | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_on: date | None

    @classmethod
    def of(cls, row: ApiKey) -> Self:
        return cls(
            id=row.id,
            person=row.person_id,
            client=row.client_id,
            scopes=row.scopes,
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
            last_used_on=row.last_used_on,
        )


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
