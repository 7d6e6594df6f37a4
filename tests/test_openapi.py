import json
from pathlib import Path

from app.main import contract

PUBLISHED = Path(__file__).parents[1] / "openapi/openapi.json"


def test_the_published_contract_is_what_the_service_answers_to() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == contract(), "run `make openapi` and commit the result"


def test_every_operation_says_what_it_does_and_which_problems_to_expect() -> None:
    for path, operations in json.loads(contract())["paths"].items():
        for method, operation in operations.items():
            assert operation.get("description") or operation.get("summary"), f"{method} {path}"
            assert "default" in operation["responses"], f"{method} {path}"
