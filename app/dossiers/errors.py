"""What can go wrong with a dossier."""

from app.core.errors import Conflict, NotAllowed, NotFound, RuleBroken, TooLarge


class DossierNotFound(NotFound):
    code = "dossier-not-found"
    title = "There is no such dossier here"


class EvidenceNotFound(NotFound):
    code = "evidence-not-found"
    title = "There is no such evidence in the dossier"


class DossierNotMovable(Conflict):
    code = "dossier-not-movable"
    title = "The dossier is not in a state that allows this"


class DossierOpenAlready(Conflict):
    code = "dossier-open-already"
    title = "The candidate has an open dossier for this scheme"


class DossierClosedToChanges(Conflict):
    code = "dossier-closed-to-changes"
    title = "The dossier was handed in and no longer changes"


class DossierNotSubmitted(Conflict):
    code = "dossier-not-submitted"
    title = "The dossier was not handed in yet"


class AlreadyDeclared(Conflict):
    code = "already-declared"
    title = "A declaration on this dossier was made already"


class DeclarationRequired(NotAllowed):
    code = "declaration-required"
    title = "Declare your ties to the candidate first"


class ConflictOfInterest(NotAllowed):
    code = "conflict-of-interest"
    title = "A conflict of interest keeps you from this dossier"


class NotYourDossier(NotAllowed):
    code = "not-your-dossier"
    title = "Only the candidate may do this"


class OwnDossier(NotAllowed):
    code = "own-dossier"
    title = "Nobody acts for the organisation on a dossier of their own"


class ApplicantNotNamed(RuleBroken):
    code = "applicant-not-named"
    title = "An API client says for whom it acts"


class DossierIncomplete(RuleBroken):
    code = "dossier-incomplete"
    title = "The dossier is not complete"


class EvidenceFieldsWrong(RuleBroken):
    code = "evidence-fields-wrong"
    title = "The fields of the evidence are not as the scheme asks"


class EvidenceTooMany(RuleBroken):
    code = "evidence-too-many"
    title = "The dossier holds as much of this kind as it may"


class FileRefused(RuleBroken):
    code = "file-refused"
    title = "This file is not taken in"


class FileTooLarge(TooLarge):
    code = "file-too-large"
    title = "The file is larger than the scheme allows"


class ScannerNotAvailable(Conflict):
    code = "scanner-unavailable"
    title = "The malware scanner does not answer, so no file is taken in"


class FileInfected(NotAllowed):
    code = "file-infected"
    title = "The file holds malicious code and is given to nobody"


class AdmissionPathNotMet(RuleBroken):
    code = "admission-path-not-met"
    title = "The dossier meets no path of admission"
