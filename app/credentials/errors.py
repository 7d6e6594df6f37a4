"""What can go wrong between a decision and its credential, and afterwards."""

from app.core.errors import Conflict, NotAllowed, NotFound, RuleBroken


class CredentialNotFound(NotFound):
    code = "credential-not-found"
    title = "There is no such credential here"


class DocumentNotFound(NotFound):
    code = "document-not-found"
    title = "The credential has no such document"


class OwnCredential(NotAllowed):
    """ISO/IEC 17024, 4.3: nobody acts for the body in a matter of their own."""

    code = "own-credential"
    title = "Nobody issues, suspends, reinstates or revokes their own credential"


class CredentialIssuedAlready(Conflict):
    code = "credential-issued-already"
    title = "The decision has its credential already"


class CredentialOpenAlready(Conflict):
    code = "credential-open-already"
    title = "The person holds an open credential of this scheme"


class CredentialNotMovable(Conflict):
    code = "credential-not-movable"
    title = "The credential is not in a state that allows this"


class CredentialNotActive(Conflict):
    code = "credential-not-active"
    title = "Documents are made only of a credential that stands"


class TrialCredential(Conflict):
    """A live body makes nothing more of it, and says so before a key is used."""

    code = "trial-credential"
    title = "The credential was issued for trying things out"


class QrLeadsNowhere(Conflict):
    """A picture on paper cannot be taken back: none is better than one that opens no answer."""

    code = "qr-leads-nowhere"
    title = "A QR code of this credential would lead nowhere"


class DevelopmentKey(Conflict):
    code = "development-key"
    title = "A live organisation does not sign with keys made for development"


class LintFailed(RuleBroken):
    code = "lint-failed"
    title = "The document would break a rule of its format"


class CauseNotAllowed(RuleBroken):
    code = "cause-not-allowed"
    title = "The scheme does not know this cause"


class ReviewNotAllowed(RuleBroken):
    code = "review-not-allowed"
    title = "A suspension is reviewed later than today, and within the scheme's limit"
