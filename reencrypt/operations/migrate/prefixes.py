"""Prefixes: the common beginning of values whose key was judged already, by which the bulk paths know them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final

from reencrypt.catalogue.location import Location
from reencrypt.catalogue.reading import framed_id
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.envelope import Envelope, beginning
from reencrypt.operations.migrate.slow_path import Transformer, UnusableKey

MOST_PREFIXES: Final = 32


@dataclass(frozen=True, slots=True)
class Beginning:
    """What values begin with: key id, algorithm and salt."""

    value: bytes
    algorithm: Algorithm

    def begins(self, value: bytes) -> bool:
        """Whether a value begins so and is long enough, at least that of an empty plaintext."""
        return value.startswith(self.value) and len(value) >= len(self.value) + self.algorithm.overhead_bytes

    def begins_all(self, values: Sequence[bytes]) -> bool:
        """Whether all of some values begin so; there must be one."""
        shortest = len(self.value) + self.algorithm.overhead_bytes
        return min(map(len, values)) >= shortest and all(map(bytes.startswith, values, repeat(self.value)))


@dataclass(frozen=True, slots=True, repr=False)
class Prefix(Beginning):
    """The beginning of values of a namespace, and the keys that follow from it."""

    namespace: str
    key_id: str
    password: bytes
    derived_key: bytes


class Prefixes:
    """The prefixes of one location that a run has met, the newest of them."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._known: dict[tuple[str, bytes], Prefix] = {}

    def learn(self, envelope: Envelope, transformer: Transformer) -> None:
        """Record the prefix of a secret that took the slow path. Not while a page is taken."""
        if envelope.key_id is None or not envelope.prefixed:
            return
        if transformer.is_current(envelope.key_id, envelope.algorithm):
            return
        value = beginning(framed_id(self._location, envelope.key_id), envelope.algorithm, envelope.salt)
        key, place = transformer.key_of(envelope.key_id), (transformer.namespace, value)
        if place in self._known or isinstance(key, UnusableKey):
            return
        if len(self._known) == MOST_PREFIXES:
            del self._known[next(iter(self._known))]
        self._known[place] = Prefix(
            value,
            envelope.algorithm,
            transformer.namespace,
            envelope.key_id,
            key.password,
            transformer.cache.get(key.password, envelope.salt),
        )

    def held(self, transformer: Transformer) -> list[Prefix]:
        """The prefixes that may still be used: keys are judged again, wrapped anew, and made the target."""
        return [each for each in self._known.values() if _holds(each, transformer)]


def _holds(prefix: Prefix, transformer: Transformer) -> bool:
    key = transformer.key_of(prefix.key_id)
    return (
        prefix.namespace == transformer.namespace
        and not isinstance(key, UnusableKey)
        and key.password == prefix.password
        and transformer.proof.is_firm(key.standing)
        and not transformer.is_current(prefix.key_id, prefix.algorithm)
    )


def written_by(transformer: Transformer) -> Beginning | None:
    """The beginning of values that this run has written: a sweep and a resumed run meet them again."""
    encryptor = transformer.encryptor
    if not transformer.is_current(encryptor.key_id, encryptor.algorithm):
        return None
    return Beginning(encryptor.prefix, encryptor.algorithm)
