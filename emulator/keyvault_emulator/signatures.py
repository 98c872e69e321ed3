"""The RSA signatures of Key Vault over a digest that the client has made, as pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, utils

from keyvault_emulator.wire import bad_parameter

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}
ALGORITHMS: Final = tuple(f"{family}{bits}" for family in ("RS", "PS") for bits in _HASHES)


def check_digest(algorithm: str, digest: bytes) -> None:
    """Accept a digest of the length that `algorithm` signs.

    Raises:
        RefusalError: 400.
    """
    expected = _hash_of(algorithm).digest_size
    if len(digest) != expected:
        raise bad_parameter(
            f"Invalid length of 'value': {len(digest)} bytes. {algorithm} requires {expected} bytes, encoded with "
            "base64url.\r\n"
        )


def sign(algorithm: str, key: RSAPrivateKey, digest: bytes) -> bytes:
    """Return the signature, as long as the modulus."""
    return key.sign(digest, _padding_of(algorithm), utils.Prehashed(_hash_of(algorithm)))


def verify(algorithm: str, key: RSAPublicKey, digest: bytes, signature: bytes) -> bool:
    """Tell whether the signature is that of the key over the digest."""
    try:
        key.verify(signature, digest, _padding_of(algorithm), utils.Prehashed(_hash_of(algorithm)))
    except InvalidSignature:
        return False
    return True


def _hash_of(algorithm: str) -> hashes.HashAlgorithm:
    return _HASHES[algorithm[2:]]


def _padding_of(algorithm: str) -> padding.PSS | padding.PKCS1v15:
    if algorithm.startswith("RS"):
        return padding.PKCS1v15()
    hashed = _hash_of(algorithm)
    return padding.PSS(padding.MGF1(hashed), hashed.digest_size)
