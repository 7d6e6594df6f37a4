"""What the operators' commands share: settings read once, and a sentence where a command cannot go on."""

from typing import TYPE_CHECKING, Final

import typer
from rich.console import Console

from app.client.visit import Ends

if TYPE_CHECKING:
    from app.settings import Settings

console: Final = Console()
errors: Final = Console(stderr=True)


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
