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


class DeliveryNotConfigured(Conflict):
    code = "delivery-not-configured"
    title = "This service delivers to no wallet"


class DeliveryWaiting(Conflict):
    code = "delivery-waiting"
    title = "The document is on its way into a wallet already"


class DeliveriesTooMany(Conflict):
    code = "deliveries-too-many"
    title = "It was sent often enough for today"


class CredentialHidden(Conflict):
    code = "credential-hidden"
    title = "The number of the credential is hidden"


class DeliveryNotFound(NotFound):
    code = "delivery-not-found"
    title = "There is no such delivery here"


class NotTheHolder(NotAllowed):
    """GDPR, 6(1)(a): a third party is told of a person by that person's own wish."""

    code = "not-the-holder"
    title = "The holder alone has a credential delivered, and sees where"


class DevelopmentKey(Conflict):
    code = "development-key"
    title = "A live organisation does not sign with keys made for development"


class LevelNotOffered(RuleBroken):
    code = "level-not-offered"
    title = "The document is not offered at this level"


class ProofNotOffered(Conflict):
    code = "proof-not-offered"
    title = "This service adds no time-stamps to documents"


class ProofUnavailable(Conflict):
    code = "proof-unavailable"
    title = "The proof could not be had just now"


class SealNotProvable(Conflict):
    code = "seal-not-provable"
    title = "The seal's certificate is no longer good"


class LintFailed(RuleBroken):
    code = "lint-failed"
    title = "The document would break a rule of its format"


class CauseNotAllowed(RuleBroken):
    code = "cause-not-allowed"
    title = "The scheme does not know this cause"


class ReviewNotAllowed(RuleBroken):
    code = "review-not-allowed"
    title = "A suspension is reviewed later than today, and within the scheme's limit"
