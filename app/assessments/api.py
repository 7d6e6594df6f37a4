"""Routes of assessments."""

from fastapi import APIRouter

router = APIRouter(tags=["assessments"])
