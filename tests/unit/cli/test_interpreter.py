"""The interpreter of a command does not look through the rows of a page for garbage."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc
import reencrypt.operations.verify.operation
from reencrypt.cli.performing import run_to_end

collections = []
gc.callbacks.append(lambda phase, _: collections.append(phase))

async def work():
    imported = gc.get_freeze_count()
    collections.clear()
    for page in range(20):
        rows = [((number,), (b"cell",), ("kind",)) for number in range(8000)]
    pages = len(collections)
    circles = [[] for _ in range(400_000)]
    for circle in circles:
        circle.append(circle)
    print(imported > 10_000, pages, len(collections) > 0)

run_to_end(work())
"""


def test_a_page_of_rows_is_no_reason_to_collect_and_circles_are_collected_still() -> None:
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["True", "0", "True"]
