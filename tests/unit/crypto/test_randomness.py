"""Random bytes are handed out once, whatever the lengths, the threads and the processes."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from reencrypt.crypto.randomness import random_bytes


def test_no_two_are_alike_in_any_thread() -> None:
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda number: random_bytes(12 + number % 2 * 4), range(20_000)))
    assert len({each[:12] for each in drawn}) == len(drawn)
    assert {len(each) for each in drawn} == {12, 16}


def test_more_than_is_drawn_at_once() -> None:
    assert len(random_bytes(100_000)) == 100_000


def test_a_child_does_not_repeat_its_parent() -> None:
    # In a process of its own, because one with threads should not be forked.
    code = (
        "import os\n"
        "from reencrypt.crypto.randomness import random_bytes\n"
        "random_bytes(16)\n"
        "if os.fork():\n"
        "    os.wait()\n"
        "print(random_bytes(16).hex(), flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    child, parent = done.stdout.split()
    assert child != parent
