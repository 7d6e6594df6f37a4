"""What was sent and got no answer: kept until the service has answered, and sent again by the next command.

Each body is saved with its idempotency key before it leaves, so the same thing is never created twice:
not by a retry, not by a second run of the command, not by a machine that was switched off in between.
"""

import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.client import private
from app.client.api import Api, Json, Refused

FOLDER: Final = "pending"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that may or may not have arrived."""

    path: str
    body: Json
    key: str
    place: Path


@dataclass(frozen=True, slots=True)
class Outbox:
    """What one account has under way at one service."""

    url: str
    mark: str

    def send(self, api: Api, path: str, body: Json) -> Json:
        """Create something, saved before it is sent and until there is an answer, a refusal too."""
        return self._settle(api, self._saved(path, body))

    def again(self, api: Api) -> Iterator[tuple[Waiting, Json | Refused]]:
        """Send everything again that got no answer, oldest name first; give each with its answer."""
        for place in private.waiting(private.home() / FOLDER):
            found = private.read(place)
            if not isinstance(found, dict) or (found.get("url"), found.get("mark")) != (self.url, self.mark):
                continue
            waiting = Waiting(found["path"], found["body"], found["key"], place)
            try:
                yield waiting, self._settle(api, waiting)
            except Refused as refused:
                yield waiting, refused

    def _saved(self, path: str, body: Json) -> Waiting:
        what = json.dumps([self.url, self.mark, path, body], sort_keys=True)
        place = private.home() / FOLDER / f"{hashlib.sha256(what.encode()).hexdigest()[:32]}.json"
        before = private.read(place)
        if isinstance(before, dict) and isinstance(before.get("key"), str):
            return Waiting(path, body, before["key"], place)  # the same command again: the same key
        waiting = Waiting(path, body, secrets.token_hex(16), place)
        private.write(
            place, {"url": self.url, "mark": self.mark, "path": path, "body": body, "key": waiting.key}
        )
        return waiting

    @staticmethod
    def _settle(api: Api, waiting: Waiting) -> Json:
        try:
            answer = api.post(waiting.path, waiting.body, key=waiting.key)
        except Refused:
            private.remove(waiting.place)
            raise
        private.remove(waiting.place)
        return answer
