"""Two processes on one register: the same request at once over both, and how soon each knows of the other."""

import asyncio
import secrets
from time import monotonic, sleep
from typing import Final

import httpx
from sqlalchemy import func, select

from app.credentials.models import Period
from drill.asking import BROKEN, CONFLICT, IN_FLIGHT, REPLAYED, Caller, code_of
from drill.house import CannotDrill, House
from drill.load import CREATED, MOVES, OK

AT_ONCE: Final = 200
MOST_SECONDS: Final = 2.0  # until a revocation shows on the other process
LOOK_SECONDS: Final = 0.01
PATIENCE_SECONDS: Final = 30.0
ATTEMPTS: Final = 100
PAUSE_SECONDS: Final = 0.2


def race(house: House, *, revocations: int) -> None:
    """Send one request two hundred times at once, then revoke through one process and look at the other."""
    decision = _granted(house)
    answers = asyncio.run(_at_once(house, decision))
    made = {answer.json().get("id") for answer in answers if answer.status_code == CREATED}
    replayed = sum(REPLAYED in answer.headers for answer in answers)
    with house.place.ports() as ports, ports.database.reading(house.organisation) as session:
        effects = session.scalars(
            select(func.count()).select_from(Period).where(Period.decision_id == decision)
        ).one()
    house.count("identical requests at once", AT_ONCE)
    house.count("of these, answered with the same credential", sum(a.status_code == CREATED for a in answers))
    house.count("of these, replayed", replayed)
    house.count("effects of them", effects)
    if len(made) != 1 or effects != 1 or any(answer.status_code != CREATED for answer in answers):
        codes = {answer.status_code for answer in answers}
        house.find(f"{AT_ONCE} identical requests had {effects} effects, {len(made)} names, answers {codes}")
    _visibility(house, revocations)


def _granted(house: House) -> str:
    decision = house.grant()
    if decision is None:
        raise CannotDrill("There is no decision left to issue for.")
    house.raced.add(decision)
    return decision


async def _at_once(house: House, decision: str) -> list[httpx.Response]:
    headers = {
        "Authorization": f"Bearer {house.keys['registrar']}",
        "Idempotency-Key": secrets.token_hex(16),
    }
    limits = httpx.Limits(max_connections=AT_ONCE)
    async with httpx.AsyncClient(headers=headers, timeout=60, limits=limits, trust_env=False) as client:

        async def ask(url: str) -> httpx.Response:
            for _ in range(ATTEMPTS):
                answer = await client.post(f"{url}/v1/credentials", json={"decision": decision})
                if code_of(answer) != IN_FLIGHT and answer.status_code < BROKEN:
                    break
                house.count("of these, told to come again", answer.status_code == CONFLICT)
                await asyncio.sleep(PAUSE_SECONDS)
            return answer

        webs = house.webs
        return await asyncio.gather(*(ask(webs[n % len(webs)]) for n in range(AT_ONCE)))


def _visibility(house: House, revocations: int) -> None:
    """Measure from the answer to the revocation until the other process says so, which was asked before."""
    caller = Caller(house, house.keys["registrar"])
    taken = []
    for turn in range(revocations):
        made = caller.make("/v1/credentials", json={"decision": _granted(house)}).json()
        here, there = house.webs[turn % 2], house.webs[1 - turn % 2]
        page = f"{there}/v/{made['number']}.json"
        with httpx.Client(timeout=30, trust_env=False) as client:
            _until(client, page, "active")
            client.post(
                f"{here}/v1/credentials/{made['id']}/revocation",
                json=MOVES["revocation"],
                headers={"Authorization": f"Bearer {house.keys['registrar']}"},
            ).raise_for_status()
            taken.append(_until(client, page, "revoked"))
    caller.close()
    house.count("revocations seen on the other process", len(taken))
    house.notes.append(
        "a revocation shows on the other process after "
        f"{', '.join(f'{seconds:.2f}' for seconds in sorted(taken))} s (at most {MOST_SECONDS:.0f})"
    )
    if max(taken) > MOST_SECONDS:
        house.find(f"a revocation showed on the other process only after {max(taken):.2f} s")


def _until(client: httpx.Client, page: str, state: str) -> float:
    began = monotonic()
    while (waited := monotonic() - began) < PATIENCE_SECONDS:
        answer = client.get(page)
        if answer.status_code == OK and answer.json()["credential"]["state"] == state:
            return monotonic() - began
        sleep(LOOK_SECONDS)
    return waited
