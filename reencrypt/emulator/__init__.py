"""A local Azure Key Vault with the token endpoint of Microsoft Entra, over TLS, for the demo and the tests.

It imitates what a client can see of the service: paths, bodies, headers, errors and rules. It is not a place for
real keys: private keys lie in its folder as plain PEM files, so that anyone can check what was wrapped.
"""

from __future__ import annotations

from reencrypt.emulator.permissions import ALL_PERMISSIONS
from reencrypt.emulator.requestlog import RequestRecord
from reencrypt.emulator.server import DEFAULT_KEYS, Emulator, serve

__all__ = ["ALL_PERMISSIONS", "DEFAULT_KEYS", "Emulator", "RequestRecord", "serve"]
