"""What was just issued, as the register's readers see it: of what was stored, and nothing is read again."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from app.core.days import first_instant_after, start_of
from app.credentials import composing
from app.credentials.register import Entry, Filed, FirstPeriod, verify_url
from app.credentials.rules import state_at
from app.organisations.queries import Body
from app.ports import Ports


def entry(
    ports: Ports, body: Body, made: composing.Entry, documents: Sequence[Filed], *, at: datetime
) -> Entry:
    """Put together what `register.entry` would read, of the documents of this transaction, the seal first."""
    zone = ZoneInfo(body.time_zone)
    return Entry(
        id=made.credential_id,
        number=made.number,
        holder=made.holder_id,
        holder_name=made.holder_name,
        scheme=made.scheme_id,
        state=state_at(
            at,
            issued_at=documents[0].issued_at,
            suspended_at=None,
            revoked_at=None,
            closed_at=None,
            valid_from=start_of(made.valid_from, zone),
            valid_until_exclusive=first_instant_after(made.valid_until, zone),
        ),
        mode=made.mode,
        valid_from=made.valid_from,
        valid_until=made.valid_until,
        issued_at=documents[0].issued_at,
        verify_url=verify_url(body.address(ports.settings.public_url), made.number),
        hidden_at=None,
        documents=documents,
        periods=[FirstPeriod(made.valid_from, made.valid_until, documents)],
    )
