"""Routes of credentials: issue, read, hand out, suspend, reinstate, revoke."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy.orm import Session

from app.attestation.marks import MarkRefused
from app.attestation.sheet import NotPrintable, as_pdf
from app.core.ids import pattern
from app.credentials import delivering, hiding, issuing, proving, queries, register, service
from app.credentials.errors import (
    CauseNotAllowed,
    CredentialHidden,
    CredentialIssuedAlready,
    CredentialNotActive,
    CredentialNotFound,
    CredentialNotMovable,
    CredentialOpenAlready,
    DeliveriesTooMany,
    DeliveryNotConfigured,
    DeliveryNotFound,
    DeliveryWaiting,
    DevelopmentKey,
    DocumentNotFound,
    LevelNotOffered,
    LintFailed,
    NotTheHolder,
    OwnCredential,
    ProofNotOffered,
    ProofUnavailable,
    QrLeadsNowhere,
    ReviewNotAllowed,
    SealNotProvable,
    TrialCredential,
)
from app.credentials.gathering import Gathering
from app.credentials.models import Delivery, Document
from app.credentials.register import Entry
from app.credentials.rules import reads_all
from app.credentials.schemas import (
    CredentialOut,
    CredentialsOut,
    DeliveriesOut,
    DeliveryIn,
    DeliveryOut,
    DocumentIn,
    DocumentOut,
    IssuanceIn,
    ReinstatementIn,
    RevocationIn,
    SuspensionIn,
)
from app.decisions.errors import DecisionNotFound, DecisionNotGranted, DecisionNotPublished
from app.formats import jades, qr
from app.formats.claims import Format
from app.organisations.access import CurrentActor, Db, ReadDb, current_actor, needs
from app.organisations.conventions import (
    ApiRoute,
    ByItself,
    IdempotencyHeader,
    Told,
    as_stored,
    by_itself,
    written,
)
from app.organisations.errors import MembershipNotValid, PermissionMissing
from app.organisations.idempotency import Stored
from app.organisations.rules import Permission
from app.ports import KeyNotUsable
from app.problems import documented
from app.status.errors import SigningFailed
from app.web import GivenPorts, Now, UpdatedSince, attachment, instant_of

router = APIRouter(prefix="/v1/credentials", tags=["credentials"], route_class=ApiRoute)

CredentialId = Annotated[str, Path(pattern=pattern("crd"))]
DeliveryId = Annotated[str, Path(pattern=pattern("dlv"))]
MEDIA_TYPES: Final = {
    Format.VC_JWT: "application/vc+jwt",
    Format.OB_JWT: "application/jwt",
    Format.EDC: "application/ld+json",
    Format.QR: "text/plain",  # the digits alone: what stands behind `#` in the link
}
PROVEN_TYPE: Final = "application/jose+json"  # RFC 7515, 9.2.2
LEVELS: Final = {"screen": qr.Level.SCREEN, "print": qr.Level.PRINT}
Level = Annotated[Literal["screen", "print"], Query(description="`print` survives more dirt.")]
Seq = Annotated[int | None, Query(ge=1, le=1000, description="By default the period in force.")]
ProofLevel = Annotated[
    Literal["B-T", "B-LT", "B-LTA"] | None,
    Query(description="Of a `vc+jwt`: the same seal in flattened JSON, with proof up to this JAdES level."),
]
# What names a person is for nobody else to keep.
PRIVATE: Final = {"Cache-Control": "private, no-store"}
# Why there may be no page, and so no European Digital Credential, which shows it.
UNPRINTED: Final = (QrLeadsNowhere, NotPrintable, MarkRefused)
READ: Final = [needs(Permission.CREDENTIALS_READ)]
STATUS: Final = [needs(Permission.CREDENTIALS_STATUS)]


@router.post(
    "",
    status_code=201,
    response_model=CredentialOut,
    dependencies=[needs(Permission.CREDENTIALS_ISSUE)],
    responses=documented(
        DecisionNotFound,
        DecisionNotPublished,
        OwnCredential,
        CredentialIssuedAlready,
        CredentialOpenAlready,
        DevelopmentKey,
        SigningFailed,
        KeyNotUsable,
        DecisionNotGranted,
        MembershipNotValid,
        LintFailed,
    ),
)
async def issue(request: Request, given: IssuanceIn, idempotency_key: IdempotencyHeader = None) -> Response:
    """Issue the credential of a published grant: exactly one, however many ask."""

    def shown(_: Session | None, issued: issuing.Issued) -> Stored:
        return written(CredentialOut.model_validate(issued.entry))

    gathering: Gathering = request.app.state.gathering
    by, at = await current_actor(request), instant_of(request)
    async with by_itself(request, idempotency_key) as once:
        issued = await gathering.issue(given.decision, by=by, at=at, once=once.shown_as(shown))
        return as_stored(once.kept or shown(None, issued))


@router.get("", response_model=CredentialsOut, dependencies=READ)
def list_credentials(
    db: ReadDb,
    ports: GivenPorts,
    now: Now,
    actor: CurrentActor,
    updated_since: UpdatedSince | None = None,
    holder: Annotated[str | None, Query(pattern=pattern("per"))] = None,
    scheme: Annotated[str | None, Query(max_length=120)] = None,
    cursor: Annotated[str | None, Query(pattern=pattern("crd"))] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> dict[str, Any]:
    """List credentials: a person's own, or all of them for registrars and programs.

    What was suspended, reinstated, revoked, renewed, hidden or shown, or got another document, was updated.
    """
    found = queries.credentials(
        db,
        holder_ids=[each for each in (holder, None if reads_all(actor) else actor.id) if each],
        scheme_id=scheme,
        updated_since=updated_since,
        after=cursor,
        limit=limit + 1,
    )
    page = found[:limit]
    return {
        "data": [register.entry(db, ports, credential, at=now) for credential in page],
        "next_cursor": page[-1].id if len(found) > limit else None,
    }


@router.get(
    "/{credential_id}",
    response_model=CredentialOut,
    dependencies=READ,
    responses=documented(CredentialNotFound),
)
def read(
    db: ReadDb, ports: GivenPorts, now: Now, actor: CurrentActor, told: Told, credential_id: CredentialId
) -> Entry:
    """Read a credential as the register has it."""
    found = queries.readable(db, credential_id, by=actor)
    told.tell(found)
    return register.entry(db, ports, found, at=now)


@router.post(
    "/{credential_id}/documents",
    status_code=201,
    response_model=DocumentOut,
    dependencies=READ,
    responses={
        200: {"description": "It was made before", "model": DocumentOut},
        **documented(
            CredentialNotFound,
            CredentialNotActive,
            DevelopmentKey,
            TrialCredential,
            SigningFailed,
            KeyNotUsable,
            PermissionMissing,
            LintFailed,
            *UNPRINTED,
        ),
    },
)
def make_document(
    ports: GivenPorts,
    now: Now,
    actor: CurrentActor,
    once: ByItself,
    credential_id: CredentialId,
    given: DocumentIn,
    response: Response,
) -> Document:
    """Make the credential's document in another format; whoever holds it may ask, and so may a registrar."""
    made = issuing.issue_document(ports, credential_id, Format(given.format), by=actor, at=now)
    if not made.new:
        response.status_code = 200
    with ports.database.reading(actor.organisation_id) as session:
        credential = queries.by_id(session, credential_id)
        document = queries.document(session, queries.current_period(session, credential, now), made.form)
    # Made at most once by itself, so the answer may be kept afterwards.
    kept = written(DocumentOut.model_validate(document), response.status_code or 201)
    once.shown_as(lambda *_: kept).settle(ports.database, document)
    return document


@router.get(
    "/{credential_id}/documents/{form}",
    response_class=Response,
    dependencies=READ,
    responses={
        200: {
            "description": "The signed document",
            "content": {kind: {} for kind in (*MEDIA_TYPES.values(), PROVEN_TYPE)},
        },
        **documented(
            CredentialNotFound,
            DocumentNotFound,
            LevelNotOffered,
            ProofNotOffered,
            ProofUnavailable,
            SealNotProvable,
            CredentialNotActive,
            DevelopmentKey,
            TrialCredential,
            SigningFailed,
            KeyNotUsable,
            PermissionMissing,
            LintFailed,
            *UNPRINTED,
        ),
    },
)
def hand_out(
    ports: GivenPorts,
    now: Now,
    actor: CurrentActor,
    credential_id: CredentialId,
    form: Format,
    period: Seq = None,
    level: ProofLevel = None,
) -> Response:
    """Hand out a signed document, byte for byte as it was sealed: of the period in force, or of another.

    The European Digital Credential of the period in force is made when it is first asked for. A `vc+jwt` is
    compact, and with a `level` the same seal in JSON, with time-stamps that are made when first asked for.
    A document whose key was declared compromised is made anew: to whoever cannot ask us, the old one proves
    nothing.
    """
    if period is None and (level is None or form is Format.VC_JWT):
        issuing.ensure_document(ports, credential_id, form, by=actor, at=now)
    if level is not None:
        proven = proving.prove(
            ports, credential_id, form, jades.Level(level), period=period, by=actor, at=now
        )
        headers = {**PRIVATE, "Content-Disposition": f'attachment; filename="{proven.number}.vc.json"'}
        return Response(proven.text, media_type=PROVEN_TYPE, headers=headers)
    with ports.database.reading(actor.organisation_id) as db:
        credential = queries.readable(db, credential_id, by=actor)
        chosen = (
            queries.period(db, credential, period) if period else queries.current_period(db, credential, now)
        )
        document = queries.document(db, chosen, form)
        if form is Format.EDC:
            headers = attachment(register.edc_file_name(db, credential, chosen))
        else:
            name = f"{credential.number}.{form.value.replace('+', '.')}"
            headers = {**PRIVATE, "Content-Disposition": f'attachment; filename="{name}"'}
        return Response(document.token, media_type=MEDIA_TYPES[form], headers=headers)


@router.post(
    "/{credential_id}/deliveries",
    status_code=202,
    response_model=DeliveryOut,
    dependencies=READ,
    responses=documented(
        CredentialNotFound,
        NotTheHolder,
        DeliveryNotConfigured,
        DeliveryWaiting,
        DeliveriesTooMany,
        CredentialHidden,
        CredentialNotActive,
        DevelopmentKey,
        SigningFailed,
        KeyNotUsable,
        LintFailed,
        *UNPRINTED,
    ),
)
def deliver(
    ports: GivenPorts,
    now: Now,
    actor: CurrentActor,
    once: ByItself,
    credential_id: CredentialId,
    given: DeliveryIn,
) -> Delivery:
    """Have the European Digital Credential put into a wallet, for its holder; look later how it went."""
    return delivering.ask(
        ports,
        credential_id,
        wallet_address=given.wallet_address,
        language=given.language,
        by=actor,
        at=now,
        once=once.shown_as(lambda _, made: written(DeliveryOut.model_validate(made), 202)),
    )


@router.get(
    "/{credential_id}/deliveries",
    response_model=DeliveriesOut,
    dependencies=READ,
    responses=documented(CredentialNotFound, NotTheHolder),
)
def list_deliveries(
    db: ReadDb, actor: CurrentActor, credential_id: CredentialId, response: Response
) -> dict[str, Any]:
    """List what was delivered, for its holder: the newest fifty, each with how far it is."""
    response.headers.update(PRIVATE)
    return {"data": delivering.deliveries(db, credential_id, by=actor)}


@router.delete(
    "/{credential_id}/deliveries/{delivery_id}",
    status_code=204,
    dependencies=READ,
    responses=documented(CredentialNotFound, NotTheHolder, DeliveryNotFound),
)
def withdraw_delivery(
    db: Db, now: Now, actor: CurrentActor, credential_id: CredentialId, delivery_id: DeliveryId
) -> None:
    """Withdraw a delivery that waits; of one that arrived, forget where it can be seen."""
    delivering.withdraw(db, credential_id, delivery_id, by=actor, at=now)


@router.get(
    "/{credential_id}/qr.svg",
    response_class=Response,
    dependencies=READ,
    responses={
        200: {"description": "The QR code", "content": {"image/svg+xml": {}}},
        **documented(CredentialNotFound, QrLeadsNowhere),
    },
)
def qr_svg(
    db: ReadDb,
    ports: GivenPorts,
    now: Now,
    actor: CurrentActor,
    credential_id: CredentialId,
    level: Level = "screen",
) -> Response:
    """Draw the QR code by which anybody verifies the credential, offline too; sharp at any size."""
    issuing.ensure_code(ports, credential_id, by=actor, at=now)
    credential = queries.readable(db, credential_id, by=actor)
    text = register.qr_text(db, ports, credential, at=now)
    drawn = qr.svg(text, title=credential.number, level=LEVELS[level])
    return Response(drawn, media_type="image/svg+xml", headers=PRIVATE)


@router.get(
    "/{credential_id}/qr.png",
    response_class=Response,
    dependencies=READ,
    responses={
        200: {"description": "The QR code", "content": {"image/png": {}}},
        **documented(CredentialNotFound, QrLeadsNowhere),
    },
)
def qr_png(
    db: ReadDb,
    ports: GivenPorts,
    now: Now,
    actor: CurrentActor,
    credential_id: CredentialId,
    level: Level = "screen",
) -> Response:
    """Draw the QR code by which anybody verifies the credential, offline too; as a picture."""
    issuing.ensure_code(ports, credential_id, by=actor, at=now)
    credential = queries.readable(db, credential_id, by=actor)
    drawn = qr.png(register.qr_text(db, ports, credential, at=now), level=LEVELS[level])
    return Response(drawn, media_type="image/png", headers=PRIVATE)


@router.get(
    "/{credential_id}/attestation.pdf",
    response_class=Response,
    dependencies=READ,
    responses={
        200: {"description": "The attestation, PDF/UA-1", "content": {"application/pdf": {}}},
        **documented(CredentialNotFound, CredentialNotActive, LintFailed, *UNPRINTED),
    },
)
def attestation(
    db: ReadDb, ports: GivenPorts, now: Now, actor: CurrentActor, credential_id: CredentialId
) -> Response:
    """Set the attestation on A4 in both languages, with its QR code: tagged, and accessible to all."""
    issuing.ensure_code(ports, credential_id, by=actor, at=now)
    credential = queries.readable(db, credential_id, by=actor)
    page = as_pdf(register.sheet(db, ports, credential, at=now))
    headers = {**PRIVATE, "Content-Disposition": f'inline; filename="{credential.number}.pdf"'}
    return Response(page, media_type="application/pdf", headers=headers)


@router.post(
    "/{credential_id}/suspension",
    response_model=CredentialOut,
    dependencies=STATUS,
    responses=documented(
        OwnCredential, CredentialNotFound, CredentialNotMovable, CauseNotAllowed, ReviewNotAllowed
    ),
)
def suspend(
    db: Db,
    ports: GivenPorts,
    now: Now,
    actor: CurrentActor,
    credential_id: CredentialId,
    given: SuspensionIn,
) -> Entry:
    """Suspend a credential; the public lists say so within seconds, and never why."""
    suspended = service.suspend(
        db,
        credential_id,
        cause=given.cause,
        reasons=given.reasons,
        review_on=given.review_on,
        by=actor,
        at=now,
    )
    return register.entry(db, ports, suspended, at=now)


@router.post(
    "/{credential_id}/reinstatement",
    response_model=CredentialOut,
    dependencies=STATUS,
    responses=documented(OwnCredential, CredentialNotFound, CredentialNotMovable),
)
def reinstate(
    db: Db,
    ports: GivenPorts,
    now: Now,
    actor: CurrentActor,
    credential_id: CredentialId,
    given: ReinstatementIn,
) -> Entry:
    """End a suspension."""
    reinstated = service.reinstate(db, credential_id, reasons=given.reasons, by=actor, at=now)
    return register.entry(db, ports, reinstated, at=now)


@router.post(
    "/{credential_id}/revocation",
    response_model=CredentialOut,
    dependencies=STATUS,
    responses=documented(OwnCredential, CredentialNotFound, CredentialNotMovable, CauseNotAllowed),
)
def revoke(
    db: Db,
    ports: GivenPorts,
    now: Now,
    actor: CurrentActor,
    credential_id: CredentialId,
    given: RevocationIn,
) -> Entry:
    """Revoke a credential, for good."""
    revoked = service.revoke(db, credential_id, cause=given.cause, reasons=given.reasons, by=actor, at=now)
    return register.entry(db, ports, revoked, at=now)


@router.put(
    "/{credential_id}/hiding",
    response_model=CredentialOut,
    dependencies=READ,
    responses=documented(PermissionMissing, CredentialNotFound),
)
def hide(db: Db, ports: GivenPorts, now: Now, actor: CurrentActor, credential_id: CredentialId) -> Entry:
    """Hide a number, for its holder: whoever looks it up finds nothing; a document in hand is verified."""
    return register.entry(db, ports, hiding.hide(db, credential_id, by=actor, at=now), at=now)


@router.delete(
    "/{credential_id}/hiding",
    response_model=CredentialOut,
    dependencies=READ,
    responses=documented(PermissionMissing, CredentialNotFound),
)
def show(db: Db, ports: GivenPorts, now: Now, actor: CurrentActor, credential_id: CredentialId) -> Entry:
    """Let a number be found again."""
    return register.entry(db, ports, hiding.show(db, credential_id, by=actor, at=now), at=now)
