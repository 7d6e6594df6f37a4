"""The letter that tells a person that somebody else made a key in their name.

Whoever holds a key acts as its owner. So nobody's key comes into being behind their back: the trail says
who made it, and this letter says so to the one person who knows whether they asked for it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from app.core.clock import iso_duration
from app.organisations import queries
from app.organisations.models import ApiKey, Mode
from app.outbox import messages
from app.outbox.messages import Message
from app.outbox.trail import SYSTEM, record
from app.ports import Mail, MailRefused, Ports

KEY_MADE: Final = "mail.key-made"
SUBJECT: Final = "{mark}Nuova chiave a suo nome / A new key in your name"
TEXT: Final = """\
(English below)

Gentile {reader},

{maker} ha creato oggi una chiave a suo nome ({key}) presso {organisation}.
Vale fino al {ends:%d/%m/%Y}. Chi la possiede può agire come lei.

Se l'ha chiesta lei, e vuole che nessun altro l'abbia vista, la cambi
subito con la chiave stessa: POST {url}/v1/api-keys/{key}/rotation
con overlap_hours 0. Se non l'ha chiesta, lo dica subito a {organisation}.

------------------------------------------------------------------------

Dear {reader},

{maker} made a key in your name today ({key}) at {organisation}.
It is good until {ends:%Y-%m-%d}. Whoever holds it can act as you.

If you asked for it, and want one that nobody else has seen, replace it
now with the key itself: POST {url}/v1/api-keys/{key}/rotation
with overlap_hours 0. If you did not ask for it, tell {organisation} at once.
"""


def leave(session: Session, key: ApiKey, *, by: str, at: datetime) -> None:
    """Leave the letter to be sent once the key is there."""
    messages.leave(session, KEY_MADE, {"key": key.id, "by": by}, organisation_id=key.organisation_id, at=at)


def topics(ports: Ports) -> Mapping[str, Callable[[Message], None]]:
    """Tell a worker what to do with these messages."""

    def send(message: Message) -> None:
        with ports.database.reading(message.organisation_id) as session:
            mail = _written(session, message, ports)
        try:
            ports.mailer.send(mail)
        except MailRefused:
            outcome = "key.notice-refused"
        else:
            outcome = "key.notice-sent"
        with ports.database.writing(message.organisation_id) as session:
            record(
                session,
                outcome,
                organisation_id=message.organisation_id,
                by=SYSTEM,
                at=ports.clock.now(),
                about={"key": str(message.body["key"]), "message": message.id},
            )

    return {KEY_MADE: send}


def _written(session: Session, message: Message, ports: Ports) -> Mail:
    key = queries.key(session, str(message.body["key"]))
    reader = queries.person(session, str(key.person_id))
    organisation = queries.organisation(session, message.organisation_id)
    moved = iso_duration(ports.clock.offset)
    mark = "TEST: " if organisation.mode is Mode.TEST else ""
    text = TEXT.format(
        reader=f"{reader.given_name} {reader.family_name}",
        maker=queries.name_of(session, str(message.body["by"]), is_person=True),
        organisation=organisation.legal_name,
        key=key.id,
        ends=key.expires_at,
        url=ports.settings.public_url,
    )
    return Mail(
        to=reader.email,
        subject=SUBJECT.format(mark=mark),
        text=text if moved is None else f"{text}\nOrologio spostato di / Clock moved by {moved}.\n",
        message_id=message.id,
    )
