"""Our lints and the official shapes, of both versions of the profile: they have to say the same."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from rdflib import RDF, XSD, BNode, Graph, URIRef
from rdflib.collection import Collection

from app.core.labels import Language
from app.formats.edc_lints import lint
from app.formats.edc_shapes import MEMBERS, OF_CREDENTIAL, RULES, Kind, Rule, shape_faults
from tests.formats import make_edc
from tests.formats.mutations import chosen, objects
from tests.formats.shacl import SH, VERSIONS, Official, expand, official
from tests.shared import shared

SEED = "2026-11-20"
OF_EACH_KIND = 3
PARTS = 2

DATATYPES = {
    Kind.WORDS: RDF.langString,
    Kind.DATE_TIME: XSD.dateTime,
    Kind.URI: XSD.anyURI,
    Kind.STRING: XSD.string,
    Kind.COUNT: XSD.positiveInteger,
}


@pytest.fixture(scope="session")
def versions() -> dict[str, Official]:
    return {version: official(version) for version in VERSIONS}


@pytest.mark.parametrize("full", [True, False], ids=["with all that may be there", "with the least"])
@pytest.mark.parametrize("test", [True, False], ids=["in test mode", "live"])
@pytest.mark.parametrize("languages", [("it", "en"), ("en", "it"), ("it",), ("en",)], ids="+".join)
def test_the_official_shapes_find_nothing_in_our_credential(
    versions: dict[str, Official], languages: tuple[Language, ...], *, test: bool, full: bool
) -> None:
    composed = make_edc.edc(*languages, full=full, test=test)
    assert {version: each.violations(composed) for version, each in versions.items()} == {
        version: [] for version in VERSIONS
    }
    assert lint(composed) == []


@pytest.mark.parametrize("part", range(PARTS))
def test_lints_and_shapes_agree_on_mutated_credentials(versions: dict[str, Official], part: int) -> None:
    composed = make_edc.edc()
    mutations = chosen(composed, OF_EACH_KIND, SEED)
    assert len(mutations) >= 100
    disagreed = []
    said = Counter[str]()
    for mutation in mutations[part::PARTS]:
        mutated = mutation.of(composed)
        ours = shape_faults(mutated)
        theirs = {version: each.violations(mutated) for version, each in versions.items()}
        said["conform" if not ours else "are at fault"] += 1
        if bool(ours) != any(theirs.values()):
            disagreed.append((mutation.label, ours, theirs))
    print(f"part {part}: {dict(said)} of {len(mutations)} mutations")  # noqa: T201
    assert disagreed == []
    assert min(said.values()) > len(mutations) // PARTS // 5


def test_every_rule_that_we_wrote_down_speaks_on_some_mutation() -> None:
    composed = make_edc.edc()
    spoke = {
        (fault.rule, fault.clause)
        for mutation in chosen(composed, 120, SEED)
        for fault in shape_faults(mutation.of(composed))
    }
    written = {
        (f"{kind}.{rule.member}", rule.clause)
        for kind, rules in RULES.items()
        for rule in rules
        if kind not in {"Agent", "Qualification"}  # we write neither: their rules hold for what is retyped
    }
    print(f"{len(spoke & written)} of {len(written)} rules spoke")  # noqa: T201
    assert {rule for rule, _ in written - spoke} == {"LegalIdentifier.schemeName", "Person.location"}


@pytest.mark.parametrize("name", ["own-minimal", "own-rich"])
def test_other_sound_credentials_break_no_shape(versions: dict[str, Official], name: str) -> None:
    sample = json.loads(shared("elm", "samples", f"{name}.unsealed.jsonld").read_text(encoding="utf-8"))
    assert all(not each.violations(sample) for each in versions.values())
    assert shape_faults(sample) == []


@pytest.mark.parametrize("name", ["MC-Annex1", "CertOfPart"])
def test_credentials_of_the_commission_break_what_the_shapes_say_they_break(
    versions: dict[str, Official], name: str
) -> None:
    folder = shared("elm", "samples", "commission")
    sealed = json.loads((folder / f"Sample-{name}-signed.jsonld").read_text(encoding="utf-8"))
    assert shape_faults(json.loads(sealed["payload"])) == []
    unsealed = json.loads((folder / f"Sample-{name}-unsigned.jsonld").read_text(encoding="utf-8"))
    faults = {fault.rule for fault in shape_faults(unsealed)}
    assert faults == {"EuropeanDigitalCredential.issued", "IssuerNode.eIDASIdentifier"}
    assert all(each.violations(unsealed) for each in versions.values())


@pytest.mark.parametrize("version", VERSIONS)
def test_every_rule_says_what_its_property_shape_says(versions: dict[str, Official], version: str) -> None:
    each = versions[version]
    for kind, rules in RULES.items():
        for rule in rules:
            (shape,) = (
                found
                for found in _property_shapes(each, kind, rule.member)
                if bool(rule.scheme) == _is_of_list(each.shapes, found)
            )
            _says_the_same(each, rule, shape)


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_that_the_shapes_say_of_our_credential_lacks_a_rule(
    versions: dict[str, Official], version: str
) -> None:
    each = versions[version]
    for _, node in objects(make_edc.edc()):
        kind = "EuropeanDigitalCredential" if isinstance(node["type"], list) else node["type"]
        for member in node.keys() - {"id", "type", "@context"}:
            found = list(_property_shapes(each, kind, member))
            assert len(found) == len([rule for rule in RULES[kind] if rule.member == member]) > 0
        demanded = {
            each.shapes.value(shape, SH.path)
            for shape in _property_shapes(each, kind)
            if each.shapes.value(shape, SH.minCount)
        }
        assert demanded <= {_path(each, rule.member) for rule in RULES[kind]}


@pytest.mark.parametrize("version", VERSIONS)
def test_members_hold_what_the_contexts_say(versions: dict[str, Official], version: str) -> None:
    for member, kind in MEMBERS.items():
        meant = _term(versions[version], member)
        if kind is Kind.WORDS:
            assert meant["@container"] == "@language"
        elif kind is Kind.NODE:
            assert meant["@type"] == "@id"
        elif kind is Kind.LITERAL:
            assert "@type" not in meant
        else:
            assert meant["@type"] == f"xsd:{DATATYPES[kind].rpartition('#')[2]}"
        assert (member in versions[version].context) != (member in OF_CREDENTIAL)


def _says_the_same(each: Official, rule: Rule, shape: Any) -> None:
    shapes, context = each.shapes, each.context
    values = {
        name: shapes.value(shape, SH[name]) for name in ("minCount", "maxCount", "uniqueLang", "datatype")
    }
    assert int(values["minCount"] or 0) == rule.least, rule
    assert (int(values["maxCount"]) if values["maxCount"] else None) == rule.most, rule
    assert bool(values["uniqueLang"]) == rule.one_each, rule
    if rule.scheme:
        restriction = shapes.value(shape, SH.node)
        assert shapes.value(shape, SH.nodeKind) == SH.IRI
        (inner,) = shapes.objects(restriction, SH.property)
        assert shapes.value(inner, SH.hasValue) == URIRef(rule.scheme), rule
        assert shapes.value(inner, SH.nodeKind) == SH.IRI
    elif isinstance(rule.kind, tuple):
        assert set(_classes(shapes, shape)) == {expand(context, kind) for kind in rule.kind}, rule
    elif rule.kind is Kind.LITERAL:
        assert shapes.value(shape, SH.nodeKind) == SH.Literal
    else:
        assert values["datatype"] == DATATYPES[rule.kind], rule
    if isinstance(shape, URIRef):
        assert rule.clause == shapes.namespace_manager.normalizeUri(shape), rule


def _classes(shapes: Graph, shape: Any) -> Iterator[Any]:
    """Yield the classes that will do, looking into alternatives and into the shape of a claim."""
    yield from shapes.objects(shape, SH["class"])
    for alternatives in shapes.objects(shape, SH["or"]):
        for each in Collection(shapes, alternatives):
            yield from shapes.objects(each, SH["class"])
    for node in shapes.objects(shape, SH.node):
        if str(node).endswith("ClaimNodeShape"):
            yield from _classes(shapes, node)


def _property_shapes(each: Official, kind: str, member: str | None = None) -> Iterator[Any]:
    issuer = URIRef("http://data.europa.eu/snb/model/ap/edc-generic-no-cv/IssuerNodeShape")
    owners = (
        [issuer]
        if kind == "IssuerNode"
        else list(each.shapes.subjects(SH.targetClass, expand(each.context, kind)))
    )
    for owner in owners:
        for shape in each.shapes.objects(owner, SH.property):
            if member is None or each.shapes.value(shape, SH.path) == _path(each, member):
                yield shape


def _is_of_list(shapes: Graph, shape: Any) -> bool:
    return isinstance(shape, BNode) and any(
        str(node).endswith("Restriction") for node in shapes.objects(shape, SH.node)
    )


def _term(each: Official, member: str) -> dict[str, Any]:
    w3c = each.documents["https://www.w3.org/2018/credentials/v1"]["@context"]["VerifiableCredential"][
        "@context"
    ]
    found: dict[str, Any] = each.context.get(member) or w3c[member]
    return found


def _path(each: Official, member: str) -> URIRef:
    return expand(each.context, _term(each, member)["@id"])
