"""From a scheme file to typed values, or a list of what is wrong with it and where."""

import hashlib
import json
import re
from collections.abc import Hashable, Sequence
from typing import Any, Final

import yaml
from pydantic import TypeAdapter, ValidationError

from app.schemes.errors import SchemeInvalid
from app.schemes.rules import faults
from app.schemes.scheme import Scheme

_SCHEME: Final = TypeAdapter(Scheme)
_IN_OUR_WORDS: Final = {"missing": "is missing", "unexpected_keyword_argument": "is not a known entry"}


def read(text: str) -> Scheme:
    """Read a scheme file, or raise `SchemeInvalid` with every fault and its place.

    What is hashed is the content, not the file: comments and layout may change, a threshold may not.
    """
    content = _content(text)
    if "digest" in content:
        raise SchemeInvalid(["digest: is not a known entry"])
    digest = hashlib.sha256(_canonical(content)).hexdigest()
    try:
        # By way of JSON, where pydantic's strict mode knows lists, dates and decimals for what they are.
        scheme = _SCHEME.validate_json(_canonical({**content, "digest": digest}))
    except ValidationError as invalid:
        raise SchemeInvalid([_told(error, content) for error in invalid.errors()]) from None
    if found := tuple(faults(scheme)):
        raise SchemeInvalid(found)
    return scheme


def _content(text: str) -> dict[str, Any]:
    try:
        content = yaml.load(text, _PlainYaml)  # noqa: S506 -- a safe loader made stricter still
    except yaml.YAMLError as unreadable:
        raise SchemeInvalid([f"the file cannot be read: {unreadable}"]) from None
    if not isinstance(content, dict):
        raise SchemeInvalid(["the file is not a scheme: its top level is no mapping"])
    return content


def _canonical(content: dict[str, Any]) -> bytes:
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def _told(error: Any, content: object) -> str:
    """Name the place the way the file does: `assessment.criteria.K3.weight`, not `criteria[2]`."""
    place: list[str] = []
    for step in error["loc"]:
        content = _inside(content, step)
        named = content if isinstance(step, int) and isinstance(content, dict) else {}
        place.append(str(named.get("id") or named.get("name") or step))
    said = _IN_OUR_WORDS.get(error["type"], error["msg"].removeprefix("Value error, "))
    return f"{'.'.join(place)}: {said}"


def _inside(content: object, step: str | int) -> object:
    if isinstance(content, dict) and isinstance(step, str):
        return content.get(step)
    if isinstance(content, Sequence) and isinstance(step, int):
        return content[step]
    return None


class _PlainYaml(yaml.SafeLoader):
    """YAML that says no more than JSON: no dates, no `yes` for true, no repeated keys, no aliases."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 -- filled below; PyYAML declares it for us

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not used here")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 -- PyYAML calls it so
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                raise yaml.MarkedYAMLError(problem="a key is not a word", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value!r} stands here twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


for _tag, _form, _first in (
    ("null", r"null", "n"),
    ("bool", r"true|false", "tf"),
    ("int", r"-?(?:0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(?:0|[1-9][0-9]*)\.[0-9]+", "-0123456789"),
):
    _PlainYaml.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_form})\Z"), list(_first))
