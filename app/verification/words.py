# ruff: noqa: RUF001 - these sentences are printed, with the dashes and apostrophes of print
"""Every sentence that an answer is made of, in Italian and in English.

The house rule on words holds here: this is an attestation of an association, and nothing printed
may borrow the vocabulary of other bodies. A test reads every sentence for the stems it forbids.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Final

from app.core.labels import Labels
from app.verification.report import CheckName, Outcome

MONTHS_IT: Final = [
    "gennaio",
    "febbraio",
    "marzo",
    "aprile",
    "maggio",
    "giugno",
    "luglio",
    "agosto",
    "settembre",
    "ottobre",
    "novembre",
    "dicembre",
]
MONTHS_EN: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
ELIDED: Final = {"il": "l’", "al": "all’", "dal": "dall’", "del": "dell’"}
FIRST: Final = 1
VOWEL_DAYS: Final = frozenset({8, 11})  # l'otto, l'undici


@dataclass(frozen=True, slots=True)
class ItalianDay:
    """A day in Italian words: `{day:al}` brings its article along, elided where it must be."""

    day: date

    def __str__(self) -> str:
        number = "1º" if self.day.day == FIRST else str(self.day.day)
        return f"{number} {MONTHS_IT[self.day.month - 1]} {self.day.year}"

    def __format__(self, article: str) -> str:
        if not article:
            return str(self)
        return f"{ELIDED[article]}{self}" if self.day.day in VOWEL_DAYS else f"{article} {self}"


@dataclass(frozen=True, slots=True)
class EnglishDay:
    """A day in English words."""

    day: date

    def __str__(self) -> str:
        return f"{self.day.day} {MONTHS_EN[self.day.month - 1]} {self.day.year}"


def day_in_words(day: date) -> Labels:
    return Labels(it=str(ItalianDay(day)), en=str(EnglishDay(day)))


def moment_in_words(moment: datetime, zone: tzinfo) -> Labels:
    """Say an instant to the minute in local time, with the zone's short name beside it."""
    local = moment.astimezone(zone)
    clock = local.strftime("%H:%M %Z")
    return Labels(it=f"{ItalianDay(local.date())}, ore {clock}", en=f"{EnglishDay(local.date())}, {clock}")


Fact = date | str | Labels


def worded(sentence: Labels, **facts: Fact) -> Labels:
    """Fill the blanks of a sentence in both languages; days become words."""
    return Labels(
        it=sentence.it.format_map({blank: _in_italian(fact) for blank, fact in facts.items()}),
        en=sentence.en.format_map({blank: _in_english(fact) for blank, fact in facts.items()}),
    )


def _in_italian(fact: Fact) -> ItalianDay | str:
    match fact:
        case date():
            return ItalianDay(fact)
        case Labels():
            return fact.it
        case _:
            return fact


def _in_english(fact: Fact) -> EnglishDay | str:
    match fact:
        case date():
            return EnglishDay(fact)
        case Labels():
            return fact.en
        case _:
            return fact


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a check may find: its outcome, the full reason, and the clause for the first line."""

    name: CheckName
    outcome: Outcome
    reason: Labels
    brief: Labels


PASSED: Final = Labels(it="controllo superato", en="the check passed")


def _passes(name: CheckName, it: str, en: str) -> Finding:
    return Finding(name, Outcome.PASS, Labels(it=it, en=en), PASSED)


def _fails(name: CheckName, it: str, en: str, *, brief: tuple[str, str]) -> Finding:
    return Finding(name, Outcome.FAIL, Labels(it=it, en=en), Labels(*brief))


def _warns(name: CheckName, it: str, en: str, *, brief: tuple[str, str]) -> Finding:
    return Finding(name, Outcome.WARN, Labels(it=it, en=en), Labels(*brief))


def _not_checked(name: CheckName, it: str, en: str, *, brief: tuple[str, str]) -> Finding:
    return Finding(name, Outcome.NOT_CHECKED, Labels(it=it, en=en), Labels(*brief))


def _not_applicable(name: CheckName, it: str, en: str) -> Finding:
    return Finding(
        name, Outcome.NOT_APPLICABLE, Labels(it=it, en=en), Labels("non pertinente", "not applicable")
    )


FINDINGS: Final[Mapping[str, Finding]] = {
    # format
    "format-read": _passes(
        CheckName.FORMAT,
        "Il documento è scritto come prescrive il suo formato.",
        "The document is written as its format prescribes.",
    ),
    "format-unreadable": _fails(
        CheckName.FORMAT,
        "Non è un documento che si possa leggere: è incompleto, rovinato o di altra natura.",
        "This is not a document that can be read: it is incomplete, damaged or something else.",
        brief=("il documento non è leggibile", "the document cannot be read"),
    ),
    "format-refused": _fails(
        CheckName.FORMAT,
        "Il documento contiene istruzioni che il suo formato non ammette.",
        "The document carries instructions that its format does not allow.",
        brief=("il documento non rispetta il suo formato", "the document breaks the rules of its format"),
    ),
    # integrity
    "seal-intact": _passes(
        CheckName.INTEGRITY,
        "Il sigillo corrisponde al contenuto: nessuno lo ha cambiato.",
        "The seal matches the content: nobody has changed it.",
    ),
    "seal-intact-stamped": _passes(
        CheckName.INTEGRITY,
        "Il sigillo corrisponde al contenuto: nessuno lo ha cambiato. Porta con sé quanto prevede il livello "
        "JAdES {level}.{none}",
        "The seal matches the content: nobody has changed it. It carries what the JAdES level {level} asks "
        "for.{none}",
    ),
    "seal-stamp-broken": _fails(
        CheckName.INTEGRITY,
        "Una marca temporale del sigillo è rovinata, o fu fatta per altro: qualcuno ha cambiato il sigillo. "
        "Per questo del documento non si mostra nulla.",
        "A time-stamp of the seal is damaged, or was made for something else: somebody has changed the seal. "
        "This is why nothing of the document is shown.",
        brief=("una marca temporale del sigillo non regge", "a time-stamp of the seal does not hold"),
    ),
    "seal-broken": _fails(
        CheckName.INTEGRITY,
        "Il sigillo non corrisponde al contenuto: qualcuno lo ha cambiato, oppure non è mai stato autentico. "
        "Per questo non se ne mostra nulla.",
        "The seal does not match the content: somebody has changed it, or it never was genuine. "
        "This is why nothing of it is shown.",
        brief=("il contenuto non corrisponde al suo sigillo", "the content does not match its seal"),
    ),
    "key-unavailable": _not_checked(
        CheckName.INTEGRITY,
        "Non è stato possibile ottenere la chiave con cui il documento si dice sigillato: "
        "il contenuto non è provato e non se ne mostra nulla.",
        "The key that the document says it was sealed with could not be had: "
        "the content is unproven and nothing of it is shown.",
        brief=(
            "manca la chiave per controllare il sigillo",
            "the key to check the seal with could not be had",
        ),
    ),
    # issuer_trust
    "issuer-trusted": _passes(
        CheckName.ISSUER_TRUST,
        "Il sigillo appartiene a un ente riconosciuto da questo servizio.",
        "The seal belongs to a body that this service recognises.",
    ),
    "issuer-trusted-then": _passes(
        CheckName.ISSUER_TRUST,
        "Il sigillo era in vigore {then:il}, giorno in cui il registro prova l’emissione; il fatto che la "
        "sua durata sia finita in seguito non toglie valore al documento.",
        "The seal was in force on {then}, the day for which the register proves the issuing; that its own "
        "lifetime has ended since takes nothing away from the document.",
    ),
    "issuer-trusted-sealed": _passes(
        CheckName.ISSUER_TRUST,
        "Il sigillo è di: {owner} ({identifier}). Lo prova un ente che questo servizio riconosce.",
        "The seal is that of: {owner} ({identifier}). A body that this service recognises proves it.",
    ),
    "issuer-trusted-sealed-then": _passes(
        CheckName.ISSUER_TRUST,
        "Il sigillo è di: {owner} ({identifier}). Lo prova un ente che questo servizio riconosce. Il sigillo "
        "era in vigore {then:il}, giorno per cui esiste una prova; che la sua durata sia finita in seguito "
        "non toglie valore al documento.",
        "The seal is that of: {owner} ({identifier}). A body that this service recognises proves it. The "
        "seal was in force on {then}, a day for which there is proof; that its own lifetime has ended since "
        "takes nothing away from the document.",
    ),
    "issuer-revoked": _fails(
        CheckName.ISSUER_TRUST,
        "Il sigillo era già stato revocato al momento che si può provare per questo documento.",
        "The seal had already been revoked at the time that can be proven for this document.",
        brief=("il sigillo era stato revocato", "the seal had been revoked"),
    ),
    "issuer-revocation-unknown": _not_checked(
        CheckName.ISSUER_TRUST,
        "Il sigillo è di: {owner} ({identifier}), ma il documento non porta con sé la prova, fresca e "
        "completa, che il sigillo non era stato revocato.",
        "The seal is that of: {owner} ({identifier}), but the document does not bring the proof, fresh and "
        "complete, that the seal had not been revoked.",
        brief=(
            "non si sa se il sigillo fosse stato revocato",
            "nobody can tell whether the seal had been revoked",
        ),
    ),
    "issuer-stamp-revocation-unknown": _not_checked(
        CheckName.ISSUER_TRUST,
        "Il sigillo è di: {owner} ({identifier}), ma il documento non porta con sé la prova che chi ha fatto "
        "la marca temporale da cui dipende non era stato revocato.",
        "The seal is that of: {owner} ({identifier}), but the document does not bring the proof that whoever "
        "made the time-stamp that it hangs on had not been revoked.",
        brief=(
            "non si sa se chi ha fatto la marca temporale fosse stato revocato",
            "nobody can tell whether the maker of its time-stamp had been revoked",
        ),
    ),
    "issuer-proof-damaged": _not_checked(
        CheckName.ISSUER_TRUST,
        "Il contenuto è integro, ma qualcosa che il sigillo porta con sé per provare di chi è risulta "
        "rovinato: chiedere un’altra copia del documento.",
        "The content is sound, but something that the seal brings along to prove whose it is has been "
        "damaged: ask for another copy of the document.",
        brief=(
            "le prove che il sigillo porta con sé sono rovinate",
            "the proofs inside the seal are damaged",
        ),
    ),
    "issuer-unknown": _warns(
        CheckName.ISSUER_TRUST,
        "Il sigillo è integro, ma di chi sia non è provato da nessuno di cui ci fidiamo. "
        "Chiunque può sigillare qualsiasi cosa.",
        "The seal is sound, but nobody whom we trust proves whose it is. Anyone can sign anything.",
        brief=("non si sa di chi sia il sigillo", "nobody we trust proves whose seal it is"),
    ),
    "issuer-not-borne-out": _warns(
        CheckName.ISSUER_TRUST,
        "Il sigillo è di qualcuno che riconosciamo, ma nulla prova che sia dell’ente nominato dal documento.",
        "The seal is that of somebody we recognise, but nothing proves that it is that of the body which "
        "the document names.",
        brief=(
            "nulla prova che il sigillo sia dell’ente nominato",
            "nothing proves that the seal is that of the body named",
        ),
    ),
    "issuer-code-unknown": _warns(
        CheckName.ISSUER_TRUST,
        "Il codice QR indica il suo ente con un numero che non sta nell’elenco degli enti: di chi sia il "
        "documento non è provato. Cercate nel registro il numero stampato sotto il codice.",
        "The QR code names its body by a number that is not in the list of bodies: whose document it is is "
        "not proven. Look up in the register the number that is printed beneath the code.",
        brief=(
            "il codice QR indica un ente che non sta nell’elenco",
            "the QR code names a body that is not in the list",
        ),
    ),
    "issuer-key-misused": _fails(
        CheckName.ISSUER_TRUST,
        "La chiave che ha sigillato il documento serve ad altro, o è di un altro ente: con essa non si "
        "rilasciano documenti come questo.",
        "The key that sealed the document is there for another use, or is another body’s own: no document "
        "such as this is issued with it.",
        brief=(
            "la chiave del sigillo serve ad altro o è di un altro ente",
            "the key of the seal is for another use or another body",
        ),
    ),
    "issuer-out-of-force": _fails(
        CheckName.ISSUER_TRUST,
        "Il sigillo non era in vigore quando il documento fu emesso.",
        "The seal was not in force when the document was issued.",
        brief=("il sigillo non era in vigore all’emissione", "the seal was not in force at issuing"),
    ),
    "issuer-key-compromised": _fails(
        CheckName.ISSUER_TRUST,
        "La chiave del sigillo è stata dichiarata compromessa: quello che ha sigillato non prova più nulla.",
        "The key of the seal was declared compromised: what it sealed no longer proves anything.",
        brief=("la chiave del sigillo è compromessa", "the key of the seal is compromised"),
    ),
    "issuer-ended-unproven": _not_checked(
        CheckName.ISSUER_TRUST,
        "Il sigillo ha terminato la sua durata, e nulla prova che il documento fu emesso prima.",
        "The lifetime of the seal has ended, and nothing proves that the document was issued before that.",
        brief=(
            "il sigillo è scaduto e nulla prova quando fu apposto",
            "the seal has ended, and nothing proves when it was applied",
        ),
    ),
    "issuer-listed": _passes(
        CheckName.ISSUER_TRUST,
        "La chiave non serve più per nuovi documenti, ma l’ente, che la elenca sotto il proprio sigillo, ne "
        "risponde ancora.",
        "The key is no longer there for new documents, but the body, which lists it under its own seal, "
        "still answers for it.",
    ),
    # validity_period
    "in-period": _passes(
        CheckName.VALIDITY_PERIOD,
        "Il periodo di validità va {first:dal} {last:al} compreso.",
        "The period of validity runs from {first} through {last}.",
    ),
    "no-period-named": _passes(
        CheckName.VALIDITY_PERIOD,
        "Il documento non indica per intero il suo periodo di validità; per quanto ne dice, oggi vale.",
        "The document does not name its whole period of validity; by what it says of it, it is valid today.",
    ),
    "not-yet-valid": _fails(
        CheckName.VALIDITY_PERIOD,
        "La validità comincia {first:il}.",
        "The validity starts on {first}.",
        brief=("la validità non è ancora cominciata", "its validity has not started yet"),
    ),
    "expired": _fails(
        CheckName.VALIDITY_PERIOD,
        "La validità è finita {last:il}.",
        "The validity ended on {last}.",
        brief=("la validità è finita", "its validity has ended"),
    ),
    "expired-renewable": _fails(
        CheckName.VALIDITY_PERIOD,
        "La validità è finita {last:il}. Può essere rinnovato fino {until:al}: finché non lo è, non vale.",
        "The validity ended on {last}. It may be renewed until {until}: until it is, it does not count.",
        brief=("la validità è finita, e può essere rinnovato", "its validity has ended, and may be renewed"),
    ),
    "expired-renewed": _fails(
        CheckName.VALIDITY_PERIOD,
        "La validità di questo documento è finita {last:il}. È stato rinnovato: chiedere al titolare il "
        "documento più recente.",
        "The validity of this document ended on {last}. It was renewed: ask the holder for the newer "
        "document.",
        brief=(
            "la validità è finita ed è stato rinnovato: chiedere il documento più recente",
            "its validity has ended and it was renewed: ask for the newer document",
        ),
    ),
    "expired-bridged": _fails(
        CheckName.VALIDITY_PERIOD,
        "La validità di questo documento è finita {last:il}. Il rinnovo è in esame e un documento più "
        "recente la prolunga: chiedere quello al titolare.",
        "The validity of this document ended on {last}. Its renewal is under review and a newer document "
        "prolongs it: ask the holder for that one.",
        brief=(
            "la validità è finita e un documento più recente la prolunga",
            "its validity has ended and a newer document prolongs it",
        ),
    ),
    "in-bridge": _passes(
        CheckName.VALIDITY_PERIOD,
        "Il rinnovo è stato chiesto in tempo ed è in esame: nel frattempo la validità va {first:dal} "
        "{last:al} compreso.",
        "The renewal was filed in time and is under review: meanwhile the validity runs from {first} "
        "through {last}.",
    ),
    "bridge-not-needed": _fails(
        CheckName.VALIDITY_PERIOD,
        "Il rinnovo è stato deciso prima che questo documento cominciasse a valere: non vale in nessun "
        "giorno.",
        "The renewal was decided before this document was to begin: it holds on no day.",
        brief=(
            "il rinnovo è stato deciso prima che cominciasse a valere",
            "the renewal was decided before it was to begin",
        ),
    ),
    # status
    "status-active": _passes(
        CheckName.STATUS,
        "Non risulta né sospeso né revocato.",
        "It is neither suspended nor revoked.",
    ),
    "status-suspended": _fails(
        CheckName.STATUS,
        "È sospeso. La sospensione può finire: si può controllare di nuovo più avanti.",
        "It is suspended. A suspension may end: it can be checked again later.",
        brief=("è sospeso", "it is suspended"),
    ),
    "status-revoked": _fails(
        CheckName.STATUS,
        "È stato revocato, in modo definitivo.",
        "It has been revoked, for good.",
        brief=("è stato revocato", "it has been revoked"),
    ),
    "status-surrendered": _fails(
        CheckName.STATUS,
        "Il titolare vi ha rinunciato, in modo definitivo.",
        "The holder has given it up, for good.",
        brief=("il titolare vi ha rinunciato", "the holder has given it up"),
    ),
    "status-lapsed": _fails(
        CheckName.STATUS,
        "È decaduto, in modo definitivo: il tempo per rinnovarlo è passato.",
        "It has lapsed, for good: the time in which it could be renewed is over.",
        brief=("è decaduto", "it has lapsed"),
    ),
    "status-not-offered": _warns(
        CheckName.STATUS,
        "Il documento non indica dove leggere se sia stato sospeso o revocato: nessuno può dirlo.",
        "The document names no place to read whether it was suspended or revoked: nobody can tell.",
        brief=(
            "non si può sapere se sia stato sospeso o revocato",
            "nobody can tell whether it was suspended or revoked",
        ),
    ),
    "status-in-register": _not_checked(
        CheckName.STATUS,
        "In questo formato non c’è posto per lo stato: lo dice solo il registro dell’ente, che qui non è "
        "stato interrogato.",
        "This format has no place for a status: only the register of the body tells it, which was not asked "
        "here.",
        brief=(
            "lo stato lo dice solo il registro, che non è stato interrogato",
            "only the register tells its status, and it was not asked",
        ),
    ),
    "status-unreachable": _not_checked(
        CheckName.STATUS,
        "L’elenco che dice se è sospeso o revocato non è raggiungibile: riprovare più tardi.",
        "The list that says whether it is suspended or revoked cannot be reached: try again later.",
        brief=("l’elenco degli stati non è raggiungibile", "the status list cannot be reached"),
    ),
    "status-too-old": _not_checked(
        CheckName.STATUS,
        "L’elenco che dice se è sospeso o revocato è troppo vecchio per crederci: riprovare più tardi.",
        "The list that says whether it is suspended or revoked is too old to be believed: try again later.",
        brief=("l’elenco degli stati è troppo vecchio", "the status list is too old"),
    ),
    "status-active-listed": _passes(
        CheckName.STATUS,
        "Nell’elenco dell’ente (letto: {when}) non risulta né sospeso né revocato.",
        "The list of the body (read: {when}) has it neither suspended nor revoked.",
    ),
    "status-suspended-listed": _fails(
        CheckName.STATUS,
        "Nell’elenco dell’ente (letto: {when}) risulta sospeso. La sospensione può finire: si può "
        "controllare di nuovo più avanti.",
        "The list of the body (read: {when}) has it suspended. A suspension may end: it can be checked "
        "again later.",
        brief=("è sospeso", "it is suspended"),
    ),
    "status-revoked-listed": _fails(
        CheckName.STATUS,
        "Nell’elenco dell’ente (letto: {when}) risulta revocato, in modo definitivo.",
        "The list of the body (read: {when}) has it revoked, for good.",
        brief=("è stato revocato", "it has been revoked"),
    ),
    "status-not-credible": _not_checked(
        CheckName.STATUS,
        "L’elenco a cui il documento rimanda non è dell’ente che lo ha emesso, o parla d’altro: nessuno può "
        "dire se sia stato sospeso o revocato.",
        "The list that the document points at is not that of the body which issued it, or is about something "
        "else: nobody can tell whether it was suspended or revoked.",
        brief=(
            "l’elenco degli stati non è dell’ente",
            "the status list is not that of the body",
        ),
    ),
    "status-not-understood": _not_checked(
        CheckName.STATUS,
        "Il documento indica il suo stato anche in un modo che questo servizio non legge: non è stato "
        "controllato.",
        "The document gives its status also in a way that this service does not read: it was not checked.",
        brief=(
            "il suo stato è scritto in un modo che non leggiamo",
            "its status is given in a way that we do not read",
        ),
    ),
    "status-ahead": _not_checked(
        CheckName.STATUS,
        "L’elenco che dice se è sospeso o revocato è stato firmato più tardi di quanto segna l’orologio di "
        "questo dispositivo: regolare l’orologio e riprovare.",
        "The list that says whether it is suspended or revoked was signed later than the clock of this "
        "device shows: set the clock and try again.",
        brief=(
            "l’orologio di questo dispositivo è indietro",
            "the clock of this device is behind",
        ),
    ),
    # register_match
    "register-agrees": _passes(
        CheckName.REGISTER_MATCH,
        "Il registro dell’ente dice le stesse cose.",
        "The register of the body says the same.",
    ),
    "register-contradicts": _fails(
        CheckName.REGISTER_MATCH,
        "Il registro dell’ente dice cose diverse dal documento.",
        "The register of the body says something else than the document.",
        brief=("il registro dice altro", "the register says something else"),
    ),
    "register-has-no-entry": _fails(
        CheckName.REGISTER_MATCH,
        "Il registro dell’ente, che dovrebbe contenerlo, non ne ha traccia.",
        "The register of the body, which ought to hold it, has no trace of it.",
        brief=("il registro non ne ha traccia", "the register has no trace of it"),
    ),
    "register-unreachable": _not_checked(
        CheckName.REGISTER_MATCH,
        "Non è stato possibile consultare il registro dell’ente: riprovare più tardi.",
        "The register of the body could not be consulted: try again later.",
        brief=("il registro non è consultabile", "the register could not be consulted"),
    ),
    "register-elsewhere": _not_applicable(
        CheckName.REGISTER_MATCH,
        "L’ente che l’ha emesso non tiene qui il suo registro.",
        "The body that issued it does not keep its register here.",
    ),
    "register-not-asked": _not_applicable(
        CheckName.REGISTER_MATCH,
        "Il controllo è avvenuto su questo dispositivo e il registro non è stato interrogato: per esso parla "
        "l’elenco degli stati, che l’ente firma.",
        "The check was made on this device and the register was not asked: the status list, which the body "
        "signs, speaks for it.",
    ),
    # superseded
    "newest": _passes(
        CheckName.SUPERSEDED,
        "È il documento più recente di questo periodo.",
        "It is the newest document of this period.",
    ),
    "superseded": _warns(
        CheckName.SUPERSEDED,
        "Un documento più recente ha preso il suo posto: chiedere quello al titolare.",
        "A newer document has taken its place: ask the holder for that one.",
        brief=("sostituito da un documento più recente", "replaced by a newer document"),
    ),
    "superseded-renewed": _warns(
        CheckName.SUPERSEDED,
        "Un documento più recente, che vale {first:dal} {last:al} compreso, ha preso il suo posto: "
        "chiedere quello al titolare.",
        "A newer document, valid from {first} through {last}, has taken its place: ask the holder for "
        "that one.",
        brief=("sostituito da un documento più recente", "replaced by a newer document"),
    ),
    "superseded-listed": _fails(
        CheckName.SUPERSEDED,
        "Secondo l’elenco dell’ente non vale più: è finito prima del tempo, oppure un documento più recente "
        "ha preso il suo posto. Chiedere al titolare il documento attuale.",
        "By the list of the body it no longer holds: it ended early, or a newer document took its place. "
        "Ask the holder for the current one.",
        brief=(
            "non vale più, chiedere al titolare il documento attuale",
            "it no longer holds, ask the holder for the current document",
        ),
    ),
    "superseded-elsewhere": _not_applicable(
        CheckName.SUPERSEDED,
        "Solo l’ente che l’ha emesso sa se esiste un documento più recente.",
        "Only the body that issued it knows whether a newer document exists.",
    ),
}

# What was found of each time-stamp of a seal, inside the reason of its integrity.
STAMP_KINDS: Final[Mapping[str, Labels]] = {
    "adoTst": Labels(it="Marca temporale del contenuto", en="Time-stamp of the content"),
    "sigTst": Labels(it="Marca temporale della firma", en="Time-stamp of the signature"),
    "arcTst": Labels(it="Marca temporale d’archivio", en="Archive time-stamp"),
}
STAMPS: Final[Mapping[str, Labels]] = {
    "stamp-trusted": Labels(
        it="{kind}: {when}, provata da un ente che questo servizio riconosce.",
        en="{kind}: {when}, proven by a body that this service recognises.",
    ),
    "stamp-revocation-unknown": Labels(
        it="{kind}: {when}, provata da un ente che questo servizio riconosce; nulla dice se fosse stato "
        "revocato.",
        en="{kind}: {when}, proven by a body that this service recognises; nothing says whether it had been "
        "revoked.",
    ),
    "stamp-impossible": Labels(
        it="{kind}: {when}, un’ora che non può essere: non è ancora venuta, o contraddice quella delle altre "
        "marche; non prova nulla.",
        en="{kind}: {when}, a time that cannot be: it is still to come, or contradicts those of the other "
        "time-stamps; it proves nothing.",
    ),
    "stamp-not-checked": Labels(
        it="{kind}: scritta in un modo che questo servizio non sa controllare; non prova nulla.",
        en="{kind}: written in a way that this service cannot check; it proves nothing.",
    ),
    "stamp-revoked": Labels(
        it="{kind}: {when}, ma chi l’ha fatta era già stato revocato; non prova nulla.",
        en="{kind}: {when}, but whoever made it had been revoked by then; it proves nothing.",
    ),
    "stamp-ended": Labels(
        it="{kind}: {when}, ma il suo sigillo è scaduto e nulla più recente la conferma; non prova nulla.",
        en="{kind}: {when}, but its own seal has ended and nothing newer bears it out; it proves nothing.",
    ),
    "stamp-unknown": Labels(
        it="{kind}: {when}, ma senza prova: questo servizio non riconosce chi l’ha fatta.",
        en="{kind}: {when}, but unproven: this service does not recognise who made it.",
    ),
    "stamp-broken": Labels(
        it="{kind}: rovinata, o fatta per altro.", en="{kind}: damaged, or made for something else."
    ),
}
NO_STAMP: Final = Labels(
    it=" Nessuna marca temporale prova quando fu apposto.", en=" No time-stamp proves when it was applied."
)
NO_TIME: Final = Labels(it="ora illeggibile", en="time unreadable")

# Whether a seal is a qualified one, by the code of the finding. What vouches for a key has a name in law that
# is not for these pages.
QUALIFIED: Final[Mapping[str, Labels]] = {
    "qualified-seal": Labels(
        it="È un sigillo elettronico qualificato: lo fa un dispositivo qualificato, e un elenco di fiducia "
        "ne riconosce la chiave.",
        en="It is a qualified electronic seal: a qualified device makes it, and a trusted list recognises "
        "its key.",
    ),
    "qualified-certificate-only": Labels(
        it="È un sigillo avanzato su base qualificata, e non un sigillo qualificato: un elenco di fiducia ne "
        "riconosce la chiave, ma niente dice che stia in un dispositivo qualificato.",
        en="It is an advanced seal on a qualified basis, and not a qualified seal: a trusted list recognises "
        "its key, but nothing says that it is in a qualified device.",
    ),
    "certificate-not-qualified": Labels(
        it="Non è un sigillo qualificato: l’elenco di fiducia non ne riconosce la chiave come qualificata "
        "per i sigilli.",
        en="It is not a qualified seal: the trusted list does not recognise its key as qualified for seals.",
    ),
    "service-not-granted": Labels(
        it="Non è un sigillo qualificato: a quel momento l’elenco di fiducia non riconosceva chi garantisce "
        "della sua chiave.",
        en="It is not a qualified seal: at that time the trusted list did not recognise whoever vouches for "
        "its key.",
    ),
    "issuer-not-listed": Labels(
        it="Non è un sigillo qualificato: chi garantisce della sua chiave non sta in alcun elenco di fiducia "
        "dell’Unione.",
        en="It is not a qualified seal: whoever vouches for its key is in no trusted list of the Union.",
    ),
    "seal-does-not-hold": Labels(
        it="Non è un sigillo qualificato: il sigillo non regge.",
        en="It is not a qualified seal: the seal does not hold.",
    ),
    "no-trusted-lists": Labels(
        it="Se sia un sigillo qualificato: non controllato. Questo servizio non ha elenchi di fiducia.",
        en="Whether it is a qualified seal: not checked. This service has no trusted lists.",
    ),
    "trusted-list-old": Labels(
        it="Se sia un sigillo qualificato: non controllato. L’elenco di fiducia che ne parla doveva già "
        "essere stato aggiornato.",
        en="Whether it is a qualified seal: not checked. The trusted list that speaks of it ought to have "
        "been updated by now.",
    ),
    "issuer-not-in-lists-read": Labels(
        it="Se sia un sigillo qualificato: non controllato. Nessuno degli elenchi di fiducia che questo "
        "servizio ha letto parla di chi garantisce della sua chiave.",
        en="Whether it is a qualified seal: not checked. None of the trusted lists that this service has "
        "read speaks of whoever vouches for its key.",
    ),
    "certificate-unreadable": Labels(
        it="Se sia un sigillo qualificato: non controllato. Quello che garantisce della sua chiave "
        "non è leggibile.",
        en="Whether it is a qualified seal: not checked. What vouches for its key cannot be read.",
    ),
    "seal-for-trying": Labels(
        it="Se sia un sigillo qualificato: non controllato. È un sigillo di prova.",
        en="Whether it is a qualified seal: not checked. It is a seal for trying things.",
    ),
    "seal-owner-unproven": Labels(
        it="Se sia un sigillo qualificato: non controllato. Di chi sia non è provato.",
        en="Whether it is a qualified seal: not checked. Whose it is is not proven.",
    ),
}
LISTED_BY: Final = Labels(
    it="Così l’elenco di fiducia {territory}, n. {number} (letto: {read}).",
    en="So says the trusted list {territory}, no. {number} (read: {read}).",
)

# The first line. `today`, `last` and `first` are days, `brief` a clause from the tables above and below.
VALID: Final = Labels(it="Valido oggi, {today}", en="Valid today, {today}")
VALID_UNTIL: Final = Labels(
    it="Valido oggi, {today}, fino {last:al}", en="Valid today, {today}, until {last}"
)
OTHERWISE: Final = Labels(it="Per il resto valido oggi, {today}", en="Otherwise valid today, {today}")
OTHERWISE_UNTIL: Final = Labels(
    it="Per il resto valido oggi, {today}, fino {last:al}",
    en="Otherwise valid today, {today}, until {last}",
)
INVALID: Final = Labels(it="Non valido oggi, {today}: {brief}", en="Not valid today, {today}: {brief}")
UNKNOWN: Final = Labels(
    it="Non si può confermare oggi, {today}: {brief}", en="Cannot be confirmed today, {today}: {brief}"
)
DATED: Final[Mapping[str, Labels]] = {
    "expired": Labels(it="la validità è finita {last:il}", en="its validity ended on {last}"),
    "expired-renewable": Labels(
        it="la validità è finita {last:il}, può essere rinnovato fino {until:al}",
        en="its validity ended on {last}, it may be renewed until {until}",
    ),
    "expired-renewed": Labels(
        it="la validità di questo documento è finita {last:il}, ed è stato rinnovato: chiedere al titolare "
        "il documento più recente",
        en="the validity of this document ended on {last}, and it was renewed: ask the holder for the newer "
        "document",
    ),
    "expired-bridged": Labels(
        it="la validità di questo documento è finita {last:il}, e un documento più recente la prolunga: "
        "chiedere quello al titolare",
        en="the validity of this document ended on {last}, and a newer document prolongs it: ask the holder "
        "for that one",
    ),
    "not-yet-valid": Labels(it="la validità comincia {first:il}", en="its validity starts on {first}"),
}
NOT_MADE: Final = Labels(it="non tutti i controlli sono stati fatti", en="not every check was made")
TEST: Final = Labels(it="TEST – senza valore", en="TEST – no value")
ATTENTION: Final = Labels(it="Attenzione: {brief}", en="Attention: {brief}")
UNEXPECTED: Final[Mapping[Outcome, Labels]] = {
    Outcome.PASS: PASSED,
    Outcome.NOT_APPLICABLE: NOT_MADE,
    Outcome.FAIL: Labels(it="un controllo non è superato", en="a check failed"),
    Outcome.WARN: Labels(it="un controllo invita alla cautela", en="a check calls for care"),
    Outcome.NOT_CHECKED: Labels(it="un controllo non è stato possibile", en="a check could not be made"),
}

# What a seal is worth, on every page and every printed piece.
PROVES: Final = (
    Labels(
        it="Che l’ente ha rilasciato esattamente questo testo, e che da allora nessuno lo ha cambiato.",
        en="That the body issued exactly this text, and that nobody has changed it since.",
    ),
    Labels(
        it="Come stavano le cose nel registro quando è stato letto: in vigore, sospeso, revocato, scaduto.",
        en="How things stood in the register when it was checked: in force, suspended, revoked, ended.",
    ),
)
DOES_NOT_PROVE: Final = (
    Labels(
        it="Che chi avete davanti sia il titolare: confrontate il nome con un documento d’identità.",
        en="That the person in front of you is the holder: compare the name with an identity document.",
    ),
    Labels(
        it="Che il titolare sia adatto a un certo incarico: questo resta da giudicare a voi.",
        en="That the holder suits a given job: that remains for you to judge.",
    ),
    Labels(
        it="È un’attestazione di competenze rilasciata da un’associazione secondo le proprie regole: non è "
        "una qualifica pubblica né un’autorizzazione a esercitare una professione, e nessun ente esterno "
        "all’associazione se ne fa garante.",
        en="It is a competence attestation issued by an association under its own rules: it is neither a "
        "public qualification nor a licence to practise a profession, and no body outside the association "
        "vouches for it.",
    ),
)
