"""Routes of schemes: what can be certified, and what it takes."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.organisations.access import CurrentActor, ReadDb, needs
from app.organisations.conventions import ApiRoute
from app.organisations.errors import PermissionMissing
from app.organisations.rules import Permission
from app.organisations.service import today_of
from app.problems import documented
from app.schemes.catalogue import catalogue
from app.schemes.errors import SchemeNotFound
from app.schemes.schemas import SchemeLine, SchemeOut
from app.web import Now, Page

router = APIRouter(prefix="/v1/schemes", tags=["schemes"], route_class=ApiRoute)


@router.get("", dependencies=[needs(Permission.DOSSIERS_READ)], responses=documented(PermissionMissing))
def list_schemes(db: ReadDb, now: Now, actor: CurrentActor) -> Page[SchemeLine]:
    """List the schemes for which a dossier can be begun today."""
    schemes = catalogue().all_in_force(today_of(db, actor.organisation_id, now))
    return Page(data=[SchemeLine.model_validate(scheme) for scheme in schemes], next_cursor=None)


@router.get(
    "/{scheme:path}",
    dependencies=[needs(Permission.DOSSIERS_READ)],
    responses=documented(PermissionMissing, SchemeNotFound),
)
def read_scheme(
    db: ReadDb,
    now: Now,
    actor: CurrentActor,
    scheme: Annotated[str, Path(max_length=120)],
    version: Annotated[str | None, Query(max_length=20)] = None,
) -> SchemeOut:
    """Show a scheme: the version in force today, or the one that is named, whatever became of it."""
    if version is not None:
        return SchemeOut.of(catalogue().version(scheme, version))
    return SchemeOut.of(catalogue().in_force(scheme, today_of(db, actor.organisation_id, now)))
