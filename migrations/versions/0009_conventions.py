"""Keys for sending again, quotas, editions, and when a credential changed last."""

import sqlalchemy as sa
from alembic import op

from app.core import policies

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# When it was entered, or anything later that says its time.
_LATEST = (
    "SELECT c.created_at AS at FROM credential c WHERE c.id = credential.id "
    "UNION ALL SELECT s.at FROM status_change s WHERE s.credential_id = credential.id "
    "UNION ALL SELECT c.hidden_at FROM credential c WHERE c.id = credential.id "
    "UNION ALL SELECT c.closed_at FROM credential c WHERE c.id = credential.id "
    "UNION ALL SELECT d.issued_at FROM document d JOIN period p ON p.id = d.period_id "
    "WHERE p.credential_id = credential.id"
)


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "idempotency_key",
        sa.Column("id", key, nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("begun", sa.JSON(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_idempotency_key_organisation_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_idempotency_key"),
        sa.UniqueConstraint("organisation_id", "name", name="uq_idempotency_key_organisation_id_name"),
    )
    op.create_index("ix_idempotency_key_created_at", "idempotency_key", ["created_at"])
    op.create_index("ix_idempotency_key_organisation_id", "idempotency_key", ["organisation_id"])
    op.create_table(
        "actor_pace",
        sa.Column("actor_id", sa.String(length=30), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.Column("due", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name="fk_actor_pace_organisation_id"
        ),
        sa.PrimaryKeyConstraint("actor_id", name="pk_actor_pace"),
    )
    op.create_index("ix_actor_pace_organisation_id", "actor_pace", ["organisation_id"])
    op.add_column("organisation", sa.Column("requests_per_minute", sa.Integer(), nullable=True))
    for table in ("organisation", "membership"):
        op.add_column(table, sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column(
        "credential",
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.text("'1970-01-01 00:00:00.000000'"),
        ),
    )
    op.execute(f"UPDATE credential SET updated_at = (SELECT max(found.at) FROM ({_LATEST}) AS found)")
    op.create_index(
        "ix_credential_organisation_id_updated_at", "credential", ["organisation_id", "updated_at"]
    )
    policies.protect(op, "idempotency_key", "actor_pace")


def downgrade() -> None:
    op.drop_index("ix_credential_organisation_id_updated_at", "credential")
    op.drop_column("credential", "updated_at")
    for table in ("membership", "organisation"):
        op.drop_column(table, "version")
    op.drop_column("organisation", "requests_per_minute")
    op.drop_table("actor_pace")
    op.drop_table("idempotency_key")
