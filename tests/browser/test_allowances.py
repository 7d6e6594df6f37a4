"""What a header, or an offline QR, may carry: one table, by which the device and the service both go."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import cbor2

from app.core.errors import JsonValue
from app.formats import keylist, q1
from app.formats.jose import certificate_thumbprint, open_compact
from app.formats.strict import Malformed, encode64, encode64_standard, write_json
from app.ports import Slot
from tests.browser.site import Site
from tests.browser.visitor import Visitor

COMMON = {"alg", "kid", "typ", "x5c", "x5t#S256"}
HEADERS: Mapping[str, set[str]] = {
    "vc+jwt": COMMON | {"cty", "iat"},
    "statuslist+jwt": COMMON,
    "JWT": COMMON,  # the sealed list of QR keys
}
OPENERS = {"vc+jwt": open_compact, "statuslist+jwt": open_compact, "JWT": keylist.open_key_list}
SENT: Mapping[str, JsonValue] = {
    "cty": "vc",
    "iat": 1_763_600_000,
    "jwk": {"kty": "EC"},
    "crit": ["exp"],
    "b64": False,
    **dict.fromkeys(("jku", "x5u", "x5t", "zip", "enc", "nonce", "url", "sigT", "adoTst"), "x"),
    **dict.fromkeys(("exp", "nbf"), 1_763_600_000),
    **dict.fromkeys(("iss", "sub", "aud", "ttl", "anything", "Alg", "__proto__", "constructor"), "x"),
}
CODES: Mapping[str, set[int]] = {
    "header": {1, 4},  # alg, kid
    "claims": {1, 4, 5, 7, -70_000},  # iss, exp, nbf, cti, ours
    "ours": {1, 2, 3, 4},  # name, scheme, place, test
}

READ_HEADERS = """
async ([module, headers]) => {
  const { readHeader } = await import(module);
  const reads = ([head, typ]) => readHeader(head, typ).then(() => true, () => false);
  return Promise.all(headers.map(reads));
}
"""
READ_CODES = """
async ([module, codes]) => {
  const { read } = await import(module);
  return codes.map((digits) => {
    try { read(digits); return true; } catch { return false; }
  });
}
"""


def test_a_header_carries_what_its_format_allows_and_nothing_else(visitor: Visitor, site: Site) -> None:
    certificate = site.keys.current(Slot.SEAL).chain[0]
    least: dict[str, JsonValue] = {
        "alg": "ES256",
        "kid": f"{site.did}#x",
        "x5c": [encode64_standard(certificate)],
        "x5t#S256": certificate_thumbprint(certificate),
    }
    cases = [
        (typ, name, encode64(write_json({**least, "typ": typ, **({name: SENT[name]} if name else {})})))
        for typ in HEADERS
        for name in ("", *SENT)
    ]
    visitor.opens()
    told = visitor.page.evaluate(
        READ_HEADERS, [visitor.module("jose"), [[head, typ] for typ, _, head in cases]]
    )
    for (typ, name, head), here in zip(cases, told, strict=True):
        allowed = not name or name in HEADERS[typ]
        assert (here, _opens(typ, head)) == (allowed, allowed), (typ, name)


def _opens(typ: str, head: str) -> bool:
    try:
        OPENERS[typ](f"{head}.{encode64(b'{}')}.AAAA")
    except Malformed:
        return False
    return True


def test_an_offline_qr_carries_what_it_has_room_for_and_nothing_else(visitor: Visitor, site: Site) -> None:
    cases = list(_codes(site.q1(test=True)))
    visitor.opens()
    told = visitor.page.evaluate(READ_CODES, [visitor.module("q1"), [digits for *_, digits in cases]])
    for (part, member, digits), here in zip(cases, told, strict=True):
        allowed = member in CODES[part]
        assert (here, _decodes(digits)) == (allowed, allowed), (part, member)


def _codes(digits: str) -> Iterator[tuple[str, int, str]]:
    """The same code with one more member in one of its maps; those that are there stay as they are."""
    number = int(digits)
    header, _, payload, seal = cbor2.loads(number.to_bytes((number.bit_length() + 7) // 8, "big")[1:])
    for part in CODES:
        for member in chain(range(-3, 12), (33, 34, -70_000, -70_001)):
            maps: dict[str, dict[int, Any]] = {"header": cbor2.loads(header), "claims": cbor2.loads(payload)}
            maps["ours"] = maps["claims"][-70_000]
            maps[part].setdefault(member, 1)
            parts = [*(cbor2.dumps(maps[each], canonical=True) for each in ("header", "claims")), seal]
            whole = cbor2.dumps([parts[0], {}, *parts[1:]], canonical=True)
            yield part, member, str(int.from_bytes(b"\x01" + whole, "big"))


def _decodes(digits: str) -> bool:
    try:
        q1.decode_q1(digits)
    except Malformed:
        return False
    return True
