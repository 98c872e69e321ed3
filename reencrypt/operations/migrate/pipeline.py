"""The pipeline: reads a location by pages, resolves keys, transforms and commits, three stages at the same time.

Page n+2 is read while n+1 is transformed and n commits. On a server a long location is split into key ranges, and
several such pipelines work side by side: one commit after another would leave the server idle. Reading holds no
transaction open. Cancelling it at any await leaves the database as of some checkpoint, because only commits count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from functools import cache, partial
from typing import Final, TypeVar

from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.reading import ParsedRow, parse_rows
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.databases.paging import Coverage, count_rows, next_page
from reencrypt.events import LocationEnded, LocationStarted, PageCommitted, Quarantined
from reencrypt.operations.migrate.bulk_path import bulk_path_of
from reencrypt.operations.migrate.committer import Committed, Committer, with_entries
from reencrypt.operations.migrate.limit import Limit, Progress
from reencrypt.operations.migrate.page_sizer import PAGE_BYTES, PageSizer
from reencrypt.operations.migrate.pages import Page, Part, by_namespace, give_up, moves, salts
from reencrypt.operations.migrate.ranges import split
from reencrypt.operations.migrate.resolver import Resolver
from reencrypt.operations.migrate.room import Room, Share
from reencrypt.operations.migrate.slow_path import PageOutcome, Transformer
from reencrypt.operations.migrate.width import Width
from reencrypt.planning.session import Session
from reencrypt.planning.target_keys import TargetKeys
from reencrypt.state.accepted import Accepted
from reencrypt.state.checkpoints import Checkpoint
from reencrypt.state.failure_rate import FailureRate
from reencrypt.state.quarantine import KnownSecret, Place, known_of
from reencrypt.state.rowkey import key_to_text

_T = TypeVar("_T")

_PAGES_AHEAD: Final = 1  # in each queue: one waits while one is worked on
# Pages at once: each takes a megabyte or two. Up to five writers have as many as one.
_PAGES_OF_ONE: Final = 5
_PAGES_OF_EACH: Final = 1
_RACE_ATTEMPTS: Final = 5
_FEW_SALTS: Final = 4
_CHUNK_ROWS: Final = 32  # of keys to derive, about a millisecond each
_UNSAVED_SECONDS: Final = 1.0  # how long progress through rows without changes may stay unsaved


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
        policy = session.database.lock_policy
        lock = asyncio.Lock()
        self._turn: AbstractAsyncContextManager[None] = lock if policy.gaps else nullcontext()
        # Threads compete for the interpreter, so that one that computes is faster than several.
        self._computing: AbstractAsyncContextManager[None] = lock
        self._free_at = 0.0
        self._writers = 1 if policy.gaps else session.options.pace.writers
        self._width = Width(self._writers, policy.hold_seconds)
        self._preparing = asyncio.Lock()
        self._resolver: Resolver
        self._room: Room
        self._told: set[tuple[str, str, str]] = set()

    async def run(self, location: Location, checkpoint: Checkpoint, resolver: Resolver) -> Progress:
        """Work through a location from its checkpoint to its end, a request to stop, or the limit.

        The checkpoint is brought up to date as pages commit.
        """
        self._resolver = resolver
        self._room = Room(max(_PAGES_OF_ONE, _PAGES_OF_EACH * self._writers))
        if checkpoint.last_key is None and not checkpoint.is_split:
            checkpoint.coverage = Coverage(before=await count_rows(self._database, location))
        if self._splits(location, checkpoint) and await split(self._database, location, checkpoint, self._writers):
            await self._committer.begin_ranges(checkpoint)
        self._session.emit(LocationStarted(location.name))
        moved = self._limit.moved
        try:
            if checkpoint.is_split:
                return await self._in_ranges(location, checkpoint)
            return await self._in_stages(await self._part(location, checkpoint, checkpoint, PAGE_BYTES))
        finally:
            self._session.emit(LocationEnded(location.name, self._limit.moved - moved))

    def _splits(self, location: Location, checkpoint: Checkpoint) -> bool:
        """Whether several writers may work on a location: linked rows belong together, and a sweep hardly writes."""
        return (
            self._limit.left is None
            and location.linked is None
            and checkpoint.pass_number == 0
            and not checkpoint.is_split
        )

    async def _part(self, location: Location, whole: Checkpoint, checkpoint: Checkpoint, page_bytes: int) -> Part:
        fast_path = bulk_path_of(location, self._known, self._session.documents)
        async with self._database.together():
            limits, by_server = await self._database.column_limits(location), await self._database.rewrites(location)
        return Part(location, whole, checkpoint, limits, fast_path, page_bytes, by_server)

    async def _in_ranges(self, location: Location, checkpoint: Checkpoint) -> Progress:
        """Work through the ranges of a location, so many at the same time, and join them at their end."""
        waiting = [each for each in checkpoint.ranges if not each.done]
        writers = min(self._writers, len(waiting)) if self._limit.left is None else 1
        ended: list[Progress] = []

        async def write() -> None:
            while waiting and not (ended and ended[-1].stopped):
                part = await self._part(location, checkpoint, waiting.pop(0), 2 * PAGE_BYTES // (3 * writers))
                ended.append(await self._in_stages(part))

        async with asyncio.TaskGroup() as group:
            for _ in range(writers):
                group.create_task(write())
        moved = sum(each.moved for each in ended)
        stopped = next((each.stopped for each in ended if each.stopped), None)
        if stopped is None:
            joined = checkpoint.joined(await count_rows(self._database, location))
            await self._committer.end_ranges(joined)
        return Progress(moved, stopped)

    async def _in_stages(self, part: Part) -> Progress:
        read: asyncio.Queue[Page] = asyncio.Queue(_PAGES_AHEAD)
        transformed: asyncio.Queue[Page] = asyncio.Queue(_PAGES_AHEAD)
        with self._room.share() as room:
            return await self._staged(part, room, read, transformed)

    async def _staged(self, part: Part, room: Share, read: asyncio.Queue[Page], done: asyncio.Queue[Page]) -> Progress:
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(self._read(part, room, read))
            worker = group.create_task(self._transform(part, read, done))
            writer = group.create_task(self._commit(part, room, done))
            # A writer that ends early (limit, stop) leaves nothing for the others to do.
            writer.add_done_callback(lambda _task: (reader.cancel(), worker.cancel()))
        return writer.result()

    async def _read(self, part: Part, room: Share, out: asyncio.Queue[Page]) -> None:
        location, after = part.location, part.checkpoint.last_key
        while True:
            await room.take()
            async with self._turn:
                rows = await next_page(
                    self._database, location, after, rows=self._page_rows(), size=part.page_bytes, until=part.until
                )
                # At once: a row that comes between the end and the count would look like a missed one. A range is
                # counted with the others.
                ends = not rows and part.checkpoint.key_range is None
                counted = await count_rows(self._database, location) if ends else None
            await out.put(Page(rows, PageOutcome(), last=not rows, counted=counted))
            if not rows:
                return
            after = rows[-1].key

    def _page_rows(self) -> int:
        return (
            self._page_sizer.rows if self._limit.left is None else min(self._page_sizer.rows, max(1, self._limit.left))
        )

    async def _transform(self, part: Part, pages: asyncio.Queue[Page], out: asyncio.Queue[Page]) -> None:
        while True:
            page = await pages.get()
            if self._limit.left is None:
                outcome = await self._outcome(part, page.rows)
                async with self._computing:
                    entering = partial(with_entries, part.location, outcome, by_server=part.by_server)
                    page.outcome = await self._in_thread(entering)
            await out.put(page)
            if page.last:
                return

    def _transformer(
        self, part: Part, namespace: str, is_current: Callable[[str | None, Algorithm], bool]
    ) -> Transformer:
        return Transformer(
            self._targets.encryptor(namespace),
            is_current,
            cache(self._resolver.key_of),
            self._resolver.proof,
            self._session.cache,
            part.limits,
            self._resolver.key_to_read,
            self._known,
            self._accepted,
            namespace,
            self._with_envelopes,
        )

    async def _outcome(self, part: Part, rows: Sequence[Row]) -> PageOutcome:
        """Transform rows, the ordinary ones by the fast path."""
        page, fast_path = PageOutcome(), part.fast_path
        for namespace, group in by_namespace(part.location, rows):
            rest = group
            if fast_path is not None and self._targets.has(namespace):
                transformer = self._transformer(part, namespace, cache(self._is_current))
                async with self._computing:
                    ordinary, rest = await self._in_thread(fast_path.take, group, transformer)
                page.merge(ordinary)
            if rest:
                page.merge(await self._by_slow_path(part, namespace, rest))
                if fast_path is not None:
                    fast_path.learn(rest[-1], self._transformer(part, namespace, cache(self._is_current)))
        return page

    async def _each_by_slow_path(self, part: Part, rows: Sequence[Row]) -> PageOutcome:
        page = PageOutcome()
        for namespace, group in by_namespace(part.location, rows):
            page.merge(await self._by_slow_path(part, namespace, group))
        return page

    async def _by_slow_path(self, part: Part, namespace: str, raw: Sequence[Row]) -> PageOutcome:
        """Parse rows, resolve their keys, then transform them in threads, a chunk of rows for each."""
        location = part.location
        async with self._computing:
            rows = await self._in_thread(parse_rows, location, raw)
        is_current = await self._prepared(location, namespace, rows)
        transformer = self._transformer(part, namespace, is_current)
        # Deriving keys releases the GIL. Everything else competes for it, so that one thread is faster than two. Small
        # chunks, so that no thread waits long for the last one.
        derives = salts(rows) > _FEW_SALTS
        size = _CHUNK_ROWS if derives else max(1, len(rows))
        chunks = [rows[start : start + size] for start in range(0, len(rows), size)]
        async with nullcontext() if derives else self._computing:
            outcomes = await asyncio.gather(
                *(self._in_thread(transformer.transform, location, chunk) for chunk in chunks)
            )
        page = PageOutcome()
        for outcome in outcomes:
            page.merge(outcome)
        return page

    async def _prepared(
        self, location: Location, namespace: str, rows: Sequence[ParsedRow]
    ) -> Callable[[str | None, Algorithm], bool]:
        """Get the keys that these rows are read and written with; returns which secrets are current.

        For one page at a time: no key is asked for twice, and no namespace gets two target keys.
        """
        async with self._preparing:
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
                and moves(rows, is_current, self._resolver.key_of)
            ):
                await self._targets.ensure([namespace])
            return is_current

    async def _commit(self, part: Part, room: Share, pages: asyncio.Queue[Page]) -> Progress:
        moved, checkpoint = 0, part.checkpoint
        loop = asyncio.get_running_loop()
        saved = loop.time()
        unsaved = PageOutcome()
        while True:
            page = await pages.get()
            if self._limit.left is not None:
                page = await self._within_budget(part, page, self._limit.left)
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
                moved += await self._commit_page(part, unsaved, len(page.rows))
                unsaved, saved = PageOutcome(), loop.time()
            room.give()
            stopped = stopped or self._limit.reason
            if page.last or stopped:
                return Progress(moved, stopped)

    async def _within_budget(self, part: Part, page: Page, left: int) -> Page:
        """Transform row by row and cut the page behind the row that reaches the limit."""
        outcome = PageOutcome()
        for count, row in enumerate(page.rows, 1):
            outcome.merge(await self._each_by_slow_path(part, [row]))
            if outcome.moved >= left:
                return Page(page.rows[:count], outcome, last=False)
        return Page(page.rows, outcome, page.last, page.counted)

    async def _commit_page(self, part: Part, page: PageOutcome, rows: int) -> int:
        """Commit, and take rows that lost a race through the pipeline again until they win or have lost too often."""
        if part.checkpoint.pass_number == 0:
            # A sweep mostly tries what has failed already.
            news = self._failure_rate.add(page.failure_rate)
            if part.checkpoint.key_range is not None:
                part.checkpoint.key_range.failure_rate.add(news)
            self._failure_rate.check(self._session.options.safety.max_quarantine, page.failure_rate.failed)
        committed = await self._write(part, page)
        if committed.moved or committed.findings:
            # Otherwise the lock was held for the checkpoint alone.
            work = self._page_sizer.work_of(committed.locked_seconds, committed.round_trip_seconds)
            self._page_sizer.learn(rows, work)
            self._width.learn(work)
        moved = self._report(part, committed, page.secrets)
        attempts = 1
        while committed.lost:
            again = await self._database.read_rows(part.location, committed.lost)
            outcome = await self._each_by_slow_path(part, again)
            if attempts == _RACE_ATTEMPTS:
                given_up = [give_up(row) for row in outcome.detailed]
                outcome = replace(outcome, updates=[], detailed=given_up, entries=None)
            committed = await self._write(part, outcome)
            moved += self._report(part, committed, 0)
            attempts += 1
        return moved

    async def _write(self, part: Part, page: PageOutcome) -> Committed:
        """Commit after the pause in which other writers had their turn, and replicas came near."""
        loop = asyncio.get_running_loop()
        await self._session.brake.wait()
        await asyncio.sleep(max(0.0, self._free_at - loop.time()))
        async with self._turn, self._width.room():
            committed = await self._committer.commit(part.location, page, part.checkpoint, by_server=part.by_server)
        if committed.moved or committed.findings:
            self._free_at = loop.time() + self._page_sizer.pause_after(committed.locked_seconds)
        return committed

    def _report(self, part: Part, committed: Committed, secrets: int) -> int:
        location = part.location
        self._limit.moved += committed.moved
        counts = part.whole.all_counts.as_numbers()
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
