"""Settings of Grafana's configuration: frozen facts, independent of how they were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from reencrypt.errors import ConfigurationError
from reencrypt.secret import Secret
from reencrypt.settings.defaults import DEFAULT_SECRET_KEY
from reencrypt.settings.engines import DatabaseType
from reencrypt.settings.layers import DEFAULT_ORIGIN, Value
from reencrypt.settings.providers import MANAGER_KIND, SECRET_KEY, ProviderSection


@dataclass(frozen=True, slots=True)
class ShownValue:
    """One line of `reencrypt config show`; `text` is masked already where it is a secret."""

    section: str
    key: str
    text: str
    origin: str
    secret: bool


#: The origin of settings that are all Grafana's defaults.
NO_CONFIGURATION: Final = "default, because no configuration of Grafana was found"


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
class StoreSettings:
    """How Grafana encrypts in one of its two stores.

    `providers` are the sections of its providers, usable or not: a fault in one is an error only when that provider is
    needed. `fault` is what keeps the store's own settings from being read; the provider is empty then, if it is that.
    """

    encryption_provider: str
    encryption_provider_origin: str
    algorithm: str
    data_keys_cache_ttl: timedelta
    providers: Mapping[str, ProviderSection]
    fault: ConfigurationError | None = None

    def checked(self) -> StoreSettings:
        """Return the settings, or raise their fault: for a command that needs this store."""
        if self.fault is not None:
            raise self.fault
        return self


@dataclass(frozen=True, slots=True)
class ManagerSettings:
    """Settings of the secrets manager, which exists since Grafana 12.

    Provider ids are literal. `store.data_keys_cache_ttl` is what is configured; Grafana 12.2 to 12.4 caches no data
    key, whatever it says. `is_remote`: Grafana asks another service (`grpc_client_enable`), whose database has the
    secrets, and not this one. `runs_migrations`: Grafana makes and changes the tables at its start; `splits_values`:
    there it also moves the ids of data keys out of the values, into a column of their own.
    """

    store: StoreSettings
    is_remote: bool
    is_remote_origin: str
    runs_migrations: bool
    splits_values: bool

    def secret_of(self, provider: str) -> Value:
        """Return the secret of a provider `secret_key…`, empty where it has none, and its origin.

        Raises `ConfigurationError` where the value cannot be resolved.
        """
        section = self.store.providers.get(provider)
        if section is None or section.kind != MANAGER_KIND:
            return Value("", DEFAULT_ORIGIN)
        return section.get(SECRET_KEY, needed=True)

    def secret_is_default(self, provider: str) -> bool:
        """Whether the secret of a provider is the one that Grafana ships, which everybody knows."""
        try:
            return self.secret_of(provider).text == DEFAULT_SECRET_KEY
        except ConfigurationError:
            return False


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of Grafana that matter here.

    Those of the classic store stand here themselves, and as a value in `classic`. Its provider ids are normalised
    (`secretKey` is `secretKey.v1`); `providers` are the sections of those with a key service, usable or not: a fault
    in one is an error only when that provider is needed.
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
    manager: ManagerSettings
    shown: tuple[ShownValue, ...]

    @property
    def classic(self) -> StoreSettings:
        """The settings of the classic store."""
        return StoreSettings(
            encryption_provider=self.encryption_provider,
            encryption_provider_origin=self.encryption_provider_origin,
            algorithm=self.algorithm,
            data_keys_cache_ttl=self.data_keys_cache_ttl,
            providers=self.providers,
        )

    def of(self, store: str) -> StoreSettings:
        """Return the settings of a store, by a `StoreName` of the catalogue, which this package does not know."""
        return {"classic": self.classic, "manager": self.manager.store}[store]
