"""Sets the little Markdown of `sources/` as A4 pages: enough for a CV, a project sheet and a pledge."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final
from xml.sax.saxutils import escape

import yaml
from reportlab.graphics.shapes import Circle, Drawing, Line, PolyLine, String
from reportlab.lib.colors import white
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import (
    CondPageBreak,
    HRFlowable,
    KeepTogether,
    PageBreak,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
)

from .ink import FICTION, GREY, HAIRLINE, INK, Look, handwritten

EDGE: Final = 20 * mm
WIDTH: Final = A4[0] - 2 * EDGE
PADDING: Final = 6  # of the frame that reportlab lays on the page
ENTRY: Final = 31 * mm
UNITS: Final = r"(?:[kM]?Wh?|ms|GB|mm|%|M|s|kg|ore|hours)\b|%"

BODY: Final = ParagraphStyle(
    "body", fontName="Helvetica", fontSize=9.5, leading=13.2, textColor=INK, spaceAfter=5
)
CELL: Final = ParagraphStyle("cell", BODY, fontSize=8.5, leading=11, spaceAfter=0)
TITLE: Final = ParagraphStyle("title", BODY, fontName="Helvetica-Bold", fontSize=19, leading=23, spaceAfter=2)
BYLINE: Final = ParagraphStyle("byline", BODY, fontSize=9.4, leading=13, textColor=GREY, spaceAfter=1)
ITEM: Final = ParagraphStyle("item", BODY, leftIndent=11, bulletIndent=1, spaceAfter=2.5)
NUMBERED: Final = ParagraphStyle("numbered", BODY, leftIndent=18, bulletIndent=0, spaceAfter=5)


def pages(source: str, look: Look, *, title: str, author: str, language: str = "it-IT") -> bytes:
    """The finished document. Set twice: a page says how many there are, known only at the end."""
    return _set(source, look, title, author, language, _set(source, look, title, author, language, None)[1])[
        0
    ]


def _set(source: str, look: Look, title: str, author: str, lang: str, total: int | None) -> tuple[bytes, int]:
    def dress(canvas: Any, document: Any) -> None:
        canvas.setFillColor(look.accent)
        canvas.rect(0, A4[1] - 4 * mm, A4[0], 4 * mm, stroke=0, fill=1)
        canvas.setStrokeColor(HAIRLINE)
        canvas.setLineWidth(0.5)
        canvas.line(EDGE, 15 * mm, A4[0] - EDGE, 15 * mm)
        canvas.setFillColor(GREY)
        canvas.setFont("Helvetica", 7)
        canvas.drawString(EDGE, 11 * mm, FICTION)
        canvas.drawRightString(A4[0] - EDGE, 11 * mm, f"{author} · {document.page}/{total}")

    paper = BytesIO()
    document = SimpleDocTemplate(
        paper,
        pagesize=A4,
        leftMargin=EDGE - PADDING,
        rightMargin=EDGE - PADDING,
        topMargin=15 * mm,
        bottomMargin=18 * mm,
        title=title,
        author=author,
        subject=FICTION,
        lang=lang,
        invariant=1,  # the same bytes on every run
        pageCompression=0,  # compressed bytes would differ between builds of zlib
    )
    document.build(list(_flowables(source, look)), onFirstPage=dress, onLaterPages=dress)
    return paper.getvalue(), document.page


def _flowables(source: str, look: Look) -> Iterator[Any]:
    heading = ParagraphStyle(
        "heading",
        BODY,
        fontName="Helvetica-Bold",
        fontSize=12,
        leading=15,
        textColor=look.accent,
        spaceBefore=9,
        spaceAfter=4,
    )
    indent = 0.0
    for block in re.split(r"\n{2,}", source.strip()):
        first = block.split("\n", 1)[0]
        if first.startswith("# "):
            yield from _masthead(block, look)
        elif first.startswith("## "):
            indent = 0.0
            yield CondPageBreak(24 * mm)
            yield Paragraph(marked(first[3:]), heading)
        elif first.startswith("### "):
            indent = ENTRY
            yield CondPageBreak(26 * mm)
            yield from _entry(block, look)
        elif first.startswith("|"):
            yield KeepTogether([_table(block, look), Spacer(0, 8)])
        elif first.startswith("```chart"):
            yield KeepTogether(
                [_chart(yaml.safe_load(block.strip("`").removeprefix("chart")), look), Spacer(0, 6)]
            )
        elif first == "!page":
            yield PageBreak()
        elif first.startswith("!signature "):
            yield handwritten(first.removeprefix("!signature "))
            yield Paragraph(marked(first.removeprefix("!signature ")), BYLINE)
        else:
            yield from _text(block, indent)


def marked(text: str) -> str:
    """Bold and italics of the source in the words of reportlab; what cannot be printed is refused here."""
    text.encode("cp1252")
    text = re.sub(rf"(?<=\d) (?={UNITS})", "\N{NO-BREAK SPACE}", text)
    text = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(text))
    return re.sub(r"\*(.+?)\*", r"<i>\1</i>", text).replace("CO2e", 'CO<sub rise="1.5" size="6">2</sub>e')


def _masthead(block: str, look: Look) -> Iterator[Any]:
    title, *bylines = block.split("\n")
    yield Paragraph(marked(title[2:]), TITLE)
    for line in bylines:
        yield Paragraph(marked(line.removeprefix("> ")), BYLINE)
    yield HRFlowable(width="100%", thickness=1.2, color=look.accent, spaceBefore=5, spaceAfter=7)


def _entry(block: str, look: Look) -> Iterator[Any]:
    head, _, rest = block.partition("\n")
    period, _, what = head[4:].partition(" | ")
    when = ParagraphStyle("when", CELL, textColor=look.accent, fontName="Helvetica-Bold", leading=13)
    role = ParagraphStyle("role", BODY, fontName="Helvetica-Bold", leading=13, spaceAfter=0)
    row = Table(
        [[Paragraph(marked(period), when), Paragraph(marked(what), role)]], colWidths=[ENTRY, WIDTH - ENTRY]
    )
    row.setStyle(
        [
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), 3),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ]
    )
    yield row
    if rest:
        yield from _text(rest, ENTRY)


def _text(block: str, indent: float) -> Iterator[Any]:
    for line in block.split("\n"):
        bullet = re.match(r"(-|\d+\.) (.+)", line)
        base = BODY if bullet is None else ITEM if bullet[1] == "-" else NUMBERED
        style = ParagraphStyle(
            "shifted", base, leftIndent=base.leftIndent + indent, bulletIndent=base.bulletIndent + indent
        )
        if bullet is None:
            yield Paragraph(marked(line), style)
        else:
            yield Paragraph(marked(bullet[2]), style, bulletText="•" if bullet[1] == "-" else bullet[1])


def _table(block: str, look: Look) -> Table:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.split("\n")]
    del rows[1]  # the rule under the head
    head = ParagraphStyle("head", CELL, fontName="Helvetica-Bold", textColor=white)
    cells = [
        [Paragraph(marked(cell), head if at == 0 else CELL) for cell in row] for at, row in enumerate(rows)
    ]
    table = Table(cells, colWidths=_columns(rows), repeatRows=1)
    table.setStyle(
        [
            ("BACKGROUND", (0, 0), (-1, 0), look.accent),
            ("ROWBACKGROUNDS", (0, 1), (-1, -1), [white, look.tint]),
            ("LINEBELOW", (0, 1), (-1, -1), 0.4, HAIRLINE),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("TOPPADDING", (0, 0), (-1, -1), 3.2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
        ]
    )
    return table


def _columns(rows: list[list[str]]) -> list[float]:
    """Every column holds its longest word unbroken; the rest of the line goes where the text is long."""
    columns = list(zip(*rows, strict=True))
    words = [[word for cell in column for word in cell.split()] for column in columns]
    least = [max(stringWidth(word, "Helvetica-Bold", CELL.fontSize) for word in each) + 14 for each in words]
    hunger = [max(min(len(cell), 60) for cell in column) for column in columns]
    spare = WIDTH - sum(least)
    return [width + spare * share / sum(hunger) for width, share in zip(least, hunger, strict=True)]


def _chart(given: dict[str, Any], look: Look) -> Drawing:
    """A line over time with the threshold that calls for action."""
    xs, ys = ([float(value) for value in str(given[axis]).split(",")] for axis in "xy")
    wide, high, left, floor = WIDTH, 106.0, 34.0, 20.0
    top = max(*ys, given["threshold"]) * 1.15
    drawing = Drawing(wide, high + 16)

    def at(x: float, y: float) -> tuple[float, float]:
        return (left + (x - xs[0]) / (xs[-1] - xs[0]) * (wide - left - 70), floor + y / top * (high - floor))

    drawing.add(
        String(left, high + 6, given["title"], fontName="Helvetica-Bold", fontSize=8.5, fillColor=INK)
    )
    for step in range(int(top / given["step"]) + 1):
        level = given["step"] * step
        drawing.add(Line(*at(xs[0], level), *at(xs[-1], level), strokeColor=HAIRLINE, strokeWidth=0.4))
        label = f"{level:.2f}"
        drawing.add(
            String(
                left - 5,
                at(xs[0], level)[1] - 2.5,
                label,
                fontName="Helvetica",
                fontSize=7,
                fillColor=GREY,
                textAnchor="end",
            )
        )
    for x in xs:
        drawing.add(
            String(
                at(x, 0)[0],
                floor - 10,
                f"{x:.0f}",
                fontName="Helvetica",
                fontSize=7,
                fillColor=GREY,
                textAnchor="middle",
            )
        )
    drawing.add(
        String(
            at(xs[-1], 0)[0] + 8,
            floor - 10,
            given["unit"],
            fontName="Helvetica-Oblique",
            fontSize=7,
            fillColor=GREY,
        )
    )
    limit = given["threshold"]
    drawing.add(
        Line(*at(xs[0], limit), *at(xs[-1], limit), strokeColor=INK, strokeWidth=0.8, strokeDashArray=[3, 2])
    )
    drawing.add(
        String(
            at(xs[-1], limit)[0] + 6,
            at(xs[-1], limit)[1] - 2.5,
            f"{limit:.2f}",
            fontName="Helvetica-Bold",
            fontSize=7.5,
            fillColor=INK,
        )
    )
    points = [at(x, y) for x, y in zip(xs, ys, strict=True)]
    drawing.add(
        PolyLine([number for point in points for number in point], strokeColor=look.accent, strokeWidth=1.6)
    )
    for x, y in points:
        drawing.add(Circle(x, y, 1.9, fillColor=look.accent, strokeColor=white, strokeWidth=0.5))
    return drawing
