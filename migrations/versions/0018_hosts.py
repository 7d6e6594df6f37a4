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
    """Go back, unless a body has a host of its own: what names that one would be nobody's any more."""
    hosted = "SELECT count(*) FROM organisation WHERE host IS NOT NULL"
    if op.get_bind().execute(sa.text(hosted)).scalar_one():
        raise ValueError(
            "An organisation has a host of its own, which its documents name. The release before this one "
            "would not answer for it: stay with this one."
        )
    op.drop_index("ix_organisation_host", "organisation")
    op.drop_column("organisation", "host")
