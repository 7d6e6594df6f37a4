"""Whether a seal is a qualified one: what its certificate says of itself, and what trusted lists say of that.

A qualified electronic seal is made by a qualified device and rests on a qualified certificate for electronic
seals (Regulation (EU) 910/2014, 3 (27), 37 to 40). Only a trusted list makes a certificate qualified, so the
lists decide, after ETSI TS 119 615, within these bounds: services of type CA/QC that were granted since
July 2016, for seals, at the time of the seal and when the certificate was issued; what several services say
of one certificate counts as the least of it; what contradicts itself counts as no; and where not all that is
said of an issuer was understood, nobody can tell.

Pure: chains and lists in, findings out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.asn1 import TLV
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.formats import der
from app.formats.strict import Malformed
from app.formats.x509 import UNREADABLE, chain_of
from app.ports import Criteria, ListedService, TrustedList, TrustedLists

_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
_LATEST: Final = datetime.max.replace(tzinfo=UTC)
_QC_STATEMENTS: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.3")
# ETSI EN 319 412-5, 4.2 and 5.
_COMPLIANCE: Final = "0.4.0.1862.1.1"
_DEVICE: Final = "0.4.0.1862.1.4"
_TYPES: Final = "0.4.0.1862.1.6"
_ELSEWHERE: Final = "0.4.0.1862.1.7"
FOR_SIGNATURES: Final = "0.4.0.1862.1.6.1"
FOR_SEALS: Final = "0.4.0.1862.1.6.2"
FOR_SITES: Final = "0.4.0.1862.1.6.3"

_TYPES_SAID: Final = {"QCForESig": FOR_SIGNATURES, "QCForESeal": FOR_SEALS, "QCForWSA": FOR_SITES}
# `QCForLegalPerson` says nothing against a seal: lists in force say it beside `QCForESeal`.
_NO_DEVICE: Final = frozenset({"QCNoQSCD", "QCNoSSCD"})
_WITH_DEVICE: Final = frozenset({"QCWithQSCD", "QCQSCDManagedOnBehalf"})


class Answer(StrEnum):
    """Whether it is a qualified seal; without lists nobody can tell."""

    YES = "yes"
    NO = "no"
    NOT_CHECKED = "not_checked"


class Why(StrEnum):
    """What the answer rests on; the codes are public and never change."""

    QUALIFIED = "qualified-seal"
    NO_DEVICE = "qualified-certificate-only"  # an advanced seal based on a qualified certificate
    NOT_QUALIFIED = "certificate-not-qualified"
    WITHDRAWN = "service-not-granted"
    NOT_LISTED = "issuer-not-listed"
    NO_LISTS = "no-trusted-lists"
    LIST_OLD = "trusted-list-old"
    NOT_FOUND = "issuer-not-in-lists-read"
    UNREADABLE = "certificate-unreadable"  # it, or what a list says of whoever issued it


@dataclass(frozen=True, slots=True)
class Qualified:
    """The answer, what it rests on, and the list that says so, if one does."""

    answer: Answer
    why: Why
    by: TrustedList | None = None


@dataclass(frozen=True, slots=True)
class Statements:
    """What a certificate says of itself (ETSI EN 319 412-5); true only as far as a list bears it out."""

    compliance: bool = False
    device: bool = False
    types: frozenset[str] = frozenset()
    elsewhere: bool = False  # qualified under the law of a country outside the Union


class _Rank(IntEnum):
    NONE = 0
    CERTIFICATE = 1
    SEAL = 2


@dataclass(frozen=True, slots=True)
class _Verdict:
    by: TrustedList
    service: ListedService
    issuer: bytes
    rank: _Rank

    def holds(self, at: datetime) -> bool:
        return self.service.since <= at and (self.service.until is None or at < self.service.until)


def qualified(
    chain: Sequence[bytes], lists: TrustedLists | None, *, sealed_at: datetime, now: datetime
) -> Qualified:
    """Tell whether a seal under this chain, leaf first, is a qualified one, for the time that is proven.

    That the seal itself holds is for others to say. A list that is past its next update makes nobody
    qualified any more.
    """
    if lists is None or not lists.lists:
        return Qualified(Answer.NOT_CHECKED, Why.NO_LISTS)
    try:
        issued_at = x509.load_der_x509_certificate(chain[0]).not_valid_before_utc
        found = _verdicts(tuple(chain), lists)
    except (Malformed, IndexError, *UNREADABLE):
        return Qualified(Answer.NOT_CHECKED, Why.UNREADABLE)
    return _weighed(found, lists, sealed_at, issued_at, now)


def _weighed(
    found: Sequence["_Verdict"], lists: TrustedLists, sealed_at: datetime, issued_at: datetime, now: datetime
) -> Qualified:
    if not found:
        return _unlisted(lists, now)
    if old := next((each.by for each in found if not each.by.is_current(now)), None):
        return Qualified(Answer.NOT_CHECKED, Why.LIST_OLD, old)
    then, first = ([each for each in found if each.holds(at)] for at in (sealed_at, issued_at))
    if any(each.service.doubtful for each in (*then, *first)):
        return Qualified(Answer.NOT_CHECKED, Why.UNREADABLE)
    if not then:
        return Qualified(Answer.NO, Why.WITHDRAWN, found[0].by)
    least = min(then, key=lambda each: each.rank)
    if least.rank is _Rank.NONE or not first or min(each.rank for each in first) is _Rank.NONE:
        return Qualified(Answer.NO, Why.NOT_QUALIFIED, least.by)
    with_device = least.rank is _Rank.SEAL
    answer, why = (Answer.YES, Why.QUALIFIED) if with_device else (Answer.NO, Why.NO_DEVICE)
    return Qualified(answer, why, least.by)


def _unlisted(lists: TrustedLists, now: datetime) -> Qualified:
    # A list that was closed speaks of nobody any more, and is not to be waited for.
    known = lists.complete and all(
        each.is_current(now) for each in lists.lists if each.next_update is not None
    )
    return Qualified(Answer.NO, Why.NOT_LISTED) if known else Qualified(Answer.NOT_CHECKED, Why.NOT_FOUND)


def vouching(
    chain: Sequence[bytes], lists: TrustedLists | None, *, sealed_at: datetime, now: datetime
) -> tuple[bytes, ...]:
    """Give the listed certificates that a chain may end in, as it may in an anchor; often none.

    A list vouches for certificates that it makes qualified for seals, and for no others of the same issuer.
    """
    if qualified(chain, lists, sealed_at=sealed_at, now=now).why not in {Why.QUALIFIED, Why.NO_DEVICE}:
        return ()
    assert lists is not None  # noqa: S101 - for the type checker: somebody said that it is qualified
    found = _verdicts(tuple(chain), lists)
    return tuple(dict.fromkeys(each.issuer for each in found if each.holds(sealed_at)))


def era(chain: Sequence[bytes], lists: TrustedLists, at: datetime) -> tuple[datetime, datetime]:
    """Tell from when until when, around an instant, the lists said the same of seals under this chain."""
    try:
        found = _verdicts(tuple(chain), lists)
    except (Malformed, IndexError, *UNREADABLE):
        found = ()
    turns = [turn for each in found for turn in (each.service.since, each.service.until) if turn]
    return (
        max((turn for turn in turns if turn <= at), default=_EARLIEST),
        min((turn for turn in turns if turn > at), default=_LATEST),
    )


Name = tuple[bytes, bytes]  # of an authority: its subject, and its key


@lru_cache(maxsize=64)
def _verdicts(chain: tuple[bytes, ...], lists: TrustedLists) -> tuple[_Verdict, ...]:
    """Judge a certificate by every service above it, whatever the time."""
    by_subject, by_name = index(lists)
    leaf = x509.load_der_x509_certificate(chain[0])
    said = statements_of(leaf)
    issuers = [leaf, *_readable(chain[1:])]
    listed = (each for issued in issuers for each in by_subject.get(issued.issuer.public_bytes(), ()))
    way = chain_of(chain[0], (*listed, *chain[1:]))
    return tuple(
        _Verdict(by, service, issuer, _rank(leaf, said, service))
        for issuer in way[1:]
        for by, service in by_name.get(_name(x509.load_der_x509_certificate(issuer)), ())
    )


@lru_cache(maxsize=2)
def index(
    lists: TrustedLists,
) -> tuple[Mapping[bytes, list[bytes]], Mapping[Name, list[tuple[TrustedList, ListedService]]]]:
    """Have the services at hand by whom their certificates are about; whoever reads lists does it at once."""
    by_subject: dict[bytes, list[bytes]] = {}
    by_name: dict[Name, list[tuple[TrustedList, ListedService]]] = {}
    for each in lists.lists:
        for service in each.services:
            for certificate in _readable(service.certificates):
                name = _name(certificate)
                places, known = by_name.setdefault(name, []), by_subject.setdefault(name[0], [])
                if (each, service) not in places:
                    places.append((each, service))
                if (written := certificate.public_bytes(Encoding.DER)) not in known:
                    known.append(written)
    return by_subject, by_name


def _readable(certificates: Sequence[bytes]) -> Iterator[x509.Certificate]:
    for each in certificates:
        try:
            read = x509.load_der_x509_certificate(each)
            read.subject, read.issuer, read.public_key()
        except UNREADABLE:
            continue
        yield read


def _name(certificate: x509.Certificate) -> Name:
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return certificate.subject.public_bytes(), key


def _rank(leaf: x509.Certificate, said: Statements, service: ListedService) -> _Rank:
    """Put together what a certificate says and what the list adds to it (TS 119 615, 4.4 and 4.5)."""
    named = frozenset(
        qualifier
        for each in service.qualifications
        if _speaks_of(leaf, each.criteria)
        for qualifier in each.qualifiers
    )
    types = frozenset(_TYPES_SAID[each] for each in named if each in _TYPES_SAID) or said.types
    if (
        not service.for_seals
        or said.elsewhere
        or "NotQualified" in named
        or not (said.compliance or "QCStatement" in named)
        or types != {FOR_SEALS}
    ):
        return _Rank.NONE
    device = not named & _NO_DEVICE and (bool(named & _WITH_DEVICE) or said.device)
    return _Rank.SEAL if device else _Rank.CERTIFICATE


_COMBINED: Final[Mapping[str, Callable[[list[bool]], bool]]] = {
    "all": lambda held: bool(held) and all(held),
    "atLeastOne": any,
    "none": lambda held: bool(held) and not any(held),
}


def _speaks_of(leaf: x509.Certificate, criteria: Criteria) -> bool:
    policies, usage, purposes = _policies(leaf), _usage(leaf), _purposes(leaf)
    attributes = {each.oid.dotted_string for each in leaf.subject}
    held = [
        *(wanted <= policies for wanted in criteria.policies),
        *(wanted <= usage and not unwanted & usage for wanted, unwanted in criteria.usages),
        *(wanted <= purposes for wanted in criteria.purposes),
        *(wanted <= attributes for wanted in criteria.attributes),
        *(_speaks_of(leaf, each) for each in criteria.within),
    ]
    return _COMBINED[criteria.combined](held)


def _policies(leaf: x509.Certificate) -> frozenset[str]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(each.policy_identifier.dotted_string for each in found)


def _purposes(leaf: x509.Certificate) -> frozenset[str]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(each.dotted_string for each in found)


def _usage(leaf: x509.Certificate) -> frozenset[str]:
    """Name the bits that are set as lists name them (TS 119 612, 5.5.9.2.2.1)."""
    try:
        found = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return frozenset()
    bits = {
        "digitalSignature": found.digital_signature,
        "nonRepudiation": found.content_commitment,
        "keyEncipherment": found.key_encipherment,
        "dataEncipherment": found.data_encipherment,
        "keyAgreement": found.key_agreement,
        "keyCertSign": found.key_cert_sign,
        "crlSign": found.crl_sign,
        "encipherOnly": found.key_agreement and found.encipher_only,
        "decipherOnly": found.key_agreement and found.decipher_only,
    }
    return frozenset(name for name, is_set in bits.items() if is_set)


@asn1.sequence
class _All:
    statements: list[list[TLV]]  # each of an identifier, and of what it says if it says more


@asn1.sequence
class _Kinds:
    kinds: list[x509.ObjectIdentifier]


def statements_of(leaf: x509.Certificate) -> Statements:
    """Read what a certificate says of its own qualification; raises `Malformed`, or one of `UNREADABLE`."""
    try:
        found = leaf.extensions.get_extension_for_oid(_QC_STATEMENTS).value
    except x509.ExtensionNotFound:
        return Statements()
    assert isinstance(found, x509.UnrecognizedExtension)  # noqa: S101 - nobody reads it for us
    read = asn1.decode_der(_All, der.element(der.SEQUENCE, found.value)).statements
    said = {oid.parse(x509.ObjectIdentifier).dotted_string: info for oid, *info in read}
    if len(said) != len(read):
        raise Malformed("a statement made twice")
    kinds = [
        kind.dotted_string
        for info in said.get(_TYPES, ())
        for kind in asn1.decode_der(_Kinds, der.element(der.SEQUENCE, _whole(info))).kinds
    ]
    return Statements(_COMPLIANCE in said, _DEVICE in said, frozenset(kinds), _ELSEWHERE in said)


def _whole(info: TLV) -> bytes:
    return der.element(info.tag_bytes[0], bytes(info.data))
