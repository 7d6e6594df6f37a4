"""Every table, in one place: importing this module completes `Base.metadata` for the migrations."""

from app.assessments import models as assessments
from app.batches import models as batches
from app.core.db import Base
from app.credentials import models as credentials
from app.decisions import models as decisions
from app.dossiers import models as dossiers
from app.events import models as events
from app.organisations import idempotency, pace
from app.organisations import models as organisations
from app.outbox import changes, messages, trail
from app.renewal import models as renewal
from app.status import models as status

metadata = Base.metadata

__all__ = [
    "assessments",
    "batches",
    "changes",
    "credentials",
    "decisions",
    "dossiers",
    "events",
    "idempotency",
    "messages",
    "metadata",
    "organisations",
    "pace",
    "renewal",
    "status",
    "trail",
]
