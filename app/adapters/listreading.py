"""Verifies and reads one trusted list (ETSI TS 119 612): in a process of its own.

The libraries that take XML apart and verify its signatures are large, some of them in languages where a
mistake is an open door, and a list is some megabytes that somebody else wrote. So they work over there, with
little memory and time, and without our secrets. What comes back is plain JSON, which is read strictly again.
"""

import contextlib
import json
import os
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lxml.etree import _Element
    from pyhanko.sign.validation.qualified.tsp import (
        CAServiceInformation,
        CriteriaList,
        Criterion,
        Qualification,
    )

MEMORY: Final = 1 << 30
SECONDS: Final = 60  # of a processor: a large list takes some ten of them
IDLE: Final = 19
MOST_FILES: Final = 64
MOST_BYTES: Final = 16 * 1024 * 1024
MOST_POINTERS: Final = 64
MOST_SIGNERS: Final = 16
MOST_SERVICES: Final = 5_000
LONGEST_NAME: Final = 200
DEEPEST: Final = 8  # criteria within criteria

TSL: Final = "{http://uri.etsi.org/02231/v2#}"
_SIGNATURE: Final = "{http://www.w3.org/2000/09/xmldsig#}Signature"
_BASE: Final = "http://uri.etsi.org/TrstSvc"
_TYPES: Final = f"{_BASE}/TrustedList/TSLType/"
KINDS: Final = {f"{_TYPES}EUlistofthelists": "lotl", f"{_TYPES}EUgeneric": "list"}
VERSIONS: Final = frozenset({"5", "6"})  # TS 119 612 since 2.1.1, and since 2.3.1
_QUALIFIED: Final = f"{_BASE}/Svctype/CA/QC"
_GRANTED: Final = f"{_BASE}/TrustedList/Svcstatus/granted"
_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"

# What qualifications are made of (TS 119 612, 5.5.9.2), and what may stand there once at most. The library
# passes over the rest.
_SIE: Final = f"{{{_BASE}/SvcInfoExt/eSigDir-1999-93-EC-TrustedList/#}}"
_MORE: Final = "{http://uri.etsi.org/02231/v2/additionaltypes#}"
_CRITERIA: Final = f"{_SIE}CriteriaList"
_OTHER: Final = f"{_SIE}otherCriteriaList"
_PARTS: Final[Mapping[str, frozenset[str]]] = {
    f"{_SIE}Qualifications": frozenset({f"{_SIE}QualificationElement"}),
    f"{_SIE}QualificationElement": frozenset({f"{_SIE}Qualifiers", _CRITERIA}),
    f"{_SIE}Qualifiers": frozenset({f"{_SIE}Qualifier"}),
    _CRITERIA: frozenset({f"{_SIE}Description", f"{_SIE}KeyUsage", f"{_SIE}PolicySet", _CRITERIA, _OTHER}),
    f"{_SIE}KeyUsage": frozenset({f"{_SIE}KeyUsageBit"}),
    f"{_SIE}PolicySet": frozenset({f"{_SIE}PolicyIdentifier"}),
    _OTHER: frozenset({f"{_MORE}CertSubjectDNAttribute", f"{_MORE}ExtendedKeyUsage"}),
    f"{_MORE}CertSubjectDNAttribute": frozenset({f"{_MORE}AttributeOID"}),
    f"{_MORE}ExtendedKeyUsage": frozenset({f"{_MORE}KeyPurposeId"}),
}
_FILLED: Final = frozenset(_PARTS) - {_CRITERIA, _OTHER}

Json = dict[str, Any]


class Refused(Exception):
    """Not a list that is believed; says why in a few words, and nothing of what stands in it."""


def read(content: bytes, signers: Iterable[bytes], at: datetime) -> Json:
    """Verify a list under one of these certificates at this time, and say what stands in it, or refuse."""
    if len(content) > MOST_BYTES:
        raise Refused("larger than a list can be")
    signed = _signed(content, signers, at)
    scheme = signed.find(f"{TSL}SchemeInformation")
    if scheme is None or scheme.findtext(f"{TSL}TSLVersionIdentifier", "").strip() not in VERSIONS:
        raise Refused("not a list of a version that is read here")
    kind = KINDS.get(scheme.findtext(f"{TSL}TSLType", "").strip())
    if kind is None:
        raise Refused("neither a trusted list of the Union nor a list of such lists")
    found: Json = {
        "kind": kind,
        "territory": scheme.findtext(f"{TSL}SchemeTerritory", "").strip()[:LONGEST_NAME],
        "sequence": _sequence(scheme),
        "issued": _instant(scheme.findtext(f"{TSL}ListIssueDateTime", "")),
        "next_update": _next_update(scheme),
    }
    return found | (_pointers(signed) if kind == "lotl" else _services(signed))


def _signed(content: bytes, signers: Iterable[bytes], at: datetime) -> "_Element":
    """Give what was signed, and nothing else of it, where a given certificate signed all of the list."""
    from cryptography.x509 import load_der_x509_certificate
    from lxml import etree
    from signxml.algorithms import SignatureMethod
    from signxml.exceptions import SignXMLException
    from signxml.xades.xades import XAdESSignatureConfiguration, XAdESVerifier

    try:
        content.decode("utf-8")
        if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
            raise Refused("it declares a document type")
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        root = etree.fromstring(content, parser)
    except (UnicodeDecodeError, etree.XMLSyntaxError):
        raise Refused("not well-formed XML in UTF-8") from None
    if root.tag != f"{TSL}TrustServiceStatusList" or len(list(root.iter(_SIGNATURE))) != 1:
        raise Refused("not a list with one signature")
    expected = XAdESSignatureConfiguration(
        location="./",
        expect_references=True,
        verification_time=at,
        signature_methods=frozenset(
            method
            for method in SignatureMethod
            if not method.name.startswith(("HMAC", "DSA")) and "SHA1" not in method.name
        ),
    )
    for signer in signers:
        try:
            results = XAdESVerifier().verify(
                content, x509_cert=load_der_x509_certificate(signer), expect_config=expected
            )
        except (SignXMLException, etree.LxmlError, ValueError, KeyError, TypeError, AttributeError):
            continue
        for result in results:
            if result.signed_xml is not None and result.signed_xml.tag == root.tag:
                return result.signed_xml
    raise Refused("none of the certificates that may sign it did")


def _sequence(scheme: "_Element") -> int:
    told = scheme.findtext(f"{TSL}TSLSequenceNumber", "").strip()
    if not (told.isascii() and told.isdigit() and len(told) < 10):  # noqa: PLR2004 - no list is that old
        raise Refused("a list without a number")
    return int(told)


def _instant(told: str) -> str:
    try:
        read = datetime.fromisoformat(told.strip())
    except ValueError:
        raise Refused("a time that cannot be read") from None
    if read.tzinfo is None:
        raise Refused("a time without a zone")
    return read.astimezone(UTC).isoformat()


def _next_update(scheme: "_Element") -> str | None:
    told = scheme.findtext(f"{TSL}NextUpdate/{TSL}dateTime", "").strip()
    return _instant(told) if told else None


def _pointers(signed: "_Element") -> Json:
    from lxml import etree
    from pyhanko.sign.validation.qualified.eutl_parse import LOTL_RULE, parse_lotl_unsafe

    found = parse_lotl_unsafe(etree.tostring(signed, encoding="unicode"))
    national = [each for each in found.references if LOTL_RULE not in each.scheme_rules]
    if found.errors or len(national) > MOST_POINTERS:
        raise Refused("it points at more lists than there can be, or at some that nobody can sign")
    return {
        "pointers": [
            {
                "location": each.location_uri,
                "territory": each.territory[:LONGEST_NAME],
                "signers": [_text(signer.dump()) for signer in each.tlso_certs[:MOST_SIGNERS]],
            }
            for each in national
        ]
    }


def _services(signed: "_Element") -> Json:
    """Give every authority that was granted, now or before, in doubt where not all of it was understood."""
    from lxml import etree
    from pyhanko.sign.validation.qualified.eutl_parse import read_qualified_service_definitions
    from pyhanko.sign.validation.qualified.tsp import CAServiceInformation

    etree.strip_tags(signed, etree.Comment, etree.ProcessingInstruction)
    certificates: dict[str, int] = {}
    listed: dict[str, Json] = {}
    strange: set[str] = set()
    place = "/".join(
        f"{TSL}{part}"
        for part in ("TrustServiceProviderList", "TrustServiceProvider", "TSPServices", "TSPService")
    )
    for service in signed.iterfind(place):
        for instance, told, known in _instances(service):
            if len(listed) >= MOST_SERVICES:
                raise Refused("it names more services than there can be")
            number = str(len(listed))
            found = [certificates.setdefault(each, len(certificates)) for each in told.pop("identified")]
            listed[number] = told | {"certificates": found}
            if not (_prepare(instance, number) and known and found):
                strange.add(number)
    for read in read_qualified_service_definitions(etree.tostring(signed, encoding="unicode")):
        number = read.base_info.service_name
        if isinstance(read, CAServiceInformation) and number in listed:
            listed[number] |= _said(read) | {"doubtful": number in strange}
    return {"services": list(listed.values()), "certificates": list(certificates)}


def _instances(service: "_Element") -> Iterator[tuple["_Element", Json, bool]]:
    """Give what a service is and was while granted, in doubt for now, and whether it is known who it is."""
    current = service.find(f"{TSL}ServiceInformation")
    if current is None:
        return
    instances = [current, *service.iterfind(f"{TSL}ServiceHistory/{TSL}ServiceHistoryInstance")]
    granted = [
        each
        for each in instances
        if _told(each, "ServiceTypeIdentifier") == _QUALIFIED and _told(each, "ServiceStatus") == _GRANTED
    ]
    starts = [_instant(_told(each, "StatusStartingTime")) for each in instances] if granted else []
    for each in granted:
        since = _instant(_told(each, "StatusStartingTime"))
        identified, known = _identified(each, current)
        names = sorted(each.iterfind(f"{TSL}ServiceName/{TSL}Name"), key=lambda it: it.get(_LANGUAGE) != "en")
        told: Json = {
            "name": (names[0].text or "")[:LONGEST_NAME] if names else "",
            "identified": identified,
            "since": since,
            "until": min((start for start in starts if start > since), default=None),
            "for_seals": False,
            "qualifications": [],
            "doubtful": True,
        }
        yield each, told, known


def _identified(instance: "_Element", current: "_Element") -> tuple[list[str], bool]:
    """Give the certificates of a service; of what it was, lists often name no more than the key (5.6.3)."""
    if named := _identities(instance, "X509Certificate"):
        return named, True
    keys, of_now = set(_identities(instance, "X509SKI")), _identities(current, "X509Certificate")
    if not keys:
        return of_now, True
    meant = [each for each in of_now if keys & _keys(each)]
    return (meant, True) if meant else (of_now, False)


def _identities(instance: "_Element", kind: str) -> list[str]:
    found = instance.iterfind(f"{TSL}ServiceDigitalIdentity/{TSL}DigitalId/{TSL}{kind}")
    return [_text(b64decode(each.text)) for each in found if each.text]


def _keys(certificate: str) -> set[str]:
    """Say how a certificate may be called by its key: as it does itself, or by the digest of the key."""
    from cryptography import x509

    try:
        read = x509.load_der_x509_certificate(b64decode(certificate))
        called = {x509.SubjectKeyIdentifier.from_public_key(read.public_key()).digest}
        with contextlib.suppress(x509.ExtensionNotFound):
            called.add(read.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest)
    except Exception:  # noqa: BLE001 - whatever a stranger's certificate is wrong in, it is nobody's key
        return set()
    return {*map(_text, called)}


def _prepare(instance: "_Element", number: str) -> bool:
    """Number an instance for the library, which gives no more of it back; say whether all of it is known.

    It takes the last of several `Qualifications` for all of them, so that they are put together first.
    """
    for name in instance.iterfind(f"{TSL}ServiceName/{TSL}Name"):
        name.text = number
    found = instance.findall(f"{TSL}ServiceInformationExtensions/{TSL}Extension/{_SIE}Qualifications")
    for other in found[:-1]:
        found[-1].extend(list(other))
    return _once([each.tag for each in instance]) and all(map(_understood, found[-1:]))


def _understood(element: "_Element") -> bool:
    """Tell whether the library reads all of a qualification, and passes over nothing of it."""
    from pyhanko.sign.validation.qualified.tsp import Qualifier

    parts = [each.tag for each in element]
    match element.tag.removeprefix(_SIE):
        case "Qualifier":
            return element.get("uri") in {each.uri for each in Qualifier}
        case "KeyUsageBit":
            return (element.text or "").strip() in {"true", "false", "1", "0"}
        case "QualificationElement":
            ordered = _once(parts)
        case "CriteriaList":
            ordered = parts.count(_OTHER) <= 1
        case _:
            ordered = True
    if (known := _PARTS.get(element.tag)) is None:
        return True
    return (
        ordered
        and (bool(parts) or element.tag not in _FILLED)
        and known.issuperset(parts)
        and all(map(_understood, element))
    )


def _once(parts: list[str]) -> bool:
    return len(set(parts)) == len(parts)


def _told(instance: "_Element", part: str) -> str:
    told: str = instance.findtext(f"{TSL}{part}", "")
    return told.strip()


def _said(service: "CAServiceInformation") -> Json:
    from pyhanko.sign.validation.qualified.tsp import QcCertType

    return {
        "for_seals": QcCertType.QC_ESEAL in service.base_info.additional_info_certificate_type,
        "qualifications": [*map(_qualification, service.qualifications)],
    }


def _qualification(qualification: "Qualification") -> Json:
    return {
        "qualifiers": sorted(each.value for each in qualification.qualifiers),
        "criteria": _criteria(qualification.criteria_list, DEEPEST),
    }


def _criteria(criteria: "CriteriaList", deepest: int) -> Json:
    if not deepest:
        raise Refused("criteria within criteria without end")
    written: dict[str, list[Any]] = {
        name: [] for name in ("policies", "usages", "purposes", "attributes", "within")
    }
    for each in criteria.criteria:
        for name, value in _criterion(each, deepest):
            written[name].append(value)
    return {"combined": criteria.combine_as.value, **written}


def _criterion(criterion: "Criterion", deepest: int) -> Iterator[tuple[str, object]]:
    from pyhanko.sign.validation.qualified.tsp import (
        CertSubjectDNCriterion,
        CriteriaList,
        KeyUsageCriterion,
        PolicySetCriterion,
    )

    match criterion:
        case CriteriaList():
            yield "within", _criteria(criterion, deepest - 1)
        case PolicySetCriterion():
            yield "policies", _oids(criterion.required_policy_oids)
        case CertSubjectDNCriterion():
            yield "attributes", _oids(criterion.required_rdn_part_oids)
        case KeyUsageCriterion():
            settings = criterion.settings
            if settings.extd_key_usage:
                yield "purposes", _oids(settings.extd_key_usage)
            else:
                bits = (settings.key_usage or (), settings.key_usage_forbidden or ())
                yield "usages", [sorted(map(_bit, each)) for each in bits]
        case _:
            raise Refused("a criterion that is not known here")


def _oids(told: Iterable[str]) -> list[str]:
    """Write identifiers in dots; lists write them as URNs too (XAdES 1.3.2, 7.1.2)."""
    return sorted(each.strip().removeprefix("urn:oid:") for each in told)


def _bit(name: str) -> str:
    """Name a bit of the key usage as lists do: the library took the name apart."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _text(content: bytes) -> str:
    return b64encode(content).decode()


def _confine() -> None:
    """Give up what is not needed here, for good."""
    import resource

    os.nice(IDLE)
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, MOST_FILES),  # the schemas of signatures are read where one is verified
    ):
        with contextlib.suppress(ValueError, OSError):  # some systems know no such limit
            resource.setrlimit(limit, (most, most))


def main() -> None:
    """Read what is asked in one line of JSON, and the list behind it; write what was found as JSON."""
    _confine()
    import logging

    logging.disable(logging.CRITICAL)  # libraries would say on the way what they make of a stranger's list
    asked: Mapping[str, Any] = json.loads(sys.stdin.buffer.readline())
    try:
        found = read(
            sys.stdin.buffer.read(),
            [b64decode(each) for each in asked["signers"]],
            datetime.fromisoformat(asked["at"]),
        )
    except Refused as refused:
        found = {"refused": str(refused)}
    except (MemoryError, RecursionError):
        found = {"refused": "too much to read"}
    except Exception as error:  # noqa: BLE001 - whatever a library stumbles over, it is no list
        found = {"refused": f"it cannot be read ({type(error).__name__})"}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
