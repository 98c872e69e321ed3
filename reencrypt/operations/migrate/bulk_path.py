"""The bulk path of a location, where it has one: for what is ordinary, many secrets at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from reencrypt.catalogue.document_memory import DocumentMemory
from reencrypt.catalogue.location import Location, Row
from reencrypt.operations.migrate.document_path import DocumentPath
from reencrypt.operations.migrate.fast_path import FastPath
from reencrypt.operations.migrate.slow_path import PageOutcome, Transformer
from reencrypt.state.quarantine import KnownSecret, Place


class BulkPath(Protocol):
    """Protocol of a bulk path: one location, one run, one page at a time."""

    def take(self, rows: Sequence[Row], transformer: Transformer) -> tuple[PageOutcome, list[Row]]:
        """Move the ordinary rows of a page; returns their outcome, and the rows that need the slow path."""
        ...

    def learn(self, row: Row, transformer: Transformer) -> None:
        """Learn from a row of the page that has taken the slow path. Not while a page is taken."""
        ...


def bulk_path_of(location: Location, known: Mapping[Place, KnownSecret], memory: DocumentMemory) -> BulkPath | None:
    """Return the bulk path of a location. `known` are the secrets that were in quarantine before."""
    if FastPath.fits(location):
        return FastPath(location, known)
    return DocumentPath(location, known, memory) if DocumentPath.fits(location) else None
