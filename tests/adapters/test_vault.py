from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.adapters.keys import FileKeys
from app.adapters.ring import VAULT, VOUCHING, Folder, KeysUnreadable
from app.adapters.vault import FolderVault, Macs
from app.ports import SealBroken, Vault
from tests.fakes_outbound import PlainVault

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture(params=[FolderVault, lambda _: PlainVault()], ids=["folder", "fake"])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Vault:
    made: Callable[[Path], Vault] = request.param
    return made(tmp_path / "keys")


def test_what_was_sealed_is_opened_for_its_place_and_for_no_other(vault: Vault) -> None:
    sealed = vault.seal(b"secret", "here")
    assert vault.open(sealed, "here") == b"secret"
    with pytest.raises(SealBroken):
        vault.open(sealed, "there")


@pytest.mark.parametrize("broken", [b"", b"\0" * 5, b"\0" * 40])
def test_what_was_never_sealed_is_not_opened(vault: Vault, broken: bytes) -> None:
    with pytest.raises(SealBroken):
        vault.open(broken, "here")


def test_the_same_secret_is_sealed_otherwise_each_time_and_stands_nowhere_in_clear(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path)
    one, other = (vault.seal(b"a secret of some length", "here") for _ in range(2))
    assert one != other
    assert b"secret" not in one + other


def test_two_processes_share_one_key_and_another_folder_has_another(tmp_path: Path) -> None:
    sealed = FolderVault(tmp_path / "one").seal(b"secret", "here")
    assert FolderVault(tmp_path / "one").open(sealed, "here") == b"secret"
    with pytest.raises(SealBroken):
        FolderVault(tmp_path / "other").open(sealed, "here")


def test_the_key_is_encrypted_under_the_passphrase_and_useless_without(tmp_path: Path) -> None:
    sealed = FolderVault(tmp_path, b"passphrase").seal(b"secret", "here")
    assert b"ENCRYPTED" in (tmp_path / VAULT).read_bytes()
    assert (tmp_path / VAULT).stat().st_mode & 0o077 == 0
    with pytest.raises(KeysUnreadable):
        FolderVault(tmp_path, b"another").open(sealed, "here")


def test_the_key_is_none_of_those_that_the_ring_misses(tmp_path: Path) -> None:
    FileKeys(tmp_path, at=AT)
    FolderVault(tmp_path).seal(b"secret", "here")
    Macs.of(tmp_path)
    folder = Folder(tmp_path)
    assert folder.unlisted(folder.ring()) == []


DIGEST, OTHER = "ab" * 32, "cd" * 32


def test_what_was_vouched_for_is_known_to_every_process_of_this_installation_and_to_no_other(
    tmp_path: Path,
) -> None:
    mac = Macs.of(tmp_path / "one").mac(DIGEST)
    assert Macs.of(tmp_path / "one").knows(DIGEST, mac)
    assert not Macs.of(tmp_path / "other").knows(DIGEST, mac)


@pytest.mark.parametrize("forged", [None, b"", b"\0" * 32, b"\xff" * 33, "text", 5, 1.5])
def test_nothing_is_known_that_nobody_vouched_for(tmp_path: Path, forged: Any) -> None:
    macs = Macs.of(tmp_path)
    assert not macs.knows(DIGEST, forged)
    assert not macs.knows(DIGEST, macs.mac(OTHER))


def test_secrets_and_macs_have_keys_of_their_own_which_say_nothing_of_themselves(tmp_path: Path) -> None:
    FolderVault(tmp_path, b"passphrase").seal(b"secret", "here")
    macs = Macs.of(tmp_path, b"passphrase")
    assert (tmp_path / VAULT).read_bytes() != (tmp_path / VOUCHING).read_bytes()
    assert b"ENCRYPTED" in (tmp_path / VOUCHING).read_bytes()
    assert str(macs) == "Macs()"


def test_what_lay_in_clear_while_trying_vouches_no_longer_once_there_is_a_passphrase(tmp_path: Path) -> None:
    trial = Macs.of(tmp_path).mac(DIGEST)
    assert b"ENCRYPTED" not in (tmp_path / VOUCHING).read_bytes()
    macs = Macs.of(tmp_path, b"passphrase")
    assert b"ENCRYPTED" in (tmp_path / VOUCHING).read_bytes()
    assert not macs.knows(DIGEST, trial)
    assert Macs.of(tmp_path, b"passphrase", counts=True).knows(DIGEST, macs.mac(DIGEST))


def test_where_seals_count_nothing_is_vouched_for_by_a_key_in_clear(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert Macs.of(tmp_path, counts=True).mac(DIGEST) is None
    assert not (tmp_path / VOUCHING).exists()
    (said,) = caplog.records
    assert (said.name, said.getMessage()) == ("sigillo.keys", "seals.verified-each-time")


def test_a_link_that_leads_nowhere_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / VOUCHING).symlink_to(tmp_path / "not mounted yet")
    assert Macs.of(tmp_path).mac(DIGEST) is None
    assert (tmp_path / VOUCHING).is_symlink()


def test_a_key_that_cannot_be_opened_keeps_nobody_from_verifying_all_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mac = Macs.of(tmp_path, b"passphrase").mac(DIGEST)
    without = Macs.of(tmp_path, b"another")
    assert without.mac(DIGEST) is None
    assert not without.knows(DIGEST, mac)
    assert not without.knows(DIGEST, None)
    assert VOUCHING in vars(caplog.records[0])["reason"]
    assert Macs.of(tmp_path, b"passphrase").knows(DIGEST, mac), "nothing was made in its place"


def test_a_folder_that_nobody_may_write_to_vouches_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Folder, "write", full)
    assert Macs.of(tmp_path).mac(DIGEST) is None
    with pytest.raises(KeysUnreadable, match="No space left"):
        FolderVault(tmp_path).seal(b"secret", "here")
