"""Grafana's configuration, read as Grafana reads it: ini dialect, layers, `GF_…` variables, `${…}`, then frozen facts.

Nothing in here connects to a database or a vault.
"""

from __future__ import annotations

from reencrypt.settings.azure import require_azure, section_problem
from reencrypt.settings.load import load_settings
from reencrypt.settings.model import AzureKeyVaultSettings, DatabaseSettings, Settings, ShownValue

__all__ = [
    "AzureKeyVaultSettings",
    "DatabaseSettings",
    "Settings",
    "ShownValue",
    "load_settings",
    "require_azure",
    "section_problem",
]
