from dataclasses import dataclass
from typing import Literal

Language = Literal["it", "en"]


@dataclass(frozen=True, slots=True)
class Labels:
    """The same words in Italian and in English: whatever a person reads is said in both."""

    it: str
    en: str

    def in_language(self, language: Language) -> str:
        return self.it if language == "it" else self.en
