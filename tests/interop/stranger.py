"""A stranger: knows a document, an address and a root certificate, and not a line of our code.

Everything is fetched over TLS and verified with joserfc; addresses are those that the document names.
"""

import base64
import gzip
import json
import zlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import httpx
from joserfc import jws
from joserfc.jwk import ECKey
from joserfc.registry import HeaderParameter

Json = dict[str, Any]


class SealHeaders(jws.JWSRegistry):
    """Room for the certificates of a seal: this library allows 512 bytes unless told."""

    max_header_length = 16 * 1024
    max_payload_length = 1024 * 1024


REGISTRY = SealHeaders(
    header_registry={
        "iat": HeaderParameter("Issued at", "int"),
        "x5t#S256": HeaderParameter("Thumbprint", "str"),
    },
    algorithms=["ES256"],
)


class NotToBeTrusted(Exception):
    """The stranger would not accept this document."""


@dataclass(frozen=True)
class Stranger:
    """Fetches and verifies with other people's libraries alone."""

    http: httpx.Client

    def accept(self, token: str) -> Json:
        """Accept a credential, or say why not."""
        header = self._header(token)
        payload = self._verified(token, self._key(str(header["kid"])))
        entries = payload["credentialStatus"]
        for entry in entries if isinstance(entries, list) else [entries]:
            self._status(entry, payload["issuer"]["id"])
        return payload

    def token_list_says(self, token: str) -> int | None:
        """Give what the token list says at the document's position, or nothing where it says nothing."""
        status = self._verified(token, self._key(str(self._header(token)["kid"])))["credentialStatus"]
        entry = status[0] if isinstance(status, list) else status
        url, _, _ = entry["statusListCredential"].rpartition("-")
        answer = self.http.get(url)
        if answer.status_code != httpx.codes.OK:
            return None
        listed = self._verified(answer.text, self._key(str(self._header(answer.text)["kid"])))
        if listed["sub"] != url:
            raise NotToBeTrusted("the list is about something else")
        packed = listed["status_list"]["lst"]
        pairs = zlib.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
        index = int(entry["statusListIndex"])
        return pairs[index // 4] >> 2 * (index % 4) & 3

    def _status(self, entry: Json, issuer: str) -> None:
        token = self.http.get(entry["statusListCredential"]).raise_for_status().text
        listed = self._verified(token, self._key(str(self._header(token)["kid"])))
        if listed["issuer"] != issuer:
            raise NotToBeTrusted("the list is somebody else's")
        subject = listed["credentialSubject"]
        if subject["statusPurpose"] != entry["statusPurpose"] or entry["type"] != "BitstringStatusListEntry":
            raise NotToBeTrusted("the list is about something else")
        encoded = subject["encodedList"][1:]
        bits = gzip.decompress(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
        index = int(entry["statusListIndex"])
        if bits[index // 8] >> (7 - index % 8) & 1:
            raise NotToBeTrusted(subject["statusPurpose"])

    def _key(self, kid: str) -> ECKey:
        if kid.startswith("https://"):
            return ECKey.import_key(self.http.get(kid).raise_for_status().json())
        did, _, _ = kid.partition("#")
        host = unquote(did.removeprefix("did:web:"))
        document = self.http.get(f"https://{host}/.well-known/did.json").raise_for_status().json()
        methods = {m["id"]: m["publicKeyJwk"] for m in document["verificationMethod"]}
        if kid not in methods or kid not in document["assertionMethod"]:
            raise NotToBeTrusted("the key is not one of the issuer's")
        return ECKey.import_key(methods[kid])

    @staticmethod
    def _header(token: str) -> Json:
        part = token.partition(".")[0]
        found: Json = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return found

    @staticmethod
    def _verified(token: str, key: ECKey) -> Json:
        try:
            opened = jws.deserialize_compact(token, key, registry=REGISTRY)
        except Exception as error:  # whatever that library finds
            raise NotToBeTrusted(type(error).__name__) from error
        found: Json = json.loads(opened.payload)
        return found
