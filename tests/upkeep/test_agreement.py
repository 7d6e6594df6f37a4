"""A register that agrees with itself says so; whatever was changed behind its back is found."""

from pathlib import Path

import pytest
from sqlalchemy import text

from app.core.db import Database
from app.upkeep.agreement import agreement, files_named
from tests.upkeep.conftest import Registry


def test_a_register_that_nobody_touched_agrees_with_itself(registry: Registry) -> None:
    found = agreement(registry.ports.database, registry.ports.signer, registry.ports.files)
    assert found.whole, found.findings
    assert found.looked_at["documents"] == 7
    assert found.looked_at["positions"] == 7
    assert found.looked_at["published lists"] > 3
    assert found.looked_at["files"] > 0
    assert found.looked_at["events"] > 7


@pytest.mark.parametrize(
    ("tampering", "words"),
    [
        ("UPDATE document SET token = replace(token, '.', '..')", "is not what was stored"),
        ("UPDATE document SET key_thumbprint = 'gone'", "a key that is not published"),
        ("UPDATE status_position SET standing = 'valid' WHERE standing = 'revoked'", "was revoked"),
        ("UPDATE status_position SET standing = 'valid' WHERE standing = 'suspended'", "would be suspended"),
        ("UPDATE status_position SET standing = 'suspended' WHERE standing = 'valid'", "would be valid"),
        ("UPDATE credential SET revoked_at = NULL, closed_at = NULL", "was not revoked"),
        ("UPDATE status_list SET taken = taken + 1", "places taken"),
        ("UPDATE status_list SET version = 1 WHERE version > 1", "the register knows 1"),
        ("UPDATE published_list SET token = 'a.b.c'", "cannot be read"),
        ("UPDATE published_list SET key_thumbprint = 'gone'", "does not verify"),
        (
            "UPDATE published_list SET version = 1000 WHERE id IN (SELECT min(id) FROM published_list)",
            "was published at version 1000",
        ),
        ("UPDATE event_head SET seq = seq + 1", "is missing before event"),
    ],
)
def test_what_was_changed_behind_its_back_is_found(
    registry: Registry, owner: Database, tampering: str, words: str
) -> None:
    with owner.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            triggers = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
            for (name,) in triggers.all():
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            tables = connection.execute(
                text("SELECT DISTINCT event_object_table FROM information_schema.triggers")
            )
            for (name,) in tables.all():
                connection.execute(text(f'ALTER TABLE "{name}" DISABLE TRIGGER USER'))
        assert connection.execute(text(tampering)).rowcount
    found = agreement(registry.ports.database, registry.ports.signer, registry.ports.files)
    assert not found.whole
    assert any(words in finding for finding in found.findings), found.findings


def test_evidence_that_is_gone_or_is_something_else_is_found(registry: Registry, tmp_path: Path) -> None:
    with registry.ports.database.reading(registry.office.organisation_id) as session:
        one, other, *_ = files_named(session)
    (tmp_path / "files" / one[:2] / one).unlink()
    (tmp_path / "files" / other[:2] / other).write_bytes(b"somebody else's life")
    found = agreement(registry.ports.database, registry.ports.signer, registry.ports.files)
    assert found.findings == [
        f"File {sha256} {what}"
        for sha256, what in sorted(
            [
                (one, "is named and is not there."),
                (other, "does not hold the bytes that it is named after."),
            ]
        )
    ]
