import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema.protocols import Validator

from app.contract import operations
from app.main import contract
from app.problems import MEDIA_TYPE
from tests.contract.asking import PUBLIC, WITH_A_KEY

PUBLISHED = Path(__file__).parents[1] / "openapi/openapi.json"
Json = dict[str, Any]


@lru_cache(maxsize=1)
def document() -> Json:
    found: Json = json.loads(contract())
    return found


def test_the_published_contract_is_what_the_service_answers_to() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == contract(), "run `make openapi` and commit the result"


def test_every_operation_says_what_it_does_and_which_problems_to_expect() -> None:
    for method, path, operation in operations(document()):
        assert operation.get("description") or operation.get("summary"), f"{method} {path}"
        assert "default" in operation["responses"], f"{method} {path}"
        assert {"429", "503"} <= set(operation["responses"]), f"{method} {path}"
        if operation.get("security"):
            assert {"401", "403"} <= set(operation["responses"]), f"{method} {path}"


def test_every_operation_is_asked_for_by_the_tests_of_the_contract() -> None:
    described = {(method.upper(), path) for method, path, _ in operations(document())}
    assert described == {asking.operation for asking in (*WITH_A_KEY, *PUBLIC)}, "tests/contract/asking.py"


def shown() -> Iterator[tuple[str, str, Json]]:
    """Every content of a request or an answer: of which operation, which part, and what is said of it."""
    for method, path, operation in operations(document()):
        here = f"{method.upper()} {path}"
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            yield here, f"request {media_type}", content
        for status, answer in operation["responses"].items():
            for media_type, content in answer.get("content", {}).items():
                yield here, f"{status} {media_type}", content


def values(content: Json) -> dict[str, Any]:
    """The examples of a content, where they stand."""
    kept = document()["components"]["examples"]
    return {
        name: (kept[example["$ref"].rpartition("/")[2]] if "$ref" in example else example)["value"]
        for name, example in content.get("examples", {}).items()
    }


def test_every_operation_and_every_problem_has_an_example() -> None:
    wanted, exemplified = set(), set()
    for here, part, content in shown():
        kind = part.split()[0]
        if kind == "request" or kind.startswith("2") or part.endswith(MEDIA_TYPE):
            wanted.add((here, kind))
            exemplified |= {(here, kind)} if values(content) else set()
    missing = sorted(wanted - exemplified)
    assert not missing, "run `python -m tests.contract.examples` and read what it wrote"


def test_every_example_is_of_the_form_that_it_shows() -> None:
    kind: type[Validator] = jsonschema.Draft202012Validator
    root = {"components": document()["components"]}
    faults = []
    for here, part, content in shown():
        validator = kind({**root, **content.get("schema", {})}, format_checker=kind.FORMAT_CHECKER)
        for name, value in values(content).items():
            faults += [f"{here} {part} {name}: {fault.message}" for fault in validator.iter_errors(value)]
    assert not faults, "\n".join(faults)


def test_every_problem_of_an_operation_says_its_type_its_code_and_what_happened() -> None:
    for here, part, content in shown():
        status, media_type = part.split()
        if media_type != MEDIA_TYPE:
            continue
        for name, members in values(content).items():
            assert str(members["status"]) == status or status == "default", f"{here} {part}"
            if name == "about:blank":
                assert members["type"] == "about:blank", here
            else:
                assert (members["code"], members["type"]) == (name, f"/problems/{name}"), here
                assert members["detail"], here
            if name == "malformed":
                assert members["errors"][0]["pointer"].startswith("#/"), here


def test_what_makes_an_object_links_to_what_can_be_done_with_it() -> None:
    made = document()["paths"]["/v1/dossiers"]["post"]["responses"]["201"]["links"]
    named = {operation.get("operationId") for _, _, operation in operations(document())}
    assert {link["operationId"] for link in made.values()} <= named
    assert "post__v1_dossiers__dossier__submission" in made


def test_links_name_the_parameters_that_the_request_had() -> None:
    made = document()["paths"]["/v1/organisations/{organisation}/clients"]["post"]["responses"]["201"][
        "links"
    ]
    link = next(each for name, each in made.items() if name.startswith("post") and name.endswith("secrets"))
    assert link["parameters"] == {
        "organisation": "$request.path.organisation",
        "client": "$response.body#/id",
    }


def test_what_is_refused_at_oauth_is_described_in_the_words_of_oauth() -> None:
    for path in ("/oauth/token", "/oauth/revoke"):
        answers = document()["paths"][path]["post"]["responses"]
        for status in ("400", "401"):
            assert list(answers[status]["content"]) == ["application/json"], path
        assert "422" not in answers, path


def test_what_is_read_has_a_tag_and_answers_say_how_many_requests_are_left() -> None:
    for method, path, operation in operations(document()):
        if not operation.get("security"):
            continue
        for status, answer in operation["responses"].items():
            if status.startswith("2") or status == "429":
                assert {"RateLimit", "RateLimit-Policy"} <= answer["headers"].keys(), f"{method} {path}"
        if method == "get" and "application/json" in operation["responses"]["200"]["content"]:
            assert "ETag" in operation["responses"]["200"]["headers"], path
            assert "304" in operation["responses"], path


def test_what_takes_a_key_says_that_a_broken_form_is_refused_even_where_none_is_asked_for() -> None:
    answers = document()["paths"]["/v1/webhook-endpoints/{endpoint}/test"]["post"]["responses"]
    assert {"400", "413"} <= answers.keys()


def test_files_are_given_under_the_media_type_that_they_have() -> None:
    for path, described in document()["paths"].items():
        if path.endswith("/file"):
            assert list(described["get"]["responses"]["200"]["content"]) == ["*/*"], path


def test_the_end_of_a_token_is_answered_without_a_body() -> None:
    assert "content" not in document()["paths"]["/oauth/revoke"]["post"]["responses"]["200"]
