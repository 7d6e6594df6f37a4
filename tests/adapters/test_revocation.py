"""The port of revocation values: who is asked, what is believed, and where nobody goes."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from app.adapters.revocation import HttpRevocation
from app.formats.jades import ValidationValues
from app.formats.revocation import RevocationState, coverage_of
from app.ports import Revocation, RevocationUnavailable, RevocationValues
from tests.fakes import SetClock
from tests.pki.authority import DAY, Holder, Pki
from tests.pki.serving import Answer, Town, town

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def there() -> Iterator[Town]:
    with town() as opened:
        yield opened


@pytest.fixture
def authority(there: Town) -> Iterator[Town]:
    """The same town for all tests; whatever one of them makes it answer is forgotten after it."""
    answers = dict(there.site.answers)
    there.site.asked.clear()
    yield there
    there.site.answers = answers
    there.pki.revoked.clear()


def values(authority: Town, clock: SetClock | None = None) -> RevocationValues:
    return HttpRevocation(
        anchors=lambda: (*authority.pki.anchors, *authority.pki.stamp_anchors),
        clock=clock or SetClock(authority.pki.at),
        origins=[authority.site.url],
        total_seconds=5,
    )


def state(holder: Holder, found: Revocation) -> RevocationState:
    leaf, issuer = holder.ders[:2]
    return coverage_of(leaf, issuer, crls=found.crls, ocsps=found.ocsps).state


def test_a_seal_with_a_responder_is_asked_about_there_and_its_issuer_in_the_list(authority: Town) -> None:
    sealing = authority.sealer()
    found = values(authority).about(sealing.ders)
    assert authority.site.asked == ["/ocsp", "/root.crl"]
    assert (len(found.ocsps), len(found.crls)) == (1, 1)
    assert {*sealing.ders, *authority.pki.anchors, *authority.pki.responder.ders} == {*found.certificates}
    assert state(sealing, found) is RevocationState.GOOD


def test_without_a_responder_the_list_is_read(authority: Town) -> None:
    sealing = authority.sealer(online=False)
    found = values(authority).about(sealing.ders)
    assert authority.site.asked == ["/seals.crl", "/root.crl"]
    assert state(sealing, found) is RevocationState.GOOD


def test_a_time_stamping_unit_is_asked_about_too(authority: Town) -> None:
    found = values(authority).about(authority.pki.tsa.ders)
    assert authority.site.asked == ["/stamps.crl"]
    assert found.ocsps == ()


@pytest.mark.parametrize("online", [True, False], ids=["the responder", "the list"])
def test_a_revocation_is_an_answer_like_any_other(authority: Town, *, online: bool) -> None:
    sealing = authority.sealer(online=online)
    authority.pki.revoke(sealing, authority.pki.at - DAY)
    assert state(sealing, values(authority).about(sealing.ders)) is RevocationState.REVOKED


UNAUTHORIZED = bytes.fromhex("30030a0106")  # RFC 6960, 4.2.1: it does not know the certificate
WRONG: dict[str, Callable[[Town, Holder], Answer]] = {
    "is down": lambda *_: lambda _body: 503,
    "says nothing that can be read": lambda *_: lambda _body: b"sorry",
    "knows nobody": lambda *_: lambda _body: UNAUTHORIZED,
    "answers about somebody else": lambda there, _: (
        lambda _body: there.pki.ocsp(there.pki.seal().certificate, there.pki.at)
    ),
    "answered long ago": lambda there, sealing: (
        lambda _: there.pki.ocsp(sealing.certificate, there.pki.at - 30 * DAY)
    ),
    "answers from a time to come": lambda there, sealing: (
        lambda _: there.pki.ocsp(sealing.certificate, there.pki.at + 10 * MINUTE)
    ),
    "is somebody else": lambda there, sealing: (
        lambda _: there.pki.ocsp(sealing.certificate, there.pki.at, responder=Pki(there.pki.at).responder)
    ),
    "is a seal": lambda there, sealing: (
        lambda _: there.pki.ocsp(sealing.certificate, there.pki.at, responder=there.pki.seal())
    ),
    "says too much": lambda *_: lambda _body: b"0" * 100_000,
}


@pytest.mark.parametrize("name", WRONG)
def test_when_the_responder_fails_or_lies_the_list_is_read(name: str, authority: Town) -> None:
    sealing = authority.sealer()
    authority.site.answers["/ocsp"] = WRONG[name](authority, sealing)
    found = values(authority).about(sealing.ders)
    assert authority.site.asked == ["/ocsp", "/seals.crl", "/root.crl"]
    assert (found.ocsps, state(sealing, found)) == ((), RevocationState.GOOD)


def test_when_nobody_answers_there_are_no_values(authority: Town) -> None:
    sealing = authority.sealer()
    authority.site.answers["/ocsp"] = authority.site.answers["/seals.crl"] = lambda _: 500
    with pytest.raises(RevocationUnavailable, match="TEST seal"):
        values(authority).about(sealing.ders)


def test_an_old_list_is_no_answer(authority: Town) -> None:
    sealing = authority.sealer(online=False)
    with pytest.raises(RevocationUnavailable):
        values(authority, SetClock(authority.pki.at + 8 * DAY)).about(sealing.ders)
    demonstration = SetClock(authority.pki.at + 8 * DAY, offset=8 * DAY)
    assert values(authority, demonstration).about(sealing.ders).crls


def test_nobody_is_asked_about_a_chain_that_we_do_not_trust(authority: Town) -> None:
    stranger = Pki(authority.pki.at, authority.site.url).seal()
    for chain in (stranger.ders, (b"not a certificate",)):
        with pytest.raises(RevocationUnavailable, match="anchor"):
            values(authority).about(chain)
    assert authority.site.asked == []


@pytest.mark.parametrize(
    "base",
    [
        "http://127.0.0.1:{port}",
        "http://localhost:{port}",
        "http://169.254.169.254",
        "http://[::1]:{port}",
        "http://[::1",
        "ftp://pki.example.org",
        "file:///etc",
        "ldap://pki.example.org",
        "http://user:secret@pki.example.org",
        "http://inside.example.org",
        "http://nowhere.example.org",
    ],
)
def test_a_certificate_leads_to_no_place_inside(base: str, authority: Town) -> None:
    def resolved(host: str) -> list[str]:
        if host == "nowhere.example.org":
            raise OSError
        return ["127.0.0.1"]

    port = authority.site.url.rpartition(":")[2]
    pki = Pki(authority.pki.at, base.format(port=port))
    asked = HttpRevocation(
        anchors=lambda: pki.anchors,
        clock=SetClock(pki.at),
        origins=["http://elsewhere.example.org"],
        resolve=resolved,
    )
    with pytest.raises(RevocationUnavailable):
        asked.about(pki.seal().ders)
    assert authority.site.asked == []


def test_what_was_gathered_fits_into_a_seal(authority: Town) -> None:
    found = values(authority).about(authority.sealer().ders)
    more = ValidationValues(found.certificates, found.crls, found.ocsps)
    assert more + more == more
