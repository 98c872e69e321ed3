"""Grafana's configuration, read as Grafana reads it: ini dialect, layers, `GF_…` variables, `${…}`, then frozen facts.

Nothing here connects to a database or a vault.
"""

from __future__ import annotations

from reencrypt.settings.load import load_settings
from reencrypt.settings.model import (
    NO_CONFIGURATION,
    DatabaseSettings,
    ManagerSettings,
    Settings,
    ShownValue,
    StoreSettings,
)
from reencrypt.settings.providers import ProviderSection

__all__ = [
    "NO_CONFIGURATION",
    "DatabaseSettings",
    "ManagerSettings",
    "ProviderSection",
    "Settings",
    "ShownValue",
    "StoreSettings",
    "load_settings",
]
