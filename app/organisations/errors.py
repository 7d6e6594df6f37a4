"""What can go wrong with organisations, people and keys."""

from typing import Final

from app.core.errors import Conflict, NotAllowed, NotFound, RuleBroken, Unauthenticated


class KeyNotAccepted(Unauthenticated):
    code = "key-not-accepted"
    title = "The key is missing, unknown, expired or revoked"


class PermissionMissing(NotAllowed):
    code = "permission-missing"
    title = "The key does not carry this permission"


class OrganisationNotFound(NotFound):
    code = "organisation-not-found"
    title = "There is no such organisation"


class HostNotUsable(RuleBroken):
    code = "host-not-usable"
    title = "The body cannot have this host"


class HostNamed(Conflict):
    code = "host-named"
    title = "Documents of the body name its host"


class HostTaken(Conflict):
    code = "host-taken"
    title = "Another body has this host"


class PersonNotFound(NotFound):
    code = "person-not-found"
    title = "There is no such person here"


class MembershipNotFound(NotFound):
    code = "membership-not-found"
    title = "There is no such membership here"


class ClientNotFound(NotFound):
    code = "client-not-found"
    title = "There is no such API client here"


class KeyNotFound(NotFound):
    code = "key-not-found"
    title = "There is no such key here"


class SecretNotFound(NotFound):
    code = "secret-not-found"
    title = "The client has no such secret"


class JwkNotFound(NotFound):
    code = "jwk-not-found"
    title = "The client has no such key"


class RoleNotHeld(NotFound):
    code = "role-not-held"
    title = "The person does not hold this role"


class LastAdministrator(Conflict):
    code = "last-administrator"
    title = "Nobody else would be left to give keys and roles"


class KeyEnded(Conflict):
    code = "key-ended"
    title = "The key has ended already"


class TooManyProofs(Conflict):
    code = "too-many-proofs"
    title = "The client has as many secrets or keys as it may"


class JwkTaken(Conflict):
    code = "jwk-taken"
    title = "The client has a key of this name already"


class JwkNotUsable(RuleBroken):
    code = "jwk-not-usable"
    title = "This is no public key that assertions can be signed with"


class MembershipNumberTaken(Conflict):
    code = "membership-number-taken"
    title = "The membership number belongs to somebody else"


class RoleAlreadyHeld(Conflict):
    code = "role-already-held"
    title = "The person holds this role already"


class MembershipNotValid(RuleBroken):
    code = "membership-not-valid"
    title = "The membership is not in force"


class ScopeNotGrantable(RuleBroken):
    code = "scope-not-grantable"
    title = "This scope cannot be given to this holder"


class NameTooLong(RuleBroken):
    code = "name-too-long"
    title = "A credential has no room for the name"


class PeriodInverted(RuleBroken):
    code = "period-inverted"
    title = "The period ends before it begins"


class KeyInFlight(Conflict):
    code = "idempotency-in-flight"
    title = "A request with this Idempotency-Key is being carried out"
    retry_after = 1


class KeyReused(RuleBroken):
    code = "idempotency-key-reused"
    title = "The Idempotency-Key was sent before with another request"


NOT_A_MEMBER: Final = "The candidate's membership is not in force today. Renew it, then try again."
