"""An organisation may have a host of its own, which its documents name."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("organisation", sa.Column("host", sa.String(length=260), nullable=True))
    op.create_index("ix_organisation_host", "organisation", ["host"], unique=True)


def downgrade() -> None:
    """Go back: whatever names a host of a body's own leads to nobody any more."""
    op.drop_index("ix_organisation_host", "organisation")
    op.drop_column("organisation", "host")
