"""What a list or an answer has to be, to say anything about a certificate."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from app.formats import der
from app.formats.revocation import (
    MAX_CRL,
    MAX_OCSP,
    SKEW,
    Coverage,
    RevocationState,
    Said,
    coverage_of,
)
from tests.pki.authority import DAY, Holder, Pki, _ec
from tests.pki.samples import SEALED

SECOND: Final = timedelta(seconds=1)
PKI: Final = Pki(SEALED)
SEAL: Final = PKI.seal()
REVOKED: Final = PKI.seal()
PKI.revoke(REVOKED, SEALED - DAY)
CRL: Final = PKI.crl(PKI.issuing, SEALED)
OCSP: Final = PKI.ocsp(SEAL.certificate, SEALED)


def about(holder: Holder, *, crls: tuple[bytes, ...] = (), ocsps: tuple[bytes, ...] = ()) -> Coverage:
    leaf, issuer = holder.ders
    return coverage_of(leaf, issuer, crls=crls, ocsps=ocsps)


def test_an_answer_and_a_list_say_the_same() -> None:
    for covered in (about(SEAL, crls=(CRL,)), about(SEAL, ocsps=(OCSP,))):
        assert covered.state is RevocationState.GOOD
        assert (covered.as_of, covered.until, covered.revoked_at) == (SEALED, SEALED + 7 * DAY, None)
        assert not covered.revoked_by(SEALED + 900 * DAY)
    for covered in (
        about(REVOKED, crls=(CRL,)),
        about(REVOKED, ocsps=(PKI.ocsp(REVOKED.certificate, SEALED),)),
    ):
        assert covered.state is RevocationState.REVOKED
        assert covered.revoked_at == SEALED - DAY
        assert covered.revoked_by(SEALED - DAY)
        assert not covered.revoked_by(SEALED - DAY - timedelta(seconds=1))


def test_of_several_words_the_newest_counts_and_a_revocation_above_all() -> None:
    newer = PKI.crl(PKI.issuing, SEALED + DAY)
    assert about(SEAL, crls=(newer, CRL), ocsps=(OCSP,)).as_of == SEALED + DAY
    before = PKI.ocsp(REVOKED.certificate, SEALED - 2 * DAY)
    after = PKI.ocsp(REVOKED.certificate, SEALED)
    assert about(REVOKED, ocsps=(before,)).state is RevocationState.GOOD
    for order in ((before, after), (after, before)):
        assert about(REVOKED, ocsps=order).state is RevocationState.REVOKED


def under(digest: hashes.SHA1 | hashes.SHA224 | hashes.SHA256) -> bytes:
    """A list that is signed under this digest, which the library that writes the others does not do."""
    written = asn1_crl.CertificateList.load(CRL)
    algorithm = {"algorithm": f"{digest.name}_ecdsa"}
    written["tbs_cert_list"]["signature"] = written["signature_algorithm"] = algorithm
    signed = written["tbs_cert_list"].dump(force=True)
    written["signature"] = _ec(PKI.issuing.key).sign(signed, ec.ECDSA(digest))
    made: bytes = written.dump(force=True)
    return made


def listed(issuer: Holder, *extensions: tuple[x509.ExtensionType, bool], name: Holder | None = None) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name((name or issuer).certificate.subject)
        .last_update(SEALED)
        .next_update(SEALED + DAY)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(_ec(issuer.key), hashes.SHA256()).public_bytes(Encoding.DER)


PARTIAL: Final = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
ELSEWHERE: Final = x509.IssuingDistributionPoint(None, None, False, True, None, False, False)
AN_X400_ADDRESS: Final = der.element(0x30, der.element(0xA3, b"\x30\x00"))


def unread(oid: str, *, within: tuple[int, ...] = ()) -> x509.UnrecognizedExtension:
    """An extension with a name that RFC 5280 allows and the library does not read."""
    written = AN_X400_ADDRESS
    for tag in within:
        written = der.element(tag, written if tag == der.SEQUENCE else written[2:])
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), written)


SILENT: dict[str, Callable[[], bytes]] = {
    "of another issuer": lambda: PKI.crl(PKI.root, SEALED),
    "in the name of the issuer": lambda: listed(PKI.root, name=PKI.issuing),
    "by somebody of the same name": lambda: listed(Pki(SEALED).issuing),
    "by a seal": lambda: listed(SEAL, name=PKI.issuing),
    "in part": lambda: listed(PKI.issuing, (PARTIAL, True)),
    "in part, and it is not critical": lambda: listed(PKI.issuing, (PARTIAL, False)),
    "of authorities alone": lambda: listed(PKI.issuing, (ELSEWHERE, False)),
    "of changes": lambda: listed(PKI.issuing, (x509.DeltaCRLIndicator(1), True)),
    "of changes, and it is not critical": lambda: listed(PKI.issuing, (x509.DeltaCRLIndicator(1), False)),
    "with a name that nobody reads": lambda: listed(PKI.issuing, (unread("2.5.29.18"), False)),
    "with a key named so": lambda: listed(
        PKI.issuing, (unread("2.5.29.35", within=(0xA1, der.SEQUENCE)), False)
    ),
    "with a place named so": lambda: listed(
        PKI.issuing, (unread("2.5.29.28", within=(0xA0, 0xA0, der.SEQUENCE)), False)
    ),
    "with endless extensions": lambda: listed(
        PKI.issuing, (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), bytes(20_000)), False)
    ),
    "signed under SHA-1": lambda: under(hashes.SHA1()),  # noqa: S303 -- what it is about
    "signed under SHA-224": lambda: under(hashes.SHA224()),
    "cut off": lambda: CRL[:-1],
    "with more behind it": lambda: CRL + b"0",
    "of nothing": lambda: b"",
    "too large": lambda: b"\x30" * (MAX_CRL + 1),
}


@pytest.mark.parametrize("name", SILENT)
def test_a_list_that_says_nothing_of_the_certificate(name: str) -> None:
    assert about(SEAL, crls=(SILENT[name](),)) == Coverage(SEAL.ders[0], RevocationState.NOT_COVERED)


def test_a_plain_list_says_something() -> None:
    for plain in (listed(PKI.issuing), under(hashes.SHA256())):
        assert about(SEAL, crls=(plain,)).state is RevocationState.GOOD


def test_a_list_by_an_authority_that_may_not_write_any_says_nothing() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = PKI.issuing.certificate.subject
    for crl_sign in (True, False):
        usage = x509.KeyUsage(False, False, False, False, False, True, crl_sign, False, False)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
        builder = builder.public_key(key.public_key()).not_valid_before(SEALED - DAY)
        builder = builder.not_valid_after(SEALED + DAY).add_extension(usage, critical=True)
        issuer = Holder(key, (builder.sign(key, hashes.SHA256()),))
        found = coverage_of(SEAL.ders[0], issuer.ders[0], crls=(listed(issuer),), ocsps=())
        assert (found.state is RevocationState.GOOD) == crl_sign


def test_an_entry_with_a_name_that_nobody_reads_is_an_entry() -> None:
    entry = x509.RevokedCertificateBuilder().serial_number(SEAL.certificate.serial_number)
    entry = entry.revocation_date(SEALED).add_extension(unread("2.5.29.29"), critical=False)
    builder = x509.CertificateRevocationListBuilder().issuer_name(PKI.issuing.certificate.subject)
    builder = builder.last_update(SEALED).next_update(SEALED + DAY).add_revoked_certificate(entry.build())
    written = builder.sign(_ec(PKI.issuing.key), hashes.SHA256()).public_bytes(Encoding.DER)
    assert about(SEAL, crls=(written,)).revoked_at == SEALED


def test_silence_of_after_the_end_says_nothing_unless_what_ended_is_remembered() -> None:
    pki = Pki(SEALED)
    ended = pki.seal(ends=SEALED + 30 * DAY)
    pki.revoke(ended, SEALED - DAY)
    forgetful, before = (pki.crl(pki.issuing, SEALED + days * DAY, remembers=False) for days in (31, 29))
    leaf, issuer = ended.ders
    for lists, state in (
        ((forgetful,), RevocationState.NOT_COVERED),
        ((before,), RevocationState.REVOKED),
        ((forgetful, before), RevocationState.REVOKED),
        ((pki.crl(pki.issuing, SEALED + 31 * DAY),), RevocationState.REVOKED),
    ):
        assert coverage_of(leaf, issuer, crls=lists, ocsps=()).state is state
    other = pki.seal(ends=SEALED + 30 * DAY)
    remembering = pki.crl(pki.issuing, SEALED + 31 * DAY)
    assert coverage_of(*other.ders, crls=(remembering,), ocsps=()).state is RevocationState.GOOD


@pytest.mark.parametrize(
    ("kept_since", "state"),
    [
        (None, RevocationState.NOT_COVERED),
        (SEALED + 31 * DAY, RevocationState.NOT_COVERED),
        (SEALED + 30 * DAY, RevocationState.GOOD),
    ],
    ids=["nothing is said of it", "kept since later", "kept since then"],
)
def test_an_answer_of_after_the_end_says_how_far_it_reaches_back(
    kept_since: datetime | None, state: RevocationState
) -> None:
    ended = PKI.seal(ends=SEALED + 30 * DAY)
    answer = PKI.ocsp(ended.certificate, SEALED + 40 * DAY)
    if kept_since:
        cutoff = [{"extn_id": "archive_cutoff", "critical": False, "extn_value": kept_since}]
        answer = rewritten(answer, lambda told: told["responses"][0].__setitem__("single_extensions", cutoff))
    assert about(ended, ocsps=(answer,)).state is state


def test_that_it_is_good_cannot_be_said_of_a_time_to_come_and_that_it_is_revoked_can() -> None:
    leaf, issuer = SEAL.ders
    for ahead, state in ((SKEW, RevocationState.GOOD), (SKEW + SECOND, RevocationState.NOT_COVERED)):
        for said in (Said((CRL,), (), now=SEALED - ahead), Said((), (OCSP,), now=SEALED - ahead)):
            assert said.about(leaf, issuer).state is state
    later = Said((CRL,), (), now=SEALED - 2 * DAY)
    assert later.about(*REVOKED.ders).state is RevocationState.REVOKED


def test_whom_an_issuer_names_for_answers_is_trusted_unasked_or_asked_about() -> None:
    pki = Pki(SEALED)
    seal, asked = pki.seal(), pki.responding(trusted_unasked=False)
    answer = pki.ocsp(seal.certificate, SEALED, responder=asked)

    def state(*crls: bytes) -> RevocationState:
        return Said(crls, (answer,)).about(*seal.ders).state

    def source(*crls: bytes) -> str | None:
        return Said(crls, (answer,)).about(*seal.ders).source

    assert state() is RevocationState.NOT_COVERED
    assert state(pki.crl(pki.root, SEALED)) is RevocationState.NOT_COVERED
    older, newer = pki.crl(pki.issuing, SEALED - 8 * DAY), pki.crl(pki.issuing, SEALED - DAY)
    assert source(older) == "crl", "a list that had ended says nothing of who answered then"
    assert source(newer) == "ocsp"
    pki.revoke(asked, SEALED - 2 * DAY)
    assert source(pki.crl(pki.issuing, SEALED - DAY)) == "crl"


def test_a_key_for_other_purposes_answers_nothing() -> None:
    for purpose in (ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.TIME_STAMPING):
        responder = PKI.responding(purpose=purpose)
        answer = PKI.ocsp(SEAL.certificate, SEALED, responder=responder)
        assert about(SEAL, ocsps=(answer,)).state is RevocationState.NOT_COVERED


@pytest.mark.parametrize(
    ("digest", "state"),
    [
        (hashes.MD5(), RevocationState.NOT_COVERED),  # noqa: S303 -- what it is about
        (hashes.SHA1(), RevocationState.NOT_COVERED),  # noqa: S303
        (hashes.SHA224(), RevocationState.NOT_COVERED),
        (hashes.SHA256(), RevocationState.GOOD),
        (hashes.SHA384(), RevocationState.GOOD),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_an_answer_counts_under_a_digest_of_today_alone(
    digest: hashes.HashAlgorithm, state: RevocationState
) -> None:
    responder = PKI.responding(algorithm="RS256")
    answer = rewritten(PKI.ocsp(SEAL.certificate, SEALED, responder=responder), by=responder, digest=digest)
    assert about(SEAL, ocsps=(answer,)).state is state


def rewritten(
    answer: bytes,
    change: Callable[[Any], Any] = lambda _: None,
    *,
    by: Holder = PKI.responder,
    digest: hashes.HashAlgorithm | None = None,
) -> bytes:
    """Change what an answer says, and sign it again."""
    read = asn1_ocsp.OCSPResponse.load(answer)
    basic = read["response_bytes"]["response"].parsed
    change(basic["tbs_response_data"])
    signed = basic["tbs_response_data"].dump(force=True)
    match by.key:
        case rsa.RSAPrivateKey() as key:
            digest = digest or hashes.SHA256()
            basic["signature_algorithm"] = {"algorithm": f"{digest.name}_rsa"}
            basic["signature"] = key.sign(signed, padding.PKCS1v15(), digest)
        case ec.EllipticCurvePrivateKey() as key:
            basic["signature"] = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    written: bytes = asn1_ocsp.OCSPResponse(
        {
            "response_status": "successful",
            "response_bytes": {"response_type": "basic_ocsp_response", "response": basic},
        }
    ).dump()
    return written


@pytest.mark.parametrize(("certificates", "answers"), [(6, 1), (7, 1), (1, 8), (1, 9)])
def test_an_answer_has_few_certificates_and_is_about_few(certificates: int, answers: int) -> None:
    def swell(told: Any) -> None:
        told["responses"] = [told["responses"][0]] * answers

    read = asn1_ocsp.OCSPResponse.load(rewritten(OCSP, swell))
    basic = read["response_bytes"]["response"].parsed
    basic["certs"] = [basic["certs"][0]] * certificates
    response = {"response_type": "basic_ocsp_response", "response": basic}
    answer = asn1_ocsp.OCSPResponse({"response_status": "successful", "response_bytes": response}).dump()
    few = certificates <= 6 and answers <= 8
    assert (about(SEAL, ocsps=(answer,)).state is RevocationState.GOOD) == few


@pytest.mark.parametrize(
    "answer",
    [
        PKI.ocsp(REVOKED.certificate, SEALED),
        PKI.ocsp(SEAL.certificate, SEALED, responder=Pki(SEALED).responder),
        PKI.ocsp(SEAL.certificate, SEALED, responder=REVOKED),
        PKI.ocsp(SEAL.certificate, SEALED, responder=PKI.tsa),
        PKI.ocsp(SEAL.certificate, SEALED + 6 * 365 * DAY),
        bytes.fromhex("30030a0106"),
        OCSP[:-1],
        OCSP + b"0",
        b"",
        b"\x30" * (MAX_OCSP + 1),
    ],
    ids=[
        "about another",
        "by another authority",
        "by a seal",
        "by a time-stamping unit",
        "by a responder that had expired",
        "that refuses",
        "cut off",
        "with more behind it",
        "of nothing",
        "too large",
    ],
)
def test_an_answer_that_says_nothing_of_the_certificate(answer: bytes) -> None:
    assert about(SEAL, ocsps=(answer,)).state is RevocationState.NOT_COVERED


def test_an_answer_says_when_it_was_made() -> None:
    assert ocsp.load_der_ocsp_response(OCSP).produced_at_utc == SEALED


def test_the_issuer_may_answer_itself() -> None:
    answer = PKI.ocsp(SEAL.certificate, SEALED, responder=PKI.issuing)
    assert about(SEAL, ocsps=(answer,)).state is RevocationState.GOOD


@pytest.mark.parametrize("value", [CRL, OCSP], ids=["a list", "an answer"])
def test_no_byte_can_change_and_a_revocation_be_forgotten(
    value: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    revoked = value if value is CRL else PKI.ocsp(REVOKED.certificate, SEALED)
    good = []
    for place, byte in enumerate(revoked):
        changed = revoked[:place] + bytes([byte ^ 1 << place % 8]) + revoked[place + 1 :]
        if about(REVOKED, crls=(changed,), ocsps=(changed,)).state is RevocationState.GOOD:
            good.append(place)
    with capsys.disabled():
        print(f"\n{len(revoked):,} bytes flipped: {len(good)} times good")  # noqa: T201 -- the count is the point
    assert good == []
