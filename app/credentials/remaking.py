"""After a key was lost: every document that it signed is made anew, and the credentials stay what they are.

What is made is no second credential: number, dates and subject are the same, and the old document is marked
as superseded. Stopped at any moment, it goes on where it was, since what is left to do is read each time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.core.errors import Problem
from app.credentials import issuing, queries, standing
from app.formats.claims import Format
from app.ports import Ports

DAY: Final = timedelta(days=1)
AT_ONCE: Final = 200
# The picture in a European Digital Credential shows the QR code, so that comes first.
ORDER: Final = (tuple(form for form in Format if form is not Format.EDC), (Format.EDC,))


@dataclass(frozen=True, slots=True)
class Remade:
    """What became of one document: it is there anew, or `refused` says why it is not yet."""

    document_id: str
    refused: str | None = None


def waiting(ports: Ports, *, at: datetime) -> int:
    """Count the documents that are to be made anew, of credentials that stand."""
    return sum(1 for forms in ORDER for _ in _spent(ports, forms, at))


def remake(ports: Ports) -> Iterator[Remade]:
    """Make each of them anew, in the order of issuing; one that cannot be keeps no other waiting."""
    for forms in ORDER:
        for organisation_id, document_id in _spent(ports, forms, ports.clock.now()):
            try:
                if issuing.replace_document(ports, organisation_id, document_id, at=ports.clock.now()):
                    yield Remade(document_id)
            except Problem as refused:
                yield Remade(document_id, refused.detail)


def _spent(ports: Ports, forms: tuple[Format, ...], at: datetime) -> Iterator[tuple[str, str]]:
    lost = standing.lost_keys(ports.signer)
    for place in ports.database.places():
        after: str | None = ""
        while after is not None:
            with ports.database.reading(place) as session:
                # A day earlier than anybody's calendar: each is looked at closely before it is made.
                found = queries.lost_documents(
                    session, lost, forms, on=(at - DAY).date(), after=after, limit=AT_ONCE
                )
            yield from found
            after = found[-1][1] if found else None
