"""The options of every operation: what the user asks, apart from Grafana's configuration. Each is stated once, here.

From these fields `reencrypt.cli.options` makes the command line, and reads environment and settings file;
`docs/reference.md` is written from them too. A command takes a group of them, or `Only` a part, in its signature.
Those of key-management services stand in `reencrypt.keys.service_options`. This module is loaded for every `--help`,
so it imports nothing that talks to a server or encrypts.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from reencrypt.catalogue.reason import Reason
from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.databases.lag_options import LagOptions
from reencrypt.errors import ConfigurationError
from reencrypt.keys.manager_options import ManagerOptions
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.keys.wrap_format import WrapFormat
from reencrypt.option import option
from reencrypt.outcomes import Operation

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from reencrypt.settings import Settings
    from reencrypt.state.quarantine import QuarantineEntry


def parse_age(text: str) -> timedelta:
    """Read a whole number of days, hours, minutes or seconds, such as `90d`; raises `ValueError`."""
    found = re.fullmatch(r"([0-9]{1,6})([dhms])", text)
    if not found:
        raise ValueError(f"{text!r} is not a number of days, hours, minutes or seconds, such as 90d")
    unit = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}[found[2]]
    return timedelta(**{unit: int(found[1])})


def age_in_words(age: timedelta) -> str:
    """Write an age as `parse_age` reads it, in the largest unit that has a whole number."""
    seconds = round(age.total_seconds())
    units = {"d": 86_400, "h": 3_600, "m": 60}
    unit, size = next(((unit, size) for unit, size in units.items() if seconds % size == 0), ("s", 1))
    return f"{seconds // size}{unit}"


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Which of Grafana's two envelope stores a command is about."""

    store: Literal["all", "classic", "manager"] = option(
        "--store",
        "The classic store, the secrets manager of Grafana 12 and later, or both.",
        default="all",
        details="`--to` belongs to the store that has a provider of that name; the other store goes to its own "
        "encryption_provider.",
    )

    @property
    def names(self) -> tuple[StoreName, ...]:
        """The stores that are asked for."""
        return tuple(StoreName) if self.store == "all" else (StoreName(self.store),)


@dataclass(frozen=True, slots=True)
class DeclaredOptions:
    """Tables of plugins and of Grafana Enterprise that the catalogue cannot know."""

    file: Path | None = option(
        "--locations FILE",
        "Declared locations (TOML): columns with secrets that reencrypt does not know.",
        default=None,
        details="A run saves them in its state tables, and every later command knows them without the file. See "
        "docs/runbook.md.",
        example="/etc/reencrypt/locations.toml",
    )


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """Target and form of the secrets."""

    to: str | None = option(
        "--to PROVIDER",
        "Target provider. Default: Grafana's encryption_provider.",
        default=None,
        completes="provider",
        example="azurekv.prod",
    )
    wrap_format: WrapFormat | None = option(
        "--wrap-format FRAMING/ALGORITHM",
        "How to wrap a new data key, e.g. raw/RSA-OAEP-256. Default: learned from Grafana's keys.",
        default=None,
        # Templates of unit files and charts leave it empty where it is not set.
        parse=lambda text: WrapFormat.parse(text) if text else None,
        example="raw/RSA-OAEP-256",
    )
    algorithm: Algorithm | None = option(
        "--algorithm",
        "How to encrypt. Default: [security.encryption] algorithm.",
        default=None,
        details="Every Grafana since 9 reads `aes-gcm`; only Grafana Enterprise writes it.",
        example="aes-gcm",
    )


@dataclass(frozen=True, slots=True)
class TrustOptions:
    """Which keys to believe, which to leave, and whether a database may be empty."""

    skip_keys: frozenset[str] = option(
        "--skip-key KEY",
        "Leave what is under this data key or provider.",
        default=frozenset(),
        completes="provider",
        example="secretKey.v1",
    )
    accept_unproven: frozenset[str] = option(
        "--accept-unproven KEY",
        "Believe this data key, or all under this provider, without proof.",
        default=frozenset(),
        completes="provider",
        example="azurekv.old",
    )
    allow_empty: bool = option("--allow-empty", "A database without any secret is no error.", default=False)


@dataclass(frozen=True, slots=True)
class RotationOptions:
    """Whether secrets get a fresh data key, and when."""

    fresh_data_key: bool = option(
        "--fresh-data-key",
        "Rotate: make a new data key, set all others inactive, move every secret under it.",
        default=False,
    )
    if_older_than: timedelta | None = option(
        "--if-older-than AGE",
        "With --fresh-data-key: only if a data key in use is older, e.g. 90d; else there is nothing to do.",
        default=None,
        parse=parse_age,
        details="That is exit 0. Secrets that no run can move make nothing due. While they wait in quarantine, the run "
        "exits with 3.",
        example="90d",
    )

    def __post_init__(self) -> None:
        if self.if_older_than is not None and not self.fresh_data_key:
            raise ConfigurationError(
                "--if-older-than is about data keys that get replaced", hint="Give --fresh-data-key with it."
            )


@dataclass(frozen=True, slots=True)
class ScopeOptions:
    """How much one run does, and when it ends."""

    locations: tuple[str, ...] = option(
        "--location NAME",
        "Only this location; then stop (exit 4).",
        default=(),
        completes="location",
        example="data_source",
    )
    limit: int | None = option(
        "--limit N", "Stop after about N secrets (exit 4).", default=None, minimum=1, example=100
    )
    max_runtime: float | None = option(
        "--max-runtime SECONDS", "Stop after this long (exit 4).", default=None, minimum=0, example=3600
    )
    settle: bool = option(
        "--settle",
        "Wait for Grafana's cache of data keys (data_keys_cache_ttl), then sweep once more.",
        default=False,
        details="Grafana's default is 15 minutes.",
    )


@dataclass(frozen=True, slots=True)
class SafetyOptions:
    """Limits at which a command stops for safety, or considers another run dead."""

    max_quarantine: float = option(
        "--max-quarantine SHARE",
        "Stop (exit 6) when more than this share of the secrets under one key fail, from 20 on.",
        default=0.2,
        minimum=0,
        maximum=1,
        details="So many mean a wrong key.",
    )
    lease_timeout: float = option(
        "--lease-timeout SECONDS", "A run whose heartbeat stands still this long is dead.", default=30.0, minimum=0.1
    )


@dataclass(frozen=True, slots=True)
class PaceOptions:
    """How much of the server a command uses."""

    writers: int = option(
        "--writers N",
        "On a server, commit at most N pages at the same time.",
        default=4,
        minimum=1,
        details="It begins with one and lets in more while commits are quick. Each takes a connection. SQLite has one "
        "writer.",
        example=2,
    )


@dataclass(frozen=True, slots=True)
class QuarantineSelection:
    """A selection of quarantine entries: those that fit every given option."""

    location: str | None = option(
        "--location NAME", "Only entries of this location.", default=None, completes="location", example="data_source"
    )
    row_key: str | None = option(
        "--key KEY", "Only this row; its key as `quarantine list` shows it.", default=None, example="17"
    )
    field: str | None = option(
        "--field FIELD", "Only this field of the row.", default=None, example="o_auth_access_token"
    )
    reason: Reason | None = option(
        "--reason", "Only entries with this reason.", default=None, example="unknown_data_key"
    )
    everything: bool = option("--all", "Every entry.", default=False)

    def takes(self, entry: QuarantineEntry) -> bool:
        """Whether the selection contains an entry."""
        wanted = ((self.location, entry.location), (self.field, entry.field), (self.reason, entry.reason))
        return all(value in (None, actual) for value, actual in wanted) and self.row_key in (
            None,
            entry.row_key,
            entry.row_key.strip('[]"'),
        )

    @property
    def is_empty(self) -> bool:
        """Whether no option was given."""
        return not self.everything and not any((self.location, self.row_key, self.field, self.reason))


@dataclass(frozen=True, slots=True)
class CompleteOptions:
    """The question to `complete`, and what it does after a yes.

    Without `retire` all keys but the target are to go. Without `finish` it only answers, as `check_only` says too.
    """

    retire: tuple[str, ...] = option(
        "--retire KEY",
        "Ask about this key alone, as the answer names it.",
        default=(),
        details="It is `secret_key` or `azurekv.prod/VERSION`, for example.",
        example="secret_key",
    )
    check_only: bool = option("--check", "Only answer, which is what happens without --finish too.", default=False)
    finish: bool = option(
        "--finish",
        "Answer again under the lease, and on yes drop the journal.",
        default=False,
        details="No run before that can be undone.",
    )
    settle: bool = option(
        "--settle", "Wait for Grafana's cache of data keys (data_keys_cache_ttl) first.", default=False
    )
    drop_state: bool = option(
        "--drop-state",
        "With --finish: drop the state tables, but for the list of data keys that reencrypt made.",
        default=False,
    )
    delete_data_keys: Path | None = option(
        "--delete-data-keys FILE",
        "With --finish: delete the data keys that are inactive and unused, saved to this new file first.",
        default=None,
        details="Everything is counted once more before the commit, and SQLite lets nobody else write meanwhile.",
        example="/root/data-keys.json",
    )
    unsearched: frozenset[str] = option(
        "--unsearched TABLE[.COLUMN]",
        "Answer without what cannot be searched: it holds no secrets.",
        default=frozenset(),
        details="A whole table outside the catalogue is not searched at all.",
        example="plugin_table.column",
    )
    not_secrets: tuple[str, ...] = option(
        "--not-a-secret TABLE.COLUMN:DIGEST",
        "This find, as the answer names it, is no secret; it counts again when its bytes change.",
        default=(),
        example="dashboard.data:9f86d081884c7d65",
    )


@dataclass(frozen=True, slots=True)
class EvidenceOptions:
    """What a report judges."""

    cryptoperiod: timedelta | None = option(
        "--cryptoperiod AGE",
        "Judge each key in use by this age, e.g. 90d.",
        default=None,
        parse=parse_age,
        details="A key whose age nobody knows, such as `secret_key`, is named as one.",
        example="90d",
    )


@dataclass(frozen=True, slots=True)
class RunOptions:
    """All options of an operation; a command fills in the groups that it takes.

    `accepted` are the implausible secrets in quarantine that the user vouches for. `flags` are the names of those that
    were given and that only one command has. `implied` are the groups that a command fills in and does not take.
    """

    operation: Operation = Operation.RUN
    stores: StoreOptions = field(default_factory=StoreOptions)
    declared: DeclaredOptions = field(default_factory=DeclaredOptions)
    target: TargetOptions = field(default_factory=TargetOptions)
    trust: TrustOptions = field(default_factory=TrustOptions)
    vault: ServiceOptions = field(default_factory=ServiceOptions)
    manager: ManagerOptions = field(default_factory=ManagerOptions)
    rotation: RotationOptions = field(default_factory=RotationOptions)
    scope: ScopeOptions = field(default_factory=ScopeOptions)
    safety: SafetyOptions = field(default_factory=SafetyOptions)
    pace: PaceOptions = field(default_factory=PaceOptions)
    lag: LagOptions = field(default_factory=LagOptions)
    accepted: QuarantineSelection | None = None
    flags: frozenset[str] = frozenset()
    implied: frozenset[str] = frozenset()

    def accepts(self, entry: QuarantineEntry) -> bool:
        """Whether the user vouches for a secret that is in quarantine and not given up."""
        return self.accepted is not None and entry.is_open and self.accepted.takes(entry)

    def applied_to(self, settings: Settings) -> Settings:
        """The configuration with the options that override it, for the providers, which wrap data keys."""
        return replace(settings, algorithm=self.target.algorithm) if self.target.algorithm else settings


def given_options(options: RunOptions, *more: DataclassInstance) -> dict[str, Any]:
    """The options that differ from their defaults, by their names, as JSON has them. None of them holds a secret.

    `more` are groups of a command that are not among those of every operation.
    """
    found: dict[str, Any] = {}
    groups = [getattr(options, each.name) for each in fields(options) if each.name not in options.implied]
    for group in [*groups, *more]:
        if not is_dataclass(group):
            continue
        for each in fields(group):
            value = getattr(group, each.name)
            if "option" in each.metadata and value != each.default:
                found[each.metadata["option"].name] = _plain(value)
    if options.accepted is not None:
        # The command's own option; what it selects are options as well.
        found["--accept-implausible"] = True
    return found | dict.fromkeys(sorted(options.flags), True)


def _plain(value: object) -> object:
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, timedelta):
        return age_in_words(value)
    if isinstance(value, (tuple, frozenset)):
        return sorted(map(str, value))
    return str(value)


def available_threads() -> int:
    """The processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1
