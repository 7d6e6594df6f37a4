"""The database's schema: brought to the newest migration, which ship with the package."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from app.core.db import Database

_PACKAGE: Final = Path(__file__).resolve().parents[1]


def migrations() -> Path:
    """Find the migrations: inside an installed package, or beside `app` in a checkout."""
    packaged = _PACKAGE / "migrations"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    return config


def upgrade(database: Database) -> None:
    """Bring the schema to the newest revision, in one transaction."""
    config = _config()
    with database.engine.connect() as connection, _tables_may_be_remade(connection), connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        _require_whole(connection)


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
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
        connection.rollback()
    return found == [newest]


def knows(revision: str) -> bool:
    """Tell whether this code knows a form of the schema; an older one it can bring up to date."""
    return revision in {each.revision for each in ScriptDirectory.from_config(_config()).walk_revisions()}
