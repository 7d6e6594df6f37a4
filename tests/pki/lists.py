"""Trusted lists of our own (ETSI TS 119 612), signed as those of the Union are, right or wrong."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.xades.xades import XAdESSigner

from tests.pki.authority import YEAR, Pki

BASE = "http://uri.etsi.org/TrstSvc"
INFO = f"{BASE}/TrustedList/SvcInfoExt"
CA_QC = f"{BASE}/Svctype/CA/QC"
SPACES = (
    'xmlns="http://uri.etsi.org/02231/v2#" xmlns:x="http://uri.etsi.org/02231/v2/additionaltypes#" '
    'xmlns:q="http://uri.etsi.org/TrstSvc/SvcInfoExt/eSigDir-1999-93-EC-TrustedList/#"'
)
DS = "http://www.w3.org/2000/09/xmldsig#"
LIVES = timedelta(days=180)


class _Signer(XAdESSigner):
    """Says of each part how it was written out; otherwise readers take another way than the one meant."""

    def _add_reference_to_signed_info(self, sig_root: Any, node_to_reference: Any, **attributes: str) -> None:
        super()._add_reference_to_signed_info(  # type: ignore[no-untyped-call]
            sig_root, node_to_reference, **attributes
        )
        reference = sig_root.find(f"{{{DS}}}SignedInfo")[-1]
        transforms = etree.Element(f"{{{DS}}}Transforms")
        etree.SubElement(transforms, f"{{{DS}}}Transform", Algorithm=self.c14n_alg.value)
        reference.insert(0, transforms)


@dataclass(frozen=True)
class ListSigner:
    """Who signs lists: a key under a certificate that nobody but whoever points at it vouches for."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def sign(self, text: str) -> bytes:
        """Sign all of a list, in itself (XAdES baseline B, TS 119 612, annex B)."""
        signer = _Signer(
            signature_algorithm=SignatureMethod.ECDSA_SHA256,
            digest_algorithm=DigestAlgorithm.SHA256,
            c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )
        pem = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        made = signer.sign(etree.fromstring(text), key=pem, cert=[self.certificate])
        written: bytes = etree.tostring(made, xml_declaration=True, encoding="UTF-8")
        return written


def list_signer(at: datetime, *, ends: datetime | None = None) -> ListSigner:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "TEST operator of a trusted list")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - YEAR)
        .not_valid_after(ends or at + YEAR)
        .sign(key, hashes.SHA256())
    )
    return ListSigner(key, certificate)


@dataclass(frozen=True)
class Status:
    since: datetime
    status: str = "granted"


@dataclass(frozen=True)
class Service:
    """One service of a list, with what it was before."""

    certificate: bytes
    now: Status
    before: Sequence[Status] = ()
    was: str | None = None  # by what its history names it, where not as lists do
    kind: str = CA_QC
    meant: Sequence[str] = ("ForeSeals",)
    qualifications: str = ""
    extension: str = ""


def of(pki: Pki, **changes: object) -> Service:
    """The authority that issues seals, granted for as long as it exists."""
    given: dict[str, object] = {"certificate": pki.issuing.ders[0], "now": Status(pki.at - YEAR)}
    return Service(**(given | changes))  # type: ignore[arg-type]


ALWAYS = (
    '<q:CriteriaList assert="atLeastOne">'
    '<q:KeyUsage><q:KeyUsageBit name="nonRepudiation">true</q:KeyUsageBit></q:KeyUsage>'
    '<q:KeyUsage><q:KeyUsageBit name="nonRepudiation">false</q:KeyUsageBit></q:KeyUsage>'
    "</q:CriteriaList>"
)


def policy(*oids: str, combined: str = "all") -> str:
    named = "".join(
        f'<q:PolicyIdentifier><Identifier xmlns="http://uri.etsi.org/01903/v1.3.2#">{oid}</Identifier>'
        "</q:PolicyIdentifier>"
        for oid in oids
    )
    return f'<q:CriteriaList assert="{combined}"><q:PolicySet>{named}</q:PolicySet></q:CriteriaList>'


def qualification(*qualifiers: str, criteria: str = ALWAYS) -> str:
    named = "".join(f'<q:Qualifier uri="{INFO}/{each}"/>' for each in qualifiers)
    return f"<q:QualificationElement><q:Qualifiers>{named}</q:Qualifiers>{criteria}</q:QualificationElement>"


def national(
    services: Sequence[Service],
    *,
    at: datetime,
    territory: str = "IT",
    sequence: int = 5,
    next_update: datetime | None = None,
    closed: bool = False,
    kind: str = "EUgeneric",
    version: str = "6",
) -> str:
    scheme = _scheme(kind, version, territory, sequence, at, None if closed else next_update or at + LIVES)
    listed = "".join(map(_service, services))
    return (
        f'<TrustServiceStatusList {SPACES} Id="L" TSLTag="http://uri.etsi.org/19612/TSLTag">{scheme}'
        "</SchemeInformation><TrustServiceProviderList><TrustServiceProvider><TSPInformation/>"
        f"<TSPServices>{listed}</TSPServices></TrustServiceProvider></TrustServiceProviderList>"
        "</TrustServiceStatusList>"
    )


@dataclass(frozen=True)
class Pointer:
    location: str
    signers: Sequence[bytes]
    territory: str = "IT"


def of_lists(
    pointers: Sequence[Pointer],
    *,
    at: datetime,
    sequence: int = 300,
    next_update: datetime | None = None,
) -> str:
    scheme = _scheme("EUlistofthelists", "6", "EU", sequence, at, next_update or at + LIVES)
    pointed = "".join(map(_pointer, pointers))
    return (
        f'<TrustServiceStatusList {SPACES} Id="L" TSLTag="http://uri.etsi.org/19612/TSLTag">{scheme}'
        f"<PointersToOtherTSL>{pointed}</PointersToOtherTSL></SchemeInformation></TrustServiceStatusList>"
    )


def _scheme(
    kind: str, version: str, territory: str, sequence: int, at: datetime, next_update: datetime | None
) -> str:
    ends = f"<dateTime>{_instant(next_update)}</dateTime>" if next_update else ""
    return (
        f"<SchemeInformation><TSLVersionIdentifier>{version}</TSLVersionIdentifier>"
        f"<TSLSequenceNumber>{sequence}</TSLSequenceNumber>"
        f"<TSLType>{BASE}/TrustedList/TSLType/{kind}</TSLType>"
        f'<SchemeInformationURI><URI xml:lang="en">https://lists.example</URI></SchemeInformationURI>'
        f"<SchemeTerritory>{territory}</SchemeTerritory>"
        f"<ListIssueDateTime>{_instant(at)}</ListIssueDateTime><NextUpdate>{ends}</NextUpdate>"
    )


def _pointer(pointer: Pointer) -> str:
    signers = "".join(
        f"<ServiceDigitalIdentity>{identified(each)}</ServiceDigitalIdentity>" for each in pointer.signers
    )
    return (
        f"<OtherTSLPointer><ServiceDigitalIdentities>{signers}</ServiceDigitalIdentities>"
        f"<TSLLocation>{pointer.location}</TSLLocation><AdditionalInformation><OtherInformation>"
        f"<SchemeTerritory>{pointer.territory}</SchemeTerritory></OtherInformation><OtherInformation>"
        "<x:MimeType>application/vnd.etsi.tsl+xml</x:MimeType></OtherInformation></AdditionalInformation>"
        "</OtherTSLPointer>"
    )


def _service(service: Service) -> str:
    meant = "".join(
        '<Extension Critical="true"><AdditionalServiceInformation>'
        f'<URI xml:lang="en">{INFO}/{each}</URI></AdditionalServiceInformation></Extension>'
        for each in service.meant
    )
    if service.qualifications:
        meant += (
            '<Extension Critical="true"><q:Qualifications>'
            f"{service.qualifications}</q:Qualifications></Extension>"
        )
    extensions = f"<ServiceInformationExtensions>{meant}{service.extension}</ServiceInformationExtensions>"
    identity = _by_key(service.certificate) if service.was is None else service.was
    history = "".join(
        f"<ServiceHistoryInstance>{_status(service, each, identity)}{extensions}</ServiceHistoryInstance>"
        for each in service.before
    )
    current = _status(service, service.now, identified(service.certificate))
    return (
        f"<TSPService><ServiceInformation>{current}{extensions}</ServiceInformation>"
        f"<ServiceHistory>{history}</ServiceHistory></TSPService>"
    )


def _status(service: Service, status: Status, identity: str) -> str:
    return (
        f"<ServiceTypeIdentifier>{service.kind}</ServiceTypeIdentifier>"
        '<ServiceName><Name xml:lang="en">TEST seals</Name></ServiceName>'
        f"<ServiceDigitalIdentity>{identity}</ServiceDigitalIdentity>"
        f"<ServiceStatus>{BASE}/TrustedList/Svcstatus/{status.status}</ServiceStatus>"
        f"<StatusStartingTime>{_instant(status.since)}</StatusStartingTime>"
    )


def identified(certificate: bytes) -> str:
    return f"<DigitalId><X509Certificate>{b64encode(certificate).decode()}</X509Certificate></DigitalId>"


def by_key(key: bytes) -> str:
    return f"<DigitalId><X509SKI>{b64encode(key).decode()}</X509SKI></DigitalId>"


def _by_key(certificate: bytes) -> str:
    """Name an authority as lists do in its history: without its certificate (TS 119 612, 5.6.3)."""
    read = x509.load_der_x509_certificate(certificate)
    key = x509.SubjectKeyIdentifier.from_public_key(read.public_key()).digest
    name = escape(read.subject.rfc4514_string())
    return f"<DigitalId><X509SubjectName>{name}</X509SubjectName></DigitalId>{by_key(key)}"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def withdrawn(pki: Pki, when: datetime) -> Service:
    return of(pki, now=Status(when, "withdrawn"), before=(Status(pki.at - YEAR),))
