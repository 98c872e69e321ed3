"""The three RSA paddings of Key Vault, as pure functions; wrap and encrypt are the same primitive for RSA."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers, RSAPublicKey

#: Results of an RSA1_5 decryption with wrong padding: 400, or made-up bytes as from OpenSSL's implicit rejection.
BadPadding: TypeAlias = Literal["error", "random"]
BAD_PADDINGS: Final[tuple[BadPadding, ...]] = get_args(BadPadding)

RSA1_5: Final = "RSA1_5"
_OAEP: Final = {
    "RSA-OAEP-256": padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None),
    # The algorithm uses SHA-1; Key Vault keeps it for old ciphertexts.
    "RSA-OAEP": padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None),  # noqa: S303
}
ALGORITHMS: Final = (*_OAEP, RSA1_5)

#: PKCS#1 v1.5: two fixed bytes in front, at least eight random ones, and a zero before the message.
_LEAST_FILLING: Final = 8
_OVERHEAD: Final = 2 + _LEAST_FILLING + 1


class PaddingError(ValueError):
    """A ciphertext does not decrypt under this key and algorithm, or a plaintext is too long for them."""


def encrypt(algorithm: str, key: RSAPublicKey, plaintext: bytes) -> bytes:
    """Return one RSA block, as long as the modulus.

    Raises:
        PaddingError: `plaintext` is too long for the key and the algorithm.
    """
    try:
        return key.encrypt(plaintext, _OAEP.get(algorithm) or padding.PKCS1v15())
    except ValueError as error:
        raise PaddingError("The parameter is incorrect.\r\n") from error


def decrypt(algorithm: str, key: RSAPrivateKey, ciphertext: bytes, bad_padding: BadPadding) -> bytes:
    """Return the plaintext of one RSA block.

    Raises:
        PaddingError: wrong length, key or algorithm; never for RSA1_5 padding where `bad_padding` is `random`.
    """
    if len(ciphertext) != key.key_size // 8:
        raise PaddingError("The parameter is incorrect.\r\n")
    if algorithm == RSA1_5:
        return _decrypt_pkcs1(key, ciphertext, bad_padding)
    try:
        return key.decrypt(ciphertext, _OAEP[algorithm])
    except ValueError as error:
        raise PaddingError("Error occurred while decoding OAEP padding.") from error


def _decrypt_pkcs1(key: RSAPrivateKey, ciphertext: bytes, bad_padding: BadPadding) -> bytes:
    # Not by `key.decrypt`: whether that reports wrong padding depends on the OpenSSL it was built with.
    numbers = key.private_numbers()
    number = int.from_bytes(ciphertext)
    if number >= numbers.public_numbers.n:
        raise PaddingError("The parameter is incorrect.\r\n")
    block = _private_operation(numbers, number).to_bytes(len(ciphertext))
    end = block.find(b"\0", 2)
    if block.startswith(b"\0\2") and end >= 2 + _LEAST_FILLING:
        return block[end + 1 :]
    if bad_padding == "error":
        raise PaddingError("The parameter is incorrect.\r\n")
    return _made_up(numbers, ciphertext)


def _private_operation(numbers: RSAPrivateNumbers, number: int) -> int:
    """Raise to the private exponent by the Chinese remainder theorem: a quarter of the time."""
    first = pow(number, numbers.dmp1, numbers.p)
    second = pow(number, numbers.dmq1, numbers.q)
    return second + numbers.q * (numbers.iqmp * (first - second) % numbers.p)


def _made_up(numbers: RSAPrivateNumbers, ciphertext: bytes) -> bytes:
    """Return bytes that look like a message: the same for the same ciphertext, as implicit rejection demands."""
    longest = len(ciphertext) - _OVERHEAD
    seed = numbers.d.to_bytes(len(ciphertext)) + ciphertext
    stream = hashlib.shake_256(seed).digest(4 + longest)
    return stream[4 : 4 + int.from_bytes(stream[:4]) % (longest + 1)]
