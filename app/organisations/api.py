"""Routes of organisations: members, roles, API clients and keys."""

from datetime import timedelta
from functools import partial

from fastapi import APIRouter, Request, Response

from app.organisations import clients, members, queries, rotation, service
from app.organisations.access import CurrentActor, Db, ReadDb, needs, needs_any_key
from app.organisations.clients import NewSecret
from app.organisations.conventions import ApiRoute, Creating, Held, Told, shows_once
from app.organisations.errors import (
    ClientNotFound,
    KeyEnded,
    KeyNotAccepted,
    KeyNotFound,
    LastAdministrator,
    MembershipNotFound,
    MembershipNumberTaken,
    NameTooLong,
    OrganisationNotFound,
    PeriodInverted,
    PermissionMissing,
    PersonNotFound,
    RoleAlreadyHeld,
    RoleNotHeld,
    ScopeNotGrantable,
    SecretNotFound,
    TooManyProofs,
)
from app.organisations.models import ApiClient, Membership, Organisation, RoleGrant
from app.organisations.rules import Permission, Role
from app.organisations.schemas import (
    ClientChange,
    ClientDetailOut,
    ClientOut,
    ClientPath,
    KeyId,
    KeyOut,
    ListedKeyOut,
    Me,
    MemberOut,
    MembershipChange,
    MembershipId,
    MembershipOut,
    NewApiKey,
    NewClient,
    NewMember,
    NewRole,
    NewSecretIn,
    NewSecretOut,
    OfClient,
    OfPerson,
    OrganisationId,
    PersonPath,
    RegisterIn,
    RegisterOut,
    RevokedKeyOut,
    RevokedSecretOut,
    RoleEnd,
    RoleOut,
    RotationIn,
    SecretId,
)
from app.organisations.service import NewKey
from app.problems import documented
from app.web import PAGE, Cursor, Limit, Now, Page, page_of, ports_of

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
    responses=documented(
        PermissionMissing, OrganisationNotFound, MembershipNumberTaken, NameTooLong, PeriodInverted
    ),
)
def add_member(
    db: Creating,
    now: Now,
    actor: CurrentActor,
    request: Request,
    organisation: OrganisationId,
    asked: NewMember,
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
        # How credentials are written is known further up: whoever puts the service together brings it here.
        require_room=partial(request.app.state.require_room, db, ports_of(request)),
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
    "/organisations/{organisation}/members/{person}/roles/{role}/end",
    status_code=204,
    dependencies=[needs(P.KEYS_WRITE)],
    responses=documented(
        PermissionMissing,
        OrganisationNotFound,
        PersonNotFound,
        RoleNotHeld,
        LastAdministrator,
        PeriodInverted,
    ),
)
def end_role(
    db: Db,
    now: Now,
    actor: CurrentActor,
    organisation: OrganisationId,
    person: PersonPath,
    role: Role,
    asked: RoleEnd,
) -> None:
    """Take a role from a person, at once or after a last day. The last administrator keeps theirs."""
    service.own_organisation(db, organisation, by=actor)
    service.end_role(db, person, role, last=asked.to_day, by=actor, at=now)


@router.post(
    "/organisations/{organisation}/clients",
    status_code=201,
    response_model=ClientOut,
    dependencies=[needs(P.KEYS_WRITE)],
    responses=documented(PermissionMissing, OrganisationNotFound, ScopeNotGrantable),
)
def add_client(
    db: Creating, now: Now, actor: CurrentActor, organisation: OrganisationId, asked: NewClient
) -> ApiClient:
    """Register a program that may call the API, with the most that it may ever do."""
    service.own_organisation(db, organisation, by=actor)
    return service.add_client(
        db,
        organisation,
        name=asked.name,
        scopes=asked.scopes,
        by=actor.id,
        at=now,
        within=actor.within,
    )


@router.get(
    "/organisations/{organisation}/clients",
    dependencies=[needs(P.KEYS_WRITE)],
    responses=documented(PermissionMissing, OrganisationNotFound),
)
def list_clients(
    db: ReadDb,
    actor: CurrentActor,
    organisation: OrganisationId,
    cursor: Cursor | None = None,
    limit: Limit = PAGE,
) -> Page[ClientOut]:
    """List the programs that may call the API."""
    service.own_organisation(db, organisation, by=actor)
    rows, following = page_of(queries.clients(db, after=cursor, limit=limit + 1), limit)
    return Page(data=[ClientOut.model_validate(row) for row in rows], next_cursor=following)


@router.get(
    "/organisations/{organisation}/clients/{client}",
    dependencies=[needs(P.KEYS_WRITE)],
    responses=documented(PermissionMissing, OrganisationNotFound, ClientNotFound),
)
def read_client(
    db: ReadDb, now: Now, actor: CurrentActor, organisation: OrganisationId, client: ClientPath
) -> ClientDetailOut:
    """Tell what a program may, and by which secrets and public keys it is known today."""
    service.own_organisation(db, organisation, by=actor)
    row = queries.client(db, client)
    return ClientDetailOut.of(row, queries.secrets_of(db, client, now), queries.jwks_of(db, client))


@router.patch(
    "/organisations/{organisation}/clients/{client}",
    response_model=ClientOut,
    dependencies=[needs(P.KEYS_WRITE)],
    responses=documented(PermissionMissing, OrganisationNotFound, ClientNotFound, ScopeNotGrantable),
)
def change_client(
    db: Db,
    now: Now,
    actor: CurrentActor,
    organisation: OrganisationId,
    client: ClientPath,
    asked: ClientChange,
) -> ApiClient:
    """Rename a program, or change what it may. What it loses, its tokens and keys lose at once."""
    service.own_organisation(db, organisation, by=actor)
    return clients.change(db, client, name=asked.name, scopes=asked.scopes, by=actor, at=now)


@router.delete(
    "/organisations/{organisation}/clients/{client}",
    status_code=204,
    dependencies=[needs(P.KEYS_WRITE)],
    responses=documented(PermissionMissing, OrganisationNotFound, ClientNotFound),
)
def remove_client(
    db: Db, now: Now, actor: CurrentActor, organisation: OrganisationId, client: ClientPath
) -> None:
    """End a program here: its secrets, keys and tokens open nothing from now on."""
    service.own_organisation(db, organisation, by=actor)
    clients.remove(db, client, by=actor, at=now)


@router.post(
    "/organisations/{organisation}/clients/{client}/secrets",
    status_code=201,
    response_model=NewSecretOut,
    dependencies=[needs(P.KEYS_WRITE), shows_once("secret")],
    responses=documented(
        PermissionMissing,
        OrganisationNotFound,
        ClientNotFound,
        TooManyProofs,
        ScopeNotGrantable,
        PeriodInverted,
    ),
)
def add_secret(
    db: Creating,
    now: Now,
    actor: CurrentActor,
    response: Response,
    organisation: OrganisationId,
    client: ClientPath,
    asked: NewSecretIn,
) -> NewSecret:
    """Make a secret for `/oauth/token`. It is shown here alone; a second one may stand beside it."""
    service.own_organisation(db, organisation, by=actor)
    response.headers["Cache-Control"] = "no-store"
    return clients.add_secret(db, client, expires_at=asked.expires_at, by=actor, at=now)


@router.post(
    "/organisations/{organisation}/clients/{client}/secrets/{secret}/revocation",
    dependencies=[needs(P.KEYS_WRITE)],
    responses=documented(PermissionMissing, OrganisationNotFound, ClientNotFound, SecretNotFound),
)
def revoke_secret(
    db: Db,
    now: Now,
    actor: CurrentActor,
    organisation: OrganisationId,
    client: ClientPath,
    secret: SecretId,
) -> RevokedSecretOut:
    """End a secret now, and every token that was given for it. Ending it again changes nothing."""
    service.own_organisation(db, organisation, by=actor)
    ended = clients.revoke_secret(db, client, secret, by=actor, at=now)
    return RevokedSecretOut(id=ended.id, revoked_at=ended.revoked_at or now)


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
        within=actor.within,
    )


@router.get("/api-keys", dependencies=[needs(P.KEYS_WRITE)], responses=documented(PermissionMissing))
def list_keys(
    db: ReadDb,
    actor: CurrentActor,
    person: OfPerson | None = None,
    client: OfClient | None = None,
    cursor: Cursor | None = None,
    limit: Limit = PAGE,
) -> Page[ListedKeyOut]:
    """List keys: whose, until when, and the day of last use (UTC). An `id` is what its token begins with."""
    del actor
    found = queries.keys(db, person=person, client=client, after=cursor, limit=limit + 1)
    rows, following = page_of(found, limit)
    return Page(data=[ListedKeyOut.of(row) for row in rows], next_cursor=following)


@router.post(
    "/api-keys/{key}/rotation",
    status_code=201,
    response_model=KeyOut,
    dependencies=[needs_any_key(), shows_once("token")],
    responses=documented(KeyNotFound, KeyEnded, ScopeNotGrantable),
)
def rotate_key(
    db: Creating, now: Now, actor: CurrentActor, response: Response, key: KeyId, asked: RotationIn
) -> NewKey:
    """Make a key in the place of another, which ends once the overlap is over.

    Administrators rotate every key. Others rotate the key they call with: the new one ends when it would.
    """
    response.headers["Cache-Control"] = "no-store"
    return rotation.rotate(db, key, overlap=timedelta(hours=asked.overlap_hours), by=actor, at=now)


@router.post(
    "/api-keys/{key}/revocation",
    dependencies=[needs(P.KEYS_WRITE)],
    responses=documented(PermissionMissing, KeyNotFound),
)
def revoke_key(db: Db, now: Now, actor: CurrentActor, key: KeyId) -> RevokedKeyOut:
    """End a key now. Ending it again changes nothing."""
    revoked = service.revoke_key(db, key, by=actor.id, at=now)
    return RevokedKeyOut(id=revoked.id, revoked_at=revoked.revoked_at or now)
