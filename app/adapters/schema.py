"""The database's schema: brought to the newest migration, which ship with the package."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text

from app.core.db import Database
from app.core.policies import EXEMPT

if TYPE_CHECKING:  # only who migrates needs it: it takes ten megabytes, and a fifth of a second
    from alembic.config import Config

_PACKAGE: Final = Path(__file__).resolve().parents[1]
_REVISION: Final = re.compile(r"(\d{4})_\w+\.py")
# What the serving role is given, statement by statement; the schema's number is to be read alone.
_GRANTS: Final = """
SELECT format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), CAST(:role AS text))
UNION ALL
SELECT format('GRANT %s ON %I.%I TO %I',
              CASE WHEN c.relkind = 'S' THEN 'USAGE' WHEN c.relname = 'alembic_version' THEN 'SELECT'
                   ELSE 'SELECT, INSERT, UPDATE, DELETE' END,
              current_schema(), c.relname, CAST(:role AS text))
FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'S')
     AND pg_has_role(c.relowner, 'USAGE')
UNION ALL
SELECT format('GRANT EXECUTE ON FUNCTION %s TO %I', p.oid::regprocedure, CAST(:role AS text))
FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace AND p.prosecdef
     AND pg_has_role(p.proowner, 'USAGE')
"""
# What a restore leaves out, since it names a role that need not be there: the way past the wall for whoever
# owns the tables now, and that nobody else uses the look-ups that go by it.
_OWNED: Final = """
SELECT format('%s POLICY everyone ON %I.%I TO %I USING (%s) WITH CHECK (%s)',
              CASE WHEN e.oid IS NULL THEN 'CREATE' ELSE 'ALTER' END, current_schema(), c.relname,
              pg_get_userbyid(c.relowner), said, said)
FROM pg_class c JOIN pg_policy t ON t.polrelid = c.oid AND t.polname = 'tenant'
     LEFT JOIN pg_policy e ON e.polrelid = c.oid AND e.polname = 'everyone'
     CROSS JOIN (VALUES ('current_setting(''sigillo.everyone'', true) = ''on''')) AS words (said)
WHERE c.relnamespace = current_schema()::regnamespace AND pg_has_role(c.relowner, 'USAGE')
      AND e.polroles IS DISTINCT FROM ARRAY[c.relowner]
UNION ALL
SELECT format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', p.oid::regprocedure)
FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace AND p.prosecdef
     AND pg_has_role(p.proowner, 'USAGE')
     AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) WHERE grantee = 0)
"""
_GAPS: Final = """
SELECT format('the role %I is a superuser, or has BYPASSRLS', current_user)
FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)
UNION ALL
SELECT format('the table %I has no policy that is forced', c.relname)
FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
     AND c.relname <> ALL (:exempt)
     AND NOT (c.relrowsecurity AND c.relforcerowsecurity
              AND EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid AND polname = 'tenant'))
UNION ALL
SELECT format('the policy everyone of the table %I is not for its owner (run sigillo migrate)', c.relname)
FROM pg_class c JOIN pg_policy t ON t.polrelid = c.oid AND t.polname = 'tenant'
WHERE c.relnamespace = current_schema()::regnamespace
      AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid AND polname = 'everyone'
                                                 AND polroles = ARRAY[c.relowner])
"""


def migrations() -> Path:
    """Find the migrations: inside an installed package, or beside `app` in a checkout."""
    packaged = _PACKAGE / "migrations"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "migrations"


def revisions() -> frozenset[str]:
    """Name all forms of the schema that this code knows: each file of the migrations begins with its own."""
    found = (_REVISION.fullmatch(path.name) for path in (migrations() / "versions").iterdir())
    return frozenset(name[1] for name in found if name)


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    return config


def upgrade(database: Database, *, serving: str | None = None) -> None:
    """Bring the schema to the newest revision, in one transaction.

    On PostgreSQL, `serving` is the role that serves where the one that migrates does not: it may then do all
    that the service does, and nothing else.
    """
    from alembic import command

    config = _config()
    with database.engine.connect() as connection, _tables_may_be_remade(connection), connection.begin():
        config.attributes["connection"] = connection
        _let_owner_past(connection)  # migrations look past the wall too
        command.upgrade(config, "head")
        _let_owner_past(connection)
        _require_whole(connection)
        if serving is not None:
            _let_serve(connection, serving)


def role_of(database: Database) -> str | None:
    """Tell as whom PostgreSQL knows us; SQLite knows nobody."""
    if database.engine.dialect.name != "postgresql":
        return None
    with database.engine.connect() as connection:
        return str(connection.scalar(text("SELECT current_user")))


def _let_owner_past(connection: Connection) -> None:
    """Let whoever owns the tables now past the wall, where they say so; where that stands, do nothing."""
    if connection.dialect.name == "postgresql":
        for statement in connection.scalars(text(_OWNED)).all():
            connection.exec_driver_sql(statement.replace("%", "%%"))


def _let_serve(connection: Connection, role: str) -> None:
    """Grant what serving takes, on everything that is ours and stands now: each migration ends with this."""
    for statement in connection.scalars(text(_GRANTS), {"role": role}).all():
        connection.exec_driver_sql(statement.replace("%", "%%"))


def gaps_in_the_wall(database: Database) -> Sequence[str]:
    """Say why PostgreSQL would show one organisation's rows to another, should the code ever ask for them."""
    if database.engine.dialect.name != "postgresql":
        return ()
    with database.engine.connect() as connection:
        return connection.scalars(text(_GAPS), {"exempt": list(EXEMPT)}).all()


@contextmanager
def _tables_may_be_remade(connection: Connection) -> Iterator[None]:
    """SQLite changes a table by making it anew, which its watch over references would take for a deletion.

    The watch can only be lifted outside of a transaction; what it watches is looked at before the commit.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - the connection is open
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def _require_whole(connection: Connection) -> None:
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise RuntimeError("The migration would leave rows that refer to nothing. Nothing was changed.")


def is_current(database: Database) -> bool:
    """Tell whether the schema is the one that this code was written for."""
    newest = max(revisions())
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
        connection.rollback()
    return found == [newest]


def knows(revision: str) -> bool:
    """Tell whether this code knows a form of the schema; an older one it can bring up to date."""
    return revision in revisions()
