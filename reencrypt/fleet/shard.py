"""Shards: which members of a fleet one of several processes takes, by nothing but their names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from reencrypt.errors import ConfigurationError

#: What Kubernetes tells the pods of an Indexed Job, from 0 on.
INDEX_VARIABLE: Final = "JOB_COMPLETION_INDEX"
COUNT_VARIABLE: Final = "REENCRYPT_SHARDS"
_MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Shard:
    """The part `index` of `count`, from 0 on."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `INDEX/COUNT`; raises `ValueError`."""
        found = re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", text, re.ASCII)
        if found is None or not int(found[1]) < int(found[2]) <= _MOST:
            raise ValueError(
                f"{text!r} is not INDEX/COUNT, such as 0/3, with an index from 0 on that is below the count"
            )
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of_environment(cls, environ: Mapping[str, str]) -> Self | None:
        """Read the part that an Indexed Job gives its pod; None outside of one.

        Raises `ConfigurationError` where only one of the variables is set, because half of this would mean that
        members are left out in silence, or that each pod takes all of them.
        """
        index, count = environ.get(INDEX_VARIABLE, ""), environ.get(COUNT_VARIABLE, "")
        if not index and not count:
            return None
        if not index or not count:
            has, lacks = (INDEX_VARIABLE, COUNT_VARIABLE) if index else (COUNT_VARIABLE, INDEX_VARIABLE)
            raise ConfigurationError(
                f"{has} is set and {lacks} is not",
                hint=f"An Indexed Job sets {INDEX_VARIABLE}; set {COUNT_VARIABLE} to its `completions`. Or give "
                "--shard INDEX/COUNT.",
            )
        try:
            return cls.parse(f"{index}/{count}")
        except ValueError as error:
            raise ConfigurationError(
                f"{INDEX_VARIABLE} and {COUNT_VARIABLE}: {error}",
                hint=f"Set {COUNT_VARIABLE} to the `completions` of the Indexed Job.",
            ) from None

    def has(self, name: str) -> bool:
        """Whether a member of this name is in this part, on every machine and in every version alike."""
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % self.count == self.index

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"
