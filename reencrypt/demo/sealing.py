"""The keys of the demonstration's Grafana, and secrets encrypted as its releases did. Knows no tables.

Two of five rows are legacy, each secret with a salt of its own as Grafana draws it; every other of those has no
algorithm prefix, as before Grafana 9. The rest stand in envelopes under one data key, which `secret_key` wraps.
"""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from reencrypt.crypto import gobase64
from reencrypt.crypto.ciphers import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import Sealer, algorithm_prefix
from reencrypt.crypto.salt import new_salt

DATA_KEY_BYTES: Final = 16
_ALGORITHM: Final = Algorithm.AES_CFB
_BARE: Final = "bare"
_ENVELOPE: Final = "envelope"
_PREFIXED: Final = "prefixed"
#: The ages of a table's rows, over and over.
_AGES: Final = (_BARE, _ENVELOPE, _PREFIXED, _ENVELOPE, _ENVELOPE)


@dataclass(slots=True)
class Tally:
    """How many secrets were written, and how many of them without a data key."""

    secrets: int = 0
    legacy: int = 0


class Keys:
    """A random `secret_key` and a random data key under `secretKey.v1`.

    `legacy` is about how many legacy secrets will be wanted: their derivations are done ahead, in parallel.
    """

    def __init__(self, legacy: int) -> None:
        self.secret_key = secrets.token_hex(16)
        self.data_key_id = "d" + secrets.token_hex(6)
        data_key = secrets.token_bytes(DATA_KEY_BYTES)
        self.wrapped = self._legacy_sealer().seal(data_key)
        self._sealer = Sealer.create(
            key_id=self.data_key_id,
            password=data_key,
            algorithm=_ALGORITHM,
            salt=new_salt(),
            cache=DerivedKeyCache(),
        )
        with ThreadPoolExecutor() as pool:  # PBKDF2 releases the GIL
            self._ready = list(pool.map(lambda _: self._legacy_sealer(), range(legacy)))

    def __repr__(self) -> str:
        return f"Keys({self.data_key_id!r})"

    def _legacy_sealer(self) -> Sealer:
        """A sealer for one value under `secret_key`: with a fresh salt, which costs a derivation."""
        return Sealer.create(
            key_id=None,
            password=self.secret_key.encode(),
            algorithm=_ALGORITHM,
            salt=new_salt(),
            cache=DerivedKeyCache(1),
        )

    def seal(self, age: str, plaintext: bytes) -> bytes:
        """Encrypt as a Grafana of that age."""
        if age == _ENVELOPE:
            return self._sealer.seal(plaintext)
        value = (self._ready.pop() if self._ready else self._legacy_sealer()).seal(plaintext)
        return value.removeprefix(algorithm_prefix(_ALGORITHM)) if age == _BARE else value

    def truncated_envelope(self) -> bytes:
        """An envelope whose payload ends within its IV: what a column that was too short leaves of a value."""
        whole = self._sealer.seal(b"")
        return whole[:-4]


@dataclass(slots=True)
class Pen:
    """Writes the secrets of one row, all of one age, and keeps count of them."""

    keys: Keys
    age: str
    tally: Tally = field(default_factory=Tally)

    def raw(self, plaintext: bytes) -> bytes:
        """The ciphertext itself."""
        self.tally.secrets += 1
        self.tally.legacy += self.age != _ENVELOPE
        return self.keys.seal(self.age, plaintext)

    def padded(self, text: str) -> str:
        """Base64 with padding."""
        return gobase64.encode(self.raw(text.encode()), padded=True).decode()

    def unpadded(self, text: str) -> str:
        """Base64 without padding."""
        return self.unpadded_bytes(text.encode())

    def unpadded_bytes(self, plaintext: bytes) -> str:
        """The same, for a plaintext that is no text."""
        return gobase64.encode(self.raw(plaintext), padded=False).decode()


def pen(keys: Keys, turn: int) -> Pen:
    """The pen for a table's row number `turn`, counted from 0."""
    return Pen(keys, _AGES[turn % len(_AGES)])


def legacy_pen(keys: Keys) -> Pen:
    """The pen for places that never know a data key."""
    return Pen(keys, _PREFIXED)
