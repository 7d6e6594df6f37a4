"""What must hold of a European Digital Credential before any key is used: what shapes see, and what not.

The generic shapes are in `edc_shapes`. Beside them stands what breaks at the Commission's readers, which
parse the JSON and know nothing of RDF, and what would make a credential say something else than was decided.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.core.errors import JsonValue
from app.formats.claims import TEST_MARK, Claims
from app.formats.edc import CONTEXT, SCHEMA, TYPE, Body
from app.formats.edc_shapes import AGENTS, MEMBERS, RULES, Fault, Kind, shape_faults
from app.formats.edc_vocabulary import (
    BASE64,
    COUNTRIES,
    ESCO_SKILL,
    GENERIC_PROFILE,
    LANGUAGE_SCHEME,
    LANGUAGES,
    PNG,
)
from app.formats.instants import date_time, read_date_time
from app.formats.lints import forbidden_words
from app.formats.strict import Malformed, decode64_standard

_UUID: Final = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_NAME: Final = re.compile(rf"urn:credential:{_UUID}")
_IRI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_PNG_BEGINS: Final = b"\x89PNG\r\n\x1a\n"
# A name is in no language, and the shapes allow one alone.
_IN_ONE_LANGUAGE: Final = frozenset({"fullName"})
_NAMES: Final = frozenset({"fullName", "legalName", "altLabel"})
_CREDENTIAL: Final = "EuropeanDigitalCredential"
_KNOWN: Final = {
    kind: {"id", "type", *(rule.member for rule in rules)}
    for kind, rules in RULES.items()
    if kind != "IssuerNode"
}
_OF_LANGUAGE: Final = {f"{LANGUAGE_SCHEME}/{code}": language for language, (code, _) in LANGUAGES.items()}

Edc = Mapping[str, JsonValue]
Lint = Callable[[Edc], Iterator[str]]


def lint(edc: Edc) -> list[Fault]:
    """Say what is wrong with a credential in itself: the generic shapes first, then what readers trip over.

    It has come through `read_object` or from `compose`, so it is no deeper than those make it.
    """
    return [*shape_faults(edc), *reader_faults(edc)]


def reader_faults(edc: Edc) -> list[Fault]:
    """Say what the shapes cannot see, and what readers would stumble over or show wrongly."""
    return [
        Fault(each.__name__.removeprefix("lint_"), clause, words)
        for each, clause in READER_LINTS.items()
        for words in each(edc)
    ]


def lint_context(edc: Edc) -> Iterator[str]:
    """Two contexts, in this order: another one makes it another format."""
    if edc.get("@context") != CONTEXT:
        yield "the contexts are not the two that belong there, in their order"


def lint_profile(edc: Edc) -> Iterator[str]:
    """The generic profile and no other: the issuer of the Commission refuses other types."""
    if edc.get("type") != TYPE:
        yield "the type is not that of a European Digital Credential"
    if (
        _at(edc, "credentialSchema", "id") != SCHEMA
        or _at(edc, "credentialProfiles", "id") != GENERIC_PROFILE
    ):
        yield "the profile is not the generic one"


def lint_name(edc: Edc) -> Iterator[str]:
    """The credential is named by a UUID of its own: a wallet refuses a second of the same name."""
    if not _NAME.fullmatch(str(edc.get("id"))):
        yield "the credential is not named by its own urn:credential"


def lint_one_type(edc: Edc) -> Iterator[str]:
    """Every other object has one type, as a plain text: readers choose the class by it."""
    for _, node in _objects(edc):
        kind = node.get("type")
        if node is not edc and not (isinstance(kind, str) and kind in _KNOWN and kind != _CREDENTIAL):
            yield f"{node.get('id')}: the type is not one plain word that we know"


def lint_names(edc: Edc) -> Iterator[str]:
    """Every object has a name, which is an absolute IRI."""
    for member, node in _objects(edc):
        if not _IRI.fullmatch(str(node.get("id", ""))):
            yield f"{member}: an object has no name of its own"


def lint_whole(edc: Edc) -> Iterator[str]:
    """An object stands in full wherever it is meant, and no two share a name: readers follow no reference."""
    seen: dict[str, Edc] = {}
    for _, node in _objects(edc):
        name = str(node.get("id"))
        if seen.setdefault(name, node) != node:
            yield f"{name}: two objects of this name differ"
    for member, value in _members(edc):
        if MEMBERS.get(member) is Kind.NODE and not isinstance(value, dict):
            yield f"{member}: a mere reference, where readers look for the object"


def lint_members(edc: Edc) -> Iterator[str]:
    """Members that we write and no others: a `credentialStatus` breaks shapes or readers, whatever it is."""
    for _, node in _objects(edc):
        kind = _CREDENTIAL if node is edc else str(node.get("type"))
        known = _KNOWN.get(kind, set()) | ({"@context"} if node is edc else set())
        for member in sorted(node.keys() - known if kind in _KNOWN else ()):
            yield f"{node.get('id')}: {member} does not belong there"


def lint_lists(edc: Edc) -> Iterator[str]:
    """One value stands as itself where there may be one, and no list says a thing twice: sets hide both."""
    for _, node in _objects(edc):
        kind = _CREDENTIAL if node is edc else str(node.get("type"))
        single = {rule.member for rule in RULES.get(kind, ()) if rule.most == 1}
        for member, value in node.items():
            if isinstance(value, list) and (member in single or any(value.count(each) > 1 for each in value)):
                yield f"{node.get('id')}: {member} is a list, or says a thing twice"


def lint_values(edc: Edc) -> Iterator[str]:
    """A text is written as a text and a number as a number: contexts would make one of the other."""
    for member, value in _members(edc):
        kind = MEMBERS.get(member)
        if kind in {Kind.STRING, Kind.LITERAL} and not isinstance(value, str):
            yield f"{member} is not a text"
        if kind is Kind.COUNT and type(value) is not int:
            yield f"{member} is not a number"


def lint_blank(edc: Edc) -> Iterator[str]:
    """Nothing is said by saying nothing: shapes count a blank as a value."""
    for member, value in _members(edc):
        texts = value.values() if isinstance(value, dict) and MEMBERS.get(member) is Kind.WORDS else [value]
        blank = any(each is None or (isinstance(each, str) and not each.strip()) for each in texts)
        if blank or value in ({}, []):
            yield f"{member} is blank"


def lint_instants(edc: Edc) -> Iterator[str]:
    """XML Schema, dateTime, and VCDM 1.1, 4.6: date, time and offset, in full."""
    for member, value in _members(edc):
        if MEMBERS.get(member) is Kind.DATE_TIME and not _is_full_instant(value):
            yield f"{member} is no instant with an offset"


def lint_validity(edc: Edc) -> Iterator[str]:
    """Both pairs of dates agree, since readers look at either; and the validity ends after it begins."""
    if edc.get("issued") != edc.get("issuanceDate"):
        yield "issued and issuanceDate differ"
    if edc.get("validUntil") != edc.get("expirationDate"):
        yield "validUntil and expirationDate differ"
    begins, ends = edc.get("validFrom"), edc.get("validUntil")
    if _is_full_instant(begins) and _is_full_instant(ends) and read_date_time(begins) >= read_date_time(ends):
        yield "the validity ends before it begins"


def lint_languages(edc: Edc) -> Iterator[str]:
    """Everything is said in every language that the credential offers, which are those of its pictures."""
    offered = [_language(each) for each in _listed(_at(edc, "displayParameter", "language"))]
    pictured = [
        _language(_at(each, "language"))
        for each in _listed(_at(edc, "displayParameter", "individualDisplay"))
    ]
    if not offered or offered != pictured or len(set(offered)) != len(offered) or None in offered:
        yield "there is not one picture for each language"
    if _language(_at(edc, "displayParameter", "primaryLanguage")) not in offered:
        yield "the primary language is none of those offered"
    for member, value in _members(edc):
        if MEMBERS.get(member) is Kind.WORDS and isinstance(value, dict):
            missing = [] if member in _IN_ONE_LANGUAGE else [each for each in offered if each not in value]
            if missing or any(each not in offered for each in value):
                yield f"{member} is not in the languages of the credential"
            if not all(isinstance(text, str) for text in value.values()):
                yield f"{member} is not one text in each language"


def lint_pictures(edc: Edc) -> Iterator[str]:
    """RFC 4648, 4, and PNG, 5.2: a picture is what it says it is."""
    for _, node in _objects(edc):
        if node.get("type") == "MediaObject":
            if (_at(node, "contentEncoding", "id"), _at(node, "contentType", "id")) != (BASE64, PNG):
                yield f"{node.get('id')}: not a PNG in base64, by its own account"
            if not _is_png(node.get("content")):
                yield f"{node.get('id')}: not a PNG in base64"


def lint_addresses(edc: Edc) -> Iterator[str]:
    """Links lead to the web: the shapes take any text for an address."""
    for member, value in _members(edc):
        web = isinstance(value, str) and value.startswith(("https://", "http://")) and _IRI.fullmatch(value)
        if MEMBERS.get(member) is Kind.URI and not web:
            yield f"{member} leads nowhere"


def lint_esco(edc: Edc) -> Iterator[str]:
    """ESCO: a skill is named by the URI that ESCO gave it; its list alone makes nothing a skill."""
    for member, value in _members(edc):
        if member == "relatedESCOSkill" and not str(_at(value, "id")).startswith(ESCO_SKILL):
            yield "a skill is not named as ESCO names skills"


READER_LINTS: Final[Mapping[Lint, str]] = {
    lint_context: "VCDM 1.1, 4.1; EDC context",
    lint_profile: "VCDM 1.1, 4.3; EDC generic profile",
    lint_name: "VCDM 1.1, 4.2; EDC wallet",
    lint_one_type: "EDC viewer and wallet: types",
    lint_names: "EDC viewer and wallet: names",
    lint_whole: "EDC viewer and wallet: whole objects",
    lint_members: "EDC application profile 1.2.0",
    lint_lists: "EDC viewer and wallet: single values",
    lint_values: "EDC viewer and wallet: values",
    lint_blank: "ours",
    lint_instants: "VCDM 1.1, 4.6",
    lint_validity: "VCDM 1.1, 4.6; EDC issuer",
    lint_languages: "EDC application profile 1.2.0, DisplayParameter",
    lint_pictures: "RFC 4648, 4; PNG, 5.2",
    lint_addresses: "ours",
    lint_esco: "ESCO",
}


@dataclass(frozen=True, slots=True)
class EdcDraft:
    """A credential before its seal, and what was meant."""

    edc: Edc
    claims: Claims
    body: Body
    forbidden: Sequence[str]
    named: bool
    verification_url: str


MeaningLint = Callable[[EdcDraft], Iterator[str]]


def meaning_faults(draft: EdcDraft) -> list[Fault]:
    """Say where a credential says something else than was decided; seal only if this is empty as well."""
    return [
        Fault(each.__name__.removeprefix("lint_"), "ours", words)
        for each in MEANING_LINTS
        for words in each(draft)
    ]


def lint_identity(draft: EdcDraft) -> Iterator[str]:
    """Ours: document and subject have the names, and the document the number, that the register knows."""
    uuid = draft.claims.document_id.removeprefix("urn:uuid:")
    if draft.edc.get("id") != f"urn:credential:{uuid}":
        yield "the document is not named as in the register"
    if _at(draft.edc, "credentialSubject", "id") != draft.claims.subject_id:
        yield "the subject is not named as in the register"
    if _at(draft.edc, "identifier", "notation") != draft.claims.number:
        yield "the number is not the one in the register"


def lint_decided(draft: EdcDraft) -> Iterator[str]:
    """Ours: the validity is the one decided, to the second."""
    decided = (date_time(draft.claims.valid_from), date_time(draft.claims.valid_until))
    if (draft.edc.get("validFrom"), draft.edc.get("validUntil")) != decided:
        yield "the validity is not the one that was decided"


def lint_holder(draft: EdcDraft) -> Iterator[str]:
    """Ours: the name is the one in the register, or none where the scheme says so."""
    name = _at(draft.edc, "credentialSubject", "fullName")
    said = list(name.values()) if isinstance(name, dict) else name
    if said != ([draft.claims.holder_name] if draft.named else None):
        yield "the holder's name is missing or another, or should not be there"


def lint_sealed_by(draft: EdcDraft) -> Iterator[str]:
    """EDC issuer, and ours: who is said to issue is who the seal certificate names, wherever it stands."""
    country = COUNTRIES[draft.body.country].code
    for _, node in _objects(draft.edc):
        if node is _at(draft.edc, "issuer") or (node.get("type") in AGENTS and "hasClaim" not in node):
            legal, identifier = _at(node, "legalName"), _at(node, "eIDASIdentifier")
            said = list(legal.values()) if isinstance(legal, dict) else []
            place = str(_at(identifier, "spatial", "id"))
            if (
                not said
                or any(each != draft.body.legal_name for each in said)
                or _at(identifier, "notation") != draft.body.identifier
                or not place.endswith(f"/{country}")
            ):
                yield f"{node.get('id')}: not whom the seal certificate names"


def lint_test_mark(draft: EdcDraft) -> Iterator[str]:
    """Ours: what is made in test mode says so in every title that a wallet shows, and nothing else does."""
    places = (("displayParameter", "title"), ("displayParameter", "description"))
    for place in (*places, ("credentialSubject", "hasClaim", "title")):
        said = _at(draft.edc, *place)
        texts = said.values() if isinstance(said, dict) else [None]
        if any(str(text).startswith(TEST_MARK) != draft.claims.test for text in texts):
            yield f"{'.'.join(place)} does not say truly whether this is a test"


def lint_wording(draft: EdcDraft) -> Iterator[str]:
    """Ours, for Italian Law 4/2013: an association attests, and keeps off the words of accredited bodies."""
    statements = [
        text
        for member, value in _members(draft.edc)
        if MEMBERS.get(member) is Kind.WORDS and member not in _NAMES and isinstance(value, dict)
        for text in value.values()
        if isinstance(text, str)
    ]
    yield from forbidden_words(statements, draft.forbidden)


def lint_link(draft: EdcDraft) -> Iterator[str]:
    """Ours: the credential says where it can be verified; it has no other place for its status."""
    page = _at(draft.edc, "credentialSubject", "hasClaim", "supplementaryDocument", "contentURL")
    if page != draft.verification_url:
        yield "it does not lead to its verification"


MEANING_LINTS: Final[tuple[MeaningLint, ...]] = (
    lint_identity,
    lint_decided,
    lint_holder,
    lint_sealed_by,
    lint_test_mark,
    lint_wording,
    lint_link,
)


def _at(value: object, *path: str) -> JsonValue:
    """Follow members down; None where the way ends."""
    for member in path:
        value = value.get(member) if isinstance(value, Mapping) else None
    return value  # type: ignore[return-value]


def _listed(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else [value]


def _members(edc: Edc) -> Iterator[tuple[str, JsonValue]]:
    """Yield every member of every object, each value of a list by itself; maps of languages stay whole."""
    waiting: list[Edc] = [edc]
    while waiting:
        for member, value in waiting.pop().items():
            for each in _listed(value) or [[]]:
                yield member, each
                if isinstance(each, dict) and MEMBERS.get(member) is not Kind.WORDS:
                    waiting.append(each)


def _objects(edc: Edc) -> Iterator[tuple[str, Edc]]:
    """Yield the credential and every object in it, with the member that holds it."""
    yield "credential", edc
    for member, value in _members(edc):
        if isinstance(value, dict) and MEMBERS.get(member) is not Kind.WORDS:
            yield member, value


def _language(concept: JsonValue) -> str | None:
    return _OF_LANGUAGE.get(str(_at(concept, "id")))


def _is_full_instant(value: JsonValue) -> bool:
    try:
        read_date_time(value)
    except Malformed:
        return False
    return True


def _is_png(content: JsonValue) -> bool:
    try:
        return isinstance(content, str) and decode64_standard(content).startswith(_PNG_BEGINS)
    except Malformed:
        return False
