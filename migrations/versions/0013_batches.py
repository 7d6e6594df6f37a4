"""Batches: work for many at once; and minutes, by which decisions taken elsewhere are imported."""

import sqlalchemy as sa
from alembic import op

from app.core import policies

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None

# Minutes are evidence, and where a decision came from is a part of it: neither changes any more.
KEPT = {
    "minutes_no_update": ("UPDATE", "minutes", "1 = 1", "minutes stay as they were recorded"),
    "minutes_no_delete": ("DELETE", "minutes", "1 = 1", "minutes stay as they were recorded"),
    "decision_source_kept": (
        "UPDATE",
        "decision",
        "OLD.status = 'published' AND COALESCE(OLD.minutes_id, '') <> COALESCE(NEW.minutes_id, '')",
        "a published decision never changes",
    ),
}
MADE = sa.text("effect")


def upgrade() -> None:
    op.create_table(
        "minutes",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.Column("meeting_id", sa.String(length=30), nullable=False),
        sa.Column("scheme_id", sa.String(length=120), nullable=False),
        sa.Column("scheme_version", sa.String(length=20), nullable=False),
        sa.Column("scheme_digest", sa.String(length=64), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("members", sa.Integer(), nullable=False),
        sa.Column("eligible", sa.Integer(), nullable=False),
        sa.Column("present", sa.Integer(), nullable=False),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column("decisions", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("media_type", sa.String(length=80), nullable=False),
        sa.Column("scan", sa.String(length=12), nullable=False),
        sa.Column("recorded_by", sa.String(length=30), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["meeting_id"], ["meeting.id"], name=op.f("fk_minutes_meeting_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_minutes_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_minutes")),
    )
    op.create_index(op.f("ix_minutes_organisation_id"), "minutes", ["organisation_id"])
    op.create_index(op.f("ix_minutes_sha256"), "minutes", ["sha256"])
    # As it stands, and not through a copy of the table: that would lose what watches over decisions.
    op.execute(
        "ALTER TABLE decision ADD COLUMN minutes_id VARCHAR(30) "
        "CONSTRAINT fk_decision_minutes_id REFERENCES minutes (id)"
    )
    op.create_index(op.f("ix_decision_minutes_id"), "decision", ["minutes_id"])
    op.create_table(
        "batch",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("minutes_id", sa.String(length=30), nullable=True),
        sa.Column("created_by", sa.String(length=30), nullable=False),
        sa.Column("by_person", sa.Boolean(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("ok", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["minutes_id"], ["minutes.id"], name=op.f("fk_batch_minutes_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_batch_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
    )
    op.create_index(op.f("ix_batch_organisation_id"), "batch", ["organisation_id"])
    op.create_index(op.f("ix_batch_ended_at"), "batch", ["ended_at"])
    op.create_table(
        "batch_part",
        sa.Column("batch_id", sa.String(length=30), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.Column("rows", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_batch_part_batch_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_batch_part_organisation_id")
        ),
        sa.PrimaryKeyConstraint("batch_id", "first", name=op.f("pk_batch_part")),
    )
    op.create_index(op.f("ix_batch_part_organisation_id"), "batch_part", ["organisation_id"])
    op.create_table(
        "batch_row",
        sa.Column("batch_id", sa.String(length=30), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("external_id", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("effect", sa.Boolean(), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=True),
        sa.Column("made", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.id"], name=op.f("fk_batch_row_batch_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_batch_row_organisation_id")
        ),
        sa.PrimaryKeyConstraint("batch_id", "place", name=op.f("pk_batch_row")),
    )
    op.create_index(op.f("ix_batch_row_organisation_id"), "batch_row", ["organisation_id"])
    op.create_index(
        "uq_batch_row_effect",
        "batch_row",
        ["organisation_id", "kind", "external_id"],
        unique=True,
        sqlite_where=MADE,
        postgresql_where=MADE,
    )
    begun = sa.text("state = 'begun'")
    op.create_index(
        "ix_batch_row_begun", "batch_row", ["batch_id", "place"], sqlite_where=begun, postgresql_where=begun
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name, (act, table, broken, words) in KEPT.items():
        if sqlite:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {act} ON {table} WHEN {broken} "
                f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
            )
            continue
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{words}'; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {act} ON {table} FOR EACH ROW WHEN ({broken}) "
            f"EXECUTE FUNCTION {name}()"
        )
    policies.protect(op, "minutes", "batch", "batch_part", "batch_row")


def downgrade() -> None:
    """Go back to where no batch is known: what was made stays, what was waiting is not done."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name in KEPT:
        op.execute(f"DROP TRIGGER {name}" if sqlite else f"DROP FUNCTION {name}() CASCADE")
    for table in ("batch_row", "batch_part", "batch"):
        op.drop_table(table)
    op.drop_index(op.f("ix_decision_minutes_id"), "decision")
    op.drop_column("decision", "minutes_id")
    op.drop_table("minutes")
    op.execute("UPDATE message SET done_at = created_at WHERE topic = 'batch.carry' AND done_at IS NULL")
