"""The API's contract made whole: what every operation may answer, examples, and where an answer leads next.

Routes say what is their own; what they share is said here, once, so that none of it is forgotten.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from app.core.errors import Problem
from app.problems import HURRIED, MALFORMED, MEDIA_TYPE, SCHEMA, status_of

Json = dict[str, Any]
METHODS: Final = frozenset({"get", "put", "post", "delete", "patch"})
_EXAMPLES: Final = Path(__file__).with_name("examples.json")
_KEY: Final = "key-not-accepted"
_PERMISSION: Final = "permission-missing"
_TOO_LARGE: Final = "too-large"


def problems() -> Mapping[str, type[Problem]]:
    """Every kind of problem that this service knows, by its code."""
    return {kind.code: kind for kind in sorted(_kinds(Problem), key=lambda kind: kind.code)}


def _kinds(family: type[Problem]) -> Iterator[type[Problem]]:
    for kind in family.__subclasses__():
        yield kind
        yield from _kinds(kind)


@lru_cache(maxsize=1)
def examples() -> Mapping[str, Json]:
    """Requests and their answers as they were given once, by `METHOD /path`."""
    found: Mapping[str, Json] = json.loads(_EXAMPLES.read_text("utf-8"))
    return found


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Walk the operations of a contract: method, path, description."""
    for path, described in document["paths"].items():
        for method, operation in described.items():
            if method in METHODS:
                yield method, path, operation


def completed(document: Json) -> Json:
    """Say of every operation what all of them share, and show by examples what is meant."""
    components = document["components"]
    components["schemas"]["Problem"] = SCHEMA
    components["examples"] = {}
    for method, path, operation in operations(document):
        _share(operation)
        _explain(operation, components["examples"])
        _exemplify(operation, examples().get(f"{method.upper()} {path}", {}))
    _lead(document)
    return document


def _share(operation: Json) -> None:
    """Name the refusals that no route has to think of."""
    body = operation.get("requestBody", {}).get("content", {})
    shared: list[tuple[int, str]] = [(429, "hurried"), (503, "")]
    if operation.get("security"):
        shared += [(401, _KEY), (403, _PERMISSION)]
    if body or operation.get("parameters"):
        shared += [(422, "malformed")]
    if body:
        shared += [(400, ""), (413, _TOO_LARGE)]
    answers = operation["responses"]
    for status, code in shared:
        answer = answers.setdefault(str(status), {"description": HTTPStatus(status).phrase})
        content = answer.setdefault("content", {})
        if code or not content:
            shown = content.setdefault(MEDIA_TYPE, {"schema": SCHEMA}).setdefault("examples", {})
            shown.setdefault(code or "about:blank", {"value": {}})
    operation["responses"] = dict(sorted(answers.items()))


def _explain(operation: Json, explained: Json) -> None:
    """Show each problem as it is answered: with its words, and pointers where there are some."""
    for status, answer in operation["responses"].items():
        content = answer.get("content", {}).get(MEDIA_TYPE)
        if content is None:
            continue
        if content.get("schema") == SCHEMA:
            content["schema"] = {"$ref": "#/components/schemas/Problem"}
        number = 500 if status == "default" else int(status)
        content["examples"] = {
            code: _reference(code, number, explained) for code in content.get("examples", {"about:blank": {}})
        }


def _reference(code: str, status: int, explained: Json) -> Json:
    name = f"{status}-{code}".replace(":", "-")
    explained.setdefault(name, {"value": _problem(code, status)})
    return {"$ref": f"#/components/examples/{name}"}


def _problem(code: str, status: int) -> Json:
    known = problems().get(code)
    shown: Json = {
        "type": f"/problems/{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
    }
    if code == MALFORMED["code"]:
        fault = {"pointer": "#/field", "detail": "Field required"}
        shown |= {**MALFORMED, "errors": [fault]}
    elif code == HURRIED["code"]:
        shown |= HURRIED
    elif known is not None:
        shown |= {"title": known.title, "detail": f"{known.title}.", "status": int(status_of(known))}
    else:
        shown = {"type": "about:blank", "title": shown["title"], "status": status}
    return {**shown, "instance": "/v1/dossiers", "request_id": "4f1c0a9be27d6358"}


def _exemplify(operation: Json, shown: Json) -> None:
    """Show a request and its answer."""
    for parameter in operation.get("parameters", []):
        if (value := shown.get("parameters", {}).get(parameter["name"])) is not None:
            parameter["example"] = value
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if (value := shown.get("requests", {}).get(media_type)) is not None:
            content["examples"] = {"ordinary": {"value": value}}
    answer = shown.get("answer")
    for status, described in operation["responses"].items():
        if status.startswith("2") and answer is not None:
            for content in described.get("content", {}).values():
                content["examples"] = {"ordinary": {"value": answer}}


def _lead(document: Json) -> None:
    """Link what makes an object with what can then be done with it (OpenAPI 3.1, 4.8.20)."""
    named = {
        (method, path): operation["operationId"]
        for method, path, operation in operations(document)
        if "operationId" in operation
    }
    for method, path, operation in operations(document):
        made = operation["responses"].get("201")
        if method != "post" or made is None or "content" not in made:
            continue
        links = {}
        for (other, longer), name in named.items():
            rest = longer.removeprefix(f"{path}/{{")
            if rest != longer and longer.count("{") == path.count("{") + 1:
                parameter = rest.partition("}")[0]
                links[f"{other} {longer}"] = {
                    "operationId": name,
                    "parameters": {parameter: "$response.body#/id"},
                }
        if links and "{" not in path:
            made["links"] = {_name(key): link for key, link in links.items()}


def _name(key: str) -> str:
    return "".join(one if one.isalnum() else "_" for one in key).strip("_")
