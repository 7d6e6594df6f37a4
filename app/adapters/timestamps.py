"""Time-stamps from an authority that the operator chose (RFC 3161 over HTTP)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimeStampRequest,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from app.adapters.exchange import TOTAL_SECONDS, ExchangeFailed, exchange
from app.formats.stamps import judge_stamp
from app.ports import Clock, TimeStampRefused, TimeStampUnavailable

MAX_ANSWER: Final = 64 * 1024
TOLERANCE: Final = timedelta(minutes=5)
_QUERY: Final = "application/timestamp-query"


class HttpTimeStamps:
    """Asks one authority; believes nothing that does not verify under the given anchors at this time."""

    def __init__(
        self,
        url: str,
        *,
        anchors: Sequence[bytes],
        clock: Clock,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        """Name the authority; user and password may stand in the address, which is never shown."""
        if not anchors:
            raise ValueError("Time-stamps need an anchor that their chains end in.")
        self._url = url
        self._anchors = tuple(anchors)
        self._clock = clock
        self._total = total_seconds

    def stamp(self, content: bytes) -> bytes:
        """Get a verified token over this content, or raise `TimeStampUnavailable` or `TimeStampRefused`."""
        request = (
            TimestampRequestBuilder()
            .data(content)
            .hash_algorithm(HashAlgorithm.SHA256)
            .nonce(nonce=True)
            .cert_request(cert_request=True)
            .build()
        )
        try:
            answer = exchange(
                self._url,
                body=request.as_bytes(),
                media_type=_QUERY,
                limit=MAX_ANSWER,
                total_seconds=self._total,
            )
        except ExchangeFailed as failed:
            raise TimeStampUnavailable(f"The time-stamp authority gave no answer: {failed}") from None
        return self._checked(request, content, answer)

    def _checked(self, request: TimeStampRequest, content: bytes, answer: bytes) -> bytes:
        """Check with the library that asked, and then as our own verifier will: both have to agree."""
        verifier = VerifierBuilder.from_request(request)
        for anchor in self._anchors:
            verifier = verifier.add_root_certificate(x509.load_der_x509_certificate(anchor))
        try:
            response = decode_timestamp_response(answer)
            if response.status != PKIStatus.GRANTED:
                raise TimeStampUnavailable(
                    f"The time-stamp authority grants no time-stamp (status {response.status})."
                )
            verifier.build().verify_message(response, content)
            token = response.time_stamp_token()
        except VerificationError as lie:
            raise TimeStampRefused(f"The time-stamp does not verify: {lie}") from None
        except ValueError:
            raise TimeStampRefused("The answer is not one of a time-stamp authority.") from None
        now = self._clock.now() - self._clock.offset  # an authority knows nothing of a demonstration's clock
        finding = judge_stamp(token, content, self._anchors, now)
        if not finding.trusted or finding.at is None:
            raise TimeStampRefused("The time-stamp does not verify under the anchors for time-stamps.")
        if abs(finding.at - now) > TOLERANCE:
            raise TimeStampRefused(
                f"The time-stamp says {finding.at:%Y-%m-%d %H:%M:%S} UTC, "
                f"and our clock {now:%Y-%m-%d %H:%M:%S}: one of the two is wrong."
            )
        return token
