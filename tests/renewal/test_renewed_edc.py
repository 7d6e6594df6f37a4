"""The European Digital Credential after a renewal: each period has its own, the old one stays as it was."""

import json
from datetime import date, timedelta
from typing import Any

from app.formats.jades import read_seal
from tests.renewal.members import House
from tests.renewal.renewing import credential, renewed

LAST = date(2029, 11, 20)


def asked(house: House, **query: int) -> str:
    answer = house.holder.calls.get(f"/v1/credentials/{house.credential}/documents/edc", params=query)
    assert answer.status_code == 200, answer.text
    return answer.text


def said(text: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(read_seal(text).content)
    return read


def test_a_renewed_credential_has_another_one_for_its_new_period(house: House) -> None:
    before = asked(house)
    house.go_to(LAST - timedelta(days=60))
    renewed(house)
    assert asked(house) == before, "until the new period begins"
    house.go_to(LAST + timedelta(days=1))
    after = asked(house)
    old, new = said(before), said(after)
    begins = credential(house).periods[-1].valid_from
    assert new["validFrom"].startswith(begins.isoformat())
    assert old["id"] != new["id"], "a wallet refuses two of one name"
    for member in ("identifier", "issuer"):
        assert old[member] == new[member]
    assert old["credentialSubject"]["id"] == new["credentialSubject"]["id"]
    assert asked(house, period=1) == before
