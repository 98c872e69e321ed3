"""Runs a command's coroutine. asyncio is imported only here, because help does not need its twenty milliseconds."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

_T = TypeVar("_T")

#: The event loop must not wait five milliseconds for its turn each time that a thread transforms a page.
_SWITCH_SECONDS: Final = 0.0005


def run_to_end(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine in an event loop of its own, and return what it returns."""
    import asyncio  # noqa: PLC0415

    sys.setswitchinterval(_SWITCH_SECONDS)
    return asyncio.run(work)
