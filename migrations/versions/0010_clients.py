"""OAuth 2.0: what clients may, their secrets and public keys, their tokens; and when a key was last used."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

from app.core import policies

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# What is looked for before it is known whose it is.
LOOKED_UP = ("access_token", "api_client")


def _owned(table: str, *items: SchemaItem, key: tuple[str, ...] = ("id",)) -> None:
    op.create_table(
        table,
        *items,
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.Column("client_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["api_client.id"], name=op.f(f"fk_{table}_client_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f(f"fk_{table}_organisation_id")
        ),
        sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_organisation_id"), table, ["organisation_id"])


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, length: int) -> sa.Column[object]:
    return sa.Column(name, sa.String(length=length), nullable=False)


def upgrade() -> None:
    op.add_column("api_client", sa.Column("scopes", sa.JSON(), nullable=True))
    op.add_column("api_client", _instant("removed_at", nullable=True))
    op.add_column("api_key", sa.Column("last_used_on", sa.Date(), nullable=True))
    _owned(
        "client_secret",
        _text("id", 30),
        _text("secret_hash", 64),
        _instant("created_at"),
        _instant("expires_at"),
        _instant("revoked_at", nullable=True),
        sa.Column("last_used_on", sa.Date(), nullable=True),
    )
    op.create_index(op.f("ix_client_secret_client_id"), "client_secret", ["client_id"])
    _owned(
        "client_jwk",
        _text("id", 30),
        _text("kid", 128),
        _text("alg", 8),
        sa.Column("jwk", sa.JSON(), nullable=False),
        _instant("created_at"),
        sa.Column("last_used_on", sa.Date(), nullable=True),
        sa.UniqueConstraint("client_id", "kid", name=op.f("uq_client_jwk_client_id_kid")),
    )

    _owned(
        "access_token",
        _text("id", 30),
        _text("proof_id", 30),
        _text("secret_hash", 64),
        sa.Column("scopes", sa.JSON(), nullable=False),
        _instant("created_at"),
        _instant("expires_at"),
    )
    op.create_index("ix_access_token_client_id_expires_at", "access_token", ["client_id", "expires_at"])
    _owned(
        "used_assertion",
        _text("jti_hash", 64),
        _instant("expires_at"),
        key=("client_id", "jti_hash"),
    )
    policies.protect(op, "client_secret", "client_jwk", "access_token", "used_assertion")
    for table in LOOKED_UP:
        policies.find_owner(op, table)


def downgrade() -> None:
    """Go back to keys alone: tokens, secrets and public keys of clients end."""
    # Before this form nobody knew of removed clients: they have no key left, and stay as a name.
    policies.forget(op, *(f"organisation_of_{table}(text)" for table in LOOKED_UP))
    for table in ("used_assertion", "access_token", "client_jwk", "client_secret"):
        op.drop_table(table)
    op.drop_column("api_key", "last_used_on")
    op.drop_column("api_client", "removed_at")
    op.drop_column("api_client", "scopes")
