"""Every call of the client against the contract: its route, what it sends, and the type of its answer."""

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args, get_origin, get_type_hints

import httpx
import pytest

from app.client import Sigillo, shapes
from app.client.api import KEY, Answered
from app.client.calls.part import Part
from tests.contract import shapes as written

Json = dict[str, Any]
CONTRACT: Final[Json] = json.loads(
    (Path(__file__).parents[2] / "openapi/openapi.json").read_text(encoding="utf-8")
)
OUTSIDE: Final = frozenset({"close"})
# What a test calls a thing, where the name of the argument does not say it.
GIVEN: Final[Mapping[str, Any]] = {
    "rows": [{"external_id": "A", "given_name": "Sara"}],
    "file": ("proof.pdf", b"%PDF"),
    "fields": {},
    "credentials": ["DLE"],
    "form": "png",
    "decisions": 1,
    "members": 1,
    "eligible": 1,
    "present": 1,
    "language": "it",
    "cycle": 1,
}


def test_the_shapes_are_those_of_the_contract() -> None:
    assert written.FILE.read_text(encoding="utf-8") == written.text(), (
        "run `make openapi` and commit the result"
    )


def calls() -> Iterator[tuple[str, str]]:
    """Every call by its part and name."""
    client = Sigillo("https://sigillo.example.org")
    for part, held in [("", client), *vars(client).items()]:
        if isinstance(held, Part):
            for name, _ in inspect.getmembers(type(held), inspect.isfunction):
                if not name.startswith("_") and name not in OUTSIDE:
                    yield part, name
    client.close()


@dataclass
class Line:
    """Answers as the contract says, and keeps what was asked."""

    asked: httpx.Request | None = None
    operation: Json | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked = request
        raw = request.url.raw_path.decode().partition("?")[0]
        self.operation = operation_of(request.method, raw)
        return answer_of(self.operation, request.headers.get("Accept", ""))


def operation_of(method: str, path: str) -> Json:
    """Find the operation that a path belongs to; one without parameters comes first."""
    for template in sorted(CONTRACT["paths"], key=lambda one: (one.count("{"), -len(one))):
        pattern = re.sub(r"\\\{[a-z_]+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method.lower() in CONTRACT["paths"][template]:
            found: Json = CONTRACT["paths"][template][method.lower()]
            return found
    raise AssertionError(f"The contract has no {method} {path}.")


def answer_of(operation: Json, accept: str) -> httpx.Response:
    status = min(code for code in operation["responses"] if code.startswith("2"))
    content = operation["responses"][status].get("content", {})
    if not content:
        return httpx.Response(int(status))
    if "application/json" not in content or accept not in {"application/json", *content}:
        return httpx.Response(int(status), text="bytes")
    found = made(content["application/json"]["schema"])
    found |= {name: None for name in ("next_cursor",) if name in found} | {"of_tomorrow": 1}
    found |= {"more": False} if "more" in found else {}
    return httpx.Response(int(status), json=found, headers={"ETag": '"1"'})


def made(schema: Json) -> Any:  # noqa: PLR0911 - one for each kind
    """Make something up that a schema allows."""
    if "$ref" in schema:
        return made(CONTRACT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return made(choices[0])
    match schema.get("type"):
        case "object":
            return {name: made(one) for name, one in schema.get("properties", {}).items()}
        case "array":
            return [made(schema["items"])]
        case "boolean":
            return True
        case "integer" | "number":
            return 1
    return schema.get("enum", ["x"])[0]


def given(call: Callable[..., Any], hints: Mapping[str, Any]) -> tuple[list[Any], Json, type | None]:
    """Make arguments up: names for ids, and of bodies whatever their schema allows."""
    placed: list[Any] = []
    named: Json = {}
    body = None
    for name, parameter in inspect.signature(call).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            body = get_args(hints[name])[0]
            named |= dict.fromkeys(body.__annotations__, "x")
        elif name == "read":
            placed.append(edited())
        elif parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            if name == "pause":
                continue
            named[name] = "k1" if name == "key" else GIVEN.get(name, "x")
        else:
            placed.append(GIVEN.get(name, "x_1"))
    return placed, named, body


def edited() -> Answered:
    read = Answered(id="x_1")
    read.edition = '"7"'
    return read


@pytest.mark.parametrize(("part", "name"), list(calls()), ids=lambda value: value or "sigillo")
def test_a_call_is_one_of_the_contract(part: str, name: str) -> None:
    line = Line()
    with Sigillo("https://sigillo.example.org", "key_1", transport=httpx.MockTransport(line)) as client:
        client.__dict__["organisation"] = "org_1"
        call = getattr(getattr(client, part) if part else client, name)
        hints = get_type_hints(call.__func__, vars(inspect.getmodule(call.__func__)) | vars(shapes))
        placed, named, body = given(call, hints)
        found = call(*placed, **named)
        rows = list(found) if isinstance(found, Iterator) else None
    assert line.asked is not None
    assert line.operation is not None
    parameters = {
        (one["in"], one["name"]) for one in line.operation.get("parameters", ()) if one["in"] != "path"
    }
    assert {("query", one) for one in line.asked.url.params} <= parameters
    if ("header", KEY) in parameters:
        assert line.asked.headers[KEY] == named.get("key"), "a key of the caller's is sent as it is"
    if "read" in inspect.signature(call).parameters:
        assert line.asked.headers["If-Match"] == '"7"'
    kind = line.asked.headers.get("Content-Type", "").partition(";")[0]
    if line.asked.content not in {b"", b"{}"}:
        assert kind in line.operation["requestBody"]["content"]
    assert said(hints["return"], rows is not None) == promised(line.operation, hints["return"])
    if body is not None:
        taken = line.operation["requestBody"]["content"][kind]["schema"]["$ref"].rpartition("/")[2]
        assert taken == body.__name__
    if isinstance(found, dict):
        assert found["of_tomorrow"] == 1, "what a newer service adds breaks nobody"


def said(answer: Any, many: bool) -> str:  # noqa: FBT001
    """Name the type that a call says it answers with."""
    if many:
        (answer,) = get_args(answer)
    if get_origin(answer) is not None:
        raise AssertionError(answer)
    return "nothing" if answer is type(None) else str(answer.__name__)


def promised(operation: Json, answer: Any) -> str:
    """Name the type that the contract says, of a page what it is made of."""
    status = min(code for code in operation["responses"] if code.startswith("2"))
    content = operation["responses"][status].get("content", {})
    if not content:
        return "nothing"
    if answer is bytes:
        return "bytes"
    schema = content["application/json"]["schema"]
    if "$ref" not in schema:
        return answer.__name__ if answer in {shapes.Report, shapes.Reports} else "object"
    name = schema["$ref"].rpartition("/")[2]
    data = CONTRACT["components"]["schemas"][name]["properties"].get("data")
    if get_origin(answer) is Iterator and data is not None:
        name = data["items"]["$ref"].rpartition("/")[2]
    return written.shortened(name)
