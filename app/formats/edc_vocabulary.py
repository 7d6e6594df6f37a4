"""The controlled lists that a European Digital Credential names things by (EDC application profile 1.2.0)."""

from dataclasses import dataclass
from typing import Final

from app.core.labels import Labels, Language

AUTHORITY: Final = "http://publications.europa.eu/resource/authority/"
SNB: Final = "http://data.europa.eu/snb/"

COUNTRY_SCHEME: Final = AUTHORITY + "country"
LANGUAGE_SCHEME: Final = AUTHORITY + "language"
FILE_TYPE_SCHEME: Final = AUTHORITY + "file-type"
PROFILE_SCHEME: Final = SNB + "credential/25831c2"
ENCODING_SCHEME: Final = SNB + "encoding/25831c2"
ESCO_SKILL_SCHEME: Final = "http://data.europa.eu/esco/concept-scheme/skills"

GENERIC_PROFILE: Final = SNB + "credential/e34929035b"
BASE64: Final = SNB + "encoding/6146cde7dd"
PNG: Final = FILE_TYPE_SCHEME + "/PNG"
ESCO_SKILL: Final = "http://data.europa.eu/esco/skill/"

LANGUAGES: Final[dict[Language, tuple[str, Labels]]] = {
    "it": ("ITA", Labels(it="italiano", en="Italian")),
    "en": ("ENG", Labels(it="inglese", en="English")),
}


@dataclass(frozen=True, slots=True)
class Country:
    """A country by the code of the Publications Office, which is not the one that certificates use."""

    code: str
    label: Labels


# Where a qualified seal can come from: the Union and the EEA, by the code that a certificate has in C.
COUNTRIES: Final[dict[str, Country]] = {
    alpha2: Country(code, Labels(it=it, en=en))
    for alpha2, code, it, en in (
        ("AT", "AUT", "Austria", "Austria"),
        ("BE", "BEL", "Belgio", "Belgium"),
        ("BG", "BGR", "Bulgaria", "Bulgaria"),
        ("CY", "CYP", "Cipro", "Cyprus"),
        ("CZ", "CZE", "Cechia", "Czechia"),
        ("DE", "DEU", "Germania", "Germany"),
        ("DK", "DNK", "Danimarca", "Denmark"),
        ("EE", "EST", "Estonia", "Estonia"),
        ("ES", "ESP", "Spagna", "Spain"),
        ("FI", "FIN", "Finlandia", "Finland"),
        ("FR", "FRA", "Francia", "France"),
        ("GR", "GRC", "Grecia", "Greece"),
        ("HR", "HRV", "Croazia", "Croatia"),
        ("HU", "HUN", "Ungheria", "Hungary"),
        ("IE", "IRL", "Irlanda", "Ireland"),
        ("IS", "ISL", "Islanda", "Iceland"),
        ("IT", "ITA", "Italia", "Italy"),
        ("LI", "LIE", "Liechtenstein", "Liechtenstein"),
        ("LT", "LTU", "Lituania", "Lithuania"),
        ("LU", "LUX", "Lussemburgo", "Luxembourg"),
        ("LV", "LVA", "Lettonia", "Latvia"),
        ("MT", "MLT", "Malta", "Malta"),
        ("NL", "NLD", "Paesi Bassi", "Netherlands"),
        ("NO", "NOR", "Norvegia", "Norway"),
        ("PL", "POL", "Polonia", "Poland"),
        ("PT", "PRT", "Portogallo", "Portugal"),
        ("RO", "ROU", "Romania", "Romania"),
        ("SE", "SWE", "Svezia", "Sweden"),
        ("SI", "SVN", "Slovenia", "Slovenia"),
        ("SK", "SVK", "Slovacchia", "Slovakia"),
    )
}
