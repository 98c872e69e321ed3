"""How far the replicas of a database are, as its servers tell it. Which lag that means is decided elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """How far a replica is.

    `reached` is the position in the primary's log that it has replayed, and `told` its lag in seconds as a server tells
    it, 0 where none does: it says nothing once everything is replayed. Where neither is known, `unknown` says why in
    words that follow the name, and `remedy` what to do.
    """

    name: str
    reached: int = 0
    told: float = 0.0
    unknown: str = ""
    remedy: str = ""


class Replication(Protocol):
    """A primary, and the replicas whose lag matters. A question that fails raises a `ReencryptError`."""

    async def position(self) -> int:
        """Where the primary's log ends now: a number that only grows."""
        ...

    async def replicas(self) -> Sequence[ReplicaState]:
        """How far each replica is now."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
