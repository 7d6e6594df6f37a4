"""The second wall, on PostgreSQL: the database itself shows each transaction one organisation's rows.

The code keeps every session inside an organisation (`app.core.db`); this holds where the code forgets. Each
table of an organisation's has the policy `tenant`: rows are there, to read and to write, as long as they
belong to the organisation that the transaction named (`sigillo.organisation`); where it named none, there are
none. The organisations themselves are published: everybody reads them, and each is changed by itself. `FORCE`
has it hold for the tables' owner too. The owner alone, and only where it says so (`sigillo.everyone`), goes
past: migrations do, and the few functions below, which look up one thing and give away as little as can be.

Migrations call this module, so what stands here keeps its meaning.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

# Tables without a policy, and why nobody's secrets are in them.
EXEMPT: Final[Mapping[str, str]] = {
    "alembic_version": "the number of the schema, of which there is one",
    "change": "public: numbers of credentials and lists whose public answer changed, and when",
    "change_counter": "one number, of the last change",
    "event_waiting": "ids alone: which events, of whom, have no place in their chain yet",
    "message": "ids alone: work that a worker takes up whosesoever it is, and then does inside that body",
}


class Operations(Protocol):
    """What is needed of Alembic's `op`."""

    def get_bind(self) -> Any: ...
    def execute(self, sqltext: str) -> Any: ...


def protect(op: Operations, *tables: str) -> None:
    """Put tables of organisations behind the wall; on SQLite, which serves one process, do nothing."""
    for table in tables if _walled(op) else ():
        mine = "organisation_id = current_setting('sigillo.organisation', true)"
        _wall(op, table, f'tenant ON "{table}" USING ({mine}) WITH CHECK ({mine})')


def show_to_all(op: Operations, table: str) -> None:
    """Let everybody read a table and add to it, while each row is changed by the organisation that it is.

    Nobody takes a row away. Whoever sets up this installation adds organisations, as the serving role.
    """
    if _walled(op):
        mine = "id = current_setting('sigillo.organisation', true)"
        _wall(
            op,
            table,
            f'tenant ON "{table}" FOR UPDATE USING ({mine}) WITH CHECK ({mine})',
            f'shown ON "{table}" FOR SELECT USING (true)',
            f'added ON "{table}" FOR INSERT WITH CHECK (true)',
        )


def _wall(op: Operations, table: str, *ways: str) -> None:
    """Close a table but for these ways, which hold for its owner too, and for what the owner says aloud."""
    said = "current_setting('sigillo.everyone', true) = 'on'"
    op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    op.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
    for way in (*ways, f'everyone ON "{table}" TO CURRENT_USER USING ({said}) WITH CHECK ({said})'):
        op.execute(f"CREATE POLICY {way}")


def unprotect(op: Operations, *tables: str) -> None:
    """Take the wall down again, in a downgrade."""
    for table in tables if _walled(op) else ():
        for way in ("everyone", "tenant", "shown", "added"):
            op.execute(f'DROP POLICY IF EXISTS {way} ON "{table}"')
        op.execute(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY')
        op.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY')


def find_owner(op: Operations, table: str, id_type: str = "text") -> None:
    """Let it be found out whose the row of this id is, and nothing else of it: see `db.look_up`."""
    query = f'SELECT organisation_id::text FROM "{table}" WHERE id = $1'  # noqa: S608 - a name of ours
    look_past(op, f"organisation_of_{table}({id_type})", "SETOF text", query)


def look_past(op: Operations, name: str, returns: str, query: str) -> None:
    """Make a function that reads past the wall: with the owner's rights, over tables of this schema alone.

    Nobody may call it before `sigillo migrate` lets the serving role. PL/pgSQL keeps the plan from call to
    call. (A `SET sigillo.everyone` of the function's own would be for superusers to make.)
    """
    if not _walled(op):
        return
    schema = op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    op.execute(
        f"CREATE FUNCTION {name} RETURNS {returns} LANGUAGE plpgsql STABLE SECURITY DEFINER "
        f"SET search_path = {schema}, pg_temp AS $look$ #variable_conflict use_column\n"
        "DECLARE before text := coalesce(current_setting('sigillo.everyone', true), ''); "
        "BEGIN PERFORM set_config('sigillo.everyone', 'on', true); "
        f"RETURN QUERY {query}; "
        "PERFORM set_config('sigillo.everyone', before, true); END $look$"
    )
    op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")


def forget(op: Operations, *functions: str) -> None:
    """Drop such functions again, in a downgrade."""
    for function in functions if _walled(op) else ():
        op.execute(f"DROP FUNCTION {function}")


def _walled(op: Operations) -> bool:
    return bool(op.get_bind().dialect.name == "postgresql")
