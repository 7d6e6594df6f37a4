"""How far each seal of a European Digital Credential has grown, so that nobody has to read it to know."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("document", sa.Column("level", sa.String(length=8), nullable=True))
    # Until now a seal grew in one step or not at all. In the payload a backslash precedes quotes.
    op.execute(
        sa.text(
            "UPDATE document SET level = CASE WHEN token LIKE :grown THEN 'B-LTA' ELSE 'B-B' END "
            "WHERE format = 'edc'"
        ).bindparams(grown='%{"etsiU":[%')
    )
    op.create_index(
        "ix_document_level",
        "document",
        ["level", "id", "organisation_id"],
        sqlite_where=sa.text("level IS NOT NULL"),
        postgresql_where=sa.text("level IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_document_level", "document")
    op.drop_column("document", "level")
