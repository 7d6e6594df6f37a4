"""`sigillo keys …` as an operator lives it: from the first start to keys that count, and to the next."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from app.adapters.keys import FileKeys
from app.cli import app
from app.client.visit import Ends
from app.core.clock import SystemClock
from app.formats.jose import verify
from app.keys_cli import For
from app.main import keys_of
from app.ports import Slot
from app.settings import Settings
from tests.adapters.pki import Pki, pem
from tests.pki import authority, lists
from tests.softhsm import LABEL, PIN, token_in

PASSPHRASE = "correct horse battery"
BODY = ["--organisation", "Associazione di prova", "--identifier", "NTRIT-12345678901"]
MESSAGE = b"an intent"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command works in a folder of its own, with the passphrase of a body that means it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIGILLO_LANG", "en")
    monkeypatch.setenv("SIGILLO_KEY_PASSPHRASE", PASSPHRASE)


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
    assert "for trying only" in done("check")
    output = done("init", *BODY)
    assert "Send keys/seal.csr.pem to the CA" in output
    assert listed()["seal"][-1]["state"] == "waiting"
    before = keys().current(Slot.SEAL)
    assert before.development  # nothing changes before the CA has answered
    for slot in ("seal", "edc-seal"):
        done("import", *answered(ca, slot))
    assert said("check") == (0, done("check"))
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


def test_a_request_can_be_asked_for_again_and_another_kind_of_key_means_another_request() -> None:
    done("init", *BODY, "--seal", "seal")
    first = listed()["seal"][-1]["thumbprint"]
    done("csr", "seal")
    assert listed()["seal"][-1]["thumbprint"] == first
    done("csr", "seal", "--kind", "rsa")
    second = listed()["seal"][-1]["thumbprint"]
    assert second != first
    done("csr", "seal", "--kind", "rsa")
    assert listed()["seal"][-1]["thumbprint"] == second


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


def _another_key(ca: Pki) -> list[str]:
    chain = ca.certify(ca.body.called("x"), ec.generate_private_key(ec.SECP256R1()).public_key())
    Path("chain.pem").write_bytes(pem(*chain))
    return ["seal", "chain.pem", "--anchor", "root.pem"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (_another_key, "about another key"),
        (lambda ca: answered(ca, "seal")[:2], "which is no anchor here"),
        (lambda ca: answered(ca, "seal", signs=False), "not for signatures"),
        (lambda ca: answered(ca, "seal", life=timedelta(minutes=1)), "ended on"),
        (lambda ca: answered(ca, "seal", at=ca.at + timedelta(days=9)), "begin on"),
        (lambda ca: [*answered(Pki.made(ca.at), "seal")[:2], "--anchor", "other.pem"], "no anchor here"),
        (lambda _: ["seal", "root.pem", "--anchor", "root.pem"], "no certificate of ours"),
        (lambda _: ["seal", "gone.pem"], "cannot be read"),
        (lambda _: ["seal", "keys/seal.csr.pem"], "no certificate of ours"),
        (lambda _: ["status", "root.pem", "--anchor", "root.pem"], "no certificate of ours"),
    ],
    ids=["key", "anchor", "usage", "expired", "not-yet", "other-ca", "root-alone", "gone", "csr", "slot"],
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
    code, words = said("lists", "--refresh", "--json", **configured)
    told = json.loads(words)
    assert code == Ends.REFUSED
    assert len(told["problems"]) == 1
    assert (told["lists"][0]["current"], told["lists"][0]["services"]) == (True, 1)
    assert [each["qualified"] for each in told["seals"]] == ["not_checked", "yes"]
