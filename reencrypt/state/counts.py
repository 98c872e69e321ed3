"""Counters of secrets by what became of them; their sum is always the total."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from reencrypt.state.damaged import whole, wholes

#: Why a secret is left: nothing proves the key or provider that follows.
UNPROVEN_KEY: Final = "unproven_key"
#: Why a legacy value is left: it may be plain text, or nothing proves that it is under `secret_key`.
PLAIN_OR_UNPROVEN: Final = "plain_or_unproven"
#: Why a legacy value is left: nothing shows that Grafana reads an envelope in its column.
LEGACY_KEPT: Final = "legacy_kept"
_SPLIT: Final = ("left_because", "quarantined_because")


@dataclass(slots=True)
class Counts:
    """`left_because` splits `left` by reason and key, `quarantined_because` splits `quarantined` by reason code."""

    re_encrypted: int = 0
    already_current: int = 0
    quarantined: int = 0
    left: int = 0
    not_applicable: int = 0
    left_because: dict[str, int] = field(default_factory=dict)
    quarantined_because: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All secrets that were examined."""
        return self.re_encrypted + self.already_current + self.quarantined + self.left + self.not_applicable

    def quarantine(self, reason: str) -> None:
        """Count one secret that could not be re-encrypted."""
        self.quarantined += 1
        self.quarantined_because[reason] = self.quarantined_because.get(reason, 0) + 1

    def leave(self, reason: str) -> None:
        """Count one secret that was left on purpose."""
        self.left += 1
        self.left_because[reason] = self.left_because.get(reason, 0) + 1

    def add(self, other: Counts) -> None:
        """Add another counter to this one."""
        self.re_encrypted += other.re_encrypted
        self.already_current += other.already_current
        self.quarantined += other.quarantined
        self.left += other.left
        self.not_applicable += other.not_applicable
        for mine, theirs in (
            (self.left_because, other.left_because),
            (self.quarantined_because, other.quarantined_because),
        ):
            for reason, count in theirs.items():
                mine[reason] = mine.get(reason, 0) + count

    def as_numbers(self) -> dict[str, int]:
        """Return the six numbers of reports."""
        return {
            "total": self.total,
            "re_encrypted": self.re_encrypted,
            "already_current": self.already_current,
            "quarantined": self.quarantined,
            "left": self.left,
            "not_applicable": self.not_applicable,
        }

    def to_numbers(self) -> dict[str, Any]:
        """Return the numbers that a checkpoint keeps."""
        numbers: dict[str, Any] = self.as_numbers()
        del numbers["total"]
        return numbers | {"left_because": self.left_because, "quarantined_because": self.quarantined_because}

    @classmethod
    def from_numbers(cls, numbers: Mapping[str, Any]) -> Counts:
        """Build counters from the result of `to_numbers`; raises `ValueError` or `TypeError` for anything else."""
        checked: dict[str, Any] = {
            name: wholes(each) if name in _SPLIT else whole(each) for name, each in numbers.items()
        }
        return cls(**checked)

    @classmethod
    def sum(cls, parts: Iterable[Counts]) -> Counts:
        """Add up counters."""
        total = cls()
        for part in parts:
            total.add(part)
        return total


def per_location(parts: Mapping[str, Counts]) -> dict[str, dict[str, int]]:
    """Return the numbers of each location that holds secrets."""
    return {name: counts.as_numbers() for name, counts in parts.items() if counts.total}
