"""The device and the service say the same of the same document, but for what only the register knows."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from app.formats import q1, strict
from app.pages.assets import WORDS
from app.ports import Ports, Slot
from tests.browser.site import JWKS, QR_KEYS, Site
from tests.browser.visitor import Visitor
from tests.conftest import START
from tests.verification.given import DIGITS, HERE, MEANT_AS_NUMBERS, WITH_DIGITS
from tests.verification.issued import Issued, issued, revoke, suspend

REPORT = """
async (given) => {
  const load = (path) => import(path);
  const [keys, examine, lists, verdict, wording] = await Promise.all(given.modules.map(load));
  const text = async (path) => ({ text: await (await fetch(path)).text(), age: 0 });
  const fetched = { jwks: await text(given.jwks), qrKeys: await text(given.qrKeys) };
  const ring = await keys.keyring(given.site, fetched, given.now);
  const examining = given.digits ? examine.examineQr : examine.examineToken;
  const examined = await examining(given.document, ring, given.now);
  const { says } = examined;
  const list = says && says.list !== null ? await text(lists.pathOf(says.list)) : null;
  const status = says && await lists.stateIn(list, says, ring, given.now);
  const words = await Promise.all(given.words.map(async (path) => (await fetch(path)).json()));
  const judged = verdict.judge(examined, status, given.now, words[0].findings);
  return words.map((one) => wording.report(judged, one, { clockOffset: null, checkedAt: given.checkedAt }));
}
"""
REVOKED, SUSPENDED = 1, 2


def on_the_device(visitor: Visitor, site: Site, document: str) -> dict[str, Any]:
    """The report that the page's own modules make, in the two languages of the API."""
    given = {
        "modules": [visitor.module(name) for name in ("keys", "examine", "lists", "verdict", "wording")],
        "words": [WORDS["it"].path, WORDS["en"].path],
        "jwks": JWKS,
        "qrKeys": QR_KEYS,
        "site": site.url,
        "document": document,
        "digits": document.isdigit(),
        "now": int(site.clock.now().timestamp()),
        "checkedAt": site.clock.now().isoformat().replace("+00:00", "Z"),
    }
    italian, english = visitor.page.evaluate(REPORT, given)
    merged: dict[str, Any] = _both(italian, english)
    return merged


def _both(it: Any, en: Any) -> Any:
    """Join two reports: what is said in words stands in both languages, all else is the same in both."""
    match it, en:
        case dict(), dict():
            return {key: _in_both(key, it[key], en[key]) for key in it}
        case list(), list():
            return [_both(*each) for each in zip(it, en, strict=True)]
        case _:
            assert it == en
            return it


def _in_both(key: str, it: Any, en: Any) -> Any:
    if key in {"headline", "reason", "scheme_title", "wording"}:
        return {"it": it, "en": en}
    return _both(it, en)


def by_the_service(site: Site, document: str) -> dict[str, Any]:
    answer = httpx.post(f"{site.url}/v1/verifications", json={"credential": document})
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    return told


def comparable(report: dict[str, Any]) -> dict[str, Any]:
    """Leave out what a device does not check; instants are the same however they are written."""

    def plain(value: Any) -> Any:
        match value:
            case dict():
                return {key: plain(each) for key, each in value.items()}
            case list():
                return [plain(each) for each in value]
            case str() if value[:2] == "20" and "T" in value:
                return datetime.fromisoformat(value)
            case _:
                return value

    report = {name: value for name, value in report.items() if name != "qualified"}  # it has no lists
    report["checks"] = [check for check in report["checks"] if check["id"] != "register_match"]
    told: dict[str, Any] = plain(report)
    return told


@pytest.fixture
def credential(site: Site) -> Issued:
    return issued(site.ports)


def place(token: str) -> tuple[int, int]:
    payload = json.loads(strict.decode64(token.split(".")[1]))
    entry = payload["credentialStatus"][0]
    return int(entry["statusListCredential"].rpartition("/")[2].partition("-")[0]), int(
        entry["statusListIndex"]
    )


def nothing(ports: Ports, credential: Issued) -> None:
    """It stays as it was issued."""


@pytest.mark.parametrize(
    ("happens", "state", "result"),
    [(nothing, 0, "valid"), (suspend, SUSPENDED, "invalid"), (revoke, REVOKED, "invalid")],
    ids=["valid", "suspended", "revoked"],
)
def test_both_say_the_same_of_our_own_document(
    visitor: Visitor,
    site: Site,
    credential: Issued,
    happens: Callable[[Ports, Issued], None],
    state: int,
    result: str,
) -> None:
    happens(site.ports, credential)
    list_id, index = place(credential.token)
    site.publish({index: state} if state else {}, list_id=list_id)
    visitor.opens()
    here, there = on_the_device(visitor, site, credential.token), by_the_service(site, credential.token)
    assert there["result"] == result
    assert comparable(here) == comparable(there)
    (asked,) = (check for check in here["checks"] if check["id"] == "register_match")
    assert asked["code"] == "register-not-asked"


def test_both_say_the_same_before_it_begins(visitor: Visitor, site: Site, credential: Issued) -> None:
    list_id, _ = place(credential.token)
    site.clock.at = START.replace(year=2025)
    site.publish(list_id=list_id)
    site.publish_keys()
    visitor.opens()
    here, there = on_the_device(visitor, site, credential.token), by_the_service(site, credential.token)
    assert codes(here)["validity_period"] == codes(there)["validity_period"] == "not-yet-valid"
    assert here["credential"]["state"] == there["credential"]["state"] == "not_yet_valid"
    assert here["result"] == there["result"] == "invalid"


def codes(report: dict[str, Any]) -> dict[str, str]:
    return {check["id"]: check["code"] for check in report["checks"]}


@pytest.mark.parametrize("part", [1, 2], ids=["content", "signature"])
@pytest.mark.parametrize("place", [0, 3, 40, -9, -1])
def test_both_say_the_same_of_a_tampered_document(
    visitor: Visitor, site: Site, credential: Issued, part: int, place: int
) -> None:
    parts = credential.token.split(".")
    letters = list(parts[part])
    letters[place] = "A" if letters[place] != "A" else "B"
    tampered = ".".join([*parts[:part], "".join(letters), *parts[part + 1 :]])
    visitor.opens()
    here, there = on_the_device(visitor, site, tampered), by_the_service(site, tampered)
    assert here == there
    assert here["result"] == "invalid"
    assert here["credential"] is None


def test_both_say_the_same_of_a_body_that_is_in_no_list(visitor: Visitor, site: Site) -> None:
    digits = site.q1(issuer=999_999)
    visitor.opens()
    here, there = on_the_device(visitor, site, digits), by_the_service(site, digits)
    assert (here["result"], there["result"]) == ("unknown", "invalid")  # it is in no register either
    assert codes(here)["issuer_trust"] == "issuer-code-unknown"
    assert comparable(here)["checks"][:3] == comparable(there)["checks"][:3]
    assert here["issuer"] == there["issuer"] == {"name": site.did}


def test_both_say_of_a_code_that_another_bodys_own_key_signed_that_it_is_not_that_bodys(
    visitor: Visitor, site: Site, credential: Issued
) -> None:
    code = q1.decode_q1(credential.qr).says.issuer_code
    site.keys.give("org_other", code + 1, START, Slot.QR)
    site.clock.move(timedelta(minutes=1))  # to a time of which no other test has asked for the keys
    site.answers.pop(QR_KEYS, None)  # the service's own, which knows the body of the code
    digits = site.q1(own="org_other", issuer=code)
    visitor.opens()
    here, there = on_the_device(visitor, site, digits), by_the_service(site, digits)
    assert here["result"] == there["result"] == "invalid"
    assert codes(here)["issuer_trust"] == codes(there)["issuer_trust"] == "issuer-key-misused"
    assert here["headline"] == there["headline"]


def test_both_say_that_a_key_is_compromised(visitor: Visitor, site: Site, credential: Issued) -> None:
    list_id, _ = place(credential.token)
    site.publish(list_id=list_id)
    lost = [site.keys.compromise(slot, START) for slot in (Slot.SEAL, Slot.QR)]
    for key in lost:
        site.keys._make(key.slot, START)
    site.clock.move()
    site.publish_keys()
    visitor.opens()
    for document in (credential.token, credential.qr):
        here, there = on_the_device(visitor, site, document), by_the_service(site, document)
        assert here["result"] == there["result"] == "invalid"
        assert codes(here)["issuer_trust"] == codes(there)["issuer_trust"] == "issuer-key-compromised"
        assert here["headline"] == there["headline"]


def test_both_say_the_same_of_a_tampered_code(visitor: Visitor, site: Site) -> None:
    digits = site.q1()
    visitor.opens()
    for bit in (0, 3, 511, 600, 900, 1100):
        changed = str(int(digits) ^ (1 << bit))
        here, there = on_the_device(visitor, site, changed), by_the_service(site, changed)
        assert here == there
        assert here["credential"] is None
        assert here["result"] in {"invalid", "unknown"}


def test_both_take_the_same_for_a_number(visitor: Visitor) -> None:
    visitor.opens()
    told = visitor.runs(
        "async ([path, texts]) => texts.map((await import(path)).meansNumber)",
        visitor.module("given"),
        list(MEANT_AS_NUMBERS),
    )
    assert dict(zip(MEANT_AS_NUMBERS, told, strict=True)) == MEANT_AS_NUMBERS


def test_both_find_the_digits_of_a_code_in_the_same_addresses(visitor: Visitor) -> None:
    visitor.opens()
    told = visitor.runs(
        "async ([path, site, texts]) => { const { behindHash } = await import(path); "
        "return texts.map((text) => behindHash(text, site)); }",
        visitor.module("given"),
        HERE,
        list(WITH_DIGITS),
    )
    found = dict(zip(WITH_DIGITS, told, strict=True))
    assert found == {address: DIGITS if ours else None for address, ours in WITH_DIGITS.items()}
