"""On PostgreSQL the database itself shows each transaction the rows of one organisation, and of no other."""

from alembic import op

from app.core import policies

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLES = (
    "api_client",
    "api_key",
    "assessment",
    "assignment",
    "audit_draw",
    "cpd_activity",
    "cpd_exemption",
    "cpd_proof",
    "credential",
    "decision",
    "declaration",
    "delivery",
    "document",
    "dossier",
    "dossier_access",
    "dossier_call",
    "dossier_step",
    "event",
    "event_head",
    "event_link",
    "evidence",
    "intent",
    "interview",
    "meeting",
    "membership",
    "panelist",
    "period",
    "person",
    "presence",
    "published_list",
    "reminder",
    "renewal",
    "role_grant",
    "score",
    "status_change",
    "status_list",
    "status_position",
    "vote",
)

# What the public road asks, and the worker that publishes lists: each question is a function of its own.
ENTRY = (
    "TABLE (number varchar, subject_id varchar, scheme_id varchar, suspended_at timestamptz, "
    "revoked_at timestamptz, closed_at timestamptz, mode varchar, time_zone varchar, legal_name varchar, "
    "issuer_code integer, seq integer, kind varchar, valid_from date, valid_until date, ended_on date, "
    "scheme_version varchar, format varchar, jti varchar, token text, sha256 varchar, "
    "key_thumbprint varchar, issued_at timestamptz, superseded_at timestamptz, renewal_id varchar)"
)
READ_ENTRY = """
SELECT c.number, c.subject_id, c.scheme_id, c.suspended_at, c.revoked_at, c.closed_at, c.mode, o.time_zone,
       o.legal_name, o.issuer_code,
       p.seq, p.kind, p.valid_from, p.valid_until, p.ended_on, p.scheme_version,
       d.format, d.jti, {token}, d.sha256, d.key_thumbprint, d.issued_at, d.superseded_at, r.id
FROM credential c
JOIN organisation o ON o.id = c.organisation_id
JOIN period p ON p.credential_id = c.id
JOIN document d ON d.period_id = p.id
LEFT JOIN renewal r ON r.credential_id = c.id AND r.cycle = p.cycle AND r.kind = 'renewal'
     AND r.state = 'refused'
WHERE c.issued_at IS NOT NULL AND {condition}
ORDER BY p.seq, d.issued_at, d.id
"""
BY_NUMBER = READ_ENTRY.format(
    token="d.token",  # noqa: S106 - a column
    condition="c.number = $1 AND d.format = 'vc+jwt' AND c.hidden_at IS NULL AND o.register_open",
)
BY_DOCUMENT = READ_ENTRY.format(
    token="''::text",  # noqa: S106 - nothing
    condition="c.id = (SELECT q.credential_id FROM period q JOIN document e ON q.id = e.period_id "
    "WHERE e.jti = $1) AND (d.format = 'vc+jwt' OR d.jti = $1)",
)
BEHIND = """
SELECT l.id FROM status_list l LEFT JOIN published_list s ON s.list_id = l.id AND s.purpose = form
WHERE s.id IS NULL OR s.version < l.version OR s.signed_at <= old OR s.signed_at > ahead
   OR s.key_thumbprint <> ALL (keys) OR (s.level < best AND s.signed_at <= resting)
ORDER BY l.id
"""
BEHIND_ASKED = "form text, best integer, resting timestamptz, old timestamptz, ahead timestamptz, keys text[]"
LOOK_UPS = {
    "register_by_number(text)": (ENTRY, BY_NUMBER),
    "register_by_document(text)": (ENTRY, BY_DOCUMENT),
    "register_list(integer, text)": (
        "SETOF text",
        "SELECT token FROM published_list WHERE list_id = $1 AND purpose = $2",
    ),
    "register_lists()": (
        "SETOF integer",
        "SELECT id FROM status_list WHERE kind IN ('qr', 'credential') ORDER BY id DESC LIMIT 32",
    ),
    f"lists_behind({BEHIND_ASKED})": ("SETOF integer", BEHIND),
}
OWNED_BY = {"api_key": "text", "audit_draw": "text", "person": "text", "status_list": "integer"}


def upgrade() -> None:
    policies.protect(op, *TABLES)
    for table, id_type in OWNED_BY.items():
        policies.find_owner(op, table, id_type)
    for name, (returns, query) in LOOK_UPS.items():
        policies.look_past(op, name, returns, query)


def downgrade() -> None:
    policies.forget(op, *LOOK_UPS)
    policies.forget(op, *(f"organisation_of_{table}({id_type})" for table, id_type in OWNED_BY.items()))
    policies.unprotect(op, *TABLES)
