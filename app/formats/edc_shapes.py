"""The generic shapes of the EDC application profile, 1.1.0 and 1.2.0, as far as they apply to what we write.

Shapes do not see the JSON. They see what it says: nodes, where objects of one name are one node with the
members of them all, and sets of values. So this reads the tree into such nodes, as JSON-LD would with the two
contexts of the profile, and then asks each node what its classes demand. A table is the profile: a rule cites
the property shape that it stands for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, cast

from app.core.errors import JsonValue
from app.formats.edc_vocabulary import COUNTRY_SCHEME, ESCO_SKILL_SCHEME, LANGUAGE_SCHEME, PROFILE_SCHEME


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that a credential breaks, the clause behind it, and words for whoever has to mend it."""

    rule: str
    clause: str
    words: str


class Kind(StrEnum):
    """What a member holds, as the contexts say."""

    NODE = "another node"
    WORDS = "words in a language"  # rdf:langString
    DATE_TIME = "an instant"  # xsd:dateTime
    URI = "an address"  # xsd:anyURI
    STRING = "a text"  # xsd:string
    COUNT = "a whole number from 1"  # xsd:positiveInteger
    LITERAL = "a value"  # any literal


@dataclass(frozen=True, slots=True)
class Rule:
    """What one member must be, of every node of a class (SHACL: a property shape)."""

    member: str
    clause: str
    kind: Kind | tuple[str, ...]  # or the classes, one of which every value has
    least: int = 0
    most: int | None = None
    one_each: bool = False  # at most one value per language
    named: bool = False  # values have names of their own (sh:nodeKind sh:IRI)
    scheme: str | None = None  # the controlled list that every value says it is from


AGENTS: Final = ("Agent", "Person", "Organisation")
IDENTIFIERS: Final = ("Identifier", "LegalIdentifier")
SPECIFICATIONS: Final = ("LearningAchievementSpecification", "Qualification")
# A bare Claim with a type from the claim-type list would do too; we write none.
CLAIMS: Final = ("LearningAchievement", "LearningActivity", "LearningAssessment", "LearningEntitlement")
CONCEPT: Final = ("Concept",)
PAGE: Final = ("WebResource",)

_IDENTIFIER: Final = (
    Rule("notation", "edc:Identifier-skos_notation", Kind.LITERAL, 1, 1),
    Rule("schemeName", "edc:Identifier-elm_schemeName", Kind.STRING, 0, 1),
)


def _specification(of: str) -> tuple[Rule, ...]:
    return (
        Rule("title", f"edc:{of}-dc_title", Kind.WORDS, 1, one_each=True),
        Rule("description", f"edc:{of}-dc_description", Kind.WORDS, one_each=True),
        Rule("identifier", f"edc:{of}-adms_identifier", IDENTIFIERS),
        Rule("homepage", f"edc:{of}-foaf_homepage", PAGE),
        Rule("learningOutcome", f"edc:{of}-elm_learningOutcome", ("LearningOutcome",)),
    )


def _from_list(member: str, clause: str, scheme: str, least: int = 0, most: int | None = None) -> Rule:
    return Rule(member, clause, Kind.NODE, least, most, named=True, scheme=scheme)


_EDC: Final = "edc:EuropeanDigitalCredential"

RULES: Final[Mapping[str, tuple[Rule, ...]]] = {
    "EuropeanDigitalCredential": (
        Rule("identifier", f"{_EDC}-adms_identifier", IDENTIFIERS),
        Rule("credentialProfiles", f"{_EDC}-elm_credentialProfiles", CONCEPT, 1),
        _from_list("credentialProfiles", ":EuropeanDigitalCredentialShapeCV", PROFILE_SCHEME, 1),
        Rule("displayParameter", f"{_EDC}-elm_displayParameter", ("DisplayParameter",), 1, 1),
        Rule("issuer", f"{_EDC}-cred_issuer", AGENTS, 1, 1),
        Rule("credentialSubject", f"{_EDC}-cred_credentialSubject", AGENTS, 1, 1),
        Rule("issuanceDate", f"{_EDC}-cred_issuanceDate", Kind.DATE_TIME, 0, 1),
        Rule("issued", f"{_EDC}-cred_issued", Kind.DATE_TIME, 1, 1),
        Rule("validFrom", f"{_EDC}-cred_validFrom", Kind.DATE_TIME, 1, 1),
        Rule("expirationDate", f"{_EDC}-cred_expirationDate", Kind.DATE_TIME, 0, 1),
        Rule("validUntil", f"{_EDC}-cred_validUntil", Kind.DATE_TIME, 0, 1),
        # Its name is demanded from 1.2.0 on.
        Rule("credentialSchema", f"{_EDC}-cred_credentialSchema", ("ShaclValidator2017",), 1, named=True),
    ),
    "DisplayParameter": (
        Rule("title", "edc:DisplayParameter-dc_title", Kind.WORDS, 1, one_each=True),
        Rule("description", "edc:DisplayParameter-dc_description", Kind.WORDS, one_each=True),
        Rule("language", "edc:DisplayParameter-dc_language", CONCEPT, 1),
        _from_list("language", ":DisplayParameterCV", LANGUAGE_SCHEME, 1),
        Rule("primaryLanguage", "edc:DisplayParameter-elm_primaryLanguage", CONCEPT, 1, 1),
        _from_list("primaryLanguage", ":DisplayParameterCV", LANGUAGE_SCHEME, 1, 1),
        Rule("individualDisplay", "edc:DisplayParameter-elm_individualDisplay", ("IndividualDisplay",), 1),
    ),
    "IndividualDisplay": (
        Rule("language", "edc:IndividualDisplay-dc_language", CONCEPT, 1, 1),
        Rule("displayDetail", "edc:IndividualDisplay-elm_displayDetail", ("DisplayDetail",), 1),
    ),
    "DisplayDetail": (
        Rule("image", "edc:DisplayDetail-elm_image", ("MediaObject",), 1, 1),
        Rule("page", "edc:DisplayDetail-elm_page", Kind.COUNT, 1, 1),
    ),
    "MediaObject": (
        Rule("content", "edc:MediaObject-elm_content", Kind.STRING, 1, 1),
        Rule("contentEncoding", "edc:MediaObject-elm_contentEncoding", CONCEPT, 1, 1),
        Rule("contentType", "edc:MediaObject-elm_contentType", CONCEPT, 1, 1),
    ),
    # Not a class of ELM but a shape that the issuer has to fit besides that of its class.
    "IssuerNode": (Rule("eIDASIdentifier", "edc:IssuerNodeShape", ("LegalIdentifier",), 1, 1),),
    "Organisation": (
        Rule("legalName", "edc:Organisation-rov_legalName", Kind.WORDS, 1, one_each=True),
        Rule("altLabel", "edc:Organisation-skos_altLabel", Kind.WORDS),
        Rule("eIDASIdentifier", "edc:Organisation-elm_eidasLegalIdentifier", ("LegalIdentifier",), 0, 1),
        Rule("location", "edc:Organisation-elm_location", ("Location",), 1),
        Rule("homepage", "edc:Organisation-foaf_homepage", PAGE),
    ),
    "Agent": (
        Rule("altLabel", "edc:Agent-skos_altLabel", Kind.WORDS),
        Rule("location", "edc:Agent-elm_location", ("Location",)),
    ),
    "Person": (
        Rule("fullName", "edc:Person-foaf_fullName", Kind.WORDS, 0, 1),
        Rule("hasClaim", "edc:Person-elm_hasClaim", CLAIMS, 1),
        Rule("location", "edc:Person_elm_location", ("Location",), 0, 1),
    ),
    "Identifier": _IDENTIFIER,
    "LegalIdentifier": (
        *_IDENTIFIER,
        Rule("spatial", "edc:LegalIdentifier-dc_spatial", CONCEPT, 1, 1),
        _from_list("spatial", ":LegalIdentifierShapeCV", COUNTRY_SCHEME, 1, 1),
    ),
    "Location": (Rule("address", "edc:Location_elm_address", ("Address",), 1),),
    "Address": (
        Rule("fullAddress", "edc:Address-elm_fullAddress", ("Note",), 0, 1),
        Rule("countryCode", "edc:Address-elm_countryCode", CONCEPT, 1, 1),
        _from_list("countryCode", ":AddressShapeCV", COUNTRY_SCHEME, 1, 1),
    ),
    "Note": (Rule("noteLiteral", "edc:Note-elm_noteLiteral", Kind.WORDS, 1),),
    "WebResource": (
        Rule("title", "edc:WebResource-dc_title", Kind.WORDS, one_each=True),
        Rule("contentURL", "edc:WebResource-elm_contentUrl", Kind.URI, 1, 1),
    ),
    "LearningAchievement": (
        Rule("title", "edc:LearningAchievement-dc_title", Kind.WORDS, 1, one_each=True),
        Rule("description", "edc:LearningAchievement-dc_description", Kind.WORDS, one_each=True),
        Rule("awardedBy", "edc:LearningAchievement-elm_awardedBy", ("AwardingProcess",), 1, 1),
        Rule("provenBy", "edc:LearningAchievement-elm_provenBy", ("LearningAssessment",)),
        Rule("specifiedBy", "edc:LearningAchievement-elm_specifiedBy", SPECIFICATIONS, 0, 1),
        Rule("supplementaryDocument", "edc:LearningAchievement-elm_supplementaryDocument", PAGE),
    ),
    "LearningAssessment": (
        Rule("title", "edc:LearningAssessment-dc_title", Kind.WORDS, 1, one_each=True),
        Rule("description", "edc:LearningAssessment-dc_description", Kind.WORDS, one_each=True),
        Rule("awardedBy", "edc:LearningAssessment-elm_awardedBy", ("AwardingProcess",), 1, 1),
        Rule("assessedBy", "edc:LearningAssessment-elm_assessedBy", AGENTS),
        Rule("dateIssued", "edc:LearningAssessment-dc_issued", Kind.DATE_TIME, 0, 1),
        Rule("grade", "edc:LearningAssessment-elm_grade", ("Note",), 1, 1),
    ),
    "AwardingProcess": (
        Rule("awardingBody", "edc:AwardingProcess-elm_awardingBody", AGENTS, 1),
        Rule("awardingDate", "edc:AwardingProcess-elm_awardingDate", Kind.DATE_TIME, 0, 1),
    ),
    "LearningAchievementSpecification": _specification("LearningAchievementSpecification"),
    "Qualification": _specification("Qualification"),
    "LearningOutcome": (
        Rule("title", "edc:LearningOutcome-dc_title", Kind.WORDS, 1, one_each=True),
        Rule("relatedSkill", "edc:LearningOutcome-elm_relatedSkill", CONCEPT),
        Rule("relatedESCOSkill", "edc:LearningOutcome-elm_relatedESCOSkill", CONCEPT),
        _from_list("relatedESCOSkill", ":LearningOutcomeShapeCV", ESCO_SKILL_SCHEME),
    ),
    "Concept": (
        Rule("prefLabel", "edc:ConceptShape", Kind.WORDS, one_each=True),
        Rule("notation", "edc:ConceptShape", Kind.LITERAL, 0, 1),
        Rule("inScheme", "edc:ConceptShape", ("ConceptScheme",)),
    ),
    "ConceptScheme": (),
    "ShaclValidator2017": (),
}

# What each member of the JSON holds. VCDM 1.1 knows some of them on a VerifiableCredential alone.
MEMBERS: Final[Mapping[str, Kind]] = {
    rule.member: rule.kind if isinstance(rule.kind, Kind) else Kind.NODE
    for rules in RULES.values()
    for rule in rules
}
OF_CREDENTIAL: Final = frozenset(
    {
        "credentialSchema",
        "credentialSubject",
        "expirationDate",
        "issuanceDate",
        "issued",
        "issuer",
        "validFrom",
        "validUntil",
    }
)


@dataclass(frozen=True, slots=True)
class _Reference:
    name: str | int  # a number where the object has no name


@dataclass(frozen=True, slots=True)
class _Literal:
    kind: Kind | None
    text: str
    language: str = ""


_Value = _Reference | _Literal


@dataclass(slots=True)
class _Node:
    classes: set[str] = field(default_factory=set)
    members: dict[str, set[_Value]] = field(default_factory=dict)


class _NotJsonLd(Exception):
    """No JSON-LD reader would read this. It never leaves this module."""


def shape_faults(edc: Mapping[str, JsonValue]) -> list[Fault]:
    """Say which generic shapes a credential breaks; whatever it holds, the answer is a list."""
    try:
        nodes = _Reader(edc).nodes
    except _NotJsonLd as refused:
        return [Fault("json-ld", "JSON-LD 1.1 API, 5.1", str(refused))]
    for node in [node for node in nodes.values() if "EuropeanDigitalCredential" in node.classes]:
        for issuer in node.members.get("issuer", set()):
            if isinstance(issuer, _Reference):
                nodes[issuer.name].classes.add("IssuerNode")
    return [
        Fault(f"{kind}.{rule.member}", rule.clause, f"{name}: {words}")
        for name, node in nodes.items()
        for kind in sorted(node.classes)
        for rule in RULES.get(kind, ())
        for words in _broken(rule, node.members.get(rule.member, set()), nodes)
    ]


def _broken(rule: Rule, values: set[_Value], nodes: Mapping[str | int, _Node]) -> Iterator[str]:
    if len(values) < rule.least:
        yield f"{rule.member} is missing"
    if rule.most is not None and len(values) > rule.most:
        yield f"{rule.member} has {len(values)} values, and may have {rule.most}"
    if not all(_fits(rule.kind, value, nodes) for value in values):
        kinds = rule.kind if isinstance(rule.kind, Kind) else " or ".join(rule.kind)
        yield f"{rule.member} is not {kinds}"
    languages = [value.language for value in values if isinstance(value, _Literal) and value.language]
    if rule.one_each and len(languages) != len(set(languages)):
        yield f"{rule.member} says two things in one language"
    if rule.named and not all(
        isinstance(value, _Reference) and isinstance(value.name, str) for value in values
    ):
        yield f"{rule.member} is something without a name"
    if rule.scheme and not all(_listed(rule.scheme, value, nodes) for value in values):
        yield f"{rule.member} is not from {rule.scheme}"


def _fits(kind: Kind | tuple[str, ...], value: _Value, nodes: Mapping[str | int, _Node]) -> bool:
    if isinstance(value, _Reference):
        return kind is Kind.NODE or (
            isinstance(kind, tuple) and not nodes[value.name].classes.isdisjoint(kind)
        )
    match kind:
        case Kind.DATE_TIME:
            return value.kind is kind and _is_instant(value.text)
        case Kind.COUNT:
            return value.kind is kind and _is_count(value.text)
        case Kind.LITERAL:
            return True
    return value.kind is kind and kind is not Kind.NODE


def _listed(scheme: str, value: _Value, nodes: Mapping[str | int, _Node]) -> bool:
    """Tell whether a concept says that it is from this list, and whether all that it names are lists."""
    if isinstance(value, _Literal):
        return False
    named = nodes[value.name].members.get("inScheme", set())
    return _Reference(scheme) in named and all(
        _fits(("ConceptScheme",), each, nodes) and isinstance(each, _Reference) and isinstance(each.name, str)
        for each in named
    )


def _is_instant(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) > 0 if len(text) <= 9 else False  # noqa: PLR2004


class _Reader:
    """Reads the tree into nodes; an object that is named like another one adds to it."""

    def __init__(self, edc: Mapping[str, JsonValue]) -> None:
        self.nodes: dict[str | int, _Node] = {}
        self.waiting: list[tuple[_Node, Mapping[str, JsonValue]]] = []
        self._refer(edc)
        while self.waiting:
            self._read(*self.waiting.pop())

    def _read(self, node: _Node, content: Mapping[str, JsonValue]) -> None:
        classes = _types(content)
        node.classes |= classes
        for member, value in content.items():
            kind = MEMBERS.get(member)
            if kind and (member not in OF_CREDENTIAL or "VerifiableCredential" in classes):
                read = {self._value(kind, each) for each in _flat(value, kind)}
                node.members.setdefault(member, set()).update(read)

    def _value(self, kind: Kind, value: JsonValue | _Literal) -> _Value:
        if isinstance(value, dict) or (isinstance(value, str) and kind is Kind.NODE):
            return self._refer(value)
        return _literal(kind, value)

    def _refer(self, given: Mapping[str, JsonValue] | str) -> _Reference:
        name = given if isinstance(given, str) else given.get("id", len(self.nodes))
        if not isinstance(name, str) and (isinstance(given, str) or "id" in given):
            raise _NotJsonLd("an id is not a text")
        node = self.nodes.setdefault(cast(str | int, name), _Node())
        if not isinstance(given, str):
            self.waiting.append((node, given))
        return _Reference(cast(str | int, name))


def _types(content: Mapping[str, JsonValue]) -> set[str]:
    given = content.get("type", [])
    types = given if isinstance(given, list) else [given]
    if not all(isinstance(each, str) for each in types):
        raise _NotJsonLd("a type is not a text")
    return {each for each in types if isinstance(each, str) and each != "IssuerNode"}


def _flat(value: JsonValue, kind: Kind) -> Iterator[JsonValue | _Literal]:
    """Yield the values of a member: lists unrolled, nothing for `null`, words with their languages."""
    if isinstance(value, list):
        for each in value:
            # Within a list, a map of languages is an object like any other.
            yield from _flat(each, Kind.LITERAL if kind is Kind.WORDS else kind)
    elif isinstance(value, dict) and kind is Kind.WORDS:
        for language, said in value.items():
            for text in said if isinstance(said, list) else [said]:
                if text is not None and not isinstance(text, str):
                    raise _NotJsonLd("what is said in a language is not a text")
                if text is not None:
                    yield _Literal(Kind.WORDS, text, language.lower())
    elif value is not None:
        yield value


def _literal(kind: Kind, value: JsonValue | _Literal) -> _Literal:
    if isinstance(value, _Literal):
        return value
    if kind in {Kind.DATE_TIME, Kind.URI, Kind.STRING, Kind.COUNT}:
        if isinstance(value, bool):
            return _Literal(kind, "true" if value else "false")
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return _Literal(kind, str(value))
    return _Literal(None, f"{type(value).__name__} {value}")
