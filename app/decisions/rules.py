"""How a committee decides: who may vote, the quorum, what the votes come to, what may be published."""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING
from enum import StrEnum
from typing import Final

from app.core.labels import Labels
from app.schemes.judgement import DecisionOutcome, DecisionRules, Separation
from app.schemes.scheme import AppealRules

PersonId = str


class Barred(StrEnum):
    """Why a person does not vote on a case; the first reason that holds is the one given."""

    NOT_IN_OFFICE = "not-in-office"
    APPLICANT = "applicant"
    CONFLICTED = "conflicted"
    SEPARATED = "separated"
    UNDECLARED = "undeclared"
    ABSENT = "absent"

    @property
    def reason(self) -> Labels:
        return _REASONS[self]


_REASONS: Final[Mapping[Barred, Labels]] = {
    Barred.NOT_IN_OFFICE: Labels(
        it="non è componente in carica del comitato", en="is not a member of the committee in office"
    ),
    Barred.APPLICANT: Labels(it="è il candidato", en="is the applicant"),
    Barred.CONFLICTED: Labels(it="ha un conflitto di interessi", en="has a conflict of interest"),
    Barred.SEPARATED: Labels(it="ha valutato o intervistato", en="scored or interviewed"),
    Barred.UNDECLARED: Labels(
        it="non ha ancora dichiarato l'assenza di conflitti",
        en="has not yet declared to be free of conflicts",
    ),
    Barred.ABSENT: Labels(it="non è presente alla riunione", en="is not present at the meeting"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Who is who on one case, on the day of the meeting."""

    in_office: frozenset[PersonId]
    conflicted: frozenset[PersonId]
    separated: frozenset[PersonId]
    applicant: PersonId
    declared_clear: frozenset[PersonId]
    present: frozenset[PersonId]

    @property
    def eligible(self) -> frozenset[PersonId]:
        """The members the quorum is counted over: whoever could not vote anyway is in neither count (I5)."""
        return self.in_office - self.conflicted - self.separated - {self.applicant}

    @property
    def voters(self) -> frozenset[PersonId]:
        return self.eligible & self.declared_clear & self.present

    def barred(self, person: PersonId) -> Barred | None:
        """Tell why a person may not vote on the case, or None if they may."""
        reasons = {
            Barred.NOT_IN_OFFICE: person not in self.in_office,
            Barred.APPLICANT: person == self.applicant,
            Barred.CONFLICTED: person in self.conflicted,
            Barred.SEPARATED: person in self.separated,
            Barred.UNDECLARED: person not in self.declared_clear,
            Barred.ABSENT: person not in self.present,
        }
        return next((reason for reason, holds in reasons.items() if holds), None)


def separated(
    rules: DecisionRules, judged_it: AbstractSet[PersonId], judged_others: AbstractSet[PersonId]
) -> frozenset[PersonId]:
    """Name those kept from voting on a case because they scored or interviewed (I3).

    Whoever judged the case itself never votes on it. Where the scheme is strict, whoever judged any other
    case of the same meeting does not vote on it either.
    """
    strict = rules.separation is Separation.STRICT
    return frozenset(judged_it | judged_others if strict else judged_it)


def quorum_needed(eligible: int, rules: DecisionRules) -> int:
    """Say how many voters must be present: the scheme's share of the eligible, rounded up, or its minimum."""
    share = (eligible * rules.quorum.fraction_of_members).to_integral_value(ROUND_CEILING)
    return max(rules.quorum.min_eligible_voters, int(share))


@dataclass(frozen=True, slots=True)
class QuorumCount:
    """How many voters a case needs, and how many it has."""

    needed: int
    present: int

    @property
    def ok(self) -> bool:
        return self.present >= self.needed


def quorum(standing: Standing, rules: DecisionRules) -> QuorumCount:
    """I5: count eligible voters who are present. Fewer members than the minimum are never enough."""
    return QuorumCount(quorum_needed(len(standing.eligible), rules), len(standing.voters))


def is_quorate(standing: Standing, rules: DecisionRules) -> bool:
    return quorum(standing, rules).ok


class Choice(StrEnum):
    """What a member says; abstaining is being there, not voting."""

    GRANT = "grant"
    REFUSE = "refuse"
    DEFER = "defer"
    ABSTAIN = "abstain"


@dataclass(frozen=True, slots=True)
class Tally:
    """How the votes fell."""

    grant: int
    refuse: int
    defer: int
    abstain: int

    @property
    def cast(self) -> int:
        """The votes that a majority is counted over: abstentions are none."""
        return self.grant + self.refuse + self.defer


def tally(votes: Mapping[PersonId, Choice]) -> Tally:
    """Count one vote per member."""
    said = list(votes.values())
    return Tally(
        grant=said.count(Choice.GRANT),
        refuse=said.count(Choice.REFUSE),
        defer=said.count(Choice.DEFER),
        abstain=said.count(Choice.ABSTAIN),
    )


def outcome(counted: Tally, rules: DecisionRules) -> DecisionOutcome | None:
    """Say what the votes come to, or None where nobody cast one: silence decides nothing.

    It takes more than half of the votes cast. Where no choice has that, the scheme's word for a tie holds,
    and the loader lets no scheme through whose word is to grant.
    """
    if not counted.cast:
        return None
    for choice, votes in (
        (DecisionOutcome.GRANT, counted.grant),
        (DecisionOutcome.REFUSE, counted.refuse),
        (DecisionOutcome.DEFER, counted.defer),
    ):
        if 2 * votes > counted.cast:
            return choice
    return rules.tie


def outstanding(standing: Standing, votes: Mapping[PersonId, Choice]) -> frozenset[PersonId]:
    """Name the voters who have said nothing yet; whoever abstained has voted.

    A quorum of people who are there is no decision of theirs until each of them has spoken.
    """
    return standing.voters - votes.keys()


@dataclass(frozen=True, slots=True)
class PublicationFault:
    """Why a decision cannot be published as it stands."""

    code: str
    detail: Labels


def publication_faults(
    standing: Standing,
    votes: Mapping[PersonId, Choice],
    rules: DecisionRules,
    *,
    reasons: str,
    thresholds_met: bool,
    derogation: str = "",
) -> tuple[PublicationFault, ...]:
    """Check a decision against I5, I6 and I7 before it is published; after that nobody can change it.

    `thresholds_met` says that the dossier keeps every rule of admission and of scoring. Where it does not, a
    grant needs a derogation, in words.
    """
    missing = len(outstanding(standing, votes))
    return tuple(
        PublicationFault(code, _votes_outstanding(missing) if code == OUTSTANDING else _PUBLICATION[code])
        for code in _not_publishable(
            standing,
            votes,
            rules,
            reasons=reasons.strip(),
            grantable=thresholds_met or bool(derogation.strip()),
        )
    )


def _not_publishable(
    standing: Standing,
    votes: Mapping[PersonId, Choice],
    rules: DecisionRules,
    *,
    reasons: str,
    grantable: bool,
) -> Iterator[str]:
    if not is_quorate(standing, rules):
        yield "no-quorum"
    if not votes.keys() <= standing.voters:
        yield "vote-barred"
    if outstanding(standing, votes):
        yield OUTSTANDING
        return  # what the votes would come to is told to nobody before they are all there
    decided = outcome(tally(votes), rules)
    if decided is None:
        yield "no-votes"
    if decided is DecisionOutcome.GRANT and not grantable:
        yield "thresholds-not-met"
    if decided in rules.reasons_required and not reasons:
        yield "reasons-missing"


def _votes_outstanding(missing: int) -> Labels:
    return Labels(it=f"voti ancora mancanti: {missing}", en=f"votes still missing: {missing}")


OUTSTANDING: Final = "votes-outstanding"
_PUBLICATION: Final[Mapping[str, Labels]] = {
    "no-quorum": Labels(it="manca il numero legale", en="the committee is not quorate"),
    "vote-barred": Labels(
        it="ha votato qualcuno che non poteva", en="someone voted who may not vote on this case"
    ),
    "no-votes": Labels(it="nessuno ha espresso un voto", en="nobody cast a vote"),
    "thresholds-not-met": Labels(
        it="il dossier non raggiunge le soglie e non c'è una deroga motivata",
        en="the dossier does not reach the thresholds, and there is no reasoned derogation",
    ),
    "reasons-missing": Labels(it="la decisione va motivata", en="the decision needs its reasons"),
}


@dataclass(frozen=True, slots=True)
class Appeal:
    """Until when a decision may be contested, and how a reader is told so (I7)."""

    until: date
    text: Labels


def appeal(decided: DecisionOutcome, decided_on: date, rules: AppealRules) -> Appeal | None:
    """Say how a decision that is no grant may be contested."""
    if decided is DecisionOutcome.GRANT:
        return None
    until = decided_on + timedelta(days=rules.window_days)
    return Appeal(
        until,
        Labels(
            it=(
                "Contro questa decisione si può presentare ricorso all'associazione fino al "
                f"{until:%d/%m/%Y} compreso. Lo esamina, entro {rules.decide_days} giorni, un collegio "
                "che non ha avuto parte nella decisione."
            ),
            en=(
                f"This decision may be appealed to the association up to and including {until.isoformat()}. "
                f"A panel that had no part in it examines the appeal within {rules.decide_days} days."
            ),
        ),
    )
