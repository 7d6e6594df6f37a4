"""The contract's shapes as types of Python, for the client: `python -m tests.contract.shapes` writes them."""

import json
import keyword
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Final

import app
from app.main import contract

Json = dict[str, Any]
FILE: Final = Path(app.__file__).parent / "client/shapes.py"
HEAD: Final = '''"""What is sent and answered, as types: written from the contract by
`make openapi`, never by hand.

Answers are dicts. Times and days are text, as RFC 3339 has them. Whatever a newer service says beside this is
there too, and of no type.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

'''
SIMPLE: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
TWO_LANGUAGES: Final = {"it", "en"}
WIDTH: Final = 103


def shortened(name: str) -> str:
    """Name a schema for people: where two parts of the service use one name, the part stands before it."""
    if not name.startswith("app__"):
        return name
    _, stage, _, own = name.split("__")
    return stage.title() + own


class Shapes:
    """Types by their names, in the order in which they are met."""

    def __init__(self) -> None:
        self.written: dict[str, str] = {}

    def of(self, schema: Json, name: str) -> str:
        """Say the type of a schema; `name` is for an object that has none of its own."""
        if "$ref" in schema:
            return shortened(schema["$ref"].rpartition("/")[2])
        for either in ("anyOf", "oneOf"):
            if either in schema:
                kinds = [self.of(one, name) for one in schema[either]]
                return " | ".join(dict.fromkeys(kinds))
        if values := schema.get("enum", [schema["const"]] if "const" in schema else []):
            return f"Literal[{', '.join(_quoted(value) for value in values)}]"
        return self._plain(schema, name)

    def _plain(self, schema: Json, name: str) -> str:
        match schema.get("type"):
            case "array":
                return f"list[{self.of(schema.get('items', {}), name)}]"
            case "object":
                return self._object(schema, name)
            case str(simple):
                return SIMPLE[simple]
        return "Any"

    def _object(self, schema: Json, name: str) -> str:
        members = schema.get("properties")
        if members is None:
            values = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
            kinds = [self.of(one, name) for one in values if isinstance(one, dict)]
            return f"dict[str, {kinds[0] if kinds else 'Any'}]"
        if set(members) == TWO_LANGUAGES:
            return "InTwoLanguages"
        name = schema.get("title", name) if "__" not in name else shortened(name)
        self.add(name, schema)
        return name

    def add(self, name: str, schema: Json) -> None:
        """Write a shape that has a name."""
        if name in self.written:
            return
        if "properties" not in schema and schema.get("type") != "object":
            self.written[name] = f"{name}: TypeAlias = {self.of(schema, name)}\n"
            return
        self.written[name] = ""  # its place, before those that it holds
        needed = set(schema.get("required", ()))
        members = {
            member: kind if member in needed else f"NotRequired[{kind}]"
            for member, kind in (
                (member, self.of(one, f"{name}{member.title().replace('_', '')}"))
                for member, one in schema.get("properties", {}).items()
            )
        }
        if any(keyword.iskeyword(member) for member in members):
            pairs = ", ".join(f"{_quoted(member)}: {_quoted(kind)}" for member, kind in members.items())
            self.written[name] = f"{name} = TypedDict({_quoted(name)}, {{{pairs}}})\n"
            return
        lines = "".join(f"    {member}: {kind}\n" for member, kind in members.items())
        self.written[name] = f"class {name}(TypedDict):\n{_said(schema)}{lines or '    pass'}"


def _quoted(value: Any) -> str:
    return '"' + str(value) + '"' if isinstance(value, str) else repr(value)


def _said(schema: Json) -> str:
    text = " ".join(str(schema.get("description", "")).split("\n\n")[0].split())
    if not text:
        return ""
    first, *rest = textwrap.wrap(text, WIDTH - 3)
    more = "".join(f"    {line}\n" for line in rest)
    quotes = 'r"""' if "\\" in text else '"""'
    return f'    {quotes}{first}"""\n\n' if not rest else f"    {quotes}{first}\n{more}" + '    """\n\n'


def text() -> str:
    """Write the types of all that the contract names, and of reports."""
    document = json.loads(contract())
    shapes = Shapes()
    for name, schema in document["components"]["schemas"].items():
        if not name.startswith("Page_"):
            shapes.add(shortened(name), schema)
    answers = document["paths"]["/v1/verifications"]["post"]["responses"]["200"]["content"]
    shapes.of(answers["application/json"]["schema"], "Reports")
    made = HEAD + "\n".join(shapes.written.values())
    asked = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(FILE), "-"]
    return subprocess.run(asked, input=made, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
