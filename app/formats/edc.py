"""A European Digital Credential: the European Learning Model 3 in JSON-LD under VCDM 1.1, generic profile.

The Commission's viewer and wallet read the JSON tree and follow no reference: an object stands in full
wherever it is meant, under the same name and with the same content, and no two objects share a name. There is
no place for a status: whoever holds one of these asks our register, by its id.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

from cryptography import x509
from cryptography.x509.oid import NameOID

from app.core.errors import JsonValue
from app.core.labels import Labels, Language
from app.formats.claims import CLOCK_MOVED, NO_VALUE, TEST_MARK, Claims
from app.formats.edc_vocabulary import (
    BASE64,
    COUNTRIES,
    COUNTRY_SCHEME,
    ENCODING_SCHEME,
    ESCO_SKILL_SCHEME,
    FILE_TYPE_SCHEME,
    GENERIC_PROFILE,
    LANGUAGE_SCHEME,
    LANGUAGES,
    PNG,
    PROFILE_SCHEME,
)
from app.formats.instants import date_time
from app.formats.strict import Malformed
from app.formats.x509 import subject_of

CONTEXT: Final[list[JsonValue]] = [
    "https://www.w3.org/2018/credentials/v1",
    "http://data.europa.eu/snb/model/context/edc-ap",
]
TYPE: Final[list[JsonValue]] = ["VerifiableCredential", "EuropeanDigitalCredential"]
SCHEMA: Final = "http://data.europa.eu/snb/model/ap/edc-generic-full"

Node = dict[str, JsonValue]

_ASSESSMENT: Final = Labels(it="Valutazione del comitato tecnico", en="Assessment by the technical committee")
_VERIFY: Final = Labels(it="Pagina di verifica", en="Verification page")
NUMBER: Final = "Numero dell\u2019attestazione / Attestation number"
STANDARD: Final = "Norma / Standard"
_SCHEME: Final = "Schema / Scheme"
_GENERIC: Final = Labels(it="Generico", en="Generic")
_ECF: Final = "urn:epass:eCF"  # the e-CF has no published identifiers: a code is named within the document


@dataclass(frozen=True, slots=True)
class Body:
    """Who seals, in the words of the seal certificate, and where it can be written to."""

    legal_name: str
    alt_label: str
    identifier: str  # organizationIdentifier: VATIT-01234567890
    country: str  # as in the certificate: IT
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the committee decided, and when. No grade where the scheme's policy leaves it out."""

    decided_at: datetime
    grade: Labels | None


@dataclass(frozen=True, slots=True)
class Skill:
    """A code of a European framework: the URI of an ESCO skill, or the code of an e-CF competence."""

    code: str
    label: Labels | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a holder is able to do, with the codes that the body has assigned to it, if any."""

    title: Labels
    esco: tuple[Skill, ...] = ()
    e_cf: tuple[Skill, ...] = ()


def body_of(certificate: bytes, *, address: str | None = None) -> Body:
    """Read who seals from the DER of the seal certificate, or raise `Malformed` saying what it lacks.

    ETSI EN 319 412-3, 4.2.1: the subject names country, organisation, its identifier and a common name, each
    once. The Commission's own issuer overwrites the issuer with these: whoever is shown is who sealed.
    """
    subject = subject_of(certificate)

    def only(oid: x509.ObjectIdentifier, called: str) -> str:
        found = [attribute.value for attribute in subject.get_attributes_for_oid(oid)]
        if len(found) != 1 or not isinstance(found[0], str) or not found[0].strip():
            raise Malformed(f"a seal certificate whose subject does not name {called} once")
        return found[0]

    country = only(NameOID.COUNTRY_NAME, "its country (C)")
    if country not in COUNTRIES:
        raise Malformed("a seal certificate of a country outside the Union and the EEA (C)")
    return Body(
        legal_name=only(NameOID.ORGANIZATION_NAME, "its organisation (O)"),
        alt_label=only(NameOID.COMMON_NAME, "its common name (CN)"),
        identifier=only(NameOID.ORGANIZATION_IDENTIFIER, "its organizationIdentifier (2.5.4.97)"),
        country=country,
        address=address,
    )


def compose(
    claims: Claims,
    body: Body,
    pictures: Mapping[Language, bytes],
    *,
    verification_url: str,
    assessment: Assessment | None = None,
    outcomes: Sequence[Outcome] = (),
    named: bool = True,
) -> dict[str, JsonValue]:
    """Compose what will be sealed, in the languages of its A4 pictures (PNG), the first of them foremost.

    `named` and the grade within `assessment` are as the scheme's policy for this format says.
    """
    if not pictures:
        raise ValueError("A European Digital Credential needs a picture in at least one language.")
    return _Composer(claims, body, pictures).credential(verification_url, assessment, outcomes, named=named)


class _Composer:
    """Writes the nodes of one credential: each with a name of its own, in the credential's languages."""

    def __init__(self, claims: Claims, body: Body, pictures: Mapping[Language, bytes]) -> None:
        self.claims = claims
        self.pictures = pictures
        self.count: Counter[str] = Counter()
        self.body = self._organisation(body)

    def credential(
        self,
        verification_url: str,
        assessment: Assessment | None,
        outcomes: Sequence[Outcome],
        *,
        named: bool,
    ) -> Node:
        claims = self.claims
        issued, until = date_time(claims.issued_at), date_time(claims.valid_until)
        return {
            "@context": [*CONTEXT],
            "id": f"urn:credential:{claims.document_id.removeprefix('urn:uuid:')}",
            "type": [*TYPE],
            "credentialSchema": {"id": SCHEMA, "type": "ShaclValidator2017"},
            "credentialProfiles": self._concept(GENERIC_PROFILE, PROFILE_SCHEME, _GENERIC),
            "identifier": self._identifier(claims.number, NUMBER),
            "issued": issued,
            "issuanceDate": issued,
            "validFrom": date_time(claims.valid_from),
            "expirationDate": until,
            "validUntil": until,
            "displayParameter": self._display(),
            "issuer": self.body,
            "credentialSubject": self._written(
                {
                    "id": claims.subject_id,
                    "type": "Person",
                    # One name in one language is all that the shapes allow, and a name is in none.
                    "fullName": {next(iter(self.pictures)): claims.holder_name} if named else None,
                    "hasClaim": self._achievement(verification_url, assessment, outcomes),
                }
            ),
        }

    def _display(self) -> Node:
        languages = [self._language(language) for language in self.pictures]
        return self._node(
            "DisplayParameter",
            title=self._title(),
            description=self._said(self._description()),
            language=_one_or_more(languages),
            primaryLanguage=languages[0],
            individualDisplay=_one_or_more([self._picture(*each) for each in self.pictures.items()]),
        )

    def _picture(self, language: Language, content: bytes) -> Node:
        image = self._node(
            "MediaObject",
            content=b64encode(content).decode("ascii"),
            contentEncoding=self._concept(BASE64, ENCODING_SCHEME, Labels(it="base64", en="base64")),
            contentType=self._concept(PNG, FILE_TYPE_SCHEME, Labels(it="PNG", en="PNG"), "file-type"),
        )
        return self._node(
            "IndividualDisplay",
            language=self._language(language),
            displayDetail=self._node("DisplayDetail", page=1, image=image),
        )

    def _achievement(
        self, verification_url: str, assessment: Assessment | None, outcomes: Sequence[Outcome]
    ) -> Node:
        return self._node(
            "LearningAchievement",
            title=self._title(),
            description=self._said(self.claims.claim_wording),
            awardedBy=self._awarding(assessment),
            provenBy=self._assessment(assessment),
            specifiedBy=self._specification(outcomes),
            supplementaryDocument=self._page(verification_url, _VERIFY),
        )

    def _awarding(self, assessment: Assessment | None) -> Node:
        decided = date_time(assessment.decided_at) if assessment else None
        return self._node("AwardingProcess", awardingBody=self.body, awardingDate=decided)

    def _assessment(self, assessment: Assessment | None) -> Node | None:
        if assessment is None or assessment.grade is None:
            return None
        return self._node(
            "LearningAssessment",
            title=self._said(_ASSESSMENT),
            description=self._said(self.claims.criteria),
            awardedBy=self._awarding(assessment),
            assessedBy=self.body,
            dateIssued=date_time(assessment.decided_at),
            grade=self._node("Note", noteLiteral=self._said(assessment.grade)),
        )

    def _specification(self, outcomes: Sequence[Outcome]) -> Node:
        claims = self.claims
        # Not a Qualification: that is what a competent authority makes it, and no association is one.
        return self._node(
            "LearningAchievementSpecification",
            title=self._said(claims.scheme_title),
            description=self._said(claims.scheme_description),
            identifier=[
                self._identifier(claims.standard, STANDARD),
                self._identifier(f"{claims.scheme_id} {claims.scheme_version}", _SCHEME),
            ],
            homepage=self._page(claims.scheme_url, claims.scheme_title),
            learningOutcome=_one_or_more([self._outcome(outcome) for outcome in outcomes]),
        )

    def _outcome(self, outcome: Outcome) -> Node:
        return self._node(
            "LearningOutcome",
            title=self._said(outcome.title),
            relatedESCOSkill=_one_or_more([self._esco(skill) for skill in outcome.esco]),
            relatedSkill=_one_or_more([self._e_cf(skill) for skill in outcome.e_cf]),
        )

    def _esco(self, skill: Skill) -> Node:
        return self._concept(
            skill.code, ESCO_SKILL_SCHEME, skill.label or Labels(it=skill.code, en=skill.code)
        )

    def _e_cf(self, skill: Skill) -> Node:
        label = skill.label or Labels(it="", en="")
        shown = Labels(it=f"e-CF {skill.code} {label.it}".strip(), en=f"e-CF {skill.code} {label.en}".strip())
        return self._concept(f"{_ECF}:{quote(skill.code, safe='')}", _ECF, shown, skill.code)

    def _organisation(self, body: Body) -> Node:
        country = COUNTRIES[body.country]
        uri = f"{COUNTRY_SCHEME}/{country.code}"
        where = self._concept(uri, COUNTRY_SCHEME, country.label, "country")
        address = Labels(it=body.address, en=body.address) if body.address else None
        return self._node(
            "Organisation",
            legalName=self._said(Labels(it=body.legal_name, en=body.legal_name)),
            altLabel=self._said(Labels(it=body.alt_label, en=body.alt_label)),
            eIDASIdentifier=self._node("LegalIdentifier", notation=body.identifier, spatial=where),
            location=self._node(
                "Location",
                address=self._node(
                    "Address",
                    countryCode=where,
                    fullAddress=self._node("Note", noteLiteral=self._said(address)) if address else None,
                ),
            ),
            homepage=self._node("WebResource", contentURL=self.claims.issuer_url),
        )

    def _title(self) -> Node:
        mark = TEST_MARK if self.claims.test else ""
        title = self.claims.scheme_title
        return self._said(Labels(it=mark + title.it, en=mark + title.en))

    def _description(self) -> Labels:
        claims = self.claims
        said = {}
        for language in LANGUAGES:
            words = f"{claims.claim_wording.in_language(language)}. {claims.number}"
            if claims.clock_offset is not None:
                words = f"{CLOCK_MOVED.in_language(language)} {claims.clock_offset}. {words}"
            said[language] = f"{TEST_MARK}{NO_VALUE.in_language(language)} {words}" if claims.test else words
        return Labels(**said)

    def _identifier(self, notation: str, scheme: str) -> Node:
        return self._node("Identifier", notation=notation, schemeName=scheme)

    def _page(self, url: str, title: Labels) -> Node:
        return self._node("WebResource", title=self._said(title), contentURL=url)

    def _language(self, language: Language) -> Node:
        code, label = LANGUAGES[language]
        return self._concept(f"{LANGUAGE_SCHEME}/{code}", LANGUAGE_SCHEME, label, "language")

    def _concept(self, uri: str, scheme: str, label: Labels, notation: str | None = None) -> Node:
        return self._written(
            {
                "id": uri,
                "type": "Concept",
                "inScheme": {"id": scheme, "type": "ConceptScheme"},
                "prefLabel": self._said(label),
                "notation": notation,
            }
        )

    def _said(self, labels: Labels) -> Node:
        return {language: labels.in_language(language) for language in self.pictures}

    def _node(self, kind: str, **members: JsonValue) -> Node:
        self.count[kind] += 1
        name = f"urn:epass:{kind[0].lower()}{kind[1:]}:{self.count[kind]}"
        return self._written({"id": name, "type": kind, **members})

    @staticmethod
    def _written(members: Node) -> Node:
        return {name: value for name, value in members.items() if value is not None}


def _one_or_more(nodes: Sequence[JsonValue]) -> JsonValue:
    """Write several as a list and one as itself, as the Commission's files do; none is left out."""
    return [*nodes] if len(nodes) > 1 else next(iter(nodes), None)
