"""A digest tells a row from another that comes under the same external id."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("batch_row", sa.Column("content_digest", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """Go back: whatever comes under an external id that made something is skipped again."""
    op.drop_column("batch_row", "content_digest")
