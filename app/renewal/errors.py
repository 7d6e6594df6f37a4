"""What can go wrong on the way to a renewed credential."""

from app.core.errors import Conflict, NotAllowed, NotFound, RuleBroken


class CpdActivityNotFound(NotFound):
    code = "cpd-activity-not-found"
    title = "There is no such activity"


class CpdActivityWrong(RuleBroken):
    code = "cpd-activity-wrong"
    title = "The activity is not as the scheme asks"


class CpdActivityIncomplete(RuleBroken):
    code = "cpd-activity-incomplete"
    title = "Something is missing before the activity can be claimed"


class CpdActivityNotMovable(Conflict):
    code = "cpd-activity-not-movable"
    title = "The activity is not in a state that allows this"


class CpdActivityClosedToChanges(Conflict):
    code = "cpd-activity-closed-to-changes"
    title = "The activity can no longer be changed"


class CpdNothingNew(RuleBroken):
    code = "cpd-nothing-new"
    title = "What takes the place of an activity that was turned down says something new"


class OwnCpdActivity(NotAllowed):
    code = "own-cpd-activity"
    title = "Nobody reviews their own activities"


class ExemptionNotAllowed(RuleBroken):
    code = "exemption-not-allowed"
    title = "The scheme does not know such an exemption"


class RenewalNotFound(NotFound):
    code = "renewal-not-found"
    title = "There is no such renewal"


class RenewalNotOpen(Conflict):
    code = "renewal-not-open"
    title = "The credential cannot be renewed at this time"


class RenewalNotEligible(RuleBroken):
    code = "renewal-not-eligible"
    title = "The continuing development that was done is not enough yet"


class RenewalFiledAlready(Conflict):
    code = "renewal-filed-already"
    title = "A renewal of this cycle was filed already"


class RenewalNotMovable(Conflict):
    code = "renewal-not-movable"
    title = "The renewal is not in a state that allows this"


class OwnRenewal(NotAllowed):
    code = "own-renewal"
    title = "Nobody decides their own renewal"


class ReviewerDecidesNot(NotAllowed):
    code = "reviewer-decides-not"
    title = "Whoever reviewed the activities does not decide the renewal"


class AuditNotFinished(Conflict):
    code = "audit-not-finished"
    title = "Activities that count have not been reviewed yet"


class InterviewRequired(RuleBroken):
    code = "interview-required"
    title = "A reinstatement needs an interview"


class DrawNotFound(NotFound):
    code = "draw-not-found"
    title = "There is no such draw"


class DrawDoneAlready(Conflict):
    code = "draw-done-already"
    title = "This draw was held already"


class CpdCycleNotFound(NotFound):
    code = "cpd-cycle-not-found"
    title = "The credential has no such cycle"


class CpdProofNotFound(NotFound):
    code = "cpd-proof-not-found"
    title = "The activity has no such proof"


class NotYourCpdActivity(NotAllowed):
    code = "not-your-cpd-activity"
    title = "Only the holder may do this"


class CpdActivityEnteredAlready(Conflict):
    code = "cpd-activity-entered-already"
    title = "The same activity is there with other details: correct that one"


class CpdProofWrong(RuleBroken):
    code = "cpd-proof-wrong"
    title = "The proof is not of the kind that it says"


class CpdProofTooMany(RuleBroken):
    code = "cpd-proof-too-many"
    title = "The activity holds as many proofs as it may"


class ExemptionGivenAlready(Conflict):
    code = "exemption-given-already"
    title = "This exemption was granted already"


class OwnExemption(NotAllowed):
    code = "own-exemption"
    title = "Nobody grants an exemption to themselves"


class DrawEmpty(Conflict):
    code = "draw-empty"
    title = "No renewal waits for this draw"


class CpdActivityTooMany(RuleBroken):
    code = "cpd-activity-too-many"
    title = "The cycle holds as many activities as it may"
