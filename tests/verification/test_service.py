"""The engine by itself: hostile, foreign and damaged documents, and never a yes that was not earned."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.authority import TRIAL
from app.core.errors import JsonValue
from app.formats import vc
from app.formats.claims import Format
from app.formats.jose import assemble, signing_input
from app.formats.strict import decode64, encode64
from app.formats.x509 import ChainFinding, Standing
from app.ports import PublicKey, Slot
from app.verification.entries import Document, Entry
from app.verification.examining import claims_to_be_ours, examine
from app.verification.report import CheckName, Outcome, Report, Result
from app.verification.service import compare, report
from app.verification.trust import Claimed, Keyring
from tests.fakes_keys import MemoryKeys
from tests.formats import make

AT = make.ISSUED + timedelta(days=1)
OURS = Keyring.of(make.keys(), make.BASE)
STRANGERS = MemoryKeys(make.ISSUED)
CURVE_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ELSEWHERE: dict[str, Any] = {"issuer_id": "did:web:another.example", "issuer_name": "Another body"}


def answer(text: str, *, entry: Entry | None = None, at: datetime = AT, keyring: Keyring = OURS) -> Report:
    return report(compare(examine(text, keyring), entry, keyring), keyring, at=at)


def codes(told: Report) -> dict[CheckName, str]:
    return {check.name: check.reason_code for check in told.checks}


def foreign(keys: MemoryKeys = STRANGERS, form: Format = Format.VC_JWT, **changes: Any) -> str:
    key = keys.current(Slot.SEAL)
    content = vc.unsigned(form, make.claims(form, **{**ELSEWHERE, **changes}), key, "https://another.example")
    return vc.signed(content, keys.sign(key.thumbprint, content))


def sealed(header: dict[str, JsonValue], payload: JsonValue, keys: MemoryKeys = STRANGERS) -> str:
    content = signing_input(header, payload)
    return assemble(content, keys.sign(keys.current(Slot.SEAL).thumbprint, content))


def trusting(keys: MemoryKeys) -> Keyring:
    """Our own keys, with the strangers' root among the anchors."""
    return replace(OURS, anchors=(*OURS.anchors, *keys.anchors()))


def test_a_strangers_sound_seal_is_unknown_and_said_to_be() -> None:
    told = answer(foreign(test=False))
    assert told.result is Result.UNKNOWN
    assert codes(told)[CheckName.ISSUER_TRUST] == "issuer-unknown"
    assert codes(told)[CheckName.REGISTER_MATCH] == "register-elsewhere"
    assert told.shown is not None
    assert told.shown.issuer_name == "Another body"
    assert told.shown.state == "unknown"
    assert "Anyone can sign anything" in next(
        check.reason.en for check in told.checks if check.name is CheckName.ISSUER_TRUST
    )


def test_a_trusted_chain_is_shown_by_its_own_name() -> None:
    said = f"  {TRIAL.organisation.upper()} "
    told = answer(foreign(test=False, issuer_name=said), keyring=trusting(STRANGERS))
    assert codes(told)[CheckName.ISSUER_TRUST] == "issuer-trusted"
    assert told.shown is not None
    assert told.shown.issuer_name == TRIAL.organisation


def test_a_seal_under_an_anchor_is_not_that_of_just_any_body() -> None:
    for name in ("Another body", "", f"{TRIAL.organisation}, Rome"):
        told = answer(foreign(test=False, status=(), issuer_name=name), keyring=trusting(STRANGERS))
        assert codes(told)[CheckName.ISSUER_TRUST] == "issuer-not-borne-out"
        assert told.result is Result.UNKNOWN


@pytest.mark.parametrize(
    ("issuer", "borne_out"),
    [
        ("did:web:body.example", True),
        ("did:web:BODY.example%3A8443:unit", True),
        ("https://body.example/issuers/1", True),
        ("did:web:unit.example", True),
        ("did:web:body.example.evil.example", False),
        ("https://body.example@evil.example/", False),
        ("http://body.example", False),
        ("urn:body.example", False),
        ("did:web:", False),
        ("https://[", False),
    ],
)
def test_a_host_that_the_chain_names_bears_its_issuer_out(issuer: str, borne_out: bool) -> None:  # noqa: FBT001 - the one fact
    chain = ChainFinding(Standing.TRUSTED, hosts=frozenset({"body.example", "unit.example"}))
    assert Claimed(issuer, "Another body").borne_out_by(chain) is borne_out


def test_the_key_that_signs_lists_seals_nothing_under_any_name() -> None:
    keys = make.keys()
    key = keys.current(Slot.STATUS)
    claims = make.claims(**{**ELSEWHERE, "issuer_name": TRIAL.organisation, "status": (), "test": False})
    content = vc.unsigned(Format.VC_JWT, claims, key, "https://another.example")
    told = answer(vc.signed(content, keys.sign(key.thumbprint, content)))
    assert codes(told)[CheckName.ISSUER_TRUST] == "issuer-key-misused"
    assert told.result is Result.INVALID


def test_a_chain_to_a_configured_anchor_is_trusted_but_its_lists_are_not_read_yet() -> None:
    told = answer(foreign(test=False, issuer_name=TRIAL.organisation), keyring=trusting(STRANGERS))
    assert codes(told)[CheckName.ISSUER_TRUST] == "issuer-trusted"
    assert told.outcome(CheckName.REGISTER_MATCH) is Outcome.NOT_APPLICABLE
    assert told.outcome(CheckName.SUPERSEDED) is Outcome.NOT_APPLICABLE
    assert told.outcome(CheckName.STATUS) is Outcome.NOT_CHECKED
    assert told.result is Result.UNKNOWN


def test_a_trusted_document_that_offers_no_status_is_valid_with_a_warning() -> None:
    told = answer(foreign(test=False, issuer_name=TRIAL.organisation, status=()), keyring=trusting(STRANGERS))
    assert codes(told)[CheckName.STATUS] == "status-not-offered"
    assert (told.result, told.mode) == (Result.VALID_WITH_WARNINGS, "unknown")


def test_a_foreign_document_that_says_test_is_one() -> None:
    told = answer(foreign(test=True, status=()), keyring=trusting(STRANGERS))
    assert told.mode == "test"
    assert told.headline.en.startswith("TEST")


def test_an_ended_chain_without_proof_of_when_is_unknown() -> None:
    told = answer(foreign(status=()), keyring=trusting(STRANGERS), at=make.ISSUED + timedelta(days=400))
    assert codes(told)[CheckName.ISSUER_TRUST] == "issuer-ended-unproven"
    assert told.result is Result.UNKNOWN


def test_a_chain_that_has_not_begun_fails() -> None:
    told = answer(foreign(status=()), keyring=trusting(STRANGERS), at=make.ISSUED - timedelta(hours=1))
    assert codes(told)[CheckName.ISSUER_TRUST] == "issuer-out-of-force"
    assert told.result is Result.INVALID


@pytest.mark.parametrize("form", [Format.VC_JWT, Format.OB_JWT])
def test_our_seal_on_what_our_register_does_not_hold_is_invalid(form: Format) -> None:
    told = answer(make.token(form))
    assert codes(told)[CheckName.REGISTER_MATCH] == "register-has-no-entry"
    assert told.result is Result.INVALID


def test_our_name_over_a_strangers_seal_is_invalid_even_under_a_trusted_chain() -> None:
    borrowed = foreign(issuer_id=make.DID, issuer_name="Associazione Italiana di Prova")
    for keyring in (OURS, trusting(STRANGERS)):
        told = answer(borrowed, keyring=keyring)
        assert codes(told)[CheckName.REGISTER_MATCH] == "register-has-no-entry"
        assert told.result is Result.INVALID


def test_a_badge_whose_key_nobody_has_shows_nothing() -> None:
    told = answer(foreign(form=Format.OB_JWT))
    assert codes(told) == {CheckName.FORMAT: "format-read", CheckName.INTEGRITY: "key-unavailable"}
    assert (told.result, told.shown) == (Result.UNKNOWN, None)


def test_a_key_that_a_badge_brings_along_proves_the_text_and_no_more() -> None:
    jwk: dict[str, JsonValue] = {**STRANGERS.current(Slot.SEAL).jwk}
    payload = vc.compose_ob(make.claims(Format.OB_JWT, **ELSEWHERE))
    told = answer(sealed({"alg": "ES256", "typ": "JWT", "jwk": jwk}, payload))
    assert codes(told)[CheckName.INTEGRITY] == "seal-intact"
    assert codes(told)[CheckName.ISSUER_TRUST] == "issuer-unknown"
    assert told.result is Result.UNKNOWN


def test_naming_our_key_does_not_make_a_strangers_seal_ours() -> None:
    ours, theirs = make.keys().current(Slot.SEAL), STRANGERS.current(Slot.SEAL)
    header = vc.seal_header(make.DID, theirs, make.ISSUED)
    for kid in (f"{make.DID}#{ours.thumbprint}", ours.thumbprint, f"https://evil.example/{ours.thumbprint}"):
        told = answer(sealed({**header, "kid": kid}, vc.compose_vc(make.claims())))
        assert codes(told)[CheckName.INTEGRITY] == "seal-broken"
        assert (told.result, told.shown) == (Result.INVALID, None)


def test_our_certificate_over_a_strangers_seal_is_broken() -> None:
    ours = make.keys().current(Slot.SEAL)
    header = vc.seal_header("did:web:another.example", ours, make.ISSUED)
    told = answer(sealed({**header, "kid": "did:web:another.example#1"}, vc.compose_vc(make.claims())))
    assert codes(told)[CheckName.INTEGRITY] == "seal-broken"


def test_the_key_that_signs_lists_is_no_seal() -> None:
    keys = make.keys()
    key = keys.current(Slot.STATUS)
    content = vc.unsigned(Format.VC_JWT, make.claims(), key, make.BASE)
    told = answer(vc.signed(content, keys.sign(key.thumbprint, content)))
    assert told.result is Result.INVALID
    assert codes(told)[CheckName.REGISTER_MATCH] == "register-has-no-entry"


def entry_of(token: str, **changes: Any) -> Entry:
    """What the register holds when it holds this very token, as the formats' maker writes it."""
    claims = make.claims()
    document = Document(
        period=1,
        kind="grant",
        first_day=claims.valid_from.date(),
        last_day=claims.valid_until.date(),
        ended_on=None,
        scheme_version="0.0.0",  # not in the catalogue: the document's own words are shown
        format=Format.VC_JWT,
        jti=claims.document_id,
        token=token,
        sha256=examine(token, OURS).sha256,
        key_thumbprint=make.keys().current(Slot.SEAL).thumbprint,
        issued_at=make.ISSUED,
        superseded_at=None,
    )
    entry = Entry(
        number=claims.number,
        subject_id=claims.subject_id,
        scheme_id=claims.scheme_id,
        suspended_at=None,
        revoked_at=None,
        closed_at=None,
        mode="test",
        time_zone="Europe/Rome",
        documents=(document,),
    )
    return replace(entry, **changes)


def test_a_version_of_the_scheme_that_is_gone_leaves_the_documents_own_words() -> None:
    told = answer(make.token(), entry=entry_of(make.token()))
    assert told.result is Result.VALID_WITH_WARNINGS
    assert told.shown is not None
    assert told.shown.scheme_title.en == "Ingegnere di deep learning / Deep learning engineer"


@pytest.mark.parametrize(
    "changes",
    [
        {"number": "DLE-26-7K3Q-F9XM-2T5H-65"},
        {"subject_id": "urn:uuid:somebody-else"},
        {"time_zone": "America/New_York"},
    ],
)
def test_a_field_that_the_register_holds_otherwise_contradicts(changes: dict[str, str]) -> None:
    told = answer(make.token(), entry=entry_of(make.token(), **changes))
    assert codes(told)[CheckName.REGISTER_MATCH] == "register-contradicts"
    assert told.result is Result.INVALID


def test_the_other_of_the_two_signatures_that_es256_allows_is_not_what_we_issued() -> None:
    head, body, seal = make.token().split(".")
    raw = decode64(seal)
    mirrored = CURVE_ORDER - int.from_bytes(raw[32:], "big")
    other = f"{head}.{body}.{encode64(raw[:32] + mirrored.to_bytes(32, 'big'))}"
    told = answer(other, entry=entry_of(make.token()))
    assert codes(told)[CheckName.INTEGRITY] == "seal-intact"
    assert codes(told)[CheckName.REGISTER_MATCH] == "register-contradicts"
    assert told.result is Result.INVALID


@pytest.mark.parametrize("form", [Format.VC_JWT, Format.OB_JWT])
def test_a_changed_character_is_never_valid_and_shows_nothing(form: Format) -> None:
    token = make.token(form)
    entry = entry_of(make.token())
    for place in range(0, len(token), 11):
        for other in ("A", "B", "."):
            if token[place] != other:
                told = answer(f"{token[:place]}{other}{token[place + 1 :]}", entry=entry)
                assert told.result in {Result.INVALID, Result.UNKNOWN}
                assert told.shown is None
                assert told.mode == "unknown"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "format-unreadable"),
        ("a.b.c", "format-unreadable"),
        ("not a token", "format-unreadable"),
        ("%PDF-1.7", "format-unreadable"),
        (make.token()[:-1], "format-unreadable"),
        (make.token() + "=", "format-unreadable"),
        (make.token() + "\n", "format-unreadable"),
        (make.token().rpartition(".")[0] + ".", "format-unreadable"),
        ("A" * 70_000, "format-unreadable"),
        (sealed({"alg": "none", "typ": "vc+jwt"}, {}), "format-refused"),
        (sealed({"alg": "HS256", "typ": "vc+jwt"}, {}), "format-refused"),
        (sealed({"alg": "ES256", "typ": "vc+jwt", "crit": ["exp"]}, {}), "format-refused"),
        (sealed({"alg": "ES256", "typ": "vc+jwt", "jku": "https://evil.example"}, {}), "format-refused"),
        (sealed({"alg": "ES256", "typ": "vc+jwt", "x5u": "https://evil.example"}, {}), "format-refused"),
        (sealed({"alg": "ES256", "typ": "vc+jwt", "zip": "DEF"}, {}), "format-refused"),
        (sealed({"alg": "ES256", "typ": "vc+jwt", "x5c": ["AAAA"]}, {}), "format-unreadable"),
        (sealed({"alg": "ES256", "typ": "vc+jwt", "kid": "x" * 513}, {}), "format-refused"),
        (sealed({"alg": "ES256", "typ": "vc+jwt", "kid": "x"}, {}), "format-unreadable"),
        (sealed({"alg": "ES256", "typ": "vc+jwt", "kid": "x"}, {"vc": {}}), "format-unreadable"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_what_cannot_be_read_is_invalid_by_its_form_alone(text: str, code: str) -> None:
    told = answer(text)
    assert codes(told) == {CheckName.FORMAT: code}
    assert (told.result, told.shown, told.mode) == (Result.INVALID, None, "unknown")


def test_a_certificate_that_is_none_is_refused_like_any_damage() -> None:
    header = {**vc.seal_header("did:web:x", STRANGERS.current(Slot.SEAL), make.ISSUED)}
    header |= {"x5c": ["AAAA"]}
    del header["x5t#S256"]
    told = answer(sealed(header, vc.compose_vc(make.claims(**ELSEWHERE))))
    assert codes(told) == {CheckName.FORMAT: "format-unreadable"}


def without(payload: dict[str, JsonValue], *names: str) -> dict[str, JsonValue]:
    return {name: value for name, value in payload.items() if name not in names}


@pytest.mark.parametrize(
    ("missing", "at", "code"),
    [
        (("validUntil", "exp"), AT, "no-period-named"),
        (("validFrom", "nbf"), AT, "no-period-named"),
        (("validFrom", "nbf", "validUntil", "exp"), AT, "no-period-named"),
        (("validUntil", "exp"), datetime(2026, 11, 1, tzinfo=UTC), "not-yet-valid"),
        (("validFrom", "nbf"), datetime(2035, 1, 1, tzinfo=UTC), "expired"),
    ],
)
def test_a_foreign_document_may_name_its_period_in_part(
    missing: tuple[str, ...], at: datetime, code: str
) -> None:
    header = vc.seal_header("did:web:another.example", STRANGERS.current(Slot.SEAL), make.ISSUED)
    told = answer(sealed(header, without(vc.compose_vc(make.claims(**ELSEWHERE)), *missing)), at=at)
    assert codes(told)[CheckName.VALIDITY_PERIOD] == code
    assert told.as_json()["credential"]


def test_a_foreign_document_may_say_very_little() -> None:
    header = vc.seal_header("did:web:another.example", STRANGERS.current(Slot.SEAL), make.ISSUED)
    told = answer(
        sealed(
            header,
            {
                "@context": ["https://www.w3.org/ns/credentials/v2"],
                "type": ["VerifiableCredential"],
                "issuer": "did:web:another.example",
                "credentialSubject": {"id": "urn:uuid:1"},
            },
        )
    )
    assert told.result is Result.UNKNOWN
    assert told.shown is not None
    assert (told.shown.number, told.shown.issuer_name) == (None, "did:web:another.example")


def test_our_register_is_asked_only_about_what_could_be_ours() -> None:
    assert claims_to_be_ours(examine(make.token(), OURS), OURS)
    assert claims_to_be_ours(examine(foreign(issuer_id=make.DID), OURS), OURS)
    assert not claims_to_be_ours(examine(foreign(), OURS), OURS)
    assert not claims_to_be_ours(examine(make.token()[:-4] + "AAAA", OURS), OURS)


def test_a_seal_of_ours_without_a_chain_is_nobodys() -> None:
    def bare(key: PublicKey) -> PublicKey:
        return replace(key, chain=())

    keyring = replace(OURS, seals={name: bare(key) for name, key in OURS.seals.items()})
    told = answer(make.token(), entry=entry_of(make.token()), keyring=keyring)
    assert codes(told)[CheckName.ISSUER_TRUST] == "issuer-unknown"
    assert told.result is Result.UNKNOWN


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: f"{encode64(raw)}.e30.AA"))
def test_whatever_text_comes_in_there_is_an_answer_and_it_is_no_yes(text: str) -> None:
    assert answer(text).result in {Result.INVALID, Result.UNKNOWN}
