"""`sigillo worker` as it is shipped, but that its webhooks may reach the drill's receiver on this machine."""

import os
import ssl
import sys
from pathlib import Path
from typing import Final

from app import cli, main
from app.adapters.outbound import GuardedOutbound
from app.adapters.vault import FolderVault
from app.events.sending import ANSWER_SECONDS, POSTS
from app.ports import Hooks
from app.settings import Settings

LOOPBACK: Final = "127.0.0.1"
PORT: Final = "DRILL_RECEIVER_PORT"
AUTHORITY: Final = "DRILL_RECEIVER_AUTHORITY"


def reaching(keys_folder: Path, *, port: int, authority: Path) -> Hooks:
    """Give what webhooks need, with one opening in the guard."""
    postman = GuardedOutbound(
        trust=ssl.create_default_context(cafile=str(authority)),
        openings={LOOPBACK},
        port=port,
        resolve=lambda _: [LOOPBACK],
        total_seconds=ANSWER_SECONDS,
        step_seconds=ANSWER_SECONDS,
        at_once=POSTS,
    )
    return Hooks(postman, FolderVault(keys_folder, None))


def _hooks(settings: Settings) -> Hooks:
    port, authority = int(os.environ[PORT]), Path(os.environ[AUTHORITY])
    return reaching(settings.keys_folder, port=port, authority=authority)


if __name__ == "__main__":
    main.hooks_of = _hooks
    sys.argv[1:] = ["worker"]
    cli.main()
