"""Who may do what: permissions, the roles that carry them, and what a machine never does."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LONGEST_NAME: Final = 200  # characters, on a credential


def whole_name(given_name: str, family_name: str) -> str:
    """Say what documents call somebody who asked for no other name."""
    return f"{given_name} {family_name}"


class Permission(StrEnum):
    """What a route may ask for. The same words are the scopes of a key."""

    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    KEYS_WRITE = "keys:write"
    REGISTER_WRITE = "register:write"
    DOSSIERS_WRITE = "dossiers:write"
    DOSSIERS_READ = "dossiers:read"
    DOSSIERS_ADMIT = "dossiers:admit"
    DOSSIERS_TURN_DOWN = "dossiers:turn-down"
    ASSIGNMENTS_WRITE = "assignments:write"
    DECLARATIONS_WRITE = "declarations:write"
    ASSESSMENTS_READ = "assessments:read"
    ASSESSMENTS_WRITE = "assessments:write"
    INTERVIEWS_WRITE = "interviews:write"
    MEETINGS_WRITE = "meetings:write"
    DECISIONS_READ = "decisions:read"
    DECISIONS_VOTE = "decisions:vote"
    DECISIONS_PUBLISH = "decisions:publish"
    # Importing what a committee decided elsewhere, by minutes that a person recorded (`decisions:publish`).
    # It records and does not decide, so a machine may hold it (ISO/IEC 17024, 4.2).
    DECISIONS_IMPORT = "decisions:import"
    CREDENTIALS_READ = "credentials:read"
    CREDENTIALS_ISSUE = "credentials:issue"
    CREDENTIALS_STATUS = "credentials:status"
    CPD_READ = "cpd:read"
    CPD_WRITE = "cpd:write"
    CPD_REVIEW = "cpd:review"
    EXEMPTIONS_WRITE = "exemptions:write"
    RENEWALS_READ = "renewals:read"
    RENEWALS_WRITE = "renewals:write"
    RENEWALS_DECIDE = "renewals:decide"
    EVENTS_READ = "events:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"


class Role(StrEnum):
    """What a person is in the organisation. Everyone may also be an applicant."""

    SECRETARIAT = "secretariat"
    SCHEME_MANAGER = "scheme_manager"
    ASSESSOR = "assessor"
    COMMITTEE_MEMBER = "committee_member"
    CHAIR = "chair"
    REGISTRAR = "registrar"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


COMMITTEE: Final = frozenset({Role.COMMITTEE_MEMBER, Role.CHAIR})

P: Final = Permission
# Everyone handles what is their own: dossiers, credentials, activities, renewals. Whose they are is checked
# where they are read.
EVERYONE: Final = frozenset(
    {
        P.DOSSIERS_WRITE,
        P.DOSSIERS_READ,
        P.CREDENTIALS_READ,
        P.CPD_READ,
        P.CPD_WRITE,
        P.RENEWALS_READ,
        P.RENEWALS_WRITE,
    }
)
OF_ROLE: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.SECRETARIAT: frozenset(
        {
            P.MEMBERS_READ,
            P.MEMBERS_WRITE,
            P.DOSSIERS_ADMIT,
            P.INTERVIEWS_WRITE,
            P.MEETINGS_WRITE,
            P.CPD_REVIEW,
        }
    ),
    Role.SCHEME_MANAGER: frozenset(
        {
            P.MEMBERS_READ,
            P.DOSSIERS_ADMIT,
            P.DOSSIERS_TURN_DOWN,
            P.ASSIGNMENTS_WRITE,
            P.ASSESSMENTS_READ,
            P.INTERVIEWS_WRITE,
            P.CPD_REVIEW,
            P.EXEMPTIONS_WRITE,
            P.RENEWALS_DECIDE,
        }
    ),
    Role.ASSESSOR: frozenset(
        {P.DECLARATIONS_WRITE, P.ASSESSMENTS_READ, P.ASSESSMENTS_WRITE, P.INTERVIEWS_WRITE}
    ),
    Role.COMMITTEE_MEMBER: frozenset(
        {P.DECLARATIONS_WRITE, P.ASSESSMENTS_READ, P.DECISIONS_READ, P.DECISIONS_VOTE}
    ),
    Role.CHAIR: frozenset(
        {
            P.DECLARATIONS_WRITE,
            P.ASSIGNMENTS_WRITE,
            P.ASSESSMENTS_READ,
            P.MEETINGS_WRITE,
            P.DECISIONS_READ,
            P.DECISIONS_VOTE,
            P.DECISIONS_PUBLISH,
        }
    ),
    Role.REGISTRAR: frozenset(
        {
            P.DECISIONS_READ,
            P.DECISIONS_IMPORT,
            P.CREDENTIALS_ISSUE,
            P.CREDENTIALS_STATUS,
            P.RENEWALS_DECIDE,
        }
    ),
    Role.AUDITOR: frozenset(
        {P.MEMBERS_READ, P.ASSESSMENTS_READ, P.DECISIONS_READ, P.EVENTS_READ, P.WEBHOOKS_READ}
    ),
    Role.ADMINISTRATOR: frozenset(
        {
            P.MEMBERS_READ,
            P.MEMBERS_WRITE,
            P.KEYS_WRITE,
            P.REGISTER_WRITE,
            P.EVENTS_READ,
            P.WEBHOOKS_READ,
            P.WEBHOOKS_WRITE,
        }
    ),
}
# ISO/IEC 17024, 4.2: admitting, choosing who judges, judging, voting and publishing are never delegated,
# so no machine ever holds these.
PERSONS_ONLY: Final = frozenset(
    {
        P.KEYS_WRITE,
        P.REGISTER_WRITE,
        P.DOSSIERS_ADMIT,
        P.DOSSIERS_TURN_DOWN,
        P.ASSIGNMENTS_WRITE,
        P.MEETINGS_WRITE,
        P.DECLARATIONS_WRITE,
        P.ASSESSMENTS_WRITE,
        P.INTERVIEWS_WRITE,
        P.DECISIONS_VOTE,
        P.DECISIONS_PUBLISH,
        P.CREDENTIALS_STATUS,
        P.CPD_REVIEW,
        P.EXEMPTIONS_WRITE,
        P.RENEWALS_WRITE,
        P.RENEWALS_DECIDE,
    }
)
# Who may read dossiers that are not their own without having been assigned to them.
READS_EVERY_DOSSIER: Final = frozenset({Role.SECRETARIAT, Role.SCHEME_MANAGER, Role.AUDITOR})
READS_EVERY_ACTIVITY: Final = frozenset({Role.SECRETARIAT, Role.SCHEME_MANAGER, Role.REGISTRAR, Role.AUDITOR})


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever acts: a person with roles, or an API client; in one organisation, with one key."""

    id: str
    organisation_id: str
    roles: frozenset[Role]
    permissions: frozenset[Permission]
    is_person: bool
    narrowed: bool = False
    key_id: str | None = None  # the key in hand; none where it is an access token

    def has(self, *roles: Role) -> bool:
        """Tell whether the actor holds any of these roles today."""
        return not self.roles.isdisjoint(roles)

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    @property
    def within(self) -> frozenset[Permission] | None:
        """What a narrowed key, or a machine, may hand on at most; None where nothing bounds it."""
        return self.permissions if self.narrowed or not self.is_person else None


def permissions_of_person(roles: frozenset[Role], scopes: frozenset[str] | None) -> frozenset[Permission]:
    """Work out what a person's key allows: what the roles allow, narrowed by the key's scopes."""
    held = EVERYONE.union(*(OF_ROLE[role] for role in roles))
    return held if scopes is None else frozenset(p for p in held if p.value in scopes)


def permissions_of_client(scopes: frozenset[str]) -> frozenset[Permission]:
    """Work out what a client's key allows: its scopes, without what only persons do."""
    return frozenset(p for p in Permission if p.value in scopes) - PERSONS_ONLY
