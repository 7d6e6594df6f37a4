"""What an operator may set, from the environment (`SIGILLO_…`) and one file, `sigillo.toml`."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from app.core.hosts import LOOPBACK, is_here

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")

_DEPOSITS = re.compile(r"https://(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]*(?:/[A-Za-z0-9._~-]+)*", re.IGNORECASE)


def only_here(address: str) -> bool:
    """Tell whether an address leads nobody here but who sits at this very machine."""
    return is_here(urlsplit(address).hostname)


class Settings(BaseSettings):
    """One value per line; the environment wins over the file."""

    model_config = SettingsConfigDict(
        env_prefix="SIGILLO_", toml_file="sigillo.toml", extra="forbid", frozen=True
    )

    public_url: str = Field(
        default="http://localhost:8000",
        description="Where the public reaches this service. QR codes, keys and issuer names are made from "
        "it, or from the host that a body has of its own, never from what a Host header says. https, unless "
        "it is this very machine.",
    )
    database_url: str = Field(
        default="sqlite:///data/sigillo.db",
        description="SQLite by default; `postgresql+psycopg://…` for PostgreSQL.",
    )
    database_owner_url: SecretStr | None = Field(
        default=None,
        description="The same PostgreSQL database as the role that owns the tables, for `sigillo migrate`, "
        "`backup` and `restore`. Without it, the role of `database_url` does that too.",
    )
    files_folder: Path = Field(default=Path("data/files"), description="Where evidence is kept.")
    keys_folder: Path = Field(default=Path("keys"), description="Where keys are kept; see keys/README.md.")
    key_passphrase: SecretStr | None = Field(
        default=None, description="Encrypts the private keys in `keys_folder`."
    )
    token_library: Path | None = Field(
        default=None,
        description="The PKCS#11 library of the tokens that hold keys; needs `sigillo[hsm]`.",
    )
    token_pin: SecretStr | None = Field(
        default=None, description="The PIN of those tokens. It is kept in memory alone and shown nowhere."
    )
    clamd_socket: Path | None = Field(
        default=None, description="Unix socket of a ClamAV daemon. Without one, evidence says `unscanned`."
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="The mail server: `smtps://user:password@host:465`, or `smtp://…:587` with STARTTLS, "
        "which only this very machine may do without. Without one, mail is kept in `mail_folder`.",
    )
    mail_from: str | None = Field(
        default=None, description="The address that mail comes from; needed with `smtp_url`."
    )
    mail_folder: Path = Field(
        default=Path("data/mail"), description="Where mail is kept as long as no mail server is set."
    )
    clock_offset: timedelta = Field(
        default=timedelta(0),
        description="Moves the clock for demonstrations (ISO 8601, such as P3D). Refused once any "
        "organisation is live, and shown on every page, report and document made under it.",
    )
    worker: bool = Field(
        default=True, description="Whether `serve` also carries out the work left in the outbox."
    )
    metrics_key: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Whoever sends it as `Authorization: Bearer …` reads `/metrics`, in the form of "
        "Prometheus. Without one there is no such page.",
    )
    list_pause: timedelta = Field(
        default=timedelta(seconds=1),
        ge=timedelta(0),
        le=timedelta(minutes=1),
        description="How long a status list stays as it was signed, at least (ISO 8601): what changes in "
        "between is published in one go.",
    )
    cache_entries: int = Field(
        default=50_000, ge=1, le=10_000_000, description="How many public answers a process remembers."
    )
    trusted_proxies: str = Field(
        default="127.0.0.1,::1",
        pattern=r"^[0-9a-fA-F.:/, ]*$",
        description="Addresses or networks of the proxies in front, whose `X-Forwarded-For` is believed; "
        "without it, everybody behind a proxy is one and the same stranger.",
    )
    lookups_per_minute: int = Field(
        default=600,
        ge=1,
        le=10_000_000,
        description="How many numbers or documents one address may ask about, a tenth of them at once.",
    )
    requests_per_minute: int = Field(
        default=3_000,
        ge=1,
        le=10_000_000,
        description="How many requests one person or program with a key may make; an organisation may be "
        "given a quota of its own.",
    )
    count_requests_in: Literal["memory", "database"] = Field(
        default="memory",
        description="Where these are counted: each process for itself, or all of them together.",
    )
    trusted_issuers: frozenset[str] = Field(
        default=frozenset(),
        description="Issuers whose keys are taken at their own word, as DIDs or https addresses. Of every "
        "other one, the chain must end in an anchor; otherwise a sound seal is still nobody's.",
    )
    anchors_folder: Path | None = Field(
        default=None, description="Certificates (PEM or DER) in which the chains of trusted seals may end."
    )
    stamp_anchors_folder: Path | None = Field(
        default=None,
        description="Certificates (PEM or DER) in which the chains of time-stamps may end; without any, none "
        "of them proves a time.",
    )
    marks_folder: Path | None = Field(
        default=None,
        description="The organisations' marks for the attestation, `{organisation's id}.svg` (shapes alone) "
        "or `.png`. Without one, its initials stand in their place.",
    )
    edc_signing_time: Literal["iat", "sigT"] = Field(
        default="iat",
        description="How seals of European Digital Credentials say when they were made: `iat` since July "
        "2025 (TS 119 182-1 v1.2.1), `sigT` for validators from before. One validator never takes both.",
    )
    timestamp_url: SecretStr | None = Field(
        default=None,
        description="The time-stamp authority (RFC 3161) by which seals of European Digital Credentials are "
        "brought to B-LTA in the background. Without one they stay B-B.",
    )
    timestamp_anchors: Path | None = Field(
        default=None, description="Certificates (PEM or DER) in which the chains of its time-stamps end."
    )
    europass_wallet_url: str | None = Field(
        default=None,
        description="Where a wallet service takes deposits (`https://…/api/v2/credentials`). Holders may "
        "then have their European Digital Credential sent there; nothing is ever sent without their asking.",
    )
    revocation_origins: frozenset[str] = Field(
        default=frozenset(),
        description="Origins (http://host:port) inside the house at which certificates of seals may be asked "
        "about. Every other address that a certificate names has to be a public one.",
    )
    trusted_lists: tuple[str, ...] = Field(
        default=(),
        description="Trusted lists of the Union, or lists of such lists (ETSI TS 119 612), by which it is "
        "told whether a seal is qualified: files or https addresses. They are read in the background.",
    )
    trusted_list_signers: Path | None = Field(
        default=None,
        description="Certificates (PEM or DER) that these lists are signed with. For the list of lists of "
        "the Union they stand in its Official Journal; it names those of the national lists itself.",
    )
    trusted_lists_folder: Path = Field(
        default=Path("data/lists"), description="Where what the trusted lists said is kept."
    )
    database_pool: int = Field(default=20, ge=1, le=500, description="Connections kept to the database.")

    @field_validator("public_url")
    @classmethod
    def _an_origin(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an http(s) URL with a host")
        if parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username:
            raise ValueError("must name a host and nothing behind it")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError("must be https, except on this very machine")
        return value.rstrip("/")

    @field_validator("trusted_issuers")
    @classmethod
    def _issuers(cls, value: frozenset[str]) -> frozenset[str]:
        if not all(issuer.startswith(("did:web:", "did:key:", "https://")) for issuer in value):
            raise ValueError("must hold did:web, did:key or https identifiers")
        return value

    @field_validator("revocation_origins")
    @classmethod
    def _origins(cls, value: frozenset[str]) -> frozenset[str]:
        for origin in value:
            parts = urlsplit(origin)
            if parts.scheme not in {"http", "https"} or origin != f"{parts.scheme}://{parts.netloc}":
                raise ValueError("must hold origins, such as http://pki.example.org:8080, and nothing behind")
            if not parts.hostname or parts.username is not None:
                raise ValueError("must name a host, and no user")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _a_mail_server(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value.get_secret_value())
            valid = parts.scheme in {"smtp", "smtps"} and parts.hostname and parts.port != 0
        except ValueError:
            valid = False
        # What is wrong is not shown: the line holds a password.
        if not valid or parts.path not in {"", "/"} or parts.query or parts.fragment:
            raise ValueError("must be smtps://host:port or smtp://host:port, with user:password@ if need be")
        if bool(parts.username) != bool(parts.password):
            raise ValueError("must name both a user and a password, or neither")
        return value

    @field_validator("mail_from")
    @classmethod
    def _one_address(cls, value: str | None) -> str | None:
        if value is not None and not _ADDRESS.fullmatch(value):
            raise ValueError("must be one plain address, such as register@example.org")
        return value

    @field_validator("europass_wallet_url")
    @classmethod
    def _a_wallet_service(cls, value: str | None) -> str | None:
        if value is not None and not _DEPOSITS.fullmatch(value):
            raise ValueError(
                "must be a plain https address of a public host, without a port and without a query"
            )
        return value

    @model_validator(mode="after")
    def _mail_has_a_sender(self) -> Self:
        if self.smtp_url is not None and self.mail_from is None:
            raise ValueError("mail_from must be set where smtp_url is")
        return self

    @model_validator(mode="after")
    def _a_token_has_a_pin(self) -> Self:
        if (self.token_library is None) != (self.token_pin is None):
            raise ValueError("token_library and token_pin must be set together")
        return self

    @model_validator(mode="after")
    def _time_stamps_have_anchors(self) -> Self:
        if (self.timestamp_url is None) != (self.timestamp_anchors is None):
            raise ValueError("timestamp_url and timestamp_anchors must be set together")
        return self

    @model_validator(mode="after")
    def _lists_have_signers(self) -> Self:
        if bool(self.trusted_lists) != (self.trusted_list_signers is not None):
            raise ValueError("trusted_lists and trusted_list_signers must be set together")
        if any("://" in each and not each.startswith("https://") for each in self.trusted_lists):
            raise ValueError("trusted_lists must hold files or https addresses")
        return self

    @property
    def only_here(self) -> bool:
        """Whether the public address leads nobody here but who sits at this very machine."""
        return only_here(self.public_url)

    @property
    def sender(self) -> str:
        """The address that mail comes from."""
        return self.mail_from or f"no-reply@{urlsplit(self.public_url).hostname}"

    @model_validator(mode="after")
    def _known_database(self) -> Self:
        if not self.database_url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("database_url must start with sqlite:/// or postgresql+psycopg://")
        if self.database_owner_url is not None and not all(
            url.startswith("postgresql+psycopg://")
            for url in (self.database_url, self.database_owner_url.get_secret_value())
        ):
            # What is wrong is not shown: the line holds a password.
            raise ValueError("database_owner_url and database_url must then both be postgresql+psycopg://")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments first, then the environment, then `sigillo.toml`."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
