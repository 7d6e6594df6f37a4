"""What is sent and answered, as types: written from the contract by
`make openapi`, never by hand.

Answers are dicts. Times and days are text, as RFC 3339 has them. Whatever a newer service says beside this is
there too, and of no type.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict


class AccessOut(TypedDict):
    """That somebody opened the dossier, or a file of it: in which role, never who."""

    at: str
    evidence: str | None
    role: str


class AccessesOut(TypedDict):
    """Every opening of a dossier by others than the candidate."""

    data: list[AccessOut]
    next_cursor: NotRequired[None]


class ActivityIn(TypedDict):
    """Something that a holder did."""

    category: str
    claim: NotRequired[bool]
    competences: NotRequired[list[str]]
    ended_on: str
    hours: float | str
    note: NotRequired[str | None]
    proof: NotRequired[list[ProofIn]]
    provider: str
    started_on: str
    title: str
    topics: NotRequired[dict[str, float | str]]


class ActivityOut(TypedDict):
    """An activity with its proofs."""

    category: str
    claimed_at: str | None
    competences: list[str]
    corrects: str | None
    credential: str
    ended_on: str
    hours: str
    id: str
    missing: list[MissingOut]
    note: str | None
    proofs: list[ProofOut]
    provider: str
    question: str | None
    reasons: str | None
    renewal: str | None
    source: ActivitySource
    started_on: str
    state: ActivityState
    title: str
    topics: dict[str, str]


ActivitySource: TypeAlias = Literal["member", "provider"]

ActivityState: TypeAlias = Literal[
    "draft", "claimed", "accepted", "queried", "rejected", "corrected", "locked"
]


class Admission(TypedDict):
    """The path on which a dossier is admitted, and the reasons if it does not satisfy it."""

    derogation: NotRequired[str | None]
    path: str


class AnswerIn(TypedDict):
    """Nothing: what was mended is found in the activities."""

    pass


class AppealOut(TypedDict):
    """Until when and how the decision may be contested."""

    text: LabelsOut
    until: str


class Applicant(TypedDict):
    """The candidate, by name: who declares a tie must know to whom."""

    id: str
    name: str


class ApprovalIn(TypedDict):
    """What goes on record with an approval; a reinstatement takes an interview."""

    interview: NotRequired[InterviewIn | None]
    reasons: NotRequired[str | None]


class AssessmentOut(TypedDict):
    """One assessor's judgement of a dossier in one round."""

    assessor: str
    dossier: str
    flags: list[str]
    id: str
    round: int
    scores: list[ScoreOut]
    submitted_at: str | None
    total: str | None


class Assessments(TypedDict):
    """The assessments of a dossier that the caller may see."""

    data: list[AssessmentOut]
    next_cursor: NotRequired[str | None]


class AssignmentOut(TypedDict):
    """A dossier given to an assessor."""

    assessor: str
    dossier: str
    id: str
    status: AssignmentStatus


AssignmentStatus: TypeAlias = Literal["coi_pending", "accepted", "conflicted", "replaced"]

AuditOut = TypedDict("AuditOut", {"from": "str", "reason": "str", "reply_by": "str"})


class BatchOut(TypedDict):
    """A batch, and how far it is. Once it is `done`, nothing of it changes any more."""

    counts: Counts
    created_at: str
    done: bool
    dry_run: bool
    ended_at: str | None
    id: str
    kind: Kind
    minutes: str | None
    rows: int
    started_at: str | None
    state: BatchState


BatchState: TypeAlias = Literal["queued", "running", "cancelling", "cancelled", "done"]


class BucketOut(TypedDict):
    """What counts in a category or on a topic."""

    counted: str
    id: str
    label: LabelsOut
    max: str | None
    min: str | None


Choice: TypeAlias = Literal["grant", "refuse", "defer", "abstain"]


class ClientChange(TypedDict):
    """What a client is called from now on, and the most that its tokens and keys allow."""

    name: NotRequired[str | None]
    scopes: NotRequired[list[str] | None]


class ClientDetailOut(TypedDict):
    """A registered program, with what it may prove itself with for a token."""

    created_at: str
    id: str
    jwks: list[JwkOut]
    name: str
    scopes: list[str] | None
    secrets: list[SecretOut]


class ClientOut(TypedDict):
    """A registered program, and the most that its tokens and keys allow."""

    created_at: str
    id: str
    name: str
    scopes: list[str] | None


ComputedOutcome: TypeAlias = Literal["pass", "interview", "refuse"]

ConflictKind: TypeAlias = Literal["none", "employment", "collaboration", "training_given", "family", "other"]


class Counts(TypedDict):
    """How many rows wait, and what became of the others."""

    failed: int
    ok: int
    queued: int
    skipped: int


class CountsOut(TypedDict):
    """How many rows became what."""

    created: int
    refused: int
    unchanged: int


class CredentialOut(TypedDict):
    """A register entry as its holder and its registrar see it: dates and documents of the period in force."""

    documents: list[DocumentOut]
    hidden_at: str | None
    holder: str
    holder_name: str
    id: str
    issued_at: str | None
    mode: Mode
    number: str
    periods: list[PeriodOut]
    scheme: str
    state: CredentialState
    valid_from: str
    valid_until: str
    verify_url: str


CredentialState: TypeAlias = Literal[
    "pending", "active", "suspended", "revoked", "not_yet_valid", "expired", "lapsed"
]


class CredentialsOut(TypedDict):
    """A page of the register."""

    data: list[CredentialOut]
    next_cursor: str | None


class CriterionOut(TypedDict):
    """What assessors score."""

    critical: bool
    id: str
    label: LabelsOut
    weight: int


class CureIn(TypedDict):
    """What is to be mended, and why."""

    reasons: str


class CureOut(TypedDict):
    """What is to be mended, and by when."""

    by: str
    reasons: str


class DecisionOut(TypedDict):
    """A decision, with what it is pinned to."""

    appeal: AppealOut | None
    case_file_hash: str
    computed: dict[str, Any]
    decided_on: str | None
    derogation: str | None
    dossier: str
    elsewhere: ElsewhereOut | None
    id: str
    meeting: str
    outcome: DecisionOutcome | None
    published_at: str | None
    quorum: QuorumOut
    reasons: str | None
    round: int
    scheme: str
    scheme_digest: str
    scheme_version: str
    status: DecisionStatus
    tally: TallyOut | None


DecisionOutcome: TypeAlias = Literal["grant", "refuse", "defer"]

DecisionStatus: TypeAlias = Literal["open", "adjourned", "published"]


class DeclarationOut(TypedDict):
    """A declaration, whether it is a conflict, and the assessment that it opened."""

    assessment: str | None
    conflicted: bool
    dossier: str
    id: str
    kind: ConflictKind
    person: str


class DeliveriesOut(TypedDict):
    """The deliveries of a credential, the newest first."""

    data: list[DeliveryOut]


class DeliveryIn(TypedDict):
    """Into which wallet the European Digital Credential goes: that of your e-mail address, or one you
    name.
    """

    language: NotRequired[Literal["it", "en"]]
    to: Literal["email", "wallet"]
    wallet_address: NotRequired[str | None]


class DeliveryOut(TypedDict):
    """A document on its way into a wallet. Where that is, is not told again."""

    asked_at: str
    document: str
    id: str
    reason: str | None
    settled_at: str | None
    state: DeliveryState
    to: RecipientKind
    tried_at: str | None
    viewer_url: str | None


DeliveryState: TypeAlias = Literal["waiting", "delivered", "refused", "failed", "withdrawn"]


class DifferenceOut(TypedDict):
    """Hours of an activity that do not count, and why."""

    code: str
    detail: LabelsOut
    hours: str


class DocumentIn(TypedDict):
    """The format in which a holder wants the credential, beside those it was issued in."""

    format: Literal["ob+jwt", "qr", "edc"]


class DocumentOut(TypedDict):
    """A signed document, without its content."""

    format: Format
    id: str
    issued_at: str
    sha256: str
    superseded_at: str | None


class DossierChange(TypedDict):
    """What a draft says of itself from now on."""

    ai_disclosure: NotRequired[bool | None]
    language: NotRequired[Literal["it", "en"] | None]


class DossierLine(TypedDict):
    """A dossier in a list."""

    id: str
    scheme: str
    status: DossierStatus
    submitted_at: str | None


class DossierOut(TypedDict):
    """A dossier with all that it holds."""

    admission_path: str | None
    ai_disclosure: bool
    applicant: str
    created_at: str
    derogation: str | None
    evidence: list[EvidenceOut]
    gaps: list[DossiersGapOut]
    history: list[StepOut]
    id: str
    language: str
    paths: list[str]
    round: int
    scheme: str
    scheme_version: str | None
    snapshot_hash: str | None
    status: DossierStatus
    submitted_at: str | None


DossierStatus: TypeAlias = Literal[
    "draft",
    "submitted",
    "returned",
    "admitted",
    "in_assessment",
    "interview",
    "ready_for_decision",
    "decided",
    "withdrawn",
    "not_admitted",
    "closed_incomplete",
]


class DrawLink(TypedDict):
    """The draw that a renewal waits or waited in, and where everybody may read of it."""

    commitment: str
    drawn_at: str | None
    id: str
    url: str


class DrawOut(TypedDict):
    """A draw as everybody may read it: before it is held, nothing but the promise."""

    commitment: str
    committed_at: str
    drawn_at: str | None
    id: str
    min_per_batch: int
    population: list[DrawnMember] | None
    sample: list[str] | None
    sample_pct: int
    scheme: str
    seed: str | None
    strata: list[DrawnStratum] | None


class DrawnMember(TypedDict):
    """A renewal that was in a draw, and among which others it was ranked."""

    renewal: str
    stratum: str


class DrawnStratum(TypedDict):
    """Renewals that are alike, and how many of them were taken."""

    name: str
    size: int
    take: int


class ElsewhereOut(TypedDict):
    """By which minutes a decision was imported that a committee took elsewhere."""

    held_on: str
    minutes: str
    sha256: str


class EndpointChange(TypedDict):
    """What becomes of an endpoint; what is not named stays."""

    description: NotRequired[str | None]
    disabled: NotRequired[bool | None]
    types: NotRequired[list[EventType] | None]
    url: NotRequired[str | None]


class EndpointOut(TypedDict):
    """A webhook endpoint, without its secret."""

    created_at: str
    description: str
    disabled: bool
    disabled_reason: str | None
    failing_since: str | None
    former_secret_until: str | None
    id: str
    types: list[str]
    url: str


class EvaluationOut(TypedDict):
    """What a renewal was judged on, as it was kept."""

    as_of: str
    begins: str
    carried: str
    carry_over: str
    categories: list[BucketOut]
    claimed: str
    counted: str
    earned_by: str
    ends: str
    gaps: list[RenewalGapOut]
    lines: list[JudgedLine]
    required: str
    rules: str
    satisfied: bool
    submitted_by: str
    topics: list[BucketOut]
    years: list[YearOut]


class EventOut(TypedDict):
    """Something happened. It names what, and never whom: read the thing itself to learn more."""

    cursor: NotRequired[str | None]
    data: dict[str, str]
    id: str
    timestamp: str
    type: str


class EventPage(TypedDict):
    """A stretch of the feed. It may be empty and have `more`: what happened there was not for you."""

    data: list[EventOut]
    more: bool
    next_cursor: str


EventType: TypeAlias = Literal[
    "dossier.submitted",
    "dossier.admitted",
    "dossier.returned",
    "dossier.turned_down",
    "dossier.withdrawn",
    "assessment.completed",
    "interview.scheduled",
    "interview.held",
    "interview.cancelled",
    "decision.published",
    "credential.issued",
    "document.issued",
    "credential.superseded",
    "credential.suspended",
    "credential.reinstated",
    "credential.revoked",
    "credential.expiring",
    "credential.expired",
    "renewal.opened",
    "renewal.submitted",
    "renewal.audit_selected",
    "renewal.cure_asked",
    "renewal.answered",
    "renewal.bridged",
    "renewal.approved",
    "renewal.refused",
    "renewal.lapsed",
    "appeal.opened",
    "appeal.closed",
    "webhook_endpoint.disabled",
]


class EvidenceKindOut(TypedDict):
    """A kind of evidence: how many items, with which fields, with or without a file."""

    fields: list[FieldOut]
    file: FileNeed
    id: str
    label: LabelsOut
    max_items: int
    min_items: int


class EvidenceOut(TypedDict):
    """A piece of evidence."""

    added_at: str
    fields: dict[str, str | int | float | bool | None]
    file: FileOut | None
    id: str
    kind: str


class ExemptionOut(TypedDict):
    """That less is asked of a holder in a cycle."""

    credential: str
    cycle: int
    decided_at: str
    id: str
    reason: str
    reduction_pct: int


class FaultOut(TypedDict):
    """A field of a row that is wrong."""

    code: str
    detail: LabelsOut
    field: str


FieldKind: TypeAlias = Literal["text", "word", "url", "date", "hours", "percent", "eqf_level"]


class FieldOut(TypedDict):
    """One thing that evidence of a kind states."""

    kind: FieldKind
    name: str
    required: bool


FileNeed: TypeAlias = Literal["required", "optional"]


class FileOut(TypedDict):
    """What is known of a file: its content is fetched apart."""

    media_type: str
    original_name: str
    scan: str
    sha256: str
    size: int


class FileTypeOut(TypedDict):
    """A type of file that is taken in."""

    extensions: list[str]
    media_type: str


class FilesOut(TypedDict):
    """Which files are taken in, and how large they may be."""

    max_bytes: int
    total_bytes: int
    types: list[FileTypeOut]


Flag: TypeAlias = Literal["identity_doubt", "authorship_doubt", "divergence", "interview_wanted"]

Format: TypeAlias = Literal["vc+jwt", "ob+jwt", "qr", "edc"]


class Import(TypedDict):
    """Many activities, each judged for itself: what is wrong with one row spoils no other."""

    rows: list[ImportRow | Any]


class ImportOut(TypedDict):
    """What became of every row, in the order in which they were sent."""

    counts: CountsOut
    results: list[RenewalResultOut]


class ImportRow(TypedDict):
    """An activity of many: its place in the sender's list, and the credential by id or by number."""

    category: str
    claim: NotRequired[bool]
    competences: NotRequired[list[str]]
    credential: str
    ended_on: str
    hours: float | str
    note: NotRequired[str | None]
    proof: NotRequired[list[ProofIn]]
    provider: str
    row: int
    started_on: str
    title: str
    topics: NotRequired[dict[str, float | str]]


class InTwoLanguages(TypedDict):
    """The same words in Italian and in English."""

    en: str
    it: str


class InterviewIn(TypedDict):
    """When whoever wants to come back was talked to, and what came of it."""

    held_on: str
    minutes: str


class InterviewOut(TypedDict):
    """A conversation with the candidate."""

    at: str
    dossier: str
    held_at: str | None
    id: str
    panel: list[str]
    remote: bool
    round: int
    short_notice_agreed: bool
    status: InterviewStatus


InterviewStatus: TypeAlias = Literal["booked", "held", "cancelled"]


class IssuanceIn(TypedDict):
    """The decision that a credential is asked for."""

    decision: str


class JudgedLine(TypedDict):
    """An activity's hours, claimed and counted, without what it was called."""

    activity: str
    claimed: str
    counted: str
    differences: list[DifferenceOut]


class JwkOut(TypedDict):
    """A public key that a client signs its assertions with, and the one algorithm that it is for."""

    alg: str
    created_at: str
    id: str
    jwk: dict[str, str]
    kid: str
    last_used_on: str | None


class KeyOut(TypedDict):
    """A key at the only moment at which it can be read."""

    expires_at: str
    id: str
    token: str | None


class KeyedEndpointOut(TypedDict):
    """A webhook endpoint with its new secret, which is shown now and never again."""

    created_at: str
    description: str
    disabled: bool
    disabled_reason: str | None
    failing_since: str | None
    former_secret_until: str | None
    id: str
    secret: str | None
    types: list[str]
    url: str


Kind: TypeAlias = Literal["members", "credentials", "decisions"]


class LabelsOut(TypedDict):
    """The same words in both languages."""

    en: str
    it: str


class LedgerOut(TypedDict):
    """What a cycle comes to today, or what it came to when it was renewed."""

    as_of: str
    begins: str
    carried: str
    carry_over: str
    categories: list[BucketOut]
    claimed: str
    clock_offset: str | None
    counted: str
    credential: str
    cycle: int
    earned_by: str
    ends: str
    gaps: list[RenewalGapOut]
    lines: list[LineOut]
    per_activity_max: str
    per_day_max: str
    required: str
    rules: str
    satisfied: bool
    submitted_by: str
    topics: list[BucketOut]
    years: list[YearOut]


class LineOut(TypedDict):
    """An activity's hours, claimed and counted."""

    activity: str
    category: str
    claimed: str
    counted: str
    differences: list[DifferenceOut]
    ended_on: str | None
    state: ActivityState | None
    title: str


class ListedKeyOut(TypedDict):
    """A key as everybody who gives keys may see it: what its token begins with, and never the rest."""

    client: str | None
    created_at: str
    expires_at: str
    id: str
    last_used_on: str | None
    person: str | None
    revoked_at: str | None
    scopes: list[str] | None


class Me(TypedDict):
    """Who the key belongs to, and what it allows today."""

    id: str
    name: str
    organisation: str
    permissions: list[str]
    person: bool
    roles: list[Role]


class MeetingOut(TypedDict):
    """A sitting of the committee."""

    held_on: str
    id: str
    present: list[str]


class MemberOut(TypedDict):
    """A person that the organisation knows."""

    email: str
    family_name: str
    given_name: str
    id: str
    memberships: list[MembershipOut]
    name_on_credential: str
    roles: list[RoleOut]


class MembershipChange(TypedDict):
    """What becomes of a membership."""

    state: MembershipState
    to: NotRequired[str | None]


MembershipOut = TypedDict(
    "MembershipOut",
    {"from": "str", "id": "str", "number": "str", "state": "MembershipState", "to": "str | None"},
)

MembershipState: TypeAlias = Literal["active", "suspended", "ended"]


class Minutes(TypedDict):
    """What was said, and what the panel made of it."""

    minutes: str
    rescores: NotRequired[list[Rescore]]


class MinutesOut(TypedDict):
    """What minutes state of a meeting that was held elsewhere."""

    decisions: int
    eligible: int
    held_on: str
    id: str
    language: Literal["it", "en"]
    meeting: str
    members: int
    needed: int
    present: int
    recorded_at: str
    scan: str
    scheme: str
    scheme_version: str
    sha256: str
    size: int


class MissingOut(TypedDict):
    """What keeps an activity from being claimed."""

    code: str
    detail: LabelsOut


Mode: TypeAlias = Literal["test", "live"]


class NewActivity(TypedDict):
    """An activity, and the credential that it is entered for."""

    category: str
    claim: NotRequired[bool]
    competences: NotRequired[list[str]]
    credential: str
    ended_on: str
    hours: float | str
    note: NotRequired[str | None]
    proof: NotRequired[list[ProofIn]]
    provider: str
    started_on: str
    title: str
    topics: NotRequired[dict[str, float | str]]


class NewApiKey(TypedDict):
    """A key to make, for one person or one client."""

    client: NotRequired[str | None]
    expires_at: NotRequired[str | None]
    person: NotRequired[str | None]
    scopes: NotRequired[list[str] | None]


class NewAssignment(TypedDict):
    """The person who is asked to judge a dossier."""

    assessor: str


class NewClient(TypedDict):
    """A program to register, with the most that its tokens and keys will ever allow."""

    name: str
    scopes: NotRequired[list[str] | None]


class NewDecision(TypedDict):
    """The case to decide, and the meeting that decides it."""

    dossier: str
    meeting: str


class NewDeclaration(TypedDict):
    """One's ties to the candidate; no end means that the tie still holds."""

    ended_on: NotRequired[str | None]
    kind: ConflictKind
    note: NotRequired[str | None]


class NewDossier(TypedDict):
    """A dossier to begin; an API client says for whom."""

    ai_disclosure: bool
    applicant: NotRequired[str | None]
    language: Literal["it", "en"]
    scheme: str


class NewEndpoint(TypedDict):
    """Where to send events."""

    description: NotRequired[str]
    types: NotRequired[list[EventType]]
    url: str


class NewEvidence(TypedDict):
    """A piece of evidence as a form: `fields` is the text of one JSON object."""

    fields: NotRequired[str]
    file: NotRequired[str | None]
    kind: str


class NewExemption(TypedDict):
    """That less is asked of a holder in a cycle: the one at work, unless another is named."""

    credential: str
    cycle: NotRequired[int | None]
    reason: str
    reduction_pct: int


class NewInterview(TypedDict):
    """When the candidate is heard, and by whom."""

    at: str
    panel: list[str]
    remote: bool
    short_notice_agreed: NotRequired[bool]


class NewMeeting(TypedDict):
    """A sitting of the committee, today unless told otherwise, and who was there."""

    held_on: NotRequired[str | None]
    present: list[str]


class NewMember(TypedDict):
    """A person to enter."""

    email: str
    family_name: str
    given_name: str
    membership: NotRequired[NewMembership | None]
    name_on_credential: NotRequired[str | None]
    roles: NotRequired[list[Role]]


NewMembership = TypedDict("NewMembership", {"from": "str", "number": "str", "to": "NotRequired[str | None]"})


class NewMinutes(TypedDict):
    """What signed minutes state, and the minutes themselves, as a form."""

    decisions: int
    eligible: int
    file: str
    held_on: str
    language: NotRequired[Literal["it", "en"]]
    members: int
    present: int
    scheme: str


class NewProof(TypedDict):
    """A proof as a form: its kind, words, a file."""

    file: NotRequired[str | None]
    kind: str
    reference: NotRequired[str | None]


NewRole = TypedDict(
    "NewRole", {"from": "NotRequired[str | None]", "role": "Role", "to": "NotRequired[str | None]"}
)


class NewScore(TypedDict):
    """A score for one criterion, with its words and the evidence that it rests on."""

    comment: NotRequired[str]
    criterion: str
    evidence: list[str]
    value: float


class NewScores(TypedDict):
    """All the scores of an assessment so far."""

    scores: list[NewScore]


class NewSecretIn(TypedDict):
    """A secret to make; it lives for a year unless told otherwise, and for two at most."""

    expires_at: NotRequired[str | None]


class NewSecretOut(TypedDict):
    """A secret at the only moment at which it can be read."""

    expires_at: str
    id: str
    secret: str | None


class NewVote(TypedDict):
    """What a member says; abstaining is being there, not voting."""

    choice: Choice


class ObstacleOut(TypedDict):
    """Something that keeps a holder from filing today."""

    code: str
    detail: InTwoLanguages


Outcome: TypeAlias = Literal["created", "unchanged", "refused"]


class OwnAssignment(TypedDict):
    """A dossier given to the caller, with their assessment of it in its latest round."""

    assessment: str | None
    dossier: str
    id: str
    status: AssignmentStatus


class OwnAssignments(TypedDict):
    """The dossiers given to the caller."""

    data: list[OwnAssignment]
    next_cursor: NotRequired[str | None]


class PartiesOut(TypedDict):
    """What one must know to declare one's ties."""

    applicant: Applicant
    id: str
    scheme: str


class PathOut(TypedDict):
    """One way of being admitted to the assessment."""

    degree_fields: list[str]
    degree_min_eqf: int | None
    dl_training_hours_min: float
    experience_months_min: int
    id: str
    project_sheets_min: int


PeriodKind: TypeAlias = Literal["grant", "renewal", "bridge"]


class PeriodOut(TypedDict):
    """A time for which the credential holds: granted, renewed, or bridged while a renewal is under review."""

    cycle: int
    documents: list[DocumentOut]
    ended_on: str | None
    kind: PeriodKind
    seq: int
    valid_from: str
    valid_until: str


Phase: TypeAlias = Literal["not_open", "open", "grace", "reinstatement", "lapsed"]


class Problem(TypedDict):
    """What went wrong (RFC 9457). `type` leads to a page that says what to do; `code` is for programs."""

    code: NotRequired[str]
    detail: NotRequired[str]
    errors: NotRequired[list[ProblemErrors]]
    instance: NotRequired[str]
    request_id: NotRequired[str]
    status: int
    title: str
    type: str


class ProblemErrors(TypedDict):
    code: NotRequired[str]
    detail: NotRequired[str | InTwoLanguages]
    pointer: NotRequired[str]


class ProofIn(TypedDict):
    """A proof that is told in words: an address, or who can confirm it and how to reach them."""

    kind: str
    reference: NotRequired[str | None]


class ProofOut(TypedDict):
    """A proof; its file is fetched apart."""

    id: str
    kind: str
    original_name: str | None
    reference: str | None
    scan: str | None
    sha256: str | None
    size: int | None


class Publication(TypedDict):
    """The committee's reasons: needed for everything but a grant; a grant below the thresholds needs more."""

    derogation: NotRequired[str]
    reasons: NotRequired[str]


class Question(TypedDict):
    """What the office wants to know: words that the holder reads."""

    question: str


class QuorumOut(TypedDict):
    """How many voters the case needs and has: as things stand, and as they stood once it is published."""

    needed: int
    ok: bool
    present: int


class Reasons(TypedDict):
    """Why: words that the candidate reads."""

    reasons: str


class ReceiptFile(TypedDict):
    """A file that was handed in."""

    evidence: str
    kind: str
    original_name: str
    scan: str
    sha256: str
    size: int


class ReceiptOut(TypedDict):
    """What was handed in and when, for the candidate to keep."""

    dossier: str
    files: list[ReceiptFile]
    scheme: str
    scheme_version: str
    snapshot_hash: str
    submitted_at: str


RecipientKind: TypeAlias = Literal["email", "wallet"]


class RefusalIn(TypedDict):
    """Why a renewal is refused."""

    reasons: str


class RegisterIn(TypedDict):
    """Whether anybody may look a number up."""

    open: bool


class RegisterOut(TypedDict):
    """Whether anybody may look a number up."""

    open: bool


class ReinstatementIn(TypedDict):
    """Why a suspension ends."""

    reasons: str


class Rejection(TypedDict):
    """Why an activity is turned down: words that the holder reads."""

    reasons: str


class RenewalDecisionOut(TypedDict):
    """What became of a renewal, and why."""

    on: str
    outcome: RenewalState
    reasons: str | None


class RenewalIn(TypedDict):
    """The credential to renew."""

    credential: str


RenewalKind: TypeAlias = Literal["renewal", "reinstatement"]


class RenewalLine(TypedDict):
    """A renewal in a list: without the evaluation, which may be long."""

    audit: AuditOut | None
    bridge: SpanOut | None
    credential: str
    cure: CureOut | None
    cycle: int
    decision: RenewalDecisionOut | None
    draw: DrawLink | None
    filed_at: str
    id: str
    kind: RenewalKind
    late: bool
    period: SpanOut | None
    rules: str
    state: RenewalState


class RenewalOut(TypedDict):
    """A renewal as its holder and those who handle it see it."""

    audit: AuditOut | None
    bridge: SpanOut | None
    credential: str
    cure: CureOut | None
    cycle: int
    decision: RenewalDecisionOut | None
    draw: DrawLink | None
    evaluation: EvaluationOut
    filed_at: str
    id: str
    kind: RenewalKind
    late: bool
    period: SpanOut | None
    rules: str
    state: RenewalState


class RenewalStandingOut(TypedDict):
    """Where a credential stands on the way to its renewal, by the days of its cycle."""

    bridge_if_filed_by: str
    credential: str
    cycle: int
    expires_on: str
    grace_until: str
    may_file: bool
    opens_on: str
    phase: Phase
    reinstatement_until: str
    renewal: RenewalOut | None
    today: str
    why_not: list[ObstacleOut]


RenewalState: TypeAlias = Literal["submitted", "audit", "cure", "approved", "refused"]


class ReplayOut(TypedDict):
    """From where on everything is sent once more."""

    after: str


class Rescore(TypedDict):
    """A criterion that the panel scored anew."""

    criterion: str
    value: float


class RevocationIn(TypedDict):
    """Why a credential is revoked, for good."""

    cause: str
    reasons: str


class RevokedKeyOut(TypedDict):
    """A key that ended."""

    id: str
    revoked_at: str


class RevokedSecretOut(TypedDict):
    """A secret that ended, and with it every token that was given for it."""

    id: str
    revoked_at: str


Role: TypeAlias = Literal[
    "secretariat",
    "scheme_manager",
    "assessor",
    "committee_member",
    "chair",
    "registrar",
    "auditor",
    "administrator",
]


class RoleEnd(TypedDict):
    """The last day on which a role is held; without one it ends at once."""

    to: NotRequired[str | None]


RoleOut = TypedDict("RoleOut", {"from": "str", "role": "Role", "to": "str | None"})


class RotationIn(TypedDict):
    """How long the old key is still good beside the new one."""

    overlap_hours: NotRequired[int]


Route: TypeAlias = Literal["edc", "art7", "iso17024-external"]

RowState: TypeAlias = Literal["begun", "ok", "failed", "skipped"]


class SchemeLine(TypedDict):
    """A scheme in a list."""

    code: str
    digest: str
    effective_from: str
    id: str
    status: SchemeStatus
    title: LabelsOut
    version: str


class SchemeOut(TypedDict):
    """A version of a scheme, as far as a candidate needs to know it."""

    code: str
    criteria: list[CriterionOut]
    digest: str
    effective_from: str
    evidence_kinds: list[EvidenceKindOut]
    files: FilesOut
    id: str
    mission: LabelsOut
    paths: list[PathOut]
    route: Route
    scale_max: float
    scale_min: float
    scale_step: float
    standard: str
    statements: list[StatementOut]
    status: SchemeStatus
    title: LabelsOut
    validity: str
    version: str


SchemeStatus: TypeAlias = Literal["draft", "active", "retired"]


class ScoreOut(TypedDict):
    """A score as it was given."""

    comment: str
    criterion: str
    evidence: list[str]
    value: float


class SecretOut(TypedDict):
    """A secret, by what it begins with; the rest was shown once."""

    created_at: str
    expires_at: str
    id: str
    last_used_on: str | None


class SpanOut(TypedDict):
    """A period that rests on a renewal."""

    ended_on: str | None
    seq: int
    valid_from: str
    valid_until: str


class StatementOut(TypedDict):
    """A responsibility or a competence of the profile: activities name those that they kept up."""

    id: str
    label: LabelsOut


class StepOut(TypedDict):
    """A step of the dossier. The candidate is not told who of the organisation took it."""

    at: str
    by: str | None
    reasons: str | None
    status: DossierStatus


class Submission(TypedDict):
    """What goes with an assessment when it is handed in."""

    flags: NotRequired[list[Literal["identity_doubt", "authorship_doubt", "interview_wanted"]]]


class SuspensionIn(TypedDict):
    """Why a credential is suspended, and when that is looked at again (the latest day, if none is named)."""

    cause: str
    reasons: str
    review_on: NotRequired[str | None]


class TallyOut(TypedDict):
    """How the votes fell."""

    abstain: int
    defer: int
    grant: int
    refuse: int


class VoteOut(TypedDict):
    """A vote as it was cast."""

    choice: Choice
    decision: str


class WebhookDeliveryOut(TypedDict):
    """How an event fares on its way to an endpoint."""

    attempts: int
    created_at: str
    error: str | None
    event_id: str
    id: str
    next_try_at: str | None
    settled_at: str | None
    state: WebhookDeliveryState
    status_code: int | None
    tried_at: str | None
    type: str


WebhookDeliveryState: TypeAlias = Literal["waiting", "delivered", "given_up"]


class Withdrawal(TypedDict):
    """Why the candidate takes the dossier back, if they care to say."""

    reasons: NotRequired[str | None]


class YearOut(TypedDict):
    """What counts in a year of the cycle."""

    begins: str
    counted: str
    ends: str
    min: str
    number: int


class AssessmentsNothing(TypedDict):
    """A body with nothing in it."""

    pass


class AssessmentsResultOut(TypedDict):
    """What a round came to; while a third assessor is needed there is no total and no outcome."""

    consensus: dict[str, str]
    failed: list[str]
    flags: list[Flag]
    interviewed: bool
    needs_third: bool
    outcome: ComputedOutcome | None
    round: int
    total: str | None


class BatchesResultOut(TypedDict):
    """What became of a row: the ids of what it made or found, or a code that says why not."""

    code: str | None
    credential: NotRequired[str | None]
    decision: NotRequired[str | None]
    dossier: NotRequired[str | None]
    external_id: str
    membership: NotRequired[str | None]
    person: NotRequired[str | None]
    row: int
    state: RowState


class DossiersGapOut(TypedDict):
    """What keeps a draft from being handed in."""

    code: str
    detail: LabelsOut
    evidence: str | None
    kind: str


class RenewalGapOut(TypedDict):
    """What is missing, by when it is to be earned and by when to be claimed."""

    code: str
    detail: LabelsOut
    due: str
    file_by: str
    missing: str
    what: str


class RenewalNothing(TypedDict):
    """An empty object."""

    pass


class RenewalResultOut(TypedDict):
    """What became of a row; `code` and `detail` say why it was refused, or why it stayed a draft."""

    activity: str | None
    code: str | None
    detail: LabelsOut | None
    faults: list[FaultOut]
    outcome: Outcome
    row: int | None
    state: ActivityState | None


class Report(TypedDict):
    checked_at: str
    checks: list[ReportChecks]
    clock_offset: str | None
    credential: ReportCredential | None
    headline: InTwoLanguages
    issuer: ReportIssuer | None
    mode: Literal["live", "test", "unknown"]
    qualified: ReportQualified | None
    result: Literal["valid", "valid_with_warnings", "invalid", "unknown"]


class ReportChecks(TypedDict):
    checked_at: str
    code: str
    id: Literal[
        "format", "integrity", "issuer_trust", "validity_period", "status", "register_match", "superseded"
    ]
    reason: InTwoLanguages
    stamps: NotRequired[list[ReportChecksStamps]]
    state: Literal["pass", "fail", "warn", "not_checked", "not_applicable"]


class ReportChecksStamps(TypedDict):
    at: str | None
    code: Literal[
        "stamp-trusted",
        "stamp-revocation-unknown",
        "stamp-impossible",
        "stamp-not-checked",
        "stamp-revoked",
        "stamp-ended",
        "stamp-unknown",
        "stamp-broken",
    ]
    kind: Literal["adoTst", "sigTst", "arcTst"]
    proves: bool
    reason: InTwoLanguages


class ReportCredential(TypedDict):
    """What may be shown of the content, once the seal has proved it."""

    holder_name: NotRequired[str | None]
    number: NotRequired[str | None]
    scheme_title: NotRequired[InTwoLanguages]
    standard: NotRequired[str]
    state: NotRequired[str]
    valid_from: NotRequired[str | None]
    valid_until: NotRequired[str | None]
    wording: NotRequired[InTwoLanguages]


class ReportIssuer(TypedDict):
    name: NotRequired[str]


class ReportQualified(TypedDict):
    """Whether it is a qualified electronic seal (Regulation (EU) 910/2014, 3(27)), by the trusted lists
    that this service has read. Null where the integrity is not proven.
    """

    answer: Literal["yes", "no", "not_checked"]
    code: Literal[
        "qualified-seal",
        "qualified-certificate-only",
        "certificate-not-qualified",
        "service-not-granted",
        "issuer-not-listed",
        "seal-does-not-hold",
        "no-trusted-lists",
        "trusted-list-old",
        "issuer-not-in-lists-read",
        "certificate-unreadable",
        "seal-for-trying",
        "seal-owner-unproven",
    ]
    reason: InTwoLanguages
    trusted_list: ReportQualifiedTrustedList | None


class ReportQualifiedTrustedList(TypedDict):
    issued: NotRequired[str]
    next_update: NotRequired[str | None]
    read_at: NotRequired[str]
    sequence: NotRequired[int]
    territory: NotRequired[str]


class Reports(TypedDict):
    reports: list[Report | Refused]


class Refused(TypedDict):
    problem: dict[str, Any]
