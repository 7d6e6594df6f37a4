"""What can go wrong while a dossier is judged."""

from app.core.errors import Conflict, NotAllowed, NotFound, RuleBroken


class AssessmentNotFound(NotFound):
    code = "assessment-not-found"
    title = "There is no such assessment here"


class InterviewNotFound(NotFound):
    code = "interview-not-found"
    title = "There is no such interview here"


class AssignedAlready(Conflict):
    code = "assigned-already"
    title = "The dossier was given to this assessor already"


class AssessorsEnough(Conflict):
    code = "assessors-enough"
    title = "The dossier has all the assessors it may have"


class AssessmentSubmitted(Conflict):
    code = "assessment-submitted"
    title = "The assessment is handed in and no longer changes"


class InterviewBookedAlready(Conflict):
    code = "interview-booked-already"
    title = "An interview is booked already"


class InterviewNotBooked(Conflict):
    code = "interview-not-booked"
    title = "The interview was held or cancelled"


class InterviewNotYet(Conflict):
    code = "interview-not-yet"
    title = "The interview has not begun"


class StillBlind(NotAllowed):
    code = "still-blind"
    title = "Scores are shown when all of them are in"


class NotYourAssessment(NotAllowed):
    code = "not-your-assessment"
    title = "Only the assessor may do this"


class NotYourInterview(NotAllowed):
    code = "not-your-interview"
    title = "Only the panel and the office may do this"


class AssessorNotEligible(RuleBroken):
    code = "assessor-not-eligible"
    title = "This person cannot judge this dossier"


class ScoresNotAcceptable(RuleBroken):
    code = "scores-not-acceptable"
    title = "Scores cannot stand as they are"


class InterviewNotAcceptable(RuleBroken):
    code = "interview-not-acceptable"
    title = "The interview is not as the scheme asks"
