"""Derived keys: PBKDF2 from (password, salt), cached because one derivation costs about 1.1 ms and AES about 4 µs.

Grafana derives for every secret with `pkg/services/encryption/encryption.go`: PBKDF2-HMAC-SHA256, 10,000 iterations,
32 bytes. The result depends on password and salt alone, so a bounded cache changes nothing but the time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

ITERATIONS: Final = 10_000
DERIVED_KEY_BYTES: Final = 32


def derive_key(password: bytes, salt: bytes) -> bytes:
    """Derive the 32-byte AES-256 key from a password (`secret_key` text, or 16 data key bytes) and an 8-byte salt.

    Releases the GIL, so threads run it in parallel.
    """
    kdf = PBKDF2HMAC(algorithm=SHA256(), length=DERIVED_KEY_BYTES, salt=salt, iterations=ITERATIONS)
    return kdf.derive(password)


class DerivedKeyCache:
    """A bounded, thread-safe LRU cache of derived keys.

    The bound keeps memory flat on a first migration, where every legacy secret has its own salt.
    """

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._keys: OrderedDict[tuple[bytes, bytes], bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._last: tuple[tuple[bytes, bytes], bytes] = ((b"", b""), b"")

    def get(self, password: bytes, salt: bytes) -> bytes:
        """Return the derived key, deriving it at most once per (password, salt) while it stays cached."""
        entry = (password, salt)
        last = self._last  # read once: another thread may put another pair there
        if entry == last[0]:
            # A run has one salt, so most calls repeat the last one.
            return last[1]
        with self._lock:
            key = self._keys.get(entry)
            if key is not None:
                self._keys.move_to_end(entry)
                self._last = (entry, key)
                return key
        # Outside the lock: two threads may derive the same key, which is cheaper than to make all others wait.
        key = derive_key(password, salt)
        with self._lock:
            self._keys[entry] = key
            if len(self._keys) > self._size:
                self._keys.popitem(last=False)
        return key
