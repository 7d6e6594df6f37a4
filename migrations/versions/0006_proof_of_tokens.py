"""What proves a token for the years after its certificate, beside the token, which has no room for it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("document", sa.Column("proof", sa.Text(), nullable=True))


def downgrade() -> None:
    """Go back to where a token is compact alone; its proof is made anew when it is asked for again."""
    op.drop_column("document", "proof")
