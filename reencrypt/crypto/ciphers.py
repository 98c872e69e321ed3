"""The two payload ciphers of Grafana: AES-256-CFB (its default, not authenticated) and AES-256-GCM.

Layouts (`pkg/services/encryption/provider/*`): CFB is salt[8] ‖ IV[16] ‖ ciphertext[n]; GCM is salt[8] ‖ nonce[12] ‖
ciphertext[n] ‖ tag[16], without additional data. CFB is the full-block variant.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256

from reencrypt.crypto.derive import SALT_BYTES

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
    def minimum_bytes(self) -> int:
        """Shortest possible payload, that of an empty plaintext. Grafana itself panics on some shorter ones."""
        return SALT_BYTES + self.nonce_bytes + (0 if self is Algorithm.AES_CFB else GCM_TAG_BYTES)


class AuthenticationFailedError(ValueError):
    """The GCM tag does not match: the key is wrong or the bytes were changed."""


def encrypt(algorithm: Algorithm, key: bytes, nonce: bytes, plaintext: bytes) -> bytes:
    """Encrypt under a derived key; returns ciphertext (CFB) or ciphertext ‖ tag (GCM), without salt and nonce."""
    if algorithm is Algorithm.AES_GCM:
        return AESGCM(key).encrypt(nonce, plaintext, None)
    context = Cipher(AES256(key), CFB(nonce)).encryptor()
    return context.update(plaintext) + context.finalize()


def decrypt(algorithm: Algorithm, key: bytes, nonce: bytes, body: bytes) -> bytes:
    """Undo `encrypt`. Under a wrong key CFB returns garbage; GCM raises `AuthenticationFailedError`."""
    if algorithm is Algorithm.AES_GCM:
        try:
            return AESGCM(key).decrypt(nonce, body, None)
        except InvalidTag:
            raise AuthenticationFailedError("the GCM tag does not match") from None
    context = Cipher(AES256(key), CFB(nonce)).decryptor()
    return context.update(body) + context.finalize()
