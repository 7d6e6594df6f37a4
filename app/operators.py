"""What the operators' commands share: settings and ports, and a sentence where a command cannot go on."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer
from rich.console import Console

from app.client.visit import Ends

if TYPE_CHECKING:
    from app.ports import Ports
    from app.settings import Settings

console: Final = Console()
errors: Final = Console(stderr=True)
NOT_ALLOWED: Final = "42501"  # PostgreSQL's insufficient_privilege
# The settings that name folders of certificates, and whether what they serve can do with none.
ANCHORS: Final = {
    "anchors_folder": True,
    "stamp_anchors_folder": True,
    "timestamp_anchors": False,
    "trusted_list_signers": False,
}


def stopped(why: str, code: Ends = Ends.USAGE) -> typer.Exit:
    """Say why a command cannot go on."""
    errors.print(why, markup=False, highlight=False, soft_wrap=True)
    return typer.Exit(code)


def settings_or_stop() -> "Settings":
    """Read the settings, or say what is wrong with each; a secret among them is never shown."""
    import tomllib

    from pydantic import ValidationError

    from app.settings import Settings

    try:
        return Settings()
    except tomllib.TOMLDecodeError as error:
        raise stopped(f"sigillo.toml: {error}") from None
    except ValidationError as error:
        for fault in error.errors():
            place = ".".join(map(str, fault["loc"])) or "settings"
            errors.print(f"{place}: {fault['msg'].removeprefix('Value error, ')}", markup=False)
        raise stopped("Settings come from SIGILLO_… variables and from sigillo.toml.") from None


def anchors_or_stop(settings: "Settings") -> None:
    """Read every folder of certificates that the settings name, or say which of them is to be mended."""
    from app.verification.trust import anchors_in

    for name, may_be_empty in ANCHORS.items():
        folder: Path | None = getattr(settings, name)
        try:
            found = anchors_in(folder)
        except OSError as error:
            raise stopped(f"{name}: {error.filename or folder} cannot be read: {error.strerror}.") from None
        except ValueError as error:
            raise stopped(f"{name}: {error} in PEM or DER ({folder}).") from None
        if folder is not None and not (found or may_be_empty):
            raise stopped(f"{name}: there is no certificate (.pem, .crt, .cer or .der) in {folder}.")


def ports_or_stop() -> "Ports":
    """Make the ports of the service, or say why its keys or the certificates it trusts cannot be read."""
    from app.adapters.ring import KeysUnreadable
    from app.main import production_ports

    settings = settings_or_stop()
    anchors_or_stop(settings)
    if settings.database_url.startswith("sqlite:///"):
        Path(settings.database_url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    try:
        return production_ports(settings)
    except KeysUnreadable as error:
        raise stopped(str(error)) from None


def migrated() -> "Ports":
    """Make the ports on a database that is of this version, or say what is to be done."""
    from sqlalchemy.exc import OperationalError

    from app.adapters import schema

    ports = ports_or_stop()
    try:
        current = schema.is_current(ports.database)
    except OperationalError:
        raise stopped(f"The database at {ports.database.engine.url.host} does not answer.") from None
    if current:
        return ports
    if ports.database.engine.dialect.name != "sqlite":
        raise stopped("The database is not of this version. Run `sigillo migrate` first.")
    schema.upgrade(ports.database)  # an embedded database is nobody else's
    return ports


def refuse_older_register(ports: "Ports") -> None:
    """Stop before a register that is older than what was published from it issues or publishes anything."""
    from app.upkeep.mark import RegisterTooOld, Seen, refuse_older

    try:
        with ports.database.reading() as session:
            refuse_older(Seen.of(session), ports.settings.keys_folder)
    except (RegisterTooOld, ValueError) as older:
        ports.database.close()
        raise stopped(str(older), Ends.REFUSED) from None


def say_gaps(ports: "Ports") -> None:
    """Say where PostgreSQL does not stand between the organisations by itself, as it could."""
    from app.adapters import schema

    for gap in schema.gaps_in_the_wall(ports.database):
        errors.print(
            f"The second wall between organisations is missing: {gap}. README, “Two roles on PostgreSQL”.",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def migrate_or_stop(ports: "Ports") -> None:
    """Bring the database to the newest form, or say why these roles cannot."""
    from sqlalchemy.exc import OperationalError, ProgrammingError

    from app.adapters import schema
    from app.core.db import connect

    owner_url = ports.settings.database_owner_url
    owner = connect(owner_url.get_secret_value(), pool=1) if owner_url else ports.database
    try:
        schema.upgrade(owner, serving=schema.role_of(ports.database) if owner_url else None)
    except OperationalError:
        raise stopped("The database does not answer, or not to these roles. Nothing was changed.") from None
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != NOT_ALLOWED:
            raise
        raise stopped(
            "This role may not migrate: database_owner_url has to name the one that owns the tables. Nothing "
            "was changed."
        ) from None
    finally:
        owner.close()
