from collections.abc import Sequence

from app.core.errors import NotFound, RuleBroken


class SchemeInvalid(RuleBroken):
    """A scheme file breaks the rules that every scheme keeps; each fault names its place."""

    code = "scheme-invalid"
    title = "The scheme breaks a rule that every scheme keeps"

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults), faults=list(faults))
        self.faults = tuple(faults)


class SchemeNotFound(NotFound):
    """No scheme, or no version of it, answers to that name on that day."""

    code = "scheme-not-found"
    title = "There is no such scheme"
