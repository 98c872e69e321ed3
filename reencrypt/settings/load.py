"""Load the configuration: find the files, lay them over each other, and extract the settings."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Final

from reencrypt.errors import ConfigurationError
from reencrypt.secret import Secret
from reencrypt.settings.database import Database, read_database
from reencrypt.settings.defaults import (
    BUILT_IN,
    DEFAULT_ALGORITHM,
    DEFAULT_CACHE_TTL,
    DEFAULT_PROVIDER,
    DEFAULT_SECRET_KEY,
)
from reencrypt.settings.duration import read_cache_ttl
from reencrypt.settings.environment import Environment
from reencrypt.settings.files import read_text
from reencrypt.settings.ini import parse_ini
from reencrypt.settings.layers import DEFAULT_ORIGIN, Layers, Value
from reencrypt.settings.locate import Location, Machine, locate
from reencrypt.settings.manager import read_manager
from reencrypt.settings.model import NO_CONFIGURATION, Settings
from reencrypt.settings.providers import read_sections
from reencrypt.settings.show import show_database, show_secret, show_value
from reencrypt.settings.toggles import DISABLE_ENVELOPE, envelope_disabled, split_list
from reencrypt.settings.toggles import SECTION as TOGGLES

_SECURITY: Final = "security"
_ENCRYPTION: Final = "security.encryption"
_ALGORITHMS: Final = ("aes-cfb", "aes-gcm")
_OLD_DEFAULT_PROVIDER: Final = "secretKey"


def load_settings(
    *,
    config: Path | None,
    home: Path | None,
    database_url: str | None,
    environ: Mapping[str, str],
    trusted_vault_hosts: Collection[str] = (),
) -> Settings:
    """Read Grafana's configuration as Grafana would with these files and this environment.

    `database_url` (the option `--database`) takes the place of `[database]`; `trusted_vault_hosts` are hosts, or
    `host:port`, that a vault may have besides Azure's own.

    Raises `ConfigurationError` where a file, a value or the database's address cannot be used. The sections of
    key-management providers are not judged here, and a fault in `[secrets_manager]` is kept with its settings.
    """
    return load_on(
        Machine(),
        config=config,
        home=home,
        database_url=database_url,
        environ=environ,
        trusted_vault_hosts=trusted_vault_hosts,
    )


def load_on(
    machine: Machine,
    *,
    config: Path | None,
    home: Path | None,
    database_url: str | None,
    environ: Mapping[str, str],
    trusted_vault_hosts: Collection[str] = (),
) -> Settings:
    """Do what `load_settings` does, on a given machine."""
    environment = Environment(environ, _reader(machine))
    location = locate(config=config, home=home, environment=environment, machine=machine)
    layers = _layers(location, environment, machine)

    data = _data(layers, location, machine)
    database = read_database(layers, data=Path(data.text), override=database_url)
    _refuse_nul(data, database)
    secret_key = layers.get(_SECURITY, "secret_key", needed=True)
    provider = _normalised(layers.get_overridable(_SECURITY, "encryption_provider", DEFAULT_PROVIDER, needed=True))
    available = layers.get_overridable(_SECURITY, "available_encryption_providers", needed=True)
    available_ids = tuple(dict.fromkeys(_provider_id(item) for item in split_list(available.text)))
    algorithm = _algorithm(layers)
    ttl, ttl_shown = read_cache_ttl(layers.get_overridable(_ENCRYPTION, "data_keys_cache_ttl", DEFAULT_CACHE_TTL))
    disabled = envelope_disabled(layers)
    manager = read_manager(layers)
    return Settings(
        config_file=location.config,
        home=location.home,
        database=database.settings
        if location.config or database.settings.origin != DEFAULT_ORIGIN
        else replace(database.settings, origin=NO_CONFIGURATION),
        secret_key=Secret(secret_key.text),
        secret_key_is_default=secret_key.text == DEFAULT_SECRET_KEY,
        secret_key_origin=secret_key.source,
        encryption_provider=provider.text,
        encryption_provider_origin=provider.source,
        available_providers=available_ids,
        algorithm=algorithm.text,
        data_keys_cache_ttl=ttl,
        envelope_encryption=disabled.text == "false",
        providers=read_sections(layers, (provider.text, *available_ids), trusted_vault_hosts),
        manager=manager.settings,
        shown=(
            show_value("paths", "data", data),
            *show_database(database),
            show_secret(_SECURITY, "secret_key", secret_key),
            show_value(_SECURITY, "encryption_provider", provider),
            show_value(_SECURITY, "available_encryption_providers", available),
            show_value(_ENCRYPTION, "algorithm", algorithm),
            show_value(_ENCRYPTION, "data_keys_cache_ttl", ttl_shown),
            show_value(TOGGLES, DISABLE_ENVELOPE, disabled),
            *manager.shown,
        ),
    )


def _reader(machine: Machine) -> Callable[[str, str], str]:
    """Read the files that values and variables name: each once, because a pipe gives its content once."""

    @cache
    def read(path: str, purpose: str) -> str:
        return read_text(
            machine.working_directory / path,
            purpose,
            "Check that path, and that the file is there for this command too.",
        )

    return read


def _layers(location: Location, environment: Environment, machine: Machine) -> Layers:
    layers = Layers(environment, machine.host_name)
    layers.start(BUILT_IN if location.defaults is None else _texts(location.defaults, "Grafana's defaults"))
    if location.data is not None:
        layers.set_default("paths", "data", str(location.data), "default of the packaged service")
    if location.config is not None:
        layers.lay(_texts(location.config, "Grafana's configuration"), str(location.config))
    return layers


def _texts(path: Path, purpose: str) -> Mapping[str, Mapping[str, str]]:
    hint = "Check GF_PATHS_CONFIG and GF_PATHS_HOME. Check --grafana-config and --grafana-home."
    sections = parse_ini(read_text(path, purpose, hint), str(path))
    return {section: {key: value.text for key, value in keys.items()} for section, keys in sections.items()}


def _data(layers: Layers, location: Location, machine: Machine) -> Value:
    """Return `[paths] data`, absolute: it is relative to the home, or to the working folder where none is known."""
    value = layers.get("paths", "data")
    home = location.home or machine.working_directory
    return Value(os.path.normpath(home / value.text), value.source)


def _refuse_nul(data: Value, database: Database) -> None:
    """No path, host, name or password of a database can have a NUL: it would end there."""
    found = {"[paths] data": (data.text, data.source)}
    for each in fields(database.settings):
        value = getattr(database.settings, each.name)
        origin = database.origins.get(each.name, database.settings.origin)
        found[f"[database] {each.name}"] = (value.reveal() if isinstance(value, Secret) else str(value), origin)
    for name, (text, origin) in found.items():
        if "\0" in text:
            raise ConfigurationError(
                f"{name} from {origin} has a NUL, which no database can have there",
                hint="Look for it in the file with `grep -naP '\\x00'`, and take it out; in a URL it is %00.",
            )


def _provider_id(text: str) -> str:
    return DEFAULT_PROVIDER if text == _OLD_DEFAULT_PROVIDER else text


def _normalised(value: Value) -> Value:
    return Value(_provider_id(value.text), value.source)


def _algorithm(layers: Layers) -> Value:
    value = layers.get_overridable(_ENCRYPTION, "algorithm", DEFAULT_ALGORITHM)
    if value.text not in _ALGORITHMS:
        raise ConfigurationError(
            f"[{_ENCRYPTION}] algorithm from {value.source} is not one that Grafana has",
            hint=f"Known are {' and '.join(_ALGORITHMS)}; without the key it is {DEFAULT_ALGORITHM}.",
        )
    return value
