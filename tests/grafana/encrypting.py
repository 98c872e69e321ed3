"""Grafana's ciphers, the encrypting half, written from the format facts alone: nothing of `reencrypt` is used here."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

if TYPE_CHECKING:
    import random

Algorithm = Literal["aes-cfb", "aes-gcm"]

SALT_LENGTH: Final = 8
IV_LENGTH: Final = 16
NONCE_LENGTH: Final = 12
_SALT_ALPHABET: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@lru_cache(maxsize=1 << 16)
def derive_key(password: bytes, salt: bytes) -> bytes:
    """Return the 32-byte AES key of a password; about 1.1 ms the first time, which is why it is remembered."""
    return PBKDF2HMAC(algorithm=SHA256(), length=32, salt=salt, iterations=10_000).derive(password)


def make_salt(rng: random.Random) -> bytes:
    """Eight letters and digits, as Grafana's salts are."""
    return bytes(rng.choices(_SALT_ALPHABET, k=SALT_LENGTH))


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one value is encrypted, the random parts included."""

    algorithm: Algorithm
    salt: bytes
    nonce: bytes  # the IV of CFB
    bare: bool = False  # without the algorithm prefix, as Grafana before 9 wrote

    def encrypt(self, plaintext: bytes, password: bytes) -> bytes:
        """Return the payload: prefix, salt, IV or nonce, ciphertext, tag."""
        key = derive_key(password, self.salt)
        if self.algorithm == "aes-gcm":
            body = AESGCM(key).encrypt(self.nonce, plaintext, None)
        else:
            encryptor = Cipher(AES256(key), CFB(self.nonce)).encryptor()
            body = encryptor.update(plaintext) + encryptor.finalize()
        prefix = b"" if self.bare else b"*" + raw_base64(self.algorithm.encode()) + b"*"
        return prefix + self.salt + self.nonce + body


def make_nonce(algorithm: Algorithm, rng: random.Random) -> bytes:
    """A random IV or nonce of the length that `algorithm` takes."""
    return rng.randbytes(NONCE_LENGTH if algorithm == "aes-gcm" else IV_LENGTH)


def envelope(key_id: str, payload: bytes) -> bytes:
    """Put the id of the data key before a payload."""
    return b"#" + raw_base64(key_id.encode()) + b"#" + payload


def raw_base64(data: bytes) -> bytes:
    """Go's RawStdEncoding."""
    return base64.b64encode(data).rstrip(b"=")
