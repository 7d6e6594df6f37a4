"""Continuing development and renewal: activities, renewals, draws, reminders, and the periods that follow."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# No period without a published grant, an approved renewal, or, for a bridge, a renewal still under review
# (I14); none that overlaps another (I30). Whatever was decided, drawn or counted stays as it was.
RENEWAL_OF_PERIOD = (
    "EXISTS (SELECT 1 FROM renewal r WHERE r.id = NEW.renewal_id AND r.credential_id = NEW.credential_id"
)
GROUNDED = (
    "(NEW.kind = 'grant' AND EXISTS (SELECT 1 FROM decision c "
    "WHERE c.id = NEW.decision_id AND c.status = 'published' AND c.outcome = 'grant')) "
    f"OR (NEW.kind = 'renewal' AND {RENEWAL_OF_PERIOD} AND r.state = 'approved')) "
    f"OR (NEW.kind = 'bridge' AND {RENEWAL_OF_PERIOD} AND r.state IN ('submitted', 'audit', 'cure')))"
)
OVERLAPS = (
    "EXISTS (SELECT 1 FROM period q WHERE q.credential_id = NEW.credential_id "
    "AND q.valid_from <= COALESCE(q.ended_on, q.valid_until) "
    "AND q.valid_from <= NEW.valid_until AND COALESCE(q.ended_on, q.valid_until) >= NEW.valid_from)"
)
ONLY_A_GRANT = (
    "NOT EXISTS (SELECT 1 FROM decision c "
    "WHERE c.id = NEW.decision_id AND c.status = 'published' AND c.outcome = 'grant')"
)
INSERTED = "period_kept_on_insert"
APART = "period_kept_apart"
KEPT = (
    (
        "period",
        "period_kept_on_update",
        (
            "NEW.valid_from <> OLD.valid_from OR NEW.valid_until <> OLD.valid_until "
            "OR NEW.cycle <> OLD.cycle OR NEW.kind <> OLD.kind OR NEW.credential_id <> OLD.credential_id "
            "OR (NEW.ended_on IS NOT NULL AND NEW.kind <> 'bridge') "
            "OR (OLD.ended_on IS NOT NULL AND (NEW.ended_on IS NULL OR NEW.ended_on <> OLD.ended_on))"
        ),
        "a period stays as it is; only a bridge ends early, and once",
    ),
    (
        "credential",
        "credential_kept_closed",
        "OLD.closed_at IS NOT NULL AND NEW.closed_at IS NULL",
        "what was closed stays closed",
    ),
    (
        "renewal",
        "renewal_kept_on_update",
        (
            "OLD.state IN ('approved', 'refused') AND (NEW.state <> OLD.state OR NEW.cycle <> OLD.cycle "
            "OR NEW.credential_id <> OLD.credential_id OR NEW.rules_digest <> OLD.rules_digest "
            "OR NEW.decided_on <> OLD.decided_on OR NEW.decided_by <> OLD.decided_by "
            "OR CAST(NEW.evaluation AS TEXT) <> CAST(OLD.evaluation AS TEXT))"
        ),
        "a decided renewal stays as it is",
    ),
    (
        "cpd_activity",
        "cpd_activity_kept_locked",
        (
            "OLD.state = 'locked' AND (NEW.state <> OLD.state OR NEW.hours <> OLD.hours "
            "OR NEW.category <> OLD.category OR NEW.renewal_id IS NULL OR NEW.renewal_id <> OLD.renewal_id)"
        ),
        "an hour counts once",
    ),
    (
        "audit_draw",
        "audit_draw_kept_on_update",
        "NEW.seed <> OLD.seed OR NEW.commitment <> OLD.commitment OR OLD.drawn_at IS NOT NULL",
        "a draw is held once, with the seed that was promised",
    ),
)


def _forbid(table: str, name: str, act: str, broken: str, words: str) -> None:
    """Make the database itself refuse an act on a table."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"DROP TRIGGER IF EXISTS {name}")
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {act} ON {table} WHEN {broken} "
            f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
        )
        return
    op.execute(
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF {broken} THEN RAISE EXCEPTION '{words}'; END IF; RETURN NEW; END $$"
    )
    op.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
    op.execute(f"CREATE TRIGGER {name} BEFORE {act} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _widen_periods() -> None:
    """Let periods rest on renewals too; those that are there were granted, in the first cycle."""
    with op.batch_alter_table("period", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(length=12), nullable=False, server_default="grant"))
        batch_op.add_column(sa.Column("cycle", sa.Integer(), nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("renewal_id", sa.String(length=30), nullable=True))
        batch_op.add_column(sa.Column("ended_on", sa.Date(), nullable=True))
        batch_op.alter_column("decision_id", existing_type=sa.String(length=30), nullable=True)
        batch_op.create_index(batch_op.f("ix_period_valid_until"), ["valid_until"], unique=False)
        batch_op.create_unique_constraint(batch_op.f("uq_period_renewal_id_kind"), ["renewal_id", "kind"])
    with op.batch_alter_table("period", schema=None) as batch_op:
        batch_op.alter_column("kind", existing_type=sa.String(length=12), server_default=None)
        batch_op.alter_column("cycle", existing_type=sa.Integer(), server_default=None)
        batch_op.create_check_constraint(
            batch_op.f("ck_period_ground"),
            "(kind = 'grant') = (decision_id IS NOT NULL) AND (kind = 'grant') = (renewal_id IS NULL)",
        )


def upgrade() -> None:
    # ### commands auto generated by Alembic - please adjust! ###
    op.create_table(
        "audit_draw",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("scheme_id", sa.String(length=120), nullable=False),
        sa.Column("seed", sa.String(length=64), nullable=False),
        sa.Column("commitment", sa.String(length=64), nullable=False),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("drawn_by", sa.String(length=30), nullable=True),
        sa.Column("outcome", sa.JSON(), nullable=True),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_audit_draw_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_draw")),
    )
    with op.batch_alter_table("audit_draw", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_draw_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(
            "uq_audit_draw_open",
            ["organisation_id", "scheme_id"],
            unique=True,
            sqlite_where=sa.text("drawn_at IS NULL"),
            postgresql_where=sa.text("drawn_at IS NULL"),
        )

    op.create_table(
        "cpd_exemption",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("credential_id", sa.String(length=30), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("reduction_pct", sa.Integer(), nullable=False),
        sa.Column("decided_by", sa.String(length=30), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credential.id"], name=op.f("fk_cpd_exemption_credential_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_cpd_exemption_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cpd_exemption")),
        sa.UniqueConstraint(
            "credential_id", "cycle", "reason", name=op.f("uq_cpd_exemption_credential_id_cycle_reason")
        ),
    )
    with op.batch_alter_table("cpd_exemption", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cpd_exemption_credential_id"), ["credential_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_cpd_exemption_organisation_id"), ["organisation_id"], unique=False
        )

    op.create_table(
        "reminder",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("credential_id", sa.String(length=30), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["credential_id"], ["credential.id"], name=op.f("fk_reminder_credential_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_reminder_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminder")),
        sa.UniqueConstraint(
            "credential_id", "cycle", "kind", name=op.f("uq_reminder_credential_id_cycle_kind")
        ),
    )
    with op.batch_alter_table("reminder", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reminder_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "renewal",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("credential_id", sa.String(length=30), nullable=False),
        sa.Column("holder_id", sa.String(length=30), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("filed_on", sa.Date(), nullable=False),
        sa.Column("scheme_version", sa.String(length=20), nullable=False),
        sa.Column("rules_digest", sa.String(length=64), nullable=False),
        sa.Column("evaluation", sa.JSON(), nullable=False),
        sa.Column("draw_id", sa.String(length=30), nullable=True),
        sa.Column("audit_reason", sa.String(length=40), nullable=True),
        sa.Column("audit_from", sa.Date(), nullable=True),
        sa.Column("reply_by", sa.Date(), nullable=True),
        sa.Column("cure_reasons", sa.Text(), nullable=True),
        sa.Column("cure_by", sa.Date(), nullable=True),
        sa.Column("cured", sa.Boolean(), nullable=False),
        sa.Column("interview_on", sa.Date(), nullable=True),
        sa.Column("interview_minutes", sa.Text(), nullable=True),
        sa.Column("reasons", sa.Text(), nullable=True),
        sa.Column("salt", sa.String(length=32), nullable=True),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=30), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["credential_id"], ["credential.id"], name=op.f("fk_renewal_credential_id")),
        sa.ForeignKeyConstraint(["draw_id"], ["audit_draw.id"], name=op.f("fk_renewal_draw_id")),
        sa.ForeignKeyConstraint(["holder_id"], ["person.id"], name=op.f("fk_renewal_holder_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_renewal_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_renewal")),
        sa.UniqueConstraint(
            "credential_id", "cycle", "kind", name=op.f("uq_renewal_credential_id_cycle_kind")
        ),
    )
    with op.batch_alter_table("renewal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_renewal_credential_id"), ["credential_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_renewal_draw_id"), ["draw_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_renewal_holder_id"), ["holder_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_renewal_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(
            "ix_renewal_pending",
            ["state"],
            unique=False,
            sqlite_where=sa.text("decided_at IS NULL"),
            postgresql_where=sa.text("decided_at IS NULL"),
        )

    op.create_table(
        "cpd_activity",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("credential_id", sa.String(length=30), nullable=False),
        sa.Column("holder_id", sa.String(length=30), nullable=False),
        sa.Column("corrects_id", sa.String(length=30), nullable=True),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("provider", sa.String(length=200), nullable=False),
        sa.Column("started_on", sa.Date(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=False),
        sa.Column("hours", sa.Integer(), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=False),
        sa.Column("topics", sa.JSON(), nullable=False),
        sa.Column("competences", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("recorded_by", sa.String(length=30), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_on", sa.Date(), nullable=True),
        sa.Column("reviewed_by", sa.String(length=30), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("question", sa.Text(), nullable=True),
        sa.Column("reasons", sa.Text(), nullable=True),
        sa.Column("renewal_id", sa.String(length=30), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["corrects_id"], ["cpd_activity.id"], name=op.f("fk_cpd_activity_corrects_id")
        ),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credential.id"], name=op.f("fk_cpd_activity_credential_id")
        ),
        sa.ForeignKeyConstraint(["holder_id"], ["person.id"], name=op.f("fk_cpd_activity_holder_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_cpd_activity_organisation_id")
        ),
        sa.ForeignKeyConstraint(["renewal_id"], ["renewal.id"], name=op.f("fk_cpd_activity_renewal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cpd_activity")),
        sa.UniqueConstraint("corrects_id", name=op.f("uq_cpd_activity_corrects_id")),
    )
    with op.batch_alter_table("cpd_activity", schema=None) as batch_op:
        batch_op.create_index(
            "ix_cpd_activity_credential_id_ended_on", ["credential_id", "ended_on"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_cpd_activity_holder_id"), ["holder_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_cpd_activity_organisation_id"), ["organisation_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_cpd_activity_renewal_id"), ["renewal_id"], unique=False)
        batch_op.create_index(
            "uq_cpd_activity_same",
            ["credential_id", "fingerprint"],
            unique=True,
            sqlite_where=sa.text("state != 'corrected'"),
            postgresql_where=sa.text("state != 'corrected'"),
        )

    op.create_table(
        "cpd_proof",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("activity_id", sa.String(length=30), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=500), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("media_type", sa.String(length=100), nullable=True),
        sa.Column("original_name", sa.String(length=255), nullable=True),
        sa.Column("scan", sa.String(length=12), nullable=True),
        sa.Column("added_by", sa.String(length=30), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["activity_id"], ["cpd_activity.id"], name=op.f("fk_cpd_proof_activity_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_cpd_proof_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cpd_proof")),
    )
    with op.batch_alter_table("cpd_proof", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cpd_proof_activity_id"), ["activity_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_cpd_proof_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_cpd_proof_sha256"), ["sha256"], unique=False)

    _widen_periods()
    _forbid(
        "period", INSERTED, "INSERT", f"NOT ({GROUNDED})", "a period needs a published grant or a renewal"
    )
    _forbid("period", APART, "INSERT", OVERLAPS, "periods of a credential never overlap")
    for table, name, broken, words in KEPT:
        _forbid(table, name, "UPDATE", broken, words)


def downgrade() -> None:
    """Go back to the main job alone; what was renewed since is lost, so only for trying."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for name in (APART, *(name for _, name, _, _ in KEPT)):
        op.execute(f"DROP TRIGGER {name}" if sqlite else f"DROP FUNCTION {name}() CASCADE")
    for table in ("intent", "document"):
        op.execute(f"DELETE FROM {table} WHERE period_id IN (SELECT id FROM period WHERE kind <> 'grant')")
    op.execute("DELETE FROM period WHERE kind <> 'grant'")
    with op.batch_alter_table("period", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_period_ground"), type_="check")
        batch_op.drop_constraint(batch_op.f("uq_period_renewal_id_kind"), type_="unique")
        batch_op.drop_index(batch_op.f("ix_period_valid_until"))
        batch_op.alter_column("decision_id", existing_type=sa.String(length=30), nullable=False)
        batch_op.drop_column("ended_on")
        batch_op.drop_column("renewal_id")
        batch_op.drop_column("cycle")
        batch_op.drop_column("kind")
    _forbid("period", INSERTED, "INSERT", ONLY_A_GRANT, "a period needs a published grant")
    with op.batch_alter_table("cpd_proof", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cpd_proof_sha256"))
        batch_op.drop_index(batch_op.f("ix_cpd_proof_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_cpd_proof_activity_id"))

    op.drop_table("cpd_proof")
    with op.batch_alter_table("cpd_activity", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_cpd_activity_same",
            sqlite_where=sa.text("state != 'corrected'"),
            postgresql_where=sa.text("state != 'corrected'"),
        )
        batch_op.drop_index(batch_op.f("ix_cpd_activity_renewal_id"))
        batch_op.drop_index(batch_op.f("ix_cpd_activity_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_cpd_activity_holder_id"))
        batch_op.drop_index(batch_op.f("ix_cpd_activity_credential_id_ended_on"))

    op.drop_table("cpd_activity")
    with op.batch_alter_table("renewal", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_renewal_pending",
            sqlite_where=sa.text("decided_at IS NULL"),
            postgresql_where=sa.text("decided_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_renewal_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_renewal_holder_id"))
        batch_op.drop_index(batch_op.f("ix_renewal_draw_id"))
        batch_op.drop_index(batch_op.f("ix_renewal_credential_id"))

    op.drop_table("renewal")
    with op.batch_alter_table("reminder", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reminder_organisation_id"))

    op.drop_table("reminder")
    with op.batch_alter_table("cpd_exemption", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cpd_exemption_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_cpd_exemption_credential_id"))

    op.drop_table("cpd_exemption")
    with op.batch_alter_table("audit_draw", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_audit_draw_open",
            sqlite_where=sa.text("drawn_at IS NULL"),
            postgresql_where=sa.text("drawn_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_audit_draw_organisation_id"))

    op.drop_table("audit_draw")
