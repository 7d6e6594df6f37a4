"""Verification: lists in every form, the offline QR's issuer codes, numbers that are not looked up,
and events that wait for their place in the chain."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("organisation") as batch:
        batch.add_column(sa.Column("issuer_code", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("register_open", sa.Boolean(), nullable=False, server_default=sa.true()))
    # Codes go by age: the first body of an installation is number 1.
    op.execute(
        "UPDATE organisation SET issuer_code = (SELECT COUNT(*) FROM organisation o "
        "WHERE o.created_at < organisation.created_at "
        "OR (o.created_at = organisation.created_at AND o.id <= organisation.id))"
    )
    with op.batch_alter_table("organisation") as batch:
        batch.alter_column("issuer_code", existing_type=sa.Integer(), nullable=False)
        batch.alter_column("register_open", existing_type=sa.Boolean(), server_default=None)
        batch.create_unique_constraint(op.f("uq_organisation_issuer_code"), ["issuer_code"])
    op.create_table(
        "event_waiting",
        sa.Column("event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_event_waiting_event_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_event_waiting_organisation_id")
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_event_waiting")),
    )
    op.create_index(op.f("ix_event_waiting_organisation_id"), "event_waiting", ["organisation_id"])
    op.execute(
        "INSERT INTO event_waiting (event_id, organisation_id) SELECT e.id, e.organisation_id FROM event e "
        "LEFT JOIN event_link l ON l.event_id = e.id WHERE l.event_id IS NULL"
    )
    op.add_column("credential", sa.Column("hidden_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("status_position", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.create_index("ix_status_position_changed", "status_position", ["list_id", "version"])
    op.add_column("published_list", sa.Column("level", sa.Integer(), nullable=False, server_default="6"))


def downgrade() -> None:
    op.drop_column("published_list", "level")
    op.drop_index("ix_status_position_changed", "status_position")
    op.drop_column("status_position", "version")
    op.drop_column("credential", "hidden_at")
    op.drop_table("event_waiting")
    with op.batch_alter_table("organisation") as batch:
        batch.drop_constraint(op.f("uq_organisation_issuer_code"), type_="unique")
        batch.drop_column("register_open")
        batch.drop_column("issuer_code")
