"""`[secrets_manager]`: the settings of Grafana's second store, which a fault in them must not keep from the first.

Source: `pkg/setting/setting_secrets_manager.go`. It reads a plain section, so a variable counts only for a key that
the defaults or the custom file have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from reencrypt.errors import ConfigurationError
from reencrypt.settings.defaults import DEFAULT_CACHE_TTL, NO_MANAGER_PROVIDER
from reencrypt.settings.duration import read_cache_ttl
from reencrypt.settings.layers import DEFAULT_ORIGIN, Layers, Value
from reencrypt.settings.model import ManagerSettings, ShownValue, StoreSettings
from reencrypt.settings.providers import MANAGER, read_manager_sections
from reencrypt.settings.show import show_value
from reencrypt.settings.truth import parse_truth

SECTION: Final = "secrets_manager"
_ALGORITHM: Final = "aes-gcm"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Manager:
    """The settings, and the lines of `config show`: none where Grafana is too old to have a secrets manager."""

    settings: ManagerSettings
    shown: tuple[ShownValue, ...]


def read_manager(layers: Layers) -> Manager:
    """Read the settings; raises nothing: the first value that cannot be resolved is kept as their fault."""
    reader = _Reader(layers, [], [])
    provider, origin = reader.read("encryption_provider", NO_MANAGER_PROVIDER, lambda value: (value.text, value), "")
    ttl, _ = reader.read("data_keys_cache_ttl", DEFAULT_CACHE_TTL, read_cache_ttl, timedelta(minutes=15))
    migrates, _ = reader.read("run_secrets_db_migrations", "true", _truth(default=True), fallback=True)
    splits, _ = reader.read("run_data_key_migration", "true", _truth(default=True), fallback=True)
    remote, remote_origin = reader.read("grpc_client_enable", "false", _truth(default=False), fallback=False)
    named = (provider,) if provider not in ("", NO_MANAGER_PROVIDER) else ()
    store = StoreSettings(
        encryption_provider=provider,
        encryption_provider_origin=origin,
        algorithm=_ALGORITHM,
        data_keys_cache_ttl=ttl,
        providers=read_manager_sections(layers, named),
        fault=next(iter(reader.faults), None),
    )
    known = any(name == SECTION or name.startswith(MANAGER.prefix) for name in layers.sections())
    return Manager(
        ManagerSettings(
            store,
            is_remote=remote,
            is_remote_origin=remote_origin,
            runs_migrations=migrates,
            splits_values=migrates and splits,
        ),
        tuple(reader.shown) if known else (),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one key after another, keeping what is wrong and what to show."""

    layers: Layers
    faults: list[ConfigurationError]
    shown: list[ShownValue]

    def read(self, key: str, default: str, parse: Callable[[Value], tuple[_T, Value]], fallback: _T) -> tuple[_T, str]:
        """Return the value and its origin; `fallback` where it cannot be resolved."""
        try:
            result, value = parse(self.layers.get(SECTION, key, default, needed=True))
        except ConfigurationError as error:
            self.faults.append(error)
            self.shown.append(ShownValue(SECTION, key, "", f"cannot be resolved: {error.message}", secret=False))
            return fallback, DEFAULT_ORIGIN
        self.shown.append(show_value(SECTION, key, value))
        return result, value.source


def _truth(*, default: bool) -> Callable[[Value], tuple[bool, Value]]:
    def read(value: Value) -> tuple[bool, Value]:
        truth = parse_truth(value.text)
        if truth is None:
            return default, value.unread(str(default).lower())
        return truth, Value(str(truth).lower(), value.source)

    return read
