"""Which status lists there are, so that a device can take all of them along and verify without a network."""

import json
from typing import Final

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response

from app.core.db import EVERY_ORGANISATION
from app.status.models import ListKind, StatusList
from app.verification.answers import Answer
from app.web import ports

# Each is some kilobytes at rest and some hundred at most; where there are more, the newest are taken along.
MOST: Final = 32
PATH: Final = "/status/index.json"


def lists(request: Request) -> Response:
    """Name the newest lists: whoever takes all of them along tells nobody which one is meant."""
    with ports(request).database.reading() as session:
        found = session.scalars(
            select(StatusList.id)
            .where(StatusList.kind.in_((ListKind.QR, ListKind.CREDENTIAL)))
            .order_by(StatusList.id.desc())
            .limit(MOST),
            execution_options=EVERY_ORGANISATION,
        ).all()
    body = json.dumps({"lists": [f"/status/{number}" for number in found]}, separators=(",", ":"))
    return Answer.made(body.encode(), "application/json").to(request)
