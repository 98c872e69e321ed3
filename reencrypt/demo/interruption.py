"""Interrupts a run as Ctrl-C would, once its log says that it has moved something."""

from __future__ import annotations

import asyncio
import json
import signal
from asyncio import StreamReader
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reencrypt.demo.children import Children, DemoFailedError, Finished
from reencrypt.errors import first_error

#: Options that make a run write each committed page to stderr.
WATCHED = ("-v", "--log-format", "json")


@dataclass(frozen=True, slots=True)
class Page:
    """A page that a run has committed."""

    location: str
    moved: int


async def interrupted_run(
    children: Children, arguments: tuple[str, ...], *, after: int, committed: Callable[[Page], None]
) -> Finished:
    """Start a run, report its pages, and send SIGINT when it has moved at least `after` secrets; wait for its end.

    Raises `DemoFailedError` where the run ends before that.
    """
    async with children.started(*arguments, *WATCHED) as process:
        if process.stdout is None or process.stderr is None:  # only for the types: pipes were asked for
            raise DemoFailedError("the run has no output")
        stdout, stderr = process.stdout, process.stderr
        try:
            # Both at once: an unread pipe would fill up and block the run.
            async with asyncio.TaskGroup() as group:
                result = group.create_task(stdout.read())
                log = group.create_task(_watch(stderr, after, committed, lambda: process.send_signal(signal.SIGINT)))
        except BaseExceptionGroup as group_error:
            raise first_error(group_error) from group_error
        await process.wait()
    return Finished(process.returncode or 0, result.result().decode(), log.result())


async def _watch(
    stream: StreamReader, after: int, committed: Callable[[Page], None], interrupt: Callable[[], None]
) -> str:
    lines: list[str] = []
    moved = 0
    async for line in stream:
        text = line.decode()
        lines.append(text)
        page = _page(text)
        if page is None or moved >= after:
            continue
        committed(page)
        moved += page.moved
        if moved >= after:
            interrupt()
    if moved < after:
        raise DemoFailedError("`reencrypt run` ended before it could be interrupted", hint="".join(lines[-5:]))
    return "".join(lines)


def _page(text: str) -> Page | None:
    """The page that a log line reports, or None."""
    try:
        event: dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    if event.get("event") != "page committed" or not event["moved"]:
        return None
    return Page(event["location"], event["moved"])
