"""What was issued for trying stays so when its body goes live; and by which key each list was signed."""

import json
from base64 import urlsafe_b64decode

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Only where the body is live by now can the credential be either; what was signed of it first says which.
_LIVE = sa.text(
    "SELECT c.id, d.token, i.unsigned FROM credential c JOIN organisation o ON o.id = c.organisation_id "
    "JOIN period p ON p.credential_id = c.id AND p.seq = 1 "
    "LEFT JOIN document d ON d.period_id = p.id AND d.format = 'vc+jwt' "
    "LEFT JOIN intent i ON i.period_id = p.id AND i.format = 'vc+jwt' "
    "WHERE o.mode = 'live' AND c.id > :after ORDER BY c.id, d.issued_at LIMIT 1000"
)


def upgrade() -> None:
    op.add_column("credential", sa.Column("mode", sa.String(length=8), nullable=False, server_default="test"))
    after = ""
    while rows := op.get_bind().execute(_LIVE, {"after": after}).all():
        after = rows[-1][0]
        said = {name: (token or bytes(unsigned or b"").decode()) for name, token, unsigned in reversed(rows)}
        live = [{"name": name} for name, signed in said.items() if not _says_test(signed)]
        if live:
            op.get_bind().execute(sa.text("UPDATE credential SET mode = 'live' WHERE id = :name"), live)
    # An empty name is nobody's key: each list is signed once more, and then its key is known.
    op.add_column(
        "published_list",
        sa.Column("key_thumbprint", sa.String(length=43), nullable=False, server_default=""),
    )


def _says_test(signed: str) -> bool:
    """Tell whether a document says TEST before all else; what cannot be read is taken to."""
    try:
        payload = signed.split(".")[1]
        said = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(said["name"]).startswith("TEST")
    except (IndexError, ValueError, KeyError, TypeError):
        return True


def downgrade() -> None:
    op.drop_column("published_list", "key_thumbprint")
    op.drop_column("credential", "mode")
