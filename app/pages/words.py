# ruff: noqa: RUF001 - these words are printed, with the dashes and apostrophes of print
"""The words of the pages themselves; the sentences of an answer are verification's own."""

from collections.abc import Mapping
from typing import Final

from app.core.labels import Labels

WORDS: Final[Mapping[str, Labels]] = {
    "language_it": Labels(it="Italiano", en="Italiano"),
    "language_en": Labels(it="English", en="English"),
    "languages": Labels(it="Lingua", en="Language"),
    "skip": Labels(it="Vai al contenuto", en="Skip to the content"),
    "tagline": Labels(it="Verifica degli attestati", en="Verification of attestations"),
    "footer": Labels(
        it="Questa pagina non usa cookie e non chiede nulla ad altri siti.",
        en="This page uses no cookies and asks nothing of other sites.",
    ),
    # the reference
    "api_title": Labels(it="L’API di Sigillo", en="The API of Sigillo"),
    "api_lead": Labels(
        it="Tutto ciò che un programma può chiedere, con esempi. Le descrizioni delle operazioni sono in "
        "inglese.",
        en="All that a program can ask for, with examples.",
    ),
    "api_document": Labels(it="Il documento OpenAPI 3.1", en="The OpenAPI 3.1 document"),
    "api_parts": Labels(it="Le parti", en="Its parts"),
    "api_operations": Labels(it="Operazioni", en="Operations"),
    "api_conventions": Labels(it="Convenzioni", en="Conventions"),
    "api_required": Labels(it="necessario", en="required"),
    "api_keyless": Labels(it="Non serve una chiave.", en="No key is needed."),
    "api_parameters": Labels(it="Parametri", en="Parameters"),
    "api_body": Labels(it="Corpo", en="Body"),
    "api_example": Labels(it="Esempio", en="Example"),
    "api_answer": Labels(it="Risposta", en="Answer"),
    "api_members": Labels(it="I suoi membri", en="Its members"),
    "api_hook": Labels(it="Al Suo indirizzo", en="To your address"),
    "api_hook_answers": Labels(it="Che cosa significa la Sua risposta", en="What your answer means"),
    "api_refusals": Labels(it="Rifiuti", en="Refusals"),
    "api_absent_title": Labels(it="Qui non c’è nessuna pagina", en="There is no page here"),
    "api_absent_detail": Labels(
        it="L’API non ha una parte né un problema di questo nome.",
        en="The API has no part and no problem of this name.",
    ),
    "problems_title": Labels(it="Che cosa può andare storto", en="What may go wrong"),
    "problems_lead": Labels(
        it="Ogni problema ha un codice che non cambia mai e una pagina che dice che fare.",
        en="Every problem has a code that never changes, and a page that says what to do.",
    ),
    "problem_happened": Labels(it="Che cosa è successo", en="What happened"),
    "problem_remedy": Labels(it="Che fare", en="What to do"),
    "problem_status": Labels(it="La risposta ha lo stato", en="The answer has the status"),
    "problem_detail": Labels(
        it="Il membro `detail` della risposta parla del caso preciso; `request_id` lo ritrova nel "
        "registro del servizio.",
        en="The member `detail` of the answer is about the very case; `request_id` finds it in the log "
        "of the service.",
    ),
    "verify_another": Labels(it="Verifica un altro attestato", en="Verify another attestation"),
    "for_machines": Labels(it="Per i programmi (JSON)", en="For programs (JSON)"),
    "report_problem": Labels(it="Segnala un problema", en="Report a problem"),
    # the answer
    "result": Labels(it="Esito", en="Result"),
    "checked": Labels(it="Controllato il", en="Checked on"),
    "test_banner": Labels(
        it="Questo documento serve a provare il servizio: non attesta nulla di nessuno.",
        en="This document was made to try the service out: it attests nothing about anybody.",
    ),
    "test_mark": Labels(it="TEST – senza valore", en="TEST – no value"),
    "clock_mark": Labels(it="Orologio spostato di", en="Clock moved by"),
    "clock_banner": Labels(
        it="Le date e gli esiti di questa pagina non sono quelli di oggi.",
        en="The dates and answers on this page are not those of today.",
    ),
    "holder": Labels(it="Titolare", en="Holder"),
    "holder_withheld": Labels(it="Nome non più disponibile", en="Name no longer available"),
    "profile": Labels(it="Profilo", en="Profile"),
    "standard": Labels(it="Norma di riferimento", en="Reference standard"),
    "issued_by": Labels(it="Rilasciato da", en="Issued by"),
    "issued_by_claimed": Labels(it="Dice di essere rilasciato da", en="Says it was issued by"),
    "valid_from": Labels(it="Valido dal", en="Valid from"),
    "valid_until": Labels(it="Valido fino al", en="Valid until"),
    "number": Labels(it="Numero", en="Number"),
    "state": Labels(it="Stato al controllo", en="Status when checked"),
    "identity": Labels(
        it="Confrontate il nome con un documento d’identità.",
        en="Compare the name with an identity document.",
    ),
    "identity_why": Labels(
        it="Il sigillo prova il documento, non chi ve lo mostra.",
        en="The seal proves the document, not the person who shows it.",
    ),
    "qr": Labels(it="Codice QR che apre questa pagina", en="QR code that opens this page"),
    "qr_caption": Labels(it="Apre questa pagina", en="Opens this page"),
    "nothing_shown": Labels(
        it="Il contenuto non è provato, perciò non viene mostrato.",
        en="The content is unproven, so it is not shown.",
    ),
    "nothing_shown_why": Labels(
        it="Mostrarlo vorrebbe dire ripetere le parole di chi potrebbe averlo falsificato. Chiedete il "
        "documento originale al titolare, oppure cercate il suo numero nel registro.",
        en="To show it would be to repeat the words of whoever may have forged it. Ask the holder for "
        "the original document, or look its number up in the register.",
    ),
    "checks": Labels(it="I controlli fatti", en="The checks made"),
    "no_checks": Labels(it="Non è stato fatto alcun controllo.", en="No check was made."),
    "seal_proves": Labels(it="Che cosa prova il sigillo", en="What the seal proves"),
    "seal_does_not_prove": Labels(it="Che cosa non prova", en="What it does not prove"),
    # the start page and its form
    "start_title": Labels(it="Verifica un attestato", en="Verify an attestation"),
    "start_lead": Labels(
        it="In pochi secondi sapete se un attestato è autentico, in vigore, sospeso, revocato o scaduto.",
        en="In seconds you know whether an attestation is genuine, in force, suspended, revoked or ended.",
    ),
    "by_number": Labels(it="Con il numero", en="By its number"),
    "number_label": Labels(it="Numero dell’attestato", en="Number of the attestation"),
    "number_hint": Labels(
        it="È stampato sotto il codice QR, per esempio DLE-26-7K3Q-F9XM-2T5H-65. "
        "Maiuscole e spazi non contano.",
        en="It is printed below the QR code, for example DLE-26-7K3Q-F9XM-2T5H-65. "
        "Capitals and spaces do not matter.",
    ),
    "by_file": Labels(it="Con il file o con una foto", en="By its file or a photo"),
    "file_label": Labels(it="File dell’attestato o foto del codice QR", en="File, or photo of the QR code"),
    "file_hint": Labels(
        it="Il documento che avete ricevuto, un PDF con il codice QR oppure una sua foto PNG o JPEG, fino a "
        "10 MB. Viene letto per rispondervi e non viene conservato.",
        en="The document that you were sent, a PDF with the QR code or a PNG or JPEG photo of it, up to "
        "10 MB. It is read to answer you and is not kept.",
    ),
    "verify": Labels(it="Verifica", en="Verify"),
    "scan_tip": Labels(
        it="Avete il foglio davanti? Inquadrate il codice QR con la fotocamera del telefono: "
        "controllate che l’indirizzo sia quello di questo sito.",
        en="Is the paper in front of you? Point your phone’s camera at the QR code, "
        "and check that the address is the one of this site.",
    ),
    # what the page does by itself, where the browser lets it
    "without_script": Labels(
        it="Questo browser non esegue lo script della pagina: scrivete il numero o inviate il file, e "
        "risponde il servizio.",
        en="This browser does not run the script of the page: type the number or send the file, and the "
        "service answers.",
    ),
    "verifying": Labels(it="Verifica in corso…", en="Verifying…"),
    "scan": Labels(it="Inquadra il codice QR", en="Scan the QR code"),
    "scan_aim": Labels(it="Inquadrate il codice QR", en="Point the camera at the QR code"),
    "scan_stop": Labels(it="Interrompi", en="Stop"),
    "photo_label": Labels(it="Fotografate il codice QR", en="Take a photo of the QR code"),
    "photo_hint": Labels(
        it="Questo browser non legge da solo i codici QR: la foto viene inviata al servizio, che la legge e "
        "non la conserva. Prima vi viene chiesto.",
        en="This browser does not read QR codes by itself: the photo is sent to the service, which reads it "
        "and does not keep it. You are asked first.",
    ),
    "by_text": Labels(it="Con il testo", en="By its text"),
    "text_label": Labels(
        it="Testo dell’attestato, o il suo indirizzo", en="Text of the attestation, or its address"
    ),
    "text_hint": Labels(
        it="Incollatelo qui, oppure trascinate il file in un punto qualsiasi della pagina: di regola viene "
        "verificato su questo dispositivo, senza inviarlo.",
        en="Paste it here, or drop the file anywhere on the page: as a rule it is verified on this device "
        "and not sent.",
    ),
    "consent_title": Labels(it="Per verificarlo bisogna inviarlo", en="To verify this, it has to be sent"),
    "consent_why": Labels(
        it="Questo documento non si può verificare sul dispositivo. Se siete d’accordo viene inviato a "
        "questo servizio, che lo legge per rispondervi e non lo conserva.",
        en="This document cannot be verified on the device. If you agree, it is sent to this service, which "
        "reads it to answer you and does not keep it.",
    ),
    "consent_yes": Labels(it="Invia e verifica", en="Send and verify"),
    "consent_no": Labels(it="Non inviare", en="Do not send"),
    "verified_here": Labels(
        it="Controllato su questo dispositivo: il documento non è stato inviato a nessuno.",
        en="Checked on this device: the document was sent to nobody.",
    ),
    "verified_offline": Labels(
        it="Controllato su questo dispositivo senza rete, con le copie di chiavi ed elenchi che conserva.",
        en="Checked on this device without a network, with the copies of keys and lists that it keeps.",
    ),
    "verified_there": Labels(
        it="Controllato dal servizio, a cui lo avete inviato.",
        en="Checked by the service, which you sent it to.",
    ),
    "list_signed": Labels(
        it="Sospensioni e revoche secondo l’elenco firmato il", en="Suspensions and revocations as of"
    ),
    "clock_differs": Labels(
        it="Attenzione: l’orologio di questo dispositivo non va d’accordo con quello del servizio. "
        "Le date qui sopra sono quelle del dispositivo.",
        en="Attention: the clock of this device does not agree with that of the service. "
        "The dates above are those of the device.",
    ),
    "holder_not_told": Labels(
        it="Il nome non è scritto nel codice", en="The name is not written in the code"
    ),
    # nothing found, mistyped, something went wrong
    "not_found_title": Labels(it="Nessun attestato con questo numero", en="No attestation has this number"),
    "not_found_detail": Labels(
        it="Il numero è scritto bene, ma il registro pubblico non ha nulla da mostrare per esso. "
        "Controllatelo sul documento; se è giusto, non fidatevi del documento e chiedete all’ente.",
        en="The number is well formed, but the public register has nothing to show for it. "
        "Compare it with the document; if it is right, do not rely on the document and ask the body.",
    ),
    "mistyped_title": Labels(it="Il numero non è scritto bene", en="The number is mistyped"),
    "mistyped_detail": Labels(
        it="Almeno un carattere è sbagliato o manca: lo dicono le due cifre di controllo in fondo. "
        "Correggetelo qui sotto.",
        en="At least one character is wrong or missing: the two check digits at the end tell. "
        "Correct it below.",
    ),
    "unreachable_title": Labels(it="Il registro non risponde", en="The register does not answer"),
    "unreachable_detail": Labels(
        it="In questo momento non possiamo dire nulla di questo attestato. Riprovate fra poco.",
        en="Just now nothing can be said of this attestation. Try again in a moment.",
    ),
    "astray_title": Labels(it="A questo indirizzo non c’è una pagina", en="No page is at this address"),
    "astray_detail": Labels(
        it="Confrontate l’indirizzo con quello che vi è stato dato, oppure scrivete qui sotto il numero "
        "dell’attestato.",
        en="Compare the address with the one that you were given, or type the number of the attestation "
        "below.",
    ),
    "oversized_title": Labels(it="Quello che avete inviato è troppo grande", en="What you sent is too large"),
    "oversized_detail": Labels(
        it="Si accettano file fino a 10 MB. Mandate una foto del solo codice QR, oppure scrivete qui sotto "
        "il numero dell’attestato.",
        en="Files of up to 10 MB are taken. Send a photo of the QR code alone, or type the number of the "
        "attestation below.",
    ),
    "hurried_title": Labels(it="Troppe richieste", en="Too many questions"),
    "hurried_detail": Labels(
        it="Da questo indirizzo arrivano troppe richieste: riprovate fra un minuto.",
        en="Too many questions come from this address: try again in a minute.",
    ),
    "defect_title": Labels(it="Qualcosa non ha funzionato", en="Something went wrong"),
    "defect_detail": Labels(
        it="Non c’è una risposta: riprovate fra poco, oppure scrivete qui sotto il numero dell’attestato.",
        en="There is no answer: try again in a moment, or type the number of the attestation below.",
    ),
    # a scheme
    "scheme_wording": Labels(it="Che cosa si rilascia", en="What is issued"),
    "scheme_validity": Labels(it="Anni di validità", en="Years of validity"),
    "scheme_version": Labels(it="Versione dello schema", en="Version of the scheme"),
    "scheme_criteria": Labels(it="Che cosa va dimostrato", en="What has to be shown"),
    "scheme_admission": Labels(it="Chi è ammesso alla valutazione", en="Who is admitted to the assessment"),
    "scheme_members": Labels(it="I soci in regola.", en="Members in good standing."),
    "scheme_paths": Labels(it="Basta una di queste vie.", en="Any one of these paths will do."),
    "scheme_degree": Labels(it="laurea di livello EQF almeno", en="a degree of EQF level at least"),
    "scheme_training": Labels(it="ore di formazione almeno", en="hours of training at least"),
    "scheme_experience": Labels(it="mesi di esperienza almeno", en="months of experience at least"),
    "scheme_projects": Labels(it="schede di progetto almeno", en="project sheets at least"),
    "scheme_not_found_title": Labels(it="Nessuno schema a questo indirizzo", en="No scheme has this address"),
    "scheme_not_found_detail": Labels(
        it="Confrontate l’indirizzo con quello scritto nel documento.",
        en="Compare the address with the one in the document.",
    ),
    # the front page
    "home_title": Labels(it="Competenze, con un sigillo", en="Competence, under seal"),
    "home_lead": Labels(
        it="Sigillo è il servizio con cui un’associazione professionale raccoglie i dossier dei propri soci, "
        "li fa valutare, decide e rilascia attestati che chiunque può verificare.",
        en="Sigillo is the service with which a professional association takes in its members’ dossiers, "
        "has them assessed, decides, and issues attestations that anyone can verify.",
    ),
    "home_verify": Labels(
        it="Avete in mano un attestato, un file o un codice QR?",
        en="Do you hold an attestation, a file or a QR code?",
    ),
    "home_programs": Labels(it="Documentazione per i programmi", en="Documentation for programs"),
}

RESULTS: Final[Mapping[str, Labels]] = {
    "valid": Labels(it="Valido", en="Valid"),
    "valid_with_warnings": Labels(it="Valido, con avvertenze", en="Valid, with warnings"),
    "invalid": Labels(it="Non valido", en="Not valid"),
    "unknown": Labels(it="Non confermato", en="Not confirmed"),
}

CHECKS: Final[Mapping[str, Labels]] = {
    "format": Labels(it="Formato", en="Format"),
    "integrity": Labels(it="Integrità del sigillo", en="Integrity of the seal"),
    "issuer_trust": Labels(it="Identità dell’ente", en="Identity of the body"),
    "validity_period": Labels(it="Periodo di validità", en="Period of validity"),
    "status": Labels(it="Sospensione e revoca", en="Suspension and revocation"),
    "register_match": Labels(it="Confronto con il registro", en="Comparison with the register"),
    "superseded": Labels(it="Documento più recente", en="Newest document"),
}

OUTCOMES: Final[Mapping[str, Labels]] = {
    "pass": Labels(it="Superato", en="Passed"),
    "fail": Labels(it="Non superato", en="Failed"),
    "warn": Labels(it="Attenzione", en="Warning"),
    "not_checked": Labels(it="Non controllato", en="Not checked"),
    "not_applicable": Labels(it="Non pertinente", en="Not applicable"),
}

STATES: Final[Mapping[str, Labels]] = {
    "active": Labels(it="In vigore", en="In force"),
    "suspended": Labels(it="Sospeso", en="Suspended"),
    "revoked": Labels(it="Revocato", en="Revoked"),
    "surrendered": Labels(it="Rinunciato dal titolare", en="Given up by the holder"),
    "expired": Labels(it="Scaduto", en="Ended"),
    "unknown": Labels(it="Non noto", en="Not known"),
    "not_yet_valid": Labels(it="Non ancora in vigore", en="Not in force yet"),
    "superseded": Labels(it="Non è più il documento attuale", en="No longer the current document"),
    "lapsed": Labels(it="Decaduto", en="Lapsed"),
}

# What the form could not take, by the code of the problem.
TROUBLES: Final[Mapping[str, Labels]] = {
    "busy": Labels(
        it="In questo momento il servizio non può esaminare quello che avete mandato: riprovate fra poco, o "
        "scrivete il numero.",
        en="Just now the service cannot look at what you sent: try again in a moment, or type the number.",
    ),
    "damaged": Labels(
        it="Il codice è arrivato rovinato: inquadratelo di nuovo, o scrivete il numero.",
        en="The code arrived damaged: scan it again, or type the number.",
    ),
    "defect": Labels(
        it="Qualcosa non ha funzionato e non c’è una risposta: riprovate, o scrivete il numero.",
        en="Something went wrong and there is no answer: try again, or type the number.",
    ),
    "hurried": Labels(
        it="Da questo indirizzo arrivano troppe richieste: riprovate fra un minuto.",
        en="Too many questions come from this address: try again in a minute.",
    ),
    "offline": Labels(
        it="Senza rete il documento non si può inviare: riprovate quando c’è.",
        en="Without a network the document cannot be sent: try again once there is one.",
    ),
    "number-offline": Labels(
        it="Senza rete un numero non si può cercare nel registro. Il codice QR si verifica anche senza.",
        en="Without a network no number can be looked up in the register. The QR code verifies without one.",
    ),
    "nothing-to-verify": Labels(
        it="Scrivete un numero oppure scegliete un file.", en="Type a number or choose a file."
    ),
    "mistyped": Labels(
        it="Il numero non è scritto bene: almeno un carattere è sbagliato o manca.",
        en="The number is mistyped: at least one character is wrong or missing.",
    ),
    "credential-not-found": Labels(
        it="Nessun attestato ha questo numero: confrontatelo con quello stampato sotto il codice QR.",
        en="No attestation has this number: compare it with the one printed below the QR code.",
    ),
    "file-unreadable": Labels(
        it="Non è stato possibile leggere quello che avete mandato: non è un testo né PNG, JPEG o PDF.",
        en="What you sent could not be read: it is neither text nor a PNG, a JPEG or a PDF.",
    ),
    "pdf-unreadable": Labels(
        it="Il PDF è rovinato, cifrato o troppo lungo: mandate solo la pagina con il codice QR, in un PDF "
        "senza password, oppure una sua foto.",
        en="The PDF is damaged, encrypted or too long: send only the page with the QR code, as a PDF "
        "without a password, or a photo of it.",
    ),
    "picture-unreadable": Labels(
        it="L’immagine è rovinata o non è PNG né JPEG: mandatene un’altra.",
        en="The picture is damaged, or neither PNG nor JPEG: send another one.",
    ),
    "picture-too-large": Labels(
        it="L’immagine è troppo grande: al massimo 10 MB e 25 megapixel.",
        en="The picture is too large: at most 10 MB and 25 megapixels.",
    ),
    "no-qr-found": Labels(
        it="Nell’immagine non si vede un codice QR: serve una foto nitida, con tutto il margine bianco.",
        en="No QR code can be seen in the picture: send a sharp photo, with all of the white margin.",
    ),
    "several-qr-found": Labels(
        it="Nell’immagine ci sono più codici QR: mandate una foto di uno solo.",
        en="There are several QR codes in the picture: send a photo of one alone.",
    ),
    "not-ours": Labels(
        it="Il codice QR porta a un altro sito: non l’abbiamo aperto e non possiamo dirne nulla.",
        en="The QR code leads to another site: we have not opened it and can say nothing about it.",
    ),
    "too-large": Labels(
        it="Il file è troppo grande: al massimo 10 MB.", en="The file is too large: at most 10 MB."
    ),
}
TROUBLE: Final = Labels(
    it="Non è stato possibile leggere quello che avete mandato: provate con il file originale o il numero.",
    en="What you sent could not be read: try the original file, or the number.",
)
