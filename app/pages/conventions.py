"""What holds for every operation of the API, in short: the page that begins its reference."""

from typing import Final

from app.core.labels import Labels

CONVENTIONS: Final[tuple[tuple[str, Labels, tuple[Labels, ...]], ...]] = (
    (
        "authentication",
        Labels(it="Chi chiede", en="Who is asking"),
        (
            Labels(
                it="Ogni richiesta sotto /v1 porta una chiave o un token nell'intestazione "
                "Authorization: Bearer. Fa eccezione la verifica, che è aperta a chiunque.",
                en="Every request below /v1 carries a key or a token in the header Authorization: Bearer. "
                "Verifying is the exception: it is open to anybody.",
            ),
            Labels(
                it="Permessi e ruoli decidono che cosa è lecito; ciò che è di un'altra organizzazione "
                "risponde come ciò che non esiste (404).",
                en="Scopes and roles decide what may be done; what belongs to another organisation answers"
                " like what does not exist (404).",
            ),
        ),
    ),
    (
        "problems",
        Labels(it="Quando qualcosa va storto", en="When something goes wrong"),
        (
            Labels(
                it="La risposta è un documento RFC 9457 (application/problem+json). Il membro type porta a"
                " una pagina che dice che fare; code è per i programmi e non cambia mai; errors nomina "
                "con puntatori JSON i punti sbagliati. Una richiesta rifiutata non ha cambiato nulla.",
                en="The answer is a document of RFC 9457 (application/problem+json). Its type leads to a "
                "page that says what to do; code is for programs and never changes; errors names what "
                "is wrong by JSON pointers. A request that was refused has changed nothing.",
            ),
        ),
    ),
    (
        "idempotency",
        Labels(it="Riprovare senza doppioni", en="Trying again without doing it twice"),
        (
            Labels(
                it="Ogni POST che crea accetta Idempotency-Key, da 1 a 255 caratteri ASCII visibili. La "
                "stessa chiave con la stessa richiesta dà la stessa risposta per 24 ore, con "
                "Idempotent-Replayed: true; con un'altra richiesta dà 422.",
                en="Every POST that creates takes an Idempotency-Key of 1 to 255 visible ASCII characters."
                " The same key with the same request gets the same answer for 24 hours, with "
                "Idempotent-Replayed: true; with another request it gets 422.",
            ),
        ),
    ),
    (
        "versions",
        Labels(it="Non scrivere sopra gli altri", en="Not writing over others"),
        (
            Labels(
                it="Ciò che si modifica ha un ETag. Inviato in If-Match, la modifica riesce solo se "
                "nessuno è arrivato prima (altrimenti 412); in If-None-Match, una lettura risponde 304 "
                "se nulla è cambiato.",
                en="What people edit has an ETag. Sent in If-Match, a change succeeds only where nobody "
                "came first (else 412); sent in If-None-Match, a read answers 304 where nothing has "
                "changed.",
            ),
        ),
    ),
    (
        "pages",
        Labels(it="Elenchi a pagine", en="Lists in pages"),
        (
            Labels(
                it="Gli elenchi danno data e next_cursor; la pagina seguente si chiede con cursor. limit "
                "dice quante righe; un cursore null è la fine.",
                en="Lists give data and next_cursor; the page that follows is asked for with cursor. limit"
                " says how many lines; a cursor of null is the end.",
            ),
        ),
    ),
    (
        "limits",
        Labels(it="Limiti", en="Limits"),
        (
            Labels(
                it="Un corpo è al massimo di 1 MB, un modulo con file di 21 MB. Chi chiede troppo in "
                "fretta riceve 429 con Retry-After; RateLimit dice quanto resta.",
                en="A body is of at most 1 MB, a form with a file of 21 MB. Whoever asks too fast gets 429"
                " with Retry-After; RateLimit says how much is left.",
            ),
        ),
    ),
    (
        "webhooks",
        Labels(it="Eventi", en="Events"),
        (
            Labels(
                it="Gli eventi nascono nella stessa transazione di ciò che riferiscono, sono consegnati "
                "almeno una volta, firmati secondo Standard Webhooks, e non portano dati personali: "
                "l'oggetto si rilegge.",
                en="Events are written in the transaction that they tell of, delivered at least once, "
                "signed as Standard Webhooks says, and carry no personal data: the object is read "
                "again.",
            ),
        ),
    ),
    (
        "time",
        Labels(it="Giorni e istanti", en="Days and instants"),
        (
            Labels(
                it="Gli istanti sono in UTC (RFC 3339). I giorni sono quelli di dove sta l'organizzazione,"
                " e l'ultimo vale fino alla fine.",
                en="Instants are in UTC (RFC 3339). Days are those of where the organisation is, and the "
                "last one counts through its end.",
            ),
        ),
    ),
)
