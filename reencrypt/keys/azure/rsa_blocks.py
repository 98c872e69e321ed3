"""RSA blocks: find one in a wrapped data key, and make one with the public key alone."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from reencrypt.keys.wrap_format import Framing, RsaAlgorithm

_BLOCK_BYTES: Final = (256, 384, 512)  # RSA 2048, 3072, 4096: the sizes of Key Vault


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


def encrypt_locally(key: RSAPublicKey, algorithm: RsaAlgorithm, data_key: bytes) -> bytes:
    """Encrypt a data key as the vault would; takes 20 microseconds and none of its quota."""
    if algorithm is RsaAlgorithm.PKCS1:
        return key.encrypt(data_key, padding.PKCS1v15())
    digest = hashes.SHA256() if algorithm is RsaAlgorithm.OAEP_256 else hashes.SHA1()  # noqa: S303 - OAEP's own choice
    return key.encrypt(data_key, padding.OAEP(padding.MGF1(digest), digest, None))
