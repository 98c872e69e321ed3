"""Unwrapping data keys with an emulated vault's private keys, read from its state folder."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.grafana.decrypting import PayloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding

DATA_KEY_LENGTH: Final = 16


def azure_unwrappers(
    state_dir: Path, provider_to_key: Mapping[str, str], *, rsa1_5: bool = False
) -> dict[str, Callable[[bytes], bytes]]:
    """Return for each provider what unwraps its data keys with any version of `state_dir/keys/NAME/*.pem`."""
    return {
        provider: rsa_unwrapper(private_keys(state_dir / "keys" / name), rsa1_5=rsa1_5)
        for provider, name in provider_to_key.items()
    }


def private_keys(folder: Path) -> list[RSAPrivateKey]:
    """Return the RSA keys of a folder, one for each PEM file."""
    found: list[RSAPrivateKey] = []
    for path in sorted(folder.glob("*.pem")):
        # The emulator has made it; to check it again takes longer than all else that a judgement does.
        key = load_pem_private_key(path.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True)
        if isinstance(key, RSAPrivateKey):
            found.append(key)
    return found


def rsa_unwrapper(keys: list[RSAPrivateKey], *, rsa1_5: bool = False) -> Callable[[bytes], bytes]:
    """Return a function that tries keys, paddings and framings until 16 bytes come out."""
    paddings: list[AsymmetricPadding] = [
        OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None),
        OAEP(mgf=MGF1(SHA1()), algorithm=SHA1(), label=None),  # noqa: S303 - RSA-OAEP of Key Vault is SHA-1
    ]

    def unwrap(wrapped: bytes) -> bytes:
        for block in _framings(wrapped):
            for key in keys:
                if len(block) != key.key_size // 8:
                    continue
                attempts = [_decrypt(key, block, padding) for padding in paddings]
                for data_key in [*attempts, _decrypt_rsa1_5(key, block) if rsa1_5 else None]:
                    if data_key is not None and len(data_key) == DATA_KEY_LENGTH:
                        return data_key
        raise PayloadError("not unwrapped")

    return unwrap


def _framings(wrapped: bytes) -> Iterator[bytes]:
    yield wrapped
    text = wrapped.strip().rstrip(b"=")
    padded = text + b"=" * (-len(text) % 4)
    for alternate in (b"+/", b"-_"):
        try:
            yield base64.b64decode(padded, altchars=alternate, validate=True)
        except binascii.Error:
            continue


def _decrypt(key: RSAPrivateKey, block: bytes, padding: AsymmetricPadding) -> bytes | None:
    try:
        return key.decrypt(block, padding)
    except ValueError:
        return None


def _decrypt_rsa1_5(key: RSAPrivateKey, block: bytes) -> bytes | None:
    """Decrypt by hand: OpenSSL answers a wrong key with random bytes, and one time in some hundred with 16 of them."""
    numbers = key.private_numbers()
    message = pow(int.from_bytes(block), numbers.d, numbers.public_numbers.n).to_bytes(key.key_size // 8)
    filling, zero, data_key = message[2:].partition(b"\x00")
    return data_key if message[:2] == b"\x00\x02" and zero and len(filling) >= 8 else None
