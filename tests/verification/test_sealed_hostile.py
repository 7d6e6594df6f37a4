"""Seals in JSON that somebody made to be misread: each is sealed anew, stamped and whole, and none counts."""

import base64
import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from app.formats import jades
from app.formats.der import element
from app.formats.jades import Level, Seal
from app.formats.strict import encode64, encode64_standard, write_json
from app.verification.report import Result
from app.verification.submitted import MAX_TEXT
from tests.calling import Caller
from tests.formats.seals import holder, sealer
from tests.pki.authority import DAY, YEAR, Holder, _ec
from tests.pki.signing import with_signature
from tests.verification.sealing import content, foreign, header, ours, reported, seal_of, sealed_raw, stranger

Json = dict[str, Any]
ABSENT = object()
DER = Encoding.DER
GOOD = seal_of(foreign(), stranger())
PAYLOAD = write_json(foreign()).decode()


def with_head(**changes: Any) -> str:
    head = {name: value for name, value in (header(stranger()) | changes).items() if value is not ABSENT}
    return sealed_raw(head, PAYLOAD, stranger()).general()


def with_raw_head(after: str) -> str:
    raw = json.dumps(header(stranger()))[:-1] + after
    return sealed_raw(raw.encode(), PAYLOAD, stranger()).general()


def with_payload(payload: str) -> str:
    return sealed_raw(header(stranger()), payload, stranger()).general()


def saying(**changes: Any) -> str:
    says = {name: value for name, value in (foreign() | changes).items() if value is not ABSENT}
    return with_payload(json.dumps(says))


def outer(**changes: Any) -> str:
    members = {name: value for name, value in (_general() | changes).items() if value is not ABSENT}
    return json.dumps(members)


def _general() -> Json:
    members: Json = json.loads(GOOD.general())
    return members


def _heads() -> Iterator[tuple[str, str]]:
    other = encode64_standard(holder("ES256").ders[0])
    chain = [encode64_standard(each) for each in stranger().ders]
    sizes: tuple[tuple[str, Json], ...] = (
        ("alg none", {"alg": "none"}),
        ("alg HS256", {"alg": "HS256"}),
        ("alg of another key", {"alg": "RS256"}),
        ("alg PS256", {"alg": "PS256"}),
        ("no alg", {"alg": ABSENT}),
        ("jku", {"jku": "https://127.0.0.1/keys"}),
        ("jwk", {"jwk": {"kty": "EC"}}),
        ("x5u", {"x5u": "http://127.0.0.1/"}),
        ("sigPId", {"sigPId": {}}),
        ("sigD", {"sigD": {"mId": "http://uri.etsi.org/19182/HttpHeaders"}}),
        ("srCms", {"srCms": []}),
        ("url", {"url": "https://127.0.0.1/"}),
        ("zip", {"zip": "DEF"}),
        ("b64 true", {"b64": True}),
        ("b64 zero", {"b64": 0}),
        ("b64 as a text", {"b64": "false"}),
        ("b64 null", {"b64": None}),
        ("b64 absent", {"b64": ABSENT, "crit": ABSENT}),
        ("typ of a token", {"typ": "vc+jwt"}),
        ("typ and cty of a token", {"typ": "vc+jwt", "cty": "vc"}),
        ("b64 not critical", {"crit": ABSENT}),
        ("crit empty", {"crit": []}),
        ("crit as a text", {"crit": "b64"}),
        ("crit of what is not there", {"crit": ["b64", "sigT"]}),
        ("crit twice", {"crit": ["b64", "b64"]}),
        ("crit unknown", {"crit": ["b64", "http://x"], "http://x": 1}),
        ("crit of a name of JWS", {"crit": ["b64", "alg"]}),
        ("two times", {"sigT": "2026-11-20T09:00:00Z", "crit": ["b64", "sigT"]}),
        ("a time out of the calendar", {"iat": ABSENT, "sigT": "2026-13-20T09:00:00Z"}),
        ("a negative time", {"iat": -1}),
        ("a time as a text", {"iat": "1795165200"}),
        ("no chain", {"x5c": ABSENT}),
        ("an empty chain", {"x5c": []}),
        ("the chain of another", {"x5c": [other]}),
        ("another on top", {"x5c": [other, *chain]}),
        ("the digest of another", {"x5t#S256": "A" * 43}),
        ("no digest", {"x5t#S256": ABSENT}),
        ("seven in the chain", {"x5c": chain * 7}),
        ("a chain of nothing", {"x5c": ["AAAA"]}),
        ("a stamp that is none", {"adoTst": {"tstTokens": [{"val": "AAAA"}]}, "crit": ["b64", "adoTst"]}),
        ("no stamp in it", {"adoTst": {"tstTokens": []}, "crit": ["b64", "adoTst"]}),
        ("a long kid", {"kid": "k" * 600}),
        ("a kid with a line", {"kid": "a\nb"}),
        ("etsiU under the signature", {"etsiU": []}),
    )
    yield from ((name, with_head(**changes)) for name, changes in sizes)
    for name, after in (
        ("a member twice", ',"alg":"none"}'),
        ("a member twice, escaped", ',"\\u0061lg":"none"}'),
        ("b64 twice", ',"b64":true}'),
        ("not a number", ',"iat":NaN}'),
        ("more behind it", "}{}"),
        ("deep", ',"x":' + "[" * 4_000 + "]" * 4_000 + "}"),
        ("huge", ',"x":"' + "x" * 70_000 + '"}'),
    ):
        yield f"head with {name}", with_raw_head(after)


def _payloads() -> Iterator[tuple[str, str]]:
    good = json.dumps(foreign())
    for name, payload in {
        "nothing of it": "{}",
        "a list": "[]",
        "a text": '"x"',
        "no JSON": "x",
        "a member twice": good[:-1] + ',"type":["VerifiableCredential","EuropeanDigitalCredential"]}',
        "deep": good[:-1] + ',"x":' + "[" * 40 + "]" * 40 + "}",
        "very deep": good[:-1] + ',"x":' + '{"a":' * 9_000 + "1" + "}" * 9_000 + "}",
        "infinity": good[:-1] + ',"x":Infinity}',
        "half a character": good[:-1] + ',"x":"\\ud800"}',
        "a mark before it": "\N{ZERO WIDTH NO-BREAK SPACE}" + good,
        "more behind it": good + "{}",
        "in base64": encode64(good.encode()),
    }.items():
        yield f"payload with {name}", with_payload(payload)
    subject, issuer = foreign()["credentialSubject"], foreign()["issuer"]
    bent: tuple[Json, ...] = (
        {"type": "VerifiableCredential"},
        {"type": ["VerifiableCredential", "VerifiablePresentation"]},
        {"type": 1},
        {"@context": ["https://www.w3.org/ns/credentials/v2"]},
        {"@context": []},
        {"id": ABSENT},
        {"id": ["urn:credential:x"]},
        {"id": "x" * 5_000},
        {"issuer": ABSENT},
        {"issuer": "did:web:seal.example.org"},
        {"issuer": issuer | {"legalName": "Somebody"}},
        {"issuer": issuer | {"legalName": {"en": 1}}},
        {"issuer": issuer | {"legalName": {}}},
        {"issuer": [issuer, issuer]},
        {"validFrom": ABSENT},
        {"validFrom": "2026-11-20"},
        {"validFrom": 1},
        {"validUntil": "2099-01-01T00:00:00Z"},
        {"expirationDate": "never"},
        {"credentialSubject": ABSENT},
        {"credentialSubject": [subject, subject]},
        {"credentialSubject": subject | {"fullName": "Somebody Else"}},
        {"credentialSubject": subject | {"fullName": {"en": ["a", 1], "it": [[]]}}},
        {"credentialSubject": subject | {"hasClaim": [1]}},
        {"displayParameter": ABSENT},
        {"displayParameter": {"title": []}},
        {"displayParameter": {"title": {str(n): "x" for n in range(40)}}},
        {"identifier": [{"notation": 1}]},
        {"identifier": [foreign()["identifier"], foreign()["identifier"] | {"notation": "X"}]},
        {"credentialStatus": {"id": "https://127.0.0.1/", "type": "X"}},
    )
    for number, changes in enumerate(bent):
        yield f"payload {number}", saying(**changes)


def _shapes() -> Iterator[tuple[str, str]]:
    good = _general()
    (signature,) = good["signatures"]
    bare, tail = GOOD.bare, GOOD.etsi_u
    stamp, values = tail[0], tail[1:-1]
    ours_too = json.loads(seal_of(content(), holder("ES256")).general())["signatures"][0]
    yield from {
        "two signatures": outer(signatures=[signature, signature]),
        "ours beside it": outer(signatures=[signature, ours_too]),
        "no signature": outer(signatures=[]),
        "signatures as an object": outer(signatures=signature),
        "general and flattened": outer(**signature),
        "a payload twice": '{"payload":"x",' + GOOD.general()[1:],
        "signatures twice": GOOD.general()[:-1] + ',"signatures":[]}',
        "a member more": outer(x=1),
        "a null member": outer(header=None),
        "the payload as an object": outer(payload=foreign()),
        "the payload absent": outer(payload=ABSENT),
        "the payload empty": outer(payload=""),
        "the payload spelt anew": outer(payload=json.dumps(foreign())),
        "the payload in base64": outer(payload=encode64(PAYLOAD.encode())),
        "alg outside": outer(signatures=[signature | {"header": signature["header"] | {"alg": "none"}}]),
        "b64 outside": outer(signatures=[signature | {"header": signature["header"] | {"b64": True}}]),
        "an unprotected chain": outer(signatures=[signature | {"header": {"x5c": []}}]),
        "a padded signature": outer(signatures=[signature | {"signature": signature["signature"] + "=="}]),
        "an empty signature": outer(signatures=[signature | {"signature": ""}]),
        "zeros for a signature": outer(signatures=[signature | {"signature": encode64(bytes(64))}]),
        "an endless signature": outer(signatures=[signature | {"signature": "A" * 4_000}]),
        "the signature of ours": outer(signatures=[signature | {"signature": ours_too["signature"]}]),
        "the header of ours": outer(signatures=[signature | {"protected": ours_too["protected"]}]),
        "ours over its payload": outer(signatures=[ours_too]),
        "etsiU empty": outer(signatures=[signature | {"header": {"etsiU": []}}]),
        "etsiU of objects": outer(signatures=[signature | {"header": {"etsiU": [{"sigTst": {}}]}}]),
        "33 of etsiU": outer(signatures=[signature | {"header": {"etsiU": [stamp] * 33}}]),
        "an unknown etsiU": _with(bare, stamp, encode64(b'{"x":1}')),
        "two in one etsiU": _with(bare, stamp, encode64(b'{"xVals":[],"rVals":{}}')),
        "a null in etsiU": _with(bare, stamp, encode64(b'{"xVals":null}')),
        "a counter-signature": _with(bare, stamp, encode64(b'{"cSig":"x"}')),
        "an archive stamp before its values": _with(bare, stamp, tail[-1], *values),
        "the archive stamp of less": _with(bare, *values, tail[-1]),
        "no values": _with(bare, stamp),
        "nothing beside it": bare.general(),
        "values that are none": _with(bare, stamp, encode64(b'{"rVals":{"ocspVals":[{"val":"AAAA"}]}}')),
        "compact": ".".join((GOOD.protected, encode64(PAYLOAD.encode()), GOOD.signature)),
        "compact and detached": f"{GOOD.protected}..{GOOD.signature}",
        "in a list": f"[{GOOD.general()}]",
        "cut": GOOD.general()[:-40],
        "twice": GOOD.general() * 2,
        "a stranger who names us": seal_of(content(), stranger()).general(),
        "a stranger who names us, plainly": seal_of(content(), stranger(), Level.B_B).general(),
        "huge pictures": _with_pictures(6 * 1024 * 1024),
        "longer than all": json.dumps({"payload": "x" * 11_000_000, "signatures": []}),
        "many members": '{"payload":{' + ",".join(f'"{n}":0' for n in range(100_000)) + "}}",
        "nothing but brackets": '{"payload":' + "[" * 200_000,
    }.items()


def _proofs() -> Iterator[tuple[str, str]]:
    """What a stranger can put into the certificates and the proofs, which nobody has to have signed."""
    made, bare, stamp = sealer(), GOOD.bare, GOOD.etsi_u[0]
    unread = element(
        0x30, element(0xA3, b"\x30\x00")
    )  # a name that RFC 5280 allows and the library does not read
    places = {
        "2.5.29.17": unread,
        "2.5.29.18": unread,
        "2.5.29.28": element(0x30, element(0xA0, element(0xA0, unread[2:]))),
        "2.5.29.29": unread,
        "2.5.29.31": element(0x30, element(0x30, element(0xA0, element(0xA0, unread[2:])))),
        "2.5.29.35": element(0x30, element(0xA1, unread[2:])),
        "2.5.29.60": b"\x18\x01x",
    }
    for oid, written in places.items():
        odd = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), written)
        authority = _self_made(odd)
        leaf = _self_made(odd, by=authority)
        yield f"a certificate with {oid}", sealed_raw(header(leaf), PAYLOAD, leaf).general()
        lists = x509.CertificateRevocationListBuilder().issuer_name(authority.certificate.subject)
        lists = lists.last_update(made.at).next_update(made.at + 9 * DAY).add_extension(odd, critical=False)
        entry = x509.RevokedCertificateBuilder().revocation_date(made.at)
        entry = entry.serial_number(leaf.certificate.serial_number).add_extension(odd, critical=False)
        for signer in (authority, leaf):
            crl = lists.add_revoked_certificate(entry.build()).sign(_ec(signer.key), hashes.SHA256())
            sealed = sealed_raw(header(leaf), PAYLOAD, leaf).bare
            grown = jades.with_validation_values(sealed, authority.ders, [crl.public_bytes(DER)], [])
            yield f"a list with {oid}, by {signer is authority}", grown.general()
        answer = made.pki.ocsp(leaf.certificate, made.at, responder=leaf)
        yield f"an answer with {oid}", jades.with_validation_values(bare, leaf.ders, [], [answer]).general()
    many = [str(number).encode() for number in range(30)]
    yield from {
        "nine stamps": _with(bare, *[stamp] * 9),
        "forty certificates": _with(bare, *jades.with_validation_values(bare, many, [], []).etsi_u * 2),
        "brackets": '{"payload":[' + "[]," * 100_000 + "1]}",
        "members": '{"payload":"x","signatures":[' + "{}," * 100_000 + "{}]}",
        "brackets inside": with_payload(json.dumps(foreign())[:-1] + ',"x":[' + "[]," * 100_000 + "1]}"),
        "brackets in a part": _with(bare, encode64(b'{"xVals":[' + b"[]," * 10_000 + b"1]}")),
    }.items()


def _self_made(extension: x509.ExtensionType, *, by: Holder | None = None) -> Holder:
    key, at = ec.generate_private_key(ec.SECP256R1()), sealer().at
    names = [(NameOID.ORGANIZATION_NAME, "TEST"), (NameOID.COMMON_NAME, "a leaf" if by else "an authority")]
    name = x509.Name([x509.NameAttribute(kind, value) for kind, value in names])
    builder = x509.CertificateBuilder().subject_name(name).public_key(key.public_key())
    builder = builder.issuer_name(by.certificate.subject if by else name).serial_number(12)
    builder = builder.not_valid_before(at - DAY).not_valid_after(at + YEAR)
    builder = builder.add_extension(extension, critical=False)
    made = builder.sign(_ec(by.key) if by else key, hashes.SHA256())
    return Holder(key, (made, *(by.chain if by else ())))


def _with(bare: Seal, *components: str) -> str:
    return Seal(bare.payload, bare.protected, bare.signature, components, b64=False).general()


def _with_pictures(size: int) -> str:
    says = foreign()
    says["displayParameter"]["individualDisplay"][0]["displayDetail"]["image"]["content"] = base64.b64encode(
        bytes(size)
    ).decode()
    seal = jades.unsigned_seal(header(stranger()), write_json(says))
    return with_signature(seal, stranger().sign(seal.signing_input)).general()


@cache
def corpus() -> dict[str, str]:
    return {**dict(_heads()), **dict(_payloads()), **dict(_shapes()), **dict(_proofs())}


def test_what_is_sealed_as_it_should_be_is_accepted() -> None:
    assert reported(GOOD.general(), ours()).result is Result.VALID_WITH_WARNINGS
    assert reported(with_head(), ours()).result is Result.VALID_WITH_WARNINGS
    assert reported(with_payload(PAYLOAD), ours()).result is Result.VALID_WITH_WARNINGS


def test_nothing_hostile_is_accepted_and_nothing_falls_over() -> None:
    told = {name: reported(text, ours()).result for name, text in corpus().items()}
    assert [name for name, result in told.items() if result not in {"invalid", "unknown"}] == []
    assert len(corpus()) >= 60
    print(f"hostile seals in JSON: {len(corpus())}, 0 accepted, 0 uncaught, {dict(Counter(told.values()))}")  # noqa: T201


def test_nothing_hostile_is_accepted_over_http_nor_answered_with_a_failure(stranger: Caller) -> None:
    told: Counter[str] = Counter()
    for name, text in corpus().items():
        answer = stranger.post("/v1/verifications", files={"file": ("x.jsonld", text.encode())})
        assert answer.status_code in {200, 413, 422}, (name, answer.text)
        told[answer.json().get("result", str(answer.status_code))] += 1
        if len(text) < MAX_TEXT:
            wrapped = stranger.post("/v1/verifications", json={"credential": text})
            assert wrapped.json().get("result") == answer.json().get("result"), name
    assert set(told) <= {"invalid", "unknown", "413", "422"}, told
