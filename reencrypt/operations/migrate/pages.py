"""Pages on their way through the pipeline, and the parts of a location that they are from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from reencrypt.catalogue.location import Key, Location, Row
from reencrypt.catalogue.reading import ParsedRow, namespace_of
from reencrypt.catalogue.reason import Reason
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.databases.protocol import ColumnLimit
from reencrypt.operations.migrate.bulk_path import BulkPath
from reencrypt.operations.migrate.slow_path import PageOutcome, RowOutcome, UnusableKey, UsableKey
from reencrypt.planning.target_keys import NO_NAMESPACE
from reencrypt.state.checkpoints import Checkpoint
from reencrypt.state.quarantine import Finding


@dataclass(slots=True)
class Page:
    """A page on its way; `last` says that the location ends with it; then `counted` is its present number of rows."""

    rows: list[Row]
    outcome: PageOutcome
    last: bool
    counted: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What the stages work through: a location, or a key range of it.

    `whole` is the checkpoint of the location, `checkpoint` that of the part. A page of it has so many bytes at most.
    `by_server`: the server makes the journal's entries, see `Database.rewrites`.
    """

    location: Location
    whole: Checkpoint
    checkpoint: Checkpoint
    limits: tuple[ColumnLimit | None, ...]
    fast_path: BulkPath | None
    page_bytes: int
    by_server: bool

    @property
    def until(self) -> Key | None:
        """The last key that belongs to it, None for all to the end."""
        return self.checkpoint.key_range.until if self.checkpoint.key_range else None


def by_namespace(location: Location, rows: Sequence[Row]) -> list[tuple[str, Sequence[Row]]]:
    """The rows of each namespace, in order; all at once in a store that has none."""
    if location.namespace is None:
        return [(NO_NAMESPACE, rows)] if rows else []
    return [(namespace, list(group)) for namespace, group in groupby(rows, key=lambda row: namespace_of(location, row))]


def moves(
    rows: Sequence[ParsedRow],
    is_current: Callable[[str | None, Algorithm], bool],
    key_of: Callable[[str | None], UsableKey | UnusableKey],
) -> bool:
    """Whether a secret of these rows is to move, and there is a key to read it with."""
    envelopes = (secret.envelope for row in rows for secret in row.secrets)
    return any(
        each is not None
        and not is_current(each.key_id, each.algorithm)
        and not isinstance(key_of(each.key_id), UnusableKey)
        for each in envelopes
    )


def salts(rows: Sequence[ParsedRow]) -> int:
    """The number of keys to derive for these rows, if none is cached yet."""
    return len({each.envelope.salt for row in rows for each in row.secrets if each.envelope is not None})


def give_up(row: RowOutcome) -> RowOutcome:
    """Quarantine the secrets of a row that others kept changing."""
    counts = replace(row.counts, re_encrypted=row.counts.re_encrypted - row.moved)
    findings = list(row.findings)
    for _ in range(row.moved):
        counts.quarantine(Reason.RACE_LOST)
    if row.moved:
        cell = next((cell for cell in row.row.cells if cell), b"")
        findings.append(Finding(row.row.key, "", Reason.RACE_LOST, "the row changed at every attempt", cell))
    return RowOutcome(row.row, findings, counts)
