"""`sigillo keys …` as an operator lives it: from the first start to keys that count, and to the next."""

import json
import multiprocessing
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from typer.testing import CliRunner

from app.adapters.keys import FileKeys
from app.cli import app
from app.client.visit import Ends
from app.core.clock import SystemClock
from app.formats.jose import verify
from app.keys_desk import For
from app.main import keys_of
from app.ports import Slot
from app.settings import Settings
from tests.adapters.pki import Pki, pem
from tests.pki import authority, lists
from tests.softhsm import LABEL, PIN, Token, start_again, token_in

PASSPHRASE = "correct horse battery"
BODY = ["--organisation", "Associazione di prova", "--identifier", "NTRIT-12345678901"]
MESSAGE = b"an intent"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command works in a folder of its own, with the passphrase of a body that means it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIGILLO_LANG", "en")
    monkeypatch.setenv("SIGILLO_KEY_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("SIGILLO_PUBLIC_URL", "https://sigillo.example.org")


@pytest.fixture
def ca() -> Pki:
    return Pki.made(SystemClock().now() - timedelta(hours=1))


def said(*arguments: str, typed: str | None = None, **environment: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["keys", *arguments], env=environment, input=typed)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    for secret in (PASSPHRASE, PIN, "PRIVATE KEY"):
        assert secret not in done.output
    return done.exit_code, " ".join(done.output.split())


def done(*arguments: str, typed: str | None = None, **environment: str) -> str:
    code, output = said(*arguments, typed=typed, **environment)
    assert code == 0, output
    return output


def listed() -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads(CliRunner().invoke(app, ["keys", "list", "--json"]).output):
        rows.setdefault(row["slot"], []).append(row)
    return rows


def answered(ca: Pki, slot: str, **more: Any) -> list[str]:
    """What the CA sends for a request: the chain as it comes, and the root that one compares and trusts."""
    bundle = ca.answer(Path(f"keys/{slot}.csr.pem").read_bytes(), **more)
    Path(f"{slot}.chain.pem").write_bytes(pem(*bundle.chain))
    Path("root.pem").write_bytes(pem(ca.root))
    return [slot, f"{slot}.chain.pem", "--anchor", "root.pem"]


def keys() -> FileKeys:
    return keys_of(Settings(), at=SystemClock().now())


def test_the_commands_know_every_slot() -> None:
    assert {each.value for each in For} == {slot.value for slot in Slot}


def test_the_way_from_the_first_start_to_keys_that_count(ca: Pki) -> None:
    code, output = said("check")
    assert (code, "The keys work, and are for trying only" in output) == (Ends.REFUSED, True)
    output = done("init", *BODY)
    assert "Send keys/seal.csr.pem to the CA" in output
    assert listed()["seal"][-1]["state"] == "waiting"
    before = keys().current(Slot.SEAL)
    assert before.development  # nothing changes before the CA has answered
    for slot in ("seal", "edc-seal"):
        done("import", *answered(ca, slot))
    assert "Every key can issue." in done("check")
    code, output = said("check", SIGILLO_PUBLIC_URL="http://localhost:8000")
    assert (code, "✗ set-up public_url is http://localhost:8000" in output) == (Ends.REFUSED, True), output
    signer = keys()
    for slot_ in Slot:
        key = signer.current(slot_)
        assert not key.development
        assert verify(MESSAGE, signer.sign(key.thumbprint, MESSAGE), key.jwk)
    assert before.thumbprint in {key.thumbprint for key in signer.published()}
    assert "there already" in done("init", *BODY)
    pems = [path.read_bytes() for path in Path("keys").glob("*.key.pem")]
    assert sum(b"ENCRYPTED" in each for each in pems) == len(pems)


def test_set_up_asks_for_what_it_was_not_told() -> None:
    typed = "Associazione di prova\nNTRIT-12345678901\n"
    assert "edc-seal: the key waits" in done("init", "--kind", "rsa", typed=typed)
    request = x509.load_pem_x509_csr(Path("keys/edc-seal.csr.pem").read_bytes())
    assert request.is_signature_valid
    assert isinstance(request.public_key(), rsa.RSAPublicKey)
    named = {each.oid: each.value for each in request.subject}
    assert named[NameOID.ORGANIZATION_NAME] == "Associazione di prova"
    assert named[NameOID.ORGANIZATION_IDENTIFIER] == "NTRIT-12345678901"
    assert named[NameOID.COUNTRY_NAME] == "IT"


def test_a_key_that_waits_for_its_certificate_is_put_aside_only_when_that_is_asked_for(ca: Pki) -> None:
    done("init", *BODY, "--seal", "seal")
    first = listed()["seal"][-1]["thumbprint"]
    sent = answered(ca, "seal")
    done("csr", "seal")
    for again in (["csr", "seal"], ["init", *BODY]):
        code, output = said(*again, "--kind", "rsa")
        assert (code, "sigillo keys cancel seal" in output) == (Ends.USAGE, True), output
    done("rotate", "seal")  # that for trying things, which signs till now
    done("compromise", keys().current(Slot.SEAL).thumbprint, "--yes")
    assert listed()["seal"][-1]["thumbprint"] == first
    assert said("cancel", "seal", typed="n\n")[0] == 1
    done("cancel", "seal", "--yes")
    assert not Path(f"keys/seal-{first}.key.pem").exists()
    assert not Path("keys/seal.csr.pem").exists()
    assert said("cancel", "seal", "--yes")[0] == Ends.USAGE
    assert said("import", *sent)[0] == Ends.USAGE
    done("csr", "seal", "--kind", "rsa")
    second = listed()["seal"][-1]["thumbprint"]
    assert second != first
    done("csr", "seal", "--kind", "rsa")
    assert listed()["seal"][-1]["thumbprint"] == second


def test_a_key_that_waits_and_is_lost_is_given_up_and_never_certified(ca: Pki) -> None:
    done("init", *BODY, "--seal", "seal")
    sent = answered(ca, "seal")
    lost = listed()["seal"][-1]["thumbprint"]
    assert "tell the CA not to certify it" in done("compromise", lost, "--yes")
    assert [row["state"] for row in listed()["seal"]] == ["current"]
    assert said("import", *sent)[0] == Ends.USAGE


def test_the_next_key_of_an_rsa_seal_is_one_of_rsa(ca: Pki) -> None:
    done("init", *BODY, "--seal", "seal", "--kind", "rsa")
    done("import", *answered(ca, "seal"))
    done("rotate", "seal")
    done("import", *answered(ca, "seal"))
    assert [row["algorithm"] for row in listed()["seal"]] == ["ES256", "RS256", "RS256"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--organisation", "TEST body", "--identifier", "NTRIT-1"], "not as TEST"),
        (["--organisation", "A", "--identifier", "12345"], "NTRIT-…"),
        (["--organisation", "A", "--identifier", "NTRIT-1", "--country", "Italy"], "two letters"),
    ],
    ids=["test", "identifier", "country"],
)
def test_what_no_certificate_could_say_is_refused(arguments: list[str], words: str) -> None:
    code, output = said("init", *arguments)
    assert (code, words in output) == (Ends.USAGE, True), output


def test_a_key_that_counts_is_never_written_down_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SIGILLO_KEY_PASSPHRASE")
    code, output = said("init", *BODY)
    assert (code, "Set SIGILLO_KEY_PASSPHRASE first" in output) == (Ends.USAGE, True)
    assert all(row["note"] == "for trying only" for rows in listed().values() for row in rows)


def test_the_next_key_takes_over_without_a_pause_and_the_old_one_stays_published(ca: Pki) -> None:
    done("init", *BODY, "--seal", "seal")
    done("import", *answered(ca, "seal"))
    running = keys()
    old = running.current(Slot.SEAL)
    signature = running.sign(old.thumbprint, MESSAGE)
    done("rotate", "seal")
    assert running.current(Slot.SEAL) == old  # it signs until the certificate of the next one is here
    assert "a new key waits" in done("check")
    done("import", *answered(ca, "seal"))
    new = running.current(Slot.SEAL)  # a running service sees it by itself
    assert new.thumbprint != old.thumbprint
    assert verify(MESSAGE, running.sign(new.thumbprint, MESSAGE), new.jwk)
    kept = next(key for key in running.published() if key.thumbprint == old.thumbprint)
    assert (kept.current, verify(MESSAGE, signature, kept.jwk)) == (False, True)
    assert [row["state"] for row in listed()["seal"]] == ["retired", "retired", "current"]
    before = running.current(Slot.QR)
    done("rotate", "qr")
    assert running.current(Slot.QR).thumbprint != before.thumbprint
    assert not running.current(Slot.QR).development


def without_intermediate(ca: Pki) -> list[str]:
    arguments = answered(ca, "seal")
    leaf, *_ = x509.load_pem_x509_certificates(Path(arguments[1]).read_bytes())
    Path(arguments[1]).write_bytes(pem(leaf))
    return arguments


def _another_key(ca: Pki) -> list[str]:
    chain = ca.certify(ca.body.called("x"), ec.generate_private_key(ec.SECP256R1()).public_key())
    Path("chain.pem").write_bytes(pem(*chain))
    return ["seal", "chain.pem", "--anchor", "root.pem"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (_another_key, "about another key"),
        (lambda ca: answered(ca, "seal")[:2], "which is no anchor here"),
        (without_intermediate, "put its certificate into the file"),
        (lambda ca: answered(ca, "seal", uses=[ExtendedKeyUsageOID.SERVER_AUTH]), "one for a web server"),
        (lambda ca: answered(ca, "seal", uses=[ExtendedKeyUsageOID.OCSP_SIGNING]), "answers (OCSP)"),
        (lambda ca: answered(ca, "seal", uses=[ExtendedKeyUsageOID.TIME_STAMPING]), "for time-stamps"),
        (lambda ca: answered(ca, "seal", insists="1.2.3.4"), "critical extension 1.2.3.4"),
        (lambda ca: [*answered(ca, "seal")[:2], "--anchor", "seal.chain.pem"], "no authority's"),
        (lambda ca: answered(ca, "seal", signs=False), "not for signatures"),
        (lambda ca: answered(ca, "seal", life=timedelta(minutes=1)), "ended on"),
        (lambda ca: answered(ca, "seal", at=ca.at + timedelta(days=9)), "begin on"),
        (lambda ca: [*answered(Pki.made(ca.at), "seal")[:2], "--anchor", "other.pem"], "no anchor here"),
        (lambda _: ["seal", "root.pem", "--anchor", "root.pem"], "no certificate of ours"),
        (lambda _: ["seal", "gone.pem"], "cannot be read"),
        (lambda _: ["seal", "keys/seal.csr.pem"], "no certificate of ours"),
        (lambda _: ["status", "root.pem", "--anchor", "root.pem"], "no certificate of ours"),
    ],
    ids=[
        *("key", "anchor", "intermediate", "server", "ocsp", "time-stamps", "critical", "leaf-as-anchor"),
        *("usage", "expired", "not-yet", "other-ca", "root-alone", "gone", "csr", "slot"),
    ],
)
def test_what_a_ca_sent_is_checked_before_anything_changes(ca: Pki, wrong: Any, words: str) -> None:
    done("init", *BODY, "--seal", "seal")
    Path("root.pem").write_bytes(pem(ca.root))
    Path("other.pem").write_bytes(pem(Pki.made(ca.at).root))
    before = Path("keys/ring.json").read_bytes()
    code, output = said("import", *wrong(ca))
    assert (code, words in output) == (Ends.USAGE, True), output
    assert Path("keys/ring.json").read_bytes() == before


@pytest.mark.parametrize("slot", ["seal", "edc-seal"])
def test_a_key_that_was_made_elsewhere_comes_in_as_pkcs12(ca: Pki, slot: str) -> None:
    key = rsa.generate_private_key(65537, 2048)
    leaf, *more = ca.certify(ca.body.called("Seal"), key.public_key())
    sealed = serialization.BestAvailableEncryption(b"of the file")
    Path("seal.p12").write_bytes(pkcs12.serialize_key_and_certificates(b"seal", key, leaf, more, sealed))
    Path("root.pem").write_bytes(pem(ca.root))
    arguments = ["import", slot, "seal.p12", "--anchor", "root.pem"]
    code, output = said(*arguments, SIGILLO_IMPORT_PASSPHRASE="wrong")
    assert (code, "is the passphrase right?" in output) == (Ends.USAGE, True)
    assert "RS256" in done(*arguments, typed="of the file\n")
    signer = keys()
    current = signer.current(Slot(slot))
    assert verify(MESSAGE, signer.sign(current.thumbprint, MESSAGE), current.jwk)


def test_a_key_that_was_made_elsewhere_comes_in_as_encrypted_pem(ca: Pki) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    Path("key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"of the file"),
        )
    )
    Path("chain.pem").write_bytes(pem(*reversed(ca.certify(ca.body.called("Seal"), key.public_key()))))
    Path("root.pem").write_bytes(pem(ca.root))
    arguments = ["import", "seal", "chain.pem", "--key", "key.pem", "--anchor", "root.pem"]
    assert said(*arguments, SIGILLO_IMPORT_PASSPHRASE="wrong")[0] == Ends.USAGE
    done(*arguments, SIGILLO_IMPORT_PASSPHRASE="of the file")
    signer = keys()
    assert len(signer.current(Slot.SEAL).chain) == 2
    code, output = said("import", "qr", "chain.pem", "--key", "key.pem", "--anchor", "root.pem", typed="x\n")
    assert code == Ends.USAGE, output


def test_a_compromised_key_never_signs_again_and_says_since_when(ca: Pki) -> None:
    done("init", *BODY, "--seal", "seal")
    done("import", *answered(ca, "seal"))
    lost = keys().current(Slot.SEAL).thumbprint
    assert said("compromise", lost, "--since", "2999-01-01", "--yes")[0] == Ends.USAGE
    assert said("compromise", "nothing-like-it", "--yes")[0] == Ends.USAGE
    code, output = said("compromise", "-24xy", "--yes")  # one thumbprint of 64 begins so
    assert (code, "No such option" in output) == (Ends.USAGE, False), output
    assert said("compromise", lost, typed="n\n")[0] == 1
    assert "Nothing signs for seal now" in done("compromise", lost[:12], "--since", "2026-01-02", typed="y\n")
    done("compromise", lost, "--yes")  # a later instant takes nothing back
    kept = next(key for key in keys().published() if key.thumbprint == lost)
    assert kept.compromised_at is not None
    assert kept.compromised_at.isoformat() == "2026-01-02T00:00:00+00:00"
    code, output = said("check")
    assert (code, "no key signs" in output) == (Ends.REFUSED, True)
    done("rotate", "seal")
    done("import", *answered(ca, "seal"))
    done("check")


def test_a_compromised_key_for_trying_things_is_replaced_at_once() -> None:
    lost = keys().current(Slot.QR).thumbprint
    done("compromise", lost, "--yes")
    assert keys().current(Slot.QR).thumbprint != lost


@pytest.mark.parametrize(("left", "words"), [(80, "ends in 80 days"), (6, "ends in 6 days")])
def test_what_ends_soon_is_said(ca: Pki, left: int, words: str) -> None:
    done("init", *BODY, "--seal", "seal")
    done("import", *answered(ca, "seal", life=timedelta(days=left, hours=2)))
    assert words in done("check")
    assert words in done("list")


def test_a_clock_that_is_wrong_is_found_by_the_check(ca: Pki) -> None:
    done("init", *BODY, "--seal", "seal")
    done("import", *answered(ca, "seal"))
    for offset, words in (("P400D", "ended on"), ("-P30D", "is the clock of this machine right?")):
        code, output = said("check", SIGILLO_CLOCK_OFFSET=offset)
        assert (code, words in output) == (Ends.REFUSED, True), output


def test_keys_on_a_token(ca: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = token_in(tmp_path / "softhsm", monkeypatch)
    code, output = said("init", *BODY, "--token", LABEL)
    assert (code, "Set SIGILLO_TOKEN_LIBRARY" in output) == (Ends.USAGE, True)
    for name, value in token.settings.items():
        monkeypatch.setenv(name, value)
    done("init", *BODY, "--token", LABEL)
    assert LABEL in listed()["seal"][-1]["place"]
    for slot in ("seal", "edc-seal"):
        done("import", *answered(ca, slot))
    assert "✗" not in done("check")
    assert not list(Path("keys").glob(f"seal-{keys().current(Slot.SEAL).thumbprint}.key.pem"))
    assert PIN not in "".join(path.read_text() for path in Path("keys").glob("*.json"))
    done("rotate", "seal")
    assert LABEL in listed()["seal"][-1]["place"]  # the next one lies where the present one does
    token.pull()
    code, output = said("check")
    assert (code, "There is no token sigillo just now" in output) == (Ends.REFUSED, True)
    assert said("csr", "status", "--token", LABEL, "--label", "x")[0] == Ends.NETWORK
    token.put_back()
    done("check")
    code, output = said("check", SIGILLO_TOKEN_PIN="999999")
    assert (code, "refuses the PIN" in output, "999999" in output) == (Ends.REFUSED, True, False)


def test_a_key_that_waits_on_a_token_is_tried_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in token_in(tmp_path / "softhsm", monkeypatch).settings.items():
        monkeypatch.setenv(name, value)
    done("init", *BODY, "--token", LABEL)
    code, output = said("check", SIGILLO_TOKEN_PIN="999999")
    assert code == Ends.REFUSED
    assert "the key that waits for its certificate does not sign" in output


def test_what_stands_on_a_token_in_an_odd_way_is_said_and_mended_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_in(tmp_path / "softhsm", monkeypatch)
    for name, value in token.settings.items():
        monkeypatch.setenv(name, value)
    for _ in range(2):
        token.owner().generate(LABEL, "twice", "p256")
    token.owner().generate(LABEL, "once", "p256")
    other_curve(token, "of another curve")
    on_it = ["csr", "seal", *BODY, "--token", LABEL, "--label"]
    for label, words in (
        ("twice", "There are 2 private keys labelled"),
        ("nowhere", "There are 0 private keys labelled"),
        ("of another curve", "P-256 alone"),
        ("x" * 300, "1 to 255"),
    ):
        code, output = said(*on_it, label)
        assert (code, words in output) == (Ends.USAGE, True), output
    for odd in ("", "x" * 40):
        code, output = said("csr", "seal", *BODY, "--token", odd)
        assert (code, "1 to 32" in output) == (Ends.USAGE, True), output
    done(*on_it, "once")
    code, output = said("csr", "edc-seal", *BODY, "--token", LABEL, "--label", "once")
    assert (code, "waits for seal already" in output) == (Ends.USAGE, True), output


def other_curve(token: Token, label: str) -> None:
    pkcs11 = pytest.importorskip("pkcs11")
    with pkcs11.lib(str(token.library)).get_token(token_label=LABEL).open(rw=True, user_pin=PIN) as session:
        curve = pkcs11.util.ec.encode_named_curve_parameters("secp256k1")
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: curve}, local=True
        )
        parameters.generate_keypair(label=label, id=b"k1", store=True)
    start_again(token.owner())


def test_two_tokens_of_one_name_are_told_apart_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_in(tmp_path / "softhsm", monkeypatch)
    for name, value in token.settings.items():
        monkeypatch.setenv(name, value)
    made = ("--init-token", "--free", "--label", LABEL, "--so-pin", "88776655", "--pin", PIN)
    subprocess.run(["softhsm2-util", *made], check=True, capture_output=True)
    start_again(token.owner())
    code, output = said("csr", "seal", *BODY, "--token", LABEL)
    assert (code, "Several tokens are called" in output) == (Ends.USAGE, True), output


def test_a_key_that_somebody_else_put_on_a_token_is_found_by_its_label(
    ca: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_in(tmp_path / "softhsm", monkeypatch)
    for name, value in token.settings.items():
        monkeypatch.setenv(name, value)
    token.owner().generate(LABEL, "from the vendor", "p256")
    done("csr", "seal", *BODY, "--token", LABEL, "--label", "from the vendor")
    done("import", *answered(ca, "seal"))
    signer = keys()
    seal = signer.current(Slot.SEAL)
    assert verify(MESSAGE, signer.sign(seal.thumbprint, MESSAGE), seal.jwk)


def test_the_lists_tell_how_old_they_are_and_whether_our_own_seal_is_in_them(tmp_path: Path) -> None:
    assert said("lists")[0] == Ends.USAGE
    at = SystemClock().now()
    pki, signer = authority.Pki(at), lists.list_signer(at)
    seal = pki.seal()
    for name, certificates in (("chain", seal.chain), ("root", pki.root.chain)):
        content = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)
        (tmp_path / f"{name}.pem").write_bytes(content)
    key = seal.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "key.pem").write_bytes(key)
    said("import", "edc-seal", "chain.pem", "--key", "key.pem", "--anchor", "root.pem")
    (tmp_path / "signers").mkdir()
    signed_by = signer.certificate.public_bytes(serialization.Encoding.PEM)
    (tmp_path / "signers" / "list.pem").write_bytes(signed_by)
    (tmp_path / "it.xml").write_bytes(signer.sign(lists.national([lists.of(pki)], at=at)))
    configured = {"SIGILLO_TRUSTED_LISTS": '["it.xml"]', "SIGILLO_TRUSTED_LIST_SIGNERS": "signers"}

    code, words = said("lists", **configured)
    assert code == Ends.REFUSED
    assert "No list was read yet" in words
    code, words = said("lists", "--refresh", **configured)
    assert code == Ends.OK, words
    assert "✓ IT no. 5" in words
    assert "edc-seal qualified: yes (qualified-seal)" in words
    (tmp_path / "it.xml").write_bytes(b"no list")
    done = CliRunner().invoke(app, ["keys", "lists", "--refresh", "--json"], env=configured)
    told = json.loads(done.stdout)  # what is logged stands apart
    assert done.exit_code == Ends.REFUSED
    assert len(told["problems"]) == 1
    assert (told["lists"][0]["current"], told["lists"][0]["services"]) == (True, 1)
    assert [each["qualified"] for each in told["seals"]] == ["not_checked", "yes"]


# What certificates have to say before anything can be issued with them.

NAMED: dict[str, list[x509.NameAttribute[str]]] = {
    "no identifier": [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "IT"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Associazione"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Sigillo"),
    ],
    "a person": [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "IT"),
        x509.NameAttribute(NameOID.GIVEN_NAME, "Anna"),
        x509.NameAttribute(NameOID.SURNAME, "Bianchi"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Anna Bianchi"),
    ],
    "no country": [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Associazione"),
        x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, "NTRIT-1"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Sigillo"),
    ],
    "a country outside": [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "CH"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Verein"),
        x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, "NTRCH-1"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Siegel"),
    ],
}


def brought(ca: Pki, attributes: list[x509.NameAttribute[str]]) -> list[str]:
    """A certificate with its key, from files, that is sound and names somebody in this way."""
    key = ec.generate_private_key(ec.SECP256R1())
    bundle = ca.certify(x509.Name(attributes), key.public_key())
    none = serialization.NoEncryption()
    Path("key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none)
    )
    Path("chain.pem").write_bytes(pem(*bundle))
    Path("root.pem").write_bytes(pem(ca.root))
    return ["chain.pem", "--key", "key.pem", "--anchor", "root.pem"]


@pytest.mark.parametrize("named", NAMED)
def test_a_seal_of_which_nobody_could_tell_who_sealed_is_not_taken_in(ca: Pki, named: str) -> None:
    before = keys().current(Slot.EDC_SEAL)
    code, output = said("import", "edc-seal", *brought(ca, NAMED[named]))
    assert (code, "a seal certificate" in output) == (Ends.USAGE, True), output
    assert keys().current(Slot.EDC_SEAL) == before  # the key that works goes on working
    # Other documents say themselves who issues; that an organisation sealed them is all that they need.
    code, output = said("import", "seal", *brought(ca, NAMED[named]))
    assert code == (Ends.USAGE if named == "a person" else Ends.OK), output


def test_a_body_that_no_european_credential_can_name_is_told_before_it_pays_for_a_certificate() -> None:
    swiss = ["--organisation", "Verein", "--identifier", "NTRCH-1", "--country", "CH"]
    for refused in (["init", *swiss], ["csr", "edc-seal", *swiss]):
        code, output = said(*refused)
        assert (code, "CH is no such country" in output) == (Ends.USAGE, True), output
    assert set(listed()) == {slot.value for slot in Slot}
    assert all(row["note"] == "for trying only" for rows in listed().values() for row in rows)
    done("init", *swiss, "--seal", "seal")


def test_the_check_says_when_the_seal_names_another_body_than_the_lists(ca: Pki) -> None:
    done("init", "--organisation", "Un'altra associazione", "--identifier", "NTRIT-1", "--seal", "seal")
    done("import", "seal", *brought(ca, [*ca.body.called("Sigillo")]))
    assert "Un'altra associazione" in done("check")
    done("rotate", "status", *BODY)
    done("rotate", "qr", *BODY)
    assert "Un'altra" not in done("check")
    code, output = said("init", "--organisation", "Terza", "--identifier", "NTRIT-3")
    assert (code, "Associazione di prova" in output) == (Ends.USAGE, True), output


def test_the_check_leaves_nothing_behind(ca: Pki) -> None:
    done("init", *BODY)
    for slot in ("seal", "edc-seal"):
        done("import", *answered(ca, slot))
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    done("check")
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


# What CAs really send.


@pytest.mark.parametrize("form", ["der", "p7b", "p7b as pem", "twice"])
def test_certificates_are_taken_as_cas_send_them(ca: Pki, form: str) -> None:
    done("init", *BODY, "--seal", "seal")
    leaf, intermediate, root = ca.answer(Path("keys/seal.csr.pem").read_bytes()).chain
    Path("root.cer").write_bytes(root.public_bytes(Encoding.DER))
    sent, chain = Path("sent"), [leaf, intermediate]
    match form:
        case "der":  # the certificate alone, and of the intermediate that it is trusted
            sent.write_bytes(leaf.public_bytes(Encoding.DER))
            Path("root.cer").write_bytes(intermediate.public_bytes(Encoding.DER))
        case "p7b":
            sent.write_bytes(pkcs7.serialize_certificates(chain, Encoding.DER))
        case "p7b as pem":
            sent.write_bytes(pkcs7.serialize_certificates(chain, Encoding.PEM))
        case _:
            sent.write_bytes(pem(intermediate, leaf, leaf, intermediate, root, root))
    done("import", "seal", "sent", "--anchor", "root.cer")  # nobody is asked for a passphrase
    assert len(keys().current(Slot.SEAL).chain) == (1 if form == "der" else 2)
    # An import whose answer was lost can be made again.
    done("import", "seal", "sent", "--anchor", "root.cer")


def test_noise_is_no_certificate() -> None:
    for noise in (b"", b"\x30\x82\xff\xff", b"-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n", b"x" * 99):
        Path("noise").write_bytes(noise)
        assert said("import", "seal", "noise", typed="\n")[0] == Ends.USAGE


# When something is missing.


def test_a_key_can_be_declared_lost_without_any_passphrase_or_key(ca: Pki) -> None:
    done("init", *BODY, "--seal", "seal")
    done("import", *answered(ca, "seal"))
    lost = keys().current(Slot.SEAL).thumbprint
    Path(f"keys/qr-{keys().current(Slot.QR).thumbprint}.key.pem").unlink()
    code, output = said("check", SIGILLO_KEY_PASSPHRASE="wrong")
    assert code == Ends.REFUSED
    for slot in ("seal", "edc-seal", "status", "qr"):
        assert f"✗ {slot} does not sign" in output
    assert said("list", SIGILLO_KEY_PASSPHRASE="wrong")[0] == 0
    assert said("compromise", lost, "--yes", SIGILLO_KEY_PASSPHRASE="wrong")[0] == 0
    development = listed()["edc-seal"][0]["thumbprint"]
    assert said("compromise", development, "--yes", SIGILLO_KEY_PASSPHRASE="wrong")[0] == 0
    assert listed()["seal"][-1]["state"] == "compromised"


def test_without_the_list_of_keys_no_other_keys_are_made_beside_them(ca: Pki) -> None:
    done("init", *BODY, "--seal", "seal")
    Path("keys/ring.json").rename("kept.json")
    before = sorted(Path("keys").iterdir())
    for command in (["list"], ["check"], ["init", *BODY], ["rotate", "qr"]):
        code, output = said(*command)
        assert (code, "ring.json is missing" in output) == (Ends.USAGE, True), output
    assert sorted(Path("keys").iterdir()) == before
    Path("kept.json").rename("keys/ring.json")
    done("import", *answered(ca, "seal"))


def test_a_damaged_certificate_is_told_at_its_slot_and_hides_none_of_the_others(ca: Pki) -> None:
    done("init", *BODY, "--seal", "seal")
    done("import", *answered(ca, "seal"))
    for slot, name in (("qr", "status"), ("status", "qr")):
        (damaged,) = Path("keys").glob(f"{slot}-{keys().current(Slot(slot)).thumbprint}.crt.pem")
        whole = damaged.read_bytes()
        damaged.write_text("junk")
        code, output = said("check")
        assert code == Ends.REFUSED
        assert f"✗ {slot} {damaged.name} is not a certificate. Put it back" in " ".join(output.split())
        assert "no key signs" not in output
        assert f"✓ {name} signs" in " ".join(output.split())
        assert listed()[slot][-1]["note"] == f"{damaged.name} is not a certificate."
        code, output = said("list")
        assert (code, "✗" in output) == (Ends.OK, False)
        refused = CliRunner().invoke(app, ["organisation", "live", "--yes"])
        assert (refused.exit_code, damaged.name in refused.output) == (Ends.USAGE, True)
        damaged.write_bytes(whole)
    done("check")


def test_where_there_can_be_no_folder_a_sentence_says_so() -> None:
    Path("keys").write_text("a file")
    code, output = said("list")
    assert (code, "is not a folder" in output) == (Ends.USAGE, True), output


def test_a_name_that_no_certificate_can_say_is_refused() -> None:
    code, output = said("csr", "seal", *BODY, "--common-name", "x" * 70)
    assert (code, "64 letters at most" in output) == (Ends.USAGE, True), output


def test_a_request_in_one_name_is_not_written_over_by_one_in_another() -> None:
    done("csr", "seal", *BODY)
    before = Path("keys/seal.csr.pem").read_bytes()
    other = ["--organisation", "Un'altra", "--identifier", "NTRIT-99"]
    code, output = said("csr", "seal", *other)
    assert (code, "in the name of" in output) == (Ends.USAGE, True), output
    assert Path("keys/seal.csr.pem").read_bytes() == before
    Path("keys/seal.csr.pem").unlink()
    done("csr", "seal", *other)


def test_a_request_is_written_in_one_piece_and_through_no_link(tmp_path: Path) -> None:
    done("list")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("untouched")
    Path("keys/seal.csr.pem").symlink_to(elsewhere)
    done("csr", "seal", *BODY)
    assert elsewhere.read_text() == "untouched"
    assert x509.load_pem_x509_csr(Path("keys/seal.csr.pem").read_bytes()).is_signature_valid


def test_set_up_in_several_windows_at_once_makes_one_of_each(tmp_path: Path) -> None:
    del tmp_path
    done("list")
    context = multiprocessing.get_context("spawn")
    running = [context.Process(target=_begin) for _ in range(4)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    states = {slot: [row["state"] for row in rows] for slot, rows in listed().items()}
    assert states["status"] == states["qr"] == ["retired", "current"]
    assert len(list(Path("keys").glob("house-*.crt.pem"))) == 1


def _begin() -> None:
    CliRunner().invoke(app, ["keys", "init", *BODY])


def test_what_a_step_left_that_was_cut_off_is_cleared_away_or_named(ca: Pki) -> None:
    done("init", *BODY, "--seal", "seal")
    done("import", *answered(ca, "seal"))
    Path("keys/.seal-x.key.pem.new").write_bytes(b"half a key")
    Path("keys/seal-x.key.pem").write_bytes(b"a key that no ring names")
    assert "seal-x.key.pem: no key of the ring uses this" in done("check")
    done("rotate", "qr")
    assert not Path("keys/.seal-x.key.pem.new").exists()
    assert Path("keys/seal-x.key.pem").exists()  # it may be newer than a ring from a backup


# Several organisations in one installation.


def founded(name: str) -> str:
    asked = ["organisation", "create", "--legal-name", name, "--url", "https://example.org", "--json"]
    who = ["--given-name", "Ada", "--family-name", "Riva", "--email", "ada@example.org"]
    made: str = json.loads(CliRunner().invoke(app, [*asked, *who]).output)["organisation"]
    return made


def test_a_second_body_comes_to_keys_of_its_own(ca: Pki) -> None:
    done("init", *BODY, "--seal", "seal")
    done("import", *answered(ca, "seal"))
    shared = {slot: keys().current(slot) for slot in Slot}
    body = founded("Ordine Esempio")
    output = done("init", "--identifier", "NTRIT-2", "--for", body, "--seal", "seal")
    assert "certified in the name of Ordine Esempio" in output
    assert f"Then: sigillo keys import SLOT CHAIN --anchor ROOT --for {body}" in output
    assert keys().current(Slot.SEAL, body) == shared[Slot.SEAL]  # until its certificate is here
    Path("chain.pem").write_bytes(pem(*ca.answer(Path(f"keys/seal-{body}.csr.pem").read_bytes()).chain))
    sent = ["seal", "chain.pem", "--anchor", "root.pem"]
    assert "No key waits" in said("import", *sent)[1]
    done("import", *sent, "--for", body)
    assert {slot: keys().current(slot) for slot in Slot} == shared
    for slot in (Slot.SEAL, Slot.STATUS, Slot.QR):
        own = keys().current(slot, body)
        (name,) = x509.load_der_x509_certificate(own.chain[0]).subject.get_attributes_for_oid(
            NameOID.ORGANIZATION_NAME
        )
        assert (name.value, own.body) == ("Ordine Esempio", body)
    assert keys().current(Slot.EDC_SEAL, body) == shared[Slot.EDC_SEAL]
    assert {row["organisation"] for rows in listed().values() for row in rows} == {None, body}
    assert f"{body}'s own" in done("list")
    assert len(json.loads(done("list", "--json", "--for", body))) == 3
    assert f"seal {body}: signs" in done("check")
    output = done("check", "--for", body)
    assert (f"seal {body}: signs" in output, "edc-seal signs" in output) == (True, True)
    assert "✓ seal signs" not in output


def test_each_step_with_a_bodys_own_key_leaves_those_of_others_alone() -> None:
    done("init", *BODY, "--seal", "seal")
    body = founded("Ordine Esempio")
    named = ["--organisation", "Ordine", "--identifier", "NTRIT-2", "--for", body]
    done("rotate", "qr", *named)  # its first one
    first = keys().current(Slot.QR, body)
    done("rotate", "qr", "--for", body)  # in the same name
    own = keys().current(Slot.QR, body)
    assert own.thumbprint != first.thumbprint
    assert own.chain[0] != first.chain[0]
    done("csr", "seal", "--for", body)
    waiting = [row for row in listed()["seal"] if row["state"] == "waiting"]
    assert [row["organisation"] for row in waiting] == [None, body]
    assert f"sigillo keys import seal FILE --for {body}" in waiting[1]["note"]
    done("cancel", "seal", "--yes", "--for", body)
    assert Path("keys/seal.csr.pem").exists()
    assert [row["organisation"] for row in listed()["seal"] if row["state"] == "waiting"] == [None]
    output = done("compromise", own.thumbprint, "--yes")
    assert f"Nothing signs for qr of {body} now" in output
    assert f"sigillo keys rotate qr --for {body}" in output
    assert keys().current(Slot.QR).body is None


def test_of_a_body_without_own_keys_it_is_said_with_whose_it_signs() -> None:
    body = founded("Ordine Esempio")
    assert done("list", "--for", body) == f"{body} has no keys of its own: it signs with the installation's."
    assert json.loads(done("list", "--json", "--for", body)) == []


def test_where_a_seal_is_lost_it_is_said_which_list_of_qr_keys_is_lacking(ca: Pki) -> None:
    body = founded("Ordine Esempio")
    done("init", *BODY, "--for", body, "--seal", "seal")
    Path("chain.pem").write_bytes(pem(*ca.answer(Path(f"keys/seal-{body}.csr.pem").read_bytes()).chain))
    Path("root.pem").write_bytes(pem(ca.root))
    done("import", "seal", "chain.pem", "--anchor", "root.pem", "--for", body)
    output = done("compromise", keys().current(Slot.SEAL, body).thumbprint, "--yes")
    assert f"/.well-known/qr-keys at {body}'s own host, if it has one, answers 503" in output


@pytest.mark.parametrize("command", [["list"], ["check"], ["init"], ["csr", "seal"], ["rotate", "qr"]])
def test_an_organisation_that_nobody_knows_has_no_keys(command: list[str]) -> None:
    Path("data").mkdir()
    code, output = said(*command, "--for", "org_unknown")
    assert (code, "without it nobody can tell" in output) == (Ends.USAGE, True), output  # no register yet
    assert [*Path("data").iterdir()] == []
    founded("Ordine Esempio")
    code, output = said(*command, "--for", "org_unknown")
    assert (code, "There is no organisation org_unknown" in output) == (Ends.USAGE, True), output
