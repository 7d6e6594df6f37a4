"""From scores to a result: what a score must come with, how scores become a total, what follows."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from itertools import combinations
from statistics import median
from typing import Final

from app.core.labels import Labels
from app.schemes.judgement import Criterion, Flag, PassRules
from app.schemes.scheme import Scheme

LONGEST_COMMENT: Final = 4000
MOST_ASSESSORS: Final = 3

Scores = Mapping[str, Decimal]
"""One score for each criterion of the scheme, by the criterion's id."""


@dataclass(frozen=True, slots=True)
class Score:
    """What one assessor says of one criterion, with the evidence it rests on."""

    criterion: str
    value: Decimal
    comment: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScoreFault:
    """Why a score cannot stand."""

    criterion: str
    code: str
    detail: Labels


def score_faults(
    scheme: Scheme, scores: Sequence[Score], evidence: Collection[str]
) -> tuple[ScoreFault, ...]:
    """Check the scores that are there, as they are being written; `evidence` are the ids in the dossier."""
    known = {criterion.id for criterion in scheme.assessment.criteria}
    times = Counter(score.criterion for score in scores)
    return (
        *(_fault(name, "scored-twice") for name, count in times.items() if count > 1),
        *(fault for score in scores for fault in _faults_of(scheme, score, known, evidence)),
    )


def assessment_faults(
    scheme: Scheme, scores: Sequence[Score], evidence: Collection[str]
) -> tuple[ScoreFault, ...]:
    """Check a whole assessment before it is handed in: all criteria are scored, and every score stands."""
    scored = {score.criterion for score in scores}
    return (
        *score_faults(scheme, scores, evidence),
        *(_fault(c.id, "not-scored") for c in scheme.assessment.criteria if c.id not in scored),
    )


def rescore_faults(scheme: Scheme, rescores: Sequence[tuple[str, Decimal]]) -> tuple[ScoreFault, ...]:
    """Check the scores that a panel gives again; the minutes are their words, the interview their ground."""
    known = {criterion.id for criterion in scheme.assessment.criteria}
    times = Counter(criterion for criterion, _ in rescores)
    return (
        *(_fault(name, "scored-twice") for name, count in times.items() if count > 1),
        *(_fault(name, "criterion-unknown") for name in times if name not in known),
        *(_fault(name, "off-scale") for name, value in rescores if not scheme.assessment.scale.holds(value)),
    )


def _faults_of(
    scheme: Scheme, score: Score, known: Collection[str], evidence: Collection[str]
) -> Iterator[ScoreFault]:
    rules = scheme.assessment
    if score.criterion not in known:
        yield _fault(score.criterion, "criterion-unknown")
        return
    if not rules.scale.holds(score.value):
        yield _fault(score.criterion, "off-scale")
    elif score.value < rules.scoring.comment_required_below and not score.comment.strip():
        yield _fault(score.criterion, "comment-missing")
    if len(score.comment) > LONGEST_COMMENT:
        yield _fault(score.criterion, "comment-too-long")
    if rules.scoring.evidence_link_required and not score.evidence:
        yield _fault(score.criterion, "evidence-missing")
    if not set(score.evidence) <= set(evidence):
        yield _fault(score.criterion, "evidence-unknown")


def _fault(criterion: str, code: str) -> ScoreFault:
    return ScoreFault(criterion, code, _DETAILS[code])


_DETAILS: Final[Mapping[str, Labels]] = {
    "not-scored": Labels(it="il criterio non ha un punteggio", en="the criterion has no score"),
    "scored-twice": Labels(
        it="il criterio ha più di un punteggio", en="the criterion is scored more than once"
    ),
    "criterion-unknown": Labels(
        it="lo schema non ha un tale criterio", en="the scheme has no such criterion"
    ),
    "off-scale": Labels(it="il punteggio non è sulla scala", en="the score is not one of the scale"),
    "comment-missing": Labels(
        it="un punteggio così basso va motivato", en="a score as low as this needs a comment"
    ),
    "comment-too-long": Labels(
        it=f"il commento supera {LONGEST_COMMENT} caratteri",
        en=f"the comment is longer than {LONGEST_COMMENT} characters",
    ),
    "evidence-missing": Labels(
        it="il punteggio non rimanda ad alcuna evidenza", en="the score points to no evidence"
    ),
    "evidence-unknown": Labels(
        it="il punteggio rimanda a un'evidenza che non è nel dossier",
        en="the score points to evidence that is not in the dossier",
    ),
}


def total(scheme: Scheme, scores: Scores) -> Decimal:
    """Weigh a score per criterion into one figure from 0 to 100.

    Exact: the loader lets only scales through whose shares have finite decimals, so 64.9375 is never 65.
    """
    rules = scheme.assessment
    return sum((c.weight * scores[c.id] / rules.scale.max for c in rules.criteria), Decimal(0))


def written(points: Decimal) -> str:
    """Write points without needless zeros, so that one figure has one spelling: 65.50 is 65.5."""
    return f"{(points + 0).normalize():f}"  # plus 0: a negative zero is none


def diverges(scheme: Scheme, one: Scores, other: Scores) -> bool:
    """Tell whether two assessors are so far apart that a third is called."""
    return abs(total(scheme, one) - total(scheme, other)) > scheme.assessment.assessors.divergence_points


def consensus(scheme: Scheme, assessments: Sequence[Scores]) -> Scores:
    """Bring assessments together, criterion by criterion: the mean of two, the median of three."""
    if not scheme.assessment.assessors.min <= len(assessments) <= MOST_ASSESSORS:
        raise ValueError("There are too few or too many assessments for a consensus.")
    # Of two the median is the mean; of three it leaves the one who stands apart without weight.
    return {
        criterion.id: median(scores[criterion.id] for scores in assessments)
        for criterion in scheme.assessment.criteria
    }


class ComputedOutcome(StrEnum):
    """What the scheme's rules make of the scores; the committee decides with this before it."""

    PASS = "pass"  # noqa: S105 -- an outcome, no password
    INTERVIEW = "interview"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Computed:
    """The total, what follows from it, and every rule that was not met."""

    total: Decimal
    outcome: ComputedOutcome
    failed: tuple[str, ...]


def result(scheme: Scheme, scores: Scores, flags: Collection[Flag], *, interviewed: bool) -> Computed:
    """Work out what follows from the consensus.

    A candidate is heard when the total falls in the band just below passing, or when a flag of the scheme
    is up, whatever the total: doubts about identity or authorship concern good scores most of all. Once
    heard, the scores they left behind settle it: no flag and no band leads to a second interview.

    A total that is high enough does not make up for a critical criterion below its minimum: without a flag
    that is a refusal, not an interview. The band is about totals that nearly reach, and a gap in what the
    profile rests on does not nearly reach.
    """
    rules = scheme.assessment.outcome
    reached = total(scheme, scores)
    failed = tuple(_rules_not_met(rules.passing, scheme.assessment.criteria, scores, reached))
    in_band = rules.interview.total_min <= reached < rules.interview.total_max_excl
    flagged = not set(rules.interview.or_flags).isdisjoint(flags)
    if not interviewed and (in_band or flagged):
        return Computed(reached, ComputedOutcome.INTERVIEW, failed)
    return Computed(reached, ComputedOutcome.REFUSE if failed else ComputedOutcome.PASS, failed)


def _rules_not_met(
    passing: PassRules, criteria: Sequence[Criterion], scores: Scores, reached: Decimal
) -> Iterator[str]:
    if reached < passing.total_min:
        yield "total"
    for criterion in criteria:
        if criterion.critical and scores[criterion.id] < passing.critical_min:
            yield f"critical:{criterion.id}"
    low = [c.id for c in criteria if not c.critical and scores[c.id] < passing.noncritical_min]
    if len(low) > passing.noncritical_exceptions_max:
        yield f"noncritical:{','.join(low)}"


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one assessor handed in: a score for each criterion, and the flags they raised."""

    scores: Scores
    flags: frozenset[Flag]


@dataclass(frozen=True, slots=True)
class Result:
    """What one round of assessment came to."""

    round: int
    scores: Scores
    flags: tuple[Flag, ...]
    interviewed: bool
    computed: Computed


def third_needed(scheme: Scheme, opinions: Sequence[Opinion]) -> bool:
    """Tell whether those who judged are too far apart to be averaged, with nobody yet to settle it."""
    return len(opinions) < MOST_ASSESSORS and _apart(scheme, opinions)


def conclude(
    scheme: Scheme, round_: int, opinions: Sequence[Opinion], rescores: Scores | None
) -> Result | None:
    """Bring a round to its result, or None while it lacks an assessor.

    Whoever was far apart stays on record as a flag, even after a third settled it. A held interview (its
    `rescores` are there, if only as none) takes the place of the consensus where it scored anew.
    """
    if len(opinions) < scheme.assessment.assessors.min or third_needed(scheme, opinions):
        return None
    flags = frozenset[Flag]().union(*(opinion.flags for opinion in opinions))
    if _apart(scheme, opinions):
        flags |= {Flag.DIVERGENCE}
    scores = {**consensus(scheme, [opinion.scores for opinion in opinions]), **(rescores or {})}
    interviewed = rescores is not None
    computed = result(scheme, scores, flags, interviewed=interviewed)
    return Result(round_, scores, tuple(flag for flag in Flag if flag in flags), interviewed, computed)


def _apart(scheme: Scheme, opinions: Sequence[Opinion]) -> bool:
    return any(diverges(scheme, one.scores, other.scores) for one, other in combinations(opinions, 2))
