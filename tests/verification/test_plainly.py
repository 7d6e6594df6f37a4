"""What is told in one straight line is, to the byte, what the thorough road says of the very same thing."""

import asyncio
import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.adapters.vault import Macs
from app.core import days
from app.core.numbers import CredentialNumber
from app.formats import vc
from app.formats.claims import Format, StatusEntry
from app.formats.keylist import Issuer
from app.ports import Ports, Slot
from app.schemes.catalogue import catalogue
from app.verification import plainly
from app.verification.desk import Desk
from app.verification.entries import Changes, Row
from app.verification.errors import CredentialNotFound
from app.verification.statements import MAC, NUMBER, SHA256, TOKEN
from app.verification.submitted import Token
from tests.conftest import START
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.formats import make
from tests.verification.issued import Issued

ROME = ZoneInfo("Europe/Rome")
FIRST = date(2026, 11, 20)
OTHER = "org_of_number_2"  # whose own key is good for no document of number 1, as they are here
SCHEME, VERSION = "uni-11621-8/ai-deep-learning-engineer", "1.0.0"


@dataclass
class Given:
    """A register that holds whatever the test says."""

    rows: Sequence[Row] = ()
    asked: list[str] = field(default_factory=list)

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def by_number(self, number: str) -> Sequence[Row]:
        self.asked.append(number)
        return self.rows if self.rows and number == self.rows[0][NUMBER] else ()

    async def by_document(self, jti: str) -> Sequence[Row]:
        self.asked.append(jti)
        return [(*row[:TOKEN], "", *row[TOKEN + 1 :]) for row in self.rows]

    async def status_list(self, list_id: int, form: str) -> str | None:
        raise AssertionError(f"nobody asks for list {list_id} as {form} here")

    async def newest_lists(self) -> tuple[int, ...]:
        raise AssertionError("nobody asks for lists here")

    async def issuers(self) -> tuple[Issuer, ...]:
        return ()

    async def hosts(self) -> Mapping[int, str]:
        return {}

    async def changes_since(self, seq: int) -> Changes:
        return Changes(1, () if seq == 1 else None)


def drawn(number: int) -> str:
    return str(CredentialNumber.draw("DLE", 2026, bits=number))


@dataclass(frozen=True)
class Made:
    """A document of ours, with the row that the register has for it."""

    bits: int = 1
    name: str = "Alba Neri"
    place: tuple[int, int] = (1, 37534)
    first: date = FIRST
    iat: datetime = START
    issued: str = "2026-11-20 09:00:00.000000"
    test: bool = False
    changed: tuple[str, str] = ("", "")  # of the payload, before it is sealed
    header: tuple[str, str] = ("", "")
    own: str | None = None  # whose own key seals it

    def token(self, keys: MemoryKeys) -> str:
        key = keys.current(Slot.SEAL, self.own)
        entries = tuple(
            StatusEntry(
                f"https://sigillo.example.org/status/{self.place[0]}-{purpose}", self.place[1], purpose
            )
            for purpose in ("revocation", "suspension")
        )
        scheme = catalogue().version(SCHEME, VERSION)
        last = days.anniversary(self.first, 3)
        claims = replace(
            make.claims(),
            document_id=self.jti,
            subject_id=self.subject,
            issuer_id="did:web:sigillo.example.org",
            number=drawn(self.bits),
            holder_name=self.name,
            scheme_id=SCHEME,
            scheme_version=VERSION,
            scheme_title=scheme.title,
            valid_from=days.start_of(self.first, ROME),
            valid_until=days.last_second_of(last, ROME),
            issued_at=self.iat,
            status=entries,
            test=self.test,
        )
        head, _, body = vc.unsigned(Format.VC_JWT, claims, key, "https://sigillo.example.org").partition(b".")
        head, body = _changed(head, *self.header), _changed(body, *self.changed)
        content = head + b"." + body
        return vc.signed(content, keys.sign(key.thumbprint, content))

    @property
    def jti(self) -> str:
        return f"urn:uuid:00000000-0000-4000-8000-{self.bits:012x}"

    @property
    def subject(self) -> str:
        return f"urn:uuid:11111111-0000-4000-8000-{self.bits:012x}"

    def row(self, token: str, keys: MemoryKeys) -> list[Any]:
        last = days.anniversary(self.first, 3)
        key = keys.current(Slot.SEAL, self.own).thumbprint
        digest = hashlib.sha256(token.encode()).hexdigest()
        return [
            *(SCHEME, None, None, None, "test" if self.test else "live", "Europe/Rome", "Body", 1),
            *(1, "grant", self.first.isoformat(), last.isoformat(), None, VERSION, "vc+jwt", key, None, None),
            *(drawn(self.bits), self.subject, self.jti, token, digest, self.issued, None),
        ]


def _changed(part: bytes, old: str, new: str) -> bytes:
    if not old:
        return part
    raw = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)).replace(old.encode(), new.encode(), 1)
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


ODD = ('A "B" C', "back\\slash", "tab\there", "\u2028", "\u200d", "1234567890123456", "}{", " ")
LETTERS = (
    "Bruno Sala",
    "D\u2019Amico",
    "\u0141ukasz \u017b\u00f3\u0142\u0107",
    "\u5f20\u4e09",
    "x" * 119,
    "x" * 121,
)
NAMES = st.sampled_from(ODD + LETTERS) | st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60
)
PAYLOADS = st.sampled_from(
    [("", "")] * 4
    + [
        ('"hashed":false', '"hashed":true'),
        ('"exp":', '"exp": '),
        ('"nbf":1', '"nbf":2'),
        ("Neri", "N\\u0065ri"),
    ]
    + [('"iss":', '"iss":"x","iss":'), ('"jti":"urn', '"jti":"URN'), ("AchievementSubject", "Other")]
    + [('"name":"', '"name":"TEST \u2013 '), ("-revocation#", "-suspension#"), ('"37534"', '"037534"')]
    + [('"validFrom":"2026', '"validFrom":"2025'), ("+01:00", "Z"), ('{"@context"', '{"x":1,"@context"')]
    + [("urn:uuid:1", "urn:uuid:2"), ("DLE-", "dle-"), ("https://www.w3.org", "https://www.w4.org")]
)
HEADERS = st.sampled_from(
    [("", "")] * 4
    + [
        ('"iat":', '"iat":0'),
        ('"iat":', '"iat":-'),
        ('"iat":', '"iat": '),
        ("ES256", "EdDSA"),
        ("vc+jwt", "JWT"),
    ]
    + [('"kid":"did', '"kid":"DID'), ("}", ',"x":1}'), ('"iat":1', '"iat":99999999999999999999'), ("{", "{ ")]
)
DOCUMENTS = st.builds(
    Made,
    bits=st.integers(2, 9),
    name=NAMES,
    place=st.tuples(st.sampled_from([1, 2, 10, 123456]), st.sampled_from([0, 7, 37534, 99999999])),
    first=st.sampled_from([FIRST, FIRST, FIRST - timedelta(days=1), FIRST - timedelta(days=1095)]),
    iat=st.sampled_from([START, START - timedelta(days=1), START + timedelta(seconds=1)]),
    issued=st.sampled_from(
        ["2026-11-20 09:00:00.000000", "2026-11-20 10:11:12", "1999-01-01 00:00:00", "2051-01-01 00:00:00"]
    ),
    test=st.sampled_from([False, False, True]),
    changed=PAYLOADS,
    header=HEADERS,
    own=st.sampled_from([None, None, OTHER]),
)
AFTERWARDS = "2026-11-20 10:00:00.000000"
CONTRADICTIONS = st.lists(
    st.sampled_from(
        [
            *(
                (0, "gone"),
                (1, AFTERWARDS),
                (2, AFTERWARDS),
                (3, AFTERWARDS),
                (4, "test"),
                (4, "live"),
                (6, "Other"),
                (7, 2),
            ),
            *((5, "Pacific/Auckland"), (8, 2), (9, "bridge"), (10, "2026-11-19"), (11, "2029-11-21")),
            *(
                (12, "2027-01-01"),
                (13, "9.9.9"),
                (14, "ob+jwt"),
                (15, "other"),
                (16, AFTERWARDS),
                (17, "ren_1"),
            ),
            *((18, drawn(5)), (19, "urn:uuid:x"), (20, "urn:uuid:x"), (SHA256, "0" * 64)),
            (23, "2020-01-01 00:00:00"),
        ]
    ),
    max_size=2,
)
BORDERS = (START, *(datetime.combine(FIRST, datetime.min.time(), ROME) + timedelta(days=n) for n in range(2)))
ENDS = tuple(
    datetime.combine(days.anniversary(FIRST, 3) + timedelta(days=n), datetime.min.time(), ROME)
    for n in range(3)
)
INSTANTS = st.builds(
    lambda at, by: at.astimezone(UTC) + timedelta(microseconds=by),
    st.sampled_from([*BORDERS, *BORDERS, *ENDS]),
    st.sampled_from([-1, 0, 1, 400_000, 86_400_000_000]),
)


def told(desk: Desk, register: Given, rows: Sequence[Row], token: str | None) -> bytes | None:
    """Ask by number, or send the token; nothing is remembered but what others have in common."""
    register.rows = [tuple(row) for row in rows]
    for kept in (desk._known, desk._absent, desk._written, desk._told):
        kept.forget_all()
    try:
        if token is None:
            return asyncio.run(desk.written_about(str(rows[0][NUMBER])))
        return asyncio.run(desk.written_on(Token(token)))
    except CredentialNotFound:
        return None


def test_a_straight_line_says_what_the_thorough_road_says_or_nothing(
    live: Ports,
) -> None:
    register, clock, keys = Given(), live.clock, MemoryKeys(START, development=False)
    assert isinstance(clock, SetClock)
    keys.give(OTHER, 2, START, Slot.SEAL)
    live = replace(live, signer=keys)
    kept = Desk(live, register)
    plain, thorough = [0], [0]

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        DOCUMENTS,
        INSTANTS,
        CONTRADICTIONS,
        st.booleans(),
        st.none() | st.tuples(st.floats(0, 0.999), st.sampled_from("A-_.=9\u00e8 ")),
        st.sampled_from(["by us", "by us", "by nobody", "by others", "for another"]),
        st.booleans(),
    )
    def same(
        made: Made,
        at: datetime,
        contradictions: list[tuple[int, Any]],
        sent: bool,  # noqa: FBT001 - drawn
        flip: tuple[float, str] | None,
        vouched: str,
        renewed: bool,  # noqa: FBT001 - drawn
    ) -> None:
        clock.at = at
        other = replace(made, bits=1, name="Alba Neri", changed=("", ""), header=("", ""), issued=Made.issued)
        for each, meddled in ((other, False), (made, False), (made, True)):
            token = each.token(keys)
            row = each.row(token, keys)
            row[MAC] = {
                "by us": live.vouching.mac(row[SHA256]),
                "by nobody": None,
                "by others": Macs(b"another key").mac(row[SHA256]),
                "for another": live.vouching.mac("0" * 64),
            }[vouched]
            rows = [row]
            if renewed:
                later = replace(each, bits=each.bits + 100, first=days.anniversary(each.first, 3))
                second = later.row(next_token := later.token(keys), keys)
                second[8], second[9], second[NUMBER], second[NUMBER + 1] = (
                    2,
                    "renewal",
                    row[NUMBER],
                    row[NUMBER + 1],
                )
                rows.append(second)
                del next_token
            if meddled:
                for column, value in contradictions:
                    row[column] = value
                if flip:
                    place = int(flip[0] * len(token))
                    token = token[:place] + flip[1] + token[place + 1 :]
                    row[TOKEN] = token
            # Once as others were before, and once by a desk that has never seen any.
            said = told(kept, register, rows, token if sent else None)
            fresh = told(Desk(live, register), register, rows, token if sent else None)
            assert said == fresh
            straight = asyncio.run(kept.written_plainly(token)) if sent else kept._told._values
            (plain if straight else thorough)[0] += 1

    same()
    assert plain[0] > 20 < thorough[0]  # both roads were gone


def test_what_is_like_others_takes_the_straight_line_whether_it_is_asked_for_or_sent(
    live: Ports, bought_keys: MemoryKeys
) -> None:
    register, clock = Given(), live.clock
    assert isinstance(clock, SetClock)
    clock.move()  # past the very instant at which the key's certificate begins
    desk = Desk(live, register)
    for bits, straight in ((1, False), (2, True), (3, True)):
        made = Made(
            bits=bits, name=f"Alba {'x' * bits}", place=(1, 10**bits), issued=f"2026-11-20 09:00:0{bits}"
        )
        token = made.token(bought_keys)
        rows = [made.row(token, bought_keys)]
        body = told(desk, register, rows, None)
        assert body
        assert json.loads(body)["credential"]["holder_name"] == made.name
        assert bool(desk._told._values) is straight
        register.asked.clear()
        assert bool(asyncio.run(desk.written_plainly(token))) is straight
        assert json.loads(told(desk, register, rows, token) or b"{}")["result"] == "valid"


def test_nothing_goes_straight_by_a_key_that_was_lost_or_by_none(live: Ports, credential: Issued) -> None:
    keys = MemoryKeys(START, development=False)  # its own: it loses one
    live = replace(live, signer=keys)
    register, clock = Given(), live.clock
    assert isinstance(clock, SetClock)
    clock.move()
    desk = Desk(live, register)
    made = [Made(bits=bits) for bits in (1, 2)]
    tokens = [each.token(keys) for each in made]
    rows = [each.row(token, keys) for each, token in zip(made, tokens, strict=True)]
    for row, token in zip(rows, tokens, strict=True):
        told(desk, register, [row], token)
    assert asyncio.run(desk.written_plainly(tokens[1]))
    keys.compromise(Slot.SEAL, START)
    clock.move()
    for row, token in [*zip(rows, tokens, strict=True)] * 2:
        said = told(desk, register, [row], token)
        assert said == told(Desk(live, register), register, [row], token)
        assert asyncio.run(desk.written_plainly(token)) is None
    # What is not even meant as a token of ours never reaches the register.
    register.asked.clear()
    for text in ("", ".", "..", "a.b.c", credential.qr, "\u00e8" + tokens[0]):
        assert asyncio.run(desk.written_plainly(text)) is None
    assert register.asked == []


def test_a_seal_is_verified_unless_this_house_verified_it_before(
    live: Ports, bought_keys: MemoryKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    register, clock, verified = Given(), live.clock, list[str]()
    assert isinstance(clock, SetClock)
    clock.move()
    desk = Desk(live, register)
    first, second = (Made(bits=bits) for bits in (1, 2))
    told(desk, register, [first.row(first.token(bought_keys), bought_keys)], None)
    really = plainly.Sealed.is_intact

    def seen(sealed: plainly.Sealed) -> bool:
        verified.append(sealed.digest)
        return really(sealed)

    monkeypatch.setattr(plainly.Sealed, "is_intact", seen)

    def result(token: str, mac: bytes | None) -> set[str]:
        """Ask by number and by the document, of a row that is as somebody left it who has the database."""
        row = second.row(token, bought_keys)
        row[MAC] = mac
        said = [told(desk, register, [row], each) for each in (None, token)]
        return {str(json.loads(each or b"{}").get("result")) for each in said}

    token = second.token(bought_keys)
    digest = hashlib.sha256(token.encode()).hexdigest()
    assert (result(token, live.vouching.mac(digest)), len(verified)) == ({"valid"}, 0)
    assert (result(token, None), len(verified)) == ({"valid"}, 2)
    # Signed by nobody: the payload of one document, under the seal of another.
    head, body, _ = token.split(".")
    forged = f"{head}.{body}.{first.token(bought_keys).split('.')[2]}"
    ours = hashlib.sha256(forged.encode()).hexdigest()
    for mac in (None, b"", b"\0" * 32, live.vouching.mac(digest), Macs(b"another key").mac(ours)):
        assert result(forged, mac) == {"invalid"}
    # Signed by our key, and never stored: only the document that the register holds is vouched for by it.
    never = replace(second, name="Bea Neri").token(bought_keys)
    row = second.row(token, bought_keys)
    row[MAC] = live.vouching.mac(digest)
    assert json.loads(told(desk, register, [row], never) or b"{}")["result"] == "invalid"
    row[SHA256] = "0" * 64
    for each in (None, token):
        assert json.loads(told(desk, register, [row], each) or b"{}")["result"] == "invalid"
