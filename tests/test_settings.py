from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from app.settings import Settings


@pytest.mark.parametrize(
    "url",
    [
        "http://sigillo.example.org",
        "ftp://sigillo.example.org",
        "https://",
        "https://sigillo.example.org/path",
        "https://sigillo.example.org?x=1",
        "https://somebody@sigillo.example.org",
    ],
)
def test_the_public_address_is_an_https_origin_except_on_this_machine(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings(public_url=url)


def test_this_machine_may_do_without_tls() -> None:
    assert Settings(public_url="http://localhost:8000/").public_url == "http://localhost:8000"


def test_a_database_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValidationError):
        Settings(database_url="mysql://localhost/sigillo")


def test_an_owner_is_of_a_database_that_knows_roles_and_its_password_is_not_shown() -> None:
    serving, owner = "postgresql+psycopg://sigillo@db/sigillo", "postgresql+psycopg://o:s3cret@db/sigillo"
    assert "s3cret" not in repr(Settings(database_url=serving, database_owner_url=SecretStr(owner)))
    for url, its in (("sqlite:///x.db", owner), (serving, "sqlite:///s3cret.db")):
        with pytest.raises(ValidationError) as refused:
            Settings(database_url=url, database_owner_url=SecretStr(its))
        assert "s3cret" not in str(refused.value)


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sigillo.toml").write_text('public_url = "https://file.example.org"\nclock_offset = "P30D"\n')
    monkeypatch.setenv("SIGILLO_PUBLIC_URL", "https://environment.example.org")
    found = Settings()
    assert found.public_url == "https://environment.example.org"
    assert found.clock_offset == timedelta(days=30)


def test_an_unknown_line_in_the_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sigillo.toml").write_text('publik_url = "https://file.example.org"\n')
    with pytest.raises(ValidationError):
        Settings()


@pytest.mark.parametrize(
    "url",
    [
        "smtp.example.org",
        "https://smtp.example.org",
        "smtps://",
        "smtps://smtp.example.org:99999",
        "smtps://smtp.example.org/path",
        "smtps://smtp.example.org?tls=no",
        "smtps://office:hunter2@smtp.example.org:port",
        "smtps://hunter2@smtp.example.org",
        "smtps://office:hunter2@[",
    ],
)
def test_a_mail_server_is_named_whole_and_an_error_keeps_its_password_secret(url: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Settings(smtp_url=SecretStr(url), mail_from="register@example.org")
    assert "hunter2" not in str(raised.value)


def test_mail_that_is_sent_has_a_sender() -> None:
    with pytest.raises(ValidationError, match="mail_from"):
        Settings(smtp_url=SecretStr("smtps://smtp.example.org"))


@pytest.mark.parametrize(
    "sender", ["", "register", "a@b\r\nBcc: c@d", "Register <a@example.org>", "a@b, c@d"]
)
def test_a_sender_is_one_plain_address(sender: str) -> None:
    with pytest.raises(ValidationError):
        Settings(mail_from=sender)


@pytest.mark.parametrize(
    "given", [{"token_pin": SecretStr("493027")}, {"token_library": Path("/lib/p11.so")}]
)
def test_a_token_is_named_with_its_pin_which_is_never_shown(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="must be set together") as raised:
        Settings(**given)
    assert "493027" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://wallet.example.org/api/v2/credentials",
        "https://wallet.example.org:8443/api",
        "https://user:hunter2@wallet.example.org/api",
        "https://wallet.example.org/api?userEmail=x",
        "https://wallet.example.org/#",
        "https://wallet.example.org/a b",
        "https://127.0.0.1/api",
        "https://localhost/api",
        "https://[::1]/api",
    ],
)
def test_a_wallet_service_is_a_plain_https_address_of_a_public_host(url: str) -> None:
    with pytest.raises(ValidationError, match="plain https address"):
        Settings(europass_wallet_url=url)


def test_by_default_nothing_is_delivered_anywhere() -> None:
    assert Settings().europass_wallet_url is None
    address = "https://europa.example.org/europass2/edci-wallet/api/v2/credentials"
    assert Settings(europass_wallet_url=address).europass_wallet_url == address


def test_a_time_stamp_authority_needs_the_anchors_of_its_stamps(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be set together"):
        Settings(timestamp_url=SecretStr("https://tsa.example.org"))
    both = Settings(timestamp_url=SecretStr("https://tsa.example.org"), timestamp_anchors=tmp_path)
    assert both.timestamp_anchors == tmp_path


@pytest.mark.parametrize(
    "origin",
    [
        "pki.example.org",
        "ldap://pki.example.org",
        "http://",
        "http://pki.example.org/",
        "http://pki.example.org/crl",
        "http://somebody@pki.example.org",
        "http://[::1",
    ],
)
def test_where_issuers_are_asked_inside_the_house_is_named_by_origins(origin: str) -> None:
    with pytest.raises(ValidationError):
        Settings(revocation_origins=frozenset({origin}))


def test_an_origin_may_have_a_port() -> None:
    named = frozenset({"http://pki.example.org:8080", "https://[::1]:8443"})
    assert Settings(revocation_origins=named).revocation_origins == named
