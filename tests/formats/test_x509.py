from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.authority import Authority
from app.formats.der import element
from app.formats.strict import Malformed
from app.formats.x509 import (
    MAX_CERTIFICATE,
    MOST_NAMESAKES,
    ChainFinding,
    SealOwner,
    Standing,
    Use,
    all_vouched_for,
    chain_of,
    checking_key,
    judge_chain,
    leaf_jwk,
    owner_of,
)
from app.ports import Slot
from tests.fakes_keys import MemoryKeys
from tests.formats import make
from tests.pki.authority import IDENTIFIER, Pki
from tests.pki.samples import SEALED

AT: Final = make.ISSUED
DAY: Final = timedelta(days=1)
YEAR: Final = timedelta(days=365)
CHAIN: Final = make.keys().current(Slot.SEAL).chain
ANCHORS: Final = make.keys().anchors()
FOREIGN: Final = MemoryKeys(AT)
AUTHORITY: Final = Authority.made(AT)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def leaf(authority: Authority, usage: x509.KeyUsage | None, at: datetime = AT) -> bytes:
    """A certificate from this authority whose key is for these uses."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(authority.certificate.subject)
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(at)
        .not_valid_after(at + YEAR)
    )
    if usage is not None:
        builder = builder.add_extension(usage, critical=True)
    return der(builder.sign(authority.key, hashes.SHA256()))


def usage(*, signatures: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signatures,
        content_commitment=False,
        key_encipherment=not signatures,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


@pytest.mark.parametrize(
    ("at", "standing"),
    [
        (AT - DAY, Standing.NOT_YET),
        (AT - timedelta(seconds=AT.second + 60), Standing.NOT_YET),
        (AT, Standing.TRUSTED),
        (AT + YEAR - DAY, Standing.TRUSTED),
        (AT + YEAR + DAY, Standing.EXPIRED),
        (AT + 3 * YEAR, Standing.EXPIRED),
        (AT + 20 * YEAR, Standing.EXPIRED),
    ],
)
def test_a_chain_is_judged_at_the_time_that_is_given(at: datetime, standing: Standing) -> None:
    assert judge_chain(CHAIN, ANCHORS, at).standing is standing


def test_a_finding_names_the_organisation_and_how_long_the_chain_lives() -> None:
    finding = judge_chain(CHAIN, ANCHORS, AT)
    assert finding == ChainFinding(Standing.TRUSTED, "TEST Sigillo, without any value", AT, AT + YEAR)


def test_a_chain_that_ends_in_no_anchor_of_ours_is_untrusted_whatever_the_time() -> None:
    for at in (AT - YEAR, AT, AT + 3 * YEAR):
        assert judge_chain(FOREIGN.current(Slot.SEAL).chain, ANCHORS, at).standing is Standing.UNTRUSTED
        assert judge_chain(CHAIN, (), at).standing is Standing.UNTRUSTED


def test_a_root_that_is_sent_along_is_no_anchor_by_that() -> None:
    chain = (*FOREIGN.current(Slot.SEAL).chain, *FOREIGN.anchors())
    assert judge_chain(chain, ANCHORS, AT).standing is Standing.UNTRUSTED
    assert judge_chain(chain, FOREIGN.anchors(), AT).standing is Standing.TRUSTED


def test_one_of_several_anchors_is_enough() -> None:
    assert judge_chain(CHAIN, (*FOREIGN.anchors(), *ANCHORS), AT).standing is Standing.TRUSTED


def test_a_leaf_does_not_issue_certificates() -> None:
    authority = Authority.made(AT)
    key = ec.generate_private_key(ec.SECP256R1())
    impostor = Authority(key, authority.seal(Slot.SEAL, key.public_key(), AT))
    forged = leaf(impostor, usage(signatures=True))
    finding = judge_chain((forged, der(impostor.certificate)), (der(authority.certificate),), AT)
    assert finding.standing is Standing.UNTRUSTED


@pytest.mark.parametrize("wrong", [None, usage(signatures=False)], ids=["for anything", "for encryption"])
def test_a_certificate_that_is_not_for_signatures_seals_nothing(wrong: x509.KeyUsage | None) -> None:
    authority = Authority.made(AT)
    anchors = (der(authority.certificate),)
    assert judge_chain((leaf(authority, wrong),), anchors, AT).standing is Standing.UNTRUSTED


def test_the_key_of_a_server_seals_nothing_and_its_hosts_are_read() -> None:
    authority = Authority.made(AT)
    key = ec.generate_private_key(ec.SECP256R1())
    server = der(authority.server(["Seal.example", "127.0.0.1"], key.public_key(), AT))
    finding = judge_chain((server,), (der(authority.certificate),), AT)
    assert finding.standing is Standing.UNTRUSTED
    assert finding.hosts == {"seal.example"}


def test_certificates_that_do_not_follow_from_each_other_are_no_chain() -> None:
    heap = (CHAIN[0], FOREIGN.current(Slot.SEAL).chain[0])
    assert judge_chain(heap, ANCHORS, AT).standing is Standing.BROKEN


@pytest.mark.parametrize(
    "chain",
    [
        (),
        (b"",),
        (b"\x30\x80",),
        (CHAIN[0] + b"\x00",),
        (CHAIN[0][:-1],),
        CHAIN * 7,
        (b"1" * (MAX_CERTIFICATE + 1),),
    ],
    ids=["none", "empty", "a beginning", "one byte more", "one byte less", "too many", "too large"],
)
def test_what_is_no_chain_is_broken(chain: tuple[bytes, ...]) -> None:
    assert judge_chain(chain, ANCHORS, AT) == ChainFinding(Standing.BROKEN)
    if len(chain) != 7:
        with pytest.raises(Malformed):
            leaf_jwk(chain)


def test_no_flipped_bit_is_trusted() -> None:
    for place in range(len(CHAIN[0])):
        flipped = bytearray(CHAIN[0])
        flipped[place] ^= 1 << place % 8
        assert judge_chain((bytes(flipped),), ANCHORS, AT).standing is not Standing.TRUSTED


def test_the_key_of_another_curve_is_not_used() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(AT)
        .not_valid_after(AT + YEAR)
        .sign(key, hashes.SHA256())
    )
    with pytest.raises(Malformed):
        leaf_jwk((der(certificate),))


@given(st.lists(st.binary(max_size=60) | st.sampled_from([*CHAIN, *ANCHORS]), max_size=8))
def test_whatever_chain_comes_in_the_answer_is_a_finding(chain: list[bytes]) -> None:
    assert isinstance(judge_chain(chain, ANCHORS, AT), ChainFinding)
    with suppress(Malformed):
        leaf_jwk(chain)


PKI: Final = Pki(SEALED)


def test_a_way_up_is_found_in_whatever_order_certificates_come() -> None:
    leaf, issuing = PKI.seal().ders
    (root,) = PKI.root.ders
    for pool in ((issuing, root), (root, issuing), (root, b"noise", *PKI.tsa.ders, issuing, leaf, root)):
        assert chain_of(leaf, pool) == (leaf, issuing, root)
    assert chain_of(leaf, (root,)) == (leaf,)
    assert chain_of(leaf, ()) == (leaf,)
    assert chain_of(root, (root, issuing)) == (root,)
    assert chain_of(b"noise", (root,)) == (b"noise",)


def test_a_namesake_issued_nothing() -> None:
    leaf, issuing = PKI.seal().ders
    namesake = Pki(SEALED).issuing.ders[0]
    assert chain_of(leaf, (namesake,)) == (leaf,)
    assert chain_of(leaf, (namesake, issuing)) == (leaf, issuing)
    assert not all_vouched_for((leaf,), (namesake,))
    assert all_vouched_for((leaf,), (namesake, issuing))
    assert all_vouched_for((PKI.root.ders[0],), ())
    assert not all_vouched_for((b"noise",), PKI.root.ders)


def test_of_one_name_so_many_are_tried_and_no_more() -> None:
    leaf, issuing = PKI.seal().ders
    namesakes = tuple(Pki(SEALED).issuing.ders[0] for _ in range(MOST_NAMESAKES))
    assert chain_of(leaf, (*namesakes[1:], issuing)) == (leaf, issuing)
    assert chain_of(leaf, (*namesakes, issuing)) == (leaf,)
    assert chain_of(leaf, (*PKI.root.ders * 9, *PKI.tsa.ders, issuing)) == (leaf, issuing, *PKI.root.ders)


@pytest.mark.parametrize(("bits", "exponent", "checks"), [(2048, 65537, True), (3072, 2**3000 + 1, False)])
def test_a_key_that_takes_long_to_use_issued_nothing(*, bits: int, exponent: int, checks: bool) -> None:
    modulus = rsa.generate_private_key(65537, bits).public_key().public_numbers().n
    key, authority = rsa.RSAPublicNumbers(exponent, modulus).public_key(), AUTHORITY
    builder = x509.CertificateBuilder().subject_name(authority.certificate.subject).serial_number(9)
    builder = builder.issuer_name(authority.certificate.subject).public_key(key)
    made = builder.not_valid_before(AT).not_valid_after(AT + YEAR).sign(authority.key, hashes.SHA256())
    assert (checking_key(made) is not None) == checks


def test_a_certificate_with_a_name_that_nobody_reads_is_judged_without_it() -> None:
    address = x509.UnrecognizedExtension(
        x509.ObjectIdentifier("2.5.29.17"), element(0x30, element(0xA3, b"\x30\x00"))
    )
    made = certified((usage(signatures=True), True), (address, False))
    found = judge_chain((made,), [der(AUTHORITY.certificate)], AT)
    # The library's own verifier does not pass over it: sound, and nobody's.
    assert (found.standing, found.hosts) == (Standing.UNTRUSTED, frozenset())


@pytest.mark.parametrize(
    ("purposes", "standing"),
    [
        ((), Standing.TRUSTED),
        (("CLIENT_AUTH",), Standing.TRUSTED),
        (("CLIENT_AUTH", "EMAIL_PROTECTION"), Standing.TRUSTED),
        (("CLIENT_AUTH", "CODE_SIGNING"), Standing.UNTRUSTED),
        (("CLIENT_AUTH", "SERVER_AUTH"), Standing.UNTRUSTED),
        (("CLIENT_AUTH", "OCSP_SIGNING"), Standing.UNTRUSTED),
        (("ANY_EXTENDED_KEY_USAGE",), Standing.UNTRUSTED),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_a_key_for_programs_servers_or_anything_seals_nothing(
    purposes: tuple[str, ...], standing: Standing
) -> None:
    named = [getattr(ExtendedKeyUsageOID, purpose) for purpose in purposes]
    more = [(x509.ExtendedKeyUsage(named), False)] if named else []
    made = certified((usage(signatures=True), True), *more)
    assert judge_chain((made,), [der(AUTHORITY.certificate)], AT).standing is standing


def certified(*extensions: tuple[x509.ExtensionType, bool]) -> bytes:
    """A certificate of the foreign authority with these extensions, critical or not."""
    key, authority = ec.generate_private_key(ec.SECP256R1()), AUTHORITY
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "TEST")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(authority.certificate.subject)
    builder = builder.public_key(key.public_key()).serial_number(11)
    builder = builder.not_valid_before(AT).not_valid_after(AT + DAY)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return der(builder.sign(authority.key, hashes.SHA256()))


def test_a_seal_certificate_says_whose_it_is() -> None:
    owner = owner_of(PKI.seal(organisation="Associazione Esempio").ders[0])
    assert owner == SealOwner("Associazione Esempio", IDENTIFIER, "IT", "TEST seal")
    with pytest.raises(Malformed):
        owner_of(b"noise")


@pytest.mark.parametrize("use", Use)
def test_a_chain_for_one_use_does_not_serve_another(use: Use) -> None:
    chains = {Use.SEAL: PKI.seal().ders, Use.TIME_STAMP: PKI.tsa.ders, None: PKI.responder.ders}
    for meant, chain in chains.items():
        whole = chain_of(chain[0], (*chain, *PKI.issuing.ders))
        found = judge_chain(whole, (*PKI.anchors, *PKI.stamp_anchors), SEALED, use=use)
        assert found.standing is (Standing.TRUSTED if meant is use else Standing.UNTRUSTED)


def issued_by_name(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePublicKey,
    by: ec.EllipticCurvePrivateKey,
    *extensions: tuple[x509.ExtensionType, bool],
) -> bytes:
    named = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (subject, issuer)]
    builder = (
        x509.CertificateBuilder()
        .subject_name(named[0])
        .issuer_name(named[1])
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(AT)
        .not_valid_after(AT + YEAR)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return der(builder.sign(by, hashes.SHA256()))


def issuing() -> x509.KeyUsage:
    return x509.KeyUsage(*(each in {5, 6} for each in range(9)))  # keyCertSign and cRLSign


ISSUER: Final = (x509.BasicConstraints(ca=True, path_length=None), False)
FOR_CERTIFICATES: Final = (issuing(), True)
ANY_POLICY: Final = x509.CertificatePolicies(
    [x509.PolicyInformation(x509.ObjectIdentifier("2.5.29.32.0"), None)]
)


@pytest.mark.parametrize(
    ("root", "between", "trusted"),
    [
        ((ISSUER, FOR_CERTIFICATES), (ISSUER, FOR_CERTIFICATES), True),
        ((ISSUER,), (ISSUER,), True),
        (
            (ISSUER,),
            (ISSUER, (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)),
            True,
        ),
        ((ISSUER,), (ISSUER, (ANY_POLICY, True)), True),
        ((ISSUER,), (), False),
        ((ISSUER,), ((x509.BasicConstraints(ca=False, path_length=None), True),), False),
        ((ISSUER,), (ISSUER, (usage(signatures=True), True)), False),
        (
            (ISSUER,),
            (ISSUER, (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)),
            False,
        ),
        (
            (ISSUER,),
            (ISSUER, (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b""), True)),
            False,
        ),
        (((x509.BasicConstraints(ca=True, path_length=0), True),), (ISSUER,), False),
    ],
    ids=[
        *("usual", "no key usage", "e-mail", "critical policies", "no constraints", "no authority"),
        *("not for certificates", "for servers", "unknown and critical", "longer than the root allows"),
    ],
)
def test_authorities_are_judged_by_what_rfc_5280_asks_of_them(
    root: tuple[tuple[x509.ExtensionType, bool], ...],
    between: tuple[tuple[x509.ExtensionType, bool], ...],
    *,
    trusted: bool,
) -> None:
    above, middle, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    anchor = issued_by_name("Root", "Root", above.public_key(), above, *root)
    chain = (
        issued_by_name("Leaf", "Seals", key.public_key(), middle, (usage(signatures=True), True)),
        issued_by_name("Seals", "Root", middle.public_key(), above, *between),
    )
    finding = judge_chain(chain, (anchor,), AT)
    assert finding.standing is (Standing.TRUSTED if trusted else Standing.UNTRUSTED)
    assert (finding.objection is None) is trusted
