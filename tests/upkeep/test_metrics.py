"""Numbers for whoever watches over the service: for them alone, about the work, and never about a person."""

from dataclasses import replace
from typing import Final

from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from app.main import create_app
from app.ports import Ports, Slot
from tests import make
from tests.credentials.office import Office
from tests.fakes_keys import MemoryKeys

KEY: Final = "a key for the watchers"


def watched(ports: Ports) -> Ports:
    return replace(ports, settings=ports.settings.model_copy(update={"metrics_key": SecretStr(KEY)}))


def numbers(text: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_without_a_key_in_the_settings_there_is_no_such_page(ports: Ports) -> None:
    assert make.caller(create_app(ports), "").get("/metrics").status_code == 404


def test_whoever_has_another_key_or_none_sees_no_number(ports: Ports) -> None:
    app = create_app(watched(ports))
    for key in (None, "another", KEY[:-1]):
        assert make.caller(app, key).get("/metrics").status_code == 404


def test_the_work_and_what_waits_of_it_can_be_seen(ports: Ports) -> None:
    office = Office.opened(watched(ports))
    credential = office.issue()
    caller = make.caller(office.app(), KEY)
    caller.get(f"/v/{credential.number}.json")
    caller.get("/nowhere/at/all")
    found = numbers(caller.get("/metrics").text)
    assert found["sigillo_requests_total", "GET", "/v/{number}.json", "200"] == 1
    assert found["sigillo_request_seconds_count", "/v/{number}.json"] == 1
    assert found["sigillo_request_seconds_bucket", "+Inf", "/v/{number}.json"] == 1
    assert found["sigillo_documents_total", "credential"] == 1
    assert found["sigillo_documents_total", "qr"] == 1
    assert found[("sigillo_intents_waiting",)] == 0
    assert found[("sigillo_events_unchained",)] > 0
    assert found["sigillo_organisations", "test"] == 1
    assert found["sigillo_certificate_days_left", "seal"] > 0
    assert found[("sigillo_status_list_left_seconds",)] > 0


def test_a_bodys_own_certificates_are_told_apart_by_its_id(ports: Ports) -> None:
    keys = MemoryKeys(ports.clock.now())
    keys.give("org_2", 2, ports.clock.now(), Slot.SEAL)
    text = make.caller(create_app(watched(replace(ports, signer=keys))), KEY).get("/metrics").text
    assert 'sigillo_certificate_days_left{slot="seal"} ' in text
    assert 'sigillo_certificate_days_left{organisation="org_2",slot="seal"} ' in text


def test_no_address_and_no_name_is_among_the_numbers(ports: Ports) -> None:
    office = Office.opened(watched(ports))
    credential = office.issue(office.decision(office.candidate(name="Canaria Gialla")))
    caller = make.caller(office.app(), KEY)
    caller.get(f"/v/{credential.number}.json")
    caller.get("/Canaria")
    caller.request("CANARIA", "/v")
    shown = caller.get("/metrics").text
    assert credential.number not in shown
    assert "canaria" not in shown.lower()
