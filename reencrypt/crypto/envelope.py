"""Parse and build the framing of a payload: key id, algorithm prefix, salt and nonce.

A value is `#` rawb64(data key id) `#` payload when a data key encrypts it, and a bare payload when `secret_key` does
(legacy). A payload is `*` rawb64(algorithm) `*` body, or a bare CFB body as Grafana before 9 wrote it.
Sources: `pkg/services/secrets/manager/manager.go` and `pkg/services/encryption/service/service.go`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from reencrypt.crypto import ciphers, gobase64
from reencrypt.crypto.algorithm import GCM_TAG_BYTES, SALT_BYTES, Algorithm
from reencrypt.crypto.derive import DerivedKeyCache

_KEY_ID_MARK: Final = 0x23  # "#"
_ALGORITHM_MARK: Final = 0x2A  # "*"
#: Looked up once, because every value needs them.
_SHORTEST: Final = max(each.minimum_bytes for each in Algorithm)
_BODY_STARTS: Final = {each: SALT_BYTES + each.nonce_bytes for each in Algorithm}


class MalformedEnvelopeError(ValueError):
    """The bytes are not a value that Grafana could have written; the message names the fault, not the content."""


class Envelope(NamedTuple):
    """One parsed encrypted value.

    `key_id` is the `data_keys.name` of its data key, or None for a legacy value under `secret_key`. `prefixed` tells
    whether the value names its algorithm or has the default of old releases.
    """

    key_id: str | None
    algorithm: Algorithm
    prefixed: bool
    salt: bytes
    nonce: bytes
    body: bytes

    @property
    def plaintext_bytes(self) -> int:
        """Length of the plaintext, known without the key."""
        return len(self.body) - (GCM_TAG_BYTES if self.algorithm is Algorithm.AES_GCM else 0)


def parse(value: bytes) -> Envelope:
    """Parse a value in Grafana's own order of decisions.

    Raises `MalformedEnvelopeError` for an empty or truncated value, a key id without end or not base64, and an
    algorithm that Grafana does not know. Grafana's own length checks are weaker and let some of these panic.
    """
    key_id, algorithm, prefixed, body = _split(value)
    if len(body) < _SHORTEST and len(body) < algorithm.minimum_bytes:
        raise MalformedEnvelopeError(
            f"payload too short: {len(body)} bytes where {algorithm} needs at least {algorithm.minimum_bytes}"
        )
    end = _BODY_STARTS[algorithm]
    return Envelope(key_id, algorithm, prefixed, body[:SALT_BYTES], body[SALT_BYTES:end], body[end:])


#: The last whole header: its bytes, its key id and its algorithm. Most values begin like the one before them.
_last_header: tuple[bytes, str | None, Algorithm] = (b"*YWVzLWNmYg*", None, Algorithm.AES_CFB)


def _split(value: bytes) -> tuple[str | None, Algorithm, bool, bytes]:
    """Return key id, algorithm, whether the value names it, and the body."""
    global _last_header  # noqa: PLW0603 - a memory, read and replaced as a whole by any thread
    header, key_id, algorithm = _last_header
    if value.startswith(header):
        return key_id, algorithm, True, value[len(header) :]
    key_id, payload = split_key_id(value)
    algorithm, prefixed, body = _split_algorithm(payload)
    if prefixed:
        _last_header = (value[: len(value) - len(body)], key_id, algorithm)
    return key_id, algorithm, prefixed, body


def split_key_id(value: bytes) -> tuple[str | None, bytes]:
    """Return the data key id before a payload, None where there is none, and the payload.

    Raises `MalformedEnvelopeError` for an empty value, an id without end and one that is not base64 of text.
    """
    if not value:
        raise MalformedEnvelopeError("empty value")
    if value[0] != _KEY_ID_MARK:
        return None, value
    end = value.find(b"#", 1)
    if end < 0:
        raise MalformedEnvelopeError("the data key id has no end")
    return _key_id(value[1:end]), value[end + 1 :]


@lru_cache(maxsize=8192)
def _key_id(encoded: bytes) -> str:
    """Decode a data key id; thousands of values name the same one."""
    if not gobase64.is_strict(encoded, padded=False):
        raise MalformedEnvelopeError("the data key id is padded base64")
    try:
        return gobase64.decode(encoded).decode()
    except ValueError:
        raise MalformedEnvelopeError("the data key id is not base64 of text") from None


def _split_algorithm(payload: bytes) -> tuple[Algorithm, bool, bytes]:
    if not payload:
        raise MalformedEnvelopeError("no payload behind the data key id")
    if payload[0] != _ALGORITHM_MARK:
        return Algorithm.AES_CFB, False, payload
    end = payload.find(b"*", 1)
    if end < 0:
        # Grafana drops the lone mark and reads the rest as CFB.
        return Algorithm.AES_CFB, False, payload[1:]
    encoded, body = payload[1:end], payload[end + 1 :]
    if not encoded:
        # "**…" comes from a release that wrote an empty name; Grafana still reads it as CFB.
        return Algorithm.AES_CFB, False, body
    return _algorithm(encoded), True, body


@lru_cache(maxsize=64)
def _algorithm(encoded: bytes) -> Algorithm:
    """Decode an algorithm's name; there are two."""
    if not gobase64.is_strict(encoded, padded=False):
        raise MalformedEnvelopeError("the algorithm name is padded base64")
    try:
        return Algorithm(gobase64.decode(encoded).decode())
    except ValueError:
        raise MalformedEnvelopeError("unknown encryption algorithm") from None


def algorithm_prefix(algorithm: Algorithm) -> bytes:
    """`*` rawb64(name) `*`, written before every payload since Grafana 9."""
    return b"*" + gobase64.encode(algorithm.encode(), padded=False) + b"*"


def key_id_prefix(key_id: str) -> bytes:
    """`#` rawb64(id) `#`, written before every payload that a data key encrypts."""
    return b"#" + gobase64.encode(key_id.encode(), padded=False) + b"#"


def beginning(key_id: str | None, algorithm: Algorithm, salt: bytes) -> bytes:
    """Return what precedes the nonce in all values under a key (None for `secret_key`), algorithm and salt."""
    return (key_id_prefix(key_id) if key_id is not None else b"") + algorithm_prefix(algorithm) + salt


def decrypt(envelope: Envelope, password: bytes, cache: DerivedKeyCache) -> bytes:
    """Decrypt with the data key's bytes, or `secret_key` as UTF-8 for a legacy value.

    A wrong password raises `AuthenticationFailedError` for GCM and returns garbage for CFB, so the caller
    judges the plaintext.
    """
    key = cache.get(password, envelope.salt)
    (plaintext,) = ciphers.decrypt(envelope.algorithm, key, [envelope.nonce + envelope.body])
    return plaintext


@dataclass(frozen=True, slots=True, repr=False)
class Encryptor:
    """Encrypts values under one password with one salt: one derivation for all, a fresh nonce for each.

    The salt separates derived keys and is not secret, so sharing it is safe; the IV or nonce stays random per value.
    `key_id` is None to write legacy values under `secret_key`. `framed_id` is the id as values name it, where that is
    not the whole `key_id`.
    """

    key_id: str | None
    algorithm: Algorithm
    salt: bytes
    derived_key: bytes
    prefix: bytes

    @classmethod
    def create(
        cls,
        *,
        key_id: str | None,
        password: bytes,
        algorithm: Algorithm,
        salt: bytes,
        cache: DerivedKeyCache,
        framed_id: str | None = None,
    ) -> Encryptor:
        """Derive the key and the common prefix of all values once."""
        prefix = beginning(framed_id or key_id, algorithm, salt)
        return cls(key_id, algorithm, salt, cache.get(password, salt), prefix)

    def encrypt(self, plaintext: bytes) -> bytes:
        """Encrypt one value, see `encrypt_all`."""
        return self.encrypt_all([plaintext])[0]

    def encrypt_all(self, plaintexts: list[bytes]) -> list[bytes]:
        """Encrypt values, and decrypt them again as a check.

        Raises `ArithmeticError` if a plaintext differs, which only broken hardware or a broken library can cause.
        """
        encrypted = ciphers.encrypt(self.algorithm, self.derived_key, plaintexts)
        if ciphers.decrypt(self.algorithm, self.derived_key, encrypted) != plaintexts:
            raise ArithmeticError("a new ciphertext did not decrypt to its plaintext")
        prefix = self.prefix
        return [prefix + each for each in encrypted]

    def __repr__(self) -> str:
        return f"Encryptor(key_id={self.key_id!r}, algorithm={self.algorithm!r})"
