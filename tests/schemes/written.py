"""The packaged scheme as a file's content, to be changed in one place and written again."""

import json
from copy import deepcopy
from functools import cache
from importlib import resources
from typing import Any

import yaml

PACKAGED = (
    resources.files("app.schemes").joinpath("ai-deep-learning-engineer.yaml").read_text(encoding="utf-8")
)


def content() -> dict[str, Any]:
    return deepcopy(_loaded())


@cache
def _loaded() -> dict[str, Any]:
    loaded = yaml.safe_load(PACKAGED)
    assert isinstance(loaded, dict)
    return loaded


def written(content: dict[str, Any]) -> str:
    return json.dumps(content, default=str, ensure_ascii=False)


def changed(place: str, value: object) -> str:
    """Write the scheme with one entry changed; `assessment.criteria.K1.weight` says which."""
    scheme = content()
    holder, last = _holder(scheme, place)
    holder[last] = value
    return written(scheme)


def without(place: str) -> str:
    """Write the scheme with one entry left out."""
    scheme = content()
    holder, last = _holder(scheme, place)
    del holder[last]
    return written(scheme)


def _holder(scheme: dict[str, Any], place: str) -> tuple[Any, Any]:
    *steps, last = place.split(".")
    holder: Any = scheme
    for step in steps:
        holder = holder[_key(holder, step)]
    return holder, _key(holder, last)


def _key(holder: Any, step: str) -> Any:
    if isinstance(holder, dict):
        return step
    names = [item.get("id", item.get("name")) if isinstance(item, dict) else item for item in holder]
    return names.index(step) if step in names else int(step)
