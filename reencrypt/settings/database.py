"""`[database]`, or the URL that takes its place, as `DatabaseSettings`.

The engines' own connection strings (`connection_string`) are passed on unread.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reencrypt.errors import ConfigurationError
from reencrypt.secret import Secret
from reencrypt.settings.engines import ENGINES, DatabaseType
from reencrypt.settings.layers import Layers, Value
from reencrypt.settings.model import DatabaseSettings
from reencrypt.settings.truth import parse_truth
from reencrypt.settings.url import Url, parse_port, parse_url, split_host_port

SECTION: Final = "database"
OPTION: Final = "--database"

_TYPES: Final[Mapping[str, DatabaseType]] = {kind: kind for kind in ENGINES}
_SCHEMES: Final = {scheme: kind for kind, engine in ENGINES.items() for scheme in engine.schemes}
_PRINTABLE_TYPE: Final = re.compile(r"[A-Za-z0-9_.+-]{1,40}", re.ASCII)
_FALLBACK_PATH: Final = "data/grafana.db"
_LOCAL: Final = "127.0.0.1"
_TLS_KEYS: Final = ("ssl_mode", "ca_cert_path", "client_key_path", "client_cert_path", "server_cert_name", "ssl_sni")


@dataclass(frozen=True, slots=True)
class Database:
    """The settings, and the origin of each field for `config show`."""

    settings: DatabaseSettings
    origins: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Draft:
    """The values before they are checked, by field; `path` is still as written."""

    type: DatabaseType
    origin: str
    values: Mapping[str, Value]
    parameters: Mapping[str, str]


def read_database(layers: Layers, *, data: Path, override: str | None) -> Database:
    """Read where the database is: `override` (the option), else `[database] url`, else the single keys.

    `data` is the absolute folder that a relative `path` is in. Raises `ConfigurationError`.
    """
    return _settings(_from_option(layers, override) if override else _from_layers(layers), data)


def _from_layers(layers: Layers) -> _Draft:
    url = layers.get(SECTION, "url")
    if not url.text:
        kind = layers.get(SECTION, "type")
        keys = ("host", "name", "user", "password", "connection_string", *_TLS_KEYS, "path", "cache_mode", "wal")
        return _Draft(_known_type(kind), kind.origin, {key: layers.get(SECTION, key) for key in keys}, {})
    parsed = parse_url(url.text, url.source)
    values = {key: layers.get(SECTION, key) for key in (*_TLS_KEYS, "path", "cache_mode", "wal")}
    name = parsed.path.split("/")[1] if parsed.path else ""
    return _with_url(_known_type(Value(parsed.scheme, url.source)), parsed, name, url.source, values)


def _from_option(layers: Layers, text: str) -> _Draft:
    parsed = parse_url(text, OPTION)
    kind = _SCHEMES.get(parsed.scheme)
    if kind is None:
        raise ConfigurationError(
            f"{OPTION} has the unknown scheme {parsed.scheme}",
            hint=f"Known are {_listed([engine.url for engine in ENGINES.values()])}.",
        )
    name = parsed.path.removeprefix("/")
    if ENGINES[kind].port is not None:
        return _with_url(kind, parsed, name, OPTION, _same_engine(layers, kind, _TLS_KEYS))
    if parsed.host or parsed.user or parsed.password or not name.strip("/"):
        raise ConfigurationError(
            f"{OPTION} does not hold an absolute path",
            hint="Write three slashes: sqlite:///var/lib/grafana/grafana.db.",
        )
    values = {**_same_engine(layers, kind, ("cache_mode", "wal")), "path": Value("/" + name.lstrip("/"), OPTION)}
    return _Draft(kind, OPTION, values, dict(parsed.query))


def _listed(texts: Sequence[str]) -> str:
    return f"{', '.join(texts[:-1])} and {texts[-1]}"


def _same_engine(layers: Layers, kind: DatabaseType, keys: tuple[str, ...]) -> dict[str, Value]:
    """Keep the connection settings (such as TLS) of the configuration, if it has the same engine.

    A configured URL that cannot be resolved is often the reason for the option, so it is no error then.
    """
    try:
        url = layers.get(SECTION, "url").text
    except ConfigurationError:
        return {}
    configured = url.partition(":")[0].lower() if url else layers.get(SECTION, "type").text
    return {key: layers.get(SECTION, key) for key in keys} if configured == kind else {}


def _known_type(value: Value) -> DatabaseType:
    if value.text in _TYPES:
        return _TYPES[value.text]
    named = value.text if _PRINTABLE_TYPE.fullmatch(value.text) else "(not shown)"
    raise ConfigurationError(
        f"[{SECTION}] from {value.source}: the database type {named} is unknown",
        hint=f"Grafana knows {', '.join(_TYPES)}.",
    )


def _with_url(kind: DatabaseType, url: Url, name: str, origin: str, values: Mapping[str, Value]) -> _Draft:
    found = {"host": url.host, "name": name, "user": url.user, "password": url.password}
    parameters: dict[str, str] = {}
    for key, value in url.query:
        field = ENGINES[kind].fields.get(key)
        if field is None:
            parameters[key] = value
        else:
            found[field] = value
    return _Draft(kind, origin, {**values, **{key: Value(text, origin) for key, text in found.items()}}, parameters)


def _settings(draft: _Draft, data: Path) -> Database:
    def text(key: str) -> str:
        value = draft.values.get(key)
        return value.text if value is not None else ""

    host, port, socket = _address(draft, text)
    remote = ENGINES[draft.type].port is not None
    path = None if remote else Path(os.path.normpath(data / (text("path") or _FALLBACK_PATH)))
    settings = DatabaseSettings(
        type=draft.type,
        path=path,
        wal=parse_truth(text("wal")) is True,
        cache_mode=text("cache_mode") or "private",
        host=host,
        port=port,
        socket=socket,
        name=text("name") if remote else "",
        user=text("user") if remote else "",
        password=Secret(text("password") if remote else ""),
        ssl_mode=text("ssl_mode") or "disable",
        ca_cert_path=text("ca_cert_path"),
        client_key_path=text("client_key_path"),
        client_cert_path=text("client_cert_path"),
        server_cert_name=text("server_cert_name"),
        ssl_sni=text("ssl_sni"),
        connection_string=Secret(text("connection_string")),
        parameters=draft.parameters,
        origin=draft.origin,
        joined=draft.origin != OPTION,
    )
    origins = {key: value.source for key, value in draft.values.items()}
    return Database(settings, {"type": draft.origin, **origins})


def _address(draft: _Draft, text: Callable[[str], str]) -> tuple[str, int | None, str | None]:
    """Return host, port and MySQL's socket. A URL's `port` parameter wins over the port in its host."""
    default_port = ENGINES[draft.type].port
    if default_port is None:
        return "", None, None
    host = text("host")
    if draft.type == "mysql" and host.startswith("/"):
        return "", None, host
    origin = draft.values["host"].source
    name, port = split_host_port(host, default_host=_LOCAL, default_port=default_port, origin=origin)
    return name, parse_port(text("port"), origin) if text("port") else port, None
