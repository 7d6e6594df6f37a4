"""What was sent and got no answer: kept until it is answered, and sent again by the next that writes.

Each body is saved before it leaves, so that a machine switched off in between loses nothing. Sending it
again creates nothing twice, because the service recognises the same activity or renewal by what it is. Each
body has an Idempotency-Key of its own too, always the same, for services that read it.
"""

import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.client import private
from app.client.api import Api, Json, NotUsable, Refused, Unreachable

FOLDER: Final = "pending"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that may or may not have arrived."""

    path: str
    body: Json
    key: str
    place: Path


def everything() -> list[Path]:
    """List all that waits on this machine, whoever's it is."""
    return private.waiting(private.home() / FOLDER)


@dataclass(frozen=True, slots=True)
class Outbox:
    """What one account has under way at one service."""

    url: str
    mark: str

    def send(self, api: Api, path: str, body: Json) -> Json:
        """Create something, saved before it is sent and until there is an answer, a refusal too."""
        return self._settle(api, self._saved(path, body))

    def waiting(self) -> Iterator[Waiting]:
        """Find what got no answer, in the order of the names."""
        for place in everything():
            found = private.read(place)
            if isinstance(found, dict) and (found.get("url"), found.get("mark")) == (self.url, self.mark):
                try:
                    yield Waiting(found["path"], found["body"], found["key"], place)
                except KeyError:
                    raise private.NotPrivate("not-understood", path=place) from None

    def again(self, api: Api) -> Iterator[tuple[Waiting, Json | Refused | Unreachable | NotUsable]]:
        """Send everything again that got no answer; give each with its answer, or with why there is none.

        What the service cannot take just now holds up nothing else; one that is not there is asked once.
        """
        for waiting in self.waiting():
            try:
                yield waiting, self._settle(api, waiting)
            except Refused as refused:
                yield waiting, refused
            except (Unreachable, NotUsable) as unanswered:
                yield waiting, unanswered
                if unanswered.code != "answers-later":
                    return

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
        except Refused as refused:
            if not refused.is_about_the_key:  # which may have expired: the next one can send it
                private.remove(waiting.place)
            raise
        private.remove(waiting.place)
        return answer
