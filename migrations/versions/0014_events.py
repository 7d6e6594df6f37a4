"""Events for the outside: webhook endpoints, deliveries to them, and what was said of periods."""

import sqlalchemy as sa
from alembic import op

from app.core import policies

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# What workers ask several times a second, of every organisation: which endpoints they have to see to.
LOOK_UPS = {
    "webhooks_behind()": (
        "SELECT e.organisation_id::text, e.id::text FROM webhook_endpoint e "
        "JOIN event_head h ON h.organisation_id = e.organisation_id "
        "WHERE e.disabled_at IS NULL AND e.seen < h.seq"
    ),
    # So many of each organisation, with those that are visited already; first whose organisation has fewest.
    "webhooks_due(timestamptz, integer, integer)": (
        "SELECT f.organisation_id::text, f.id::text FROM ("
        "SELECT e.organisation_id, e.id, s.since, "
        "row_number() OVER (PARTITION BY e.organisation_id ORDER BY s.since, e.id) "
        "+ (SELECT count(*) FROM webhook_endpoint v WHERE v.organisation_id = e.organisation_id "
        "AND v.lease_owner IS NOT NULL AND v.lease_until >= $1) AS turn "
        "FROM webhook_endpoint e CROSS JOIN LATERAL (SELECT min(d.due_at) AS since "
        "FROM webhook_delivery d WHERE d.endpoint_id = e.id AND d.state = 'waiting') s "
        "WHERE e.disabled_at IS NULL AND (e.lease_until IS NULL OR e.lease_until < $1) AND s.since <= $1"
        ") f WHERE f.turn <= $2 ORDER BY f.turn, f.since, f.id LIMIT $3"
    ),
}

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=False),
        sa.Column("types", sa.JSON(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("former_secret", sa.LargeBinary(), nullable=True),
        sa.Column("former_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.String(length=30), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_reason", sa.String(length=40), nullable=True),
        sa.Column("lease_owner", sa.String(length=40), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_webhook_endpoint_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoint")),
    )
    op.create_index(op.f("ix_webhook_endpoint_organisation_id"), "webhook_endpoint", ["organisation_id"])
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.Column("endpoint_id", sa.String(length=30), nullable=False),
        sa.Column("event_id", sa.String(length=30), nullable=False),
        sa.Column("event_key", KEY, nullable=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=40), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["webhook_endpoint.id"], name=op.f("fk_webhook_delivery_endpoint_id")
        ),
        sa.ForeignKeyConstraint(["event_key"], ["event.id"], name=op.f("fk_webhook_delivery_event_key")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_webhook_delivery_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
        sa.UniqueConstraint("endpoint_id", "event_id", name=op.f("uq_webhook_delivery_endpoint_id_event_id")),
    )
    for column in ("organisation_id", "created_at"):
        op.create_index(op.f(f"ix_webhook_delivery_{column}"), "webhook_delivery", [column])
    op.create_index("ix_webhook_delivery_seq", "webhook_delivery", ["endpoint_id", "seq"])
    waits = sa.text("state = 'waiting'")
    for name, columns in (
        ("waiting", ["endpoint_id", "seq"]),
        ("due", ["endpoint_id", "due_at"]),
        ("order", ["endpoint_id", "subject", "seq"]),
    ):
        op.create_index(
            f"ix_webhook_delivery_{name}",
            "webhook_delivery",
            columns,
            sqlite_where=waits,
            postgresql_where=waits,
        )
    op.create_table(
        "period_notice",
        sa.Column("period_id", sa.String(length=30), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_period_notice_organisation_id")
        ),
        sa.ForeignKeyConstraint(["period_id"], ["period.id"], name=op.f("fk_period_notice_period_id")),
        sa.PrimaryKeyConstraint("period_id", "kind", name=op.f("pk_period_notice")),
    )
    op.create_index(op.f("ix_period_notice_organisation_id"), "period_notice", ["organisation_id"])
    policies.protect(op, "webhook_endpoint", "webhook_delivery", "period_notice")
    for name, query in LOOK_UPS.items():
        policies.look_past(op, name, "TABLE (organisation_id text, id text)", query)


def downgrade() -> None:
    """Go back to where nobody is told: what still waits is not sent, and the trail keeps every event."""
    policies.forget(op, *LOOK_UPS)
    op.drop_table("period_notice")
    op.drop_table("webhook_delivery")
    op.drop_table("webhook_endpoint")
