"""What every table holds of a member: the register in full, and the case behind it for one in twenty."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnDefault, Table

from app.assessments.models import (
    Assessment,
    Assignment,
    AssignmentStatus,
    Interview,
    InterviewStatus,
    Panelist,
)
from app.assessments.models import ScoreRow as Score
from app.core.db import Base
from app.core.errors import JsonValue
from app.credentials.composing import SLOTS
from app.credentials.intending import FINISH
from app.credentials.models import Credential, Document, Period, StatusChange
from app.credentials.rules import PeriodKind, StatusMove
from app.decisions.models import Decision, DecisionStatus, Meeting, Presence, Vote
from app.dossiers.models import (
    Declaration,
    Dossier,
    DossierAccess,
    DossierCall,
    DossierStatus,
    DossierStep,
    Evidence,
)
from app.formats.claims import Format
from app.organisations.models import Membership, MembershipState, Person
from app.outbox.changes import Change
from app.outbox.messages import Message
from app.outbox.trail import Event, EventLink, link_hash
from app.ports import Ports
from app.renewal.models import CpdActivity, CpdExemption, CpdProof, Reminder, Renewal
from app.renewal.states import ActivitySource, ActivityState, RenewalKind, RenewalState
from app.status.models import Standing, StatusPosition
from bench.seeding.members import CASE_EVERY, TO_A_MEETING, Body, Member, Wanted

Row = dict[str, Any]
Documents = list[tuple[Wanted, str, str]]

SALT: Final = "0" * 32
DIGEST: Final = "0" * 64
STEPS: Final = (
    DossierStatus.SUBMITTED,
    DossierStatus.ADMITTED,
    DossierStatus.IN_ASSESSMENT,
    DossierStatus.READY_FOR_DECISION,
    DossierStatus.DECIDED,
)
CRITERIA: Final = ("K1", "K2", "S1", "S2", "S3", "A1")


def _blank(table: Table) -> Row:
    """Give what a column holds where nothing is said of it."""
    row: Row = {}
    for column in table.columns:
        if isinstance(column.default, ColumnDefault) and column.default.is_scalar:
            row[column.name] = column.default.arg
        elif column.nullable:
            row[column.name] = None
    return row


BLANK: Final[Mapping[str, Row]] = {name: _blank(table) for name, table in Base.metadata.tables.items()}


class Rows:
    """Rows by table, and the three sequences that go through all members: events, their chain, changes."""

    def __init__(self, body: Body, ports: Ports, *, head: str, links: int, events: int, changes: int) -> None:
        self.body = body
        self._vouching = ports.vouching
        self.head = head
        self.links = links
        self.events = events
        self.changes = changes
        self._keys = {form: ports.signer.current(slot).thumbprint for form, slot in SLOTS.items()}
        self._counted: dict[str, int] = defaultdict(int)
        self._scheme = body.scheme
        self.waiting: dict[str, list[Row]] = defaultdict(list)

    def taken(self) -> dict[str, list[Row]]:
        """Hand over what has been gathered, and begin anew."""
        given, self.waiting = self.waiting, defaultdict(list)
        return given

    def add(self, model: type[Base], **columns: object) -> None:
        name: str = model.__tablename__
        row = {**BLANK[name], **columns}
        if "organisation_id" in Base.metadata.tables[name].columns:
            row["organisation_id"] = self.body.organisation
        self.waiting[name].append(row)

    def counted(self, model: type[Base], **columns: object) -> None:
        """Add a row that is named by its place."""
        self._counted[model.__tablename__] += 1
        self.add(model, id=self._counted[model.__tablename__], **columns)

    def meeting(self, number: int) -> None:
        """Add a meeting of the committee."""
        body, at = self.body, self.body.at
        meeting = body.meeting(number)
        self.add(Meeting, id=meeting, held_on=at.date(), recorded_by=body.staff("secretary"), recorded_at=at)
        for who in ("member-1", "member-2", "member-3"):
            self.counted(Presence, meeting_id=meeting, person_id=body.staff(who))

    def member(self, member: Member, documents: Documents) -> None:
        """Add all that there is of a member."""
        if member.n % TO_A_MEETING == 0:
            self.meeting(member.n // TO_A_MEETING)
        self._person(member)
        self._decided(member)
        if member.n % CASE_EVERY == 0:
            self._case(member)
        self._credential(member)
        for wanted, token, sha256 in documents:
            self._document(member, wanted, token, sha256)
        if member.revoked or member.suspended:
            self._moved(member)

    def _person(self, member: Member) -> None:
        person, at = member.named("prs"), self.body.at
        given, _, family = member.name.partition(" ")
        self.add(
            Person,
            id=person,
            given_name=given,
            family_name=family,
            name_on_credential=member.name,
            email=f"p{member.n}@example.org",
            created_at=at,
        )
        self.add(
            Membership,
            id=member.named("mbr"),
            person_id=person,
            number=f"M-{member.n:07}",
            from_day=member.anchor,
            state=MembershipState.ACTIVE,
        )

    def _decided(self, member: Member) -> None:
        body, at, scheme = self.body, self.body.at, self._scheme
        dossier, decision = member.named("dos"), member.named("dec")
        named = {"scheme_id": scheme.id, "scheme_version": scheme.version, "scheme_digest": scheme.digest}
        self.add(
            Dossier,
            **named,
            id=dossier,
            applicant_id=member.named("prs"),
            status=DossierStatus.DECIDED,
            language="it",
            ai_disclosure=True,
            created_at=at,
            submitted_at=at,
            snapshot_hash=DIGEST,
            admission_path="A",
            version=len(STEPS) + 1,
        )
        for place, status in enumerate(STEPS, start=1):
            self.counted(
                DossierStep,
                dossier_id=dossier,
                seq=place,
                status=status,
                actor_id=body.staff("secretary"),
                at=at,
            )
        self.add(
            Decision,
            **named,
            id=decision,
            dossier_id=dossier,
            meeting_id=body.meeting(member.n // TO_A_MEETING),
            round=1,
            # The database takes votes only while a decision is open; the writer publishes it after them.
            status=DecisionStatus.OPEN if member.n % CASE_EVERY == 0 else DecisionStatus.PUBLISHED,
            case_file_hash=DIGEST,
            computed={},
            opened_by=body.staff("secretary"),
            opened_at=at,
            outcome="grant",
            reasons="Come proposto dagli esaminatori.",
            tally={"for": 3, "against": 0, "abstained": 0},
            decided_on=at.date(),
            published_by=body.staff("registrar"),
            published_at=at,
            salt=SALT,
            version=2,
        )

    def _case(self, member: Member) -> None:
        """Add what the assessors and the committee left behind."""
        body, at, dossier = self.body, self.body.at, member.named("dos")
        evidence = member.named("evd")
        self.add(
            Evidence,
            id=evidence,
            dossier_id=dossier,
            position=1,
            kind="cv",
            fields={},
            sha256=hashlib.sha256(evidence.encode()).hexdigest(),
            size=1000,
            media_type="application/pdf",
            original_name="cv.pdf",
            scan="unscanned",
            added_at=at,
        )
        for who in ("assessor-1", "assessor-2"):
            assignment, assessment = member.named("asg", who), member.named("asm", who)
            person = {"dossier_id": dossier, "assessor_id": body.staff(who)}
            self.add(
                Assignment,
                **person,
                id=assignment,
                status=AssignmentStatus.ACCEPTED,
                assigned_by=body.staff("secretary"),
                assigned_at=at,
            )
            self.add(
                Declaration,
                id=member.named("dcl", who),
                dossier_id=dossier,
                person_id=body.staff(who),
                kind="none",
                conflicted=False,
                at=at,
            )
            self.counted(
                DossierAccess,
                dossier_id=dossier,
                evidence_id=evidence,
                person_id=body.staff(who),
                role="assessor",
                at=at,
            )
            self.add(
                Assessment,
                **person,
                id=assessment,
                assignment_id=assignment,
                round=1,
                flags=[],
                submitted_at=at,
                salt=SALT,
                version=2,
            )
            for criterion in CRITERIA:
                self.counted(
                    Score,
                    assessment_id=assessment,
                    criterion=criterion,
                    points="4",
                    comment="Adeguato.",
                    evidence=[evidence],
                )
        interview = member.named("int")
        self.add(
            Interview,
            id=interview,
            dossier_id=dossier,
            round=1,
            at=at,
            remote=True,
            short_notice_agreed=False,
            status=InterviewStatus.HELD,
            minutes="Colloquio tenuto.",
            recorded_by=body.staff("assessor-1"),
            held_at=at,
            salt=SALT,
        )
        self.counted(Panelist, interview_id=interview, person_id=body.staff("assessor-1"))
        for who in ("member-1", "member-2", "member-3"):
            self.add(
                DossierCall,
                dossier_id=dossier,
                person_id=body.staff(who),
                called_by=body.staff("secretary"),
                at=at,
            )
        for who in ("member-1", "member-2", "member-3"):
            self.counted(
                Vote, decision_id=member.named("dec"), member_id=body.staff(who), choice="grant", at=at
            )

    def _credential(self, member: Member) -> None:
        at, credential = self.body.at, member.named("crd")
        self.add(
            Credential,
            id=credential,
            number=member.number,
            holder_id=member.named("prs"),
            scheme_id=self._scheme.id,
            subject_id=member.subject,
            anchor=member.anchor,
            created_at=at,
            issued_at=at,
            suspended_at=at if member.suspended else None,
            revoked_at=at if member.revoked else None,
            closed_at=at if member.revoked else None,
            version=2,
        )
        if member.renewed:
            self._renewal(member)
        for seq, (first, last) in enumerate(member.periods(), start=1):
            self.add(
                Period,
                id=member.named("prd", seq),
                credential_id=credential,
                seq=seq,
                kind=PeriodKind.GRANT if seq == 1 else PeriodKind.RENEWAL,
                cycle=seq,
                decision_id=member.named("dec") if seq == 1 else None,
                renewal_id=None if seq == 1 else member.named("ren"),
                scheme_version=self._scheme.version,
                valid_from=first,
                valid_until=last,
            )

    def _renewal(self, member: Member) -> None:
        """Add the renewal that a second period rests on, with the hours that it rests on itself."""
        body, at = self.body, self.body.at
        filed = member.periods()[0][1] - timedelta(days=60)
        whose = {"credential_id": member.named("crd"), "holder_id": member.named("prs")}
        self.add(
            Renewal,
            **whose,
            id=member.named("ren"),
            cycle=1,
            kind=RenewalKind.RENEWAL,
            state=RenewalState.APPROVED,
            late=False,
            filed_at=at,
            filed_on=filed,
            scheme_version=self._scheme.version,
            rules_digest=DIGEST,
            evaluation={},
            draw_id=body.draw,
            decided_on=filed,
            decided_at=at,
            decided_by=body.staff("registrar"),
            version=2,
        )
        for place in range(1, 4):
            activity = member.named("act", place)
            self.add(
                CpdActivity,
                **whose,
                id=activity,
                title=f"Corso numero {place}",
                provider="Ente di formazione",
                started_on=filed,
                ended_on=filed,
                hours=Decimal(40),
                category="learning",
                topics={},
                competences=[],
                fingerprint=hashlib.sha256(activity.encode()).hexdigest(),
                source=ActivitySource.MEMBER,
                state=ActivityState.LOCKED,
                recorded_by=member.named("prs"),
                created_at=at,
                claimed_at=at,
                claimed_on=filed,
                renewal_id=member.named("ren"),
                version=3,
            )
            self.add(
                CpdProof,
                id=member.named("prf", place),
                activity_id=activity,
                kind="link",
                reference="https://example.org/course",
                added_by=member.named("prs"),
                added_at=at,
            )
        self.add(
            CpdExemption,
            id=member.named("exm"),
            credential_id=member.named("crd"),
            cycle=1,
            reason="parental",
            reduction_pct=20,
            decided_by=body.staff("secretary"),
            decided_at=at,
        )
        self.add(
            Reminder,
            id=member.named("rem"),
            credential_id=member.named("crd"),
            cycle=1,
            kind="d180",
            sent=True,
            left_at=at,
        )

    def _document(self, member: Member, wanted: Wanted, token: str, sha256: str) -> None:
        at = self.body.at
        key = self._keys[wanted.form]
        self.add(
            Document,
            id=wanted.id,
            period_id=member.named("prd", wanted.period),
            format=wanted.form.value,
            jti=wanted.jti,
            token=token,
            sha256=sha256,
            mac=self._vouching.mac(sha256) if wanted.form is Format.VC_JWT else None,
            key_thumbprint=key,
            list_id=wanted.list_id,
            list_index=wanted.index,
            issued_at=at,
        )
        self.add(
            StatusPosition,
            list_id=wanted.list_id,
            index=wanted.index,
            document_id=wanted.id,
            standing=_standing(member),
        )
        self.add(
            Message,
            id=member.named("msg", wanted.id),
            topic=FINISH,
            body={"intent": wanted.id},
            created_at=at,
            due_at=at,
            attempts=1,
            done_at=at,
        )
        about = {"credential": member.named("crd"), "decision": member.named("dec"), "document": wanted.id}
        facts: dict[str, JsonValue] = {
            "number": member.number,
            "format": wanted.form.value,
            "key": key,
            "list": wanted.list_id,
            "index": wanted.index,
        }
        self._event("issuance.intended", about, facts)
        self._event("credential.issued", about, {**facts, "sha256": sha256})
        self._change(f"credential:{member.number}")

    def _moved(self, member: Member) -> None:
        body = self.body
        move = StatusMove.REVOKED if member.revoked else StatusMove.SUSPENDED
        cause = "issued_in_error" if member.revoked else "own_request"
        self.counted(
            StatusChange,
            credential_id=member.named("crd"),
            move=move,
            cause=cause,
            reasons="Come richiesto.",
            salt=SALT,
            actor_id=body.staff("registrar"),
            at=body.at,
        )
        self._event(f"credential.{move}", {"credential": member.named("crd")}, {"cause": cause})
        self._change(f"credential:{member.number}")

    def _event(self, topic: str, about: dict[str, str], facts: dict[str, JsonValue]) -> None:
        """Record what happened, chained as the trail's own appender would."""
        self.events += 1
        event = Event(
            id=self.events,
            organisation_id=self.body.organisation,
            topic=topic,
            actor_id=self.body.staff("registrar"),
            at=self.body.at,
            about=about,
            facts=facts,
        )
        self.links += 1
        self.head = link_hash(event, self.links, self.head)
        self.add(
            Event,
            id=self.events,
            topic=topic,
            actor_id=event.actor_id,
            at=event.at,
            about=about,
            facts=facts,
        )
        self.add(EventLink, event_id=self.events, seq=self.links, hash=self.head)

    def _change(self, subject: str) -> None:
        self.changes += 1
        self.add(Change, seq=self.changes, subject=subject, at=self.body.at)


def _standing(member: Member) -> Standing:
    if member.revoked:
        return Standing.REVOKED
    return Standing.SUSPENDED if member.suspended else Standing.VALID
