"""The self-test of the keys, and what is said of certificates before they end."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from app.adapters.ceremony import Ceremony
from app.adapters.keycheck import ExpiryWatch, Finding, Level, Tried, check
from app.adapters.keys import FileKeys
from app.adapters.private import Bundle
from app.adapters.revocation import HttpRevocation
from app.adapters.specimens import HOLDER, specimens
from app.adapters.timestamps import HttpTimeStamps
from app.ports import KeysUnavailable, Slot
from app.settings import Settings
from tests.fakes import SetClock
from tests.fakes_keys import MemoryKeys
from tests.pki.authority import Holder
from tests.pki.serving import Town, town
from tests.status.failing import FailingKeys

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    said = [(record.levelname, str(vars(record)["reason"])) for record in caplog.records]
    caplog.clear()
    return said


def test_the_log_says_once_a_day_what_ends_soon(caplog: pytest.LogCaptureFixture) -> None:
    clock = SetClock(AT)
    watch = ExpiryWatch(MemoryKeys(AT, development=False, life=100 * DAY), clock)
    with caplog.at_level(logging.WARNING, logger="sigillo.keys"):
        watch()
        assert told(caplog) == []
        clock.move(10 * DAY)
        for _ in range(3):
            watch()
        warned = told(caplog)
        assert len(warned) == len(Slot)
        assert warned[0] == ("WARNING", "the certificate for seal ends in 90 days")
        clock.move(85 * DAY)
        watch()
        assert told(caplog)[0] == ("ERROR", "the certificate for seal ends in 5 days")
        clock.move(6 * DAY)
        watch()
        assert told(caplog)[0] == ("ERROR", "the certificate for seal has ended")


def test_of_a_bodys_own_certificate_it_is_said_whose_it_is(caplog: pytest.LogCaptureFixture) -> None:
    keys = MemoryKeys(AT, life=DAY)
    keys.give("org_2", 2, AT, Slot.SEAL)
    with caplog.at_level(logging.WARNING, logger="sigillo.keys"):
        ExpiryWatch(keys, SetClock(AT))()
    assert told(caplog) == [("ERROR", "the certificate for seal of org_2 ends in 1 days")]


def test_of_keys_for_trying_things_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="sigillo.keys"):
        ExpiryWatch(MemoryKeys(AT, life=DAY), SetClock(AT))()
    assert told(caplog) == []


# The check.


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
    there.pki.revoked.clear()


def found_by(tried: Tried, at: datetime, slot: Slot, level: Level) -> list[str]:
    found = check(tried, at=at)
    return [each.words for each in found if (each.slot, each.level) == (slot, level)]


def sealing(authority: Town, folder: Path, holder: Holder) -> Tried:
    """A folder whose seal of European Digital Credentials is certified by the town."""
    at, pki = authority.pki.at, authority.pki
    signer = FileKeys(folder, at=at)
    hands = Ceremony(folder, passphrase=b"of the folder", tokens=None)
    roots = [x509.load_der_x509_certificate(each) for each in pki.anchors]
    hands.adopt(Slot.EDC_SEAL, Bundle(holder.key, holder.chain), roots, at=at)
    signer = FileKeys(folder, at=at, passphrase=b"of the folder")
    clock, site = SetClock(at), authority.site.url
    return Tried(
        signer,
        hands,
        Settings(public_url="https://sigillo.example.org"),
        time_stamps=HttpTimeStamps(f"{site}/tsa", anchors=pki.stamp_anchors, clock=clock, total_seconds=5),
        revocation=HttpRevocation(
            anchors=lambda: (*signer.anchors(), *pki.stamp_anchors),
            clock=clock,
            origins=[site],
            total_seconds=5,
        ),
    )


def test_whom_seals_are_shown_to_is_asked_by_the_check(authority: Town, tmp_path: Path) -> None:
    at = authority.pki.at
    holder = authority.sealer("RS256")
    tried = sealing(authority, tmp_path / "keys", holder)
    well = " ".join(found_by(tried, at, Slot.EDC_SEAL, Level.GOOD))
    assert "a specimen was composed" in well
    assert "nothing was revoked" in well
    assert "its time-stamp verifies" in well
    assert found_by(tried, at, Slot.EDC_SEAL, Level.FAILURE) == []

    authority.site.answers["/tsa"] = lambda _: 503
    [away] = found_by(tried, at, Slot.EDC_SEAL, Level.WARNING)
    assert "no time-stamp could be had, so seals stay B-B" in away
    authority.site.answers["/tsa"] = lambda _: b"a lie"
    [lie] = found_by(tried, at, Slot.EDC_SEAL, Level.FAILURE)
    assert "cannot be relied on" in lie

    authority.site.answers["/tsa"] = authority.stamper.answer
    authority.pki.revoke(holder, at - DAY)
    [revoked] = found_by(tried, at, Slot.EDC_SEAL, Level.FAILURE)
    assert "its certificate was revoked" in revoked
    authority.site.answers["/ocsp"] = authority.site.answers["/seals.crl"] = lambda _: 503
    unknown = found_by(tried, at, Slot.EDC_SEAL, Level.WARNING)
    assert any("nothing can be had on whether its certificate" in words for words in unknown)


def test_who_vouches_for_the_time_stamp_authority_is_asked_by_the_check(
    authority: Town, tmp_path: Path
) -> None:
    at = authority.pki.at
    tried = sealing(authority, tmp_path / "keys", authority.sealer("RS256"))
    assert tried.revocation is not None
    stamper = "the time-stamp authority's certificate"
    well = found_by(tried, at, Slot.EDC_SEAL, Level.GOOD)
    assert f"the CA of {stamper} was asked, and says that nothing was revoked." in well
    authority.pki.revoke(authority.pki.tsa, at - DAY)
    [revoked] = found_by(tried, at, Slot.EDC_SEAL, Level.FAILURE)
    assert f"{stamper} was revoked" in revoked
    own = HttpRevocation(anchors=tried.signer.anchors, clock=SetClock(at), origins=[authority.site.url])
    [nobody] = found_by(replace(tried, revocation=own), at, Slot.EDC_SEAL, Level.WARNING)
    assert f"nothing can be had on whether {stamper} was revoked, so no seal comes to B-LTA" in nobody


@pytest.mark.parametrize("slot", Slot)
def test_a_key_that_fails_is_found_whatever_it_is_for(slot: Slot, tmp_path: Path) -> None:
    signer = FailingKeys(AT)
    FileKeys(tmp_path / "keys", at=AT)
    hands = Ceremony(tmp_path / "keys", passphrase=None, tokens=None)
    tried = Tried(signer, hands, Settings())
    sound = found_by(tried, AT, slot, Level.GOOD)
    assert any("thrown away" in words for words in sound)
    signer.lies = True
    failed = found_by(tried, AT, slot, Level.FAILURE)
    assert any("does not verify" in words for words in failed)
    assert not any("thrown away" in words for words in found_by(tried, AT, slot, Level.GOOD))


def test_a_key_that_fails_with_a_real_document_is_found_though_it_signs_a_probe(tmp_path: Path) -> None:
    class Short(MemoryKeys):
        """A token that takes in a few bytes and no more."""

        def sign(self, thumbprint: str, message: bytes) -> bytes:
            if len(message) > 100:
                raise KeysUnavailable("too long for this token")
            return super().sign(thumbprint, message)

    FileKeys(tmp_path / "keys", at=AT)
    hands = Ceremony(tmp_path / "keys", passphrase=None, tokens=None)
    for slot in Slot:
        assert any(
            "cannot issue: too long for this token" in words
            for words in found_by(Tried(Short(AT), hands, Settings()), AT, slot, Level.FAILURE)
        )


def test_what_an_address_is_too_long_for_is_found_before_anybody_needs_it(tmp_path: Path) -> None:
    FileKeys(tmp_path / "keys", at=AT)
    hands = Ceremony(tmp_path / "keys", passphrase=None, tokens=None)
    settings = Settings(public_url=f"https://{'a' * 60}.{'b' * 60}.{'c' * 60}.example.org")
    failed = found_by(Tried(MemoryKeys(AT), hands, settings), AT, Slot.QR, Level.FAILURE)
    assert any("makes no offline QR codes: qr_symbol" in words for words in failed)


def test_a_specimen_can_be_taken_for_nothing_else() -> None:
    keys = MemoryKeys(AT, development=False)
    edc, *_ = specimens(
        keys.current(Slot.EDC_SEAL), public_url="https://sigillo.example.org", signing_time="iat", at=AT
    )
    said = edc.unsigned.decode()
    assert HOLDER in said
    assert "TEST \N{EN DASH} " in said
    assert "-0000-0000-0000-" in said


def test_a_finding_about_the_folder_names_no_slot(tmp_path: Path) -> None:
    signer = FileKeys(tmp_path / "keys", at=AT)
    (tmp_path / "keys" / "seal-lost.key.pem").write_bytes(b"x")
    hands = Ceremony(tmp_path / "keys", passphrase=None, tokens=None)
    last = check(Tried(signer, hands, Settings()), at=AT)[-1]
    assert last == Finding(None, Level.WARNING, last.words)
    assert last.words.startswith("seal-lost.key.pem: ")
