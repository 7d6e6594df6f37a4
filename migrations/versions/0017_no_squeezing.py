"""PostgreSQL compresses nothing that is signed any more: base64url took long, and shrank by a twentieth."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

SIGNED = {"intent": "unsigned", "document": "token"}


def upgrade() -> None:
    _store("EXTERNAL")


def downgrade() -> None:
    _store("EXTENDED")


def _store(how: str) -> None:
    """Say how rows keep it from now on. Those that are there stay as they are, and are read as before."""
    if op.get_bind().dialect.name == "postgresql":
        for table, column in SIGNED.items():
            op.execute(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" SET STORAGE {how}')
