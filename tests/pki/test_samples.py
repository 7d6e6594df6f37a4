import json
from pathlib import Path
from typing import Any

import pytest

from app.formats.jades import Level, read_seal
from app.formats.jades_checks import judge_seal
from app.formats.jades_members import ValidationValues
from app.formats.revocation import RevocationState
from tests.formats.seals import trusted, was_revoked
from tests.pki.authority import DAY
from tests.pki.samples import SEALED, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("samples")
    write(made)
    return made


def test_every_sample_is_worth_to_us_what_its_manifest_says(folder: Path) -> None:
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())

    def held(*names: str) -> tuple[bytes, ...]:
        return tuple((folder / name).read_bytes() for name in names)

    more = ValidationValues(
        held(*manifest["certificates"]), held(*manifest["crls"]), held(*manifest["ocsps"])
    )
    root, stamp_root = held(*manifest["anchors"])
    for each in manifest["files"]:
        seal = read_seal((folder / each["file"]).read_text())
        finding = judge_seal(seal, anchors=[root], stamp_anchors=[stamp_root], at=SEALED + DAY, more=more)
        outcomes = {
            "passed": trusted(finding),
            "revoked": was_revoked(finding),
            "expired": not trusted(finding),
            "untrusted": not trusted(finding),
        }
        assert finding.signature, each
        assert outcomes[each["outcome"]], each
        assert f"JAdES-BASELINE-{finding.level.removeprefix('B-')}" == each["level"]
        # Of another authority's certificates nobody here can say anything.
        known = all(covered.state is not RevocationState.NOT_COVERED for covered in finding.coverage)
        assert known is (each["outcome"] != "untrusted"), each


def test_there_is_a_sample_of_everything(folder: Path) -> None:
    files = json.loads((folder / "manifest.json").read_text())["files"]
    good = {
        (each["kind"], each["level"], each["serialisation"], each["algorithm"])
        for each in files
        if each["outcome"] == "passed"
    }
    assert len(good) == (2 * len(Level) + len(Level)) * 2
    assert {each["outcome"] for each in files} == {"passed", "revoked", "expired", "untrusted"}
