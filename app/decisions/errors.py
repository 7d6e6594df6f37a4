"""What can go wrong on the way to a decision."""

from app.core.errors import Conflict, NotAllowed, NotFound, RuleBroken


class MeetingNotFound(NotFound):
    code = "meeting-not-found"
    title = "There is no such meeting here"


class DecisionNotFound(NotFound):
    code = "decision-not-found"
    title = "There is no such decision here"


class MinutesNotFound(NotFound):
    code = "minutes-not-found"
    title = "There are no such minutes here"


class DecisionOpenedAlready(Conflict):
    code = "decision-opened-already"
    title = "The dossier has a decision in this round already"


class DecisionNotOpen(Conflict):
    code = "decision-not-open"
    title = "The decision takes no more votes"


class DecisionPublishedAlready(Conflict):
    code = "decision-published-already"
    title = "The decision is published and never changes"


class DecisionNotPublished(Conflict):
    code = "decision-not-published"
    title = "The decision is not published"


class VotedAlready(Conflict):
    code = "voted-already"
    title = "A member has one vote"


class NoQuorum(Conflict):
    code = "no-quorum"
    title = "The committee is not quorate on this case"


class NoVotes(Conflict):
    code = "no-votes"
    title = "Nobody cast a vote"


class VotesOutstanding(Conflict):
    code = "votes-outstanding"
    title = "Not everybody who may vote has voted"


class VotesNotCountable(Conflict):
    code = "votes-not-countable"
    title = "Somebody voted who may not vote on this case"


class CaseFileChanged(Conflict):
    code = "case-file-changed"
    title = "The case file is no longer the one that was voted on"


class SeparationBroken(Conflict):
    code = "separation-broken"
    title = "Somebody who judged this case has voted in the same meeting"


class VoteBarred(NotAllowed):
    code = "vote-barred"
    title = "You do not vote on this case"


class PublicationBarred(NotAllowed):
    code = "publication-barred"
    title = "You do not publish this decision"


class MeetingNotHeld(RuleBroken):
    code = "meeting-not-held"
    title = "The meeting has not been held yet"


class MeetingTooEarly(RuleBroken):
    code = "meeting-too-early"
    title = "The meeting was held before the dossier was ready for it"


class DecisionNotGranted(RuleBroken):
    code = "decision-not-granted"
    title = "The decision is not a grant"


class ThresholdsNotMet(RuleBroken):
    code = "thresholds-not-met"
    title = "The dossier does not reach the thresholds"


class ReasonsMissing(RuleBroken):
    code = "reasons-missing"
    title = "The decision needs its reasons"


class MinutesWrong(RuleBroken):
    code = "minutes-wrong"
    title = "The figures of the minutes do not agree"
