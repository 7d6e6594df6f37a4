"""Bytes that nothing names any more are deleted: nothing personal stays where erasure cannot find it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.db import EVERY_ORGANISATION
from app.dossiers.models import Evidence
from app.outbox import messages
from app.outbox.messages import Message
from app.ports import FILES_SETTLE, Ports

FORGET: Final = "file.forget"


class StillFresh(Exception):
    """Somebody stored the same bytes a moment ago, and may be about to name them."""


def leave(session: Session, sha256: str, *, organisation_id: str, at: datetime) -> None:
    """Leave word to delete these bytes, once whoever may be naming them has had the time to."""
    messages.leave(
        session, FORGET, {"sha256": sha256}, organisation_id=organisation_id, at=at, due_at=at + FILES_SETTLE
    )


def names(session: Session, sha256: str) -> bool:
    """Tell whether evidence of any organisation names these bytes."""
    query = select(Evidence.id).where(Evidence.sha256 == sha256).limit(1)
    return session.scalars(query, execution_options=EVERY_ORGANISATION).first() is not None


def topics(
    ports: Ports, *elsewhere: Callable[[Session, str], bool]
) -> Mapping[str, Callable[[Message], None]]:
    """Tell a worker what to do with our messages; `elsewhere` asks the later stages what they still name."""

    def forget(message: Message) -> None:
        sha256 = str(message.body["sha256"])
        named = any(
            still(session, sha256) for session in ports.database.everywhere() for still in (names, *elsewhere)
        )
        if not named and not ports.files.discard(sha256):
            raise StillFresh

    return {FORGET: forget}
