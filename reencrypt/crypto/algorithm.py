"""The two payload ciphers by name, and the lengths of their parts. Loads no cryptography, so that help can name them.

Layouts (`pkg/services/encryption/provider/*`): CFB is salt[8] ‖ IV[16] ‖ ciphertext[n]; GCM is salt[8] ‖ nonce[12] ‖
ciphertext[n] ‖ tag[16], without additional data.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

SALT_BYTES: Final = 8
CFB_IV_BYTES: Final = 16
GCM_NONCE_BYTES: Final = 12
GCM_TAG_BYTES: Final = 16


class Algorithm(StrEnum):
    """A payload cipher, by the name that Grafana writes into the algorithm prefix and reads from its configuration."""

    AES_CFB = "aes-cfb"
    AES_GCM = "aes-gcm"

    @property
    def nonce_bytes(self) -> int:
        """Length of the IV (CFB) or nonce (GCM)."""
        return CFB_IV_BYTES if self is Algorithm.AES_CFB else GCM_NONCE_BYTES

    @property
    def overhead_bytes(self) -> int:
        """Length of nonce and tag: the output of `encrypt` for an empty plaintext."""
        return self.nonce_bytes + (0 if self is Algorithm.AES_CFB else GCM_TAG_BYTES)

    @property
    def minimum_bytes(self) -> int:
        """Shortest possible payload, that of an empty plaintext. Grafana itself panics on some shorter ones."""
        return SALT_BYTES + self.overhead_bytes
