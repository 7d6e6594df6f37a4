# ruff: noqa: RUF001 - typographic apostrophes and dashes are meant
"""What every attestation says besides its facts: of itself, and of what it is worth.

The house rule on words holds: an association attests. A test reads every sentence for the stems that the
schemes forbid, and so does whoever composes a page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.core.labels import Labels

MONTHS: Final[Mapping[str, tuple[str, ...]]] = {
    "it": (
        *("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno"),
        *("luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"),
    ),
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
}

HEADING: Final = Labels(it="Attestato", en="Attestation")
WORDS: Final[Mapping[str, Labels]] = {
    "heading": HEADING,
    "attests": Labels(it="Si attesta che", en="This attests that"),
    "shown": Labels(
        it="ha dimostrato le competenze del profilo", en="has shown the competences of the profile"
    ),
    "from": Labels(it="Valido dal", en="Valid from"),
    "until": Labels(it="Valido fino al", en="Valid until"),
    "standard": Labels(it="Norma", en="Standard"),
    "scan": Labels(
        it="Inquadrate il codice per sapere se vale oggi.", en="Scan the code to see whether it holds today."
    ),
}
TEST_MARK: Final = Labels(it="TEST – senza valore.", en="TEST – no value.")
TEST_WORDS: Final = Labels(
    it="Questo foglio serve a provare il servizio: non attesta nulla di nessuno.",
    en="This sheet was made to try the service out: it attests nothing about anybody.",
)
CLOCK_MARK: Final = Labels(it="Orologio spostato di {moved}.", en="Clock moved by {moved}.")
CLOCK_WORDS: Final = Labels(
    it="Le date di questo foglio non sono quelle vere.", en="The dates on this sheet are not the real ones."
)
MARK_ALT: Final = Labels(it="Marchio: {body}", en="Mark: {body}")
QR_ALT: Final = Labels(
    it="Codice QR per verificare l’attestato {number}", en="QR code to verify the attestation {number}"
)


@dataclass(frozen=True, slots=True)
class Part:
    """A heading and what stands under it."""

    heading: Labels
    paragraphs: Sequence[Labels]


ADVANCED: Final = Labels(it="sigillo elettronico avanzato", en="advanced electronic seal")
QUALIFIED: Final = Labels(it="sigillo elettronico qualificato", en="qualified electronic seal")
PARTS: Final = (
    Part(
        Labels(it="Che cos’è", en="What it is"),
        (
            Labels(
                it="Un’attestazione che l’associazione rilascia secondo le proprie regole, su decisione del "
                "suo comitato tecnico.",
                en="An attestation that the association issues under its own rules, by decision of its "
                "technical committee.",
            ),
            Labels(
                it="L’originale è il documento elettronico con il {seal} dell’ente; questo foglio lo rende "
                "leggibile. Fa fede ciò che il codice QR mostra su {address}.",
                en="The original is the electronic document under the body’s {seal}; this sheet makes it "
                "readable. What counts is what the QR code shows at {address}.",
            ),
        ),
    ),
    Part(
        Labels(it="Che cosa non è", en="What it is not"),
        (
            Labels(
                it="Non è una qualifica pubblica né un’autorizzazione a esercitare una professione, e nessun "
                "ente esterno all’associazione se ne fa garante.",
                en="It is neither a public qualification nor a licence to practise a profession, and no body "
                "outside the association vouches for it.",
            ),
            Labels(
                it="Non prova l’identità di chi lo mostra: confrontate il nome con un documento.",
                en="It does not prove who is showing it: compare the name with an identity document.",
            ),
        ),
    ),
)
