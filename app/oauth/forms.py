"""What clients send: a form of bounded size in which nothing stands twice, and one proof of who they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

from app.formats.strict import Malformed, decode64_standard
from app.oauth.errors import Reason, Refused, unknown_client

FORM: Final = "application/x-www-form-urlencoded"
MAX_FORM: Final = 32 * 1024
MAX_FIELDS: Final = 20
MAX_BASIC: Final = 1024
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_PROOFS: Final = ("client_secret", "client_assertion")


@dataclass(frozen=True, slots=True)
class Proof:
    """Who a client says it is, and the one thing that it proves it with."""

    client_id: str | None  # an assertion names its client itself
    secret: str | None = field(default=None, repr=False)
    assertion: str | None = field(default=None, repr=False)


def read_form(media_type: str, body: bytes) -> Mapping[str, str]:
    """Read a form, or refuse it; what has no value counts as left out (RFC 6749, 3.2)."""
    if media_type.partition(";")[0].strip().lower() != FORM:
        raise _malformed(f"The body must be `{FORM}`.")
    try:
        fields = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:
        raise _malformed("The body is no form that can be read.") from None
    if len({name for name, _ in fields}) < len(fields):
        raise _malformed("A parameter stands twice.")
    return {name: value for name, value in fields if value}


def proof_of(form: Mapping[str, str], authorization: str | None) -> Proof:
    """Take out what the client proves itself with: exactly one thing (RFC 6749, 2.3)."""
    given = [name for name in _PROOFS if name in form]
    if len(given) + (authorization is not None) > 1:
        raise _malformed("A client proves itself in one way at a time.")
    if authorization is not None:
        client_id, secret = _basic(authorization)
        if form.get("client_id", client_id) != client_id:
            raise _malformed("`client_id` is not the client of the Authorization header.")
        return Proof(client_id, secret=secret)
    if "client_assertion" in form:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise _malformed(f"`client_assertion_type` must be `{ASSERTION_TYPE}`.")
        return Proof(form.get("client_id"), assertion=form["client_assertion"])
    if "client_secret" in form and "client_id" in form:
        return Proof(form["client_id"], secret=form["client_secret"])
    raise unknown_client()


def _basic(authorization: str) -> tuple[str, str]:
    """Read what RFC 6749, 2.3.1 makes of RFC 7617: both halves are encoded as in a form."""
    scheme, _, written = authorization.partition(" ")
    try:
        if scheme.lower() != "basic" or len(written) > MAX_BASIC:
            raise unknown_client()
        name, colon, secret = decode64_standard(written).decode("ascii").partition(":")
    except (Malformed, UnicodeDecodeError):
        raise unknown_client() from None
    if not colon:
        raise unknown_client()
    return unquote_plus(name), unquote_plus(secret)


def _malformed(description: str) -> Refused:
    return Refused(Reason.INVALID_REQUEST, description)
