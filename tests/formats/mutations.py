"""Credentials that something was done to: every small harm at every place, and a choice of them by a seed."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from app.formats.edc_shapes import MEMBERS, RULES, Kind
from tests.formats.make_edc import copy

Path = tuple[str | int, ...]
Harm = Callable[[dict[str, Any], str, dict[str, Any]], None]  # the object, its member, and a twin credential

CLASSES: Final = sorted(RULES.keys() - {"IssuerNode", "EuropeanDigitalCredential"})


@dataclass(frozen=True)
class Mutation:
    """One harm to one member of an object, there alone or wherever the object of that name stands."""

    kind: str
    path: Path
    member: str
    everywhere: bool
    harm: Harm

    @property
    def label(self) -> str:
        at = ".".join(str(step) for step in (*self.path, self.member))
        return f"{self.kind} {at}{' everywhere' if self.everywhere else ''}"

    def of(self, edc: dict[str, Any]) -> dict[str, Any]:
        mutated, twin = copy(edc), copy(edc)
        target = _at(mutated, self.path)
        same = [found for _, found in objects(mutated) if found.get("id") == target["id"]]
        for each in same if self.everywhere else [target]:
            self.harm(each, self.member, twin)
        return mutated


def objects(edc: dict[str, Any], path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    yield path, edc
    for member, value in edc.items():
        if MEMBERS.get(member) is Kind.NODE:
            several = isinstance(value, list)
            for number, each in enumerate(value if several else [value]):
                if isinstance(each, dict):
                    yield from objects(each, (*path, member, number) if several else (*path, member))


def chosen(edc: dict[str, Any], each: int, seed: str) -> list[Mutation]:
    """Choose so many of each kind; the same seed chooses the same."""
    kinds: dict[str, list[Mutation]] = {}
    for mutation in _all(edc):
        kinds.setdefault(mutation.kind, []).append(mutation)

    def lot(mutation: Mutation) -> str:
        return hashlib.sha256(f"{seed} {mutation.label}".encode()).hexdigest()

    return [found for several in kinds.values() for found in sorted(several, key=lot)[:each]]


def _all(edc: dict[str, Any]) -> Iterator[Mutation]:
    several: dict[str, int] = {}
    for _, node in objects(edc):
        several[node["id"]] = several.get(node["id"], 0) + 1
    for path, node in objects(edc):
        for member in node:
            for kind, harm in _harms(node, member, top=not path):
                for everywhere in (False, True) if several[node["id"]] > 1 else (False,):
                    yield Mutation(kind, path, member, everywhere, harm)


def _harms(node: dict[str, Any], member: str, *, top: bool) -> Iterator[tuple[str, Harm]]:
    if member in {"id", "type"}:
        yield from (
            harm for harm in (_OF_NAME if member == "id" else _OF_TYPE) if not (top and "retyped" in harm[0])
        )
    elif member != "@context":
        kind = MEMBERS[member]
        yield from _OF_ALL
        yield from _OF_KIND.get(kind, _OF_VALUE)
        if not isinstance(node[member], list):
            yield "listed", _listed
        if not isinstance(node[member], list) and kind is not Kind.WORDS:
            yield "said twice", _said_twice
        if member == "inScheme":
            yield from _OF_LIST


def _put(value: Any) -> Harm:
    def put(node: dict[str, Any], member: str, _twin: dict[str, Any]) -> None:
        node[member] = value

    return put


def _remove(node: dict[str, Any], member: str, _twin: dict[str, Any]) -> None:
    del node[member]


def _listed(node: dict[str, Any], member: str, _twin: dict[str, Any]) -> None:
    node[member] = _several(node[member])


def _said_twice(node: dict[str, Any], member: str, _twin: dict[str, Any]) -> None:
    node[member] = [node[member], node[member]]


def _second_value(node: dict[str, Any], member: str, _twin: dict[str, Any]) -> None:
    other = "2027-01-01T00:00:00Z" if MEMBERS[member] is Kind.DATE_TIME else "2"
    node[member] = [node[member], other]


def _doubled(node: dict[str, Any], member: str, twin: dict[str, Any]) -> None:
    """A second object, like the first and with names of its own all the way down."""
    second = _first(node[member], twin)
    for _, each in objects(second):
        if each["id"].startswith("urn:epass:"):
            each["id"] += "0"
    node[member] = [*_several(node[member]), second]


def _doubled_under_one_name(node: dict[str, Any], member: str, twin: dict[str, Any]) -> None:
    """A second object under the name of the first, which says something else."""
    second = _first(node[member], twin)
    for said, value in second.items():
        if MEMBERS.get(said) is Kind.WORDS:
            second[said] = {language: f"{text} bis" for language, text in value.items()}
        elif said in {"notation", "content", "schemeName"}:
            second[said] = f"{value}bis"
        elif said == "contentURL":
            second[said] = f"{value}/bis"
    node[member] = [*_several(node[member]), second]


def _reference(node: dict[str, Any], member: str, _twin: dict[str, Any]) -> None:
    references = [each["id"] for each in _several(node[member])]
    node[member] = references if len(references) > 1 else references[0]


def _third_language(node: dict[str, Any], member: str, _twin: dict[str, Any]) -> None:
    node[member] = node[member] | {"de": "Worte"}


def _two_lists(node: dict[str, Any], member: str, _twin: dict[str, Any]) -> None:
    node[member] = [node[member], {"id": "urn:epass:list:1", "type": "ConceptScheme"}]


def _list_that_is_none(node: dict[str, Any], member: str, _twin: dict[str, Any]) -> None:
    node[member] = [node[member], {"id": "urn:epass:list:1", "type": "Note"}]


def _name_of_another(node: dict[str, Any], member: str, twin: dict[str, Any]) -> None:
    """Two objects under one name: the next of the same class if there is one, else any."""
    others = [each for _, each in objects(twin) if each["id"] != node["id"]]
    alike = [each for each in others if each["type"] == node["type"]]
    node[member] = (alike or others)[0]["id"]


def _type_twice(node: dict[str, Any], member: str, _twin: dict[str, Any]) -> None:
    node[member] = [*_several(node[member]), "Note"]


def _retype(node: dict[str, Any], member: str, _twin: dict[str, Any]) -> None:
    node[member] = CLASSES[(CLASSES.index(node[member]) + len(node["id"])) % len(CLASSES)]


_ALIKE: Final = {
    "Organisation": "Agent",
    "Person": "Agent",
    "Identifier": "LegalIdentifier",
    "LegalIdentifier": "Identifier",
    "LearningAchievementSpecification": "Qualification",
    "LearningAchievement": "LearningAssessment",
    "LearningAssessment": "LearningAchievement",
    "Concept": "ConceptScheme",
    "ConceptScheme": "Concept",
}


def _retype_alike(node: dict[str, Any], member: str, _twin: dict[str, Any]) -> None:
    node[member] = _ALIKE.get(node[member], "Agent")


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _first(value: Any, twin: dict[str, Any]) -> dict[str, Any]:
    meant = _several(value)[0]["id"]
    return next(copy(each) for _, each in objects(twin) if each["id"] == meant)


def _at(edc: dict[str, Any], path: Path) -> dict[str, Any]:
    value: Any = edc
    for step in path:
        value = value[step]
    found: dict[str, Any] = value
    return found


_OF_ALL: Final[list[tuple[str, Harm]]] = [
    ("removed", _remove),
    ("null", _put(None)),
    ("blank text", _put("")),
    ("number", _put(7)),
    ("nothing in a list", _put([])),
]
_OF_NAME: Final[list[tuple[str, Harm]]] = [
    ("name removed", _remove),
    ("name blank", _put("")),
    ("name of another", _name_of_another),
    ("name new", _put("urn:epass:another:1")),
    ("name a number", _put(7)),
]
_OF_TYPE: Final[list[tuple[str, Harm]]] = [
    ("retyped", _retype),
    ("retyped to a like class", _retype_alike),
    ("type removed", _remove),
    ("type unknown", _put("Diploma")),
    ("type a number", _put(7)),
    ("type twice", _type_twice),
    ("type listed", _listed),
]
_OF_VALUE: Final[list[tuple[str, Harm]]] = [
    ("second value", _second_value),
    ("object for a value", _put({"id": "urn:epass:note:1", "type": "Note"})),
]
_OF_KIND: Final[dict[Kind, list[tuple[str, Harm]]]] = {
    Kind.NODE: [
        ("empty object", _put({})),
        ("reference", _reference),
        ("doubled", _doubled),
        ("doubled under one name", _doubled_under_one_name),
    ],
    Kind.WORDS: [
        ("words without a language", _put("words")),
        ("words blank", _put({"it": ""})),
        ("words twice", _put({"it": ["one", "two"]})),
        ("words in a third language", _third_language),
        ("words that are a number", _put({"it": 7})),
    ],
    Kind.DATE_TIME: [
        *_OF_VALUE,
        ("no instant", _put("yesterday")),
        ("month 13", _put("2026-13-20T10:00:00Z")),
        ("no offset", _put("2026-11-20T10:00:00")),
    ],
    Kind.COUNT: [
        *_OF_VALUE,
        *((f"count {value!r}", _put(value)) for value in (0, -1, "1", "one", 1.5, 2.0, True, "+1x")),
    ],
}
_OF_LIST: Final[list[tuple[str, Harm]]] = [
    ("wrong list", _put({"id": "urn:epass:list:1", "type": "ConceptScheme"})),
    ("list without a name", _put({"type": "ConceptScheme"})),
    ("two lists", _two_lists),
    ("list that is none", _list_that_is_none),
]
