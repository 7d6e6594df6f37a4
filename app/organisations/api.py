"""Routes of organisations: members, roles, API clients and keys."""

from fastapi import APIRouter, Response

from app.organisations import members, queries, service
from app.organisations.access import CurrentActor, Db, ReadDb, needs, needs_any_key
from app.organisations.conventions import ApiRoute, Creating, Held, Told, shows_once
from app.organisations.errors import (
    ClientNotFound,
    KeyNotAccepted,
    KeyNotFound,
    MembershipNotFound,
    MembershipNumberTaken,
    OrganisationNotFound,
    PeriodInverted,
    PermissionMissing,
    PersonNotFound,
    RoleAlreadyHeld,
    ScopeNotGrantable,
)
from app.organisations.models import ApiClient, Membership, Organisation, RoleGrant
from app.organisations.rules import Permission
from app.organisations.schemas import (
    ClientOut,
    KeyId,
    KeyOut,
    Me,
    MemberOut,
    MembershipChange,
    MembershipId,
    MembershipOut,
    NewApiKey,
    NewClient,
    NewMember,
    NewRole,
    OrganisationId,
    PersonPath,
    RegisterIn,
    RegisterOut,
    RevokedKeyOut,
    RoleOut,
)
from app.organisations.service import NewKey
from app.problems import documented
from app.web import PAGE, Cursor, Limit, Now, Page, page_of

router = APIRouter(prefix="/v1", tags=["organisations"], route_class=ApiRoute)
P = Permission


@router.get("/me", dependencies=[needs_any_key()], responses=documented(KeyNotAccepted))
def me(db: ReadDb, actor: CurrentActor) -> Me:
    """Say whose key this is and what it allows today."""
    return Me.of(actor, queries.name_of(db, actor.id, is_person=actor.is_person))


@router.put(
    "/organisations/{organisation}/register",
    dependencies=[needs(P.REGISTER_WRITE)],
    responses=documented(PermissionMissing, OrganisationNotFound),
)
def open_register(
    db: Db, now: Now, actor: CurrentActor, held: Held, organisation: OrganisationId, asked: RegisterIn
) -> RegisterOut:
    """Open or close the look-up of numbers. Closed, only who holds a document or a QR gets an answer."""
    with held.unchanged(db, Organisation, organisation):
        decided = service.open_register(db, organisation, asked.open, by=actor, at=now)
    return RegisterOut(open=decided.register_open)


@router.post(
    "/organisations/{organisation}/members",
    status_code=201,
    dependencies=[needs(P.MEMBERS_WRITE)],
    responses=documented(PermissionMissing, OrganisationNotFound, MembershipNumberTaken, PeriodInverted),
)
def add_member(
    db: Creating, now: Now, actor: CurrentActor, organisation: OrganisationId, asked: NewMember
) -> MemberOut:
    """Get to know a person: a member, a candidate, an assessor. Roles are the administrator's to give."""
    service.own_organisation(db, organisation, by=actor)
    person = members.add(
        db,
        given_name=asked.given_name,
        family_name=asked.family_name,
        name_on_credential=asked.name_on_credential,
        email=asked.email,
        entry=asked.membership.entry if asked.membership else None,
        roles=asked.roles,
        by=actor,
        at=now,
    )
    return MemberOut.of(person)


@router.get(
    "/organisations/{organisation}/members",
    dependencies=[needs(P.MEMBERS_READ)],
    responses=documented(PermissionMissing, OrganisationNotFound),
)
def list_members(
    db: ReadDb,
    actor: CurrentActor,
    organisation: OrganisationId,
    cursor: Cursor | None = None,
    limit: Limit = PAGE,
) -> Page[MemberOut]:
    """List the people that the organisation knows."""
    service.own_organisation(db, organisation, by=actor)
    rows, following = page_of(queries.people(db, after=cursor, limit=limit + 1), limit)
    return Page(data=[MemberOut.of(row) for row in rows], next_cursor=following)


@router.get(
    "/organisations/{organisation}/memberships/{membership}",
    dependencies=[needs(P.MEMBERS_READ)],
    responses=documented(PermissionMissing, OrganisationNotFound, MembershipNotFound),
)
def read_membership(
    db: ReadDb, actor: CurrentActor, told: Told, organisation: OrganisationId, membership: MembershipId
) -> MembershipOut:
    """Read a line of the members' book, with the tag that a change of it is held to."""
    service.own_organisation(db, organisation, by=actor)
    row = queries.membership(db, membership)
    told.tell(row)
    return MembershipOut.of(row)


@router.patch(
    "/organisations/{organisation}/memberships/{membership}",
    dependencies=[needs(P.MEMBERS_WRITE)],
    responses=documented(PermissionMissing, OrganisationNotFound, MembershipNotFound, PeriodInverted),
)
def change_membership(
    db: Db,
    now: Now,
    actor: CurrentActor,
    organisation: OrganisationId,
    membership: MembershipId,
    held: Held,
    asked: MembershipChange,
) -> MembershipOut:
    """Suspend, resume or end a membership; an end that is not named stays as it is."""
    service.own_organisation(db, organisation, by=actor)
    to_day = asked.to_day
    if "to_day" not in asked.model_fields_set:
        to_day = queries.membership(db, membership).to_day
    with held.unchanged(db, Membership, membership):
        row = service.change_membership(db, membership, state=asked.state, to_day=to_day, by=actor.id, at=now)
    return MembershipOut.of(row)


@router.post(
    "/organisations/{organisation}/members/{person}/roles",
    status_code=201,
    response_model=RoleOut,
    dependencies=[needs(P.KEYS_WRITE)],
    responses=documented(
        PermissionMissing, OrganisationNotFound, PersonNotFound, RoleAlreadyHeld, PeriodInverted
    ),
)
def grant_role(
    db: Creating,
    now: Now,
    actor: CurrentActor,
    organisation: OrganisationId,
    person: PersonPath,
    asked: NewRole,
) -> RoleGrant:
    """Give a person a role, from today unless another day is named."""
    service.own_organisation(db, organisation, by=actor)
    return service.grant_role(
        db,
        person,
        asked.role,
        from_day=asked.from_day or service.today_of(db, organisation, now),
        to_day=asked.to_day,
        by=actor.id,
        at=now,
    )


@router.post(
    "/organisations/{organisation}/clients",
    status_code=201,
    response_model=ClientOut,
    dependencies=[needs(P.KEYS_WRITE)],
    responses=documented(PermissionMissing, OrganisationNotFound),
)
def add_client(
    db: Creating, now: Now, actor: CurrentActor, organisation: OrganisationId, asked: NewClient
) -> ApiClient:
    """Register a program that may call the API."""
    service.own_organisation(db, organisation, by=actor)
    return service.add_client(db, organisation, name=asked.name, by=actor.id, at=now)


@router.post(
    "/api-keys",
    status_code=201,
    response_model=KeyOut,
    dependencies=[needs(P.KEYS_WRITE), shows_once("token")],
    responses=documented(
        PermissionMissing, PersonNotFound, ClientNotFound, ScopeNotGrantable, PeriodInverted
    ),
)
def issue_key(db: Creating, now: Now, actor: CurrentActor, response: Response, asked: NewApiKey) -> NewKey:
    """Make a key for one person or one client. Its token is shown here and never again.

    Whoever sends the same with the same `Idempotency-Key` gets the answer with `null` in the token's place.
    """
    response.headers["Cache-Control"] = "no-store"
    return service.issue_key(
        db,
        person_id=asked.person,
        client_id=asked.client,
        scopes=asked.scopes,
        expires_at=asked.expires_at,
        by=actor.id,
        at=now,
        within=actor.permissions if actor.narrowed else None,
    )


@router.post(
    "/api-keys/{key}/revocation",
    dependencies=[needs(P.KEYS_WRITE)],
    responses=documented(PermissionMissing, KeyNotFound),
)
def revoke_key(db: Db, now: Now, actor: CurrentActor, key: KeyId) -> RevokedKeyOut:
    """End a key now. Ending it again changes nothing."""
    revoked = service.revoke_key(db, key, by=actor.id, at=now)
    return RevokedKeyOut(id=revoked.id, revoked_at=revoked.revoked_at or now)
