"""Programs that call the API: what they may, what they prove themselves with, and their end.

Whatever ends here ends at once: the tokens that were given for it are deleted in the same transaction, and
the client stays locked meanwhile, so that none is given in between.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.core.errors import JsonValue
from app.core.ids import new_id
from app.organisations import queries, service
from app.organisations.errors import JwkTaken, PeriodInverted, ScopeNotGrantable, TooManyProofs
from app.organisations.models import AccessToken, ApiClient, ClientJwk, ClientSecret, UsedAssertion
from app.organisations.rules import Actor
from app.organisations.service import KEY_LIFE, LONGEST_KEY_LIFE
from app.outbox import trail

SECRETS_AT_ONCE: Final = 2  # the one in use, and the one that takes over
JWKS_AT_ONCE: Final = 5


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret at the only moment at which it can be read."""

    id: str
    secret: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class NewJwk:
    """The public half of a key that was looked at, and the one algorithm that it is for."""

    kid: str
    alg: str
    jwk: dict[str, str]


def change(
    session: Session,
    client_id: str,
    *,
    name: str | None,
    scopes: Collection[str] | None,
    by: Actor,
    at: datetime,
) -> ApiClient:
    """Rename a client, or change what it may at most: its tokens and keys lose the rest at once."""
    client = queries.client_locked(session, client_id)
    if name is not None:
        client.name = name
    if scopes is not None:
        client.scopes = service.scopes_of_client(scopes, within=by.within)
        for key in queries.keys_of_client(session, client_id, at):
            key.scopes = sorted({*(key.scopes or ())} & {*client.scopes})
    _record(session, client, "client.changed", by, at)
    return client


def remove(session: Session, client_id: str, *, by: Actor, at: datetime) -> None:
    """End a client with all that it proves itself with. Its name stays, since the trail speaks of it."""
    client = queries.client_locked(session, client_id)
    for key in queries.keys_of_client(session, client_id, at):
        service.revoke_key(session, key.id, by=by.id, at=at)
    for secret in queries.secrets_of(session, client_id, at):
        secret.revoked_at = at
    for table in (AccessToken, UsedAssertion, ClientJwk):
        session.execute(delete(table).where(table.client_id == client_id))
    client.removed_at = at
    _record(session, client, "client.removed", by, at)


def add_secret(
    session: Session, client_id: str, *, expires_at: datetime | None, by: Actor, at: datetime
) -> NewSecret:
    """Give a client a secret, beside the one that it has: what is returned is the only copy."""
    client = _for_proofs(session, client_id, by)
    if len(queries.secrets_of(session, client_id, at)) >= SECRETS_AT_ONCE:
        raise TooManyProofs("A client has two secrets at most. Revoke the one that is no longer used.")
    ends = expires_at or at + KEY_LIFE
    if not at < ends <= at + LONGEST_KEY_LIFE:
        raise PeriodInverted("A secret ends later than now, and after two years at most.")
    row = ClientSecret(
        id=new_id("sec"),
        organisation_id=client.organisation_id,
        client_id=client.id,
        secret_hash="",
        created_at=at,
        expires_at=ends,
    )
    written = f"{row.id}.{secrets.token_urlsafe(32)}"
    row.secret_hash = service.hash_of(written)
    session.add(row)
    _record(session, client, "client.secret-added", by, at, secret=row.id)
    return NewSecret(row.id, written, ends)


def revoke_secret(
    session: Session, client_id: str, secret_id: str, *, by: Actor, at: datetime
) -> ClientSecret:
    """End a secret now, and every token that was given for it. Ending it again changes nothing."""
    client = queries.client_locked(session, client_id)
    secret = queries.secret(session, client_id, secret_id)
    if secret.revoked_at is None:
        secret.revoked_at = at
        _end_tokens(session, secret.id)
        _record(session, client, "client.secret-revoked", by, at, secret=secret.id)
    return secret


def add_jwks(
    session: Session, client_id: str, jwks: Sequence[NewJwk], *, by: Actor, at: datetime
) -> list[ClientJwk]:
    """Give a client public keys, whose private halves we never see."""
    client = _for_proofs(session, client_id, by)
    known = queries.jwks_of(session, client_id)
    if len(known) + len(jwks) > JWKS_AT_ONCE:
        raise TooManyProofs(f"A client has {JWKS_AT_ONCE} keys at most. Remove those no longer used.")
    taken = {row.kid for row in known} | {row.id for row in known}
    names = [each.kid for each in jwks]
    if len({*names}) < len(names) or not taken.isdisjoint(names):
        raise JwkTaken("Each key of a client has a `kid` of its own.")
    rows = [
        ClientJwk(
            id=new_id("jwk"),
            organisation_id=client.organisation_id,
            client_id=client.id,
            kid=each.kid,
            alg=each.alg,
            jwk=each.jwk,
            created_at=at,
        )
        for each in jwks
    ]
    session.add_all(rows)
    for row in rows:
        _record(session, client, "client.jwk-added", by, at, jwk=row.id)
    return rows


def remove_jwk(session: Session, client_id: str, jwk_id: str, *, by: Actor, at: datetime) -> None:
    """Take a key from a client, and every token that was given for it."""
    client = queries.client_locked(session, client_id)
    row = queries.jwk(session, client_id, jwk_id)
    session.delete(row)
    _end_tokens(session, row.id)
    _record(session, client, "client.jwk-removed", by, at, jwk=row.id)


def _for_proofs(session: Session, client_id: str, by: Actor) -> ApiClient:
    """Give a client that may have another secret or key: whoever has one may do all that the client may."""
    client = queries.client_locked(session, client_id)
    if not client.scopes:
        raise ScopeNotGrantable("Say first what the client may at most: it has no scopes.")
    service.scopes_of_client(client.scopes, within=by.within)
    return client


def _end_tokens(session: Session, proof_id: str) -> None:
    session.execute(delete(AccessToken).where(AccessToken.proof_id == proof_id))


def _record(session: Session, client: ApiClient, topic: str, by: Actor, at: datetime, **about: str) -> None:
    scopes: JsonValue = None if client.scopes is None else list[JsonValue](client.scopes)
    trail.record(
        session,
        topic,
        by=by.id,
        at=at,
        organisation_id=client.organisation_id,
        about={"client": client.id, **about},
        facts={"scopes": scopes},
    )
