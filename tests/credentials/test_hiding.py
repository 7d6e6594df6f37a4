"""Who hides a number, and what then shows: the holder by request, the body by policy."""

import pytest
from sqlalchemy import select

from app.core.numbers import CredentialNumber
from app.formats.claims import Format
from app.main import create_app
from app.organisations.models import Organisation
from app.organisations.rules import Role
from app.outbox.trail import Event
from tests import make
from tests.calling import Caller
from tests.credentials.office import Office


@pytest.fixture
def house(office: Office) -> tuple[Office, Caller, str]:
    """A registry with a credential, its holder at their own machine, and the credential's number."""
    holder = office.candidate()
    credential = office.issue(office.decision(holder))
    return office, make.caller(create_app(office.ports), office.key(holder)), credential.number


def hiding(calls: Caller) -> str:
    (credential,) = calls.get("/v1/credentials").json()["data"]
    return f"/v1/credentials/{credential['id']}/hiding"


def looked_up(office: Office, number: str) -> list[tuple[int, str]]:
    """What a stranger gets for a number: from the page, and from its twin for programs."""
    stranger = make.caller(office.app())
    answers = (stranger.get(f"/v/{number}.json"), stranger.get(f"/v/{number}"))
    return [(answer.status_code, answer.text.replace(number, "")) for answer in answers]


def test_what_its_holder_hid_is_looked_up_in_vain_as_if_it_had_never_been(
    house: tuple[Office, Caller, str],
) -> None:
    office, holder, number = house
    assert [status for status, _ in looked_up(office, number)] == [200, 200]
    assert holder.put(hiding(holder)).json()["hidden_at"] is not None
    unknown = looked_up(office, str(CredentialNumber.draw("DLE", 2026)))
    hidden = looked_up(office, number)
    assert [status for status, _ in hidden] == [404, 404]
    assert [_without_request(text) for _, text in hidden] == [_without_request(text) for _, text in unknown]
    assert holder.delete(hiding(holder)).json()["hidden_at"] is None
    assert [status for status, _ in looked_up(office, number)] == [200, 200]


def _without_request(text: str) -> str:
    head, found, rest = text.partition('"request_id":"')
    return head + found + rest.partition('"')[2] if found else text


def test_whoever_holds_the_document_of_a_hidden_credential_still_verifies_it(
    house: tuple[Office, Caller, str],
) -> None:
    office, holder, number = house
    before = office.desk().get("/v1/credentials").json()["data"][0]
    holder.put(hiding(holder))
    token = office.document(office.credential(before["id"]), Format.VC_JWT).token
    answer = make.caller(office.app()).post("/v1/verifications", json={"credential": token}).json()
    assert (answer["result"], answer["credential"]["number"]) == ("valid_with_warnings", number)


def test_hiding_twice_is_hiding_once(house: tuple[Office, Caller, str]) -> None:
    office, holder, _ = house
    first = holder.put(hiding(holder)).json()
    assert holder.put(hiding(holder)).json() == first
    with office.ports.database.reading(office.organisation_id) as session:
        topics = session.scalars(select(Event.topic).where(Event.topic == "credential.hidden")).all()
    assert topics == ["credential.hidden"]


def test_a_registrar_hides_for_the_holder_and_nobody_else_does(house: tuple[Office, Caller, str]) -> None:
    office, holder, number = house
    path = hiding(holder)
    with office.ports.database.writing(office.organisation_id) as session:
        secretary = make.person(session, office.organisation_id, Role.SECRETARIAT, at=office.now)
        stranger = make.caller(office.app(), make.key(session, secretary, at=office.now))
    assert stranger.put(path).status_code == 404  # it is not theirs to read
    assert make.caller(office.app()).put(path).status_code == 401
    assert office.desk().put(path).status_code == 200
    assert looked_up(office, number)[0][0] == 404


def test_a_body_that_closes_its_register_answers_for_no_number_and_for_every_document(
    house: tuple[Office, Caller, str],
) -> None:
    office, holder, number = house
    register = f"/v1/organisations/{office.organisation_id}/register"
    assert looked_up(office, number)[0][0] == 200
    with office.ports.database.writing(office.organisation_id) as session:
        boss = make.person(session, office.organisation_id, Role.ADMINISTRATOR, at=office.now)
        administrator = make.caller(office.app(), make.key(session, boss, at=office.now))
    assert holder.put(register, json={"open": False}).status_code == 403
    assert administrator.put(register, json={"open": False}).json() == {"open": False}
    assert [status for status, _ in looked_up(office, number)] == [404, 404]
    (credential,) = office.desk().get("/v1/credentials").json()["data"]
    token = office.document(office.credential(credential["id"])).token
    answer = make.caller(office.app()).post("/v1/verifications", json={"credential": token}).json()
    assert answer["result"] == "valid_with_warnings"
    assert administrator.put(register, json={"open": True}).status_code == 200
    assert looked_up(office, number)[0][0] == 200


def test_a_body_decides_on_its_own_register_alone(house: tuple[Office, Caller, str]) -> None:
    office, _, number = house
    other = Office.opened(office.ports, "Un'altra associazione")
    with office.ports.database.writing(other.organisation_id) as session:
        boss = make.person(session, other.organisation_id, Role.ADMINISTRATOR, at=office.now)
        administrator = make.caller(office.app(), make.key(session, boss, at=office.now))
    theirs = f"/v1/organisations/{office.organisation_id}/register"
    assert administrator.put(theirs, json={"open": False}).status_code == 404
    administrator.put(f"/v1/organisations/{other.organisation_id}/register", json={"open": False})
    assert looked_up(office, number)[0][0] == 200
    with office.ports.database.reading() as session:
        codes = session.scalars(select(Organisation.issuer_code)).all()
    assert len(set(codes)) == len(codes)
