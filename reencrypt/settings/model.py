"""Settings of Grafana's configuration: frozen facts, independent of how they were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from reencrypt.secret import Secret
from reencrypt.settings.engines import DatabaseType
from reencrypt.settings.providers import ProviderSection


@dataclass(frozen=True, slots=True)
class ShownValue:
    """One line of `reencrypt config show`; `text` is masked already where it is a secret."""

    section: str
    key: str
    text: str
    origin: str
    secret: bool


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Where Grafana's database is.

    `path` is absolute and only for SQLite; `socket` is MySQL's Unix socket. For PostgreSQL `host` may be the
    absolute folder of a socket. `connection_string` is as written, and empty if there is none. `parameters` are those
    of the URL's query that no other field uses. `origin` names their source, for error messages. `joined` says that
    Grafana joins these values into a connection string without quoting them, so its driver reads what it reads in one.
    """

    type: DatabaseType
    path: Path | None
    wal: bool
    cache_mode: str
    host: str
    port: int | None
    socket: str | None
    name: str
    user: str
    password: Secret
    ssl_mode: str
    ca_cert_path: str
    client_key_path: str
    client_cert_path: str
    server_cert_name: str
    ssl_sni: str
    connection_string: Secret
    parameters: Mapping[str, str]
    origin: str
    joined: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of Grafana that matter here.

    Provider ids are normalised (`secretKey` is `secretKey.v1`). `providers` are the sections of those with a key
    service, usable or not: a fault in one is an error only when that provider is needed.
    """

    config_file: Path | None
    home: Path | None
    database: DatabaseSettings
    secret_key: Secret
    secret_key_is_default: bool
    secret_key_origin: str
    encryption_provider: str
    encryption_provider_origin: str
    available_providers: tuple[str, ...]
    algorithm: str
    data_keys_cache_ttl: timedelta
    envelope_encryption: bool
    providers: Mapping[str, ProviderSection]
    shown: tuple[ShownValue, ...]
