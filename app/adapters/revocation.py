"""What issuers say of certificates: OCSP where the certificate names a responder, else its list (RFC 5280).

The addresses stand in the certificates, so they are followed only after the chain was found to end in an
anchor, and only to public addresses on the usual ports or to origins that the operator opened.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from app.adapters.exchange import TOTAL_SECONDS, ExchangeFailed, exchange
from app.adapters.outbound import addresses_of, is_public, target_of
from app.formats.revocation import MAX_CRL, MAX_OCSP, Coverage, RevocationState, coverage_of
from app.formats.x509 import UNREADABLE, chain_of
from app.ports import Clock, FetchRefused, Revocation, RevocationUnavailable

MOST_TRIED: Final = 2  # addresses of one kind in one certificate
SKEW: Final = timedelta(minutes=5)
_QUERY: Final = "application/ocsp-request"


class HttpRevocation:
    """Asks whoever issued, and gives only what verifies and is of now."""

    def __init__(
        self,
        *,
        anchors: Callable[[], Sequence[bytes]],
        clock: Clock,
        origins: Collection[str] = (),
        resolve: Callable[[str], list[str]] | None = None,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        """Name the anchors of seals and time-stamps as they are whenever it is asked.

        `origins` (http://host:port) lie inside this house.
        """
        self._anchors = anchors
        self._clock = clock
        self._origins = frozenset(origins)
        self._resolve = resolve or addresses_of
        self._total = total_seconds

    def about(self, chain: Sequence[bytes]) -> Revocation:
        """Gather answers on every certificate below the anchor, or raise `RevocationUnavailable`."""
        anchors = self._anchors()
        path = chain_of(chain[0], (*chain[1:], *anchors))
        anchored = next((place for place, each in enumerate(path) if each in anchors), None)
        if anchored is None:
            raise RevocationUnavailable("The chain ends in no anchor of ours: nobody is asked about it.")
        path = path[: anchored + 1]
        now = self._clock.now() - self._clock.offset  # issuers know nothing of a demonstration's clock
        crls: list[bytes] = []
        ocsps: list[bytes] = []
        for certificate, issuer in pairwise(path):
            source, value = self._asked(certificate, issuer, now)
            (ocsps if source == "ocsp" else crls).append(value)
        responders = [each for answer in ocsps for each in _responders(answer)]
        return Revocation(
            tuple(dict.fromkeys(crls)), tuple(ocsps), tuple(dict.fromkeys((*path, *responders)))
        )

    def _asked(self, certificate: bytes, issuer: bytes, now: datetime) -> tuple[str, bytes]:
        leaf, above = x509.load_der_x509_certificate(certificate), x509.load_der_x509_certificate(issuer)
        failed = "it names no responder and no list"
        for source, url in (*_responder_addresses(leaf), *_list_addresses(leaf)):
            try:
                if source == "ocsp":
                    value = self._exchanged(url, MAX_OCSP, _question(leaf, above))
                    found = coverage_of(certificate, issuer, crls=(), ocsps=(value,))
                else:
                    value = self._exchanged(url, MAX_CRL)
                    found = coverage_of(certificate, issuer, crls=(value,), ocsps=())
            except (ExchangeFailed, FetchRefused) as why:
                failed = str(why)
                continue
            if _is_current(found, now):
                return source, value
            failed = "what came back does not verify, or is not of now"
        name = leaf.subject.rfc4514_string()
        raise RevocationUnavailable(f"Nothing could be had about {name}: {failed}")

    def _exchanged(self, url: str, limit: int, body: bytes | None = None) -> bytes:
        place, host = self._place(url)
        return exchange(
            place, host=host, limit=limit, body=body, media_type=_QUERY, total_seconds=self._total
        )

    def _place(self, url: str) -> tuple[str, str | None]:
        """Say where to connect to, and as whom to address it; raises `FetchRefused`."""
        try:
            parts = urlsplit(url)
        except ValueError:
            raise FetchRefused("Not an address of the web.") from None
        if f"{parts.scheme}://{parts.netloc}" in self._origins:
            return url, None
        if parts.scheme not in {"http", "https"}:
            raise FetchRefused("Not an address of the web.")
        target = target_of(f"https://{url.partition('://')[2]}")
        try:
            found = self._resolve(target.host)
        except OSError:
            raise FetchRefused("The name has no address.") from None
        if not found or not all(is_public(each) for each in found):
            raise FetchRefused("The name leads to an address that is not a public one.")
        literal = f"[{found[0]}]" if ":" in found[0] else found[0]
        return f"{parts.scheme}://{literal}{target.path}", target.host


def _is_current(found: Coverage, now: datetime) -> bool:
    return (
        found.state is not RevocationState.NOT_COVERED
        and found.as_of is not None
        and found.as_of <= now + SKEW
        and (found.until is None or found.until >= now - SKEW)
    )


def _question(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    # RFC 5019, 2.1.1: every responder knows certificates by SHA-1; nothing is protected by it.
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())  # noqa: S303
    return builder.build().public_bytes(Encoding.DER)


def _responder_addresses(certificate: x509.Certificate) -> Iterator[tuple[str, str]]:
    try:
        ways = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return
    found = [way.access_location for way in ways if way.access_method == AuthorityInformationAccessOID.OCSP]
    yield from _addresses("ocsp", found)


def _list_addresses(certificate: x509.Certificate) -> Iterator[tuple[str, str]]:
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return
    yield from _addresses("crl", [name for point in points for name in point.full_name or ()])


def _addresses(source: str, names: Sequence[x509.GeneralName]) -> Iterator[tuple[str, str]]:
    found = [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]
    yield from ((source, url) for url in found[:MOST_TRIED])


def _responders(answer: bytes) -> list[bytes]:
    read = ocsp.load_der_ocsp_response(answer)
    return [each.public_bytes(Encoding.DER) for each in read.certificates]
