"""The two payload ciphers of Grafana: AES-256-CFB (its default, not authenticated) and AES-256-GCM.

Layouts (`pkg/services/encryption/provider/*`): CFB is salt[8] ‖ IV[16] ‖ ciphertext[n]; GCM is salt[8] ‖ nonce[12] ‖
ciphertext[n] ‖ tag[16], without additional data. CFB is the full-block variant.
"""

from __future__ import annotations

import threading
from enum import StrEnum
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256

from reencrypt.crypto.derive import SALT_BYTES
from reencrypt.crypto.randomness import random_bytes

CFB_IV_BYTES: Final = 16
GCM_NONCE_BYTES: Final = 12
GCM_TAG_BYTES: Final = 16
_MOST_STREAMS: Final = 64


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


class _Stream:
    """AES-CFB under one key for many values, with one context of the library each way: making one costs ten values.

    CFB synchronises itself: what follows a full block of ciphertext depends on that block and the key alone (NIST SP
    800-38A, section 6.3). So whoever feeds a decryptor an IV as if it were ciphertext can go on with the body, whatever
    was before. And an encryptor that is fed a random block gives a random block, which is the IV of what is fed next.
    """

    __slots__ = ("_decryptor", "_encryptor", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._encryptor: CipherContext | None = None
        self._decryptor: CipherContext | None = None

    def encrypt(self, plaintext: bytes) -> bytes:
        """IV and ciphertext, the IV being as random as what the operating system draws."""
        if self._encryptor is None:
            self._encryptor = Cipher(AES256(self._key), CFB(random_bytes(CFB_IV_BYTES))).encryptor()
        out = self._encryptor.update(random_bytes(CFB_IV_BYTES) + plaintext + _filling(plaintext))
        return out[: CFB_IV_BYTES + len(plaintext)]

    def decrypt(self, nonce: bytes, body: bytes) -> bytes:
        """The plaintext, or garbage under a wrong key."""
        if self._decryptor is None:
            self._decryptor = Cipher(AES256(self._key), CFB(nonce)).decryptor()
        out = self._decryptor.update(nonce + body + _filling(body))
        return out[CFB_IV_BYTES : CFB_IV_BYTES + len(body)]


def _filling(data: bytes) -> bytes:
    """What fills the last block, so that the next value begins with a block of its own."""
    return bytes(-len(data) % CFB_IV_BYTES)


class _Streams(threading.local):
    """The streams of a thread, because a context is not for two at once; few, because most values share a key."""

    def __init__(self) -> None:
        self._last = (b"", _Stream(b""))
        self._made: dict[bytes, _Stream] = {}

    def get(self, key: bytes) -> _Stream:
        """The stream of a key."""
        last = self._last
        if last[0] == key:
            return last[1]
        stream = self._made.get(key)
        if stream is None:
            if len(self._made) == _MOST_STREAMS:
                self._made.clear()
            stream = self._made[key] = _Stream(key)
        self._last = (key, stream)
        return stream


_streams = _Streams()


def encrypt(algorithm: Algorithm, key: bytes, plaintext: bytes) -> bytes:
    """Encrypt under a derived key with a fresh nonce; returns nonce ‖ ciphertext (CFB) or nonce ‖ ciphertext ‖ tag."""
    if algorithm is Algorithm.AES_GCM:
        nonce = random_bytes(GCM_NONCE_BYTES)
        return nonce + AESGCM(key).encrypt(nonce, plaintext, None)
    return _streams.get(key).encrypt(plaintext)


def decrypt(algorithm: Algorithm, key: bytes, nonce: bytes, body: bytes) -> bytes:
    """Undo `encrypt`. Under a wrong key CFB returns garbage; GCM raises `AuthenticationFailedError`."""
    if algorithm is Algorithm.AES_GCM:
        try:
            return AESGCM(key).decrypt(nonce, body, None)
        except InvalidTag:
            raise AuthenticationFailedError("the GCM tag does not match") from None
    return _streams.get(key).decrypt(nonce, body)
