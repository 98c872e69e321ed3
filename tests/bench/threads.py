"""A first migration with more threads than this machine has processors: a stub sleeps for the time of a derivation.

That shows whether the pipeline keeps all threads busy. Sleeping releases the GIL, as PBKDF2 does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import repeat
from unittest.mock import patch

from reencrypt.crypto import derive
from reencrypt.crypto.derive import DERIVED_KEY_BYTES, derive_key
from reencrypt.crypto.envelope import parse
from reencrypt.operations import session
from tests.bench import fixtures
from tests.bench.fixtures import Bench
from tests.bench.result import Result
from tests.support.engine import Engine

THREADS = 8
_ALONE = 8000  # derivations to measure what the stub alone reaches
#: What a derivation takes on the machine of `docs/performance.md`.
DERIVATION_SECONDS = 0.0011


def on_simulated_threads(bench: Bench, count: int, seconds_of: Callable[[Engine], float]) -> list[Result]:
    """How near to linear a migration of so many legacy secrets is; `seconds_of` runs it."""
    engine = bench.engine("postgres")
    fixtures.data_key_rows(engine, bench.folder)
    values = fixtures.legacy_values(count)
    fixtures.insert(engine, values)
    password = fixtures.SECRET_KEY.encode()
    known = {parse(each).salt: b"" for each in values}
    for salt in known:
        known[salt] = derive_key(password, salt)

    def sleeping(given: bytes, salt: bytes) -> bytes:
        key = known.get(salt) if given == password else None
        if key is None:
            return derive_key(given, salt)
        assert len(key) == DERIVED_KEY_BYTES
        time.sleep(DERIVATION_SECONDS)
        return key

    with ExitStack() as stack:
        stack.enter_context(patch.object(derive, "derive_key", sleeping))
        stack.enter_context(patch.object(session, "available_threads", lambda: THREADS))
        # A sleep takes longer than it is asked to, by how much the machine decides: so linear is measured too.
        with ThreadPoolExecutor(THREADS) as threads:
            since = time.perf_counter()
            list(threads.map(sleeping, repeat(password), list(known)[:_ALONE]))
            linear = min(_ALONE, len(known)) / (time.perf_counter() - since)
        rate = count / seconds_of(engine)
    return [Result(f"first migration on {THREADS} simulated threads, share of linear", rate / linear, 0.9, "higher")]
