"""Routes of organisations."""

from fastapi import APIRouter

router = APIRouter(tags=["organisations"])
