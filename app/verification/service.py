"""The one engine of verification: what a document proves, what the register says of it, and the report.

Three steps, all of them pure. `examine` needs the document and our keys; `compare` needs the entry in the
register; `report` needs the time. So what does not change with the hour is worked out once and remembered.
"""

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from operator import attrgetter
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.core import days
from app.core.labels import Labels
from app.formats import q1
from app.formats.claims import Format
from app.formats.instants import seconds
from app.formats.jades_checks import SealFinding
from app.formats.qualified import Answer, era, qualified
from app.formats.reading import ReadCredential
from app.formats.vc import in_both
from app.formats.x509 import ChainFinding, Standing, host_of
from app.ports import PublicKey, TrustedList
from app.schemes.catalogue import catalogue
from app.schemes.errors import SchemeNotFound
from app.schemes.scheme import Scheme
from app.verification import rules, sealed, words
from app.verification.entries import Document, Entry
from app.verification.examining import Examined, claims_to_be_ours, examine
from app.verification.report import Check, CheckName, Outcome, QualifiedSeal, Report, Shown, State
from app.verification.rules import ROME, RegisterFacts, found
from app.verification.trust import Chain, Claimed, Keyring

SECOND: Final = timedelta(seconds=1)
BRIDGE: Final = "bridge"
ALWAYS: Final = datetime(1970, 1, 1, tzinfo=UTC)
LISTED_STATES: Final[Mapping[str, State]] = {
    "status-revoked-listed": State.REVOKED,
    "status-suspended-listed": State.SUSPENDED,
}
# Findings by which it is proven who sealed a document that is not ours.
NAMED: Final = frozenset({"issuer-trusted", "issuer-trusted-sealed", "issuer-trusted-sealed-then"})
NOT_ASKED: Final = "register-not-asked"
FOREVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Listed:
    """What the lists of an issuer say of a document, and as of when; None where no list could be read."""

    code: str
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Newer:
    """A later period of the same credential, which takes a document's place once it has begun."""

    begins: datetime
    first: date
    last: date
    bridge: bool


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of a document whatever the hour, small enough to be remembered."""

    format: str
    integrity: str | None = None
    register: str = "register-elsewhere"
    ours: bool = False
    chain: Chain = ()
    claimed: Claimed | None = None  # who has to be borne out by the chain; None where the key is our own
    misused: bool = False
    trial: bool = False  # its seal is one of our own for trying things
    compromised: bool = False  # nothing proves that the seal is older than the loss of its key
    unlisted: bool = False  # an offline QR names its body by a number that no body has
    proven_at: datetime | None = None  # for which our register proves the seal
    begins: datetime | None = None
    ends: datetime | None = None  # the first instant at which it is no longer valid
    facts: RegisterFacts | None = None
    newer: tuple[Newer, ...] = ()  # the periods after its own, in their order
    bridge: bool = False  # it covers its holder while a renewal is under review
    began: bool = True  # the review did not end it before its first day
    renewable_until: date | None = None  # the last day of grace, where it counts
    status_offered: bool = True
    vouched: bool = False  # its key is published by an issuer that the operator trusts
    listed: Listed | None = None  # what the lists of a foreign issuer say
    seal: SealFinding | None = None  # of a sealed document in JSON, as of the time of the question
    shown: Shown | None = None
    mode: str = "unknown"
    zone: tzinfo = ROME


@dataclass(frozen=True, slots=True)
class Held:
    """A period of a credential, and what is known of its document."""

    since: datetime
    known: Known


def compare(
    examined: Examined,
    entry: Entry | None,
    keyring: Keyring,
    *,
    stored_as: Document | None = None,
    listed: Listed | None = None,
    bodies: Collection[int] | None = None,
) -> Known:
    """Put a document beside the register's entry, if there is one, or beside the row it was stored as.

    `bodies` are the numbers by which an offline QR may name the body that issued it, where they are known.
    """
    says = examined.says
    if not examined.proven or says is None:
        return Known(examined.format, examined.integrity, seal=examined.seal)
    ours = claims_to_be_ours(examined, keyring)
    said: dict[str, Any] = dict(  # noqa: C408 - the names of fields; the object is made once, of all of them
        format=examined.format,
        integrity=examined.integrity,
        ours=ours,
        chain=examined.chain,
        claimed=None if examined.key else Claimed(says.iss, says.issuer_name, says.issuer_identifier),
        misused=examined.misused or _of_another(examined.key, says, examined.code, entry, keyring),
        trial=examined.key is not None and examined.key.development,
        begins=says.valid_from,
        status_offered=bool(says.status or says.other_status or says.token_status),
        vouched=examined.bound and says.iss in keyring.trusted,
        # Its lists can be asked, as those of a compact one; where nobody did, they tell nothing.
        listed=listed or (Listed("status-unreachable") if examined.token else None),
        seal=examined.seal,
        unlisted=examined.code is not None and bodies is not None and examined.code.issuer_code not in bodies,
    )
    said_end = says.valid_until + SECOND if says.valid_until else None
    document = stored_as
    if ours and entry is not None and document is None:
        document = next((each for each in entry.documents if each.jti == says.jti), None)
    if not ours or entry is None or document is None:
        return Known(
            **said,
            register="register-has-no-entry" if ours else "register-elsewhere",
            compromised=_compromised(examined.key, proven_at=None),
            ends=said_end,
            shown=_said(says, _called(examined.code.scheme) if examined.code else None),
            mode="test" if says.test else "unknown",
        )
    zone = ZoneInfo(entry.time_zone)
    scheme = _scheme(entry, document)
    began = document.first_day <= document.through
    ends = days.first_instant_after(document.through, zone)
    stored = examined.key is not None and document.sha256 == examined.sha256
    if examined.code is not None:
        says = _completed(says, examined.code, entry, scheme, zone)
    agrees = stored and not _contradictions(says, entry, document, scheme, zone)
    return Known(
        **said,
        register="register-agrees" if agrees else "register-contradicts",
        proven_at=document.issued_at if stored else None,
        compromised=_compromised(examined.key, proven_at=document.issued_at if stored else None),
        ends=min(said_end or ends, ends),
        facts=RegisterFacts(
            revoked_at=entry.revoked_at,
            surrendered_at=None,
            suspended_at=entry.suspended_at,
            valid_from=days.start_of(document.first_day, zone) if began else ALWAYS,
            valid_until_exclusive=ends if began else ALWAYS,
            # Whatever ended with its period gave way to a decision, and to a newer document only with it.
            superseded=document.superseded_at is not None and not document.ended_early,
            closed_at=entry.closed_at,
        ),
        newer=_newer(entry, document, zone),
        bridge=document.kind == BRIDGE,
        began=began,
        renewable_until=_renewable_until(entry),
        shown=_said(says, scheme),
        mode="test" if _in_test(examined, entry) else "live",
        zone=zone,
    )


def _of_another(
    key: PublicKey | None,
    says: ReadCredential,
    code: q1.Content | None,
    entry: Entry | None,
    keyring: Keyring,
) -> bool:
    """Tell whether a key of ours is the own one of a body other than whoever issued this, or is said to.

    Bodies without a host of their own are called alike, so of those only the register can tell.
    """
    if key is None:
        return False
    named = keyring.speaks_as(key, says.iss) and (code is None or key.speaks_for(code.issuer_code))
    return not (named and (entry is None or key.speaks_for(entry.issuer_code)))


def _compromised(key: PublicKey | None, *, proven_at: datetime | None) -> bool:
    """Tell whether a key was in other hands at the time for which we hold proof; without proof, at any."""
    if key is None or key.compromised_at is None:
        return False
    return proven_at is None or proven_at >= key.compromised_at


def _in_test(examined: Examined, entry: Entry) -> bool:
    """A document counts for nothing if it says TEST, was issued for trying, or a play key made it."""
    development = examined.key is None or examined.key.development
    return entry.mode != "live" or development or bool(examined.says and examined.says.test)


def _contradictions(
    says: ReadCredential, entry: Entry, document: Document, scheme: Scheme | None, zone: tzinfo
) -> bool:
    """Compare field by field what the register holds in columns of its own (invariant I18)."""
    validity = (
        seconds(days.start_of(document.first_day, zone)),
        seconds(days.last_second_of(document.last_day, zone)),
    )
    return (
        says.jti != document.jti
        or says.number != entry.number
        or says.sub != entry.subject_id
        or (scheme is not None and (says.titles or says.title) not in (scheme.title, in_both(scheme.title)))
        or not says.valid_from
        or not says.valid_until
        or (seconds(says.valid_from), seconds(says.valid_until)) != validity
    )


def _completed(
    says: ReadCredential, code: q1.Content, entry: Entry, scheme: Scheme | None, zone: tzinfo
) -> ReadCredential:
    """Fill in from the register what an offline QR has no room for, as far as its codes agree with it."""
    issued_here = code.issuer_code == entry.issuer_code
    same_scheme = scheme is not None and code.scheme == f"{scheme.code}/{scheme.version}"
    return replace(
        says,
        number=entry.number,
        sub=entry.subject_id if issued_here else None,
        issuer_name=entry.issuer_name if issued_here else None,
        title=in_both(scheme.title) if scheme and same_scheme else code.scheme,
        valid_from=code.valid_from.astimezone(zone),
        valid_until=code.valid_until.astimezone(zone),
    )


def _called(code: str) -> Scheme | None:
    """Find the version of a scheme that an offline QR calls so."""
    named = (scheme for scheme in catalogue().schemes if f"{scheme.code}/{scheme.version}" == code)
    return next(named, None)


def _scheme(entry: Entry, document: Document) -> Scheme | None:
    try:
        return catalogue().version(entry.scheme_id, document.scheme_version)
    except SchemeNotFound:
        return None


def _newer(entry: Entry, document: Document, zone: tzinfo) -> tuple[Newer, ...]:
    """List the periods that follow a document's own; one that a review ended takes nobody's place."""
    later = {
        each.period: Newer(
            days.start_of(each.first_day, zone), each.first_day, each.last_day, each.kind == BRIDGE
        )
        for each in entry.documents
        if each.period > document.period and each.format == Format.VC_JWT and not each.ended_early
    }
    return tuple(later.values())


def _renewable_until(entry: Entry) -> date | None:
    """Tell until when a credential that has ended may still be renewed, by the rules that it ended under."""
    if entry.revoked_at or entry.closed_at or entry.documents[-1].ended_early:
        return None
    last = [each for each in entry.documents if each.kind != BRIDGE][-1]
    if last.refused:
        return None  # each cycle is renewed once: after that its holder can only be reinstated
    scheme = _scheme(entry, last)
    return scheme.renewal.grace.after(last.last_day) if scheme else None


def _said(says: ReadCredential, scheme: Scheme | None = None) -> Shown:
    """Pick what may be shown of the content; our own words stand in both languages, apart."""
    return Shown(
        number=says.number,
        holder_name=says.holder_name,
        scheme_title=scheme.title if scheme else says.titles or _alike(says.title),
        standard=scheme.reference.standard if scheme else says.standard or "",
        wording=scheme.wording.claim if scheme else says.wordings or _alike(says.wording),
        issuer_name=says.issuer_name or says.iss,
        valid_from=says.valid_from,
        valid_until=says.valid_until,
        state=State.UNKNOWN,
    )


def _alike(text: str | None) -> Labels:
    return Labels(it=text or "", en=text or "")


def report(known: Known, keyring: Keyring, *, at: datetime, clock_offset: str | None = None) -> Report:
    """Answer for this instant. Nothing is decided here but what time decides."""
    shown = known.shown
    if shown is not None and known.facts is not None:
        shown = replace(shown, state=rules.state_at(_facts_at(known, known.facts, at), at).value)
    checks = _checks(known, keyring, at)
    if shown is not None and known.claimed and any(check.reason_code in NAMED for check in checks):
        shown = replace(shown, issuer_name=_proven_name(known, known.claimed, keyring, at))
    if shown is not None and known.facts is None and known.listed is not None:
        shown = replace(shown, state=LISTED_STATES.get(known.listed.code, State.UNKNOWN).value)
    return rules.conclude(
        checks,
        shown=shown,
        mode=known.mode,
        at=at,
        zone=known.zone,
        clock_offset=clock_offset,
        qualified=_qualified(known, checks, keyring, at),
    )


def _qualified(known: Known, checks: list[Check], keyring: Keyring, at: datetime) -> QualifiedSeal | None:
    """Say whether the seal is a qualified one; only of one that holds, and whose it is."""
    trust = next((check for check in checks if check.name is CheckName.ISSUER_TRUST), None)
    if trust is None:
        return None
    if known.trial:
        return _told_of(Answer.NOT_CHECKED, "seal-for-trying")
    if trust.outcome is not Outcome.PASS:
        failed = trust.outcome is Outcome.FAIL
        return (
            _told_of(Answer.NO, "seal-does-not-hold")
            if failed
            else _told_of(Answer.NOT_CHECKED, "seal-owner-unproven")
        )
    chain, sealed_at = (
        (known.seal.path, known.proven_at or known.seal.judged_at)
        if known.seal is not None
        else (known.chain, known.proven_at or at)
    )
    found = qualified(chain, keyring.lists, sealed_at=sealed_at, now=at)
    return _told_of(found.answer, found.why, found.by, known.zone)


def _told_of(answer: Answer, code: str, by: TrustedList | None = None, zone: tzinfo = ROME) -> QualifiedSeal:
    reason = words.QUALIFIED[code]
    if by is None:
        return QualifiedSeal(answer, str(code), reason)
    read, number = words.moment_in_words(by.read_at, zone), str(by.sequence)
    which = words.worded(words.LISTED_BY, territory=by.territory, number=number, read=read)
    said = Labels(it=f"{reason.it} {which.it}", en=f"{reason.en} {which.en}")
    return QualifiedSeal(answer, str(code), said, by)


def _proven_name(known: Known, claimed: Claimed, keyring: Keyring, at: datetime) -> str:
    """Name an issuer by what is proven of it, and not by what the document calls it."""
    chain = _judged(known, keyring, at)
    owner = known.seal.owner if known.seal else None
    if chain.standing is Standing.TRUSTED and claimed.borne_out_by(chain, owner):
        return chain.organisation or host_of(claimed.id) or claimed.id
    return claimed.id


def _checks(known: Known, keyring: Keyring, at: datetime) -> list[Check]:
    checks = [found(known.format, at=at)]
    if known.integrity is not None:
        checks.append(_integrity(known, known.integrity, at))
    if known.integrity == "seal-intact":
        checks += [
            _trust(known, keyring, at),
            _period(known, at),
            _status(known, at),
            found(known.register, at=at),
            _superseded(known, at),
        ]
    return checks


def _integrity(known: Known, code: str, at: datetime) -> Check:
    if known.seal is None:
        return found(code, at=at)
    code = "seal-intact-stamped" if code == "seal-intact" else code
    level = Labels(it=known.seal.level, en=known.seal.level)
    stamps = sealed.stamps_in_words(known.seal, known.zone)
    none = Labels("", "") if stamps else words.NO_STAMP
    return replace(rules.told(code, at=at, level=level, none=none), stamps=stamps)


def _trust(known: Known, keyring: Keyring, at: datetime) -> Check:
    """Judge the chain at the time for which we hold proof; without any, at the time of the question."""
    whatever_the_chain = (
        ("issuer-key-compromised", known.compromised),
        ("issuer-code-unknown", known.unlisted),
        ("issuer-key-misused", known.misused),
        ("issuer-revoked", known.seal is not None and sealed.revoked(known.seal, known.proven_at)),
        ("issuer-trusted", known.vouched and known.seal is None),
    )
    if (code := next((code for code, holds in whatever_the_chain if holds), None)) is not None:
        return found(code, at=at)
    if known.seal is not None:
        return _sealed_by(known, known.seal, keyring, at)
    return _chained(known, keyring, at)


def _chained(known: Known, keyring: Keyring, at: datetime) -> Check:
    proven_at = known.proven_at or at
    chain = _judged(known, keyring, at)
    match chain.standing:
        case Standing.TRUSTED if known.claimed and not known.claimed.borne_out_by(chain):
            return found("issuer-not-borne-out", at=at)
        case Standing.TRUSTED:
            ended = chain.valid_until is not None and chain.valid_until < at
            then: date | None = days.local_day(proven_at, known.zone) if ended else None
            return rules.issuer_trust(anchored=True, at=at, proven_on=then)
        case Standing.EXPIRED if known.proven_at is None:
            return found("issuer-ended-unproven", at=at)
        case Standing.EXPIRED | Standing.NOT_YET:
            return found("issuer-out-of-force", at=at)
        case _:
            return rules.issuer_trust(anchored=False, at=at)


def _sealed_by(known: Known, seal: SealFinding, keyring: Keyring, at: datetime) -> Check:
    """Judge who sealed a document in JSON, at the time that our register proves, or else a time-stamp.

    What our register does not bear out has to bring the word of others that it was not revoked.
    """
    chain, proven_at = _judged(known, keyring, at), known.proven_at or seal.proven_at
    borne_out = known.claimed is None or known.claimed.borne_out_by(chain, seal.owner)
    ended = chain.valid_until is not None and chain.valid_until < at
    match Standing.TRUSTED if known.vouched else chain.standing:
        case Standing.TRUSTED if not borne_out:
            code = "issuer-not-borne-out"
        case Standing.TRUSTED if not seal.whole:
            code = "issuer-proof-damaged"
        case Standing.TRUSTED if not (known.proven_at or known.vouched or sealed.covered(seal)):
            code = "issuer-revocation-unknown"
        case Standing.TRUSTED if not (known.proven_at or known.vouched or seal.firm):
            code = "issuer-stamp-revocation-unknown"
        case Standing.TRUSTED if ended and proven_at and not known.vouched:
            code = "issuer-trusted-sealed-then"
        case Standing.TRUSTED:
            code = "issuer-trusted-sealed"
        case Standing.EXPIRED if proven_at is None:
            code = "issuer-ended-unproven"
        case Standing.EXPIRED | Standing.NOT_YET:
            code = "issuer-out-of-force"
        case _:
            code = "issuer-unknown"
    then = days.local_day(proven_at or at, known.zone)
    return rules.told(code, at=at, then=then, **sealed.owner_in_words(seal))


def _judged(known: Known, keyring: Keyring, at: datetime) -> ChainFinding:
    if known.seal is not None and known.proven_at is None:
        return known.seal.chain
    judge = keyring.judged_ours if known.proven_at else keyring.judged
    return judge(known.chain, known.proven_at or at)


def _period(known: Known, at: datetime) -> Check:
    """Judge what the document says; where it names no end, or nothing, there is less to judge."""
    if not known.began:
        return found("bridge-not-needed", at=at)
    begins, ends = known.begins or ALWAYS, known.ends or FOREVER
    judged = rules.validity_period(begins, ends, at=at, zone=known.zone)
    match judged.reason_code:
        case "in-period" if known.begins is None or known.ends is None:
            return found("no-period-named", at=at)
        case "in-period" if known.bridge:
            first, last = days.local_day(begins, known.zone), days.local_day(ends - SECOND, known.zone)
            return found("in-bridge", at=at, first=first, last=last)
        case "expired":
            return _expired(known, ends, judged, at)
        case _:
            return judged


def _expired(known: Known, ends: datetime, judged: Check, at: datetime) -> Check:
    """Say of what has ended what its holder has instead, or may still do."""
    last, newer = days.local_day(ends - SECOND, known.zone), _overtaking(known, at)
    if newer is not None:
        return found("expired-bridged" if newer.bridge else "expired-renewed", at=at, last=last)
    until = known.renewable_until
    if until is not None and days.local_day(at, known.zone) <= until:
        return found("expired-renewable", at=at, last=last, until=until)
    return judged


def _status(known: Known, at: datetime) -> Check:
    if known.facts is not None:
        return rules.status(rules.state_at(known.facts, at), at=at)
    if not known.ours and not known.status_offered:
        return found("status-not-offered", at=at)
    if not known.ours and known.seal is not None and known.listed is None:
        return found("status-not-understood", at=at)
    if not known.ours and known.listed is not None:
        as_of = known.listed.as_of
        facts = {"when": words.moment_in_words(as_of, known.zone)} if as_of else {}
        return found(known.listed.code, at=at, **facts)
    return found("status-unreachable", at=at)


def _superseded(known: Known, at: datetime) -> Check:
    if known.facts is None:
        return rules.superseded(None, at=at)
    if known.facts.superseded and known.register == NOT_ASKED:
        return found("superseded-listed", at=at)  # a list does not tell whether there is a newer document
    newer = _overtaking(known, at)
    by = (newer.first, newer.last) if newer else None
    return rules.superseded(known.facts.superseded, at=at, by=by)


def _overtaking(known: Known, at: datetime) -> Newer | None:
    """Find the newer period in force: it takes a document's place once it has begun, and not before."""
    return next((newer for newer in reversed(known.newer) if newer.begins <= at), None)


def _facts_at(known: Known, facts: RegisterFacts, at: datetime) -> RegisterFacts:
    return replace(facts, overtaken=True) if _overtaking(known, at) else facts


def held(entry: Entry, keyring: Keyring) -> tuple[Held, ...]:
    """Verify the entry's own documents, one for each period, the oldest period first."""
    zone = ZoneInfo(entry.time_zone)
    return tuple(
        Held(
            since=days.start_of(document.first_day, zone),
            known=compare(examine(document.token, keyring), entry, keyring, stored_as=document),
        )
        for document in standing_for(entry)
    )


def standing_for(entry: Entry) -> tuple[Document, ...]:
    """Choose the document that stands for each period, the oldest period first."""
    chosen: dict[int, Document] = {}
    for document in entry.documents:
        if document.format == Format.VC_JWT and document.first_day <= document.through:
            newest = chosen.get(document.period)
            if newest is None or newest.superseded_at is not None:
                chosen[document.period] = document
    return tuple(chosen.values())


def answering(periods: tuple[Held, ...], at: datetime) -> Known:
    """Pick the period that answers for an instant: the last one that has begun, else the first to come."""
    begun = [each.known for each in periods if each.since <= at]
    return begun[-1] if begun else periods[0].known


def alike_if_sealed(known: Known, keyring: Keyring) -> tuple[datetime, datetime] | None:
    """Tell from when until when a document may have been sealed for the report on it to be the same.

    By the trusted lists a seal is worth what they said of whoever made it at that time. None where nothing
    can be told beforehand.
    """
    life = keyring.whole_life(known.chain)
    if known.proven_at is None or life is None:
        return None
    begins, ends = life
    if keyring.lists is not None:
        first, last = era(known.chain, keyring.lists, known.proven_at)
        begins, ends = max(begins, first), min(ends, last)
    return (begins, ends) if begins <= known.proven_at < ends else None


def turns_of(periods: tuple[Held, ...]) -> tuple[datetime, ...]:
    """Tell at which instants another period begins to answer."""
    return tuple(each.since for each in periods)


def steady_until(known: Known, keyring: Keyring, at: datetime) -> datetime:
    """Tell until when a report on this document stays as it is at this instant, but for the time it tells.

    Every answer names its day, so none outlives it; what else time brings is among these instants.
    """
    chain = _judged(known, keyring, at)
    turns = [
        *(newer.begins for newer in known.newer),
        *(turn for turn in (known.begins, known.ends, chain.valid_from, chain.valid_until) if turn),
    ]
    if keyring.lists is not None:
        turns += [each.next_update for each in keyring.lists.lists if each.next_update is not None]
    if known.facts is not None:
        turns += [known.facts.valid_from, known.facts.valid_until_exclusive]
    midnight = days.first_instant_after(days.local_day(at, known.zone), known.zone)
    return first_after(at, (midnight, *turns))


def first_after(at: datetime, turns: tuple[datetime, ...]) -> datetime:
    """Give the next of these instants; what turns just now holds no longer than now.

    From its very instant or only after it: which of the two, is not told twice.
    """
    return at if at in turns else min((turn for turn in turns if turn > at), default=FOREVER)


# All that decides the words of a report, but for the number and the holder that it shows.
_DECIDING: Final = attrgetter(*(f.name for f in fields(Known) if f.name not in {"shown", "proven_at"}))
_SHOWN_ALIKE: Final = attrgetter(*(f.name for f in fields(Shown) if f.name not in {"number", "holder_name"}))


def alike(known: Known, keyring: Keyring, at: datetime) -> Hashable | None:
    """Say what an ordinary document has in common with all others of which the report says the same.

    Nothing of one that is not ordinary: with a seal in JSON, not found in our register, or under a chain that
    is not, or no longer, to be trusted. When it was sealed matters only to its chain, and to trusted lists.
    """
    if known.shown is None or known.proven_at is None or known.seal is not None:
        return None
    chain = _judged(known, keyring, at)
    if chain.standing is not Standing.TRUSTED or chain.valid_until is None or chain.valid_until < at:
        return None
    sealed_at = known.proven_at if keyring.lists else None
    return (_DECIDING(known), _SHOWN_ALIKE(known.shown), chain, sealed_at)
