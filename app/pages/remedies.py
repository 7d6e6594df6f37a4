"""What went wrong, and what to do about it: words of the pages to which the `type` of a problem leads."""

from collections.abc import Mapping
from typing import Final

from app.core.labels import Labels

# What every kind of problem is called in Italian; in English it is called what it calls itself.
ITALIAN: Final[Mapping[str, str]] = {
    "admission-path-not-met": "Il dossier non soddisfa alcuna via di ammissione",
    "already-declared": "Su questo dossier è già stata resa una dichiarazione",
    "applicant-not-named": "Un programma dice per conto di chi agisce",
    "assessment-not-found": "Qui non c'è questa valutazione",
    "assessment-submitted": "La valutazione è consegnata e non cambia più",
    "assessor-not-eligible": "Questa persona non può giudicare questo dossier",
    "assessors-enough": "Il dossier ha già tutti i valutatori che può avere",
    "assigned-already": "Il dossier era già affidato a questo valutatore",
    "audit-not-finished": "Attività che contano non sono ancora state esaminate",
    "batch-not-found": "Qui non c'è questo invio di righe",
    "batch-rows-wrong": "Alcune righe non possono essere accolte; nulla è stato conservato",
    "batch-too-long": "Un invio ha meno righe",
    "case-file-changed": "Il fascicolo non è più quello su cui si è votato",
    "cause-not-allowed": "Lo schema non conosce questa causa",
    "changed-meanwhile": "Qualcuno l'ha cambiato nel frattempo",
    "client-not-found": "Qui non c'è questo programma",
    "conflict": "Lo stato attuale non lo consente",
    "conflict-of-interest": "Un conflitto di interessi La tiene lontana da questo dossier",
    "cpd-activity-closed-to-changes": "L'attività non può più essere cambiata",
    "cpd-activity-entered-already": "La stessa attività c'è già con altri dati: si corregga quella",
    "cpd-activity-incomplete": "Manca qualcosa perché l'attività possa essere dichiarata",
    "cpd-activity-not-found": "Non c'è questa attività",
    "cpd-activity-not-movable": "L'attività non è in uno stato che lo consente",
    "cpd-activity-too-many": "Il ciclo contiene già tutte le attività che può",
    "cpd-activity-wrong": "L'attività non è come la chiede lo schema",
    "cpd-cycle-not-found": "La credenziale non ha questo ciclo",
    "cpd-nothing-new": "Ciò che sostituisce un'attività respinta dice qualcosa di nuovo",
    "cpd-proof-not-found": "L'attività non ha questa prova",
    "cpd-proof-too-many": "L'attività contiene già tutte le prove che può",
    "cpd-proof-wrong": "La prova non è del genere che dice",
    "credential-hidden": "Il numero della credenziale è nascosto",
    "credential-issued-already": "La decisione ha già la sua credenziale",
    "credential-not-active": "Si fanno documenti solo di una credenziale in vigore",
    "credential-not-found": "Non c'è questa credenziale",
    "credential-not-movable": "La credenziale non è in uno stato che lo consente",
    "credential-open-already": "La persona ha già una credenziale aperta di questo schema",
    "cursor-unknown": "Il cursore non è dei nostri",
    "database-busy": "La base dati è occupata o non è raggiungibile",
    "decision-not-found": "Qui non c'è questa decisione",
    "decision-not-granted": "La decisione non è una concessione",
    "decision-not-open": "La decisione non accoglie più voti",
    "decision-not-published": "La decisione non è pubblicata",
    "decision-opened-already": "Il dossier ha già una decisione in questo turno",
    "decision-published-already": "La decisione è pubblicata e non cambia mai",
    "declaration-required": "Prima si dichiarino i legami con la persona candidata",
    "deliveries-too-many": "Per oggi è stata inviata abbastanza volte",
    "delivery-not-configured": "Questo servizio non consegna ad alcun portafoglio",
    "delivery-not-found": "Qui non c'è questa consegna",
    "delivery-waiting": "Il documento è già in viaggio verso un portafoglio",
    "development-key": "Un'organizzazione operativa non firma con chiavi di sviluppo",
    "document-not-found": "La credenziale non ha questo documento",
    "dossier-closed-to-changes": "Il dossier è stato consegnato e non cambia più",
    "dossier-incomplete": "Il dossier non è completo",
    "dossier-not-found": "Qui non c'è questo dossier",
    "dossier-not-movable": "Il dossier non è in uno stato che lo consente",
    "dossier-not-submitted": "Il dossier non è ancora stato consegnato",
    "dossier-open-already": "La persona ha già un dossier aperto per questo schema",
    "draw-done-already": "Questo sorteggio è già stato tenuto",
    "draw-empty": "Nessun rinnovo attende questo sorteggio",
    "draw-not-found": "Non c'è questo sorteggio",
    "edition-missing": "La richiesta non dice quale edizione cambia",
    "evidence-fields-wrong": "I dati della prova non sono come li chiede lo schema",
    "evidence-not-found": "Nel dossier non c'è questa prova",
    "evidence-too-many": "Il dossier ne contiene già quante può di questo genere",
    "exemption-given-already": "Questo esonero è già stato concesso",
    "exemption-not-allowed": "Lo schema non conosce un simile esonero",
    "external-id-reused": "Con questo external_id era già venuta un'altra riga",
    "file-infected": "Il file contiene codice malevolo e non è dato a nessuno",
    "file-missing": "Il file non è stato trovato",
    "file-refused": "Questo file non è accolto",
    "file-too-large": "Il file è troppo grande",
    "file-unreadable": "Il file non è leggibile",
    "hurried": "Troppe richieste in poco tempo",
    "host-named": "I documenti dell'organizzazione portano il suo host",
    "host-not-usable": "L'organizzazione non può avere questo host",
    "host-taken": "Un'altra organizzazione ha questo host",
    "idempotency-in-flight": "Una richiesta con questa Idempotency-Key è in corso",
    "idempotency-key-reused": "Questa Idempotency-Key è già stata usata per un'altra richiesta",
    "interview-booked-already": "Un colloquio è già fissato",
    "interview-not-acceptable": "Il colloquio non è come lo chiede lo schema",
    "interview-not-booked": "Il colloquio è stato tenuto o annullato",
    "interview-not-found": "Qui non c'è questo colloquio",
    "interview-not-yet": "Il colloquio non è ancora cominciato",
    "interview-required": "Un ripristino richiede un colloquio",
    "jwk-not-found": "Il programma non ha questa chiave",
    "jwk-not-usable": "Non è una chiave pubblica con cui si possano firmare asserzioni",
    "jwk-taken": "Il programma ha già una chiave con questo nome",
    "key-ended": "La chiave è già terminata",
    "key-not-accepted": "La chiave manca, è sconosciuta, scaduta o revocata",
    "key-not-found": "Qui non c'è questa chiave",
    "key-not-usable": "La chiave di firma non può essere usata",
    "last-administrator": "Non resterebbe nessuno che dia chiavi e ruoli",
    "level-not-offered": "Il documento non è offerto a questo livello",
    "lint-failed": "Il documento romperebbe una regola del suo formato",
    "malformed": "La richiesta non è nella forma che serve",
    "mark-refused": "Il marchio dell'ente non è un'immagine che può stare su una pagina",
    "meeting-not-found": "Qui non c'è questa riunione",
    "meeting-not-held": "La riunione non si è ancora tenuta",
    "meeting-too-early": "La riunione si è tenuta prima che il dossier fosse pronto",
    "membership-not-found": "Qui non c'è questa iscrizione",
    "membership-not-valid": "L'iscrizione non è in vigore",
    "membership-number-taken": "Il numero di iscrizione è di un'altra persona",
    "minutes-missing": "Le decisioni si importano con il verbale che le attesta",
    "minutes-not-found": "Qui non c'è questo verbale",
    "minutes-wrong": "Le cifre del verbale non concordano",
    "minutes-too-old": "Le decisioni si importano poco dopo che il loro verbale è stato registrato",
    "mistyped": "Il numero è scritto male",
    "name-too-long": "Su una credenziale non c'è posto per il nome",
    "no-qr-found": "Nell'immagine non è stato trovato alcun codice QR",
    "no-quorum": "Il comitato non ha il numero legale su questo caso",
    "no-votes": "Nessuno ha votato",
    "not-allowed": "Non spetta a Lei",
    "not-found": "Qui non è stato trovato nulla",
    "not-ours": "L'indirizzo non è dei nostri",
    "not-printable": "L'attestato non può essere composto sulla sua pagina",
    "not-the-holder": "Solo chi ha la credenziale la fa consegnare e vede dove",
    "not-your-assessment": "Può farlo solo chi valuta",
    "not-your-cpd-activity": "Può farlo solo chi ha la credenziale",
    "not-your-dossier": "Può farlo solo la persona candidata",
    "not-your-interview": "Possono farlo solo la commissione del colloquio e l'ufficio",
    "nothing-to-verify": "Non c'è nulla da verificare",
    "organisation-not-found": "Non c'è questa organizzazione",
    "own-cpd-activity": "Nessuno esamina le proprie attività",
    "own-credential": "Nessuno emette, sospende, ripristina o revoca la propria credenziale",
    "own-dossier": "Nessuno agisce per l'organizzazione su un dossier proprio",
    "own-exemption": "Nessuno concede un esonero a sé",
    "own-renewal": "Nessuno decide il proprio rinnovo",
    "pdf-unreadable": "Il PDF non è leggibile",
    "period-inverted": "Il periodo finisce prima di cominciare",
    "permission-missing": "La chiave non porta questo permesso",
    "person-of-another-name": "La persona che la riga intende ha un altro nome",
    "person-not-found": "Qui non c'è questa persona",
    "picture-too-large": "L'immagine è troppo grande",
    "picture-unreadable": "L'immagine non è leggibile",
    "proof-not-offered": "Questo servizio non aggiunge marche temporali ai documenti",
    "proof-unavailable": "La prova non si è potuta avere in questo momento",
    "publication-barred": "Lei non pubblica questa decisione",
    "qr-leads-nowhere": "Un codice QR di questa credenziale non porterebbe da nessuna parte",
    "reasons-missing": "La decisione ha bisogno delle sue ragioni",
    "renewal-filed-already": "Il rinnovo di questo ciclo è già stato presentato",
    "renewal-not-eligible": "L'aggiornamento svolto non basta ancora",
    "renewal-not-found": "Non c'è questo rinnovo",
    "renewal-not-movable": "Il rinnovo non è in uno stato che lo consente",
    "renewal-not-open": "La credenziale non può essere rinnovata in questo momento",
    "review-not-allowed": "Una sospensione si riesamina dopo oggi ed entro il limite dello schema",
    "reviewer-decides-not": "Chi ha esaminato le attività non decide il rinnovo",
    "role-already-held": "La persona ha già questo ruolo",
    "role-not-held": "La persona non ha questo ruolo",
    "rule-broken": "Una regola è infranta",
    "scanner-unavailable": "L'antivirus non risponde, perciò nessun file è accolto",
    "scheme-invalid": "Lo schema infrange una regola che ogni schema rispetta",
    "scheme-not-found": "Non c'è questo schema",
    "scope-not-grantable": "Questo permesso non può essere dato a chi lo avrebbe",
    "scores-not-acceptable": "I punteggi non possono restare così",
    "seal-not-provable": "Il certificato del sigillo non è più buono",
    "secret-not-found": "Il programma non ha questo segreto",
    "secret-rotated-often": "Il segreto è già stato sostituito quante volte può esserlo in un giorno",
    "separation-broken": "Chi ha giudicato questo caso ha votato nella stessa riunione",
    "several-qr-found": "Nell'immagine sono stati trovati più codici QR",
    "signing-failed": "La firma non si è potuta fare in questo momento",
    "status-list-not-found": "Non c'è questa lista di stato",
    "still-blind": "I punteggi si mostrano quando ci sono tutti",
    "thresholds-not-met": "Il dossier non raggiunge le soglie",
    "too-large": "È stato inviato troppo",
    "too-many-proofs": "Il programma ha già tutti i segreti o le chiavi che può avere",
    "too-many-webhook-endpoints": "L'organizzazione ha già tutti gli indirizzi per eventi che può avere",
    "too-many-batches": "Attendono già tanti lotti quanti possono",
    "trial-credential": "La credenziale è stata emessa per prova",
    "unauthenticated": "Serve una chiave valida",
    "vote-barred": "Lei non vota su questo caso",
    "voted-already": "Ogni membro ha un voto",
    "votes-not-countable": "Ha votato qualcuno che non può votare su questo caso",
    "votes-outstanding": "Non ha ancora votato chiunque può votare",
    "webhook-address-refused": "A questo indirizzo non si invia nulla",
    "webhook-delivery-not-found": "A questo indirizzo non c'è questo invio",
    "webhook-endpoint-disabled": "L'indirizzo per eventi è disattivato",
    "webhook-endpoint-not-found": "Qui non c'è questo indirizzo per eventi",
    "webhooks-unavailable": "In questo momento il servizio non invia eventi",
}
# What to do, by the status of the answer; and where there is more to say, by its code.
BY_STATUS: Final[Mapping[int, Labels]] = {
    401: Labels(
        it="Invii una chiave in vigore come `Authorization: Bearer …`. Una chiave si ottiene "
        "dall'amministrazione della propria organizzazione, che può anche revocarla.",
        en="Send a key that is in force as `Authorization: Bearer …`. Keys are given, and revoked, by the "
        "administrators of your organisation.",
    ),
    403: Labels(
        it="La richiesta è giusta, ma non spetta a chi la fa: la faccia chi ha il ruolo necessario. "
        "Ripeterla uguale dà la stessa risposta.",
        en="The request is sound, and not its sender's to make: let somebody with the role make it. Sent "
        "again as it is, it gets the same answer.",
    ),
    404: Labels(
        it="Controlli l'identificativo. Ciò che è di un'altra organizzazione risponde come ciò che non c'è.",
        en="Check the identifier. What belongs to another organisation answers like what does not exist.",
    ),
    409: Labels(
        it="Rilegga l'oggetto e guardi il suo stato: nulla è stato cambiato. Si può riprovare quando lo "
        "stato lo consente.",
        en="Read the object again and look at its state: nothing was changed. Try again once the state "
        "allows it.",
    ),
    412: Labels(
        it="Rilegga l'oggetto, riporti la modifica sulla versione nuova e la invii con il suo `ETag`.",
        en="Read the object again, carry your change over to the new version and send it with its `ETag`.",
    ),
    413: Labels(
        it="Invii meno: la risposta dice quanto è accolto.",
        en="Send less: the answer says how much is taken in.",
    ),
    422: Labels(
        it="Legga `detail` e gli altri membri della risposta: dicono che cosa correggere. Nulla è stato "
        "cambiato.",
        en="Read `detail` and the other members of the answer: they say what to mend. Nothing was changed.",
    ),
    428: Labels(
        it="Legga l'oggetto e invii la modifica con il suo `ETag` in `If-Match`.",
        en="Read the object, and send the change with its `ETag` in `If-Match`.",
    ),
    429: Labels(
        it="Attenda i secondi che dice `Retry-After`, poi riprovi.",
        en="Wait for the seconds that `Retry-After` says, then try again.",
    ),
}
BY_CODE: Final[Mapping[str, Labels]] = {
    "malformed": Labels(
        it="`errors` nomina ogni punto sbagliato con un puntatore JSON (RFC 6901) e dice che cosa serve "
        "lì. Ciò che è stato inviato non è ripetuto nella risposta.",
        en="`errors` names each place that is wrong by a JSON pointer (RFC 6901) and says what is needed "
        "there. What was sent is not repeated in the answer.",
    ),
    "permission-missing": Labels(
        it="`needs` dice quale permesso manca. Serve la chiave di una persona con quel ruolo, o un "
        "programma con quel permesso; alcuni permessi li hanno solo persone.",
        en="`needs` says which permission is missing. Use the key of a person in that role, or of a "
        "program with that scope; some permissions are held by persons alone.",
    ),
    "credential-issued-already": Labels(
        it="Nulla è andato storto: la credenziale c'è già, una sola. La si legga nel registro.",
        en="Nothing went wrong: the credential is there, exactly once. Read it in the register.",
    ),
    "signing-failed": Labels(
        it="Nulla è perduto: ciò che attende è firmato appena la chiave risponde. Si può riprovare tra poco.",
        en="Nothing is lost: what waits is signed as soon as the key answers. Try again in a moment.",
    ),
    "key-not-usable": Labels(
        it="Lo risolve chi gestisce il servizio: la risposta dice che cos'ha la chiave. Nulla è perduto.",
        en="This is for the operator of the service: the answer says what is wrong with the key. Nothing "
        "is lost.",
    ),
    "proof-unavailable": Labels(
        it="Riprovi più tardi: chi marca il tempo non ha risposto. Il documento resta valido com'è.",
        en="Try again later: the time-stamp authority did not answer. The document stays as good as it is.",
    ),
    "scanner-unavailable": Labels(
        it="Riprovi più tardi. Senza antivirus nessun file entra.",
        en="Try again later. Without a scanner, no file comes in.",
    ),
    "database-busy": Labels(
        it="Attenda i secondi che dice `Retry-After`. Se la richiesta aveva una `Idempotency-Key`, la ripeta "
        "con la stessa: l'effetto non è mai doppio. Se non l'aveva e cambia qualcosa, prima rilegga come "
        "stanno le cose: può essere stata eseguita, oppure no.",
        en="Wait for the seconds that `Retry-After` says. If the request had an `Idempotency-Key`, send it "
        "again with the same one: the effect never comes twice. If it had none and changes something, read "
        "first how things stand: it may have been carried out, or not.",
    ),
    "idempotency-in-flight": Labels(
        it="Attenda i secondi che dice `Retry-After` e ripeta la stessa richiesta con la stessa chiave: avrà "
        "la risposta della prima. Non ne tragga un'altra, o l'effetto potrebbe essere doppio.",
        en="Wait for the seconds that `Retry-After` says, and send the same request with the same key: it "
        "gets the answer to the first one. Do not draw another key, or the effect may come twice.",
    ),
    "idempotency-key-reused": Labels(
        it="Una chiave vale per una sola richiesta: la stessa operazione, lo stesso corpo, gli stessi "
        "parametri. Per una richiesta nuova se ne tragga una nuova.",
        en="A key stands for one request alone: the same operation, body and parameters. Draw a new one for "
        "a new request.",
    ),
    "batch-rows-wrong": Labels(
        it="`errors` nomina i punti sbagliati, con riga e codice; `faults` dice quanti sono in tutto. Li "
        "corregga e invii di nuovo tutto: nulla è stato conservato.",
        en="`errors` names what is wrong, by line and code; `faults` says how much that is in all. Mend it "
        "and send all of it again: nothing was kept.",
    ),
    "lint-failed": Labels(
        it="Il documento non è stato fatto e nulla è stato firmato: `findings` dice quali regole "
        "romperebbe. Ciò che era deciso resta deciso, e di un lotto resta ciò che la riga ha "
        "registrato: corretta la causa, si chieda di nuovo. Se il nome è troppo lungo, si invii la riga "
        "con un `name_on_credential` più breve.",
        en="The document was not made and nothing was signed: `findings` says which rules it would break. "
        "What was decided stays decided, and of a batch what the row entered stays: once the cause is "
        "mended, ask again. Where the name is too long, send the row with a shorter "
        "`name_on_credential`.",
    ),
    "name-too-long": Labels(
        it="Il codice QR sulla carta contiene il nome, e ha posto per i byte che dice la risposta: una "
        "lettera accentata, greca o cirillica ne prende due. Si dia un `name_on_credential` che sia più "
        "breve. Per questa richiesta o riga nulla è stato fatto.",
        en="The QR code on paper holds the name, and has room for as many bytes as the answer says; an "
        "accented, Greek or Cyrillic letter takes two. Give a `name_on_credential` that is shorter. "
        "Nothing was done for this request or row.",
    ),
    "decision-not-published": Labels(
        it="Si pubblichi prima la decisione. Se porta un giorno futuro, l'orologio del server era avanti "
        "quando fu pubblicata: si chieda di nuovo da quel giorno.",
        en="Publish the decision first. Where it bears a day to come, the server's clock stood ahead when it "
        "was published: ask again from that day on.",
    ),
    "external-id-reused": Labels(
        it="Con questo `external_id` una riga di contenuto diverso ha già fatto qualcosa, e per questa non "
        "è stato fatto nulla. Ogni riga abbia un identificativo proprio, anche tra programmi diversi; "
        "chi è già registrato non si cambia con un lotto.",
        en="A row that said something else has made something under this `external_id`, and nothing was "
        "done for this one. Give each row an id of its own, across all your programs; who is entered "
        "already is not changed by a batch.",
    ),
    "person-of-another-name": Labels(
        it="Il numero di iscrizione o l'`external_id` è di una persona che si chiama diversamente, o la "
        "cui credenziale porta già un altro nome. Si controlli di chi è la riga: non ha fatto nulla.",
        en="The membership number or the `external_id` belongs to somebody of another name, or whose "
        "credential bears another name already. Check whose row it is: it did nothing.",
    ),
    "webhook-address-refused": Labels(
        it="Serve un indirizzo https pubblico, sulla porta solita, senza utente né frammento, che non "
        "rimandi "
        "altrove. Gli indirizzi interni non sono mai raggiunti.",
        en="An https address of the public internet is needed, on the usual port, without user and fragment, "
        "that does not redirect. Internal addresses are never reached.",
    ),
    "secret-rotated-often": Labels(
        it="Attenda: un segreto sostituito firma ancora per 24 ore, e se ne tengono cinque. "
        "`former_secret_until` dice quando finisce l'ultimo. L'ultimo segreto dato resta in vigore.",
        en="Wait: a secret that was replaced signs for 24 hours more, and five of them are kept. "
        "`former_secret_until` says when the last one ends. The last secret that was given stays in force.",
    ),
    "webhook-endpoint-disabled": Labels(
        it="Lo riattivi con `PATCH` e `disabled: false`: riprende da dove si era fermato. `disabled_reason` "
        "dice perché era disattivato.",
        en="Enable it by `PATCH` with `disabled: false`: it goes on where it stopped. `disabled_reason` says "
        "why it was disabled.",
    ),
    "mistyped": Labels(
        it="Confronti il numero con quello stampato: le cifre di controllo non tornano, quindi almeno un "
        "carattere è sbagliato.",
        en="Compare the number with the printed one: its check digits do not fit, so at least one "
        "character is wrong.",
    ),
}


def remedy(code: str, status: int) -> Labels:
    """Say what to do about a problem."""
    return BY_CODE.get(code) or BY_STATUS.get(status) or BY_STATUS[422]
