"""Every way to change a little of a document, tried on the very functions that the page verifies with."""

import hashlib
from typing import Any

import pytest

from tests.browser.site import JWKS, QR_KEYS, Site
from tests.browser.visitor import Visitor
from tests.conftest import START
from tests.verification.issued import issued

TAMPERINGS = 10_000
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

RING = """
const [keys, examine] = await Promise.all([import(given.keys), import(given.examine)]);
const [jwks, qrKeys] = await Promise.all([given.jwks, given.qrKeys].map(async (path) => (
  { text: await (await fetch(path)).text(), age: 0 })));
const ring = await keys.keyring(given.site, { jwks, qrKeys }, given.now);
"""
Q1 = f"""
async (given) => {{
  {RING}
  const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const pairs = BigInt(given.document).toString(16).padStart(2 * given.size, "0").match(/../g);
  const whole = Uint8Array.from(pairs, (pair) => parseInt(pair, 16));
  const accepted = async (bytes) => {{
    const digits = BigInt("0x" + hex(bytes)).toString();
    return (await examine.examineQr(digits, ring, given.now)).says !== null;
  }};
  const counts = {{ genuine: 0, flips: 0, substitutions: 0, cuts: 0, insertions: 0, accepted: 0 }};
  counts.genuine = Number(await accepted(whole));
  const tried = async (kind, changed) => {{
    counts[kind] += changed.length;
    counts.accepted += (await Promise.all(changed.map(accepted))).filter(Boolean).length;
  }};
  const spliced = (place, dropped, ...put) => Uint8Array.from([...whole].toSpliced(place, dropped, ...put));
  for (let place = 0; place < whole.length; place += 1) {{
    const others = [...Array(256).keys()].filter((byte) => byte !== whole[place]);
    await tried("flips", [...Array(8).keys()].map((bit) => spliced(place, 1, whole[place] ^ (1 << bit))));
    await tried("substitutions", others.map((byte) => spliced(place, 1, byte)));
    await tried("insertions", [0, 1, 0x80, 0xff].map((byte) => spliced(place + 1, 0, byte)));
    await tried("cuts", [spliced(place, 1), ...(place ? [whole.slice(0, place)] : [])]);
  }}
  return counts;
}}
"""
TOKEN = f"""
async (given) => {{
  {RING}
  const counts = {{ genuine: 0, tried: 0, accepted: 0 }};
  const accepted = async (text) => (await examine.examineToken(text, ring)).says !== null;
  counts.genuine = Number(await accepted(given.document));
  const make = {{
    put: (text, place, one) => text.slice(0, place) + one + text.slice(place + 1),
    insert: (text, place, one) => text.slice(0, place) + one + text.slice(place),
    drop: (text, place) => text.slice(0, place) + text.slice(place + 1),
    swap: (text, place) => (
      text.slice(0, place) + (text[place + 1] ?? "") + text[place] + text.slice(place + 2)),
  }};
  for (let start = 0; start < given.changes.length; start += 200) {{
    const made = given.changes.slice(start, start + 200)
      .map(([kind, place, one]) => make[kind](given.document, place, one));
    const changed = made.filter((text) => text !== given.document);
    counts.tried += changed.length;
    counts.accepted += (await Promise.all(changed.map(accepted))).filter(Boolean).length;
  }}
  return counts;
}}
"""


def _given(visitor: Visitor, site: Site, document: str, **more: Any) -> dict[str, Any]:
    return {
        "keys": visitor.module("keys"),
        "examine": visitor.module("examine"),
        "jwks": JWKS,
        "qrKeys": QR_KEYS,
        "site": site.url,
        "now": int(START.timestamp()),
        "document": document,
        **more,
    }


def test_no_change_of_an_offline_qr_is_accepted(
    visitor: Visitor, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    digits = site.q1()
    size = (int(digits).bit_length() + 7) // 8
    visitor.opens()
    counts = visitor.page.evaluate(Q1, _given(visitor, site, digits, size=size))
    with capsys.disabled():
        print(f"\nQ1 of {size} bytes in the browser: {counts}")  # noqa: T201 - the counts are the point
    assert counts["genuine"] == 1
    assert counts["flips"] == 8 * size
    assert counts["substitutions"] == 255 * size
    assert counts["accepted"] == 0


def _change(number: int, length: int) -> tuple[str, int, str]:
    """A change that looks drawn at random, and is the same in every run."""
    digest = hashlib.sha256(f"tampering {number}".encode()).digest()
    kind = ("put", "put", "put", "insert", "drop", "swap")[digest[0] % 6]
    return kind, int.from_bytes(digest[1:5], "big") % length, ALPHABET[digest[5] % 64]


def test_no_change_of_a_document_is_accepted(
    visitor: Visitor, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    token = issued(site.ports).token
    changes = [_change(number, len(token)) for number in range(TAMPERINGS + TAMPERINGS // 20)]
    # The last character of each part first: there, spare bits tempt forgiving readers.
    ends = [place - 1 for place in (token.index("."), token.rindex("."), len(token))]
    changes = [("put", place, one) for place in ends for one in ALPHABET] + changes
    visitor.opens()
    counts = visitor.page.evaluate(TOKEN, _given(visitor, site, token, changes=changes))
    with capsys.disabled():
        print(f"\nvc+jwt of {len(token)} characters in the browser: {counts}")  # noqa: T201 - the counts are the point
    assert counts["genuine"] == 1
    assert counts["tried"] >= TAMPERINGS
    assert counts["accepted"] == 0
