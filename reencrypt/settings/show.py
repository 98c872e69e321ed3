"""The lines of `reencrypt config show`: every value that matters, where it came from, secrets masked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reencrypt.secret import Secret
from reencrypt.settings import database as database_keys
from reencrypt.settings.azure import KEYS, Providers
from reencrypt.settings.database import Database
from reencrypt.settings.layers import DEFAULT_ORIGIN, Layers, Value
from reencrypt.settings.model import ShownValue

_CLIENT_SECRET: Final = "client_secret"  # noqa: S105 (a key's name)
_NOT_SET: Final = "not set"


def show_value(section: str, key: str, value: Value) -> ShownValue:
    """Return the line of an open value."""
    return ShownValue(section, key, value.text, value.source, secret=False)


def show_secret(section: str, key: str, value: Value) -> ShownValue:
    """Return the line of a secret: nine stars, or nothing where there is none."""
    return ShownValue(section, key, str(Secret(value.text)), value.source, secret=True)


def show_database(database: Database) -> tuple[ShownValue, ...]:
    """Return a line for each part of the database's address that its engine uses, as it is in effect."""
    settings, origins = database.settings, database.origins
    parts: dict[str, str | Secret] = {"type": settings.type}
    if settings.type == "sqlite3":
        parts |= {"path": str(settings.path), "wal": str(settings.wal).lower(), "cache_mode": settings.cache_mode}
    else:
        address = f"[{settings.host}]" if ":" in settings.host else settings.host
        parts |= {
            "host": settings.socket or f"{address}:{settings.port}",
            "name": settings.name,
            "user": settings.user,
            "password": settings.password,
            "ssl_mode": settings.ssl_mode,
        }
        tls = ("ca_cert_path", "client_key_path", "client_cert_path", "server_cert_name", "ssl_sni")
        parts |= {key: text for key in tls if (text := str(getattr(settings, key)))}
    if settings.connection_string:
        parts["connection_string"] = settings.connection_string
    lines = [
        ShownValue(
            database_keys.SECTION, key, str(part), origins.get(key, DEFAULT_ORIGIN), secret=isinstance(part, Secret)
        )
        for key, part in parts.items()
    ]
    # A parameter's value may be a password by another name.
    lines += [
        ShownValue(database_keys.SECTION, f"url parameter {key}", str(Secret(text)), settings.origin, secret=True)
        for key, text in settings.parameters.items()
    ]
    return tuple(lines)


def show_providers(layers: Layers, providers: Providers) -> tuple[ShownValue, ...]:
    """Return five lines for each Azure provider, also for those that are incomplete."""
    return tuple(
        _show_key(layers, f"security.encryption.{provider}", key, values)
        for provider, values in providers.values.items()
        for key in KEYS
    )


def _show_key(layers: Layers, section: str, key: str, values: Mapping[str, Value]) -> ShownValue:
    value = values[key]
    if not value.text and value.source == DEFAULT_ORIGIN:
        ignored = layers.ignored_variable(section, key)
        why = f"{_NOT_SET} ({ignored} is ignored: no file has a value for the key)" if ignored else _NOT_SET
        value = Value("", why)
    return show_secret(section, key, value) if key == _CLIENT_SECRET else show_value(section, key, value)
