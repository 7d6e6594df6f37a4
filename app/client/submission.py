"""Handing a dossier in: what is there already stays, what is missing is sent, then it is submitted."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, BinaryIO

from app.client.api import Api, Json, Refused
from app.client.folder import Folder, Piece

# Wraps a file that is being sent, so that somebody may watch it go.
Watch = Callable[[Piece], AbstractContextManager[BinaryIO | None]]


def unwatched(piece: Piece) -> AbstractContextManager[BinaryIO | None]:
    """Send a piece without showing how far it got."""
    return nullcontext(None) if piece.path is None else piece.path.open("rb")


def open_dossier(api: Api, folder: Folder) -> Json:
    """Open a dossier for the folder's scheme, or go on with the one that is open."""
    try:
        return api.post(
            "/v1/dossiers",
            {"scheme": folder.scheme, "language": folder.language, "ai_disclosure": folder.ai_disclosure},
        )
    except Refused as refused:
        if refused.code != "dossier-open-already":
            raise
    for status in ("draft", "returned"):
        for found in api.get("/v1/dossiers", status=status)["data"]:
            if found["scheme"] == folder.scheme:
                return api.get(f"/v1/dossiers/{found['id']}")
    raise Refused(
        409,
        {"code": "dossier-open-already", "detail": "A dossier for this scheme was handed in already."},
    )


def send_missing(api: Api, dossier: Json, folder: Folder, watch: Watch = unwatched) -> int:
    """Send the evidence that the service does not have yet, compared by hash; return how many pieces."""
    there = [
        _fingerprint(item["kind"], item["fields"], (item["file"] or {}).get("sha256"))
        for item in dossier["evidence"]
    ]
    sent = 0
    for piece in folder.pieces:
        mine = _fingerprint(piece.kind, piece.fields, piece.sha256())
        if mine in there:
            there.remove(mine)
            continue
        with watch(piece) as file:
            form = {"kind": piece.kind, "fields": json.dumps(piece.fields, ensure_ascii=False)}
            files: dict[str, Any] = {}
            if file is not None and piece.path is not None:
                files["file"] = (piece.path.name, file, piece.media_type)
            api.upload(f"/v1/dossiers/{dossier['id']}/evidence", form, files)
        sent += 1
    return sent


def submit(api: Api, dossier_id: str) -> Json:
    """Hand the dossier in and receive the receipt."""
    return api.post(f"/v1/dossiers/{dossier_id}/submission")


def _fingerprint(kind: str, fields: Json, sha256: str | None) -> tuple[str, str, str | None]:
    return kind, json.dumps(fields, sort_keys=True), sha256
