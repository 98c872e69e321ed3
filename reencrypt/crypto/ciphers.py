"""The two payload ciphers of Grafana: AES-256-CFB (its default, not authenticated) and AES-256-GCM.

CFB is the full-block variant. `reencrypt.crypto.algorithm` has the layouts.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256

from reencrypt.crypto.algorithm import CFB_IV_BYTES, GCM_NONCE_BYTES, Algorithm
from reencrypt.crypto.randomness import random_bytes

_MOST_STREAMS: Final = 64


class AuthenticationFailedError(ValueError):
    """The GCM tag does not match: the key is wrong or the bytes were changed."""


class _Stream:
    """AES-CFB under one key for many values, with one library context each way: a new one costs as much as ten values.

    CFB synchronises itself: the output after a full block of ciphertext depends on that block and the key alone (NIST
    SP 800-38A, section 6.3). So a decryptor that is fed an IV as ciphertext is ready for the body, after any input.
    An encryptor that is fed a random block returns a random block, which is the IV of the next input.
    """

    __slots__ = ("_decryptor", "_encryptor", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._encryptor: CipherContext | None = None
        self._decryptor: CipherContext | None = None

    def encrypt(self, plaintexts: Sequence[bytes]) -> list[bytes]:
        """Return IV and ciphertext of each; the IVs are as random as the bytes of the operating system."""
        if self._encryptor is None:
            self._encryptor = Cipher(AES256(self._key), CFB(random_bytes(CFB_IV_BYTES))).encryptor()
        parts = [random_bytes(CFB_IV_BYTES) + plaintext for plaintext in plaintexts]
        return _through(self._encryptor, parts, 0)

    def decrypt(self, sealed: Sequence[bytes]) -> list[bytes]:
        """Return the plaintexts of IVs and ciphertexts, or garbage under a wrong key."""
        if self._decryptor is None:
            self._decryptor = Cipher(AES256(self._key), CFB(random_bytes(CFB_IV_BYTES))).decryptor()
        return _through(self._decryptor, sealed, CFB_IV_BYTES)


def _through(context: CipherContext, parts: Sequence[bytes], skipped: int) -> list[bytes]:
    """Return the context's output for each part, without its first bytes. One call for all: the call is the cost."""
    # Each part is filled up to a whole block, so that the next one starts with a block.
    out = context.update(b"".join([part + _FILLINGS[len(part) % CFB_IV_BYTES] for part in parts]))
    found = []
    start = 0
    for part in parts:
        length = len(part)
        found.append(out[start + skipped : start + length])
        start += length + -length % CFB_IV_BYTES
    return found


_FILLINGS: Final = tuple(bytes(-length % CFB_IV_BYTES) for length in range(CFB_IV_BYTES))


class _Streams(threading.local):
    """The streams of a thread, because a context is not thread-safe. They are few, because most values share a key."""

    def __init__(self) -> None:
        self._last = (b"", _Stream(b""))
        self._made: dict[bytes, _Stream] = {}

    def get(self, key: bytes) -> _Stream:
        """Return the stream of a key."""
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


def encrypt(algorithm: Algorithm, key: bytes, plaintexts: Sequence[bytes]) -> list[bytes]:
    """Encrypt each under a derived key with a fresh nonce: nonce ‖ ciphertext (CFB) or nonce ‖ ciphertext ‖ tag."""
    if algorithm is Algorithm.AES_CFB:
        return _streams.get(key).encrypt(plaintexts)
    cipher = AESGCM(key)
    nonces = [random_bytes(GCM_NONCE_BYTES) for _ in plaintexts]
    return [nonce + cipher.encrypt(nonce, text, None) for nonce, text in zip(nonces, plaintexts, strict=True)]


def decrypt(algorithm: Algorithm, key: bytes, sealed: Sequence[bytes]) -> list[bytes]:
    """Decrypt values in the layout of `encrypt`; none may be shorter than an empty plaintext's.

    Under a wrong key CFB returns garbage; GCM raises `AuthenticationFailedError` for all if one of them fails.
    """
    if algorithm is Algorithm.AES_CFB:
        return _streams.get(key).decrypt(sealed)
    cipher = AESGCM(key)
    try:
        return [cipher.decrypt(each[:GCM_NONCE_BYTES], each[GCM_NONCE_BYTES:], None) for each in sealed]
    except InvalidTag:
        raise AuthenticationFailedError("the GCM tag does not match") from None
