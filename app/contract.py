"""The API's contract made whole: what every operation may answer, examples, and where an answer leads next.

Routes say what is their own; what they share is said here, once, so that none of it is forgotten.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from app.core.errors import DatabaseBusy, Problem
from app.problems import HURRIED, MALFORMED, MEDIA_TYPE, SCHEMA, status_of

Json = dict[str, Any]
METHODS: Final = frozenset({"get", "put", "post", "delete", "patch"})
_EXAMPLES: Final = Path(__file__).with_name("examples.json")
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_OFFLINE: Final = "app.verification.offline"
_KEY: Final = "key-not-accepted"
_PERMISSION: Final = "permission-missing"
_TOO_LARGE: Final = "too-large"
_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_CREATED: Final = ("201", "202")
# What callers name in headers, as it may look: the same wherever it is asked for.
NAMED: Final[Mapping[str, str]] = {
    "Idempotency-Key": "5b2c1f0e-6a7d-4f3c-9e81-0d4b7a92c6f3",
    "If-Match": '"3-q1Vd0Zl8mXJt5cWn7RbE"',
}
_IF_NONE_MATCH: Final[Json] = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of what you have: where nothing has changed since, 304 and no body.",
    "schema": {"type": "string"},
}
_HEADERS: Final[Mapping[str, tuple[str, str]]] = {
    "ETag": ("Stands for what was answered (RFC 9110, 8.8.3).", NAMED["If-Match"]),
    "Idempotent-Replayed": ("`true` where this is the answer that was given to the same before.", "true"),
    "RateLimit-Policy": (
        "How many requests you may make (`q`) in so many seconds (`w`).",
        '"caller";q=3000;w=60',
    ),
    "RateLimit": ("How many are left (`r`), and in how many seconds all are (`t`).", '"caller";r=2999;t=1'),
    "Retry-After": ("After how many seconds to try again.", "2"),
}


def problems() -> Mapping[str, type[Problem]]:
    """Every kind of problem that this service answers with, by its code.

    What `sigillo verify --offline` says is said without a service, and has no page.
    """
    kinds = (kind for kind in _kinds(Problem) if kind.__module__ != _OFFLINE)
    return {kind.code: kind for kind in sorted(kinds, key=lambda kind: kind.code)}


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
    components["headers"] = {
        name: {"description": words, "schema": {"type": "string"}, "example": shown}
        for name, (words, shown) in _HEADERS.items()
    }
    for method, path, operation in operations(document):
        _share(operation)
        _tag(method, operation)
        _head(operation)
        _explain(operation, components["examples"])
        _exemplify(operation, examples().get(f"{method.upper()} {path}", {}))
    _lead(document)
    return document


def _share(operation: Json) -> None:
    """Name the refusals that no route has to think of."""
    body = operation.get("requestBody", {}).get("content", {})
    shared: list[tuple[int, str]] = [(429, "hurried"), (503, ""), (503, DatabaseBusy.code)]
    if operation.get("security"):
        shared += [(401, _KEY), (403, _PERMISSION)]
    # In forms only OAuth asks, and says in its own words what is wrong with them.
    if (body or operation.get("parameters")) and _FORM not in body:
        shared += [(422, "malformed")]
    if body or _takes_key(operation):  # a key is about what was sent, also where nothing should have been
        shared += [(400, ""), (413, _TOO_LARGE)]
    answers = operation["responses"]
    for status, code in shared:
        answer = answers.setdefault(str(status), {"description": HTTPStatus(status).phrase})
        content = answer.setdefault("content", {})
        if code or not content:
            shown = content.setdefault(MEDIA_TYPE, {"schema": SCHEMA}).setdefault("examples", {})
            shown.setdefault(code or "about:blank", {"value": {}})
    operation["responses"] = dict(sorted(answers.items()))


def _takes_key(operation: Json) -> bool:
    return any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", []))


def _tag(method: str, operation: Json) -> None:
    """Say of what is read as JSON with a key that it has a tag, and what the tag is good for."""
    answers = operation["responses"]
    if method == "get" and operation.get("security") and _JSON in answers["200"].get("content", {}):
        operation.setdefault("parameters", []).append(dict(_IF_NONE_MATCH))
        answers.setdefault("304", {"description": "It is as you have it"})
        _refer(answers["200"], "ETag")
        _refer(answers["304"], "ETag")
    if any(each["name"] == "If-Match" for each in operation.get("parameters", [])):
        for status in answers.keys() & {"200", "201"}:
            _refer(answers[status], "ETag")
    operation["responses"] = dict(sorted(answers.items()))


def _head(operation: Json) -> None:
    """Name the headers of answers: of limits to whoever is known, of replays, of what to wait for."""
    replays = _takes_key(operation)
    for status, answer in operation["responses"].items():
        if operation.get("security") and (status.startswith("2") or status == "429"):
            _refer(answer, "RateLimit-Policy", "RateLimit")
        if replays and status.startswith("2"):
            _refer(answer, "Idempotent-Replayed")
        if status in {"429", "503"}:
            _refer(answer, "Retry-After")


def _refer(answer: Json, *names: str) -> None:
    given = answer.setdefault("headers", {})
    for name in names:
        given.setdefault(name, {"$ref": f"#/components/headers/{name}"})


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
    """Show a request and its answer; what a route shows by itself stays."""
    for parameter in operation.get("parameters", []):
        name = parameter["name"]
        if (value := shown.get("parameters", {}).get(name, NAMED.get(name))) is not None:
            parameter["example"] = value
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if (value := shown.get("requests", {}).get(media_type)) is not None:
            content.setdefault("examples", {"ordinary": {"value": value}})
    answer = shown.get("answer")
    for status, described in operation["responses"].items():
        if answer is None or not status.startswith("2"):
            continue
        for content in described.get("content", {}).values():
            content.setdefault("examples", {"ordinary": {"value": answer}})


def _lead(document: Json) -> None:
    """Link what makes an object with what can then be done with it (OpenAPI 3.1, 4.8.20)."""
    named = {
        (method, path): operation["operationId"]
        for method, path, operation in operations(document)
        if "operationId" in operation
    }
    for method, path, operation in operations(document):
        answers = operation["responses"]
        made = next((answers[status] for status in _CREATED if status in answers), None)
        if method != "post" or made is None or "content" not in made:
            continue
        several = made["content"].get(_JSON, {}).get("schema", {}).get("type") == "array"
        known = {name: f"$request.path.{name}" for name in _PARAMETER.findall(path)}
        links = {}
        for (other, longer), name in named.items():
            rest = longer.removeprefix(f"{path}/{{")
            if rest != longer and longer.count("{") == path.count("{") + 1:
                parameter = rest.partition("}")[0]
                links[_name(f"{other} {longer}")] = {
                    "operationId": name,
                    "parameters": {**known, parameter: f"$response.body#/{'0/' if several else ''}id"},
                }
        if links:
            made["links"] = links


def _name(key: str) -> str:
    return "".join(one if one.isalnum() else "_" for one in key).strip("_")
