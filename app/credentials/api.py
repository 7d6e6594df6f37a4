"""Routes of credentials."""

from fastapi import APIRouter

router = APIRouter(prefix="/v1/credentials", tags=["credentials"])
