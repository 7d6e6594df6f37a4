"""The main job: organisations, dossiers, assessments, decisions, credentials, status lists, the trail."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


APPEND_ONLY = ("event", "event_link", "vote", "dossier_step", "status_change")


def _forbid_changes() -> None:
    """Make the database itself refuse to rewrite history."""
    if op.get_bind().dialect.name == "sqlite":
        for table in APPEND_ONLY:
            for act in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )


# Impartiality, where even a mistake of ours cannot pass it (invariants I1, I3, I4): whoever is conflicted
# neither judges nor votes, whoever judged does not vote, whoever voted does not judge, and votes fall only
# while a decision is open.
CONFLICTED = (
    "EXISTS (SELECT 1 FROM declaration d "
    "WHERE d.dossier_id = {dossier} AND d.person_id = {person} AND d.conflicted)"
)
JUDGED = (
    "EXISTS (SELECT 1 FROM assessment a WHERE a.dossier_id = {dossier} AND a.assessor_id = {person}) "
    "OR EXISTS (SELECT 1 FROM panelist p JOIN interview i ON i.id = p.interview_id "
    "WHERE i.dossier_id = {dossier} AND i.status <> 'cancelled' AND p.person_id = {person})"
)
VOTED = (
    "EXISTS (SELECT 1 FROM vote v JOIN decision c ON c.id = v.decision_id "
    "WHERE c.dossier_id = {dossier} AND v.member_id = {person})"
)
CLOSED = "EXISTS (SELECT 1 FROM decision c WHERE c.id = NEW.decision_id AND c.status <> 'open')"
DOSSIER_OF_VOTE = "(SELECT c.dossier_id FROM decision c WHERE c.id = NEW.decision_id)"
DOSSIER_OF_SEAT = "(SELECT i.dossier_id FROM interview i WHERE i.id = NEW.interview_id)"
KEPT_APART = {
    "vote": f"{CLOSED} OR {CONFLICTED} OR {JUDGED}".format(dossier=DOSSIER_OF_VOTE, person="NEW.member_id"),
    "assessment": f"{CONFLICTED} OR {VOTED}".format(dossier="NEW.dossier_id", person="NEW.assessor_id"),
    "panelist": f"{CONFLICTED} OR {VOTED}".format(dossier=DOSSIER_OF_SEAT, person="NEW.person_id"),
}
# What was published stays as it is; its words may be erased with a person, never rewritten.
PINNED = (
    "id", "organisation_id", "dossier_id", "meeting_id", "round", "status", "case_file_hash", "scheme_id",
    "scheme_version", "scheme_digest", "computed", "opened_by", "opened_at", "outcome", "tally", "decided_on",
    "published_by", "published_at",
)  # fmt: skip
ERASABLE = ("reasons", "derogation")


def _rewritten(differs: str) -> str:
    changed = [f"CAST(OLD.{column} AS TEXT) {differs} CAST(NEW.{column} AS TEXT)" for column in PINNED]
    changed += [f"(NEW.{text} IS NOT NULL AND NEW.{text} {differs} OLD.{text})" for text in ERASABLE]
    return f"OLD.status = 'published' AND ({' OR '.join(changed)})"


def _keep_apart() -> None:
    """Make the database itself refuse who must not judge or vote, and changes to what was published."""
    if op.get_bind().dialect.name == "sqlite":
        refused = "BEGIN SELECT RAISE(ABORT, '{}'); END"
        for table, condition in KEPT_APART.items():
            op.execute(
                f"CREATE TRIGGER {table}_kept_apart BEFORE INSERT ON {table} WHEN {condition} "
                + refused.format(f"{table}: not this person on this case")
            )
        published = refused.format("a published decision never changes")
        op.execute(
            "CREATE TRIGGER decision_pinned BEFORE UPDATE ON decision "
            f"WHEN {_rewritten('IS NOT')} {published}"
        )
        op.execute(
            "CREATE TRIGGER decision_kept BEFORE DELETE ON decision "
            f"WHEN OLD.status = 'published' {published}"
        )
        return
    for table, condition in KEPT_APART.items():
        op.execute(
            f"CREATE FUNCTION keep_{table}_apart() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN IF {condition} THEN RAISE EXCEPTION '{table}: not this person on this case'; END IF; "
            "RETURN NEW; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {table}_kept_apart BEFORE INSERT ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION keep_{table}_apart()"
        )
    op.execute(
        "CREATE FUNCTION keep_decision() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'a published decision never changes'; END $$"
    )
    op.execute(
        "CREATE TRIGGER decision_pinned BEFORE UPDATE ON decision "
        f"FOR EACH ROW WHEN ({_rewritten('IS DISTINCT FROM')}) EXECUTE FUNCTION keep_decision()"
    )
    op.execute(
        "CREATE TRIGGER decision_kept BEFORE DELETE ON decision "
        "FOR EACH ROW WHEN (OLD.status = 'published') EXECUTE FUNCTION keep_decision()"
    )


# The register, where even a mistake of ours cannot pass it: no period without a published grant (I14),
# numbers and revocations for good (I21, I25), and so is a place in a list; what is published never goes back.
GRANTED = (
    "EXISTS (SELECT 1 FROM decision c "
    "WHERE c.id = NEW.decision_id AND c.status = 'published' AND c.outcome = 'grant')"
)
REGISTER_KEPT = (
    (
        "period",
        "INSERT",
        f"NOT {GRANTED}",
        "a period needs a published grant",
    ),
    (
        "credential",
        "UPDATE",
        "NEW.number <> OLD.number OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL)",
        "a number and a revocation are for good",
    ),
    ("credential", "DELETE", "1 = 1", "a register entry stays"),
    (
        "status_position",
        "UPDATE",
        'NEW.list_id <> OLD.list_id OR NEW."index" <> OLD."index" OR NEW.document_id <> OLD.document_id',
        "a position is taken for good",
    ),
    ("status_position", "DELETE", "1 = 1", "a position is taken for good"),
    ("published_list", "UPDATE", "NEW.version < OLD.version", "a published list never goes back"),
)


def _keep_register() -> None:
    """Make the database itself refuse what would make the register, or a list, say less than it did."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table, act, broken, words in REGISTER_KEPT:
        name = f"{table}_kept_on_{act.lower()}"
        if sqlite:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {act} ON {table} WHEN {broken} "
                f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
            )
            continue
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN IF {broken} THEN RAISE EXCEPTION '{words}'; END IF; RETURN COALESCE(NEW, OLD); END $$"
        )
        op.execute(f"CREATE TRIGGER {name} BEFORE {act} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")


def _allow_changes() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return  # dropping a table drops its triggers
    op.execute("DROP FUNCTION refuse_change() CASCADE")
    for function in ("keep_decision", *(f"keep_{table}_apart" for table in KEPT_APART)):
        op.execute(f"DROP FUNCTION {function}() CASCADE")
    for table, act, _, _ in REGISTER_KEPT:
        op.execute(f"DROP FUNCTION {table}_kept_on_{act.lower()}() CASCADE")


def upgrade() -> None:
    op.create_table(
        "change",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_change")),
    )
    op.create_table(
        "change_counter",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("value", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change_counter")),
    )
    op.create_table(
        "organisation",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("legal_name", sa.String(length=200), nullable=False),
        sa.Column("url", sa.String(length=200), nullable=False),
        sa.Column("time_zone", sa.String(length=40), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
    )
    op.create_table(
        "api_client",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_api_client_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_client")),
    )
    with op.batch_alter_table("api_client", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_client_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("topic", sa.String(length=80), nullable=False),
        sa.Column("actor_id", sa.String(length=30), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_event_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "event_head",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_event_head_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_head")),
        sa.UniqueConstraint("organisation_id", name=op.f("uq_event_head_organisation_id")),
    )
    with op.batch_alter_table("event_head", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_head_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "meeting",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("recorded_by", sa.String(length=30), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_meeting_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meeting")),
    )
    with op.batch_alter_table("meeting", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_meeting_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "message",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("topic", sa.String(length=80), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_owner", sa.String(length=40), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(length=200), nullable=True),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_message_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_message_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(
            "ix_message_waiting",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("done_at IS NULL"),
            postgresql_where=sa.text("done_at IS NULL"),
        )

    op.create_table(
        "person",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("given_name", sa.String(length=200), nullable=False),
        sa.Column("family_name", sa.String(length=200), nullable=False),
        sa.Column("name_on_credential", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_person_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
    )
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_person_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "status_list",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_status_list_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_status_list")),
    )
    with op.batch_alter_table("status_list", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_status_list_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "api_key",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=30), nullable=True),
        sa.Column("client_id", sa.String(length=30), nullable=True),
        sa.Column("scopes", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["api_client.id"], name=op.f("fk_api_key_client_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_api_key_organisation_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_api_key_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
    )
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_key_client_id"), ["client_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_api_key_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_api_key_person_id"), ["person_id"], unique=False)

    op.create_table(
        "credential",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("holder_id", sa.String(length=30), nullable=False),
        sa.Column("scheme_id", sa.String(length=120), nullable=False),
        sa.Column("subject_id", sa.String(length=60), nullable=False),
        sa.Column("anchor", sa.Date(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suspension_review", sa.Date(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["holder_id"], ["person.id"], name=op.f("fk_credential_holder_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_credential_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential")),
        sa.UniqueConstraint("number", name=op.f("uq_credential_number")),
    )
    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_credential_holder_id"), ["holder_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_credential_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(
            "uq_credential_open",
            ["holder_id", "scheme_id"],
            unique=True,
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )

    op.create_table(
        "dossier",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("applicant_id", sa.String(length=30), nullable=False),
        sa.Column("scheme_id", sa.String(length=120), nullable=False),
        sa.Column("scheme_version", sa.String(length=20), nullable=True),
        sa.Column("scheme_digest", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("ai_disclosure", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("snapshot_hash", sa.String(length=64), nullable=True),
        sa.Column("admission_path", sa.String(length=20), nullable=True),
        sa.Column("derogation", sa.Text(), nullable=True),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["applicant_id"], ["person.id"], name=op.f("fk_dossier_applicant_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_dossier_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dossier")),
    )
    with op.batch_alter_table("dossier", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_dossier_applicant_id"), ["applicant_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_dossier_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(
            "uq_dossier_open",
            ["applicant_id", "scheme_id"],
            unique=True,
            sqlite_where=sa.text(
                "(status NOT IN ('decided', 'withdrawn', 'not_admitted', 'closed_incomplete'))"
            ),
            postgresql_where=sa.text(
                "(status NOT IN ('decided', 'withdrawn', 'not_admitted', 'closed_incomplete'))"
            ),
        )

    op.create_table(
        "event_link",
        sa.Column("event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_event_link_event_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_event_link_organisation_id")
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_event_link")),
        sa.UniqueConstraint("organisation_id", "seq", name=op.f("uq_event_link_organisation_id_seq")),
    )
    with op.batch_alter_table("event_link", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_link_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "membership",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("person_id", sa.String(length=30), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_membership_organisation_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_membership_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
        sa.UniqueConstraint("organisation_id", "number", name=op.f("uq_membership_organisation_id_number")),
    )
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_membership_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_membership_person_id"), ["person_id"], unique=False)

    op.create_table(
        "presence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("meeting_id", sa.String(length=30), nullable=False),
        sa.Column("person_id", sa.String(length=30), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["meeting_id"], ["meeting.id"], name=op.f("fk_presence_meeting_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_presence_organisation_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_presence_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presence")),
        sa.UniqueConstraint("meeting_id", "person_id", name=op.f("uq_presence_meeting_id_person_id")),
    )
    with op.batch_alter_table("presence", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_presence_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "published_list",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=12), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["status_list.id"], name=op.f("fk_published_list_list_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_published_list_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_published_list")),
        sa.UniqueConstraint("list_id", "purpose", name=op.f("uq_published_list_list_id_purpose")),
    )
    with op.batch_alter_table("published_list", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_published_list_organisation_id"), ["organisation_id"], unique=False
        )

    op.create_table(
        "role_grant",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("person_id", sa.String(length=30), nullable=False),
        sa.Column("role", sa.String(length=30), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=True),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_role_grant_organisation_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_role_grant_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grant")),
    )
    with op.batch_alter_table("role_grant", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_role_grant_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_role_grant_person_id"), ["person_id"], unique=False)

    op.create_table(
        "status_position",
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.String(length=30), nullable=False),
        sa.Column("standing", sa.String(length=12), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["status_list.id"], name=op.f("fk_status_position_list_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_status_position_organisation_id")
        ),
        sa.PrimaryKeyConstraint("list_id", "index", name=op.f("pk_status_position")),
    )
    with op.batch_alter_table("status_position", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_status_position_document_id"), ["document_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_status_position_organisation_id"), ["organisation_id"], unique=False
        )
        batch_op.create_index(
            "ix_status_position_raised",
            ["list_id", "index"],
            unique=False,
            sqlite_where=sa.text("standing != 'valid'"),
            postgresql_where=sa.text("standing != 'valid'"),
        )

    op.create_table(
        "assignment",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("dossier_id", sa.String(length=30), nullable=False),
        sa.Column("assessor_id", sa.String(length=30), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("assigned_by", sa.String(length=30), nullable=False),
        sa.Column("assigned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["assessor_id"], ["person.id"], name=op.f("fk_assignment_assessor_id")),
        sa.ForeignKeyConstraint(["dossier_id"], ["dossier.id"], name=op.f("fk_assignment_dossier_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_assignment_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment")),
        sa.UniqueConstraint("dossier_id", "assessor_id", name=op.f("uq_assignment_dossier_id_assessor_id")),
    )
    with op.batch_alter_table("assignment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_assignment_dossier_id"), ["dossier_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_assignment_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "decision",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("dossier_id", sa.String(length=30), nullable=False),
        sa.Column("meeting_id", sa.String(length=30), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("case_file_hash", sa.String(length=64), nullable=False),
        sa.Column("scheme_id", sa.String(length=120), nullable=False),
        sa.Column("scheme_version", sa.String(length=20), nullable=False),
        sa.Column("scheme_digest", sa.String(length=64), nullable=False),
        sa.Column("computed", sa.JSON(), nullable=False),
        sa.Column("opened_by", sa.String(length=30), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=8), nullable=True),
        sa.Column("reasons", sa.Text(), nullable=True),
        sa.Column("derogation", sa.Text(), nullable=True),
        sa.Column("tally", sa.JSON(), nullable=True),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("published_by", sa.String(length=30), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["dossier_id"], ["dossier.id"], name=op.f("fk_decision_dossier_id")),
        sa.ForeignKeyConstraint(["meeting_id"], ["meeting.id"], name=op.f("fk_decision_meeting_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_decision_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
    )
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_decision_dossier_id"), ["dossier_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_decision_meeting_id"), ["meeting_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_decision_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(
            "uq_decision_standing",
            ["dossier_id", "round"],
            unique=True,
            sqlite_where=sa.text("status != 'adjourned'"),
            postgresql_where=sa.text("status != 'adjourned'"),
        )

    op.create_table(
        "declaration",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("dossier_id", sa.String(length=30), nullable=False),
        sa.Column("person_id", sa.String(length=30), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("conflicted", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["dossier_id"], ["dossier.id"], name=op.f("fk_declaration_dossier_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_declaration_organisation_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_declaration_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_declaration")),
        sa.UniqueConstraint("dossier_id", "person_id", name=op.f("uq_declaration_dossier_id_person_id")),
    )
    with op.batch_alter_table("declaration", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_declaration_dossier_id"), ["dossier_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_declaration_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "dossier_access",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dossier_id", sa.String(length=30), nullable=False),
        sa.Column("evidence_id", sa.String(length=30), nullable=True),
        sa.Column("person_id", sa.String(length=30), nullable=False),
        sa.Column("role", sa.String(length=30), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["dossier_id"], ["dossier.id"], name=op.f("fk_dossier_access_dossier_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_dossier_access_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dossier_access")),
    )
    with op.batch_alter_table("dossier_access", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_dossier_access_dossier_id"), ["dossier_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_dossier_access_organisation_id"), ["organisation_id"], unique=False
        )

    op.create_table(
        "dossier_call",
        sa.Column("dossier_id", sa.String(length=30), nullable=False),
        sa.Column("person_id", sa.String(length=30), nullable=False),
        sa.Column("called_by", sa.String(length=30), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["dossier_id"], ["dossier.id"], name=op.f("fk_dossier_call_dossier_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_dossier_call_organisation_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_dossier_call_person_id")),
        sa.PrimaryKeyConstraint("dossier_id", "person_id", name=op.f("pk_dossier_call")),
    )
    with op.batch_alter_table("dossier_call", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_dossier_call_organisation_id"), ["organisation_id"], unique=False
        )

    op.create_table(
        "dossier_step",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dossier_id", sa.String(length=30), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.String(length=30), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=True),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["dossier_id"], ["dossier.id"], name=op.f("fk_dossier_step_dossier_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_dossier_step_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dossier_step")),
        sa.UniqueConstraint("dossier_id", "seq", name=op.f("uq_dossier_step_dossier_id_seq")),
    )
    with op.batch_alter_table("dossier_step", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_dossier_step_dossier_id"), ["dossier_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_dossier_step_organisation_id"), ["organisation_id"], unique=False
        )

    op.create_table(
        "evidence",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("dossier_id", sa.String(length=30), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("media_type", sa.String(length=80), nullable=True),
        sa.Column("original_name", sa.String(length=255), nullable=True),
        sa.Column("scan", sa.String(length=12), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["dossier_id"], ["dossier.id"], name=op.f("fk_evidence_dossier_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_evidence_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
        sa.UniqueConstraint("dossier_id", "position", name=op.f("uq_evidence_dossier_id_position")),
    )
    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_evidence_dossier_id"), ["dossier_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_evidence_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "interview",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("dossier_id", sa.String(length=30), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("remote", sa.Boolean(), nullable=False),
        sa.Column("short_notice_agreed", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("minutes", sa.Text(), nullable=True),
        sa.Column("rescores", sa.JSON(), nullable=True),
        sa.Column("recorded_by", sa.String(length=30), nullable=True),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["dossier_id"], ["dossier.id"], name=op.f("fk_interview_dossier_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_interview_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interview")),
    )
    with op.batch_alter_table("interview", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_interview_dossier_id"), ["dossier_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_interview_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(
            "uq_interview_standing",
            ["dossier_id", "round"],
            unique=True,
            sqlite_where=sa.text("status != 'cancelled'"),
            postgresql_where=sa.text("status != 'cancelled'"),
        )

    op.create_table(
        "status_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("credential_id", sa.String(length=30), nullable=False),
        sa.Column("move", sa.String(length=12), nullable=False),
        sa.Column("cause", sa.String(length=40), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("actor_id", sa.String(length=30), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credential.id"], name=op.f("fk_status_change_credential_id")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_status_change_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_status_change")),
    )
    with op.batch_alter_table("status_change", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_status_change_credential_id"), ["credential_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_status_change_organisation_id"), ["organisation_id"], unique=False
        )

    op.create_table(
        "assessment",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("assignment_id", sa.String(length=30), nullable=False),
        sa.Column("dossier_id", sa.String(length=30), nullable=False),
        sa.Column("assessor_id", sa.String(length=30), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["assessor_id"], ["person.id"], name=op.f("fk_assessment_assessor_id")),
        sa.ForeignKeyConstraint(
            ["assignment_id"], ["assignment.id"], name=op.f("fk_assessment_assignment_id")
        ),
        sa.ForeignKeyConstraint(["dossier_id"], ["dossier.id"], name=op.f("fk_assessment_dossier_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_assessment_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assessment")),
        sa.UniqueConstraint("assignment_id", "round", name=op.f("uq_assessment_assignment_id_round")),
    )
    with op.batch_alter_table("assessment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_assessment_dossier_id"), ["dossier_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_assessment_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "panelist",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("interview_id", sa.String(length=30), nullable=False),
        sa.Column("person_id", sa.String(length=30), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["interview_id"], ["interview.id"], name=op.f("fk_panelist_interview_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_panelist_organisation_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_panelist_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_panelist")),
        sa.UniqueConstraint("interview_id", "person_id", name=op.f("uq_panelist_interview_id_person_id")),
    )
    with op.batch_alter_table("panelist", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_panelist_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "period",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("credential_id", sa.String(length=30), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.String(length=30), nullable=False),
        sa.Column("scheme_version", sa.String(length=20), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["credential_id"], ["credential.id"], name=op.f("fk_period_credential_id")),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.id"], name=op.f("fk_period_decision_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_period_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_period")),
        sa.UniqueConstraint("credential_id", "seq", name=op.f("uq_period_credential_id_seq")),
        sa.UniqueConstraint("decision_id", name=op.f("uq_period_decision_id")),
    )
    with op.batch_alter_table("period", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_period_credential_id"), ["credential_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_period_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "vote",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.String(length=30), nullable=False),
        sa.Column("member_id", sa.String(length=30), nullable=False),
        sa.Column("choice", sa.String(length=8), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.id"], name=op.f("fk_vote_decision_id")),
        sa.ForeignKeyConstraint(["member_id"], ["person.id"], name=op.f("fk_vote_member_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_vote_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vote")),
        sa.UniqueConstraint("decision_id", "member_id", name=op.f("uq_vote_decision_id_member_id")),
    )
    with op.batch_alter_table("vote", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_vote_decision_id"), ["decision_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_vote_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "document",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("period_id", sa.String(length=30), nullable=False),
        sa.Column("format", sa.String(length=20), nullable=False),
        sa.Column("jti", sa.String(length=60), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("key_thumbprint", sa.String(length=43), nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("list_index", sa.Integer(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["status_list.id"], name=op.f("fk_document_list_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_document_organisation_id")
        ),
        sa.ForeignKeyConstraint(["period_id"], ["period.id"], name=op.f("fk_document_period_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint("jti", name=op.f("uq_document_jti")),
    )
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_organisation_id"), ["organisation_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_document_period_id"), ["period_id"], unique=False)
        batch_op.create_index(
            "uq_document_current",
            ["period_id", "format"],
            unique=True,
            sqlite_where=sa.text("superseded_at IS NULL"),
            postgresql_where=sa.text("superseded_at IS NULL"),
        )

    op.create_table(
        "intent",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("period_id", sa.String(length=30), nullable=False),
        sa.Column("format", sa.String(length=20), nullable=False),
        sa.Column("jti", sa.String(length=60), nullable=False),
        sa.Column("unsigned", sa.LargeBinary(), nullable=False),
        sa.Column("key_thumbprint", sa.String(length=43), nullable=False),
        sa.Column("list_id", sa.Integer(), nullable=False),
        sa.Column("list_index", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=30), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["status_list.id"], name=op.f("fk_intent_list_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_intent_organisation_id")
        ),
        sa.ForeignKeyConstraint(["period_id"], ["period.id"], name=op.f("fk_intent_period_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intent")),
        sa.UniqueConstraint("period_id", "format", name=op.f("uq_intent_period_id_format")),
    )
    with op.batch_alter_table("intent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_intent_organisation_id"), ["organisation_id"], unique=False)

    op.create_table(
        "score",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("assessment_id", sa.String(length=30), nullable=False),
        sa.Column("criterion", sa.String(length=20), nullable=False),
        sa.Column("points", sa.String(length=8), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("organisation_id", sa.String(length=30), nullable=False),
        sa.ForeignKeyConstraint(["assessment_id"], ["assessment.id"], name=op.f("fk_score_assessment_id")),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisation.id"], name=op.f("fk_score_organisation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score")),
        sa.UniqueConstraint("assessment_id", "criterion", name=op.f("uq_score_assessment_id_criterion")),
    )
    with op.batch_alter_table("score", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_score_assessment_id"), ["assessment_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_score_organisation_id"), ["organisation_id"], unique=False)
    op.execute("INSERT INTO change_counter (id, value) VALUES (1, 0)")
    _forbid_changes()
    _keep_apart()
    _keep_register()


def downgrade() -> None:
    _allow_changes()
    with op.batch_alter_table("score", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_score_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_score_assessment_id"))

    op.drop_table("score")
    with op.batch_alter_table("intent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_intent_organisation_id"))

    op.drop_table("intent")
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_document_current",
            sqlite_where=sa.text("superseded_at IS NULL"),
            postgresql_where=sa.text("superseded_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_document_period_id"))
        batch_op.drop_index(batch_op.f("ix_document_organisation_id"))

    op.drop_table("document")
    with op.batch_alter_table("vote", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_vote_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_vote_decision_id"))

    op.drop_table("vote")
    with op.batch_alter_table("period", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_period_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_period_credential_id"))

    op.drop_table("period")
    with op.batch_alter_table("panelist", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_panelist_organisation_id"))

    op.drop_table("panelist")
    with op.batch_alter_table("assessment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_assessment_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_assessment_dossier_id"))

    op.drop_table("assessment")
    with op.batch_alter_table("status_change", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_status_change_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_status_change_credential_id"))

    op.drop_table("status_change")
    with op.batch_alter_table("interview", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_interview_standing",
            sqlite_where=sa.text("status != 'cancelled'"),
            postgresql_where=sa.text("status != 'cancelled'"),
        )
        batch_op.drop_index(batch_op.f("ix_interview_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_interview_dossier_id"))

    op.drop_table("interview")
    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_evidence_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_evidence_dossier_id"))

    op.drop_table("evidence")
    with op.batch_alter_table("dossier_step", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_dossier_step_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_dossier_step_dossier_id"))

    op.drop_table("dossier_step")
    with op.batch_alter_table("dossier_call", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_dossier_call_organisation_id"))

    op.drop_table("dossier_call")
    with op.batch_alter_table("dossier_access", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_dossier_access_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_dossier_access_dossier_id"))

    op.drop_table("dossier_access")
    with op.batch_alter_table("declaration", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_declaration_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_declaration_dossier_id"))

    op.drop_table("declaration")
    with op.batch_alter_table("decision", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_decision_standing",
            sqlite_where=sa.text("status != 'adjourned'"),
            postgresql_where=sa.text("status != 'adjourned'"),
        )
        batch_op.drop_index(batch_op.f("ix_decision_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_decision_meeting_id"))
        batch_op.drop_index(batch_op.f("ix_decision_dossier_id"))

    op.drop_table("decision")
    with op.batch_alter_table("assignment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_assignment_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_assignment_dossier_id"))

    op.drop_table("assignment")
    with op.batch_alter_table("status_position", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_status_position_raised",
            sqlite_where=sa.text("standing != 'valid'"),
            postgresql_where=sa.text("standing != 'valid'"),
        )
        batch_op.drop_index(batch_op.f("ix_status_position_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_status_position_document_id"))

    op.drop_table("status_position")
    with op.batch_alter_table("role_grant", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_role_grant_person_id"))
        batch_op.drop_index(batch_op.f("ix_role_grant_organisation_id"))

    op.drop_table("role_grant")
    with op.batch_alter_table("published_list", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_published_list_organisation_id"))

    op.drop_table("published_list")
    with op.batch_alter_table("presence", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_presence_organisation_id"))

    op.drop_table("presence")
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_membership_person_id"))
        batch_op.drop_index(batch_op.f("ix_membership_organisation_id"))

    op.drop_table("membership")
    with op.batch_alter_table("event_link", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_event_link_organisation_id"))

    op.drop_table("event_link")
    with op.batch_alter_table("dossier", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_dossier_open",
            sqlite_where=sa.text(
                "(status NOT IN ('decided', 'withdrawn', 'not_admitted', 'closed_incomplete'))"
            ),
            postgresql_where=sa.text(
                "(status NOT IN ('decided', 'withdrawn', 'not_admitted', 'closed_incomplete'))"
            ),
        )
        batch_op.drop_index(batch_op.f("ix_dossier_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_dossier_applicant_id"))

    op.drop_table("dossier")
    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_credential_open",
            sqlite_where=sa.text("closed_at IS NULL"),
            postgresql_where=sa.text("closed_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_credential_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_credential_holder_id"))

    op.drop_table("credential")
    with op.batch_alter_table("api_key", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_key_person_id"))
        batch_op.drop_index(batch_op.f("ix_api_key_organisation_id"))
        batch_op.drop_index(batch_op.f("ix_api_key_client_id"))

    op.drop_table("api_key")
    with op.batch_alter_table("status_list", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_status_list_organisation_id"))

    op.drop_table("status_list")
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_person_organisation_id"))

    op.drop_table("person")
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_message_waiting",
            sqlite_where=sa.text("done_at IS NULL"),
            postgresql_where=sa.text("done_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_message_organisation_id"))

    op.drop_table("message")
    with op.batch_alter_table("meeting", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_meeting_organisation_id"))

    op.drop_table("meeting")
    with op.batch_alter_table("event_head", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_event_head_organisation_id"))

    op.drop_table("event_head")
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_event_organisation_id"))

    op.drop_table("event")
    with op.batch_alter_table("api_client", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_client_organisation_id"))

    op.drop_table("api_client")
    op.drop_table("organisation")
    op.drop_table("change_counter")
    op.drop_table("change")
