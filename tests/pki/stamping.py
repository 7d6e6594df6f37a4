"""A time-stamp authority (RFC 3161) in memory; it writes with another library than the one we read by."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any, Final

from asn1crypto import algos, cms, core, tsp, x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from app.formats import der
from tests.pki.authority import Holder

POLICY: Final = "1.3.6.1.4.1.99999.1"


@dataclass
class Stamper:
    """The `TimeStamps` of tests: stamps whatever it is given, at the time that the test says."""

    holder: Holder
    now: Callable[[], datetime]
    serials: Iterator[int] = field(default_factory=lambda: count(1))

    def stamp(self, content: bytes) -> bytes:
        imprint = {
            "hash_algorithm": {"algorithm": "sha256"},
            "hashed_message": hashlib.sha256(content).digest(),
        }
        return self.token(tsp.MessageImprint(imprint), None)

    def answer(self, request: bytes) -> bytes:
        """Answer a request as an authority does over HTTP."""
        asked = tsp.TimeStampReq.load(request, strict=True)
        token = self.token(asked["message_imprint"], asked["nonce"].native)
        return response(token)

    def token(self, imprint: Any, nonce: int | None) -> bytes:
        at = self.now()
        certificate = x509.Certificate.load(self.holder.ders[0])
        info: dict[str, Any] = {
            "version": "v1",
            "policy": POLICY,
            "message_imprint": imprint,
            "serial_number": next(self.serials),
            "gen_time": core.GeneralizedTime(at),
            "accuracy": {"seconds": 1},
        }
        if nonce is not None:
            info["nonce"] = nonce
        content = tsp.TSTInfo(info).dump()
        reference = {"certs": [{"cert_hash": hashlib.sha256(self.holder.ders[0]).digest()}]}
        attributes = cms.CMSAttributes(
            [
                cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
                cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(content).digest()]}),
                cms.CMSAttribute({"type": "signing_certificate_v2", "values": [reference]}),
            ]
        )
        digest = algos.DigestAlgorithm({"algorithm": "sha256"})
        algorithm, signature = self._sign(attributes.dump())
        signer = {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                "issuer_and_serial_number",
                {"issuer": certificate.issuer, "serial_number": certificate.serial_number},
            ),
            "digest_algorithm": digest,
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": algorithm},
            "signature": signature,
        }
        signed = {
            "version": "v3",
            "digest_algorithms": [digest],
            "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(content)},
            "certificates": [x509.Certificate.load(each) for each in self.holder.ders],
            "signer_infos": [signer],
        }
        token: bytes = cms.ContentInfo(
            {"content_type": "signed_data", "content": cms.SignedData(signed)}
        ).dump()
        return token

    def _sign(self, content: bytes) -> tuple[str, bytes]:
        match self.holder.key:
            case rsa.RSAPrivateKey() as key:
                return "sha256_rsa", key.sign(content, padding.PKCS1v15(), hashes.SHA256())
            case ec.EllipticCurvePrivateKey() as key:
                return "sha256_ecdsa", key.sign(content, ec.ECDSA(hashes.SHA256()))


def response(token: bytes = b"", status: int = 0) -> bytes:
    """Write the answer of an authority (RFC 3161, 2.4.2); one that does not grant has no token."""
    told = der.element(der.SEQUENCE, der.integer(status))
    return der.element(der.SEQUENCE, told + token)
