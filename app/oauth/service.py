"""Tokens for clients (RFC 6749, 4.4), and their early end (RFC 7009)."""

import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core.db import Database, enter
from app.core.ids import new_id, pattern
from app.formats.strict import Malformed
from app.oauth.assertions import Assertion, open_assertion
from app.oauth.errors import Reason, Refused, unknown_client
from app.oauth.forms import Proof
from app.organisations import queries
from app.organisations.errors import ClientNotFound
from app.organisations.models import AccessToken, ApiClient, ClientJwk, ClientSecret, UsedAssertion
from app.organisations.service import hash_of
from app.outbox import trail

TOKEN_LIFE: Final = timedelta(hours=1)
_CLIENT: Final = re.compile(pattern("cli"))
_TOKEN: Final = re.compile(pattern("tok"))
_COMPARISONS: Final = 2  # as many as a client has secrets at most, so that each answer costs the same


@dataclass(frozen=True, slots=True)
class Proven:
    """A client that proved itself, and with what."""

    organisation_id: str
    client_id: str
    proof_id: str
    assertion: Assertion | None = None


@dataclass(frozen=True, slots=True)
class Granted:
    """A token at the only moment at which it can be read."""

    token: str = field(repr=False)
    expires_in: int
    scopes: list[str]


def grant(
    database: Database, proof: Proof, scope: str | None, *, audiences: Iterable[str], at: datetime
) -> Granted:
    """Give a client a token for the scopes that it asks for, or for all that it may.

    Who it is, is found out in a short read: strangers never hold the write lock.
    """
    proven = _proven(database, proof, frozenset(audiences), at)
    with database.writing(proven.organisation_id) as session:
        client, row = _still(session, proven, at)
        may = client.scopes or []
        asked = sorted({*scope.split(" ")}) if scope else may
        if not asked or not {*asked} <= {*may}:
            raise Refused(Reason.INVALID_SCOPE, f"The client may have: {' '.join(may) or 'nothing'}.")
        ends = at + TOKEN_LIFE
        if isinstance(row, ClientSecret):
            ends = min(ends, row.expires_at)
        secret = secrets.token_urlsafe(32)
        token = AccessToken(
            id=new_id("tok"),
            organisation_id=client.organisation_id,
            client_id=client.id,
            proof_id=row.id,
            secret_hash=hash_of(secret),
            scopes=asked,
            created_at=at,
            expires_at=ends,
        )
        session.add(token)
        return Granted(f"{token.id}.{secret}", int((ends - at).total_seconds()), asked)


def revoke(database: Database, proof: Proof, token: str, *, audiences: Iterable[str], at: datetime) -> None:
    """End a token of the client's own. One that is not known needs no ending (RFC 7009, 2.2)."""
    proven = _proven(database, proof, frozenset(audiences), at)
    with database.writing(proven.organisation_id) as session:
        client, _ = _still(session, proven, at)
        token_id, _, secret = token.partition(".")
        found = session.get(AccessToken, token_id) if _TOKEN.fullmatch(token_id) else None
        if found is None or not hmac.compare_digest(found.secret_hash, hash_of(secret)):
            return
        if found.client_id != client.id:
            raise Refused(Reason.UNAUTHORIZED_CLIENT, "The token is another client's.")
        session.delete(found)
        trail.record(
            session,
            "token.revoked",
            by=client.id,
            at=at,
            organisation_id=client.organisation_id,
            about={"client": client.id, "token": found.id},
        )


def _proven(database: Database, proof: Proof, audiences: frozenset[str], at: datetime) -> Proven:
    """Find out whether a client is who it says; whatever is wrong, it hears the same."""
    assertion = _opened(proof)
    client_id = assertion.client_id if assertion else proof.client_id
    if client_id is None or not _CLIENT.fullmatch(client_id) or proof.client_id not in {None, client_id}:
        raise unknown_client()
    with database.reading() as session:
        organisation_id = queries.organisation_of_client(session, client_id)
        enter(session, organisation_id or "")
        if assertion is None:
            proof_id = _by_secret(session, client_id, proof.secret or "", at)
        else:
            proof_id = _by_assertion(session, client_id, assertion, audiences, at)
    if organisation_id is None or proof_id is None:
        raise unknown_client()
    return Proven(organisation_id, client_id, proof_id, assertion)


def _opened(proof: Proof) -> Assertion | None:
    if proof.assertion is None:
        return None
    try:
        return open_assertion(proof.assertion)
    except Malformed:
        raise unknown_client() from None


def _by_secret(session: Session, client_id: str, secret: str, at: datetime) -> str | None:
    """Find which of a client's secrets this is, in the same time whether it has one, two or none."""
    given, found = hash_of(secret), None
    rows: list[ClientSecret | None] = [*queries.secrets_of(session, client_id, at)]
    for row in (rows + [None] * _COMPARISONS)[:_COMPARISONS]:
        if hmac.compare_digest(given, row.secret_hash if row else hash_of("")) and row:
            found = row.id
    return found


def _by_assertion(
    session: Session, client_id: str, assertion: Assertion, audiences: frozenset[str], at: datetime
) -> str | None:
    """Find by which of a client's keys this was signed; made for us alone, and now."""
    row = assertion.key_among(queries.jwks_of(session, client_id))
    meant = assertion.audiences <= audiences and assertion.in_time(at)
    return row.id if meant and row is not None and assertion.verified_by(row) else None


def _still(session: Session, proven: Proven, at: datetime) -> tuple[ApiClient, ClientSecret | ClientJwk]:
    """Lock the client, see that it still has what it proved itself with, and take its assertion, once."""
    try:
        client = queries.client_locked(session, proven.client_id)
    except ClientNotFound:
        raise unknown_client() from None
    row: ClientSecret | ClientJwk | None
    if proven.assertion is None:
        row = session.get(ClientSecret, proven.proof_id)
    else:
        row = session.get(ClientJwk, proven.proof_id)
    if row is None or (isinstance(row, ClientSecret) and not row.usable(at)):
        raise unknown_client()
    row.last_used_on = at.date()
    # What is over is swept by whoever comes next: of each client there is never much.
    for table in (AccessToken, UsedAssertion):
        session.execute(delete(table).where(table.client_id == client.id, table.expires_at <= at))
    if proven.assertion is not None:
        _take(session, client, proven.assertion)
    return client, row


def _take(session: Session, client: ApiClient, assertion: Assertion) -> None:
    used = UsedAssertion(
        organisation_id=client.organisation_id,
        client_id=client.id,
        jti_hash=assertion.jti_hash,
        expires_at=assertion.forgotten_at,
    )
    try:
        with session.begin_nested():
            session.add(used)
    except IntegrityError:
        raise unknown_client() from None
