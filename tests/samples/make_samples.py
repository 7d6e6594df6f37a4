"""Prints the sample papers into `app/samples`: run `python -m tests.samples.make_samples` after a change."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from app.samples import GRANTED, REFUSED, folder

from . import forms, picture, typeset
from .ink import BRICK, INDIGO, OLIVE, PETROL, SLATE, Look

SOURCES: Final = Path(__file__).parent / "sources"
LOOKS: Final = {"brick": BRICK, "indigo": INDIGO, "olive": OLIVE, "petrol": PETROL, "slate": SLATE}
FORMS: Final[Mapping[str, Callable[..., bytes]]] = {
    "degree": forms.degree,
    "training": forms.attestation,
    "experience": forms.statement,
}


@dataclass(frozen=True, slots=True)
class Written:
    """A paper that the candidate wrote: its text lies in `sources`."""

    file: str
    title: str
    look: Look
    language: str = "it-IT"


WRITTEN: Final[Mapping[str, tuple[Written, ...]]] = {
    GRANTED: (
        Written("cv-elena-marchetti.pdf", "Curriculum vitae", PETROL),
        Written("scheda-ispezione-saldature.pdf", "Scheda progetto: ispezione delle saldature", INDIGO),
        Written("project-sheet-load-forecasting.pdf", "Project sheet: load forecasting", INDIGO, "en-GB"),
    ),
    REFUSED: (
        Written("cv-davide-corsini.pdf", "Curriculum vitae", SLATE),
        Written("scheda-classificatore-prodotti.pdf", "Scheda progetto: classificatore di prodotti", SLATE),
    ),
}
PLEDGED: Final = {GRANTED: "Montelago, 2 novembre 2026", REFUSED: "Rivamorta, 4 novembre 2026"}


def papers(name: str) -> dict[str, bytes]:
    """Every PDF and PNG of one candidate's folder, by file name."""
    dossier = yaml.safe_load((folder() / "dossiers" / name / "dossier.yaml").read_text("utf-8"))
    candidate = dossier["candidate"]
    holder = f"{candidate['given_name']} {candidate['family_name']}"
    return (
        _issued(name, holder, dossier["evidence"])
        | _written(name, holder)
        | _pledge(holder, candidate["membership_number"], PLEDGED[name])
    )


def _issued(name: str, holder: str, evidence: list[dict[str, Any]]) -> dict[str, bytes]:
    beyond = yaml.safe_load((SOURCES / name / "issued.yaml").read_text("utf-8"))
    printed = {}
    for piece in evidence:
        file = piece.get("file", "")
        if file not in beyond:
            continue
        rest = dict(beyond[file])
        if file.endswith(".png"):
            printed[file] = picture.certificate(holder, piece["fields"], **rest)
        else:
            look = LOOKS[rest.pop("look")]
            printed[file] = FORMS[piece["kind"]](holder, piece["fields"], look, **rest)
    return printed


def _written(name: str, holder: str) -> dict[str, bytes]:
    return {
        paper.file: typeset.pages(
            (SOURCES / name / paper.file).with_suffix(".md").read_text("utf-8"),
            paper.look,
            title=f"{paper.title}, {holder}",
            author=holder,
            language=paper.language,
        )
        for paper in WRITTEN[name]
    }


def _pledge(holder: str, number: str, signed: str) -> dict[str, bytes]:
    text = (SOURCES / "pledge.md").read_text("utf-8")
    source = text.format(name=holder, number=number, place_and_day=signed)
    return {
        "impegno-etico-firmato.pdf": typeset.pages(
            source, SLATE, title=f"Impegno etico, {holder}", author=holder
        )
    }


def main() -> None:
    """Write every paper where the package ships it."""
    for name in (GRANTED, REFUSED):
        for file, content in papers(name).items():
            (folder() / "dossiers" / name / file).write_bytes(content)


if __name__ == "__main__":
    main()
