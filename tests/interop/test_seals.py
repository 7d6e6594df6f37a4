"""What the EU's validator is shown, and that a wrong answer of it would be seen."""

import json
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Final

import pytest

from app.formats.jades import read_seal
from app.formats.jades_checks import SealFinding, judge_seal
from app.formats.jades_members import ValidationValues
from app.formats.strict import Malformed
from app.formats.x509 import Standing
from interop import dss, seals
from interop.seals import Truth
from tests.formats.seals import trusted, was_revoked

NOW: Final = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
STAMPS: Final = {"b": 0, "t": 1, "lt": 1, "lta": 2}
FORMS: Final = (
    ("edc", "flattened", ("b", "t", "lt", "lta")),
    ("edc", "general", ("b", "t", "lt", "lta")),
    ("vc", "compact", ("b",)),
    ("vc", "flattened", ("t", "lt", "lta")),
)
WHOLE: Final[Truth] = {
    "file": "a.json",
    "format": "JAdES-BASELINE-T",
    "indication": "TOTAL_PASSED",
    "timestamps": ["PASSED"],
}
SAID: Final[Truth] = {**WHOLE, "timestamps": [{"type": "SIGNATURE_TIMESTAMP", "indication": "PASSED"}]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("seals")


@pytest.fixture(scope="module")
def truths(folder: Path) -> dict[str, Truth]:
    return {truth["file"]: truth for truth in seals.written(folder, NOW)}


@pytest.mark.parametrize(
    ("name", "level"),
    [
        (f"{kind}-b-{level}-{form}-{algorithm}-iat-passed.json", level)
        for kind, form, levels in FORMS
        for level, algorithm in product(levels, ("es256", "rs256"))
    ],
)
def test_each_level_and_form_is_shown_whole_and_spoiled(
    truths: dict[str, Truth], name: str, level: str
) -> None:
    truth = truths[name]
    assert (truth["indication"], truth["format"]) == ("TOTAL_PASSED", f"JAdES-BASELINE-{level.upper()}")
    assert truth["timestamps"] == ["PASSED"] * STAMPS[level]
    for part in ("payload", "header", "signature"):
        assert truths[f"{part}2-{name}"] == {"file": f"{part}2-{name}", **seals.SPOILED}
    spoiled_stamps = {f"{kind}-signature-{name}" for kind in ("sigTst", "arcTst")} & truths.keys()
    assert len(spoiled_stamps) == STAMPS[level]


def test_ours_says_of_each_file_what_the_eu_validator_has_to_say(
    folder: Path, truths: dict[str, Truth]
) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))

    def held(what: str) -> tuple[bytes, ...]:
        return tuple((folder / name).read_bytes() for name in manifest[what])

    (anchor, stamp_anchor), more = held("anchors"), ValidationValues(crls=held("crls"), ocsps=held("ocsps"))
    for name, truth in truths.items():
        try:
            seal = read_seal((folder / name).read_text(encoding="utf-8"))
            found = judge_seal(seal, anchors=[anchor], stamp_anchors=[stamp_anchor], at=NOW, more=more)
        except Malformed:
            assert truth == {"file": name, **seals.SPOILED}
            continue
        said = in_its_words(found)
        asked = {what: true for what, true in truth.items() if what in said}
        assert asked
        assert not [*seals.differences(asked, said)], name


def in_its_words(found: SealFinding) -> Truth:
    return {
        "indication": "TOTAL_PASSED" if trusted(found) else "TOTAL_FAILED",
        "timestamps": [
            {"indication": "PASSED" if stamp.finding.trusted else "FAILED"} for stamp in found.stamps
        ],
        "revocation": "REVOKED" if was_revoked(found) else "NOT REVOKED",
        "expired": found.chain.standing is Standing.EXPIRED,
    }


def test_what_is_so_is_no_difference() -> None:
    assert not [*seals.differences(WHOLE, SAID)]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {**SAID, "format": "JAdES-BASELINE-B"},
        {**SAID, "indication": "INDETERMINATE"},
        {**SAID, "timestamps": []},
        {**SAID, "timestamps": [{"type": "SIGNATURE_TIMESTAMP", "indication": "FAILED"}]},
    ],
)
def test_what_is_not_so_is_a_difference(said: Truth) -> None:
    assert [*seals.differences(WHOLE, said)]


def test_a_spoiled_seal_must_not_pass_and_must_be_answered() -> None:
    assert not [*seals.differences(seals.SPOILED, {"indication": "TOTAL_FAILED"})]
    assert [*seals.differences(seals.SPOILED, {"indication": "TOTAL_PASSED"})]
    assert [*seals.differences(seals.SPOILED, {})]


def test_the_locked_library_is_of_the_version_that_is_asked_for() -> None:
    assert f"  dss-jades-{dss.version_locked()}.jar" in dss.LOCK.read_text(encoding="utf-8")
    assert "<url>" not in (dss.HERE / "pom.xml").read_text(encoding="utf-8")
