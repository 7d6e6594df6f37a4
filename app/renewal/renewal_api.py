"""Routes of renewals and of the draws of audits, and the public record of a draw."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.core.days import local_day
from app.core.ids import pattern
from app.credentials.errors import (
    CredentialNotActive,
    CredentialNotFound,
    DevelopmentKey,
    LintFailed,
    TrialCredential,
)
from app.credentials.models import Period
from app.credentials.rules import PeriodKind
from app.organisations import queries as organisations
from app.organisations.access import CurrentActor, Db, ReadDb, needs
from app.organisations.conventions import ApiRoute, Creating
from app.organisations.errors import MembershipNotValid, PermissionMissing
from app.organisations.rules import Permission
from app.organisations.service import today_of
from app.ports import KeyNotUsable, Ports
from app.problems import documented
from app.renewal import deciding, draws, filing
from app.renewal import renewal_queries as queries
from app.renewal.deciding import Interview
from app.renewal.errors import (
    AuditNotFinished,
    DrawDoneAlready,
    DrawEmpty,
    DrawNotFound,
    InterviewRequired,
    OwnRenewal,
    RenewalFiledAlready,
    RenewalNotEligible,
    RenewalNotFound,
    RenewalNotMovable,
    RenewalNotOpen,
    ReviewerDecidesNot,
)
from app.renewal.models import AuditDraw, Renewal
from app.renewal.renewal_schemas import (
    AnswerIn,
    ApprovalIn,
    CureIn,
    DrawOut,
    RefusalIn,
    RenewalIn,
    RenewalLine,
    RenewalOut,
    RenewalStandingOut,
)
from app.renewal.states import RenewalState
from app.status.errors import SigningFailed
from app.verification.answers import PUBLIC
from app.verification.rules import ROME
from app.web import PAGE, Cursor, GivenPorts, Limit, Now, Page, PublicRoute, page_of

router = APIRouter(tags=["renewals"], route_class=ApiRoute)

CredentialId = Annotated[str, Path(pattern=pattern("crd"))]
RenewalId = Annotated[str, Path(pattern=pattern("ren"))]
DrawId = Annotated[str, Path(pattern=pattern("drw"))]
READ: Final = [needs(Permission.RENEWALS_READ)]
WRITE: Final = [needs(Permission.RENEWALS_WRITE)]
DECIDE: Final = [needs(Permission.RENEWALS_DECIDE)]
RECORD: Final = "/audit-draws/{draw_id}.json"
_DRAW: Final = re.compile(pattern("drw"))


@router.get(
    "/v1/credentials/{credential_id}/renewal",
    response_model=RenewalStandingOut,
    dependencies=READ,
    responses=documented(CredentialNotFound),
)
def standing(
    db: ReadDb, ports: GivenPorts, now: Now, actor: CurrentActor, credential_id: CredentialId
) -> dict[str, Any]:
    """Tell whether a credential may be renewed today, until when, and what stands in the way."""
    found = filing.standing(db, credential_id, by=actor, at=now)
    place = found.place
    return {
        "credential": found.credential_id,
        "cycle": place.cycle,
        "phase": place.phase,
        "today": place.today,
        "opens_on": place.days.opens,
        "bridge_if_filed_by": place.scheme.renewal.bridge.if_submitted_before.before(place.days.ends),
        "expires_on": place.days.ends,
        "grace_until": place.days.grace_ends,
        "reinstatement_until": place.days.reinstatement_ends,
        "may_file": not found.obstacles,
        "why_not": [{"code": each.problem.code, "detail": each.words} for each in found.obstacles],
        "renewal": _shown(db, ports, found.renewal) if found.renewal else None,
    }


@router.post(
    "/v1/renewals",
    status_code=201,
    response_model=RenewalOut,
    dependencies=WRITE,
    responses=documented(
        CredentialNotFound,
        PermissionMissing,
        CredentialNotActive,
        RenewalFiledAlready,
        RenewalNotOpen,
        MembershipNotValid,
        RenewalNotEligible,
    ),
)
def file(db: Creating, ports: GivenPorts, now: Now, actor: CurrentActor, given: RenewalIn) -> dict[str, Any]:
    """File the renewal of a credential, for its holder: one for each cycle."""
    return _shown(db, ports, filing.file(db, given.credential, by=actor, at=now))


@router.get("/v1/renewals", response_model=Page[RenewalLine], dependencies=READ)
def list_renewals(
    db: ReadDb,
    ports: GivenPorts,
    actor: CurrentActor,
    credential: Annotated[str | None, Query(pattern=pattern("crd"))] = None,
    state: RenewalState | None = None,
    cursor: Cursor | None = None,
    limit: Limit = PAGE,
) -> dict[str, Any]:
    """List renewals: a person's own, or all of them for those who handle them.

    What each was judged on is read one by one.
    """
    found = queries.renewals(
        db,
        holder_id=None if queries.reads_all(actor) else actor.id,
        credential_id=credential,
        state=state,
        after=cursor,
        limit=limit + 1,
    )
    page, next_cursor = page_of(found, limit)
    return {"data": _lines(db, ports, page), "next_cursor": next_cursor}


@router.get(
    "/v1/renewals/{renewal_id}",
    response_model=RenewalOut,
    dependencies=READ,
    responses=documented(RenewalNotFound),
)
def read(db: ReadDb, ports: GivenPorts, actor: CurrentActor, renewal_id: RenewalId) -> dict[str, Any]:
    """Read a renewal."""
    return _shown(db, ports, queries.readable(db, renewal_id, by=actor))


@router.post(
    "/v1/renewals/{renewal_id}/approval",
    response_model=RenewalOut,
    dependencies=DECIDE,
    responses=documented(
        RenewalNotFound,
        OwnRenewal,
        ReviewerDecidesNot,
        RenewalNotMovable,
        CredentialNotActive,
        AuditNotFinished,
        DevelopmentKey,
        TrialCredential,
        SigningFailed,
        KeyNotUsable,
        MembershipNotValid,
        RenewalNotEligible,
        InterviewRequired,
        LintFailed,
    ),
)
def approve(
    ports: GivenPorts, now: Now, actor: CurrentActor, renewal_id: RenewalId, given: ApprovalIn
) -> dict[str, Any]:
    """Approve a renewal: the credential's next period begins, with a signed document of its own."""
    interview = Interview(given.interview.held_on, given.interview.minutes) if given.interview else None
    deciding.approve(ports, renewal_id, reasons=given.reasons, interview=interview, by=actor, at=now)
    with ports.database.reading(actor.organisation_id) as session:
        return _shown(session, ports, queries.by_id(session, renewal_id))


@router.post(
    "/v1/renewals/{renewal_id}/refusal",
    response_model=RenewalOut,
    dependencies=DECIDE,
    responses=documented(RenewalNotFound, OwnRenewal, ReviewerDecidesNot, RenewalNotMovable),
)
def refuse(
    db: Db, ports: GivenPorts, now: Now, actor: CurrentActor, renewal_id: RenewalId, given: RefusalIn
) -> dict[str, Any]:
    """Refuse a renewal, with reasons."""
    return _shown(db, ports, deciding.refuse(db, renewal_id, reasons=given.reasons, by=actor, at=now))


@router.post(
    "/v1/renewals/{renewal_id}/cure",
    response_model=RenewalOut,
    dependencies=DECIDE,
    responses=documented(RenewalNotFound, OwnRenewal, RenewalNotMovable, CredentialNotActive),
)
def ask_to_cure(
    db: Db, ports: GivenPorts, now: Now, actor: CurrentActor, renewal_id: RenewalId, given: CureIn
) -> dict[str, Any]:
    """Ask the holder to mend what the audit found wanting: activities can be added and corrected again."""
    return _shown(db, ports, deciding.ask_to_cure(db, renewal_id, reasons=given.reasons, by=actor, at=now))


@router.post(
    "/v1/renewals/{renewal_id}/answer",
    response_model=RenewalOut,
    dependencies=WRITE,
    responses=documented(
        RenewalNotFound, PermissionMissing, RenewalNotMovable, CredentialNotActive, RenewalNotEligible
    ),
)
def answer(
    db: Db, ports: GivenPorts, now: Now, actor: CurrentActor, renewal_id: RenewalId, given: AnswerIn
) -> dict[str, Any]:
    """Hand a renewal in again once what was wanting is mended."""
    del given
    return _shown(db, ports, deciding.answer(db, renewal_id, by=actor, at=now))


@router.get("/v1/audit-draws", response_model=Page[DrawOut], dependencies=READ)
def list_draws(
    db: ReadDb, now: Now, actor: CurrentActor, cursor: Cursor | None = None, limit: Limit = PAGE
) -> dict[str, Any]:
    """List the draws of the organisation, as everybody may read them."""
    page, next_cursor = page_of(queries.draws(db, after=cursor, limit=limit + 1), limit)
    today = today_of(db, actor.organisation_id, now)
    return {"data": [draws.record(drawn, today=today) for drawn in page], "next_cursor": next_cursor}


@router.post(
    "/v1/audit-draws/{draw_id}/drawing",
    response_model=DrawOut,
    dependencies=DECIDE,
    responses=documented(DrawNotFound, PermissionMissing, OwnRenewal, DrawDoneAlready, DrawEmpty),
)
def hold_draw(db: Db, now: Now, actor: CurrentActor, draw_id: DrawId) -> dict[str, Any]:
    """Hold a draw now: whoever was drawn is audited, the others may be approved."""
    drawn = draws.hold(db, draw_id, by=actor, at=now)
    return draws.record(drawn, today=today_of(db, actor.organisation_id, now))


def public_routes(ports: Ports) -> list[Route]:
    """Give the route at which anybody may read of a draw, and hold it again."""

    def record(request: Request) -> Response:
        wanted = request.path_params["draw_id"]
        if not _DRAW.fullmatch(wanted):
            raise DrawNotFound("There is no such draw.")
        with ports.database.reading() as session:
            drawn = queries.draw_of_anyone(session, wanted)
            published = draws.record(drawn, today=local_day(ports.clock.now(), ROME))
        body = json.dumps(published, separators=(",", ":")).encode()
        return Response(body, media_type="application/json", headers=PUBLIC)

    return [PublicRoute(RECORD, record)]


def _shown(session: Session, ports: Ports, renewal: Renewal) -> dict[str, Any]:
    """Put together what a reader wants to know of a renewal."""
    [line] = _lines(session, ports, [renewal])
    return {**line, "evaluation": renewal.evaluation}


def _lines(session: Session, ports: Ports, renewals: Sequence[Renewal]) -> list[dict[str, Any]]:
    periods = {
        (period.renewal_id, period.kind): period
        for period in queries.periods_of(session, [renewal.id for renewal in renewals])
    }
    drawn = queries.draws_of(session, renewals)
    base_url = organisations.body_of(session).address(ports.settings.public_url)
    return [_line(base_url, renewal, periods, drawn) for renewal in renewals]


def _line(
    base_url: str,
    renewal: Renewal,
    periods: Mapping[tuple[str | None, PeriodKind], Period],
    drawn: Mapping[str, AuditDraw],
) -> dict[str, Any]:
    return {
        "id": renewal.id,
        "credential": renewal.credential_id,
        "cycle": renewal.cycle,
        "kind": renewal.kind,
        "state": renewal.state,
        "filed_at": renewal.filed_at,
        "late": renewal.late,
        "rules": renewal.rules_digest,
        "draw": _link(base_url, drawn[renewal.draw_id]) if renewal.draw_id else None,
        "audit": _if(
            renewal.audit_reason,
            {"reason": renewal.audit_reason, "from": renewal.audit_from, "reply_by": renewal.reply_by},
        ),
        "cure": _if(renewal.cure_reasons, {"reasons": renewal.cure_reasons, "by": renewal.cure_by}),
        "decision": _if(
            renewal.decided_on,
            {"outcome": renewal.state, "on": renewal.decided_on, "reasons": renewal.reasons},
        ),
        "period": periods.get((renewal.id, PeriodKind.RENEWAL)),
        "bridge": periods.get((renewal.id, PeriodKind.BRIDGE)),
    }


def _link(base_url: str, drawn: AuditDraw) -> dict[str, Any]:
    url = base_url + RECORD.replace("{draw_id}", drawn.id)
    return {"id": drawn.id, "url": url, "commitment": drawn.commitment, "drawn_at": drawn.drawn_at}


def _if(there: object, shown: dict[str, Any]) -> dict[str, Any] | None:
    return shown if there else None
