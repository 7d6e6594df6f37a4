"""Credentials issued by the real use case, and what happens to them afterwards."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from app.core.db import enter
from app.core.errors import JsonValue
from app.credentials import addressing, issuing, queries, service
from app.credentials.models import Document
from app.formats.claims import Format
from app.formats.jose import assemble, open_compact, signing_input
from app.formats.published import jwk, method_id
from app.formats.strict import decode64
from app.organisations.models import Mode
from app.organisations.rules import Actor, Role
from app.ports import Ports, PublicKey, Slot
from tests import make
from tests.fakes_keys import MemoryKeys
from tests.postgres import as_owner


@dataclass(frozen=True, slots=True)
class Issued:
    id: str
    number: str
    holder_name: str
    token: str
    badge: str
    qr: str
    by: Actor


def issued(
    ports: Ports, *, mode: Mode = Mode.LIVE, own: MemoryKeys | None = None, host: str | None = None
) -> Issued:
    """A credential of a new organisation, in every format; under keys and a host of its own where given."""
    at = ports.clock.now()
    with ports.database.writing() as session:
        made = make.organisation(session, at)
        made.organisation.mode = mode
        organisation_id = made.organisation.id
        if own is not None:
            own.give(organisation_id, made.organisation.issuer_code, at)
        if host is not None:
            url = ports.settings.public_url
            addressing.set_host(session, organisation_id, host, public_url=url, by="system", at=at)
        holder = make.person(session, organisation_id, at=at)
        registrar = make.person(session, organisation_id, Role.REGISTRAR, at=at)
        by = make.actor(session, make.key(session, registrar, at=at), at=at)
        decision_id = make.granted_decision(session, organisation_id, holder, at=at).id
        name = holder.name_on_credential
    credential_id = issuing.issue(ports, decision_id, by=by, at=at)
    issuing.issue_document(ports, credential_id, Format.OB_JWT, by=by, at=at)
    with ports.database.reading(organisation_id) as session:
        credential = queries.by_id(session, credential_id)
        period = queries.current_period(session, credential, at)
        token, badge, digits = (
            queries.document(session, period, form).token
            for form in (Format.VC_JWT, Format.OB_JWT, Format.QR)
        )
        return Issued(credential_id, credential.number, name, token, badge, digits, by)


def in_the_name_of(
    keys: MemoryKeys,
    of: Issued,
    by: Issued,
    host: str,
    *,
    jti: str | None = None,
    form: Format = Format.VC_JWT,
) -> str:
    """What one body issued, as another one writes and seals it in the name of a host."""
    key = keys.current(Slot.SEAL, by.by.organisation_id)
    text = of.token if form is Format.VC_JWT else of.badge
    issuer_id = f"did:web:{host}"
    issuer = open_compact(text).payload["issuer"]
    assert isinstance(issuer, dict)
    said: dict[str, JsonValue] = {"issuer": issuer | {"id": issuer_id}, "iss": issuer_id}
    return rewritten(keys, key, text, said | ({"jti": jti, "id": jti} if jti else {}), issuer_id)


def rewritten(
    keys: MemoryKeys, key: PublicKey, text: str, said: dict[str, JsonValue], issuer_id: str | None = None
) -> str:
    """A token that says something else in these members, signed with this key and naming it."""
    header, payload = (json.loads(decode64(part)) for part in text.split(".")[:2])
    named = jwk(key, method_id(issuer_id or payload["iss"], key))
    header |= {name: named[name] for name in ("kid", "x5c", "x5t#S256") if name in header}
    unsigned = signing_input(header, payload | said)
    return assemble(unsigned, keys.sign(key.thumbprint, unsigned))


def suspend(ports: Ports, credential: Issued) -> None:
    with ports.database.writing(credential.by.organisation_id) as session:
        service.suspend(
            session,
            credential.id,
            cause=_cause(ports, credential),
            reasons="A complaint is looked into.",
            review_on=None,
            by=credential.by,
            at=ports.clock.now(),
        )


def reinstate(ports: Ports, credential: Issued) -> None:
    with ports.database.writing(credential.by.organisation_id) as session:
        service.reinstate(
            session, credential.id, reasons="Nothing was found.", by=credential.by, at=ports.clock.now()
        )


def revoke(ports: Ports, credential: Issued) -> None:
    with ports.database.writing(credential.by.organisation_id) as session:
        service.revoke(
            session,
            credential.id,
            cause="misuse_of_mark",
            reasons="The mark stood on another's paper.",
            by=credential.by,
            at=ports.clock.now(),
        )


def _cause(ports: Ports, credential: Issued) -> str:
    from app.schemes.catalogue import catalogue

    with ports.database.reading(credential.by.organisation_id) as session:
        held = queries.by_id(session, credential.id)
        period = queries.current_period(session, held, ports.clock.now())
        return catalogue().version(held.scheme_id, period.scheme_version).suspension.causes[0]


def meddle(ports: Ports, statement: str, **values: Any) -> None:
    """Change the register behind everybody's back, as only somebody with its password can."""
    with as_owner(ports.database) as owner, owner.writing() as session:
        session.connection().execute(text(statement), values)


def document(ports: Ports, credential: Issued, form: Format = Format.VC_JWT) -> Document:
    with ports.database.reading() as session:
        enter(session, credential.by.organisation_id)
        held = queries.by_id(session, credential.id)
        return queries.document(session, queries.current_period(session, held, ports.clock.now()), form)
