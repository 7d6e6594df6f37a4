"""Papers that others issue to a candidate: a degree, a course attestation, an employer's statement.

What they state comes from the fields of `dossier.yaml`, so that paper and dossier cannot disagree.
"""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from reportlab.graphics import renderPDF
from reportlab.lib.enums import TA_CENTER
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from .ink import FICTION, GREY, HAIRLINE, INK, Look, emblem, handwritten, in_words

Fields = Mapping[str, Any]


def degree(holder: str, fields: Fields, look: Look, *, mark: str, rector: str, number: str) -> bytes:
    """A parchment with a double border, in the manner of Italian universities."""
    wide, high = landscape(A4)
    paper, canvas = _sheet(landscape(A4), f"{fields['title']}, {holder}", fields["institution"])
    for inset, line in ((11, 2.2), (13.5, 0.6)):
        canvas.setStrokeColor(look.accent)
        canvas.setLineWidth(line)
        canvas.rect(inset * mm, inset * mm, wide - 2 * inset * mm, high - 2 * inset * mm)
    renderPDF.draw(emblem(look, 27 * mm), canvas, wide / 2 - 13.5 * mm, high - 50 * mm)
    lines = (
        ("Times-Bold", 23, 64, INK, fields["institution"]),
        ("Times-Italic", 11, 71, GREY, "(ente di fantasia)"),
        (
            "Times-Roman",
            13,
            85,
            INK,
            "In nome della legge e in virtù dei poteri dell'ateneo, si conferisce a",
        ),
        ("Times-BoldItalic", 29, 100, look.accent, holder),
        ("Times-Roman", 13, 112, INK, "la"),
        ("Times-Bold", 19, 121, INK, fields["title"]),
        (
            "Times-Roman",
            12.5,
            132,
            INK,
            f"livello {fields['eqf_level']} del Quadro europeo delle qualifiche (EQF), votazione {mark}",
        ),
        ("Times-Roman", 12.5, 140, INK, f"conseguita il {in_words(fields['awarded_on'])}"),
    )
    for font, size, down, colour, text in lines:
        canvas.setFont(font, size)
        canvas.setFillColor(colour)
        canvas.drawCentredString(wide / 2, high - down * mm, text)
    _signed(canvas, "La rettrice", rector, wide - 98 * mm, 30 * mm)
    canvas.setFont("Times-Roman", 10)
    canvas.setFillColor(GREY)
    canvas.drawString(32 * mm, 34 * mm, f"Registro degli esami finali n. {number}")
    return _finished(paper, canvas, wide)


def attestation(
    holder: str, fields: Fields, look: Look, *, topics: list[str], teacher: str, number: str, exam: str
) -> bytes:
    """A course attestation: coloured band on the left, facts on the right."""
    wide, high = landscape(A4)
    paper, canvas = _sheet(landscape(A4), f"Attestato, {holder}", fields["provider"])
    canvas.setFillColor(look.accent)
    canvas.rect(0, 0, 62 * mm, high, stroke=0, fill=1)
    renderPDF.draw(emblem(look, 34 * mm), canvas, 14 * mm, high - 56 * mm)
    _flow(
        canvas,
        fields["provider"],
        10 * mm,
        high - 64 * mm,
        42 * mm,
        font="Helvetica-Bold",
        size=13,
        colour="white",
        centred=True,
    )
    canvas.setFillColor("white")
    canvas.setFont("Helvetica-Bold", 38)
    canvas.drawCentredString(31 * mm, 42 * mm, str(fields["hours"]))
    canvas.setFont("Helvetica", 12)
    canvas.drawCentredString(31 * mm, 34 * mm, "ore")
    left, room = 78 * mm, wide - 98 * mm
    canvas.setFillColor(look.accent)
    canvas.setFont("Helvetica-Bold", 24)
    canvas.drawString(left, high - 34 * mm, "Attestato di frequenza e profitto")
    canvas.setFillColor(GREY)
    canvas.setFont("Helvetica", 11)
    canvas.drawString(left, high - 50 * mm, "si attesta che")
    canvas.setFillColor(INK)
    canvas.setFont("Helvetica-Bold", 22)
    canvas.drawString(left, high - 61 * mm, holder)
    canvas.setFillColor(GREY)
    canvas.setFont("Helvetica", 11)
    canvas.drawString(left, high - 71 * mm, f"ha concluso il {in_words(fields['ended_on'])} il corso")
    below = _flow(canvas, fields["title"], left, high - 77 * mm, room, font="Helvetica-Bold", size=15)
    below -= 3 * mm
    for topic in topics:
        below = _flow(canvas, f"•&nbsp;&nbsp;{topic}", left + 2 * mm, below - 1.5 * mm, room, size=11)
    canvas.setStrokeColor(HAIRLINE)
    canvas.line(left, below - 5 * mm, left + room, below - 5 * mm)
    _flow(canvas, f"Durata: {fields['hours']} ore. {exam}", left, below - 8 * mm, room, size=10.5)
    _signed(canvas, "Il responsabile del corso", teacher, wide - 88 * mm, 27 * mm)
    canvas.setFillColor(GREY)
    canvas.setFont("Helvetica", 9)
    canvas.drawString(left, 30 * mm, f"Attestato n. {number}")
    return _finished(paper, canvas, wide, left=left)


def statement(
    holder: str,
    fields: Fields,
    look: Look,
    *,
    address: str,
    signer: str,
    office: str,
    written: str,
    notes: str,
) -> bytes:
    """An employer's statement on letter paper."""
    wide, high = A4
    paper, canvas = _sheet(A4, f"Dichiarazione, {holder}", fields["employer"])
    renderPDF.draw(emblem(look, 17 * mm), canvas, 24 * mm, high - 40 * mm)
    canvas.setFillColor(look.accent)
    canvas.setFont("Helvetica-Bold", 16)
    canvas.drawString(46 * mm, high - 30 * mm, fields["employer"])
    canvas.setFillColor(GREY)
    canvas.setFont("Helvetica", 8.5)
    canvas.drawString(46 * mm, high - 36 * mm, f"{address} · azienda di fantasia")
    canvas.setStrokeColor(look.accent)
    canvas.setLineWidth(1.2)
    canvas.line(24 * mm, high - 44 * mm, wide - 24 * mm, high - 44 * mm)
    left, room = 24 * mm, wide - 48 * mm
    below = _flow(
        canvas, f"{address.rsplit(', ', maxsplit=1)[-1]}, {in_words(written)}", left, high - 58 * mm, room
    )
    below = _flow(
        canvas,
        "Oggetto: dichiarazione di servizio",
        left,
        below - 8 * mm,
        room,
        font="Helvetica-Bold",
        size=12,
    )
    whole = "a tempo pieno" if fields["fte_pct"] == 100 else f"al {fields['fte_pct']} % dell'orario"
    below = _flow(
        canvas,
        f"Si dichiara, su richiesta di chi vi ha interesse e per gli usi consentiti, che <b>{holder}</b> "
        f"ha prestato servizio presso la nostra azienda {whole}, "
        f"dal <b>{in_words(fields['from'])}</b> al <b>{in_words(fields['to'])}</b>, "
        f"con il ruolo di <b>{fields['role']}</b>.",
        left,
        below - 7 * mm,
        room,
    )
    below = _flow(canvas, "Compiti svolti", left, below - 6 * mm, room, font="Helvetica-Bold")
    for duty in fields["duties"].rstrip(".").split("; "):
        below = _flow(
            canvas,
            f"•&nbsp;&nbsp;{duty[0].upper()}{duty[1:]}.",
            left + 4 * mm,
            below - 1.5 * mm,
            room - 4 * mm,
        )
    below = _flow(canvas, notes, left, below - 6 * mm, room)
    below = _flow(canvas, "In fede,", left, below - 8 * mm, room)
    _signed(canvas, office, signer, left, below - 34 * mm)
    return _finished(paper, canvas, wide)


def _sheet(size: tuple[float, float], title: str, author: str) -> tuple[BytesIO, Canvas]:
    paper = BytesIO()
    # Invariant and uncompressed: the same bytes on every run and with every build of zlib.
    canvas = Canvas(paper, pagesize=size, invariant=1, pageCompression=0, lang="it-IT")
    canvas.setTitle(title)
    canvas.setAuthor(author)
    canvas.setSubject(FICTION)
    return paper, canvas


def _flow(
    canvas: Canvas,
    text: str,
    x: float,
    top: float,
    room: float,
    *,
    font: str = "Helvetica",
    size: float = 10.5,
    colour: Any = INK,
    centred: bool = False,
) -> float:
    """Set a paragraph below `top` and say where it ends."""
    style = ParagraphStyle("flow", fontName=font, fontSize=size, leading=size * 1.42, textColor=colour)
    if centred:
        style.alignment = TA_CENTER
    paragraph = Paragraph(text, style)
    _, height = paragraph.wrap(room, top)
    paragraph.drawOn(canvas, x, top - height)
    return float(top - height)


def _signed(canvas: Canvas, office: str, signer: str, x: float, y: float) -> None:
    renderPDF.draw(handwritten(signer), canvas, x, y + 3 * mm)
    canvas.setStrokeColor(HAIRLINE)
    canvas.setLineWidth(0.6)
    canvas.line(x, y + 3 * mm, x + 62 * mm, y + 3 * mm)
    canvas.setFillColor(INK)
    canvas.setFont("Helvetica", 9)
    canvas.drawString(x, y - 1.5 * mm, signer)
    canvas.setFillColor(GREY)
    canvas.setFont("Helvetica", 8)
    canvas.drawString(x, y - 5.5 * mm, office)


def _finished(paper: BytesIO, canvas: Canvas, wide: float, left: float = 0) -> bytes:
    canvas.setFillColor(GREY)
    canvas.setFont("Helvetica", 7)
    canvas.drawCentredString((left + wide) / 2, 5.5 * mm, FICTION)
    canvas.showPage()
    canvas.save()
    return paper.getvalue()
