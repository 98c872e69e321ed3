"""A local Azure Key Vault with the token endpoint of Microsoft Entra, over TLS, for tests and demonstrations.

It imitates the visible parts of the service: paths, bodies, headers, errors and rules. It is not a place for
real keys: private keys lie in its folder as plain PEM files, so that anyone can check what was wrapped.
"""

from __future__ import annotations

from keyvault_emulator.errors import EmulatorError
from keyvault_emulator.permissions import ALL_PERMISSIONS
from keyvault_emulator.requestlog import RequestRecord
from keyvault_emulator.server import DEFAULT_KEYS, Emulator, serve

__all__ = ["ALL_PERMISSIONS", "DEFAULT_KEYS", "Emulator", "EmulatorError", "RequestRecord", "serve"]
