"""European Digital Credentials: documents of a format that has no place for a status."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = ("document", "intent")
COLUMNS = ("list_id", "list_index")


def upgrade() -> None:
    for table in TABLES:
        with op.batch_alter_table(table) as batch:
            for column in COLUMNS:
                batch.alter_column(column, existing_type=sa.Integer(), nullable=True)


def downgrade() -> None:
    """Go back to where no such document is known: what was handed out stays sealed, and is made again."""
    for table in TABLES:
        op.execute(f"DELETE FROM {table} WHERE list_id IS NULL")
        with op.batch_alter_table(table) as batch:
            for column in COLUMNS:
                batch.alter_column(column, existing_type=sa.Integer(), nullable=False)
