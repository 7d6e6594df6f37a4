"""The samples are whole, coherent and harmless, and are what their sources say."""

from datetime import date
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any, Final

import pikepdf
import pytest
import yaml
from PIL import Image, ImageChops, ImageStat

from app.samples import ASSOCIATION, GRANTED, REFUSED, folder

from .make_samples import papers

WEIGHTS: Final = {"K1": 15, "K2": 12, "K3": 18, "K4": 15, "K5": 12, "K6": 10, "K7": 10, "K8": 8}
CRITICAL: Final = ("K1", "K3", "K4", "K7")
HANDED_IN: Final = date(2026, 11, 9)
FIELDS: Final[dict[str, set[str]]] = {
    "cv": set(),
    "degree": {"title", "institution", "eqf_level", "field", "awarded_on"},
    "training": {"provider", "title", "hours", "ended_on"},
    "experience": {"employer", "role", "from", "to", "fte_pct", "duties"},
    "project_sheet": {"context", "own_role", "period", "problem", "architecture_choice", "data"}
    | {"metrics", "deployment", "cost_energy", "risks", "referee"},
    "code_repository": {"url"},
    "publication": {"url"},
    "model_card": set(),
    "ethics_pledge": set(),
}

both = pytest.mark.parametrize("name", [GRANTED, REFUSED])


def at(name: str) -> Path:
    return folder() / "dossiers" / name


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def evidence(name: str, kind: str | None = None) -> list[dict[str, Any]]:
    return [piece for piece in read(at(name) / "dossier.yaml")["evidence"] if kind in {None, piece["kind"]}]


def files(name: str) -> list[str]:
    return [piece["file"] for piece in evidence(name) if "file" in piece]


def scores(name: str) -> list[dict[str, dict[str, Any]]]:
    return [assessment["scores"] for assessment in read(at(name) / "scores.yaml")["assessments"]]


def total(*given: dict[str, dict[str, Any]]) -> float:
    """The scheme's formula: sum(weight * mean(score) / 4)."""
    return sum(
        weight * mean(float(each[key]["score"]) for each in given) / 4 for key, weight in WEIGHTS.items()
    )


def months(name: str) -> float:
    spans = [
        (date.fromisoformat(piece["fields"]["from"]), date.fromisoformat(piece["fields"]["to"]))
        for piece in evidence(name, "experience")
    ]
    return sum((end - start).days + 1 for start, end in spans) / 30.44


def hours(name: str) -> int:
    return sum(piece["fields"]["hours"] for piece in evidence(name, "training"))


@both
def test_a_folder_holds_what_its_dossier_names_and_nothing_else(name: str) -> None:
    assert sorted(files(name)) == sorted(set(files(name)))
    assert {path.name for path in at(name).iterdir()} == {*files(name), "dossier.yaml", "scores.yaml"}


@both
def test_every_piece_states_exactly_the_fields_of_its_kind(name: str) -> None:
    for piece in evidence(name):
        stated = piece.get("fields", {})
        assert set(stated) == FIELDS[piece["kind"]], piece
        assert all(value != "" and isinstance(value, str | int) for value in stated.values())


@both
def test_every_required_kind_is_there(name: str) -> None:
    kinds = [piece["kind"] for piece in evidence(name)]
    assert kinds.count("cv") == kinds.count("ethics_pledge") == 1
    assert {"training", "experience"} <= set(kinds)
    assert 2 <= kinds.count("project_sheet") <= 8


@both
def test_all_evidence_lies_in_the_past_when_the_dossier_is_handed_in(name: str) -> None:
    stated = [piece.get("fields", {}) for piece in evidence(name)]
    days = [
        fields[key] for fields in stated for key in ("awarded_on", "ended_on", "from", "to") if key in fields
    ]
    assert days
    assert all(date.fromisoformat(day) < HANDED_IN for day in days)


@both
def test_periods_of_work_follow_one_another(name: str) -> None:
    periods = [(piece["fields"]["from"], piece["fields"]["to"]) for piece in evidence(name, "experience")]
    assert all(start < end for start, end in periods)
    assert all(before[1] < after[0] for before, after in pairwise(sorted(periods)))


def test_the_first_candidate_meets_path_a_by_a_clear_margin() -> None:
    [degree] = evidence(GRANTED, "degree")
    assert degree["fields"]["eqf_level"] >= 7
    assert degree["fields"]["field"] in {"computer_science", "engineering", "mathematics", "physics"}
    assert hours(GRANTED) == 156
    assert months(GRANTED) > 80


def test_the_second_candidate_only_just_meets_path_b() -> None:
    [degree] = evidence(REFUSED, "degree")
    assert degree["fields"]["eqf_level"] == 6
    assert 60 <= hours(REFUSED) < 80
    assert 48 < months(REFUSED) < 54
    assert not evidence(REFUSED, "model_card")


@both
def test_printed_papers_are_what_their_sources_say(name: str) -> None:
    printed = papers(name)
    assert {file for file in files(name) if not file.endswith(".md")} == set(printed)
    for file, content in printed.items():
        shipped = (at(name) / file).read_bytes()
        if file.endswith(".pdf"):
            assert shipped == content, file
        else:  # builds of zlib and FreeType differ a little, so pictures are compared as pictures
            with Image.open(BytesIO(shipped)) as ours, Image.open(BytesIO(content)) as theirs:
                change = ImageChops.difference(ours.convert("L"), theirs.convert("L"))
                assert ImageStat.Stat(change).mean[0] < 1, file


@both
def test_pdfs_are_inert_and_say_that_they_are_fiction(name: str) -> None:
    for file in (file for file in files(name) if file.endswith(".pdf")):
        with pikepdf.open(at(name) / file) as pdf:
            assert "/Names" not in pdf.Root
            assert "/OpenAction" not in pdf.Root
            assert "/AA" not in pdf.Root
            assert all("/Annots" not in page and "/AA" not in page for page in pdf.pages)
            assert all(b"fictional sample" in page.Contents.read_bytes() for page in pdf.pages), file


@both
def test_other_papers_open_and_say_that_they_are_fiction(name: str) -> None:
    with Image.open(at(name) / next(file for file in files(name) if file.endswith(".png"))) as picture:
        picture.verify()
    for file in [*(file for file in files(name) if file.endswith(".md")), "dossier.yaml", "scores.yaml"]:
        assert "fictional sample" in (at(name) / file).read_text("utf-8"), file


def test_the_cv_of_the_first_candidate_has_at_least_three_pages() -> None:
    with pikepdf.open(at(GRANTED) / "cv-elena-marchetti.pdf") as pdf:
        assert len(pdf.pages) >= 3


def test_the_samples_stay_light() -> None:
    sizes = [path.stat().st_size for path in folder().rglob("*") if path.suffix != ".pyc" and path.is_file()]
    assert max(sizes) < 400_000
    assert sum(sizes) < 1_500_000


@both
def test_two_assessors_score_every_criterion_with_evidence_and_reasons(name: str) -> None:
    by_both = scores(name)
    assert len(by_both) == 2
    for given in by_both:
        assert set(given) == set(WEIGHTS)
        for score in given.values():
            assert 0 <= score["score"] <= 4
            assert score["score"] % 0.5 == 0
            assert score["comment"]
            assert score["evidence"]
            assert set(score["evidence"]) <= set(files(name))


@both
def test_the_two_assessors_differ_on_every_criterion_but_not_in_the_whole(name: str) -> None:
    first, second = scores(name)
    assert all(first[key]["score"] != second[key]["score"] for key in WEIGHTS)
    assert abs(total(first) - total(second)) <= 20


def test_the_first_dossier_passes() -> None:
    first, second = scores(GRANTED)
    assert total(first, second) == 80.875
    assert all(mean((first[key]["score"], second[key]["score"])) >= 2 for key in WEIGHTS)


def test_the_second_dossier_is_refused() -> None:
    first, second = scores(REFUSED)
    assert total(first, second) == 33.25
    assert all(mean((first[key]["score"], second[key]["score"])) < 2 for key in CRITICAL)


def test_the_cast_can_play_every_part() -> None:
    association = read(folder() / ASSOCIATION)
    people = association["people"]
    assert all(person["email"].endswith("@example.org") for person in people.values())
    assert len({person["email"] for person in people.values()}) == len(people)
    assert len({person["membership"]["number"] for person in people.values()}) == len(people)
    holders = [role for person in people.values() for role in person["roles"]]
    for role, count in {"assessor": 3, "committee_member": 4, "chair": 1, "registrar": 1}.items():
        assert holders.count(role) == count
    assert {"administrator", "secretariat", "scheme_manager", "auditor"} <= set(holders)


@both
def test_nobody_with_a_conflict_scores_or_votes_and_nobody_does_both(name: str) -> None:
    association = read(folder() / ASSOCIATION)
    script = read(at(name) / "scores.yaml")
    conflicted = {entry["person"] for entry in association["conflicts"] if entry["dossier"] == name}
    scoring = {assessment["assessor"] for assessment in script["assessments"]}
    voting = set(script["decision"]["votes"])
    assert not conflicted & (scoring | voting)
    assert not scoring & voting
    assert len(voting) >= 3
    assert all("assessor" in association["people"][person]["roles"] for person in scoring)
    assert all("committee_member" in association["people"][person]["roles"] for person in voting)


@both
def test_the_candidate_of_a_dossier_is_a_member_without_office(name: str) -> None:
    candidate = read(at(name) / "dossier.yaml")["candidate"]
    person = read(folder() / ASSOCIATION)["people"][name]
    assert person["roles"] == []
    assert candidate == {
        "given_name": person["given_name"],
        "family_name": person["family_name"],
        "email": person["email"],
        "membership_number": person["membership"]["number"],
    }
