"""What shows that an activity was done: whether it will do, and how its files are taken in and handed out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy.orm import Session

from app.core.errors import Problem
from app.core.ids import new_id
from app.core.labels import Labels
from app.dossiers import forgetting, intake
from app.dossiers.errors import FileInfected, FileTooLarge
from app.dossiers.intake import Kept, Offered
from app.organisations.errors import PermissionMissing
from app.organisations.idempotency import ANEW, Once
from app.organisations.rules import READS_EVERY_ACTIVITY, Actor, Role
from app.organisations.service import today_of
from app.outbox import trail
from app.ports import Ports, ScanResult
from app.renewal import entering, holding, queries
from app.renewal.entering import NEEDS_FILE, NOT_PROOF, WORDS, Fault, Reference
from app.renewal.errors import (
    CpdActivityClosedToChanges,
    CpdProofNotFound,
    CpdProofTooMany,
    CpdProofWrong,
)
from app.renewal.models import CpdActivity, CpdProof, Renewal
from app.renewal.queries import Terms
from app.renewal.states import ActivitySource, ActivityState, RenewalState
from app.schemes.scheme import Scheme

MOST_PROOFS: Final = 20
MOST_BYTES: Final = 500_000_000  # of one credential
OPEN: Final = frozenset({ActivityState.DRAFT, ActivityState.CLAIMED, ActivityState.QUERIED})
NO_PROOF: Final = Labels(
    it="Manca una prova: un attestato, un registro di presenza o un elaborato come file, un indirizzo https, "
    "o il nome di chi può confermare. " + NOT_PROOF.it,
    en="A proof is missing: a certificate, a record of attendance or a piece of work as a file, an https "
    "address, or the name of somebody who can confirm it. " + NOT_PROOF.en,
)
NO_FILE: Final = Labels(
    it="Alla prova manca il file. " + NOT_PROOF.it, en="The proof lacks its file. " + NOT_PROOF.en
)
INFECTED: Final = Labels(
    it="Nel file è stato trovato codice dannoso: serve un altro.",
    en="Malicious code was found in the file: send another.",
)
RENEWAL_PENDING: Final = Labels(
    it="Un rinnovo di questo ciclo è in corso: si può registrare quando sarà deciso.",
    en="A renewal of this cycle is being decided: it can be claimed once that is done.",
)


@dataclass(frozen=True, slots=True)
class Lacking:
    """What keeps a draft from being claimed."""

    code: str
    detail: Labels


def lacking(activity: CpdActivity, terms: Terms, *, today: date) -> tuple[Lacking, ...]:
    """Tell what keeps an activity from being claimed. What a provider vouches for needs no proof."""
    found = () if activity.source is ActivitySource.PROVIDER else _unproved(activity.proofs)
    if is_held(activity, terms, today=today):
        return (*found, Lacking("renewal-pending", RENEWAL_PENDING))
    return found


def is_held(activity: CpdActivity, terms: Terms, *, today: date) -> bool:
    """Tell whether a renewal that is being decided keeps an activity as it is.

    A question that was asked about what was filed is answered meanwhile.
    """
    return terms.held(activity.ended_on, today=today) and not _is_asked(activity, terms.pending)


def _is_asked(activity: CpdActivity, renewal: Renewal | None) -> bool:
    return (
        activity.state is ActivityState.QUERIED
        and renewal is not None
        and renewal.state is not RenewalState.CURE
        and activity.reviewed_at is not None
        and activity.reviewed_at >= renewal.filed_at
    )


def _unproved(proofs: Iterable[CpdProof]) -> tuple[Lacking, ...]:
    """One proof that will do is enough; without one, say what is wrong with each that there is."""
    wrong = [_wanting(proof) for proof in proofs]
    if any(each is None for each in wrong):
        return ()
    return tuple(each for each in wrong if each) or (Lacking("proof-missing", NO_PROOF),)


def _wanting(proof: CpdProof) -> Lacking | None:
    if proof.kind in NEEDS_FILE and proof.sha256 is None:
        return Lacking("proof-file-missing", NO_FILE)
    return Lacking("proof-infected", INFECTED) if proof.scan == ScanResult.INFECTED else None


def refer(activity: CpdActivity, references: Iterable[Reference], *, by: Actor, at: datetime) -> None:
    """Write down the proofs that are told in words, each once."""
    known = {(proof.kind, proof.reference) for proof in activity.proofs if proof.sha256 is None}
    for told in references:
        if (told.kind, told.reference) not in known:
            known.add((told.kind, told.reference))
            _require_room(activity)
            activity.proofs.append(_proof(activity, told, None, by=by.id, at=at))


def inherit(newer: CpdActivity, older: CpdActivity) -> None:
    """Let a corrected version keep what proved the one before it."""
    for proof in older.proofs:
        told = Reference(proof.kind, proof.reference)
        copied = _proof(newer, told, None, by=proof.added_by, at=proof.added_at)
        copied.sha256, copied.size, copied.media_type = proof.sha256, proof.size, proof.media_type
        copied.original_name, copied.scan = proof.original_name, proof.scan
        newer.proofs.append(copied)


def add(
    ports: Ports,
    activity_id: str,
    *,
    kind: str,
    reference: str | None,
    offered: Offered | None,
    by: Actor,
    at: datetime,
    once: Once = ANEW,
) -> tuple[CpdProof, bool]:
    """Add a proof, with its file if there is one; tell whether it is new.

    Files are taken in as those of dossiers are: with no transaction open, between a read that may refuse
    and a write that asks again.
    """
    told = Reference(kind, reference)
    with ports.database.reading(by.organisation_id) as session:
        activity, terms = holding.own(session, activity_id, by=by)
        today = today_of(session, by.organisation_id, at)
        scheme = _takes(activity, terms, told, today=today, with_file=offered is not None)
        held = queries.bytes_of(session, activity_id)
        if offered is not None:
            _require_shelf(queries.bytes_of_credential(session, activity.credential_id), 1)
    kept = None if offered is None else intake.take_in(ports, offered, scheme.files, held)
    try:
        with ports.database.writing(by.organisation_id) as session:
            once.claim(session)
            made = _name(session, activity_id, told, kept, by=by, at=at)
            once.keep(session, made)
            return made
    except Problem:
        if kept is not None:
            with ports.database.writing(by.organisation_id) as session:
                forgetting.leave(session, kept.stored.sha256, organisation_id=by.organisation_id, at=at)
        raise


def _takes(activity: CpdActivity, terms: Terms, told: Reference, *, today: date, with_file: bool) -> Scheme:
    """Insist that the activity may take a proof, and that the proof is of the kind that it says."""
    if activity.state not in OPEN or _is_under_renewal(activity, terms, today):
        raise CpdActivityClosedToChanges(
            "Proofs are added to drafts, and to claimed and queried activities that no renewal waits for.",
            state=activity.state.value,
        )
    scheme = terms.of(activity.ended_on).scheme
    if wrong := list(_faults(scheme, told, with_file=with_file)):
        raise CpdProofWrong("See `faults` for what is wrong.", faults=[fault.as_json() for fault in wrong])
    return scheme


def _is_under_renewal(activity: CpdActivity, terms: Terms, today: date) -> bool:
    return activity.state is not ActivityState.DRAFT and is_held(activity, terms, today=today)


def _faults(scheme: Scheme, told: Reference, *, with_file: bool) -> Iterator[Fault]:
    yield from entering.reference_faults(scheme, told.kind, told.reference)
    if told.kind in NEEDS_FILE and not with_file:
        yield Fault("file", "file-needed", WORDS["file-needed"])


def _require_room(activity: CpdActivity) -> None:
    if len(activity.proofs) >= MOST_PROOFS:
        raise CpdProofTooMany(f"At most {MOST_PROOFS} proofs are taken for one activity.", most=MOST_PROOFS)


def _require_shelf(held: int, size: int) -> None:
    """Insist that all the proofs of one credential together weigh no more than they may."""
    if held + size > MOST_BYTES:
        raise FileTooLarge(
            f"The proofs of one credential weigh at most {MOST_BYTES // 1_000_000} MB together.",
            limit=MOST_BYTES,
        )


def _name(
    session: Session, activity_id: str, told: Reference, kept: Kept | None, *, by: Actor, at: datetime
) -> tuple[CpdProof, bool]:
    """Write the row that names the proof, after asking again what may have changed meanwhile."""
    activity, terms = holding.own(session, activity_id, by=by, lock=True)
    today = today_of(session, by.organisation_id, at)
    scheme = _takes(activity, terms, told, today=today, with_file=kept is not None)
    sha256 = kept and kept.stored.sha256
    for known in activity.proofs:
        if (known.kind, known.reference, known.sha256) == (told.kind, told.reference, sha256):
            return known, False
    _require_room(activity)
    if kept is not None:
        intake.require_room(scheme.files, queries.bytes_of(session, activity_id), kept.stored.size)
        _require_shelf(queries.bytes_of_credential(session, activity.credential_id), kept.stored.size)
    proof = _proof(activity, told, kept, by=by.id, at=at)
    activity.proofs.append(proof)
    session.flush()
    holding.record(
        session,
        activity,
        "cpd.proof-added",
        by=by.id,
        at=at,
        proof=proof.id,
        kind=proof.kind,
        scan=proof.scan,
    )
    return proof, True


def remove(session: Session, activity_id: str, proof_id: str, *, by: Actor, at: datetime) -> None:
    """Let a holder take back a proof that they added, as long as the activity is theirs to mend."""
    activity, terms = holding.own(session, activity_id, by=by, lock=True)
    proof = queries.proof_of(activity, proof_id)
    if proof is None:
        raise CpdProofNotFound("There is no such proof with this activity.")
    today = today_of(session, by.organisation_id, at)
    mendable = activity.state in {ActivityState.DRAFT, ActivityState.QUERIED}
    if not mendable or _is_under_renewal(activity, terms, today):
        raise CpdActivityClosedToChanges(
            "Proofs are taken back from drafts, and from queried activities that no renewal waits for.",
            state=activity.state.value,
        )
    if proof.added_by != by.id:
        raise CpdActivityClosedToChanges("The provider added this proof: it stays with what it recorded.")
    if proof.sha256 is not None:
        forgetting.leave(session, proof.sha256, organisation_id=activity.organisation_id, at=at)
    activity.proofs.remove(proof)
    session.delete(proof)
    session.flush()
    holding.record(session, activity, "cpd.proof-removed", by=by.id, at=at, proof=proof.id, kind=proof.kind)


def _proof(activity: CpdActivity, told: Reference, kept: Kept | None, *, by: str, at: datetime) -> CpdProof:
    return CpdProof(
        id=new_id("prf"),
        organisation_id=activity.organisation_id,
        activity_id=activity.id,
        kind=told.kind,
        reference=told.reference,
        sha256=kept and kept.stored.sha256,
        size=kept and kept.stored.size,
        media_type=kept and kept.recognised.type.media_type,
        original_name=kept and kept.recognised.name,
        scan=kept and kept.scan.value,
        added_by=by,
        added_at=at,
    )


def file_of(
    session: Session, activity_id: str, proof_id: str, *, by: Actor, at: datetime
) -> tuple[CpdProof, str]:
    """Let the holder or the office fetch a file, and give the hash under which its bytes lie.

    Programs fetch none: what they recorded may be proved by what its holder added.
    Whoever is not the holder is written down, in the transaction that ends before the answer leaves.
    """
    if not by.is_person:
        raise PermissionMissing("Only persons fetch the files of proofs.")
    activity = holding.readable(session, activity_id, by=by)
    proof = queries.proof_of(activity, proof_id)
    if proof is None or proof.sha256 is None:
        raise CpdProofNotFound("There is no such file with this activity.")
    if by.id != activity.holder_id:
        role = next(role for role in Role if role in READS_EVERY_ACTIVITY and by.has(role))
        trail.record(
            session,
            "cpd.proof-read",
            organisation_id=activity.organisation_id,
            by=by.id,
            at=at,
            about={"activity": activity.id, "holder": activity.holder_id, "proof": proof.id},
            facts={"role": role.value},
        )
    if proof.scan == ScanResult.INFECTED:
        raise FileInfected("The scanner found malicious code in this file. Replace it.")
    return proof, proof.sha256
