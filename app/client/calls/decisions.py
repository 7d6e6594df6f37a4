"""Decisions of the committee, its meetings, and minutes of what was decided elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Unpack

from app.client.calls.part import File, Part, to

if TYPE_CHECKING:
    from app.client.shapes import (
        Choice,
        DecisionOut,
        MeetingOut,
        MinutesOut,
        NewMeeting,
        Publication,
        VoteOut,
    )


class Decisions(Part):
    """What the committee decides here."""

    def meet(self, *, key: str | None = None, **meeting: Unpack[NewMeeting]) -> MeetingOut:
        return self._post("v1", "meetings", body=meeting, key=key)

    def open(self, dossier: str, meeting: str, *, key: str | None = None) -> DecisionOut:
        return self._post("v1", "decisions", body={"dossier": dossier, "meeting": meeting}, key=key)

    def read(self, decision: str) -> DecisionOut:
        return self._get("v1", "decisions", decision)

    def of_dossier(self, dossier: str) -> DecisionOut:
        return self._get("v1", "dossiers", dossier, "decision")

    def vote(self, decision: str, choice: Choice, *, key: str | None = None) -> VoteOut:
        return self._post("v1", "decisions", decision, "votes", body={"choice": choice}, key=key)

    def publish(self, decision: str, **publication: Unpack[Publication]) -> DecisionOut:
        return self._move("v1", "decisions", decision, "publication", body=publication)


class Minutes(Part):
    """Minutes by which decisions that were taken elsewhere are imported."""

    def record(
        self,
        file: File,
        *,
        scheme: str,
        held_on: str,
        members: int,
        eligible: int,
        present: int,
        decisions: int,
        language: Literal["it", "en"] = "it",
        key: str | None = None,
    ) -> MinutesOut:
        """Record the signed minutes, by their path or as (name, content), and what they state."""
        stated = {
            "scheme": scheme,
            "held_on": held_on,
            "members": members,
            "eligible": eligible,
            "present": present,
            "decisions": decisions,
            "language": language,
        }
        return self._upload("v1", "minutes", fields=stated, file=file, key=key)

    def read(self, minutes: str) -> MinutesOut:
        return self._get("v1", "minutes", minutes)

    def file(self, minutes: str) -> bytes:
        return self._api.content(to("v1", "minutes", minutes, "file"))
