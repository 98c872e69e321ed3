"""How vaults are asked: with which patience, which share of their quota, and for which versions."""

from __future__ import annotations

from dataclasses import dataclass, field

from reencrypt.keys.azure.quota import DEFAULT_SHARE
from reencrypt.keys.azure.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class VaultPolicy:
    """`share` is a fraction of each vault's quota. `key_versions` are tried last, for where none may be listed."""

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    share: float = DEFAULT_SHARE
    key_versions: tuple[str, ...] = ()
