"""Typed events of an operation. The worker emits them; log, progress and reports only listen.

No event carries a plaintext, a key or a token, so none of them can reach a log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Surveyed:
    """The read-only scan has passed rows of a location."""

    location: str
    secrets: int


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run starts, or resumes where it was interrupted."""

    run_id: str
    resumed: bool
    target_provider: str
    secrets: int


@dataclass(frozen=True, slots=True)
class TargetKeyReady:
    """The data key that new ciphertexts are written under; `made` by this run, or Grafana's own."""

    key_id: str
    provider: str
    made: bool


@dataclass(frozen=True, slots=True)
class PassStarted:
    """A sweep starts: number 0 moves the secrets, later ones what Grafana wrote behind the cursor."""

    number: int


@dataclass(frozen=True, slots=True)
class PageCommitted:
    """A page is committed together with its checkpoint."""

    location: str
    secrets: int
    moved: int
    locked_seconds: float


@dataclass(frozen=True, slots=True)
class DataKeysRewrapped:
    """A batch of data keys is committed with new wrappings."""

    number: int


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A secret could not be re-encrypted."""

    location: str
    key: str
    field: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Work pauses, with the reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Warned:
    """A fact that the operator should know, although it stops nothing."""

    message: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run is finished or stopped."""

    run_id: str
    outcome: str


@dataclass(frozen=True, slots=True)
class FleetStarted:
    """A process starts to work on `members` of `listed` Grafanas, `width` at a time.

    `shard` is its part, None for all; `vault_share` the part of each vault's quota, None where no vault is called.
    """

    members: int
    listed: int
    width: int
    shard: str | None
    vault_share: float | None


@dataclass(frozen=True, slots=True)
class MemberEnded:
    """A Grafana of a fleet is done with, the `number`th `of` so many; `message` is how it ended, in words."""

    member: str
    number: int
    of: int
    exit_code: int
    seconds: float
    message: str


Event = (
    Surveyed
    | RunStarted
    | TargetKeyReady
    | PassStarted
    | PageCommitted
    | DataKeysRewrapped
    | Quarantined
    | Waiting
    | Warned
    | RunEnded
    | FleetStarted
    | MemberEnded
)
Emit = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Listen to nothing."""
