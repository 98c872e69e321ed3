"""RSA blocks: find one in a wrapped data key, and make one with the public key alone."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from reencrypt.keys.provider import DATA_KEY_BYTES
from reencrypt.keys.wrap_format import Framing, RsaAlgorithm

_BLOCK_BYTES: Final = (256, 384, 512)  # RSA 2048, 3072, 4096: the sizes of Key Vault

#: 16 bytes in base64, without padding and with it.
_TEXT_BYTES: Final = (22, 24)


def unframe(wrapped: bytes) -> tuple[Framing, bytes] | None:
    """The framing and the RSA block in it. Text first: the random bytes of a block are never all base64."""
    found = [
        (framing, block)
        for framing in (Framing.BASE64, Framing.BASE64URL, Framing.RAW)
        if (block := framing.unframe(wrapped)) is not None and len(block) in _BLOCK_BYTES
    ]
    text = [each for each in found if each[0] is not Framing.RAW]
    # Without + / - _ both alphabets fit, and the padding tells.
    exact = [each for each in text if each[0].frame(each[1]) == wrapped]
    return next(iter(exact or text or found), None)


def read_as_data_key(unwrapped: bytes) -> tuple[bytes, str] | None:
    """Return the data key that bytes of another length may stand for, and what they are in words.

    A managed HSM has returned a key with trailing NULs, from the padding of base64url (hashicorp/go-kms-wrapping,
    pull request 43), and a client may wrap the text of a key. Neither is more than a guess: secrets have to prove it.
    """
    if len(unwrapped) > DATA_KEY_BYTES and not any(unwrapped[DATA_KEY_BYTES:]):
        return unwrapped[:DATA_KEY_BYTES], "16 bytes and trailing NULs"
    text = unwrapped.rstrip(b"=")
    if len(unwrapped) in _TEXT_BYTES and len(text) == min(_TEXT_BYTES):
        standard = text.replace(b"-", b"+").replace(b"_", b"/") + b"=="
        try:
            data_key = base64.b64decode(standard, validate=True)
        except binascii.Error:
            return None
        # Not text whose last character has bits that no key has.
        return (data_key, "base64 text of 16 bytes") if base64.b64encode(data_key) == standard else None
    return None


def encrypt_locally(key: RSAPublicKey, algorithm: RsaAlgorithm, data_key: bytes) -> bytes:
    """Encrypt a data key as the vault would; takes 20 microseconds and none of its quota."""
    if algorithm is RsaAlgorithm.PKCS1:
        return key.encrypt(data_key, padding.PKCS1v15())
    digest = hashes.SHA256() if algorithm is RsaAlgorithm.OAEP_256 else hashes.SHA1()  # noqa: S303 - OAEP's own choice
    return key.encrypt(data_key, padding.OAEP(padding.MGF1(digest), digest, None))
