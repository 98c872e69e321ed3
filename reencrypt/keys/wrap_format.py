"""Wrap formats: the form of an RSA block in `data_keys`, which Grafana Enterprise's documentation does not say.

Here rather than beside Azure, because a run's row and the option `--wrap-format` hold one.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum

from reencrypt.errors import ConfigurationError


class Framing(StrEnum):
    """Framing of the RSA block in `data_keys.encrypted_data`. Grafana Enterprise's choice is not public."""

    RAW = "raw"
    BASE64 = "base64"
    BASE64URL = "base64url"

    def frame(self, block: bytes) -> bytes:
        """Turn an RSA block into column bytes."""
        if self is Framing.RAW:
            return block
        return base64.b64encode(block) if self is Framing.BASE64 else base64.urlsafe_b64encode(block).rstrip(b"=")

    def unframe(self, wrapped: bytes) -> bytes | None:
        """Return the RSA block, or None where the bytes are not in this framing."""
        if self is Framing.RAW:
            return wrapped
        text = wrapped.strip()
        if self is Framing.BASE64URL:
            if b"+" in text or b"/" in text:
                return None
            text = text.replace(b"-", b"+").replace(b"_", b"/")
        try:
            return binascii.a2b_base64(text.rstrip(b"=") + b"=" * (-len(text.rstrip(b"=")) % 4), strict_mode=True)
        except binascii.Error:
            return None


class RsaAlgorithm(StrEnum):
    """RSA paddings by the names of Key Vault's wire format."""

    OAEP_256 = "RSA-OAEP-256"
    OAEP = "RSA-OAEP"
    PKCS1 = "RSA1_5"


@dataclass(frozen=True, slots=True)
class WrapFormat:
    """Format of a provider's wrapped data keys: `FRAMING/ALGORITHM`, learned from Grafana or named by the user."""

    framing: Framing
    algorithm: RsaAlgorithm

    @classmethod
    def parse(cls, text: str) -> WrapFormat:
        """Read `raw/RSA-OAEP-256` and the like; raises `ConfigurationError` naming the choices."""
        framing, _, algorithm = text.partition("/")
        try:
            return cls(Framing(framing), RsaAlgorithm(algorithm))
        except ValueError:
            choices = f"{'|'.join(Framing)}/{'|'.join(RsaAlgorithm)}"
            raise ConfigurationError(
                f"{text!r} is not a wrap format", hint=f"Write FRAMING/ALGORITHM, one of {choices}."
            ) from None

    def __str__(self) -> str:
        return f"{self.framing}/{self.algorithm}"
