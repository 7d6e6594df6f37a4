"""The words of an answer as a browser gets them: the catalogues of the server, one language at a time."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from app.core.errors import JsonValue
from app.core.labels import Labels, Language
from app.pages import words
from app.verification import words as answers

# What only pages say that have no script.
ELSEWHERE: Final = re.compile(
    "(scheme|home|not_found|mistyped|unreachable|astray|oversized|hurried|defect)_|qr"
)
TEMPLATES: Final[Mapping[str, Labels]] = {
    "valid_until": answers.VALID_UNTIL,
    "otherwise_until": answers.OTHERWISE_UNTIL,
    "invalid": answers.INVALID,
    "unknown": answers.UNKNOWN,
    "not_made": answers.NOT_MADE,
    "test": answers.TEST,
    "attention": answers.ATTENTION,
}


def catalogue(language: Language) -> dict[str, JsonValue]:
    """Give every word that the page may need to say in this language."""

    def said(labels: Mapping[str, Labels]) -> dict[str, JsonValue]:
        return {key: label.in_language(language) for key, label in labels.items()}

    def each(labels: Iterable[Labels]) -> list[JsonValue]:
        return [label.in_language(language) for label in labels]

    italian = language == "it"
    return {
        "language": language,
        "t": said({key: label for key, label in words.WORDS.items() if not ELSEWHERE.match(key)}),
        "results": said(words.RESULTS),
        "outcomes": said(words.OUTCOMES),
        "checks": said(words.CHECKS),
        "states": said(words.STATES),
        "troubles": said(words.TROUBLES),
        "trouble": words.TROUBLE.in_language(language),
        "findings": {
            code: {
                "name": finding.name.value,
                "outcome": finding.outcome.value,
                "reason": finding.reason.in_language(language),
                "brief": finding.brief.in_language(language),
            }
            for code, finding in answers.FINDINGS.items()
        },
        "dated": said(answers.DATED),
        "templates": said(TEMPLATES),
        "proves": each(answers.PROVES),
        "does_not_prove": each(answers.DOES_NOT_PROVE),
        "months": [*(answers.MONTHS_IT if italian else answers.MONTHS_EN)],
        "days": {"1": "1º"} if italian else {},
        "elided": dict(answers.ELIDED),
        "vowels": [*sorted(answers.VOWEL_DAYS)],
        "hour": "ore " if italian else "",
    }
