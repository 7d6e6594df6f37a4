"""What can go wrong between a stranger and an answer."""

from typing import Final

from app.core.errors import NotFound, RuleBroken, TooLarge

RETRY_AFTER: Final = "2"  # seconds, where too much is under way


class CredentialNotFound(NotFound):
    """The number is sound, and there is nothing to show for it: one answer, whatever the reason."""

    code = "credential-not-found"
    title = "No credential has this number"

    def __init__(self) -> None:
        super().__init__("Compare the number with the one printed below the QR code.")


class NumberMistyped(RuleBroken):
    """It cannot be a number of ours, so the register was not asked."""

    code = "mistyped"
    title = "The number is mistyped"

    def __init__(self) -> None:
        super().__init__("At least one character is wrong or missing: the two check digits at the end tell.")


class NothingToVerify(RuleBroken):
    """Nothing came that could be verified."""

    code = "nothing-to-verify"
    title = "There is nothing to verify"

    def __init__(self) -> None:
        super().__init__(
            "Send a credential as JSON, as text or as a file, or a PNG, JPEG or PDF with its QR code."
        )


class NotOurs(RuleBroken):
    """It is an address of somebody else's. It is not opened, and nothing is said about it."""

    code = "not-ours"
    title = "The address is not one of ours"


class FileUnreadable(RuleBroken):
    """It is neither text nor a picture nor a PDF."""

    code = "file-unreadable"
    title = "The file cannot be read"

    def __init__(self) -> None:
        super().__init__("Send the credential as text or JSON, or a PNG, JPEG or PDF with its QR code.")


class FileTooLarge(TooLarge):
    """It is longer than any credential."""

    code = "too-large"
    title = "Too much was sent"


class RegisterUnreachable(Exception):
    """The register cannot be read just now, and what is remembered of it is too old to be told."""
