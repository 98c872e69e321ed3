"""Lines of `reencrypt config show`: every value that matters, where it came from, secrets masked."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from reencrypt.secret import MASK, Secret
from reencrypt.settings import database as database_keys
from reencrypt.settings.database import Database
from reencrypt.settings.layers import DEFAULT_ORIGIN, Value
from reencrypt.settings.model import ShownValue
from reencrypt.settings.providers import ProviderSection

#: The user and the password of an address, which has no place for them: `https://user:password@host`.
_USER_INFO: Final = r"^(?P<scheme>\s*[A-Za-z][A-Za-z0-9+.-]*://).*@|^[^@]*:.*@"


def show_value(section: str, key: str, value: Value) -> ShownValue:
    """Return the line of an open value."""
    return ShownValue(section, key, value.text, value.source, secret=False)


def show_secret(section: str, key: str, value: Value) -> ShownValue:
    """Return the line of a secret: nine stars, or nothing where there is none."""
    return ShownValue(section, key, str(Secret(value.text)), value.source, secret=True)


def show_database(database: Database) -> tuple[ShownValue, ...]:
    """Return a line for each part of the database's address that its engine uses, with its effective value."""
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
    # A parameter may hold a password under another name.
    lines += [
        ShownValue(database_keys.SECTION, f"url parameter {key}", str(Secret(text)), settings.origin, secret=True)
        for key, text in settings.parameters.items()
    ]
    return tuple(lines)


def show_key(section: ProviderSection, key: str, *, secret: bool) -> ShownValue:
    """Return the line of a provider's key, which may be missing; raises as `ProviderSection.get` does."""
    value = section.get(key)
    if not value.text and value.source == DEFAULT_ORIGIN:
        ignored = section.ignored_variable(key)
        why = f"not set ({ignored} is ignored: no file has a value for the key)" if ignored else "not set"
        value = Value("", why)
    if secret:
        return show_secret(section.name, key, value)
    without = re.sub(_USER_INFO, lambda found: f"{found['scheme'] or ''}{MASK}@", value.text, flags=re.DOTALL)
    return show_value(section.name, key, replace(value, text=without))
