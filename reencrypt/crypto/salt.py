"""Salts as Grafana draws them: eight letters and digits."""

from __future__ import annotations

import secrets
import string
from typing import Final

from reencrypt.crypto.algorithm import SALT_BYTES

_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase


def new_salt() -> bytes:
    """Draw a salt from Grafana's alphabet, so that an unprefixed body can never begin with `*` or `#`."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(SALT_BYTES)).encode()
