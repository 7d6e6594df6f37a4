"""An organisation is changed by itself alone, and every secret of a webhook signs as long as was promised."""

import base64
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from app.core import policies

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ENDPOINT = sa.table(
    "webhook_endpoint",
    sa.column("id", sa.String),
    sa.column("former_secret", sa.LargeBinary),
    sa.column("former_until", sa.DateTime(timezone=True)),
    sa.column("former_secrets", sa.JSON),
)


def upgrade() -> None:
    policies.show_to_all(op, "organisation")
    op.add_column(
        "webhook_endpoint", sa.Column("former_secrets", sa.JSON(), nullable=False, server_default="{}")
    )
    rows = op.get_bind().execute(sa.select(ENDPOINT).where(ENDPOINT.c.former_secret.is_not(None))).all()
    for row in rows:
        until: datetime = row.former_until
        until = until.replace(tzinfo=UTC) if until.tzinfo is None else until.astimezone(UTC)
        kept = {base64.b64encode(row.former_secret).decode(): until.isoformat()}
        op.execute(sa.update(ENDPOINT).where(ENDPOINT.c.id == row.id).values(former_secrets=kept))
    with op.batch_alter_table("webhook_endpoint") as changed:
        changed.alter_column("former_secrets", server_default=None)
        changed.drop_column("former_secret")
        changed.drop_column("former_until")


def downgrade() -> None:
    """Go back to where one former secret is kept: what was replaced signs no longer."""
    with op.batch_alter_table("webhook_endpoint") as changed:
        changed.add_column(sa.Column("former_secret", sa.LargeBinary(), nullable=True))
        changed.add_column(sa.Column("former_until", sa.DateTime(timezone=True), nullable=True))
        changed.drop_column("former_secrets")
    policies.unprotect(op, "organisation")
