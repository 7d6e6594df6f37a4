"""A courier in a process of its own, started to be killed.

python -m tests.events.carrying '{"database": …, "port": …, "authority": …, "at": …}'
"""

import json
import sys
from datetime import datetime
from pathlib import Path

import app.tables  # noqa: F401 - every table has to be known
from app.adapters.keys import TlsFiles
from app.core.db import connect
from app.events.sending import Courier
from app.ports import Hooks
from tests.events.receiver import Receiver
from tests.fakes import SetClock
from tests.fakes_outbound import PlainVault


def main() -> None:
    given = json.loads(sys.argv[1])
    authority = Path(given["authority"])
    receiver = Receiver(TlsFiles(authority, authority, authority), port=given["port"])
    clock = SetClock(datetime.fromisoformat(given["at"]))
    Courier(connect(given["database"]), clock, Hooks(receiver.postman(), PlainVault())).drain()


if __name__ == "__main__":
    main()
