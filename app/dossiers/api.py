"""Routes of dossiers."""

from fastapi import APIRouter

router = APIRouter(prefix="/v1/dossiers", tags=["dossiers"])
