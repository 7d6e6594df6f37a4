"""Dossiers: begun, filled with evidence, handed in, admitted or not, and assessed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Unpack

from app.client.calls.part import File, Part, edition, to

if TYPE_CHECKING:
    from app.client.shapes import (
        AccessesOut,
        Admission,
        AssessmentOut,
        Assessments,
        AssessmentsResultOut,
        AssignmentOut,
        DossierChange,
        DossierLine,
        DossierOut,
        DossierStatus,
        EvidenceOut,
        NewDossier,
        NewScores,
        PartiesOut,
        Reasons,
        ReceiptOut,
        Submission,
        Withdrawal,
    )


class Dossiers(Part):
    """Competency dossiers."""

    def all(
        self,
        *,
        status: DossierStatus | None = None,
        scheme: str | None = None,
        updated_since: datetime | str | None = None,
    ) -> Iterator[DossierLine]:
        return self._all("v1", "dossiers", status=status, scheme=scheme, updated_since=updated_since)

    def begin(self, *, key: str | None = None, **dossier: Unpack[NewDossier]) -> DossierOut:
        return self._post("v1", "dossiers", body=dossier, key=key)

    def read(self, dossier: str) -> DossierOut:
        return self._get("v1", "dossiers", dossier)

    def revise(self, read: DossierOut, **change: Unpack[DossierChange]) -> DossierOut:
        """Change a draft as it was read; whoever changed it in between is not written over."""
        return self._patch("v1", "dossiers", read["id"], body=change, edition=edition(read))

    def add_evidence(
        self,
        dossier: str,
        kind: str,
        fields: Mapping[str, object] | None = None,
        file: File | None = None,
        *,
        key: str | None = None,
    ) -> EvidenceOut:
        """Add evidence of a kind of the scheme: its fields, and a file by its path or as (name, content)."""
        form = {"kind": kind, "fields": json.dumps(fields or {}, ensure_ascii=False)}
        return self._upload("v1", "dossiers", dossier, "evidence", fields=form, file=file, key=key)

    def evidence_file(self, dossier: str, evidence: str) -> bytes:
        return self._api.content(to("v1", "dossiers", dossier, "evidence", evidence, "file"))

    def remove_evidence(self, dossier: str, evidence: str) -> None:
        self._api.delete(to("v1", "dossiers", dossier, "evidence", evidence))

    def submit(self, dossier: str) -> ReceiptOut:
        """Hand a dossier in; the receipt says what was handed in."""
        return self._move("v1", "dossiers", dossier, "submission")

    def admit(self, dossier: str, **admission: Unpack[Admission]) -> DossierOut:
        return self._move("v1", "dossiers", dossier, "admission", body=admission)

    def turn_down(self, dossier: str, **reasons: Unpack[Reasons]) -> DossierOut:
        return self._move("v1", "dossiers", dossier, "non-admission", body=reasons)

    def return_for_work(self, dossier: str, **reasons: Unpack[Reasons]) -> DossierOut:
        return self._move("v1", "dossiers", dossier, "return", body=reasons)

    def withdraw(self, dossier: str, **withdrawal: Unpack[Withdrawal]) -> DossierOut:
        return self._move("v1", "dossiers", dossier, "withdrawal", body=withdrawal)

    def parties(self, dossier: str) -> PartiesOut:
        return self._get("v1", "dossiers", dossier, "parties")

    def accesses(self, dossier: str) -> AccessesOut:
        """Tell who opened which evidence, and when."""
        return self._get("v1", "dossiers", dossier, "accesses")

    def assign(self, dossier: str, assessor: str, *, key: str | None = None) -> AssignmentOut:
        return self._post("v1", "dossiers", dossier, "assignments", body={"assessor": assessor}, key=key)

    def assessments(self, dossier: str) -> Assessments:
        return self._get("v1", "dossiers", dossier, "assessments")

    def result(self, dossier: str) -> AssessmentsResultOut:
        return self._get("v1", "dossiers", dossier, "result")

    def assessment(self, assessment: str) -> AssessmentOut:
        return self._get("v1", "assessments", assessment)

    def score(self, read: AssessmentOut, **scores: Unpack[NewScores]) -> AssessmentOut:
        """Put all the scores so far in the place of those of an assessment as it was read."""
        path = ("v1", "assessments", read["id"], "scores")
        return self._put(*path, body=scores, edition=edition(read))

    def hand_in_assessment(self, assessment: str, **submission: Unpack[Submission]) -> AssessmentOut:
        return self._move("v1", "assessments", assessment, "submission", body=submission)
