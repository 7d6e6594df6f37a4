"""What the command says when something is not as it should be: a sentence, a code, and no traceback."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner

from app.adapters.ceremony import Ceremony
from app.adapters.ring import Whose
from app.cli import app
from app.client.visit import Ends
from app.core.clock import SystemClock
from app.main import production_ports
from app.ports import Slot
from app.settings import Settings
from app.verification.trust import anchors_in
from tests.adapters.pki import Pki, pem
from tests.credentials.office import Office
from tests.serving import free_port

FOUND = [
    "organisation",
    "create",
    "--given-name",
    "Ada",
    "--family-name",
    "Riva",
    "--email",
    "ada@example.org",
]
NAMED = [*FOUND, "--legal-name", "Associazione", "--url", "https://example.org"]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command works in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIGILLO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SIGILLO_LANG", "en")


def said(*arguments: str, **environment: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments), env=environment)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        ([*NAMED, "--time-zone", "Mars"], {}, "no time zone Mars"),
        ([*FOUND, "--legal-name", "A", "--url", "http://example.org"], {}, "an https address"),
        (
            [*FOUND, "--legal-name", "A" * 201, "--url", "https://example.org"],
            {},
            "--legal-name: String should",
        ),
        ([*NAMED, "--given-name", "\u200b"], {}, "--given-name: Value error, must not be empty"),
        (
            [*NAMED, "--given-name", "A" * 150, "--family-name", "B" * 50],
            {},
            "--name-on-credential: Given and",
        ),
        ([*NAMED, "--email", "ada@example"], {}, "--email: String should"),
        (["migrate"], {"SIGILLO_PUBLIC_URL": "nowhere"}, "public_url: must be an http(s) URL"),
        (["migrate"], {"SIGILLO_DATABASE_URL": "mysql://x"}, "must start with sqlite"),
        (["serve"], {"SIGILLO_DATABASE_URL": "postgresql+psycopg://localhost:1/x"}, "does not answer"),
        (["dossier", "submit", ".", "--url", "localhost", "--key", "k"], {}, "must start with https"),
        (["dossier", "submit", ".", "--key", "ké"], {}, "characters that no key has"),
        (["dossier", "submit", "gone", "--key", "k"], {}, "has no dossier.yaml"),
    ],
    ids=[
        "zone",
        "address",
        "name",
        "unseen",
        "together",
        "mail",
        "public-url",
        "database-kind",
        "database-gone",
        "url",
        "key",
        "folder",
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    arguments: list[str], environment: dict[str, str], words: str
) -> None:
    Path("dossier.yaml").write_text("scheme: x\nevidence: []\n")
    code, output = said(*arguments, **environment)
    assert code == Ends.USAGE
    assert words in " ".join(output.split())


def test_a_settings_file_that_is_no_toml_is_named() -> None:
    Path("sigillo.toml").write_text("x = [")
    code, output = said("migrate")
    assert (code, "sigillo.toml" in output) == (Ends.USAGE, True)


STAMPS = {"SIGILLO_TIMESTAMP_URL": "https://tsa.example.org"}
LISTED = {"SIGILLO_TRUSTED_LISTS": '["it.xml"]'}


@pytest.mark.parametrize(
    "command",
    [["keys", "check"], ["keys", "lists"], ["seals", "status"], ["serve"]],
    ids=" ".join,
)
@pytest.mark.parametrize(
    ("setting", "more", "empty"),
    [
        ("anchors_folder", LISTED | {"SIGILLO_TRUSTED_LIST_SIGNERS": "sound"}, None),
        ("stamp_anchors_folder", LISTED | {"SIGILLO_TRUSTED_LIST_SIGNERS": "sound"}, None),
        ("timestamp_anchors", STAMPS, "no certificate (.pem, .crt, .cer or .der) in empty"),
        ("trusted_list_signers", LISTED, "no certificate (.pem, .crt, .cer or .der) in empty"),
    ],
    ids=["anchors", "stamp-anchors", "timestamps", "lists"],
)
def test_a_folder_of_certificates_that_cannot_be_read_is_named_with_its_setting(
    command: list[str], setting: str, more: dict[str, str], empty: str | None
) -> None:
    for folder in ("empty", "junk", "sound"):
        Path(folder).mkdir()
    Path("junk/root.pem").write_text("junk")
    Path("sound/ca.crt").write_bytes(pem(Pki.made(SystemClock().now()).root))
    wrong = {
        "gone": "gone cannot be read: No such file",
        "junk/root.pem": "cannot be read: Not a directory",
        "junk": "root.pem holds no certificate",
        **({"empty": empty} if empty else {}),
    }
    for folder, words in wrong.items():
        code, output = said(*command, **more, **{f"SIGILLO_{setting.upper()}": folder})
        output = " ".join(output.split())
        assert (code, output.startswith(f"{setting}: "), words in output) == (Ends.USAGE, True, True), output


@pytest.mark.parametrize("name", ["root.pem", "root.crt", "root.cer", "root.DER"])
def test_roots_are_read_in_either_form_under_every_usual_name(name: str) -> None:
    root = Pki.made(SystemClock().now()).root
    der = root.public_bytes(Encoding.DER)
    for form in (der, pem(root)):
        Path("roots").mkdir(exist_ok=True)
        (Path("roots") / name).write_bytes(form)
        assert anchors_in(Path("roots")) == (der,)


def test_what_a_lost_key_signed_is_counted_and_made_anew_by_a_command() -> None:
    code, output = said("documents", "remake", "--count")
    assert (code, "0 made anew, 0 left." in output) == (Ends.OK, True)
    ports = production_ports(Settings())
    office = Office.opened(ports)
    credential = office.issue()
    (lost,) = [
        key["thumbprint"] for key in json.loads(said("keys", "list", "--json")[1]) if key["slot"] == "seal"
    ]
    assert said("keys", "compromise", lost, "--yes")[0] == Ends.OK
    assert json.loads(said("documents", "remake", "--count", "--json")[1]) == {
        "made": 0,
        "left": 1,
        "refused": {},
    }
    code, output = said("documents", "remake")
    assert (code, "1 made anew, 0 left." in output) == (Ends.OK, True)
    assert office.document(credential).key_thumbprint == ports.signer.current(Slot.SEAL).thumbprint != lost
    ports.database.close()


def test_a_wrong_passphrase_is_said_to_be_so() -> None:
    assert said("migrate", SIGILLO_KEY_PASSPHRASE="right")[0] == 0
    code, output = said("migrate", SIGILLO_KEY_PASSPHRASE="wrong")
    assert code == Ends.USAGE
    assert "passphrase" in output


def test_a_service_that_is_down_is_worth_another_try() -> None:
    Path("dossier.yaml").write_text("scheme: x\nevidence: []\n")
    code, output = said("dossier", "submit", ".", "--key", "k", "--url", f"http://localhost:{free_port()}")
    assert code == Ends.NETWORK
    assert "run the same command again" in " ".join(output.split())


def test_an_organisation_begins_in_test_mode_with_two_keys_and_a_trail_that_is_whole() -> None:
    code, output = said(*NAMED)
    assert code == 0
    assert output.count("key_") == 2
    assert "test" in output
    code, output = said("audit", "verify")
    assert (code, "The trail is whole." in output) == (0, True)


def everywhere() -> dict[Path, bytes]:
    """Every file of the keys; and of the register, what `organisation live` would change."""
    return {path: path.read_bytes() for path in Path("keys").rglob("*") if path.is_file()}


PUBLIC = "https://sigillo.example.org"
SEALED = ["--seal-names", "Associazione di prova"]


def trial(*arguments: str, **environment: str) -> tuple[int, str]:
    said_so = {"SIGILLO_KEY_PASSPHRASE": "p", "SIGILLO_PUBLIC_URL": PUBLIC, **environment}
    code, output = said("organisation", "live", *arguments, **said_so)
    return code, " ".join(output.split())


def bought(*slots: Slot, name: str | None = None, of: Whose | None = None) -> None:
    """Keys that count, certified by a CA of the test's own."""
    ca = Pki.made(SystemClock().now() - timedelta(hours=1))
    hands = Ceremony(Path("keys"), passphrase=b"p", tokens=None)
    at = SystemClock().now()
    body = replace(ca.body, organisation=name or ca.body.organisation)
    for slot in {Slot.STATUS, Slot.QR} & {*(slots or Slot)}:
        hands.certify_here(slot, body, at, of=of)
    if Slot.SEAL in (slots or Slot):
        waiting = hands.prepare(Slot.SEAL, of=of)
        answer = ca.answer(hands.request(waiting, body, "Sigillo"))
        hands.adopt(Slot.SEAL, answer, [ca.root], at=at, of=of)


def test_an_organisation_goes_live_once_its_keys_have_passed_the_whole_check() -> None:
    assert trial()[0] == Ends.USAGE  # there is none yet
    founded = json.loads(said(*NAMED, "--json", SIGILLO_KEY_PASSPHRASE="p")[1])
    before = everywhere()
    code, output = trial(founded["organisation"], "--yes")
    assert (code, "stays in test mode" in output) == (Ends.REFUSED, True), output
    assert "for trying only" in output
    assert everywhere() == before
    bought()
    code, output = trial("--yes", SIGILLO_CLOCK_OFFSET="P1D")
    assert (code, "The clock is moved" in output) == (Ends.REFUSED, True), output
    assert trial("org_unknown", "--yes")[0] == Ends.USAGE
    for here in ("http://localhost:8000", "http://127.0.0.1", "https://localhost", "https://[::1]:8443"):
        code, output = trial("--yes", *SEALED, SIGILLO_PUBLIC_URL=here)
        assert (code, f"public_url is {here}, which leads nobody" in output) == (Ends.REFUSED, True), output
        assert "Every key can issue, and nothing should go live" in output
    environment = {"SIGILLO_KEY_PASSPHRASE": "p", "SIGILLO_PUBLIC_URL": PUBLIC}
    done = CliRunner().invoke(app, ["organisation", "live", *SEALED], env=environment, input="n\n")
    assert done.exit_code == 1
    assert f"issues at {PUBLIC} is meant" in " ".join(done.output.split())
    code, output = trial("--yes", *SEALED)
    assert (code, "Associazione is live." in output) == (0, True), output
    assert "seal names “Associazione di prova”" in output
    assert "live already" in trial("--yes")[1]
    code, output = said("serve", SIGILLO_CLOCK_OFFSET="P1D", SIGILLO_KEY_PASSPHRASE="p")
    assert (code, "an organisation here is live" in output) == (Ends.USAGE, True), output
    assert "The trail is whole." in said("audit", "verify", SIGILLO_KEY_PASSPHRASE="p")[1]


def test_under_another_bodys_seal_nothing_goes_live_unless_that_body_is_named() -> None:
    ours = [*FOUND, "--url", "https://example.org", "--legal-name"]
    said(*ours, "Altra cosa", SIGILLO_KEY_PASSPHRASE="p")
    bought()
    for arguments in ([], ["--yes"], ["--yes", "--seal-names", "Altra cosa"]):
        code, output = trial(*arguments)
        assert (code, "stays in test mode" in output) == (Ends.REFUSED, True), output
        assert "! seal its certificate names “Associazione di prova”" in output
        assert '--seal-names "Associazione di prova"' in output
    assert "is live." in trial("--yes", *SEALED)[1]
    named = json.loads(said(*ours, "ASSOCIAZIONE  di Prova", "--json", SIGILLO_KEY_PASSPHRASE="p")[1])
    code, output = trial(named["organisation"], "--yes")  # the same but for capitals and spaces
    assert (code, "is live." in output, "whoever verifies" in output) == (0, True, False), output


def test_a_second_body_goes_live_under_a_seal_of_its_own() -> None:
    ours = [*FOUND, "--url", "https://example.org", "--json", "--legal-name"]
    first, second = (
        json.loads(said(*ours, name, SIGILLO_KEY_PASSPHRASE="p")[1])["organisation"]
        for name in ("Associazione di prova", "Altra cosa")
    )
    bought()
    assert "is live." in trial(first, "--yes")[1]
    code, output = trial(second, "--yes")
    assert (code, f"sigillo keys init --for {second}" in output) == (Ends.REFUSED, True), output
    own = Whose(id=second, issuer_code=2)
    bought(Slot.SEAL, Slot.QR, name="Altra cosa", of=own)
    bought(Slot.STATUS, name="Altra ancora", of=own)
    code, output = trial(second, "--yes")
    assert (code, "Altra cosa is live." in output) == (0, True), output
    assert "seal names “Altra cosa”; the organisation is called “Altra cosa”" in output
    assert f"seal {second}: signs" in output
    assert "edc-seal for trying only" in output  # of which it has none of its own
    assert "✓ seal signs" not in output


def test_a_body_does_not_go_live_while_its_own_key_is_lost() -> None:
    ours = [*FOUND, "--url", "https://example.org", "--json", "--legal-name", "Associazione di prova"]
    name = json.loads(said(*ours, SIGILLO_KEY_PASSPHRASE="p")[1])["organisation"]
    bought()
    bought(Slot.QR, of=Whose(id=name, issuer_code=1))
    (own,) = json.loads(said("keys", "list", "--json", "--for", name)[1])
    assert said("keys", "compromise", own["thumbprint"], "--yes", SIGILLO_KEY_PASSPHRASE="p")[0] == 0
    code, output = trial(name, "--yes")
    assert (code, f"qr {name}: no key signs" in output) == (Ends.REFUSED, True), output
    assert f"`sigillo keys rotate qr --for {name}`" in output
    code, output = said("doctor", SIGILLO_KEY_PASSPHRASE="p", SIGILLO_PUBLIC_URL=PUBLIC)
    assert f"No key signs for qr of {name}" in " ".join(output.split()), output


def founded() -> str:
    """An organisation that the seals of `bought` name."""
    ours = [*FOUND, "--url", "https://example.org", "--json", "--legal-name", "Associazione di prova"]
    made: str = json.loads(said(*ours, SIGILLO_KEY_PASSPHRASE="p")[1])["organisation"]
    return made


def looked(*arguments: str, **environment: str) -> tuple[int, str]:
    """What a command says that only looks."""
    said_so = {"SIGILLO_KEY_PASSPHRASE": "p", "SIGILLO_PUBLIC_URL": PUBLIC, **environment}
    code, output = said(*arguments, **said_so)
    return code, " ".join(output.split())


STRANGER = f"org_{99:026d}"


@pytest.mark.parametrize("known", [True, False], ids=["another code", "unknown"])
def test_a_ring_that_belongs_to_another_register_is_refused_by_whatever_checks_it(known: bool) -> None:  # noqa: FBT001 - a parameter
    name = founded()
    bought()
    bought(Slot.QR, of=Whose(id=name if known else STRANGER, issuer_code=9))
    words = (
        f"keys of {name} with code 9, the register says that it has code 1. Put the ring back from the backup"
        if known
        else f"keys of {STRANGER} with code 9, the register says that there is no such organisation."
    )
    for command in (
        ["keys", "check"],
        ["keys", "check", "--for", name],
        ["doctor"],
        ["organisation", "live", "--yes"],
    ):
        code, output = looked(*command)
        assert (code, words in output) == (Ends.REFUSED, True), (command, output)
    assert "stays in test mode" in output
    Path("data/sigillo.db").unlink()
    code, output = looked("keys", "check")  # the keys themselves are sound, and more cannot be told
    assert (code, "there is no register that answers" in output) == (0, True), output
    assert not Path("data/sigillo.db").exists()


def test_of_what_has_two_keys_in_one_place_the_reason_is_said() -> None:
    founded()
    bought(Slot.QR)
    ring = json.loads(Path("keys/ring.json").read_text())
    for entry in ring["keys"]:
        entry["state"] = "current"
    Path("keys/ring.json").write_text(json.dumps(ring))
    for command in (["keys", "check"], ["doctor"], ["organisation", "live", "--yes"]):
        code, output = looked(*command)
        assert (code, "as a list of keys: two current keys for qr." in output) == (Ends.USAGE, True), output


HOSTED = "credentials.body.example"


def test_a_body_with_a_host_of_its_own_goes_live_at_it() -> None:
    name = founded()
    bought()
    assert looked("organisation", "host", "--host", HOSTED)[0] == 0
    for here in ("http://localhost:8000", "https://[::1]:8443"):
        code, output = trial("--yes", SIGILLO_PUBLIC_URL=here)
        assert (code, f"public_url is {here}, which leads nobody here: letters" in output) == (
            Ends.REFUSED,
            True,
        ), output
    environment = {"SIGILLO_KEY_PASSPHRASE": "p", "SIGILLO_PUBLIC_URL": PUBLIC}
    done = CliRunner().invoke(app, ["organisation", "live"], env=environment, input="y\n")
    assert f"issues at https://{HOSTED} is meant" in " ".join(done.output.split())
    assert "is live." in done.output
    assert "leads nobody" not in looked("doctor")[1]
    assert looked("keys", "check", "--for", name)[0] == 0
    code, output = looked("doctor", SIGILLO_PUBLIC_URL="https://localhost:8443")
    assert (code, "https://localhost:8443 leads nobody here." in output) == (Ends.REFUSED, True), output


def test_what_to_see_to_for_a_host_is_told_of_one_that_leads_elsewhere() -> None:
    founded()
    tried = {"SIGILLO_PUBLIC_URL": "http://localhost:8000"}
    code, output = looked("organisation", "host", "--host", "body.localhost:8077", **tried)
    assert (code, "DNS" in output) == (0, False), output
    code, output = looked("organisation", "host", "--host", HOSTED)
    assert (code, "DNS" in output) == (0, True), output


def test_nothing_goes_live_at_a_host_that_leads_to_this_machine_alone() -> None:
    name = founded()
    bought()
    local = {"SIGILLO_PUBLIC_URL": "https://localhost"}
    assert looked("organisation", "host", "--host", "body.localhost", **local)[0] == 0
    for command in (["organisation", "live", "--yes"], ["keys", "check", "--for", name]):
        code, output = looked(*command)
        assert (code, f"{name}: its own address is https://body.localhost, which" in output) == (
            Ends.REFUSED,
            True,
        ), output
    assert looked("organisation", "host", "--default")[0] == 0
    assert "is live." in trial("--yes")[1]
    assert looked("organisation", "host", "--host", "body.localhost", **local)[0] == 0
    code, output = looked("doctor")
    assert (code, "https://body.localhost leads nobody here." in output) == (Ends.REFUSED, True), output


def test_who_has_keys_for_trying_is_told_how_a_body_comes_to_its_own() -> None:
    name = founded()
    bought(Slot.STATUS, Slot.QR)
    for code, output in (trial("--yes"), looked("keys", "check", "--for", name)):
        assert code == Ends.REFUSED
        own = f"`sigillo keys init --for {name}` begins with keys of its own; without --for, it makes"
        assert f"refuses it. {own}" in output
        assert f"If wanted: {own}" in output
        assert "`sigillo keys init`" not in output
    code, output = looked("keys", "check")
    assert (code, "refuses it. `sigillo keys init`." in output) == (Ends.REFUSED, True), output
    assert "for trying only: whatever they sign says TEST" in output


def test_of_several_organisations_the_one_that_goes_live_is_named() -> None:
    named = [json.loads(said(*NAMED, "--json")[1])["organisation"] for _ in range(2)]
    code, output = said("organisation", "live", "--yes")
    assert code == Ends.USAGE
    assert all(each in output for each in named)


def test_the_version_is_said() -> None:
    assert said("--version") == (0, "0.1.0\n")


def test_an_operator_makes_a_new_key_for_whoever_has_none_that_works() -> None:
    founded = json.loads(said(*NAMED, "--json")[1])
    code, output = said("key", "issue", founded["administrator"], "--json")
    assert code == 0
    assert json.loads(output)["token"] != founded["administrator_key"]
    assert said("key", "issue", "per_unknown")[0] == Ends.USAGE
    assert "The trail is whole." in said("audit", "verify")[1]


def test_an_organisation_may_have_a_quota_of_its_own() -> None:
    said(*NAMED)
    assert "as many as the settings say" in said("organisation", "quota")[1]
    assert "It holds at once" in said("organisation", "quota", "--help")[1]
    assert "120, a minute" in said("organisation", "quota", "--requests", "120")[1]
    assert "120, a minute" in said("organisation", "quota")[1]
    assert said("organisation", "quota", "--requests", "9", "--default")[0] == Ends.USAGE
    assert "as many as the settings say" in said("organisation", "quota", "--default")[1]
    assert "The trail is whole." in said("audit", "verify")[1]


def test_a_host_of_its_own_is_set_before_anything_is_issued(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGILLO_PUBLIC_URL", "https://sigillo.example.org")
    said(*NAMED)
    assert "https://sigillo.example.org, the installation's address." in said("organisation", "host")[1]
    code, output = said("organisation", "host", "--host", "Credentials.Body.Example")
    assert (code, "https://credentials.body.example, an address of its own." in output) == (Ends.OK, True)
    assert "DNS" in output
    assert "TLS certificate" in output
    assert "Host header" in output
    assert "did:web:credentials.body.example" in output
    assert "an address of its own" in said("organisation", "host")[1]
    for unfit in ("https://credentials.body.example", "sigillo.example.org", "*.body.example", "192.0.2.1"):
        code, output = said("organisation", "host", "--host", unfit)
        assert (code, "Nothing was changed." in output) == (Ends.USAGE, True)
    assert said("organisation", "host", "--host", "x.example", "--default")[0] == Ends.USAGE
    assert "the installation's address" in said("organisation", "host", "--default")[1]
    assert "The trail is whole." in said("audit", "verify")[1]


def test_two_bodies_do_not_share_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGILLO_PUBLIC_URL", "https://sigillo.example.org")
    bodies = [json.loads(said(*NAMED, "--json")[1])["organisation"] for _ in range(2)]
    assert said("organisation", "host", bodies[0], "--host", "one.example")[0] == Ends.OK
    code, output = said("organisation", "host", bodies[1], "--host", "one.example")
    assert (code, "Another body of this installation has the host one.example." in output) == (
        Ends.REFUSED,
        True,
    )
