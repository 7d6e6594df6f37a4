"""Commands whose `--help` speaks Italian to whoever speaks Italian."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from app.client.visit import spoken
from app.client.words import Language, written

_ITALIAN: Final[Mapping[str, Mapping[str, str]]] = written("help_it.yaml")
COMMANDS, OPTIONS, PANELS = (_ITALIAN[part] for part in ("commands", "options", "panels"))


class BilingualCommand(TyperCommand):
    """A command with help in both languages."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help in the language of whoever reads it."""
        with _speaking(self, ctx):
            super().format_help(ctx, formatter)


class BilingualGroup(TyperGroup):
    """A group of commands with help in both languages."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help in the language of whoever reads it."""
        with _speaking(self, ctx):
            super().format_help(ctx, formatter)


@contextmanager
def _speaking(command: Any, context: typer.Context) -> Iterator[None]:
    """Put Italian words in the place of the English ones, for as long as help is written."""
    if spoken(context) is not Language.IT:
        yield
        return
    before: list[tuple[Any, str, Any]] = []

    def put(thing: Any, name: str, words: Mapping[str, str], key: str) -> None:
        if key in words and hasattr(thing, name):
            before.append((thing, name, getattr(thing, name)))
            setattr(thing, name, words[key])

    path = _path(context)
    put(command, "help", COMMANDS, path or "sigillo")
    if not path:
        put(command, "epilog", COMMANDS, "year")
    for parameter in command.get_params(context):
        put(parameter, "help", OPTIONS, key_of(path, parameter))
        put(parameter, "rich_help_panel", PANELS, str(getattr(parameter, "rich_help_panel", "")))
    for name, child in getattr(command, "commands", {}).items():
        put(child, "help", COMMANDS, f"{path} {name}".strip())
        put(child, "rich_help_panel", PANELS, str(getattr(child, "rich_help_panel", "")))
    try:
        yield
    finally:
        for thing, name, words in reversed(before):
            setattr(thing, name, words)


def _path(context: typer.Context) -> str:
    """Name a command as its words stand, whatever the program itself is called."""
    names: list[str] = []
    while context.parent is not None:
        names.insert(0, str(context.info_name))
        context = context.parent  # type: ignore[assignment] # Typer's own kind, as it gave it
    return " ".join(names)


def key_of(path: str, parameter: Any) -> str:
    """Find an option's words: its own in this command if there are some, else what it means everywhere."""
    name = max(parameter.opts, key=len)
    own = f"{path} {name}"
    return own if own in OPTIONS else name
