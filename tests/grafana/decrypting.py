"""How Grafana decrypts a payload, decision by decision, written from the format facts: nothing of `reencrypt` is used.

Every failure is a `PayloadError` whose `code` says which decision it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256

from tests.grafana.encrypting import IV_LENGTH, NONCE_LENGTH, SALT_LENGTH, derive_key
from tests.grafana.gobase64 import Base64Error, decode_raw_std

TAG_LENGTH: Final = 16


class PayloadError(ValueError):
    """Grafana could not decrypt this payload."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Inner:
    """A payload without envelope and prefix: the algorithm's name, and salt, IV or nonce, and ciphertext."""

    algorithm: str
    body: bytes


def split_envelope(payload: bytes) -> tuple[str | None, bytes]:
    """Return the id of the data key, or None for a legacy payload, and what is inside."""
    if not payload:
        raise PayloadError("empty payload")
    if payload[:1] != b"#":
        return None, payload
    end = payload.find(b"#", 1)
    if end < 0:
        raise PayloadError("key id not closed")
    try:
        return decode_raw_std(payload[1:end]).decode("utf-8", "surrogateescape"), payload[end + 1 :]
    except Base64Error:
        raise PayloadError("key id not base64") from None


def split_prefix(payload: bytes) -> Inner:
    """Return algorithm and body as the legacy service's decision order gives them."""
    if not payload:
        raise PayloadError("empty payload")
    if payload[:1] != b"*":
        return Inner("aes-cfb", payload)
    rest = payload[1:]
    end = rest.find(b"*")
    if end < 0:
        return Inner("aes-cfb", rest)
    try:
        name = decode_raw_std(rest[:end])
    except Base64Error:
        raise PayloadError("algorithm not base64") from None
    if name not in {b"", b"aes-cfb", b"aes-gcm"}:
        raise PayloadError("unknown algorithm")
    return Inner(name.decode() or "aes-cfb", rest[end + 1 :])


def decrypt_inner(inner: Inner, password: bytes) -> bytes:
    """Decrypt a body under a password; under AES-CFB a wrong password gives garbage, no error."""
    minimum = SALT_LENGTH + (NONCE_LENGTH + TAG_LENGTH if inner.algorithm == "aes-gcm" else IV_LENGTH)
    if len(inner.body) < minimum:
        raise PayloadError("too short")
    key = derive_key(password, inner.body[:SALT_LENGTH])
    rest = inner.body[SALT_LENGTH:]
    if inner.algorithm == "aes-gcm":
        try:
            return AESGCM(key).decrypt(rest[:NONCE_LENGTH], rest[NONCE_LENGTH:], None)
        except InvalidTag:
            raise PayloadError("tag") from None
    decryptor = Cipher(AES256(key), CFB(rest[:IV_LENGTH])).decryptor()
    return decryptor.update(rest[IV_LENGTH:]) + decryptor.finalize()


def decrypt_legacy(payload: bytes, password: bytes) -> bytes:
    """Decrypt as Grafana's encryption service does: prefix and body, no envelope."""
    return decrypt_inner(split_prefix(payload), password)
