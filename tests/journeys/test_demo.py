"""`make demo`, as a newcomer runs it."""

from pathlib import Path

from tests.serving import command, free_port, settings


def test_the_demo_tells_the_whole_story_and_leaves_a_trail_that_is_whole(tmp_path: Path) -> None:
    environment = settings(tmp_path, free_port(), COLUMNS="120")
    told = command(environment, "demo")
    assert told.returncode == 0, told.stdout + told.stderr
    for step in (
        "Receipt for dossier",
        "409 dossier-closed-to-changes",
        "third_assessor declares a conflict and is turned away: 403 conflict-of-interest",
        "an assessor looks at the other's scores too early: 403 still-blind",
        "first_member has a conflict and may not vote: 403 conflict-of-interest",
        "grant (3 present, quorum 3)",
        "a second attempt on the same decision: 409 credential-issued-already",
        "the document: valid_with_warnings: TEST",
        "one character changed: invalid",
        "refuse (",
        "422 decision-not-granted",
        "15 rows:",
        "1 already there, 4 turned down",
        "hours count of the 90 asked for",
        "What is missing",
        "Renewal filed on",
        "approval before the audit is over: 409 audit-not-finished",
        "the holder approves their own renewal: 403 permission-missing",
        "second period:",
        "by QR and number: valid_with_warnings, active: TEST",
        "the new document: valid_with_warnings, active: TEST",
        "the old document: invalid, superseded: TEST",
    ):
        assert step in told.stdout
    audited = command(environment, "audit", "verify")
    assert audited.returncode == 0
    assert "The trail is whole." in audited.stdout
