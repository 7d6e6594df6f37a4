"""The port of time-stamps: what it promises, and how an authority may fail or lie."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from asn1crypto import cms
from cryptography.x509.oid import ExtendedKeyUsageOID

from app.adapters.timestamps import MAX_ANSWER, TOLERANCE, HttpTimeStamps
from app.formats.stamps import judge_stamp
from app.ports import TimeStampRefused, TimeStamps, TimeStampUnavailable
from tests.fakes import SetClock
from tests.pki.authority import DAY, Pki
from tests.pki.serving import Answer, Town, town
from tests.pki.stamping import response

CONTENT = b"the bytes of a signature"
ONE = timedelta(seconds=1)


@pytest.fixture(scope="module")
def there() -> Iterator[Town]:
    with town() as opened:
        yield opened


@pytest.fixture
def authority(there: Town) -> Iterator[Town]:
    """The same town for all tests; whatever one of them makes it answer is forgotten after it."""
    answers = dict(there.site.answers)
    yield there
    there.site.answers = answers


def asked(authority: Town, *, seconds: float = 5.0, clock: SetClock | None = None) -> HttpTimeStamps:
    return HttpTimeStamps(
        f"{authority.site.url}/tsa",
        anchors=authority.pki.stamp_anchors,
        clock=clock or SetClock(authority.pki.at),
        total_seconds=seconds,
    )


@pytest.fixture(params=["over HTTP", "in memory"])
def stamps(request: pytest.FixtureRequest, authority: Town) -> TimeStamps:
    return asked(authority) if request.param == "over HTTP" else authority.stamper


def test_a_time_stamp_is_about_the_content_and_verifies(stamps: TimeStamps, authority: Town) -> None:
    token = stamps.stamp(CONTENT)
    finding = judge_stamp(token, CONTENT, authority.pki.stamp_anchors, authority.pki.at)
    assert finding.trusted
    assert finding.at == authority.pki.at
    assert not judge_stamp(token, b"other", authority.pki.stamp_anchors, authority.pki.at).imprint


def nonce(token: bytes) -> int | None:
    info = cms.ContentInfo.load(token)["content"]["encap_content_info"]["content"].parsed
    found: int | None = info["nonce"].native
    return found


def test_each_request_has_a_nonce_of_its_own(authority: Town) -> None:
    nonces = {nonce(asked(authority).stamp(CONTENT)) for _ in range(3)}
    assert None not in nonces
    assert len(nonces) == 3


def test_an_authority_needs_an_anchor(authority: Town) -> None:
    with pytest.raises(ValueError, match="anchor"):
        HttpTimeStamps("http://127.0.0.1/tsa", anchors=(), clock=SetClock(authority.pki.at))


DOWN: dict[str, Answer] = {
    "an error": lambda _: 500,
    "nothing there": lambda _: 404,
    "a redirect": lambda _: 302,
    "no content": lambda _: 204,
    "a rejection": lambda _: response(status=2),
    "a wait": lambda _: response(status=3),
    "too much": lambda _: b"0" * (MAX_ANSWER + 1),
}


@pytest.mark.parametrize("name", DOWN)
def test_an_authority_that_gives_nothing_may_be_asked_again(name: str, authority: Town) -> None:
    authority.site.answers["/tsa"] = DOWN[name]
    with pytest.raises(TimeStampUnavailable) as refused:
        asked(authority).stamp(CONTENT)
    assert authority.site.url not in str(refused.value)


def test_nobody_at_the_address_is_an_authority_that_is_down(authority: Town) -> None:
    nobody = HttpTimeStamps(
        "http://user:secret@127.0.0.1:1/tsa",
        anchors=authority.pki.stamp_anchors,
        clock=SetClock(authority.pki.at),
    )
    with pytest.raises(TimeStampUnavailable) as refused:
        nobody.stamp(CONTENT)
    assert "secret" not in repr(refused.value)
    assert refused.value.__cause__ is None


_ANYTHING = (ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING)
Lie = Callable[[Town, bytes], bytes]


def stamped(authority: Town, body: bytes, **changed: Any) -> bytes:
    return replace(authority.stamper, **changed).answer(body)


def flipped(authority: Town, body: bytes, place: int) -> bytes:
    answer = bytearray(authority.stamper.answer(body))
    answer[place] ^= 1
    return bytes(answer)


LIES: dict[str, Lie] = {
    "of other content": lambda there, _: response(there.stamper.stamp(b"other")),
    "without the nonce": lambda there, _: response(there.stamper.stamp(CONTENT)),
    "of an hour ago": lambda there, body: stamped(there, body, now=lambda: there.pki.at - 60 * 60 * ONE),
    "of a time to come": lambda there, body: stamped(there, body, now=lambda: there.pki.at + TOLERANCE + ONE),
    "of another authority": lambda there, body: stamped(there, body, holder=Pki(there.pki.at).tsa),
    "of a seal": lambda there, body: stamped(there, body, holder=there.pki.seal("RS256")),
    "of a unit that expired": lambda there, body: stamped(
        there, body, holder=there.pki.time_stamper(begins=there.pki.at - 9 * DAY, ends=there.pki.at - DAY)
    ),
    "of a unit that is for anything": lambda there, body: stamped(
        there, body, holder=there.pki.time_stamper(purposes=_ANYTHING)
    ),
    "with a changed signature": lambda there, body: flipped(there, body, -1),
    "granted, and absent": lambda *_: response(),
    "not an answer": lambda *_: b"<html>welcome</html>",
    "empty": lambda *_: b"",
    "cut off": lambda there, body: there.stamper.answer(body)[:-1],
    "with more behind it": lambda there, body: there.stamper.answer(body) + b"0",
}


@pytest.mark.parametrize("name", LIES)
def test_what_is_no_time_stamp_of_this_content_is_refused(name: str, authority: Town) -> None:
    authority.site.answers["/tsa"] = lambda body: LIES[name](authority, body)
    with pytest.raises(TimeStampRefused):
        asked(authority).stamp(CONTENT)


def test_the_clock_of_a_demonstration_is_not_the_authoritys(authority: Town) -> None:
    moved = SetClock(authority.pki.at + 400 * DAY, offset=400 * DAY)
    assert asked(authority, clock=moved).stamp(CONTENT)
    with pytest.raises(TimeStampRefused, match="clock"):
        asked(authority, clock=SetClock(authority.pki.at + TOLERANCE + ONE)).stamp(CONTENT)
