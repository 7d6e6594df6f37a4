"""What the parts of the API are for, and what holds for all of them: the page that begins its reference."""

from collections.abc import Mapping
from typing import Final

from app.core.labels import Labels

# By the tags of the contract, in its order.
PARTS: Final[Mapping[str, Labels]] = {
    "public": Labels(
        it="Ciò che chiunque chiede senza chiave: il referto di un numero, le chiavi e gli elenchi di stato "
        "pubblicati.",
        en="What anybody asks for without a key: the report on a number, and the keys and status lists "
        "that are published.",
    ),
    "verification": Labels(
        it="Verificare un documento, un QR o una foto, uno alla volta o fino a cento insieme.",
        en="Verify a document, a QR code or a photo of one, one at a time or up to a hundred together.",
    ),
    "credentials": Labels(
        it="Rilasciare, leggere e scaricare credenziali; sospenderle, ripristinarle, revocarle.",
        en="Issue, read and download credentials; suspend, reinstate and revoke them.",
    ),
    "organisations": Labels(
        it="L'organizzazione, le persone e i loro ruoli, le chiavi e i programmi che chiedono per lei.",
        en="The organisation, its people and their roles, the keys and programs that ask for it.",
    ),
    "schemes": Labels(
        it="I profili che si certificano, con requisiti, prove e regole di rinnovo.",
        en="The profiles that are certified, with their requirements, evidence and rules of renewal.",
    ),
    "dossiers": Labels(
        it="Il dossier di competenza: compilarlo, allegare le prove, presentarlo, esaminarne l'ammissione.",
        en="The competency dossier: write it, attach evidence, submit it, examine it for admission.",
    ),
    "assessments": Labels(
        it="Chi valuta un dossier, con quali punteggi, e i colloqui.",
        en="Who assesses a dossier, by which scores, and the interviews.",
    ),
    "decisions": Labels(
        it="Le sedute del comitato tecnico: presenze, voti, quorum, delibere e loro pubblicazione.",
        en="The meetings of the technical committee: who was there, votes, quorum, decisions and their "
        "publication.",
    ),
    "batches": Labels(
        it="Fino a 100.000 righe in un solo invio, con il risultato di ciascuna.",
        en="Up to 100,000 rows sent at once, with what became of each.",
    ),
    "oauth": Labels(
        it="I token dei programmi: ottenerli e revocarli.",
        en="Tokens for programs: get them, and revoke them.",
    ),
    "continuing development": Labels(
        it="Le attività di aggiornamento di chi ha una credenziale, con le prove e la loro revisione.",
        en="The development activities of a credential's holder, with their proofs and their review.",
    ),
    "renewals": Labels(
        it="Il rinnovo triennale: domanda, estrazione per il controllo, esame e decisione.",
        en="Renewal every three years: the application, the draw for an audit, its review and decision.",
    ),
    "events": Labels(
        it="Che cosa è accaduto, nell'ordine, e gli indirizzi a cui è annunciato.",
        en="What happened, in order, and the addresses that are told of it.",
    ),
}

CONVENTIONS: Final[tuple[tuple[str, Labels, tuple[Labels, ...]], ...]] = (
    (
        "authentication",
        Labels(it="Chi chiede", en="Who is asking"),
        (
            Labels(
                it="Ogni richiesta sotto `/v1` porta una chiave o un token nell'intestazione "
                "`Authorization: Bearer`. Fa eccezione la verifica, che è aperta a chiunque.",
                en="Every request below `/v1` carries a key or a token in the header `Authorization: "
                "Bearer`. Verifying is the exception: it is open to anybody.",
            ),
            Labels(
                it="Permessi e ruoli decidono che cosa è lecito; ciò che è di un'altra organizzazione "
                "risponde come ciò che non esiste (404).",
                en="Scopes and roles decide what may be done; what belongs to another organisation "
                "answers like what does not exist (404).",
            ),
        ),
    ),
    (
        "problems",
        Labels(it="Quando qualcosa va storto", en="When something goes wrong"),
        (
            Labels(
                it="La risposta è un documento RFC 9457 (`application/problem+json`). Il membro `type` "
                "porta a una pagina che dice che fare; `code` è per i programmi e non cambia mai; "
                "`errors` nomina con puntatori JSON i punti sbagliati. Una richiesta rifiutata non ha "
                "cambiato nulla.",
                en="The answer is a document of RFC 9457 (`application/problem+json`). Its `type` leads "
                "to a page that says what to do; `code` is for programs and never changes; `errors` "
                "names what is wrong by JSON pointers. A request that was refused has changed nothing.",
            ),
        ),
    ),
    (
        "oauth",
        Labels(it="Programmi", en="Programs"),
        (
            Labels(
                it="Un programma chiede un token a `POST /oauth/token` con le sue credenziali (RFC 6749, "
                "4.4): un modulo `application/x-www-form-urlencoded`, con il segreto in Basic o nel "
                "modulo, oppure con un'asserzione firmata (`private_key_jwt`, RFC 7523). Il token vale "
                "un'ora; `POST /oauth/revoke` lo termina subito. "
                "`/.well-known/oauth-authorization-server` dice il resto.",
                en="A program asks for a token at `POST /oauth/token` by its credentials (RFC 6749, "
                "4.4): a form, `application/x-www-form-urlencoded`, with the secret by Basic or in the "
                "form, or with a signed assertion (`private_key_jwt`, RFC 7523). A token is good for an "
                "hour; `POST /oauth/revoke` ends it at once. `/.well-known/oauth-authorization-server` "
                "says the rest.",
            ),
            Labels(
                it="Qui i rifiuti sono quelli di OAuth (RFC 6749, 5.2): un oggetto JSON con `error` ed "
                "`error_description`, con 400, o con 401 se il programma non ha provato chi è.",
                en="Refusals are those of OAuth here (RFC 6749, 5.2): a JSON object with `error` and "
                "`error_description`, by 400, or by 401 where the program did not prove who it is.",
            ),
        ),
    ),
    (
        "idempotency",
        Labels(it="Riprovare senza doppioni", en="Trying again without doing it twice"),
        (
            Labels(
                it="Ogni POST che crea accetta `Idempotency-Key`, da 1 a 255 caratteri ASCII visibili. "
                "La stessa chiave con la stessa richiesta dà la stessa risposta per 24 ore, con "
                "`Idempotent-Replayed: true`; con un'altra richiesta dà 422. Mentre la prima è in corso, "
                "le altre attendono fino a due secondi e poi ricevono 409 con `Retry-After`; su SQLite, che "
                "ha un solo blocco per tutti quelli che scrivono, 503 `database-busy` con `Retry-After`, "
                "come ogni volta che la base dati è occupata: anche allora si ripete con la stessa chiave.",
                en="Every POST that creates takes an `Idempotency-Key` of 1 to 255 visible ASCII "
                "characters. The same key with the same request gets the same answer for 24 hours, with "
                "`Idempotent-Replayed: true`; with another request it gets 422. While the first is under "
                "way, the others wait for up to two seconds and then get 409 with `Retry-After`; on SQLite, "
                "which has one lock for all who write, 503 `database-busy` with `Retry-After`, as whenever "
                "the database is busy: then, too, send the same again with the same key.",
            ),
            Labels(
                it="Una richiesta rifiutata lascia libera la chiave. Una chiave è di chi la usa e di "
                "un'operazione sola. Un segreto si mostra una volta: nella risposta ripetuta al suo "
                "posto c'è `null`.",
                en="A request that was refused leaves its key free. A key is its caller's own, and of "
                "one operation. A secret is shown once: the repeated answer has `null` in its place.",
            ),
        ),
    ),
    (
        "versions",
        Labels(it="Non scrivere sopra gli altri", en="Not writing over others"),
        (
            Labels(
                it="Ciò che si legge come JSON sotto `/v1` ha un `ETag`: inviato in `If-None-Match`, la "
                "risposta è 304 se nulla è cambiato. Su ciò che si modifica (PATCH di dossier e "
                "iscrizioni, PUT di punteggi, attività e registro) lo si invia in `If-Match`: la "
                "modifica riesce solo se nessuno è arrivato prima, altrimenti 412. Per dossier e "
                "punteggi è necessario: senza, 428.",
                en="What is read as JSON below `/v1` has an `ETag`: sent in `If-None-Match`, the answer "
                "is 304 where nothing has changed. On what people edit (PATCH of dossiers and "
                "memberships, PUT of scores, activities and the register) send it in `If-Match`: a "
                "change succeeds only where nobody came first, else 412. For dossiers and scores it has "
                "to be there: without it, 428.",
            ),
        ),
    ),
    (
        "pages",
        Labels(it="Elenchi a pagine", en="Lists in pages"),
        (
            Labels(
                it="Gli elenchi danno `data` e `next_cursor`; la pagina seguente si chiede con `cursor`. "
                "`limit` dice quante righe; un cursore `null` è la fine.",
                en="Lists give `data` and `next_cursor`; the page that follows is asked for with "
                "`cursor`. `limit` says how many lines; a cursor of `null` is the end.",
            ),
            Labels(
                it="Dossier e credenziali si chiedono anche con `updated_since`: ciò che è cambiato da "
                "quell'istante. La volta dopo si invia l'istante in cui l'ultimo elenco è stato "
                "cominciato: qualcosa può tornare due volte, nulla manca.",
                en="Dossiers and credentials may be asked for with `updated_since`: what has changed "
                "since that instant. Next time, send the instant at which the last listing was begun: "
                "something may come twice, and nothing is missed.",
            ),
        ),
    ),
    (
        "limits",
        Labels(it="Limiti", en="Limits"),
        (
            Labels(
                it="Un corpo è al massimo di 1 MB, un modulo con file di 21 MB, un invio di righe di 64 "
                "MB. Ogni risposta a chi è noto dice in `RateLimit-Policy` quante richieste al minuto "
                "può fare e in `RateLimit` quante ne restano; chi va troppo in fretta riceve 429 con "
                "`Retry-After`.",
                en="A body is of at most 1 MB, a form with a file of 21 MB, a batch of 64 MB. Every "
                "answer to a known caller says in `RateLimit-Policy` how many requests a minute they may "
                "make, and in `RateLimit` how many are left; whoever asks too fast gets 429 with "
                "`Retry-After`.",
            ),
        ),
    ),
    (
        "batches",
        Labels(it="Molte righe insieme", en="Many rows at once"),
        (
            Labels(
                it="`POST /v1/batches` accoglie fino a 100.000 righe, in JSON lines o CSV: membri, "
                "credenziali da rilasciare, o decisioni prese altrove, che attesta un verbale (`POST "
                "/v1/minutes`). Tutto ciò che non dipende dallo stato è controllato subito: una riga "
                "sbagliata, e nulla è conservato. Poi 202: `GET` dice a che punto è, `results` che ne è "
                "di ogni riga, `cancellation` ferma le righe non ancora cominciate.",
                en="`POST /v1/batches` takes up to 100,000 rows, as JSON lines or CSV: members, "
                "credentials to issue, or decisions that were taken elsewhere, which minutes state "
                "(`POST /v1/minutes`). All that hangs on no state is checked at once: one row that is "
                "wrong, and nothing is kept. Then 202: `GET` says how far it is, `results` what became "
                "of each row, `cancellation` stops those that have not begun.",
            ),
            Labels(
                it="Con `dry_run=true` si dice che cosa accadrebbe, e nulla cambia. Una riga il cui "
                "`external_id` ha già prodotto qualcosa è saltata: un invio si può ripetere senza "
                "doppioni.",
                en="With `dry_run=true` it is said what would happen, and nothing changes. A row whose "
                "`external_id` made something before is skipped: a batch is safe to send again.",
            ),
        ),
    ),
    (
        "webhooks",
        Labels(it="Eventi", en="Events"),
        (
            Labels(
                it="Gli eventi nascono nella stessa transazione di ciò che riferiscono e non portano "
                "dati personali: l'oggetto si rilegge. `GET /v1/events` li dà nel loro ordine: chi "
                "prosegue da `next_cursor` non ne perde e ne vede ognuno una volta.",
                en="Events are written in the transaction that they tell of and carry no personal data: "
                "the object is read again. `GET /v1/events` gives them in their order: whoever goes on "
                "from `next_cursor` misses none and sees each once.",
            ),
            Labels(
                it="A un indirizzo di `POST /v1/webhook-endpoints` arrivano almeno una volta, firmati "
                "secondo Standard Webhooks; quelli sullo stesso oggetto nel loro ordine. Ogni 2xx entro "
                "15 secondi li accoglie; 410 disattiva l'indirizzo; altrimenti si riprova dieci volte in "
                "tre giorni. `webhook-id` è lo stesso a ogni invio.",
                en="To an address of `POST /v1/webhook-endpoints` they come at least once, signed as "
                "Standard Webhooks says; those about the same object in their order. Any 2xx within 15 "
                "seconds takes them; 410 disables the address; anything else is tried again, ten times "
                "in three days. `webhook-id` is the same however often it is sent.",
            ),
        ),
    ),
    (
        "time",
        Labels(it="Giorni e istanti", en="Days and instants"),
        (
            Labels(
                it="Gli istanti sono in UTC (RFC 3339). I giorni sono quelli di dove sta "
                "l'organizzazione, e l'ultimo vale fino alla fine.",
                en="Instants are in UTC (RFC 3339). Days are those of where the organisation is, and the "
                "last one counts through its end.",
            ),
        ),
    ),
)
