"""Whether credentials have room for a name, known before anybody is granted one."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.orm import Session

from app.core.errors import JsonValue
from app.credentials.composing import FAR, NIL
from app.formats import q1
from app.formats.lints import room_for_name
from app.organisations import queries as organisations
from app.organisations.errors import NameTooLong
from app.organisations.models import Mode
from app.organisations.queries import Body
from app.ports import Ports
from app.schemes.catalogue import catalogue
from app.schemes.scheme import Scheme

_LATE: Final = datetime.fromtimestamp(0xFFFFFFFF, UTC)  # every instant before it takes as much room


@dataclass(frozen=True, slots=True)
class Room:
    """How many bytes of a name the offline QR codes of a body take; None: theirs name nobody."""

    most: int | None

    @classmethod
    def of(cls, session: Session, schemes: Iterable[Scheme], *, public_url: str) -> "Room":
        """Find it out for whichever of these schemes has the most, at the body's address."""
        body = organisations.body_of(session)
        each = {_room(body, scheme, public_url) for scheme in schemes}
        return cls(None if None in each else max(size for size in each if size is not None))

    def fault_of(self, name: str) -> str | None:
        """Say why a name cannot stand on a credential, and what to do; None where it can."""
        size = len(unicodedata.normalize("NFC", name).encode())
        if self.most is None or size <= self.most:
            return None
        return (
            f"The name on the credential takes {size} bytes, and its QR code on paper has room for "
            f"{self.most}: give a shorter `name_on_credential`."
        )


def _room(body: Body, scheme: Scheme, public_url: str) -> int | None:
    if "name" not in scheme.credential_claims.qr:
        return None
    says = q1.Content(
        issuer_code=body.issuer_code,
        document_id=NIL,
        valid_from=_LATE,
        valid_until=_LATE,
        name=None,
        scheme=f"{scheme.code}/{scheme.version}",
        list_id=FAR.list_id,
        index=FAR.index,
        test=body.mode is Mode.TEST,
    )
    return room_for_name(says, body.address(public_url))


def require_room(session: Session, ports: Ports, name: str) -> None:
    """Refuse a name that would stand on no credential of any scheme."""
    room = Room.of(session, catalogue().schemes, public_url=ports.settings.public_url)
    if words := room.fault_of(name):
        faults: list[JsonValue] = [
            {"pointer": "#/name_on_credential", "code": NameTooLong.code, "detail": words}
        ]
        raise NameTooLong(words, errors=faults)
