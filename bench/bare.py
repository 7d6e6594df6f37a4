"""The yardstick: a bare FastAPI route that answers the same addresses with a small JSON object."""

import sys

import uvicorn
from fastapi import FastAPI

app = FastAPI(docs_url=None, redoc_url=None)


@app.get("/v/{number}.json")
async def answer(number: str) -> dict[str, str]:
    """Answer at once."""
    return {"number": number, "result": "valid"}


@app.post("/posted", status_code=201)
async def take(given: dict[str, str]) -> dict[str, str]:
    """Take what was sent, and do nothing with it."""
    return given


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "ok"}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
