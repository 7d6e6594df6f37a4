"""The schemes that the service knows: those that ship with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Self

from app.schemes import reader
from app.schemes.errors import SchemeInvalid, SchemeNotFound
from app.schemes.scheme import Scheme, SchemeStatus


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every version of every scheme, to be found by its name or by the day it was in force."""

    schemes: tuple[Scheme, ...]

    @classmethod
    def of(cls, schemes: Iterable[Scheme]) -> Self:
        """Put schemes together; a version stands once, and a code belongs to one scheme for good."""
        kept: dict[tuple[str, str], Scheme] = {}
        owners: dict[str, str] = {}
        for scheme in schemes:
            if (scheme.id, scheme.version) in kept:
                raise SchemeInvalid([f"{scheme.id} {scheme.version}: stands in the catalogue twice"])
            if owners.setdefault(scheme.code, scheme.id) != scheme.id:
                raise SchemeInvalid([f"{scheme.id}: its code {scheme.code} is {owners[scheme.code]}'s"])
            kept[scheme.id, scheme.version] = scheme
        return cls(tuple(sorted(kept.values(), key=lambda scheme: (scheme.id, scheme.order))))

    def version(self, scheme_id: str, version: str) -> Scheme:
        """Find the version that a dossier or decision is pinned to, whatever became of it since."""
        for scheme in self.schemes:
            if (scheme.id, scheme.version) == (scheme_id, version):
                return scheme
        raise SchemeNotFound("There is no such version of a scheme.", scheme=scheme_id, version=version)

    def in_force(self, scheme_id: str, on: date) -> Scheme:
        """Find the version that holds for whoever hands a dossier in on this local day."""
        for scheme in reversed(self.schemes):
            if scheme.id == scheme_id and _is_in_force(scheme, on):
                return scheme
        raise SchemeNotFound("No version of this scheme is in force on that day.", scheme=scheme_id)

    def all_in_force(self, on: date) -> tuple[Scheme, ...]:
        """List the schemes that a dossier can be opened for on this day, each in its version in force."""
        latest = {scheme.id: scheme for scheme in self.schemes if _is_in_force(scheme, on)}
        return tuple(latest.values())


@cache
def catalogue() -> Catalogue:
    """Read the packaged schemes, once; a fault in any of them stops the service from starting."""
    files = (entry for entry in resources.files("app.schemes").iterdir() if entry.name.endswith(".yaml"))
    return Catalogue.of(reader.read(file.read_text(encoding="utf-8")) for file in files)


def _is_in_force(scheme: Scheme, on: date) -> bool:
    return scheme.status is SchemeStatus.ACTIVE and scheme.effective_from <= on
