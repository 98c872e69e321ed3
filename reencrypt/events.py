"""Typed events of an operation. The worker emits them; log, progress, metrics and traces only listen.

No event carries a plaintext, a key or a token, so none of them can reach a log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class CommandStarted:
    """A command begins, before it reads any configuration; `command` is its full name, such as `quarantine retry`."""

    command: str


@dataclass(frozen=True, slots=True)
class CommandEnded:
    """A command has ended, with whatever result; its `exit_code` is one of `ExitCode`."""

    command: str
    exit_code: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Surveyed:
    """The read-only scan has passed rows of a location."""

    location: str
    secrets: int


@dataclass(frozen=True, slots=True)
class SecretsCounted:
    """The secrets of a location under one provider, in one `SecretState`."""

    store: str
    location: str
    provider: str
    state: str
    number: int


@dataclass(frozen=True, slots=True)
class KeysCounted:
    """The data keys of a provider that are alike; `in_use` says whether secrets are under them.

    The dates are UTC and naive. `oldest` is None where one has no date, because that one may be older than all others.
    """

    store: str
    provider: str
    active: bool
    in_use: bool
    number: int
    oldest: datetime | None
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class InventoryTaken:
    """Every secret and data key of a database, as counted now; `targets` is the configured provider of each store.

    `quarantined` has the number of quarantined secrets by location and state, which is open or acknowledged.
    """

    targets: Mapping[str, str]
    secrets: Sequence[SecretsCounted]
    data_keys: Sequence[KeysCounted]
    quarantined: Sequence[tuple[str, str, int]]


@dataclass(frozen=True, slots=True)
class RunRecorded:
    """The state tables know a run that has ended (`ended` is UTC and naive), after so many seconds from its beginning.

    Interruptions are part of these seconds. `command` is what a user types for such a run.
    """

    command: str
    exit_code: int
    seconds: float
    ended: datetime


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run starts, or resumes where it was interrupted.

    Of its `secrets` the interrupted one had looked at so many in the pass that goes on.
    """

    run_id: str
    resumed: bool
    target_provider: str
    secrets: int
    looked_at: int = 0


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
class LocationStarted:
    """A pass begins with a location, or goes on in it."""

    location: str


@dataclass(frozen=True, slots=True)
class LocationEnded:
    """A pass has left a location, at its end or where it stopped; `moved` are the secrets that moved meanwhile."""

    location: str
    moved: int


@dataclass(frozen=True, slots=True)
class PageCommitted:
    """A page is committed together with its checkpoint; `counts` are those of the location in this pass so far.

    Their names are those of `Counts`: total, re_encrypted, already_current, quarantined, left, not_applicable.
    """

    location: str
    secrets: int
    moved: int
    locked_seconds: float
    counts: Mapping[str, int]


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
class Paused:
    """Writing pauses for a replica, named if it is one of them, whose lag in seconds is too long or not known.

    The `reason` has no figure that changes, so that pauses can be counted by it.
    """

    replica: str
    reason: str
    lag: float | None


@dataclass(frozen=True, slots=True)
class Continued:
    """Writing goes on, after a pause of so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class VaultAnswered:
    """A request to a key service has ended after so many seconds, retries counted one by one.

    `operation` is Key Vault's, such as `unwrapkey`. `code` is the HTTP status, or `no_answer`. `version` is that of the
    key which the answer names, empty where it names none; `provider` is whose key it is.
    """

    provider: str
    operation: str
    code: str
    seconds: float
    version: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """A key service holds all requests back (429), for so many seconds more than before."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Warned:
    """A fact that the operator should know, although it stops nothing. The log line has its `name`, which stays."""

    name: str
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
    CommandStarted
    | CommandEnded
    | Surveyed
    | InventoryTaken
    | RunRecorded
    | RunStarted
    | TargetKeyReady
    | PassStarted
    | LocationStarted
    | LocationEnded
    | PageCommitted
    | DataKeysRewrapped
    | Quarantined
    | Waiting
    | Paused
    | Continued
    | VaultAnswered
    | Throttled
    | Warned
    | RunEnded
    | FleetStarted
    | MemberEnded
)
Emit = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Listen to nothing."""


def to_all(listeners: Sequence[Emit]) -> Emit:
    """Make one listener of several; each hears every event, in this order."""
    if len(listeners) == 1:
        return listeners[0]

    def tell(event: Event) -> None:
        for listen in listeners:
            listen(event)

    return tell
