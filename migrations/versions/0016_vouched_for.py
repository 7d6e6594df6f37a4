"""A MAC says of a document that its seal was verified when it was stored, so that it is not verified anew."""

import sqlalchemy as sa
from alembic import op

from app.core import policies

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

ENTRY = (
    "TABLE (number varchar, subject_id varchar, scheme_id varchar, suspended_at timestamptz, "
    "revoked_at timestamptz, closed_at timestamptz, mode varchar, time_zone varchar, legal_name varchar, "
    "issuer_code integer, seq integer, kind varchar, valid_from date, valid_until date, ended_on date, "
    "scheme_version varchar, format varchar, jti varchar, token text, sha256 varchar, "
    "key_thumbprint varchar, issued_at timestamptz, superseded_at timestamptz, renewal_id varchar{mac})"
)
READ_ENTRY = """
SELECT c.number, c.subject_id, c.scheme_id, c.suspended_at, c.revoked_at, c.closed_at, c.mode, o.time_zone,
       o.legal_name, o.issuer_code,
       p.seq, p.kind, p.valid_from, p.valid_until, p.ended_on, p.scheme_version,
       d.format, d.jti, {token}, d.sha256, d.key_thumbprint, d.issued_at, d.superseded_at, r.id{mac}
FROM credential c
JOIN organisation o ON o.id = c.organisation_id
JOIN period p ON p.credential_id = c.id
JOIN document d ON d.period_id = p.id
LEFT JOIN renewal r ON r.credential_id = c.id AND r.cycle = p.cycle AND r.kind = 'renewal'
     AND r.state = 'refused'
WHERE c.issued_at IS NOT NULL AND {condition}
ORDER BY p.seq, d.issued_at, d.id
"""
QUESTIONS = {
    "register_by_number(text)": {
        "token": "d.token",
        "condition": "c.number = $1 AND d.format = 'vc+jwt' AND c.hidden_at IS NULL AND o.register_open",
    },
    "register_by_document(text)": {
        "token": "''::text",
        "condition": "c.id = (SELECT q.credential_id FROM period q JOIN document e ON q.id = e.period_id "
        "WHERE e.jti = $1) AND (d.format = 'vc+jwt' OR d.jti = $1)",
    },
}


def upgrade() -> None:
    op.add_column("document", sa.Column("mac", sa.LargeBinary(), nullable=True))
    _ask(returned=", mac bytea", read=", d.mac")


def downgrade() -> None:
    """Go back: what was vouched for is verified again each time."""
    _ask(returned="", read="")
    op.drop_column("document", "mac")


def _ask(*, returned: str, read: str) -> None:
    policies.forget(op, *QUESTIONS)
    for name, parts in QUESTIONS.items():
        policies.look_past(op, name, ENTRY.format(mac=returned), READ_ENTRY.format(mac=read, **parts))
