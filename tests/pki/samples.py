"""One sealed file per level, serialisation and algorithm, for validators that are not ours."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from app.core.errors import JsonValue
from app.formats import jades, vc
from app.formats.jades import Kind, Level, Seal, SigningTime
from app.formats.strict import write_json
from tests.formats import make
from tests.pki.authority import DAY, YEAR, Holder, Pki
from tests.pki.signing import with_signature
from tests.pki.stamping import Stamper

SEALED: Final = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)
LIVES: Final = 15 * YEAR  # so long do lists and answers hold: a validator asks years after this was written
EDC: Final = write_json(
    {
        "id": "urn:credential:6f1d2c0e-3f0a-4b3f-9b7e-2b1f6f0b7c11",
        "type": ["VerifiableCredential", "EuropeanDigitalCredential"],
        "credentialSubject": {
            "givenName": {"it": "Mariù \N{EM DASH} «Rossi»"},
            "note": 'tab\tquote"slash/\\',
        },
    }
)
VC: Final = write_json(vc.compose_vc(make.claims(test=False)))
ALGORITHMS: Final = ("ES256", "RS256")
SERIALISATIONS: Final[dict[str, Callable[[Seal], str]]] = {
    "compact": Seal.compact,
    "flattened": Seal.flattened,
    "general": Seal.general,
}
CONTENT: Final[dict[Kind, bytes]] = {"edc": EDC, "vc": VC}


@dataclass
class Sealer:
    """Seals at one time, stamps a minute later, gathers values and stamps all, as an upgrade does."""

    pki: Pki
    at: datetime = SEALED
    lives: timedelta = LIVES
    moment: datetime = field(init=False)
    stamper: Stamper = field(init=False)

    def __post_init__(self) -> None:
        self.moment = self.at
        self.stamper = Stamper(self.pki.tsa, lambda: self.moment)

    def sealed(
        self,
        holder: Holder,
        level: Level,
        *,
        kind: Kind = "edc",
        signing_time: SigningTime = "iat",
        content: bytes | None = None,
        issuer: str = make.DID,
    ) -> Seal:
        header = _header(holder, self.at, kind, signing_time, issuer)
        seal = jades.unsigned_seal(header, CONTENT[kind] if content is None else content)
        seal = with_signature(seal, holder.sign(seal.signing_input))
        if level is Level.B_B:
            return seal
        self.moment = self.at + MINUTE
        seal = jades.with_signature_timestamp(seal, self.stamper.stamp(jades.signature_imprint(seal)))
        if level is Level.B_T:
            return seal
        certificates, crls, ocsps = self.values(holder)
        seal = jades.with_validation_values(seal, certificates, crls, ocsps)
        if level is Level.B_LT:
            return seal
        self.moment = self.at + 3 * MINUTE
        return jades.with_archive_timestamp(seal, self.stamper.stamp(jades.archive_imprint(seal)))

    def values(self, holder: Holder) -> tuple[Sequence[bytes], Sequence[bytes], Sequence[bytes]]:
        """All that judges a seal of this holder and its time-stamps, two minutes after the seal."""
        pki, at = self.pki, self.at + 2 * MINUTE
        certificates = (*holder.ders, *pki.root.ders, *pki.tsa.ders, *pki.responder.ders)
        crls = tuple(pki.crl(issuer, at, lives=self.lives) for issuer in (pki.root, pki.stamp_root))
        return certificates, crls, (pki.ocsp(holder.certificate, at, lives=self.lives),)


def _header(
    holder: Holder, at: datetime, kind: Kind, signing_time: SigningTime, issuer: str
) -> dict[str, JsonValue]:
    """Write the header of what we issue; with `sigT`, which no `vc+jwt` of ours has, that of a stranger."""
    if (kind, signing_time) == ("vc", "iat"):
        return vc.seal_header(issuer, holder.public, at)
    return jades.protected_header(holder.public, at=at, signing_time=signing_time, kind=kind)


def serialisations(kind: Kind, level: Level) -> Iterator[str]:
    """Name those that have room for this; the compact one has none for plain text or for proof."""
    if kind == "vc" and level is Level.B_B:
        yield "compact"
    else:
        yield from ("flattened", "general") if kind == "edc" else ("flattened",)


def write(folder: Path, at: datetime = SEALED) -> None:
    """Write sealed files with anchors, lists and answers, and a manifest of what each has to be worth.

    `outcome` is `passed`, `untrusted`, `revoked` or `expired`; `level` is what has to be recognised. Under a
    revoked and under an expired certificate there is each a B-B and a B-T seal, made after the fact.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pki, foreign = Pki(at), Pki(at)
    sealer = Sealer(pki, at)
    files: list[dict[str, str]] = []
    answers: list[str] = []

    def put(name: str, text: str | bytes) -> str:
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    def seal(
        holder: Holder, level: Level, kind: Kind, outcome: str, signing_time: SigningTime = "iat"
    ) -> None:
        made = sealer.sealed(holder, level, kind=kind, signing_time=signing_time)
        for form in serialisations(kind, level):
            algorithm = holder.public.algorithm
            name = f"{kind}-{level}-{form}-{algorithm}-{signing_time}-{outcome}.json".lower()
            files.append(
                {
                    "file": put(name, SERIALISATIONS[form](made)),
                    "kind": kind,
                    "level": f"JAdES-BASELINE-{level.removeprefix('B-')}",
                    "serialisation": form,
                    "algorithm": algorithm,
                    "signing_time": signing_time,
                    "outcome": outcome,
                }
            )

    for algorithm in ALGORITHMS:
        holder = pki.seal(algorithm)
        expired = pki.seal(algorithm, begins=at - 3 * YEAR, ends=at - 30 * DAY, name="TEST expired seal")
        revoked = pki.seal(algorithm, name="TEST revoked seal")
        pki.revoke(revoked, at - 10 * DAY)
        for kind in CONTENT:
            for level in Level:
                seal(holder, level, kind, "passed")
                seal(holder, level, kind, "passed", "sigT")
        stranger = foreign.seal(algorithm, name="TEST seal of another authority")
        seal(stranger, Level.B_B, "edc", "untrusted")
        for level in (Level.B_B, Level.B_T):
            seal(revoked, level, "edc", "revoked")
            seal(expired, level, "edc", "expired")
        for each in (holder, revoked, expired):
            answer = pki.ocsp(each.certificate, at + 2 * MINUTE, lives=LIVES)
            answers.append(put(f"{algorithm.lower()}-{len(answers)}.ocsp", answer))
    put("root.crt", pki.anchors[0])
    put("stamp-root.crt", pki.stamp_anchors[0])
    put("issuing.crt", pki.issuing.ders[0])
    issuers = {"root": pki.root, "seals": pki.issuing, "stamps": pki.stamp_root}
    manifest = {
        "sealed_at": at.isoformat(),
        "files": files,
        "anchors": ["root.crt", "stamp-root.crt"],
        "certificates": ["issuing.crt"],
        "crls": [
            put(f"{name}.crl", pki.crl(issuer, at + 2 * MINUTE, lives=LIVES))
            for name, issuer in issuers.items()
        ],
        "ocsps": answers,
    }
    put("manifest.json", json.dumps(manifest, indent=2) + "\n")
