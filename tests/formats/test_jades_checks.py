import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from hypothesis import given
from hypothesis import strategies as st

from app.formats import jades
from app.formats.jades import Level, Seal, StampKind, read_seal
from app.formats.jades_checks import SealFinding, judge_seal
from app.formats.jades_members import ValidationValues
from app.formats.revocation import RevocationState
from app.formats.stamps import StampFinding, judge_stamp, read_token
from app.formats.strict import Malformed
from app.formats.x509 import Standing
from tests.formats.seals import ASKED, expired, holder, sealed, sealer, trusted, was_revoked
from tests.pki.authority import DAY, IDENTIFIER, ORGANISATION, YEAR, Pki
from tests.pki.samples import ALGORITHMS, MINUTE, SEALED, Sealer
from tests.pki.signing import with_signature
from tests.pki.stamping import Stamper
from tests.shared import shared

ONE = timedelta(seconds=1)


def judged(seal: Seal, at: datetime = ASKED, **changed: Any) -> SealFinding:
    pki = sealer().pki
    given: dict[str, Any] = {"anchors": pki.anchors, "stamp_anchors": pki.stamp_anchors, "at": at}
    return judge_seal(seal, **(given | changed))


def stamps_of(finding: SealFinding) -> dict[StampKind, StampFinding]:
    return {stamp.kind: stamp.finding for stamp in finding.stamps}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("level", Level)
def test_a_seal_of_every_level_is_trusted_and_says_who_sealed_it(level: Level, algorithm: str) -> None:
    finding = judged(sealed(level, algorithm))
    assert trusted(finding)
    assert finding.signature
    assert finding.level is level
    assert (finding.owner.organisation, finding.owner.identifier) == (ORGANISATION, IDENTIFIER)
    assert (finding.owner.country, finding.owner.common_name) == ("IT", "TEST seal")


def test_each_level_proves_what_it_is_for() -> None:
    found = {level: judged(sealed(level)) for level in Level}
    assert [found[level].proven_at for level in Level] == [None] + [SEALED + MINUTE] * 3
    assert [[*stamps_of(found[level])] for level in Level] == [
        [],
        ["sigTst"],
        ["sigTst"],
        ["sigTst", "arcTst"],
    ]
    assert [len(found[level].not_covered) for level in Level] == [2, 3, 0, 0]
    assert all(stamp.trusted for each in found.values() for stamp in stamps_of(each).values())
    covered = found[Level.B_LTA].coverage
    assert [(each.state, each.source) for each in covered] == [
        (RevocationState.GOOD, "ocsp"),
        (RevocationState.GOOD, "crl"),
    ]
    assert {each.as_of for each in covered} == {SEALED + 2 * MINUTE}


@pytest.mark.parametrize("level", Level)
def test_without_the_anchor_it_is_sound_and_nobodys(level: Level) -> None:
    finding = judged(sealed(level), anchors=())
    assert finding.signature
    assert finding.chain.standing is Standing.UNTRUSTED
    assert not trusted(finding)
    assert all(stamp.trusted for stamp in stamps_of(finding).values())


def test_without_the_anchor_of_time_stamps_nothing_is_proven() -> None:
    finding = judged(sealed(Level.B_LTA), stamp_anchors=())
    assert finding.proven_at is None
    assert finding.judged_at == ASKED
    assert all(stamp.intact and not stamp.trusted for stamp in stamps_of(finding).values())


def test_an_anchor_for_seals_is_none_for_time_stamps() -> None:
    pki = sealer().pki
    assert judged(sealed(Level.B_T), stamp_anchors=pki.anchors).proven_at is None
    assert judged(sealed(), anchors=pki.stamp_anchors).chain.standing is Standing.UNTRUSTED


def test_a_seal_certificate_cannot_stamp_time() -> None:
    pki = sealer().pki
    stamper = Stamper(holder("RS256"), lambda: SEALED)
    finding = judge_stamp(stamper.stamp(b"content"), b"content", pki.anchors, ASKED)
    assert finding.intact
    assert finding.chain.standing is Standing.UNTRUSTED


def test_what_was_proven_in_time_outlives_the_certificate() -> None:
    years_later = SEALED + 4 * YEAR  # the seal certificate lives three, the stamping one five
    assert not trusted(judged(sealed(), years_later))
    assert judged(sealed(), years_later).chain.standing is Standing.EXPIRED
    assert trusted(judged(sealed(Level.B_T), years_later))
    much_later = SEALED + 6 * YEAR
    finding = judged(sealed(Level.B_LTA), much_later)
    assert not trusted(finding)
    assert stamps_of(finding)["arcTst"].chain.standing is Standing.EXPIRED


def test_an_archive_stamp_in_time_carries_the_older_ones_on() -> None:
    pki = sealer().pki
    later = SEALED + 4 * YEAR
    unit = pki.time_stamper(begins=later - DAY, ends=later + 5 * YEAR)
    seal = sealed(Level.B_LTA)
    seal = jades.with_archive_timestamp(seal, Stamper(unit, lambda: later).stamp(jades.archive_imprint(seal)))
    finding = judged(seal, SEALED + 8 * YEAR)
    assert trusted(finding)
    assert finding.proven_at == SEALED + MINUTE
    assert [stamp.kind for stamp in finding.stamps] == ["sigTst", "arcTst", "arcTst"]


@pytest.mark.parametrize("level", [Level.B_B, Level.B_T])
def test_a_certificate_that_had_expired_is_said_to_have(level: Level) -> None:
    finding = judged(sealer().sealed(expired(), level))
    assert finding.signature
    assert finding.chain.standing is Standing.EXPIRED
    assert finding.chain.valid_until == SEALED - 30 * DAY
    assert not trusted(finding)


@pytest.mark.parametrize(
    ("revoked_at", "what"),
    [(SEALED - DAY, "revoked"), (SEALED + MINUTE, "revoked"), (SEALED + MINUTE + ONE, "trusted")],
    ids=["before the seal", "at the time that is proven", "after it"],
)
@pytest.mark.parametrize("source", ["ocsp", "crl"])
def test_what_was_sealed_before_a_revocation_stays_sealed(
    revoked_at: datetime, what: str, source: str
) -> None:
    pki = Pki(SEALED)
    sealing = Sealer(pki)
    revoked = pki.seal()
    pki.revoke(revoked, revoked_at)
    seal = sealing.sealed(revoked, Level.B_T)
    values = (
        ValidationValues(ocsps=(pki.ocsp(revoked.certificate, ASKED),))
        if source == "ocsp"
        else ValidationValues(crls=(pki.crl(pki.issuing, ASKED),))
    )
    given: dict[str, Any] = {"anchors": pki.anchors, "stamp_anchors": pki.stamp_anchors, "more": values}
    finding = judged(seal, **given)
    assert (trusted(finding), was_revoked(finding)) == (what == "trusted", what == "revoked")
    assert finding.coverage[0].state is RevocationState.REVOKED
    assert (finding.coverage[0].revoked_at, finding.coverage[0].source) == (revoked_at, source)
    assert was_revoked(judged(replace(seal, etsi_u=()), **given)), "without a stamp nothing is proven"


def test_a_stamp_of_a_revoked_unit_proves_nothing() -> None:
    pki = Pki(SEALED)
    pki.revoke(pki.tsa, SEALED)
    finding = judged(
        Sealer(pki).sealed(pki.seal(), Level.B_LT), anchors=pki.anchors, stamp_anchors=pki.stamp_anchors
    )
    assert finding.stamps[0].coverage[0].state is RevocationState.REVOKED
    assert finding.proven_at is None


CHANGES: dict[str, Callable[[Seal], Seal]] = {
    "another signature": lambda seal: replace(seal, signature=sealed(kind="vc").signature),
    "another key": lambda seal: replace(
        seal, signature=with_signature(seal, holder("RS256").sign(seal.signing_input)).signature
    ),
    "another payload": lambda seal: replace(seal, payload=seal.payload + " "),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_is_not_signed(change: str) -> None:
    finding = judged(CHANGES[change](sealed(Level.B_LTA)))
    assert not finding.signature
    assert not trusted(finding)
    assert not stamps_of(finding)["arcTst"].imprint


def test_a_changed_value_breaks_the_archive_stamp_alone() -> None:
    seal = sealed(Level.B_LTA)
    other = jades.with_validation_values(sealed(), [holder("RS256").ders[0]], [], []).etsi_u[0]
    finding = judged(replace(seal, etsi_u=(seal.etsi_u[0], other, *seal.etsi_u[2:])))
    assert finding.signature
    assert stamps_of(finding)["sigTst"].trusted
    assert not stamps_of(finding)["arcTst"].imprint
    assert not trusted(finding)


@pytest.mark.parametrize("kind", ["sigTst", "arcTst"])
def test_a_flipped_byte_in_a_time_stamp_is_that_stamps_own_finding(
    kind: StampKind, capsys: pytest.CaptureFixture[str]
) -> None:
    seal = sealed(Level.B_LTA)
    place = {"sigTst": 0, "arcTst": 3}[kind]
    (stamp,) = (each for each in seal.stamps() if each.kind == kind)
    other = {"sigTst": "arcTst", "arcTst": "sigTst"}[kind]
    tried = 0
    for at in range(0, len(stamp.token), 29):
        token = bytearray(stamp.token)
        token[at] ^= 1 << at % 8
        broken = jades.with_signature_timestamp(Seal("", "", ""), bytes(token)).etsi_u[0]
        if kind == "arcTst":
            broken = jades.with_archive_timestamp(Seal("", "", ""), bytes(token)).etsi_u[0]
        finding = judged(replace(seal, etsi_u=(*seal.etsi_u[:place], broken, *seal.etsi_u[place + 1 :])))
        found = stamps_of(finding)
        assert not found[kind].trusted, at
        assert not trusted(finding), at
        assert finding.signature
        if kind == "arcTst":
            assert found["sigTst"].trusted, "what came before does not hang on it"
        else:
            assert found["arcTst"].signature, "its own bytes are whole"
            assert not found["arcTst"].imprint, "and it covers the changed one"
        tried += 1
    with capsys.disabled():
        print(f"\n{kind}: {tried} bytes flipped: 0 trusted; {other} told apart")  # noqa: T201 -- the count
    assert tried > 50


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_byte_of_a_token_can_change_and_stay_trusted(
    algorithm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pki = sealer().pki
    unit = pki.tsa if algorithm == "RS256" else pki.time_stamper(algorithm=algorithm)
    token = Stamper(unit, lambda: SEALED).stamp(b"content")
    assert judge_stamp(token, b"content", pki.stamp_anchors, ASKED).trusted
    trusted = []
    for place, byte in enumerate(token):
        changed = token[:place] + bytes([byte ^ 1 << place % 8]) + token[place + 1 :]
        if judge_stamp(changed, b"content", pki.stamp_anchors, ASKED).trusted:
            trusted.append(place)
    with capsys.disabled():
        print(f"\n{algorithm} token: {len(token):,} bytes flipped: {len(trusted)} trusted")  # noqa: T201
    assert trusted == []


@pytest.mark.parametrize("token", [b"", b"0", b"\x30\x00", b"\x30\x80\x00\x00", b"\xff" * 100])
def test_what_is_no_token_is_a_finding_and_no_accident(token: bytes) -> None:
    finding = judge_stamp(token, b"content", sealer().pki.stamp_anchors, ASKED)
    assert finding == StampFinding()
    assert not finding.trusted
    with pytest.raises(Malformed):
        read_token(token)


class _Changed(Stamper):
    """Writes what no honest authority writes, and signs it as well as one could wish."""

    change: Callable[[Any], None]

    def token(self, imprint: Any, nonce: int | None) -> bytes:
        token = cms.ContentInfo.load(super().token(imprint, nonce))
        signed = token["content"]
        self.change(signed)
        for signer in signed["signer_infos"]:
            _, signer["signature"] = self._sign(signer["signed_attrs"].untag().dump(force=True))
        changed: bytes = token.dump(force=True)
        return changed


def attributes(signed: Any, keep: Callable[[str], bool], *more: Any) -> None:
    (signer,) = signed["signer_infos"]
    kept = [each for each in signer["signed_attrs"] if keep(each["type"].native)]
    signer["signed_attrs"] = cms.CMSAttributes([*kept, *more])


def first_version(digest: bytes) -> Any:
    return cms.CMSAttribute({"type": "signing_certificate", "values": [{"certs": [{"cert_hash": digest}]}]})


def empty(kind: str) -> Any:
    return cms.CMSAttribute({"type": kind, "values": [{"certs": []}]})


def in_sha512(digest: bytes) -> Any:
    named = {"hash_algorithm": {"algorithm": "sha512"}, "cert_hash": digest}
    return cms.CMSAttribute({"type": "signing_certificate_v2", "values": [{"certs": [named]}]})


def bringing(*certificates: bytes) -> Callable[[Any], None]:
    def bring(signed: Any) -> None:
        signed["certificates"] = [asn1_x509.Certificate.load(each) for each in certificates]

    return bring


def _sha1(content: bytes) -> bytes:
    return hashlib.sha1(content, usedforsecurity=False).digest()


UNIT = sealer().pki.tsa.ders[0]
HONEST: dict[str, Callable[[Any], None]] = {
    "as it is": lambda _: None,
    "names its certificate in the first version": lambda signed: attributes(
        signed, lambda kind: kind != "signing_certificate_v2", first_version(_sha1(UNIT))
    ),
    "names its certificate in SHA-512": lambda signed: attributes(
        signed, lambda kind: kind != "signing_certificate_v2", in_sha512(hashlib.sha512(UNIT).digest())
    ),
    "without its root": bringing(UNIT),
}
WRONG: dict[str, Callable[[Any], None]] = {
    "names no certificate": lambda signed: attributes(signed, lambda kind: kind != "signing_certificate_v2"),
    "names another certificate": lambda signed: attributes(
        signed, lambda kind: kind != "signing_certificate_v2", first_version(_sha1(b"other"))
    ),
    "names no certificate in a list of them": lambda signed: attributes(
        signed, lambda kind: kind != "signing_certificate_v2", empty("signing_certificate_v2")
    ),
    "names none in the first version": lambda signed: attributes(
        signed, lambda kind: kind != "signing_certificate_v2", empty("signing_certificate")
    ),
    "brings more certificates than any path has": bringing(*[UNIT] * 9),
    "says of no content": lambda signed: attributes(signed, lambda kind: kind != "message_digest"),
    "says of no kind": lambda signed: attributes(signed, lambda kind: kind != "content_type"),
    "has its attributes twice": lambda signed: attributes(
        signed, lambda _: True, *signed["signer_infos"][0]["signed_attrs"]
    ),
    "has no certificate": bringing(),
    "has two signers": lambda signed: signed["signer_infos"].append(signed["signer_infos"][0].copy()),
    "is of another version": lambda signed: signed.__setitem__("version", "v4"),
    "brings a certificate that nobody issued": bringing(UNIT, Pki(SEALED).tsa.ders[0]),
}


def changed(how: Callable[[Any], None]) -> StampFinding:
    pki = sealer().pki
    stamper = _Changed(pki.tsa, lambda: SEALED)
    stamper.change = how
    return judge_stamp(stamper.stamp(b"content"), b"content", pki.stamp_anchors, ASKED)


@pytest.mark.parametrize("how", HONEST)
def test_an_honest_token_may_be_written_so(how: str) -> None:
    assert changed(HONEST[how]).trusted


@pytest.mark.parametrize("how", WRONG)
def test_a_token_that_is_not_all_it_has_to_be_is_not_trusted(how: str) -> None:
    assert not changed(WRONG[how]).trusted


@given(st.binary(max_size=200) | st.builds(lambda body: b"\x30\x80" + body, st.binary(max_size=60)))
def test_whatever_bytes_come_in_as_a_token_the_answer_is_a_finding(token: bytes) -> None:
    assert not judge_stamp(token, b"content", sealer().pki.stamp_anchors, ASKED).trusted


def test_a_token_says_when_and_about_what() -> None:
    token = read_token(Stamper(sealer().pki.tsa, lambda: SEALED).stamp(b"content"))
    assert token.at == SEALED
    assert token.chain[0] == token.signer == UNIT
    assert token.is_about(b"content")
    assert not token.is_about(b"another")


@pytest.mark.parametrize("name", ["Sample-CertOfPart-signed.jsonld", "Sample-MC-Annex1-signed.jsonld"])
def test_a_seal_of_the_commission_verifies_as_far_as_its_test_certificates_allow(name: str) -> None:
    seal = read_seal(shared("elm", "samples", "commission", name).read_bytes().decode())
    at = datetime(2026, 11, 21, tzinfo=UTC)
    finding = judge_seal(seal, anchors=(), stamp_anchors=(), at=at)
    assert finding.signature
    assert finding.owner.organisation == "ORGANIZACION TEST"
    assert {kind: (found.imprint, found.signature) for kind, found in stamps_of(finding).items()} == {
        "adoTst": (True, True),
        "sigTst": (True, True),
        "arcTst": (True, True),
    }
    assert [found.chain.standing for found in stamps_of(finding).values()] == [Standing.UNTRUSTED] * 3
    assert (finding.proven_at, finding.chain.standing) == (None, Standing.UNTRUSTED)
    assert not trusted(finding)
    assert {each.state for each in finding.coverage} == {RevocationState.GOOD}
    assert {each.coverage[0].source for each in finding.stamps} == {"crl"}
