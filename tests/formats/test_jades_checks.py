import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asn1crypto import cms, core
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st

from app.formats import jades, jades_checks
from app.formats.jades import Level, Seal, StampKind, read_seal
from app.formats.jades_checks import SealFinding, judge_seal
from app.formats.jades_members import ValidationValues
from app.formats.revocation import RevocationState
from app.formats.stamps import StampFinding, judge_stamp, read_token
from app.formats.strict import Malformed, encode64_standard
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


def stamped_at(seal: Seal, at: datetime, kind: StampKind = "arcTst", by: Pki | None = None) -> Seal:
    """Put another time-stamp over a seal, of whatever time."""
    stamper = Stamper((by or sealer().pki).tsa, lambda: at)
    if kind == "sigTst":
        return jades.with_signature_timestamp(seal, stamper.stamp(jades.signature_imprint(seal)))
    return jades.with_archive_timestamp(seal, stamper.stamp(jades.archive_imprint(seal)))


def test_a_stamp_of_a_time_to_come_proves_nothing() -> None:
    for ahead, counts in ((jades_checks.CLOCKS, True), (jades_checks.CLOCKS + ONE, False)):
        finding = judged(stamped_at(sealed(), ASKED + ahead, "sigTst"))
        assert (finding.stamps[0].counts, finding.proven_at) == (counts, ASKED if counts else None)
        assert trusted(finding), "as it would be without it"


def test_stamps_that_contradict_each_other_prove_nothing() -> None:
    before = sealed(Level.B_LT)
    for earlier, counts in ((jades_checks.CLOCKS, True), (jades_checks.CLOCKS + ONE, False)):
        finding = judged(stamped_at(before, SEALED + MINUTE - earlier))
        assert [stamp.counts for stamp in finding.stamps] == [counts, counts]
        assert (finding.proven_at is not None) is counts
        assert all(stamp.finding.trusted for stamp in finding.stamps), "each by itself is sound"


def test_of_two_stamps_of_a_signature_either_may_be_the_first() -> None:
    seal = stamped_at(stamped_at(sealed(), ASKED, "sigTst"), SEALED + MINUTE, "sigTst")
    finding = judged(seal)
    assert [stamp.counts for stamp in finding.stamps] == [True, True]
    assert finding.proven_at == SEALED + MINUTE


def test_a_stamp_of_the_signature_carries_no_older_one_on() -> None:
    """It is about the signature alone: who has the older unit's key by now can still write one before it."""
    pki = sealer().pki
    ended = pki.time_stamper(begins=SEALED - YEAR, ends=SEALED + DAY)
    forged = Stamper(ended, lambda: SEALED).stamp(jades.signature_imprint(sealed()))
    seal = stamped_at(jades.with_signature_timestamp(sealed(), forged), SEALED + MINUTE, "sigTst")
    finding = judged(seal, SEALED + 2 * DAY)
    assert [stamp.counts for stamp in finding.stamps] == [False, True]
    assert finding.proven_at == SEALED + MINUTE


def test_a_stamp_of_the_content_proves_no_time_of_the_seal() -> None:
    """It was made before the signature was: of that it can say nothing."""
    key, pki = holder("ES256"), sealer().pki
    head: dict[str, Any] = {**jades.protected_header(key.public, at=SEALED, signing_time="iat", kind="edc")}
    token = Stamper(pki.tsa, lambda: SEALED - DAY).stamp(b"{}")
    head["adoTst"] = {"tstTokens": [{"val": encode64_standard(token)}]}
    head["crit"] = [*head["crit"], "adoTst"]
    seal = jades.unsigned_seal(head, b"{}")
    seal = with_signature(seal, key.sign(seal.signing_input))
    finding = judged(seal)
    assert [(stamp.kind, stamp.counts) for stamp in finding.stamps] == [("adoTst", True)]
    assert (finding.proven_at, finding.judged_at) == (None, ASKED)
    later = judged(stamped_at(seal, SEALED + MINUTE, "sigTst"))
    assert later.proven_at == SEALED + MINUTE
    before = judged(stamped_at(seal, SEALED - 2 * DAY, "sigTst"))
    assert (before.proven_at, [stamp.counts for stamp in before.stamps]) == (None, [False, False])


def test_only_the_stamps_that_a_proof_hangs_on_need_word_of_their_makers() -> None:
    pki, other = sealer().pki, Pki(SEALED)
    both = (*pki.stamp_anchors, *other.stamp_anchors)
    added = stamped_at(sealed(Level.B_LT), SEALED + 3 * MINUTE, by=other)
    for anchors in (both, pki.stamp_anchors):
        finding = judged(added, stamp_anchors=anchors)
        assert (finding.proven_at, finding.firm) == (SEALED + MINUTE, True)
        assert [stamp.covered for stamp in finding.stamps] == [True, anchors is pki.stamp_anchors]
    assert not judged(sealed(Level.B_T)).firm
    much_later = SEALED + 5 * YEAR + DAY  # by then the first unit has ended: the other alone carries it on
    unit = other.time_stamper(ends=SEALED + 9 * YEAR)
    token = Stamper(unit, lambda: SEALED + 3 * MINUTE).stamp(jades.archive_imprint(sealed(Level.B_LT)))
    carried = judged(jades.with_archive_timestamp(sealed(Level.B_LT), token), much_later, stamp_anchors=both)
    assert (carried.proven_at, carried.firm) == (SEALED + MINUTE, False)


def test_values_that_nobody_here_can_check_do_no_damage_and_those_that_fail_do() -> None:
    pki, other = sealer().pki, Pki(SEALED)
    half = other.issuing.ders[0]  # of a chain whose root nobody sent
    responder = other.ocsp(other.seal().certificate, SEALED)
    for certificates, crls, ocsps in (
        ([half], [], []),
        ([], [other.crl(other.root, SEALED)], []),
        ([half], [other.crl(other.root, SEALED)], [responder]),
        ([b"nothing"], [b"nothing"], [b"nothing"]),
    ):
        finding = judged(jades.with_validation_values(sealed(Level.B_LT), certificates, crls, ocsps))
        assert (finding.whole, trusted(finding)) == (True, True)
    certificate, crl = pki.issuing.ders[0], pki.crl(pki.root, SEALED)
    answer = pki.ocsp(holder("ES256").certificate, SEALED)
    signed = ocsp.load_der_ocsp_response(answer).signature
    for broken in (
        jades.with_validation_values(sealed(Level.B_LT), [spoiled(certificate)], [], []),
        jades.with_validation_values(sealed(Level.B_LT), [], [spoiled(crl)], []),
        jades.with_validation_values(sealed(Level.B_LT), [], [], [answer.replace(signed, spoiled(signed))]),
    ):
        assert not judged(broken).whole


def spoiled(value: bytes) -> bytes:
    """Change the last byte, where the signature is."""
    return value[:-1] + bytes([value[-1] ^ 1])


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
    "with an attribute that nobody signed": lambda signed: signed["signer_infos"][0].__setitem__(
        "unsigned_attrs", cms.CMSAttributes([cms.CMSAttribute({"type": "1.2.3.4", "values": [core.Null()]})])
    ),
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


def with_imprint(algorithm: str) -> Callable[[Any], None]:
    """Write another digest of the content into the token."""

    def write(signed: Any) -> None:
        info = signed["encap_content_info"]["content"].parsed
        digest = hashlib.new(algorithm, b"content", usedforsecurity=False).digest()
        info["message_imprint"] = {"hash_algorithm": {"algorithm": algorithm}, "hashed_message": digest}
        written = info.dump(force=True)
        signed["encap_content_info"]["content"] = core.ParsableOctetString(written)
        said = cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(written).digest()]})
        attributes(signed, lambda kind: kind != "message_digest", said)

    return write


NOT_CHECKED: dict[str, Callable[[Any], None]] = {
    "about a SHA-1 digest": with_imprint("sha1"),
    "about a SHA3-256 digest": with_imprint("sha3_256"),
    "without its certificate": bringing(),
}


class _Pss(Stamper):
    """Signs by RSA-PSS."""

    def token(self, imprint: Any, nonce: int | None) -> bytes:
        token = cms.ContentInfo.load(super().token(imprint, nonce))
        (signer,) = token["content"]["signer_infos"]
        digest = {"algorithm": "sha256"}
        mask = {"algorithm": "mgf1", "parameters": digest}
        named = {"hash_algorithm": digest, "mask_gen_algorithm": mask, "salt_length": 32}
        signer["signature_algorithm"] = {"algorithm": "rsassa_pss", "parameters": named}
        key = self.holder.key
        assert isinstance(key, rsa.RSAPrivateKey)
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        signer["signature"] = key.sign(signer["signed_attrs"].untag().dump(force=True), pss, hashes.SHA256())
        written: bytes = token.dump(force=True)
        return written


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


@pytest.mark.parametrize("how", NOT_CHECKED)
def test_a_token_that_we_cannot_check_proves_nothing_and_is_not_called_damaged(how: str) -> None:
    finding = changed(NOT_CHECKED[how])
    assert (finding.checked, finding.intact, finding.trusted, finding.damaged) == (False, False, False, False)


@pytest.mark.parametrize("how", WRONG)
def test_a_token_that_was_changed_is_called_damaged(how: str) -> None:
    assert changed(WRONG[how]).damaged is (how != "has no certificate")


def test_a_token_may_leave_its_certificate_to_the_seal() -> None:
    pki = sealer().pki
    stamper = _Changed(pki.tsa, lambda: SEALED)
    stamper.change = bringing()
    token, others = stamper.stamp(b"content"), holder("ES256").ders
    for pool in (pki.tsa.ders, (b"no certificate", *others, *pki.tsa.ders)):
        assert judge_stamp(token, b"content", pki.stamp_anchors, ASKED, pool=pool).trusted
        assert judge_stamp(token, b"another", pki.stamp_anchors, ASKED, pool=pool).damaged
    assert not judge_stamp(token, b"content", pki.stamp_anchors, ASKED, pool=others).checked


def test_a_token_may_be_signed_by_pss() -> None:
    pki = sealer().pki
    token = _Pss(pki.tsa, lambda: SEALED).stamp(b"content")
    assert judge_stamp(token, b"content", pki.stamp_anchors, ASKED).trusted
    for place in range(len(token) - 700, len(token), 7):  # how it is signed, what, and the signature
        flipped = token[:place] + bytes([token[place] ^ 1 << place % 8]) + token[place + 1 :]
        assert judge_stamp(flipped, b"content", pki.stamp_anchors, ASKED).damaged, place


def test_a_flipped_bit_is_damage_and_never_another_way_to_write() -> None:
    pki = sealer().pki
    unit = pki.time_stamper(algorithm="ES256")
    token = Stamper(unit, lambda: SEALED).stamp(b"content")
    brought = [range(token.find(each), token.find(each) + len(each)) for each in unit.ders]
    for place in range(len(token)):
        if not any(place in each for each in brought):  # what becomes of these, another test says
            for bit in range(8):
                flipped = token[:place] + bytes([token[place] ^ 1 << bit]) + token[place + 1 :]
                found = judge_stamp(flipped, b"content", pki.stamp_anchors, ASKED, pool=unit.ders)
                assert found.damaged, (place, bit)


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
