"""What a client is told when it gets no token, in the words of RFC 6749, 5.2."""

from enum import StrEnum


class Reason(StrEnum):
    """The error codes of RFC 6749, 5.2 that this service answers with."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_SCOPE = "invalid_scope"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"


class Refused(Exception):
    """A request of a client that is not granted; `description` repeats nothing that was sent."""

    def __init__(self, reason: Reason, description: str) -> None:
        super().__init__(description)
        self.reason = reason
        self.description = description


def unknown_client() -> Refused:
    """Say that the client could not be told to be one of ours, and never why."""
    return Refused(
        Reason.INVALID_CLIENT, "The client is unknown, or its secret or assertion is not accepted."
    )
