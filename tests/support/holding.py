"""Somebody else's session that holds locks while a test goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.engine import Engine


@contextmanager
def holding(engine: Engine, *statements: str) -> Iterator[None]:
    """Hold what the statements have locked until the block ends; they run on one connection of its own thread."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with engine.session() as execute:
            for statement in statements:
                execute(statement)
            held.set()
            done.wait(250)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(120)
        yield
    finally:
        done.set()
        thread.join()
