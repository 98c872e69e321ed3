"""A vault that answers in good form and wrongly: 200, the right `kid`, 16 bytes, and another plaintext.

A proxy that mixes up two answers does that. Everything else of the way to the vault stays real.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field

import pytest

from reencrypt.keys.azure.client import Operation, VaultClient
from tests.support.vault import Vault


@dataclass
class Lies:
    """Which of the answers to unwrap requests are wrong, counted from 1; `blocks` are asked for, in order."""

    calls: Collection[int] = ()
    about: Collection[bytes] = ()
    blocks: list[bytes] = field(default_factory=list)

    def tell(self, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put the lies between this process and its vault."""
        for name, value in vault.environment.items():
            monkeypatch.setenv(name, value)
        real = VaultClient.crypt
        lies = self

        async def crypt(
            self: VaultClient,
            operation: Operation,
            algorithm: str,
            data: bytes,
            version: str = "",
            *,
            independent: bool = False,
        ) -> tuple[bytes, str]:
            answer, used = await real(self, operation, algorithm, data, version, independent=independent)
            if operation in {"decrypt", "unwrapkey"}:
                lies.blocks.append(data)
                if len(lies.blocks) in lies.calls or data in lies.about:
                    return hashlib.sha256(answer).digest()[:16], used
            return answer, used

        monkeypatch.setattr(VaultClient, "crypt", crypt)
