"""Steps on the way to a renewed credential: hours that are there, and what is asked over HTTP."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, Final

import httpx
from sqlalchemy import select

from app.core.ids import new_id
from app.credentials import queries as credentials
from app.credentials.models import Credential, Document, Period
from app.renewal.cycles import Days, days_of
from app.renewal.models import CpdActivity
from app.renewal.states import ActivitySource, ActivityState
from app.schemes.catalogue import catalogue
from tests.calling import Caller
from tests.renewal.members import House, Someone

SCHEME: Final = catalogue().schemes[0]
YEARS: Final = SCHEME.validity.period.years
DAY: Final = timedelta(days=1)
_names = count(1)

# Each year a course, some work beyond routine and some teaching: enough in all, and nobody gives most of it.
A_YEAR: Final[tuple[tuple[str, str, int, dict[str, str]], ...]] = (
    ("learning", "Scuola di prova", 16, {"responsible_ai": "3", "sustainability": "1"}),
    ("practice", "Impresa di prova", 8, {}),
    ("contribution", "Rivista di prova", 8, {}),
)


def days(house: House, credential: str | None = None, *, cycle: int | None = None) -> Days:
    """The days of the cycle at work, or of another."""
    with house.ports.database.reading(house.organisation) as session:
        held = credentials.by_id(session, credential or house.credential)
        number = cycle or credentials.last_cycle(session, held).cycle
        return days_of(held.anchor, number, years=YEARS, rules=SCHEME.renewal)


def enough(
    house: House,
    credential: str | None = None,
    *,
    state: ActivityState = ActivityState.CLAIMED,
    provider: str | None = None,
    years: int = YEARS,
    reviewed_by: str | None = None,
) -> list[str]:
    """Activities that satisfy the cycle at work, entered in the tables; gives their ids."""
    chosen = credential or house.credential
    begins = days(house, chosen).begins
    made: list[CpdActivity] = []
    for year in range(years):
        for place, (category, by, hours, topics) in enumerate(A_YEAR):
            ended_on = begins + timedelta(days=365 * year + 60 + 10 * place)
            made.append(
                activity(
                    house,
                    chosen,
                    ended_on=ended_on,
                    category=category,
                    provider=provider or by,
                    hours=hours,
                    topics=topics,
                    state=state,
                    reviewed_by=reviewed_by,
                )
            )
    with house.ports.database.writing(house.organisation) as session:
        session.add_all(made)
    return [each.id for each in made]


def activity(
    house: House,
    credential: str,
    *,
    ended_on: date,
    category: str = "learning",
    provider: str = "Scuola di prova",
    hours: int = 8,
    topics: dict[str, str] | None = None,
    state: ActivityState = ActivityState.CLAIMED,
    claimed_on: date | None = None,
    reviewed_by: str | None = None,
) -> CpdActivity:
    with house.ports.database.reading(house.organisation) as session:
        holder = credentials.by_id(session, credential).holder_id
    number = next(_names)
    return CpdActivity(
        id=new_id("act"),
        organisation_id=house.organisation,
        credential_id=credential,
        holder_id=holder,
        title=f"Attivit\N{LATIN SMALL LETTER A WITH GRAVE} {number}",
        provider=provider,
        started_on=ended_on - timedelta(days=4),
        ended_on=ended_on,
        hours=Decimal(hours),
        category=category,
        topics=topics or {},
        competences=["T1"],
        fingerprint=f"{number:064}",
        source=ActivitySource.MEMBER,
        state=state,
        recorded_by=holder,
        created_at=house.now,
        claimed_at=house.now,
        claimed_on=claimed_on or ended_on,
        reviewed_by=reviewed_by or (house.secretary.id if state is ActivityState.ACCEPTED else None),
    )


def enter(house: House, *rows: CpdActivity) -> None:
    with house.ports.database.writing(house.organisation) as session:
        session.add_all(rows)


def accept_all(house: House, credential: str | None = None) -> None:
    """As if the secretary had looked at every activity, behind everybody's back."""
    with house.ports.database.writing(house.organisation) as session:
        rows = session.scalars(
            select(CpdActivity).where(
                CpdActivity.credential_id == (credential or house.credential),
                CpdActivity.state == ActivityState.CLAIMED,
            )
        )
        for row in rows:
            row.state = ActivityState.ACCEPTED
            row.reviewed_by = house.secretary.id


def file(house: House, who: Someone | None = None, credential: str | None = None) -> httpx.Response:
    asked = {"credential": credential or house.credential}
    return (who or house.holder).calls.post("/v1/renewals", json=asked)


def filed(house: House, who: Someone | None = None, credential: str | None = None) -> dict[str, Any]:
    answer = file(house, who, credential)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def drawn(house: House, renewal: dict[str, Any]) -> dict[str, Any]:
    """Hold the draw that a renewal waits in; gives what was published."""
    answer = house.manager.calls.post(f"/v1/audit-draws/{renewal['draw']['id']}/drawing")
    assert answer.status_code == 200, answer.text
    record: dict[str, Any] = answer.json()
    return record


def approve(
    house: House, renewal: dict[str, Any], *, by: Someone | None = None, **given: Any
) -> httpx.Response:
    return (by or house.manager).calls.post(f"/v1/renewals/{renewal['id']}/approval", json=given)


def approved(house: House, renewal: dict[str, Any], **given: Any) -> dict[str, Any]:
    answer = approve(house, renewal, **given)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refuse(
    house: House, renewal: dict[str, Any], *, by: Someone | None = None, reasons: str = "Not enough."
) -> httpx.Response:
    asked = {"reasons": reasons}
    return (by or house.manager).calls.post(f"/v1/renewals/{renewal['id']}/refusal", json=asked)


def renewed(house: House) -> dict[str, Any]:
    """The whole way, for the holder: hours, filing, the draw, and whatever it takes to be approved."""
    enough(house, state=ActivityState.ACCEPTED)
    renewal = filed(house)
    if renewal["state"] == "submitted":
        drawn(house, renewal)
    return approved(house, renewal)


def standing(house: House, who: Someone | None = None, credential: str | None = None) -> dict[str, Any]:
    answer = (who or house.holder).calls.get(f"/v1/credentials/{credential or house.credential}/renewal")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def credential(house: House, which: str | None = None) -> Credential:
    """A credential with its periods and documents, as they are now."""
    with house.ports.database.reading(house.organisation) as session:
        found = credentials.by_id(session, which or house.credential)
        for period in found.periods:
            assert period.documents is not None
        return found


def periods(house: House, which: str | None = None) -> list[tuple[str, date, date]]:
    """From when until when a credential really held, holds and will hold, and on what ground."""
    return [(each.kind.value, each.valid_from, each.through) for each in credential(house, which).periods]


def document(period: Period) -> Document:
    """The sealed document of a period; beside it stands the QR code, and nothing else."""
    seal, code = period.documents
    assert (seal.format, code.format) == ("vc+jwt", "qr")
    assert (seal.superseded_at is None) == (code.superseded_at is None)
    return seal


def verified(house: House, token: str | None = None, number: str | None = None) -> dict[str, Any]:
    """What a stranger is told, of a document or of a number; never anything older than two seconds."""
    stranger: Caller = Caller(house.holder.calls._transport, {})
    if token is not None:
        answer = stranger.post("/v1/verifications", json={"credential": token})
    else:
        answer = stranger.get(f"/v/{number or house.number}.json")
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    return report


def code(report: dict[str, Any], check: str) -> str:
    return next(str(each["code"]) for each in report["checks"] if each["id"] == check)
