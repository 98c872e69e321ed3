"""The pipeline: reads a location by pages, resolves keys, transforms and commits, three stages at the same time.

Page n+2 is read while n+1 is transformed and n commits. Reading holds no transaction open. Cancelling it at any await
leaves the database as of some checkpoint, because only commits count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from typing import Final, TypeVar

from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.reading import ParsedRow, namespace_of, parse_rows
from reencrypt.catalogue.reason import Reason
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.databases.paging import Coverage, count_rows, next_page
from reencrypt.databases.protocol import ColumnLimit
from reencrypt.events import LocationEnded, LocationStarted, PageCommitted, Quarantined
from reencrypt.operations.migrate.committer import Committed, Committer, with_entries
from reencrypt.operations.migrate.fast_path import FastPath
from reencrypt.operations.migrate.page_sizer import PAGE_BYTES, PageSizer
from reencrypt.operations.migrate.resolver import Resolver
from reencrypt.operations.migrate.slow_path import PageOutcome, RowOutcome, Transformer, UnusableKey, UsableKey
from reencrypt.planning.session import Session
from reencrypt.planning.target_keys import NO_NAMESPACE, TargetKeys
from reencrypt.state.accepted import Accepted
from reencrypt.state.checkpoints import Checkpoint
from reencrypt.state.failure_rate import FailureRate
from reencrypt.state.quarantine import Finding, KnownSecret, Place, known_of
from reencrypt.state.rowkey import key_to_text
from reencrypt.wording import counted

_T = TypeVar("_T")

_PAGES_AHEAD: Final = 1  # in each queue: one waits while one is worked on
_RACE_ATTEMPTS: Final = 5
_FEW_SALTS: Final = 4
_CHUNK_ROWS: Final = 32  # of keys to derive, about a millisecond each
_UNSAVED_SECONDS: Final = 1.0  # how long progress through rows without changes may stay unsaved


@dataclass(slots=True)
class _Page:
    """A page on its way; `last` says that the location ends with it; then `counted` is its present number of rows."""

    rows: list[Row]
    outcome: PageOutcome
    last: bool
    counted: int | None = None


@dataclass(slots=True)
class Limit:
    """The number of secrets that a pilot may move, over all its stores and locations; `most` is None for all."""

    most: int | None = None
    moved: int = 0

    @property
    def left(self) -> int | None:
        """The number of secrets that may still move, None for any number."""
        return None if self.most is None else self.most - self.moved

    @property
    def reason(self) -> str | None:
        """The reason to stop, once the limit is reached."""
        if self.most is None or self.moved < self.most:
            return None
        return f"the limit of {counted(self.most, 'secret')} is reached"


@dataclass(frozen=True, slots=True)
class Progress:
    """The number of secrets moved, and why work stopped before the end, None where it did not."""

    moved: int = 0
    stopped: str | None = None


class Pipeline:
    """Moves the secrets of one location after another, for one run."""

    def __init__(
        self,
        session: Session,
        committer: Committer,
        targets: TargetKeys,
        is_current: Callable[[str | None, Algorithm], bool],
        *,
        known: Mapping[Place, KnownSecret],
        accepted: Accepted,
        failure_rate: FailureRate,
        limit: Limit,
        with_envelopes: Collection[str],
    ) -> None:
        self._session = session
        self._database = session.database
        self._committer = committer
        self._targets = targets
        self._is_current = is_current
        self._known = known
        self._accepted = accepted
        self._failure_rate = failure_rate
        self._limit = limit
        self._with_envelopes = with_envelopes
        self._page_sizer = PageSizer(session.database.lock_policy)
        # Where a lock keeps everybody out, nothing here may slow down its holder: neither a thread that competes for
        # the interpreter, nor a reader that the commit has to wait for. They work in the pauses.
        gaps = session.database.lock_policy.gaps
        self._turn: AbstractAsyncContextManager[None] = asyncio.Lock() if gaps else nullcontext()
        self._free_at = 0.0
        self._limits: tuple[ColumnLimit | None, ...] = ()
        self._fast_path: FastPath | None = None
        self._resolver: Resolver
        self._told: set[tuple[str, str, str]] = set()

    async def run(self, location: Location, checkpoint: Checkpoint, resolver: Resolver) -> Progress:
        """Work through a location from its checkpoint to its end, a request to stop, or the limit.

        The checkpoint is brought up to date as pages commit.
        """
        self._resolver = resolver
        self._limits = await self._database.column_limits(location)
        self._fast_path = FastPath(location, self._known) if FastPath.fits(location) else None
        if checkpoint.last_key is None:
            checkpoint.coverage = Coverage(before=await count_rows(self._database, location))
        self._session.emit(LocationStarted(location.name))
        moved = self._limit.moved
        try:
            return await self._in_stages(location, checkpoint)
        finally:
            self._session.emit(LocationEnded(location.name, self._limit.moved - moved))

    async def _in_stages(self, location: Location, checkpoint: Checkpoint) -> Progress:
        read: asyncio.Queue[_Page] = asyncio.Queue(_PAGES_AHEAD)
        transformed: asyncio.Queue[_Page] = asyncio.Queue(_PAGES_AHEAD)
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(self._read(location, checkpoint, read))
            worker = group.create_task(self._transform(location, read, transformed))
            writer = group.create_task(self._commit(location, checkpoint, transformed))
            # A writer that ends early (limit, stop) leaves nothing for the others to do.
            writer.add_done_callback(lambda _task: (reader.cancel(), worker.cancel()))
        return writer.result()

    async def _read(self, location: Location, checkpoint: Checkpoint, out: asyncio.Queue[_Page]) -> None:
        after = checkpoint.last_key
        while True:
            async with self._turn:
                rows = await next_page(self._database, location, after, rows=self._page_rows(), size=PAGE_BYTES)
                # At once: a row that comes between the end and the count would look like a missed one.
                counted = None if rows else await count_rows(self._database, location)
            await out.put(_Page(rows, PageOutcome(), last=not rows, counted=counted))
            if not rows:
                return
            after = rows[-1].key

    def _page_rows(self) -> int:
        return (
            self._page_sizer.rows if self._limit.left is None else min(self._page_sizer.rows, max(1, self._limit.left))
        )

    async def _transform(self, location: Location, pages: asyncio.Queue[_Page], out: asyncio.Queue[_Page]) -> None:
        while True:
            page = await pages.get()
            if self._limit.left is None:
                outcome = await self._outcome(location, page.rows)
                async with self._turn:
                    page.outcome = await self._in_thread(with_entries, location, outcome)
            await out.put(page)
            if page.last:
                return

    def _transformer(self, namespace: str, is_current: Callable[[str | None, Algorithm], bool]) -> Transformer:
        return Transformer(
            self._targets.encryptor(namespace),
            is_current,
            cache(self._resolver.key_of),
            self._resolver.proof,
            self._session.cache,
            self._limits,
            self._resolver.key_to_read,
            self._known,
            self._accepted,
            namespace,
            self._with_envelopes,
        )

    async def _outcome(self, location: Location, rows: Sequence[Row]) -> PageOutcome:
        """Transform rows, the ordinary ones by the fast path."""
        page = PageOutcome()
        for namespace, group in _by_namespace(location, rows):
            rest = group
            if self._fast_path is not None and self._targets.has(namespace):
                transformer = self._transformer(namespace, cache(self._is_current))
                async with self._turn:
                    ordinary, rest = await self._in_thread(self._fast_path.take, group, transformer)
                page.merge(ordinary)
            if rest:
                page.merge(await self._by_slow_path(location, namespace, rest))
                if self._fast_path is not None:
                    self._fast_path.learn(rest[-1], self._transformer(namespace, cache(self._is_current)))
        return page

    async def _each_by_slow_path(self, location: Location, rows: Sequence[Row]) -> PageOutcome:
        page = PageOutcome()
        for namespace, group in _by_namespace(location, rows):
            page.merge(await self._by_slow_path(location, namespace, group))
        return page

    async def _by_slow_path(self, location: Location, namespace: str, raw: Sequence[Row]) -> PageOutcome:
        """Parse rows, resolve their keys, then transform them in threads, a chunk of rows for each."""
        async with self._turn:
            rows = await self._in_thread(parse_rows, location, raw)
        await self._resolver.prepare(
            rows,
            self._is_current,
            lambda parsed, secret: known_of(self._known, location, secret, parsed.row) is not None,
        )
        # One answer for each key, so that nothing moves in a namespace that has no target key yet.
        is_current = cache(self._is_current)
        if (
            not self._targets.has(namespace)
            and location.reencrypted
            and _moves(rows, is_current, self._resolver.key_of)
        ):
            await self._targets.ensure([namespace])
        transformer = self._transformer(namespace, is_current)
        # Deriving keys releases the GIL. Everything else competes for it, so that one thread is faster than two. Small
        # chunks, so that no thread waits long for the last one.
        derives = _salts(rows) > _FEW_SALTS
        size = _CHUNK_ROWS if derives else max(1, len(rows))
        chunks = [rows[start : start + size] for start in range(0, len(rows), size)]
        async with nullcontext() if derives else self._turn:
            outcomes = await asyncio.gather(
                *(self._in_thread(transformer.transform, location, chunk) for chunk in chunks)
            )
        page = PageOutcome()
        for outcome in outcomes:
            page.merge(outcome)
        return page

    async def _commit(self, location: Location, checkpoint: Checkpoint, pages: asyncio.Queue[_Page]) -> Progress:
        moved = 0
        loop = asyncio.get_running_loop()
        saved = loop.time()
        unsaved = PageOutcome()
        while True:
            page = await pages.get()
            if self._limit.left is not None:
                page = await self._within_budget(location, page, self._limit.left)
            unsaved.unchanged.add(page.outcome.unchanged)
            unsaved.failure_rate.add(page.outcome.failure_rate)
            if page.rows:
                checkpoint.last_key = page.rows[-1].key
            checkpoint.coverage = checkpoint.coverage.read(len(page.rows)).ended(page.counted)
            checkpoint.done = page.last
            stopped = self._session.stop.reason
            # Rows without a change need no transaction of their own; their progress is saved from time to time.
            if not page.outcome.is_unchanged or page.last or stopped or loop.time() - saved > _UNSAVED_SECONDS:
                unsaved.updates, unsaved.detailed = page.outcome.updates, page.outcome.detailed
                unsaved.namespaces, unsaved.entries = page.outcome.namespaces, page.outcome.entries
                unsaved.span = (page.rows[0].key, page.rows[-1].key) if page.rows else None
                moved += await self._commit_page(location, unsaved, checkpoint, len(page.rows))
                unsaved, saved = PageOutcome(), loop.time()
            stopped = stopped or self._limit.reason
            if page.last or stopped:
                return Progress(moved, stopped)

    async def _within_budget(self, location: Location, page: _Page, left: int) -> _Page:
        """Transform row by row and cut the page behind the row that reaches the limit."""
        outcome = PageOutcome()
        for count, row in enumerate(page.rows, 1):
            outcome.merge(await self._each_by_slow_path(location, [row]))
            if outcome.moved >= left:
                return _Page(page.rows[:count], outcome, last=False)
        return _Page(page.rows, outcome, page.last, page.counted)

    async def _commit_page(self, location: Location, page: PageOutcome, checkpoint: Checkpoint, rows: int) -> int:
        """Commit, and take rows that lost a race through the pipeline again until they win or have lost too often."""
        if checkpoint.pass_number == 0:
            # A sweep mostly tries what has failed already.
            self._failure_rate.add(page.failure_rate)
            self._failure_rate.check(self._session.options.safety.max_quarantine, page.failure_rate.failed)
        committed = await self._write(location, page, checkpoint)
        if committed.moved or committed.findings:
            # Otherwise the lock was held for the checkpoint alone.
            self._page_sizer.learn(rows, committed.locked_seconds)
        moved = self._report(location, committed, page.secrets)
        attempts = 1
        while committed.lost:
            again = await self._database.read_rows(location, committed.lost)
            outcome = await self._each_by_slow_path(location, again)
            if attempts == _RACE_ATTEMPTS:
                given_up = [_give_up(row) for row in outcome.detailed]
                outcome = replace(outcome, updates=[], detailed=given_up, entries=None)
            committed = await self._write(location, outcome, checkpoint)
            moved += self._report(location, committed, 0)
            attempts += 1
        return moved

    async def _write(self, location: Location, page: PageOutcome, checkpoint: Checkpoint) -> Committed:
        """Commit after the pause in which other writers had their turn."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._free_at - loop.time()))
        async with self._turn:
            committed = await self._committer.commit(location, page, checkpoint)
        if committed.moved or committed.findings:
            self._free_at = loop.time() + self._page_sizer.pause_after(committed.locked_seconds)
        return committed

    def _report(self, location: Location, committed: Committed, secrets: int) -> int:
        self._limit.moved += committed.moved
        counts = committed.counts.as_numbers()
        self._session.emit(PageCommitted(location.name, secrets, committed.moved, committed.locked_seconds, counts))
        for finding in committed.findings:
            key = key_to_text(finding.key)
            place = (location.name, key, finding.field)
            if place in self._told or not finding.news:
                continue  # a sweep meets it again
            self._told.add(place)
            self._session.emit(Quarantined(location.name, key, finding.field, finding.reason, finding.detail))
        return committed.moved

    async def _in_thread(self, function: Callable[..., _T], *arguments: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._session.pool, function, *arguments)


def _by_namespace(location: Location, rows: Sequence[Row]) -> list[tuple[str, Sequence[Row]]]:
    """The rows of each namespace, in order; all at once in a store that has none."""
    if location.namespace is None:
        return [(NO_NAMESPACE, rows)] if rows else []
    return [(namespace, list(group)) for namespace, group in groupby(rows, key=lambda row: namespace_of(location, row))]


def _moves(
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


def _salts(rows: Sequence[ParsedRow]) -> int:
    """The number of keys to derive for these rows, if none is cached yet."""
    return len({each.envelope.salt for row in rows for each in row.secrets if each.envelope is not None})


def _give_up(row: RowOutcome) -> RowOutcome:
    """Quarantine the secrets of a row that others kept changing."""
    counts = replace(row.counts, re_encrypted=row.counts.re_encrypted - row.moved)
    findings = list(row.findings)
    for _ in range(row.moved):
        counts.quarantine(Reason.RACE_LOST)
    if row.moved:
        cell = next((cell for cell in row.row.cells if cell), b"")
        findings.append(Finding(row.row.key, "", Reason.RACE_LOST, "the row changed at every attempt", cell))
    return RowOutcome(row.row, findings, counts)
