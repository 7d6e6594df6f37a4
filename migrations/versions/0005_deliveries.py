"""Deliveries: documents on their way into the wallets of those who hold them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.Column("credential_id", sa.String(length=30), nullable=False),
        sa.Column("document_id", sa.String(length=30), nullable=False),
        sa.Column("recipient", sa.String(length=12), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=True),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("viewer_url", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(address IS NOT NULL) = (state = 'waiting' AND recipient = 'wallet')",
            name=op.f("ck_delivery_forgotten"),
        ),
        sa.CheckConstraint("(settled_at IS NULL) = (state = 'waiting')", name=op.f("ck_delivery_settled")),
        sa.ForeignKeyConstraint(["credential_id"], ["credential.id"], name=op.f("fk_delivery_credential_id")),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_delivery_document_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_delivery_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    for column in ("credential_id", "document_id", "organisation_id"):
        op.create_index(op.f(f"ix_delivery_{column}"), "delivery", [column])
    waiting = sa.text("state = 'waiting'")
    op.create_index(
        "uq_delivery_waiting",
        "delivery",
        ["document_id"],
        unique=True,
        sqlite_where=waiting,
        postgresql_where=waiting,
    )


def downgrade() -> None:
    """Go back to where nothing is delivered: what still waits is not sent, and where to is forgotten."""
    op.drop_table("delivery")
    op.execute("UPDATE message SET done_at = created_at WHERE topic = 'document.deliver' AND done_at IS NULL")
