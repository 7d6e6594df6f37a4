"""European Digital Credentials and other seals in JSON: what the report says of each, and what never."""

import hashlib
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asn1crypto import tsp
from hypothesis import given
from hypothesis import strategies as st

from app.formats import jades, vc
from app.formats.claims import Format
from app.formats.jades import Level, Seal, read_seal
from app.formats.strict import encode64, write_json
from app.formats.x509 import ChainFinding, SealOwner, Standing
from app.ports import Slot
from app.verification import offline, sealed
from app.verification.report import CheckName, Outcome, Result
from app.verification.schemas import REPORT
from app.verification.trust import Claimed, Keyring
from tests.formats import make
from tests.formats.seals import ASKED, expired, holder, sealer
from tests.pki.authority import DAY, IDENTIFIER, ORGANISATION, YEAR, Holder, Pki
from tests.pki.samples import ALGORITHMS, MINUTE, Sealer
from tests.pki.stamping import Stamper
from tests.shared import shared
from tests.verification.sealing import (
    as_ours,
    codes,
    content,
    entry_of,
    examined,
    flips,
    foreign,
    header,
    ours,
    own,
    reason,
    reported,
    ring,
    seal_of,
    sealed_raw,
    stamps,
    stranger,
)

ACCEPTED = {Result.VALID, Result.VALID_WITH_WARNINGS}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("level", Level)
def test_one_of_ours_is_valid_at_every_level_and_says_who_sealed_it(level: Level, algorithm: str) -> None:
    seal = own(level, algorithm)
    for text in (seal.general(), seal.flattened(), f"\n {seal.general()}\n"):
        report = reported(text, ours(algorithm), entry_of(seal))
        assert report.result is Result.VALID, codes(report)
        assert codes(report)["register_match"] == "register-agrees"
        assert level.value in reason(report, "integrity").en
        for told in (reason(report, "issuer_trust").it, reason(report, "issuer_trust").en):
            assert ORGANISATION in told
            assert IDENTIFIER in told
        assert report.qualified is not None
        assert "qualified seal: not checked" in report.qualified.reason.en
        assert "qualificato: non controllato" in report.qualified.reason.it
    assert report.shown is not None
    assert (report.shown.holder_name, report.shown.number) == ("Nicolò D'Àngelo", "DLE-26-0000-0000-0001-95")
    assert report.shown.scheme_title == make.claims().scheme_title


def test_every_time_stamp_has_its_own_finding_in_both_languages() -> None:
    told = reason(reported(own().general(), ours(), entry_of(own())), "integrity")
    assert "Time-stamp of the signature: 20 November 2026, 10:01 CET, proven" in told.en
    assert "Archive time-stamp: 20 November 2026, 10:03 CET, proven" in told.en
    assert "Marca temporale della firma: 20 novembre 2026, ore 10:01 CET, provata" in told.it
    unknown = replace(ours(), stamp_anchors=())
    report = reported(own().general(), unknown, entry_of(own()))
    assert "does not recognise" in reason(report, "integrity").en
    assert report.result is Result.VALID  # our register proves when it was issued
    plain = reported(own(Level.B_B).general(), ours(), entry_of(own(Level.B_B)))
    assert "No time-stamp proves" in reason(plain, "integrity").en


@pytest.mark.parametrize(
    ("changes", "check", "code"),
    [
        ({"revoked_at": ASKED - DAY}, "status", "status-revoked"),
        ({"suspended_at": ASKED - DAY}, "status", "status-suspended"),
        ({"number": "DLE-26-7K3Q-F9XM-2T5H-65"}, "register_match", "register-contradicts"),
        ({"subject_id": "urn:uuid:somebody-else"}, "register_match", "register-contradicts"),
        ({"time_zone": "America/New_York"}, "register_match", "register-contradicts"),
        ({"documents": ()}, "register_match", "register-has-no-entry"),
    ],
)
def test_our_register_has_the_last_word(changes: dict[str, Any], check: str, code: str) -> None:
    report = reported(own().general(), ours(), entry_of(own(), **changes))
    assert report.result is Result.INVALID
    assert codes(report)[check] == code


def test_another_seal_of_ours_on_the_same_words_is_not_what_was_issued() -> None:
    words = write_json(content())
    again = sealer().sealed(holder("ES256"), Level.B_LTA, signing_time="sigT", content=words)
    assert again.signature != own().signature
    report = reported(again.general(), ours(), entry_of(own()))
    assert codes(report)["register_match"] == "register-contradicts"


def test_a_key_of_ours_that_was_compromised_proves_nothing() -> None:
    keys = ring(as_ours(holder("ES256"), compromised_at=sealer().at - DAY, current=False))
    report = reported(own().general(), keys, entry_of(own()))
    assert (report.result, codes(report)["issuer_trust"]) == (Result.INVALID, "issuer-key-compromised")


def test_our_other_keys_seal_no_such_document() -> None:
    key = replace(holder("ES256").public, slot=Slot.QR)
    report = reported(own().general(), ring(key), entry_of(own()))
    assert (report.result, codes(report)["issuer_trust"]) == (Result.INVALID, "issuer-key-misused")


def test_naming_our_key_by_kid_does_not_make_a_strangers_seal_ours() -> None:
    head = header(stranger()) | {"kid": f"{make.DID}#{holder('ES256').public.thumbprint}"}
    seal = sealed_raw(head, write_json(content()).decode(), stranger())
    report = reported(seal.general(), ours(), entry_of(own()))
    assert (report.result, codes(report)["register_match"]) == (Result.INVALID, "register-contradicts")


def test_a_stranger_who_names_us_is_never_accepted() -> None:
    """By our address, our name, our identifier and our number, under the very anchor that we are under."""
    for entry in (None, entry_of(own())):
        report = reported(seal_of(content(), stranger()).general(), ours(), entry)
        assert report.result is Result.INVALID
    elsewhere = sealer().pki.seal(organisation="TEST Another School")
    says = foreign() | {"issuer": content()["issuer"]}
    says["issuer"]["eIDASIdentifier"]["notation"] = "VATIT-01234567890"
    report = reported(seal_of(says, elsewhere).general(), ours())
    assert (report.result, codes(report)["issuer_trust"]) == (Result.UNKNOWN, "issuer-not-borne-out")


@pytest.mark.parametrize(
    ("level", "result", "code"),
    [
        (Level.B_B, Result.UNKNOWN, "issuer-revocation-unknown"),
        (Level.B_T, Result.UNKNOWN, "issuer-revocation-unknown"),
        (Level.B_LT, Result.VALID_WITH_WARNINGS, "issuer-trusted-sealed"),
        (Level.B_LTA, Result.VALID_WITH_WARNINGS, "issuer-trusted-sealed"),
    ],
)
def test_a_foreign_one_counts_where_it_proves_that_it_was_not_revoked(
    level: Level, result: Result, code: str
) -> None:
    report = reported(seal_of(foreign(), stranger(), level).general(), ours())
    assert (report.result, codes(report)["issuer_trust"]) == (result, code)
    assert codes(report)["status"] == "status-not-offered"
    assert codes(report)["register_match"] == "register-elsewhere"
    assert report.shown is not None
    if code == "issuer-trusted-sealed":
        assert report.shown.issuer_name == ORGANISATION


def test_without_its_anchor_a_foreign_one_is_nobodys() -> None:
    report = reported(seal_of(foreign(), stranger()).general(), ring(anchored=False))
    assert (report.result, codes(report)["issuer_trust"]) == (Result.UNKNOWN, "issuer-unknown")


def test_years_later_a_time_stamp_still_proves_it_and_without_one_nothing_does() -> None:
    later = ASKED + 3 * YEAR  # its seal has ended by then; what it attests ended the day before
    says = foreign() | dict.fromkeys(("validUntil", "expirationDate"), "2032-11-20T23:59:59+01:00")
    report = reported(seal_of(says, stranger()).general(), ours(), at=later)
    assert report.result is Result.VALID_WITH_WARNINGS
    assert codes(report)["issuer_trust"] == "issuer-trusted-sealed-then"
    assert "in force on 20 November 2026" in reason(report, "issuer_trust").en
    report = reported(seal_of(says, stranger(), Level.B_B).general(), ours(), at=later)
    assert (report.result, codes(report)["issuer_trust"]) == (Result.UNKNOWN, "issuer-ended-unproven")


@pytest.mark.parametrize("level", Level)
def test_an_ended_seal_is_said_to_have_ended_and_is_never_valid(level: Level) -> None:
    report = reported(seal_of(foreign(), expired(), level).general(), ours())
    assert report.result not in ACCEPTED
    assert codes(report)["issuer_trust"] in {"issuer-ended-unproven", "issuer-out-of-force"}


@pytest.mark.parametrize("own_key", [True, False])
def test_a_revoked_seal_is_said_to_be_revoked_and_is_never_valid(*, own_key: bool) -> None:
    pki = Pki(sealer().at)
    by = pki.seal()
    pki.revoke(by, sealer().at - DAY)
    seal = Sealer(pki).sealed(by, Level.B_LTA, content=write_json(content() if own_key else foreign()))
    published = (as_ours(by),) if own_key else ()
    keys = Keyring(published, pki.anchors, make.DID, {}, stamp_anchors=pki.stamp_anchors)
    report = reported(seal.general(), keys, entry_of(seal) if own_key else None)
    assert (report.result, codes(report)["issuer_trust"]) == (Result.INVALID, "issuer-revoked")


def test_word_of_long_before_does_not_prove_that_a_seal_was_not_revoked() -> None:
    made = Sealer(sealer().pki, sealer().at, lives=timedelta(0))
    seal = made.sealed(stranger(), Level.B_T, content=write_json(foreign()))
    made.at -= 10 * DAY
    seal = jades.with_validation_values(seal, *made.values(stranger()))
    report = reported(seal.general(), ours())
    assert codes(report)["issuer_trust"] == "issuer-revocation-unknown"


def proven(pki: Pki, by: Holder, *crls: bytes, stamped: bool = True) -> tuple[str, Keyring]:
    """Somebody's credential with lists for all the word that it brings."""
    made = Sealer(pki)
    seal = made.sealed(by, Level.B_T if stamped else Level.B_B, content=write_json(foreign()))
    certificates = (*by.ders, *pki.root.ders, *pki.tsa.ders)
    lists = (*crls, *(pki.crl(each, made.at + 2 * MINUTE) for each in (pki.root, pki.stamp_root)))
    seal = jades.with_validation_values(seal, certificates, lists, [])
    return seal.general(), Keyring((), pki.anchors, make.DID, {}, stamp_anchors=pki.stamp_anchors)


def test_a_list_that_has_forgotten_a_revocation_does_not_clear_a_revoked_seal() -> None:
    pki = Pki(sealer().at)
    by = pki.seal(ends=pki.at + 30 * DAY)
    pki.revoke(by, pki.at - 5 * DAY)
    for remembers, code in ((False, "issuer-revocation-unknown"), (True, "issuer-revoked")):
        later = pki.crl(pki.issuing, pki.at + 60 * DAY, remembers=remembers)
        text, keys = proven(pki, by, later)
        report = reported(text, keys, at=pki.at + 61 * DAY)
        assert (report.result in ACCEPTED, codes(report)["issuer_trust"]) == (False, code)


@pytest.mark.parametrize("stamped", [True, False])
@pytest.mark.parametrize(
    ("before", "code"),
    [
        (20 * DAY, "issuer-revocation-unknown"),
        (sealed.OLDEST + MINUTE, "issuer-revocation-unknown"),
        (sealed.OLDEST - 2 * MINUTE, "issuer-trusted-sealed"),
    ],
    ids=["of weeks before", "of more than a day before", "of a day before"],
)
def test_word_from_before_a_seal_counts_for_a_day_however_long_it_says_it_holds(
    before: timedelta, code: str, *, stamped: bool
) -> None:
    pki = Pki(sealer().at)
    by, told = pki.seal(), pki.crl(pki.issuing, pki.at + MINUTE - before, lives=2000 * DAY)
    pki.revoke(by, pki.at - 10 * DAY)
    text, keys = proven(pki, by, told, stamped=stamped)
    questions = [pki.at + 2 * MINUTE, *([pki.at + 365 * DAY] if stamped else [])]
    assert {codes(reported(text, keys, at=at))["issuer_trust"] for at in questions} == {code}


def test_word_on_an_authority_counts_for_as_long_as_it_holds() -> None:
    pki = Pki(sealer().at)
    by = pki.seal()
    made = Sealer(pki)
    seal = made.sealed(by, Level.B_T, content=write_json(foreign()))
    keys = Keyring((), pki.anchors, make.DID, {}, stamp_anchors=pki.stamp_anchors)
    told = [pki.crl(each, made.at + 2 * MINUTE) for each in (pki.issuing, pki.stamp_root)]
    for before, lives, code in (
        (200, 365, "issuer-trusted-sealed"),
        (200, 100, "issuer-revocation-unknown"),
        (400, 900, "issuer-revocation-unknown"),
    ):
        above = pki.crl(pki.root, made.at - before * DAY, lives=lives * DAY)
        grown = jades.with_validation_values(seal, (*by.ders, *pki.root.ders), (*told, above), [])
        assert codes(reported(grown.general(), keys))["issuer_trust"] == code


def test_word_of_a_time_to_come_proves_nothing_yet() -> None:
    pki = Pki(sealer().at)
    by = pki.seal()
    text, keys = proven(pki, by, pki.crl(pki.issuing, pki.at + 3650 * DAY))
    assert codes(reported(text, keys))["issuer_trust"] == "issuer-revocation-unknown"


def test_a_stamp_of_something_else_breaks_the_seal_and_shows_nothing() -> None:
    made = sealer()
    made.moment = made.at + MINUTE
    for by, keys in ((holder("ES256"), ours()), (stranger(), ours())):
        seal = seal_of(content(), by, Level.B_B)
        seal = jades.with_signature_timestamp(seal, made.stamper.stamp(b"something else"))
        report = reported(seal.general(), keys, entry_of(seal))
        assert (report.result, codes(report)) == (
            Result.INVALID,
            {"format": "format-read", "integrity": "seal-stamp-broken"},
        )
        assert "Time-stamp of the signature: damaged" in reason(report, "integrity").en
        assert report.shown is None


def test_a_stamp_of_a_time_that_no_clock_shows_is_told_without_it() -> None:
    never = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    stamper = Stamper(sealer().pki.tsa, lambda: never)
    seal = seal_of(foreign(), stranger(), Level.B_B)
    seal = jades.with_signature_timestamp(seal, stamper.stamp(jades.signature_imprint(seal)))
    report = reported(seal.general(), ours())
    assert report.result not in ACCEPTED
    assert "time unreadable" in reason(report, "integrity").en


@pytest.mark.parametrize("level", Level)
def test_no_flipped_byte_is_ever_accepted_but_in_what_nobody_needs(level: Level) -> None:
    """What comes last in a B-LT is covered by nothing: there, what names no known signer is passed over."""
    for name, seal, entry in (
        ("ours", own(level), entry_of(own(level))),
        ("foreign", seal_of(foreign(), stranger(), level), None),
    ):
        told: Counter[str] = Counter()
        whole = examined(seal.general(), ours()).seal
        assert whole is not None
        for text in flips(seal.general(), 67):
            report = reported(text, ours(), entry)
            told[codes(report).get("integrity", codes(report)["format"])] += 1
            if report.result in ACCEPTED:
                told["accepted"] += 1
                changed, found = read_seal(text), examined(text, ours()).seal
                assert found is not None
                assert level is Level.B_LT, codes(report)
                assert (changed.bare, changed.stamps()) == (seal.bare, seal.stamps())
                if entry is None:  # of ours, the register proves it
                    assert found == whole
        print(f"{name} {level}: {told.total()} flips, {dict(told)}")  # noqa: T201


def test_a_vc_that_grew_in_time_is_the_one_that_was_issued() -> None:
    """B-T has no room in a compact token: then the same seal stands in JSON, with its stamp beside it."""
    key, made = holder("ES256"), sealer()
    unsigned = vc.unsigned(Format.VC_JWT, make.claims(test=False), key.public, make.BASE)
    head, payload = unsigned.decode().split(".")
    compact = f"{head}.{payload}.{encode64(key.sign(unsigned))}"
    made.moment = made.at + MINUTE
    seal = Seal(payload, head, compact.rpartition(".")[2])
    seal = jades.with_signature_timestamp(seal, made.stamper.stamp(jades.signature_imprint(seal)))
    keys = replace(ring(key.public), seals={key.public.thumbprint: key.public})
    entry = entry_of(own())
    document = replace(entry.documents[1], sha256=hashlib.sha256(compact.encode()).hexdigest())
    report = reported(seal.flattened(), keys, replace(entry, documents=(document,)))
    assert report.result is Result.VALID, codes(report)


def test_offline_only_the_register_knows_its_status() -> None:
    given = offline.Given(ours())
    report, _ = offline.report_on(own().general().encode(), given, offline.Saved.of([], ours()), at=ASKED)
    assert report.result is Result.UNKNOWN
    assert codes(report)["status"] == "status-in-register"
    assert report.outcome(CheckName.ISSUER_TRUST) is Outcome.PASS


@pytest.mark.parametrize("sample", ["CertOfPart", "MC-Annex1"])
def test_the_commissions_samples_are_read_and_nobody_known_proves_whose_they_are(sample: str) -> None:
    text = shared("elm", "samples", "commission", f"Sample-{sample}-signed.jsonld").read_text()
    report = reported(text, ours())
    assert report.result is Result.UNKNOWN
    assert codes(report) == {
        "format": "format-read",
        "integrity": "seal-intact-stamped",
        "issuer_trust": "issuer-unknown",
        "validity_period": "no-period-named",
        "status": "status-not-offered",
        "register_match": "register-elsewhere",
        "superseded": "superseded-elsewhere",
    }
    assert "B-LTA" in reason(report, "integrity").en
    assert report.shown is not None
    assert report.shown.holder_name == "Ana Andromeda"
    assert json.loads(text)["payload"] != ""


@given(st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_whatever_stands_in_it_there_is_an_answer_and_it_is_no_yes(inside: str) -> None:
    for text in (
        f'{{"payload":{inside}',
        json.dumps({"payload": inside, "signatures": [inside]}),
        json.dumps({"payload": inside, "protected": inside, "signature": inside}),
    ):
        assert reported(text, ours()).result is Result.INVALID
        assert sealed.begins_as_one(text)


def test_an_archive_stamp_takes_nothing_from_a_seal_that_holds_without_it() -> None:
    """By a second authority, which is asked about nowhere in it, or by a stranger to us."""
    other, known = Pki(sealer().at), sealer().pki.stamp_anchors
    seal = seal_of(foreign(), stranger(), Level.B_LT)
    token = Stamper(other.tsa, lambda: sealer().at + 3 * MINUTE).stamp(jades.archive_imprint(seal))
    seal = jades.with_archive_timestamp(seal, token)
    for anchors, code in (
        ((*known, *other.stamp_anchors), "stamp-revocation-unknown"),
        (known, "stamp-unknown"),
    ):
        report = reported(seal.general(), replace(ours(), stamp_anchors=anchors))
        assert (report.result, codes(report)["issuer_trust"]) == (
            Result.VALID_WITH_WARNINGS,
            "issuer-trusted-sealed",
        )
        assert stamps(report) == ["sigTst stamp-trusted", f"arcTst {code}"]


def test_a_stamp_without_word_of_its_maker_is_told_apart_from_the_seal() -> None:
    made = Sealer(sealer().pki)
    certificates, crls, ocsps = made.values(stranger())
    seal = made.sealed(stranger(), Level.B_T, content=write_json(foreign()))
    seal = jades.with_validation_values(seal, certificates, crls[:1], ocsps)  # nothing of the stamps' root
    report = reported(seal.general(), ours())
    assert (report.result, codes(report)["issuer_trust"]) == (
        Result.UNKNOWN,
        "issuer-stamp-revocation-unknown",
    )
    assert stamps(report) == ["sigTst stamp-revocation-unknown"]


def test_a_stamp_that_does_not_count_is_never_called_proven() -> None:
    at, pki = sealer().at, Pki(sealer().at)
    made, by = Sealer(pki), pki.seal()
    keys = Keyring((), pki.anchors, make.DID, {}, stamp_anchors=pki.stamp_anchors)
    before = made.sealed(by, Level.B_T, content=write_json(foreign()))
    pki.revoke(pki.tsa, at + DAY)  # after it stamped, and before anybody asks
    made.at += 2 * DAY
    seal = jades.with_validation_values(before, *made.values(by))
    report = reported(seal.general(), keys, at=at + 3 * DAY)
    assert stamps(report) == ["sigTst stamp-revoked"]
    assert "proves nothing" in reason(report, "integrity").en
    assert "proven by" not in reason(report, "integrity").en
    token = Stamper(pki.time_stamper(), lambda: at + 9 * DAY).stamp(jades.signature_imprint(before.bare))
    later = jades.with_signature_timestamp(before.bare, token)
    report = reported(later.general(), keys)
    assert stamps(report) == ["sigTst stamp-impossible"]
    assert "cannot be" in reason(report, "integrity").en
    assert report.result is Result.UNKNOWN


def test_a_stamp_that_cannot_be_checked_accuses_nobody() -> None:
    made = sealer()
    made.moment = made.at + MINUTE
    seal = seal_of(foreign(), stranger(), Level.B_B)
    imprint = {"hash_algorithm": {"algorithm": "sha1"}, "hashed_message": b"\0" * 20}
    token = made.stamper.token(tsp.MessageImprint(imprint), None)
    seal = jades.with_validation_values(jades.with_signature_timestamp(seal, token), *made.values(stranger()))
    report = reported(seal.general(), ours())
    assert stamps(report) == ["sigTst stamp-not-checked"]
    assert codes(report)["integrity"] == "seal-intact-stamped"
    assert report.result is Result.VALID_WITH_WARNINGS  # as it is without the stamp


def test_every_time_stamp_stands_in_the_report_as_data() -> None:
    said = reported(own().general(), ours(), entry_of(own())).as_json()
    assert isinstance(said["checks"], list)
    found = {check["id"]: check.get("stamps") for check in said["checks"] if isinstance(check, dict)}
    assert [name for name, told in found.items() if told is not None] == ["integrity"]
    integrity = found["integrity"]
    assert isinstance(integrity, list)
    assert [
        {name: value for name, value in told.items() if name != "reason"}
        for told in integrity
        if isinstance(told, dict)
    ] == [
        {"kind": "sigTst", "code": "stamp-trusted", "at": "2026-11-20T09:01:00Z", "proves": True},
        {"kind": "arcTst", "code": "stamp-trusted", "at": "2026-11-20T09:03:00Z", "proves": True},
    ]
    shape = REPORT["properties"]["checks"]["items"]["properties"]["stamps"]["items"]
    for told in integrity:
        assert isinstance(told, dict)
        assert {*told} == {*shape["required"]} == {*shape["properties"]}


@pytest.mark.parametrize(
    ("said", "proven", "same"),
    [
        ("VATIT-00000000000", "VATIT-00000000000", True),
        ("17207834", "NTREE-17207834", True),
        ("NTREE-17207834", "17207834", True),
        ("5567971433", "EI:SE-5567971433", True),
        ("VATDE-999999999", "VATIT-00000000000", False),
        ("VATDE-00000000000", "VATIT-00000000000", False),
        ("NTRIT-00000000000", "VATIT-00000000000", False),
        ("0000000000", "VATIT-00000000000", False),
        (None, "VATIT-00000000000", True),
        ("VATIT-00000000000", None, True),
    ],
)
def test_where_both_have_an_identifier_it_decides_whose_seal_it_is(
    said: str | None, proven: str | None, *, same: bool
) -> None:
    """The name is that of the chain in every case, and so is the host."""
    chain = ChainFinding(Standing.TRUSTED, ORGANISATION, hosts=frozenset({"school.example.net"}))
    owner = SealOwner(ORGANISATION, proven, "IT", None)
    claimed = Claimed("https://school.example.net", ORGANISATION, said)
    assert claimed.borne_out_by(chain, owner) is same


def test_a_contradicting_identifier_is_not_overruled_by_an_equal_name() -> None:
    says = foreign()
    says["issuer"]["eIDASIdentifier"]["notation"] = "VATDE-999999999"
    report = reported(seal_of(says, stranger()).general(), ours())
    assert (report.result, codes(report)["issuer_trust"]) == (Result.UNKNOWN, "issuer-not-borne-out")
    says["issuer"]["eIDASIdentifier"]["notation"] = IDENTIFIER.removeprefix("VATIT-")
    report = reported(seal_of(says, stranger()).general(), ours())
    assert codes(report)["issuer_trust"] == "issuer-trusted-sealed"


def test_others_may_write_a_list_of_one() -> None:
    says = foreign()
    says["displayParameter"] = [says["displayParameter"]]
    says["issuer"]["eIDASIdentifier"] = [says["issuer"]["eIDASIdentifier"]]
    report = reported(seal_of(says, stranger()).general(), ours())
    assert (report.result, codes(report)["issuer_trust"]) == (
        Result.VALID_WITH_WARNINGS,
        "issuer-trusted-sealed",
    )
    for member in (says["displayParameter"], says["issuer"]["eIDASIdentifier"]):
        member.append(member[0])
        assert reported(seal_of(says, stranger()).general(), ours()).result is Result.INVALID
        member.pop()
