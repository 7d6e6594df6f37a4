"""A European Digital Credential as its reader takes it: anybody's, only what a report needs, and strictly.

Unknown members are left alone, since the model is large and each issuer fills another part of it. What is
read must be of the right type and must not say two things.
"""

import re
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from app.core.labels import Labels, Language
from app.formats.claims import TEST_MARK
from app.formats.edc import NUMBER, STANDARD
from app.formats.envelope import Members, Text, Texts, as_list
from app.formats.instants import Instant
from app.formats.jades_members import MAX_SEAL
from app.formats.reading import ReadCredential
from app.formats.strict import Malformed, as_malformed, read_object
from app.formats.vc import in_both

TYPE: Final = "EuropeanDigitalCredential"
MODEL: Final = "https://www.w3.org/2018/credentials/v1"

_NAME: Final = re.compile("urn:credential:([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
_LANGUAGES: Final[tuple[Language, ...]] = ("it", "en")


def _first(value: object) -> object:
    """Of several texts in one language, take the first."""
    if not isinstance(value, dict):
        return value
    return {
        language: said[0] if isinstance(said, list) and said else said for language, said in value.items()
    }


_Spoken = Annotated[dict[Text, Text], BeforeValidator(_first), Field(min_length=1, max_length=32)]


class _Identifier(Members):
    notation: Text | None = None
    scheme: Annotated[object, Field(alias="schemeName")] = None


_Identifiers = Annotated[
    list[_Identifier], BeforeValidator(as_list), Field(default_factory=list, max_length=64)
]


def _only(value: object) -> object:
    """JSON-LD may write the one as a list of one."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


class _Page(Members):
    url: Annotated[object, Field(alias="contentURL")] = None


_Pages = Annotated[list[_Page], BeforeValidator(as_list), Field(default_factory=list, max_length=64)]


class _Issuer(Members):
    id: Text
    legal_name: Annotated[_Spoken | None, Field(alias="legalName")] = None
    identifier: Annotated[_Identifier | None, BeforeValidator(_only), Field(alias="eIDASIdentifier")] = None


class _Specification(Members):
    identifier: _Identifiers


class _Claim(Members):
    """A learning achievement, activity, assessment or entitlement: in these members they are alike."""

    description: _Spoken | None = None
    specified_by: Annotated[
        list[_Specification],
        BeforeValidator(as_list),
        Field(alias="specifiedBy", default_factory=list, max_length=64),
    ]
    pages: Annotated[_Pages, Field(alias="supplementaryDocument")]


class _Subject(Members):
    id: Text | None = None
    full_name: Annotated[_Spoken | None, Field(alias="fullName")] = None
    given_name: Annotated[_Spoken | None, Field(alias="givenName")] = None
    family_name: Annotated[_Spoken | None, Field(alias="familyName")] = None
    claims: Annotated[
        list[_Claim],
        BeforeValidator(as_list),
        Field(alias="hasClaim", default_factory=list, max_length=256),
    ]

    @property
    def name(self) -> str | None:
        parts = [self.full_name] if self.full_name else [self.given_name, self.family_name]
        return " ".join(_any(each) for each in parts if each) or None


class _Display(Members):
    title: _Spoken


class _Edc(Members):
    context: Annotated[list[object], Field(alias="@context", min_length=1, max_length=64)]
    id: Text
    type: Texts
    issuer: _Issuer
    valid_from: Annotated[Instant, Field(alias="validFrom")]
    valid_until: Annotated[Instant | None, Field(alias="validUntil")] = None
    expires: Annotated[Instant | None, Field(alias="expirationDate")] = None
    identifier: _Identifiers
    display: Annotated[_Display, BeforeValidator(_only), Field(alias="displayParameter")]
    subject: Annotated[
        list[_Subject],
        BeforeValidator(as_list),
        Field(alias="credentialSubject", min_length=1, max_length=1),
    ]
    status: Annotated[object, Field(alias="credentialStatus")] = None

    @model_validator(mode="after")
    def _one_story(self) -> Self:
        if self.context[0] != MODEL or not {"VerifiableCredential", TYPE} <= {*self.type}:
            raise Malformed("not a European Digital Credential")
        if self.valid_until and self.expires and self.valid_until != self.expires:
            raise Malformed("validity that is said twice and differently")
        return self


def read_edc(content: bytes) -> ReadCredential:
    """Read what a seal is about, or raise `Malformed`. Whether it is true is for the other checks.

    The name of one of ours is that of the register, where other formats write it as `urn:uuid:`.
    """
    try:
        read = _Edc.model_validate(read_object(content, limit=MAX_SEAL))
    except ValidationError as refused:
        raise as_malformed(refused) from None
    (subject,), titles = read.subject, read.display.title
    claim = subject.claims[0] if subject.claims else None
    named = _NAME.fullmatch(read.id)
    bare = {language: title.removeprefix(TEST_MARK) for language, title in titles.items()}
    standards = (_noted(each.identifier, STANDARD) for each in (claim.specified_by if claim else ()))
    return ReadCredential(
        jti=f"urn:uuid:{named[1]}" if named else read.id,
        sub=subject.id,
        iss=read.issuer.id,
        issuer_name=_any(read.issuer.legal_name) if read.issuer.legal_name else None,
        number=_noted(read.identifier, NUMBER),
        holder_name=subject.name,
        title=in_both(_both(bare)),
        wording=None,
        standard=next(filter(None, standards), None),
        valid_from=read.valid_from,
        valid_until=read.valid_until or read.expires,
        status=(),
        other_status=() if read.status is None else ("credentialStatus",),
        test=any(title.startswith(TEST_MARK) for title in titles.values()),
        titles=_both(bare),
        wordings=_both(claim.description) if claim and claim.description else None,
        issuer_identifier=read.issuer.identifier.notation if read.issuer.identifier else None,
        links=tuple(page.url for each in subject.claims for page in each.pages if isinstance(page.url, str)),
    )


def _any(spoken: dict[str, str]) -> str:
    return next(
        (spoken[language] for language in _LANGUAGES if language in spoken), next(iter(spoken.values()))
    )


def _both(spoken: dict[str, str]) -> Labels:
    """Say it in our two languages; what is missing in one is said in another."""
    return Labels(it=spoken.get("it") or _any(spoken), en=spoken.get("en") or _any(spoken))


def _noted(identifiers: list[_Identifier], scheme: str) -> str | None:
    found = {each.notation for each in identifiers if each.scheme == scheme}
    if len(found) > 1:
        raise Malformed("two identifiers where there can be one")
    return found.pop() if found else None
