"""Pictures take turns: a few are unpacked at once, a few wait, and whoever comes then is sent away."""

import asyncio
import threading

import pytest
from starlette.exceptions import HTTPException

from app.verification import pictures, uploads

PICTURE = pictures.PNG + b"..."
PATIENCE_SECONDS = 10


def test_pictures_take_turns_and_too_many_are_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, lock = threading.Event(), threading.Lock()
    together = threading.Barrier(uploads.PICTURES_AT_ONCE)
    inside: list[int] = [0, 0]  # now, and at most

    def slow(_content: bytes) -> str:
        with lock:
            inside[0] += 1
            inside[1] = max(inside)
        assert go_on.wait(PATIENCE_SECONDS)
        together.wait(PATIENCE_SECONDS)
        with lock:
            inside[0] -= 1
        return "a.b.c"

    monkeypatch.setattr(pictures, "qr_text", slow)

    async def read() -> object:
        return await uploads.of_content(PICTURE, ours=("https://sigillo.example.org",))

    async def crowd() -> list[object]:
        most = uploads.PICTURES_AT_ONCE + uploads.PICTURES_WAITING
        readers = [asyncio.create_task(read()) for _ in range(most)]
        for _ in range(3):
            await asyncio.sleep(0)  # each reader gets its turn to queue
        with pytest.raises(HTTPException) as refused:
            await read()
        assert (refused.value.status_code, refused.value.headers) == (503, {"Retry-After": "2"})
        go_on.set()
        return await asyncio.gather(*readers)

    answers = asyncio.run(crowd())
    assert len(answers) == uploads.PICTURES_AT_ONCE + uploads.PICTURES_WAITING
    assert inside == [0, uploads.PICTURES_AT_ONCE]
