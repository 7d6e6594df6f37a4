"""SoftHSM2 as a token of this machine, where it is installed: a folder of its own, one token, one PIN."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.adapters.tokens import Tokens, _pkcs11, tokens_of

LIBRARIES = (
    *Path("/usr/lib").glob("*/softhsm/libsofthsm2.so"),
    Path("/usr/lib/softhsm/libsofthsm2.so"),
)
LABEL = "sigillo"
PIN = "493027"


def library_or_skip() -> Path:
    """The library; where it must be there, its absence is a failure."""
    found = next((path for path in LIBRARIES if path.exists()), None)
    if found is None or shutil.which("softhsm2-util") is None:
        reason = "SoftHSM2 is not installed (Debian: softhsm2); keys on tokens were not tried"
        if os.environ.get("SIGILLO_REQUIRE_SOFTHSM") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def start_again(owner: Tokens) -> None:
    """Be as a process that was started anew: it sees tokens that came since, and tries its PIN again."""
    with owner._using:
        owner._refused = False
        owner._forget()
        _pkcs11().lib(str(owner._library)).reinitialize()


@dataclass
class Token:
    """A token that can be pulled out and put back."""

    library: Path
    folder: Path

    def owner(self, pin: str = PIN) -> Tokens:
        return tokens_of(self.library, SecretStr(pin))

    def pull(self) -> None:
        self._tokens.rename(self.folder / "pulled")
        self._tokens.mkdir()

    def put_back(self) -> None:
        self._tokens.rmdir()
        (self.folder / "pulled").rename(self._tokens)

    @property
    def settings(self) -> dict[str, str]:
        return {"SIGILLO_TOKEN_LIBRARY": str(self.library), "SIGILLO_TOKEN_PIN": PIN}

    @property
    def _tokens(self) -> Path:
        return self.folder / "tokens"


def token_in(folder: Path, monkeypatch: pytest.MonkeyPatch, *, like: Path | None = None) -> Token:
    """Make a token with nothing on it, or a copy of one. The library reads where it is when opened anew."""
    library = library_or_skip()
    folder.mkdir(parents=True)
    if like is not None:
        shutil.copytree(like, folder / "tokens")
    else:
        (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
    if like is None:
        made = ("--init-token", "--free", "--label", LABEL, "--so-pin", "88776655", "--pin", PIN)
        subprocess.run(["softhsm2-util", *made], check=True, capture_output=True)
    token = Token(library, folder)
    start_again(token.owner())
    return token
