import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.formats import jades, jades_members
from app.formats.jades import Kind, Level, NoSeal, Seal, SigningTime, read_seal
from app.formats.jose import certificate_thumbprint, open_compact, verify
from app.formats.strict import Malformed, decode64, encode64, encode64_standard
from tests.formats.seals import holder, sealed
from tests.pki.samples import ALGORITHMS, CONTENT, SEALED, SERIALISATIONS, serialisations
from tests.pki.signing import with_signature
from tests.shared import shared

SAMPLES = ("Sample-CertOfPart-signed.jsonld", "Sample-MC-Annex1-signed.jsonld")
EDC_HEADER: dict[str, Any] = json.loads(decode64(sealed().protected))
EVERY = [
    pytest.param(kind, level, form, algorithm, id=f"{kind} {level} {form} {algorithm}")
    for kind in CONTENT
    for level in Level
    for form in serialisations(kind, level)
    for algorithm in ALGORITHMS
]


def without(header: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in header.items() if name not in names}


def signed_by(seal: Seal, algorithm: str = "ES256") -> bool:
    return verify(seal.signing_input, decode64(seal.signature), holder(algorithm).public.jwk)


def commission(name: str) -> str:
    return shared("elm", "samples", "commission", name).read_bytes().decode()


@pytest.mark.parametrize(("kind", "level", "form", "algorithm"), EVERY)
def test_what_was_sealed_is_read_again_as_it_was(kind: Kind, level: Level, form: str, algorithm: str) -> None:
    seal = sealed(level, algorithm, kind)
    read = read_seal(SERIALISATIONS[form](seal))
    assert read == seal
    assert (read.level, read.content, read.b64) == (level, CONTENT[kind], kind == "vc")
    assert signed_by(read, algorithm)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_seal_keeps_its_signature_through_all_levels(algorithm: str) -> None:
    below = sealed(Level.B_LT, algorithm)
    above = jades.with_archive_timestamp(below, b"token")
    assert (above.protected, above.payload, above.signature) == (
        below.protected,
        below.payload,
        below.signature,
    )
    assert above.etsi_u[:-1] == below.etsi_u


def test_the_compact_seal_is_the_token_that_every_jose_reader_knows() -> None:
    compact = sealed(kind="vc").compact()
    opened = open_compact(compact)
    assert opened.verified_by(holder("ES256").public.jwk)
    assert opened.header.chain == holder("ES256").ders
    assert read_seal(compact).flattened().count('"header"') == 0


@pytest.mark.parametrize(
    "seal", [sealed(), sealed(Level.B_T, kind="vc")], ids=["a plain payload", "a time-stamp"]
)
def test_what_does_not_fit_the_compact_form_is_not_written_so(seal: Seal) -> None:
    with pytest.raises(ValueError, match="compact"):
        seal.compact()


@pytest.mark.parametrize(("signing_time", "other"), [("iat", "sigT"), ("sigT", "iat")])
@pytest.mark.parametrize("kind", CONTENT)
def test_the_signing_time_stands_in_one_header_and_never_in_both(
    signing_time: SigningTime, other: str, kind: Kind
) -> None:
    seal = sealed(kind=kind, signing_time=signing_time)
    written = json.loads(decode64(seal.protected))
    assert signing_time in written
    assert other not in written
    assert ("sigT" in written.get("crit", [])) == (signing_time == "sigT")
    assert read_seal(seal.flattened()).header.claimed_at == SEALED


def test_the_header_is_that_of_europass() -> None:
    public = holder("ES256").public
    elsewhere = SEALED.astimezone(datetime.fromisoformat("2026-01-01T00:00:00+05:00").tzinfo)
    header = jades.protected_header(public, at=elsewhere, signing_time="sigT", kind="edc")
    assert header == without(EDC_HEADER, "iat") | {"sigT": "2026-11-20T09:00:00Z", "crit": ["b64", "sigT"]}
    assert (header["cty"], header["typ"], header["b64"]) == ("octet-stream", "jose+json", False)
    assert header["x5t#S256"] == certificate_thumbprint(public.chain[0])


@pytest.mark.parametrize("name", SAMPLES)
def test_a_seal_of_the_commission_is_read_and_written_byte_for_byte(name: str) -> None:
    text = commission(name)
    seal = read_seal(text)
    assert seal.general() == text
    assert read_seal(seal.flattened()) == seal
    assert seal.level is Level.B_LTA
    assert json.loads(decode64(seal.protected))["kid"] == jades._issuer_serial(seal.header.chain[0])
    assert [stamp.kind for stamp in seal.stamps()] == ["adoTst", "sigTst", "arcTst"]
    assert all(hashlib.sha256(stamp.content).digest() in stamp.token for stamp in seal.stamps())
    assert json.loads(seal.content)["type"] == ["VerifiableCredential", "EuropeanDigitalCredential"]


OTHER = holder("RS256").ders[0]
SECONDS = int(SEALED.timestamp())
HOSTILE: dict[str, Mapping[str, Any] | bytes] = {
    "no algorithm": EDC_HEADER | {"alg": "none"},
    "no algorithm at all": without(EDC_HEADER, "alg"),
    "a shared secret": EDC_HEADER | {"alg": "HS256"},
    "another curve": EDC_HEADER | {"alg": "ES384"},
    "an Edwards curve": EDC_HEADER | {"alg": "EdDSA"},
    "RSA with salt": EDC_HEADER | {"alg": "PS256"},
    "algorithm a list": EDC_HEADER | {"alg": ["ES256"]},
    "algorithm null": EDC_HEADER | {"alg": None},
    "compressed": EDC_HEADER | {"zip": "DEF"},
    "keys from elsewhere": EDC_HEADER | {"jku": "https://evil.example/jwks"},
    "certificates from elsewhere": EDC_HEADER | {"x5u": "https://evil.example/chain"},
    "a key of its own": EDC_HEADER | {"jwk": dict(holder("ES256").public.jwk)},
    "an old digest": EDC_HEADER | {"x5t": "AAAA"},
    "a digest of any kind": EDC_HEADER | {"x5t#o": {"digAlg": "S512", "digVal": "AAAA"}},
    "data elsewhere": EDC_HEADER | {"sigD": {"mId": "http://uri.etsi.org/19182/ObjectIdByURI"}},
    "a policy": EDC_HEADER | {"sigPId": {"id": "urn:oid:1.2.3"}},
    "unsigned properties, signed": EDC_HEADER | {"etsiU": []},
    "encryption": EDC_HEADER | {"enc": "A128GCM"},
    "claims": EDC_HEADER | {"iss": "did:web:evil.example"},
    "both signing times": EDC_HEADER | {"sigT": "2026-11-20T09:00:00Z"},
    "signing time a text": EDC_HEADER | {"iat": str(SECONDS)},
    "signing time a fraction": EDC_HEADER | {"iat": float(SECONDS)},
    "signing time true": EDC_HEADER | {"iat": True},
    "signing time before time": EDC_HEADER | {"iat": -1},
    "signing time after time": EDC_HEADER | {"iat": 253402214401},
    "signing date in no calendar": without(EDC_HEADER, "iat") | {"sigT": "2026-02-30T09:00:00Z"},
    "signing date elsewhere": without(EDC_HEADER, "iat") | {"sigT": "2026-11-20T09:00:00+01:00"},
    "signing date a number": without(EDC_HEADER, "iat") | {"sigT": SECONDS},
    "signing date in other digits": without(EDC_HEADER, "iat") | {"sigT": "٢٠٢٦-11-20T09:00:00Z"},
    "signing date and a line": without(EDC_HEADER, "iat") | {"sigT": "2026-11-20T09:00:00Z\n"},
    "payload zero": EDC_HEADER | {"b64": 0},
    "payload true": EDC_HEADER | {"b64": True},
    "payload a text": EDC_HEADER | {"b64": "false"},
    "payload null": EDC_HEADER | {"b64": None},
    "a plain payload that is not critical": without(EDC_HEADER, "crit"),
    "a plain payload that is not among the critical": without(EDC_HEADER, "iat")
    | {"sigT": "2026-11-20T09:00:00Z", "crit": ["sigT"]},
    "critical and absent": EDC_HEADER | {"crit": ["b64", "sigT"]},
    "critical twice": EDC_HEADER | {"crit": ["b64", "b64"]},
    "critical and unknown": EDC_HEADER | {"crit": ["b64", "exp"], "exp": 1},
    "critical and plain": EDC_HEADER | {"crit": ["b64", "iat"]},
    "critical and empty": EDC_HEADER | {"crit": []},
    "critical a text": EDC_HEADER | {"crit": "b64"},
    "no certificate": without(EDC_HEADER, "x5c"),
    "certificates empty": EDC_HEADER | {"x5c": []},
    "certificates a text": EDC_HEADER | {"x5c": EDC_HEADER["x5c"][0]},
    "seven certificates": EDC_HEADER | {"x5c": EDC_HEADER["x5c"][:1] * 7},
    "certificate in base64url": EDC_HEADER | {"x5c": [encode64(b"\xff\xfe\xfd" * 10)]},
    "certificate with a line": EDC_HEADER | {"x5c": [EDC_HEADER["x5c"][0] + "\n"]},
    "no digest": without(EDC_HEADER, "x5t#S256"),
    "digest of another certificate": EDC_HEADER | {"x5t#S256": certificate_thumbprint(OTHER)},
    "digest padded": EDC_HEADER | {"x5t#S256": EDC_HEADER["x5t#S256"] + "="},
    "digest under our own name for it": without(EDC_HEADER, "x5t#S256")
    | {"x5t_s256": EDC_HEADER["x5t#S256"]},
    "key name too long": EDC_HEADER | {"kid": "k" * 513},
    "key name with a line": EDC_HEADER | {"kid": "a\nb"},
    "type a list": EDC_HEADER | {"typ": ["jose+json"]},
    "content stamps empty": EDC_HEADER | {"adoTst": {"tstTokens": []}, "crit": ["b64", "adoTst"]},
    "content stamps two": EDC_HEADER | {"adoTst": {"tstTokens": [{"val": "AA=="}, {"val": "AA=="}]}},
    "content stamp with more": EDC_HEADER | {"adoTst": {"tstTokens": [{"val": "AA==", "specRef": "x"}]}},
    "content stamp too long": EDC_HEADER
    | {"adoTst": {"tstTokens": [{"val": encode64_standard(b"1" * (jades_members.MAX_TOKEN + 1))}]}},
    "given twice": b'{"alg":"none",' + decode64(sealed().protected)[1:],
    "a list": b"[]",
    "null": b"null",
    "not UTF-8": b'{"alg":"\xff"}',
    "too deep": b'{"alg":' + b"[" * 3000 + b"]" * 3000 + b"}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_header_is_refused_even_under_a_true_signature(name: str) -> None:
    header = HOSTILE[name]
    protected = encode64(header if isinstance(header, bytes) else json.dumps(header).encode())
    seal = replace(sealed(), protected=protected)
    seal = with_signature(seal, holder("ES256").sign(seal.signing_input))
    for write in (Seal.flattened, Seal.general):
        with pytest.raises(Malformed):
            read_seal(write(seal))


def members(**changed: object) -> str:
    return json.dumps(json.loads(sealed(Level.B_LTA).flattened()) | changed)


def component(content: object) -> str:
    return members(header={"etsiU": [encode64(json.dumps(content).encode())]})


TOKEN = {"tstTokens": [{"val": "MAA="}]}
GENERAL = json.loads(sealed(Level.B_LTA).general())
ONE = GENERAL["signatures"][0]
SHAPES = {
    "nothing": "",
    "two parts": "e30.e30",
    "four parts": sealed(kind="vc").compact() + ".e30",
    "spaces before a token": " " + sealed(kind="vc").compact(),
    "a token over a plain payload": f"{sealed().protected}.e30.{sealed().signature}",
    "a token whose payload is not canonical": sealed(kind="vc").compact().replace(".", ".==", 1),
    "a list": f"[{sealed().general()}]",
    "no payload": json.dumps(without(GENERAL, "payload")),
    "an empty payload": members(payload=""),
    "a payload that is an object": members(payload={}),
    "no signatures": json.dumps(GENERAL | {"signatures": []}),
    "two signatures": json.dumps(GENERAL | {"signatures": [ONE, ONE]}),
    "signatures not in a list": json.dumps(GENERAL | {"signatures": ONE}),
    "flattened and general": json.dumps(GENERAL | ONE),
    "more than there is": json.dumps(GENERAL | {"unsecured": True}),
    "a member given twice": sealed().general().replace("{", '{"payload":"{}",', 1),
    "an empty signature": members(signature=""),
    "a padded signature": members(signature=sealed().signature + "=="),
    "a signature too long": members(signature=encode64(b"1" * 513)),
    "an unprotected algorithm": members(header={"alg": "none"}),
    "an unprotected header of nothing": members(header={}),
    "an unprotected header that is null": members(header=None),
    "properties in the clear": members(header={"etsiU": [{"sigTst": TOKEN}]}),
    "too many properties": members(header={"etsiU": [sealed(Level.B_T).etsi_u[0]] * 33}),
    "a property padded": members(header={"etsiU": [sealed(Level.B_T).etsi_u[0] + "="]}),
    "a property that is a list": component([]),
    "no property": component({}),
    "two properties in one": component({"sigTst": TOKEN, "arcTst": TOKEN}),
    "a property that is null": component({"sigTst": None}),
    "a counter-signature": component({"cSig": "e30.e30.e30"}),
    "references": component({"xRefs": []}),
    "a stamp with another canonicalisation": component({"sigTst": TOKEN | {"canonAlg": "urn:x"}}),
    "a stamp that is not base64": component({"sigTst": {"tstTokens": [{"val": "MAA"}]}}),
    "two stamps in one": component({"sigTst": {"tstTokens": [{"val": "MAA="}] * 2}}),
    "a certificate by its address": component({"xVals": [{"x509Cert": {"uri": "https://evil.example"}}]}),
    "a certificate of another kind": component({"xVals": [{"otherCert": {"val": "MAA="}}]}),
    "too many certificates": component({"xVals": [{"x509Cert": {"val": "MAA="}}] * 65}),
    "revocation values of another kind": component({"rVals": {"otherVals": []}}),
}


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_not_exactly_one_baseline_seal_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        read_seal(SHAPES[name])


def test_a_seal_brings_along_no_more_than_it_needs() -> None:
    def crowded(**values: list[bytes]) -> Seal:
        seal = sealed(Level.B_T)
        for what, found in values.items():
            for begin in range(0, len(found), 10):
                given: dict[str, Any] = {"certificates": [], "crls": [], "ocsps": []}
                seal = jades.with_validation_values(seal, **given | {what: found[begin : begin + 10]})
        return seal

    for what, most in (("certificates", 32), ("crls", 16), ("ocsps", 16)):
        values = [str(number).encode() for number in range(most + 1)]
        assert len(getattr(read_seal(crowded(**{what: values[:-1]}).general()).values(), what)) == most
        with pytest.raises(Malformed, match="more proof"):
            read_seal(crowded(**{what: values}).general())
    with pytest.raises(Malformed, match="longer"):
        read_seal(crowded(certificates=[bytes(16 * 1024 + 1)]).general())


def test_a_seal_has_few_time_stamps() -> None:
    stamp = sealed(Level.B_T).etsi_u
    assert len(read_seal(replace(sealed(), etsi_u=stamp * 8).general()).stamps()) == 8
    with pytest.raises(Malformed, match="more proof"):
        read_seal(replace(sealed(), etsi_u=stamp * 9).general())


@pytest.mark.parametrize(
    "text",
    ["{", "{}{}", '{"payload":"x"', '{"payload":[' + "[]," * 200 + "1]}", '{"payload":"\ud800"}', "a.b"],
)
def test_what_is_not_even_json_is_told_from_a_seal_that_is_none(text: str) -> None:
    with pytest.raises(NoSeal):
        read_seal(text)


def test_json_that_is_no_seal_is_told_so() -> None:
    for text in ("{}", SHAPES["two signatures"], component({"xVals": [[]] * 999})):
        with pytest.raises(Malformed) as refused:
            read_seal(text)
        assert not isinstance(refused.value, NoSeal)


def test_a_seal_larger_than_the_limit_is_refused_unread() -> None:
    text = sealed().general()
    size = len(text.encode())
    assert read_seal(text, limit=size) == sealed()
    with pytest.raises(Malformed, match="bytes"):
        read_seal(text, limit=size - 1)


def test_an_empty_list_of_properties_is_that_of_a_seal_without_any() -> None:
    empty = json.dumps(json.loads(sealed().flattened()) | {"header": {"etsiU": []}})
    assert read_seal(empty) == sealed()


def test_a_payload_that_is_written_otherwise_is_another_payload() -> None:
    seal = sealed()
    pretty = json.dumps(json.loads(seal.payload), indent=1, ensure_ascii=False)
    assert not signed_by(replace(seal, payload=pretty))
    assert not signed_by(replace(seal, payload=seal.payload + " "))


def accepted(text: str, algorithm: str) -> bool:
    try:
        return signed_by(read_seal(text), algorithm)
    except Malformed:
        return False


def flips(text: str) -> Iterator[str]:
    """Every bit of every byte; what is no longer UTF-8 is no text and never comes so far."""
    raw = text.encode()
    for place, byte in enumerate(raw):
        for bit in range(8):
            changed = raw[:place] + bytes([byte ^ 1 << bit]) + raw[place + 1 :]
            with suppress(UnicodeDecodeError):
                yield changed.decode()


def broken_copies(seal: Seal, every: int) -> Iterator[tuple[str, Seal]]:
    """Of the header, which is long, one bit of every fourth byte: each time another one."""
    for changed in islice(flips(seal.payload), 0, None, every):
        yield "payload", replace(seal, payload=changed)
    for changed in islice(flips(seal.protected), 0, None, 31 * every):
        yield "protected", replace(seal, protected=changed)
    for changed in islice(flips(seal.signature), 0, None, every):
        yield "signature", replace(seal, signature=changed)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("kind", CONTENT)
def test_no_changed_copy_is_accepted(kind: Kind, algorithm: str, capsys: pytest.CaptureFixture[str]) -> None:
    tried = {"payload": 0, "protected": 0, "signature": 0}
    for level, form in product((Level.B_B, Level.B_T), SERIALISATIONS):
        if form in serialisations(kind, level):
            seal = sealed(level, algorithm, kind)
            assert accepted(SERIALISATIONS[form](seal), algorithm)
            for part, broken in broken_copies(seal, every=1 if form in {"general", "compact"} else 13):
                tried[part] += 1
                assert not accepted(SERIALISATIONS[form](broken), algorithm), (part, broken)
    with capsys.disabled():
        told = ", ".join(f"{count:,} in the {part}" for part, count in tried.items())
        print(f"\n{kind} {algorithm}, bits flipped: {told}: 0 accepted")  # noqa: T201 -- the count is the point
    assert min(tried.values()) > 500


@given(st.text(max_size=60) | st.text(alphabet='{}[]":,.eyJ0', max_size=120))
def test_whatever_text_comes_in_is_a_seal_or_malformed(text: str) -> None:
    with suppress(Malformed):
        assert isinstance(read_seal(text), Seal)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from([*EDC_HEADER, "sigT", "adoTst", "etsiU"]),
        st.sampled_from([*EDC_HEADER.values()]) | json_values,
    )
)
def test_whatever_header_comes_in_is_read_or_malformed(header: dict[str, Any]) -> None:
    seal = replace(sealed(), protected=encode64(json.dumps(EDC_HEADER | header).encode()))
    with suppress(Malformed):
        read_seal(seal.general())


@given(
    st.dictionaries(
        st.sampled_from(["sigTst", "arcTst", "xVals", "rVals", "tstVD", "anyValData"]),
        json_values | st.just(TOKEN),
        min_size=1,
        max_size=2,
    )
)
def test_whatever_property_comes_in_is_read_or_malformed(content: dict[str, Any]) -> None:
    with suppress(Malformed, ValueError):
        text = component(content)
        with suppress(Malformed):
            read_seal(text)


def test_a_level_is_carried_only_with_all_below_it() -> None:
    seal = sealed(Level.B_LTA)
    assert replace(seal, etsi_u=seal.etsi_u[1:]).level is Level.B_B
    assert replace(seal, etsi_u=(seal.etsi_u[0], seal.etsi_u[-1])).level is Level.B_T
    again = jades.with_archive_timestamp(jades.with_validation_values(seal, [b"1"], [], []), b"2")
    assert again.level is Level.B_LTA
    assert [stamp.kind for stamp in again.stamps()] == ["sigTst", "arcTst", "arcTst"]
    assert again.stamps()[-1].content == jades.archive_imprint(replace(again, etsi_u=again.etsi_u[:-1]))


def test_no_empty_list_is_written() -> None:
    assert jades.with_validation_values(sealed(), [], [], []) == sealed()
    assert jades.with_validation_values(sealed(), [b"1", b"1"], [], []).values().certificates == (b"1",)


def test_a_time_of_long_ago_is_a_time() -> None:
    key = holder("ES256").public
    old = jades.protected_header(key, at=datetime(1970, 1, 1, tzinfo=UTC), signing_time="iat", kind="edc")
    assert old["iat"] == 0
    late = SEALED + timedelta(microseconds=999_999)
    assert jades.protected_header(key, at=late, signing_time="iat", kind="edc")["iat"] == SECONDS
