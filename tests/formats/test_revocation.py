"""What a list or an answer has to be, to say anything about a certificate."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from app.formats.revocation import MAX_CRL, MAX_OCSP, Coverage, RevocationState, coverage_of
from tests.pki.authority import DAY, Holder, Pki, _ec
from tests.pki.samples import SEALED

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
SILENT: dict[str, Callable[[], bytes]] = {
    "of another issuer": lambda: PKI.crl(PKI.root, SEALED),
    "in the name of the issuer": lambda: listed(PKI.root, name=PKI.issuing),
    "by somebody of the same name": lambda: listed(Pki(SEALED).issuing),
    "by a seal": lambda: listed(SEAL, name=PKI.issuing),
    "in part": lambda: listed(PKI.issuing, (PARTIAL, True)),
    "of changes": lambda: listed(PKI.issuing, (x509.DeltaCRLIndicator(1), True)),
    "cut off": lambda: CRL[:-1],
    "with more behind it": lambda: CRL + b"0",
    "of nothing": lambda: b"",
    "too large": lambda: b"\x30" * (MAX_CRL + 1),
}


@pytest.mark.parametrize("name", SILENT)
def test_a_list_that_says_nothing_of_the_certificate(name: str) -> None:
    assert about(SEAL, crls=(SILENT[name](),)) == Coverage(SEAL.ders[0], RevocationState.NOT_COVERED)


def test_a_plain_list_says_something() -> None:
    assert about(SEAL, crls=(listed(PKI.issuing),)).state is RevocationState.GOOD


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
