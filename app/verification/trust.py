"""Whose seal it is: our own published keys, and chains that end in an anchor that we were given."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, Self
from urllib.parse import unquote

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificates

from app.formats.jose import Header, thumbprint
from app.formats.published import did_of
from app.formats.q1 import kid_of
from app.formats.qualified import vouching
from app.formats.x509 import ChainFinding, SealOwner, Standing, chain_of, host_of, judge_chain, leaf_jwk
from app.ports import PublicKey, Signer, Slot, TrustedLists

_SCHEME: Final = re.compile(r"^(?:[A-Z]{3}[A-Z]{2}|[A-Z]{2}:[A-Z]{2})-")  # VATIT-, NTREE-, or a national one
_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)

Chain = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Keyring:
    """What a verification trusts. `published` is all that we show the world, seals and the rest."""

    published: tuple[PublicKey, ...]
    anchors: Chain
    did: str
    seals: Mapping[str, PublicKey]
    trusted: frozenset[str] = frozenset()  # issuers whose published keys are taken at their word
    stamp_anchors: Chain = ()  # in which the chains of time-stamps may end, and no others
    lists: TrustedLists | None = None  # by which seals are qualified, and trusted as under an anchor
    trial: Chain = ()  # roots made for trying things, whose keys nobody guards: they vouch for ours alone
    # What bodies with a host of their own are called, by the codes that offline QR codes call them by.
    dids: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        signer: Signer,
        public_url: str,
        *,
        anchors: Chain = (),
        trusted: Iterable[str] = (),
        stamp_anchors: Chain = (),
        lists: TrustedLists | None = None,
        dids: Mapping[int, str] | None = None,
    ) -> Self:
        """Gather our keys with the anchors and the issuers that the operator trusts."""
        published = signer.published()
        seals = {key.thumbprint: key for key in published if key.slot is Slot.SEAL}
        trial = _for_trying(signer.anchors(), tuple(key.chain for key in published if key.development))
        everyone = (*(each for each in signer.anchors() if each not in trial), *anchors)
        return cls(
            published,
            everyone,
            did_of(public_url),
            seals,
            frozenset(trusted),
            stamp_anchors,
            lists,
            trial,
            dids or {},
        )

    def names(self, issuer: str) -> bool:
        """Tell whether an issuer is this house, however it is spelt: with a path, in capitals, as https."""
        dids, hosts = _ours((self.did, *self.dids.values()))
        return issuer in dids or _host(issuer) in hosts

    def speaks_as(self, key: PublicKey, issuer: str) -> bool:
        """Tell whether a key of ours may speak in this name: a body's own not in another name of ours."""
        if key.issuer_code is None or not self.names(issuer):
            return True
        own = self.dids.get(key.issuer_code, self.did)
        return issuer == own or (
            issuer not in {self.did, *self.dids.values()} and _host(issuer) == _host(own)
        )

    def ours(self, header: Header, slot: Slot = Slot.SEAL) -> PublicKey | None:
        """Find our own key for such documents that a header names, by its `kid` or by its certificate.

        A thumbprint is the key itself in short, so what stands before it, an address or a DID, adds
        nothing: a service that moved house still finds the keys of its old documents.
        """
        seals = self._in(slot)
        if header.kid is not None:
            named = header.kid.rpartition("#")[2].rpartition("/")[2]
            if named in seals:
                return seals[named]
        if header.chain:
            return seals.get(thumbprint(leaf_jwk(header.chain)))
        if header.jwk is not None:
            return seals.get(thumbprint(header.jwk))
        return None

    def ours_by_chain(self, chain: Chain, slot: Slot) -> PublicKey | None:
        """Find our own key by the certificate alone, by which a JAdES seal is judged, whatever its `kid`."""
        return self._in(slot).get(thumbprint(leaf_jwk(chain)))

    def _in(self, slot: Slot) -> Mapping[str, PublicKey]:
        if slot is Slot.SEAL:
            return self.seals
        return {key.thumbprint: key for key in self.published if key.slot is slot}

    def for_qr(self, kid: bytes) -> PublicKey | None:
        """Find our own key for offline QR codes, current or retired, that goes by this name."""
        codes = (key for key in self.published if key.slot is Slot.QR and key.chain)
        return next((key for key in codes if kid_of(key.chain[0]) == kid), None)

    def is_for_else(self, jwk: Mapping[str, str], slot: Slot = Slot.SEAL) -> bool:
        """Tell whether we publish this key, and for another use than to seal such documents."""
        name = thumbprint(jwk)
        return any(key.thumbprint == name and key.slot is not slot for key in self.published)

    def anchors_for(self, chain: Chain) -> Chain:
        """Give the anchors in which a chain may end: for our very certificates also roots made for trying."""
        ours = self.trial and any(key.chain[:1] == chain[:1] for key in self.published if key.chain)
        return (*self.anchors, *self.trial) if ours else self.anchors

    def judged(self, chain: Chain, at: datetime) -> ChainFinding:
        """Judge a stranger's chain, or ours, at an instant: by the anchors, or else by the trusted lists."""
        found = judge_chain(chain, self.anchors_for(chain), at)
        if found.standing is Standing.UNTRUSTED and (listed := self.listed(chain, sealed_at=at, now=at)):
            return judge_chain(chain_of(chain[0], (*listed, *chain[1:])), listed, at)
        return found

    def listed(self, chain: Chain, *, sealed_at: datetime, now: datetime) -> Chain:
        """Give the certificates of trusted lists in which this chain may end as if in an anchor, if any."""
        return vouching(chain, self.lists, sealed_at=sealed_at, now=now)

    def judged_ours(self, chain: Chain, at: datetime) -> ChainFinding:
        """The same for the chains of our own keys, which are few and asked about all the time."""
        anchors = self.anchors_for(chain)
        life = _whole_life(chain, anchors)
        if life is not None and life.begins <= at <= life.ends:
            return life.finding
        return judge_chain(chain, anchors, at)

    def whole_life(self, chain: Chain) -> tuple[datetime, datetime] | None:
        """Give the time for all of which a chain of ours is trusted, and alike; None where there is none."""
        life = _whole_life(chain, self.anchors_for(chain))
        return None if life is None else (life.begins, life.ends)


def anchors_in(folder: Path | None) -> Chain:
    """Read the certificates of a folder, in PEM or DER; one that cannot be read ends the start."""
    found: list[bytes] = []
    for file in sorted(folder.iterdir()) if folder else ():
        if file.suffix.lower() in {".pem", ".crt", ".cer", ".der"}:
            content = file.read_bytes()
            try:
                read = (
                    load_pem_x509_certificates(content)
                    if b"-----BEGIN" in content
                    else [load_der_x509_certificate(content)]
                )
            except ValueError:
                raise ValueError(f"{file.name} holds no certificate") from None
            found += [certificate.public_bytes(Encoding.DER) for certificate in read]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Claimed:
    """Whom a document names as its issuer: so far the words of whoever wrote it."""

    id: str
    name: str | None
    identifier: str | None = None

    def borne_out_by(self, chain: ChainFinding, owner: SealOwner | None = None) -> bool:
        """Tell whether the chain is about the body that is named: by name, by identifier, or by its host.

        Where both have an identifier, that decides: names are not unique, and hosts change hands.
        """
        if owner is not None and self.identifier and owner.identifier:
            return _is_same(self.identifier, owner.identifier)
        if self.name and chain.organisation and _folded(self.name) == _folded(chain.organisation):
            return True
        return host_of(self.id) in chain.hosts


def _is_same(said: str, proven: str) -> bool:
    """Compare two identifiers; one of them may leave out its scheme (ETSI EN 319 412-1, 5.1.4)."""
    return said == proven or said == _SCHEME.sub("", proven) or _SCHEME.sub("", said) == proven


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


@lru_cache(maxsize=8)
def _for_trying(anchors: Chain, chains: tuple[Chain, ...]) -> Chain:
    """Find the roots of keys that were made for trying things; later ones are called like the first."""
    names = {load_der_x509_certificate(chain[-1]).issuer for chain in chains if chain}
    return tuple(each for each in anchors if load_der_x509_certificate(each).subject in names)


def _host(issuer: str) -> str | None:
    """Name the host that an issuer names, as it is spelt in our own names."""
    host = host_of(issuer)
    return None if host is None else unquote(host).lower().rstrip(".")


@lru_cache(maxsize=8)
def _ours(dids: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
    """Give these names, and the hosts in them."""
    return frozenset(dids), frozenset(host for host in map(host_of, dids) if host)


@dataclass(frozen=True, slots=True)
class _Life:
    begins: datetime
    ends: datetime
    finding: ChainFinding


@lru_cache(maxsize=64)
def _whole_life(chain: Chain, anchors: Chain) -> _Life | None:
    """Judge a chain once for all its life: trusted at both ends, it is trusted in between."""
    life = judge_chain(chain, anchors, _ANY_TIME)
    if life.valid_from is None or life.valid_until is None:
        return None
    first, last = (judge_chain(chain, anchors, end) for end in (life.valid_from, life.valid_until))
    trusted = first.standing is last.standing is Standing.TRUSTED
    return _Life(life.valid_from, life.valid_until, first) if trusted else None
