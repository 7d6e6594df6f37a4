"""A body whose every key lies on a token, as its operator set it up, and the authorities around it."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner

from app.adapters.keys import FileKeys
from app.adapters.revocation import HttpRevocation
from app.adapters.timestamps import HttpTimeStamps
from app.cli import app
from app.ports import Clock, Slot
from tests.pki.serving import Town
from tests.softhsm import LABEL, PIN, Token, token_in

PASSPHRASE: Final = "correct horse battery"
BODY: Final = ["--organisation", "Associazione di prova", "--identifier", "NTRIT-12345678901"]
KINDS: Final = {Slot.SEAL: "p256", Slot.EDC_SEAL: "rsa", Slot.STATUS: "p256", Slot.QR: "p256"}


@dataclass(frozen=True)
class Operator:
    """Whoever runs the commands, in the folder of the installation; nothing that is said shows a secret."""

    folder: Path
    town: Town
    token: Token

    @property
    def settings(self) -> dict[str, str]:
        return {
            "SIGILLO_KEYS_FOLDER": str(self.folder / "keys"),
            "SIGILLO_KEY_PASSPHRASE": PASSPHRASE,
            "SIGILLO_LANG": "en",
            "SOFTHSM2_CONF": os.environ["SOFTHSM2_CONF"],
            **self.token.settings,
        }

    def keys(self, *arguments: str) -> str:
        public = {"SIGILLO_PUBLIC_URL": "https://sigillo.example.org"}  # wherever a test serves it
        done = CliRunner().invoke(app, ["keys", *arguments], env=self.settings | public)
        assert done.exit_code == 0, done.output
        assert PIN not in done.output
        assert PASSPHRASE not in done.output
        return " ".join(done.output.split())

    def certify(self, slot: Slot, *, ends: datetime | None = None) -> str:
        """Send the request of the key that waits to the CA, and take in what comes back."""
        request = (self.folder / "keys" / f"{slot}.csr.pem").read_bytes()
        chain, root = self.folder / f"{slot}.pem", self.folder / "root.pem"
        *certificates, anchor = self.town.certified(request, ends=ends)
        chain.write_bytes(b"".join(pem(each) for each in certificates))
        root.write_bytes(pem(anchor))
        return self.keys("import", slot, str(chain), "--anchor", str(root))

    def set_up(self) -> None:
        """Go the whole way to keys that count; each of them is made on the token and cannot leave it."""
        self.keys("init", *BODY, "--token", LABEL, "--seal", "edc-seal", "--kind", KINDS[Slot.EDC_SEAL])
        for slot, kind in KINDS.items():
            self.keys("csr", slot, "--token", LABEL, "--kind", kind)
            self.certify(slot)
        for row in json.loads(CliRunner().invoke(app, ["keys", "list", "--json"], env=self.settings).stdout):
            assert row["state"] != "current" or f"on the token {LABEL}" in row["place"], row


@dataclass(frozen=True)
class Ground:
    """A body's token, keys and authorities, made once; every test begins with a copy of its own."""

    folder: Path
    town: Town

    def copied(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
        shutil.copytree(self.folder / "keys", folder / "keys")
        token = token_in(folder / "softhsm", monkeypatch, like=self.folder / "softhsm" / "tokens")
        return Operator(folder, self.town, token)


@contextmanager
def ground_in(folder: Path, town: Town) -> Iterator[Ground]:
    with pytest.MonkeyPatch.context() as patched:
        Operator(folder, town, token_in(folder / "softhsm", patched)).set_up()
        yield Ground(folder, town)


def signer_of(operator: Operator, clock: Clock) -> FileKeys:
    return FileKeys(
        operator.folder / "keys",
        at=clock.now(),
        passphrase=PASSPHRASE.encode(),
        tokens=operator.token.owner(),
    )


def stamps_from(town: Town, clock: Clock, *, at: str | None = None, seconds: float = 15) -> HttpTimeStamps:
    return HttpTimeStamps(
        at or f"{town.site.url}/tsa", anchors=town.pki.stamp_anchors, clock=clock, total_seconds=seconds
    )


def revocation_from(town: Town, signer: FileKeys, clock: Clock) -> HttpRevocation:
    return HttpRevocation(
        anchors=lambda: (*signer.anchors(), *town.pki.stamp_anchors),
        clock=clock,
        origins=[town.site.url],
    )


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)
