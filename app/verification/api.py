"""Routes of verification."""

from fastapi import APIRouter

router = APIRouter(tags=["verification"])
