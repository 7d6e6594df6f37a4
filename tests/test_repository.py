"""Guards over what is committed: a promise that nobody has to remember."""

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
THIS: Final = Path(__file__).relative_to(ROOT).as_posix()  # it names what it forbids

TOP_LEVEL: Final = frozenset(
    {
        *("pyproject.toml", "app", "migrations", "keys", "tests", "openapi", "Dockerfile", "README.md"),
        *("Makefile", "requirements", "bench", "drill", "interop", "LICENSE", "CHANGELOG.md"),
        *(".ci", ".pictures", ".dockerignore", ".editorconfig", ".gitattributes", ".gitignore"),
    }
)
PRIVATE_KEY: Final = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{16}")
# A folder of somebody's machine, and not the same word inside an address or a longer path.
MACHINE_PATH: Final = re.compile(rb"(?<![\w.~@/-])/(?:work|home|root|Users)/[\w.]")
UNFINISHED: Final = re.compile(r"\b(?:NotImplementedError|TODO|FIXME|XXX)\b")


@pytest.fixture(scope="module")
def tracked() -> tuple[str, ...]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        said = f"not a git checkout, so the repository's guards did not run: {listed.stderr.decode()}"
        pytest.fail(said) if "CI" in os.environ else pytest.skip(said)
    return tuple(name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file())


def test_the_top_level_holds_only_what_has_its_place_there(tracked: tuple[str, ...]) -> None:
    assert {name.split("/")[0] for name in tracked} <= TOP_LEVEL


def test_keys_holds_its_explanation_and_nothing_else(tracked: tuple[str, ...]) -> None:
    assert [name for name in tracked if name.startswith("keys/")] == ["keys/README.md"]


def test_no_private_key_is_committed(tracked: tuple[str, ...]) -> None:
    assert not [name for name in tracked if PRIVATE_KEY.search((ROOT / name).read_bytes())]
    assert not [name for name in tracked if name.endswith((".key", ".p12", ".pfx", ".jks"))]


def test_no_path_of_a_particular_machine_is_committed(tracked: tuple[str, ...]) -> None:
    found = [name for name in tracked if name != THIS and MACHINE_PATH.search((ROOT / name).read_bytes())]
    assert not found


def test_nothing_is_left_for_later(tracked: tuple[str, ...]) -> None:
    sources = [name for name in tracked if name.endswith((".py", ".html", ".sh", ".yaml")) and name != THIS]
    assert not [name for name in sources if UNFINISHED.search((ROOT / name).read_text(encoding="utf-8"))]


def test_every_function_does_something(tracked: tuple[str, ...]) -> None:
    sources = [name for name in tracked if name.startswith(("app/", "migrations/")) and name.endswith(".py")]
    assert sources
    empty = [
        f"{name}:{line}" for name in sources for line in empty_functions((ROOT / name).read_text("utf-8"))
    ]
    assert not empty


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("def f(): pass", [1]),
        ("def f(): ...", [1]),
        ('async def f():\n    """Words."""', [1]),
        ("class C:\n    def f(self): ...", [2]),
        ("def f():\n    def g(): pass\n    return g", [2]),
        ("def f(): return 1", []),
        ("class P(Protocol):\n    def f(self): ...", []),
        ("class P(Protocol[T]):\n    def f(self): ...", []),
        ("@overload\ndef f(): ...", []),
        ("@abc.abstractmethod\ndef f(): ...", []),
        ('@cli.callback()\ndef f():\n    """Words."""', []),
    ],
)
def test_an_empty_function_is_told_from_a_declared_one(source: str, lines: list[int]) -> None:
    assert list(empty_functions(source)) == lines


def empty_functions(source: str) -> Iterator[int]:
    """Give the lines of functions without a body, except where a body has no place."""
    tree = ast.parse(source)
    declared = {
        id(function)
        for protocol in ast.walk(tree)
        if isinstance(protocol, ast.ClassDef)
        and any(_last_name(base) == "Protocol" for base in protocol.bases)
        for function in protocol.body
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or id(node) in declared:
            continue
        # The words under a Typer callback are what `--help` prints: there they are the body.
        if {_last_name(mark) for mark in node.decorator_list} & {"overload", "abstractmethod", "callback"}:
            continue
        if all(_says_nothing(statement) for statement in node.body):
            yield node.lineno


def _last_name(node: ast.expr) -> str:
    """Give `C` for `C`, `a.b.C`, `C[T]` and `C()`."""
    while isinstance(node, ast.Subscript | ast.Call):
        node = node.value if isinstance(node, ast.Subscript) else node.func
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _says_nothing(statement: ast.stmt) -> bool:
    """Tell whether a statement is `pass`, `...` or words only."""
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )
