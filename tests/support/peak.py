"""How much memory a command takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Final

MEGABYTE: Final = 1 << 20

# A process of its own, because a child counts what its parent had before the child's program began.
_WATCH: Final = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def peak_of(line: Sequence[str], environment: Mapping[str, str]) -> tuple[bytes, int]:
    """The standard output of a command that ends well, and the largest resident size of its process in bytes."""
    done = subprocess.run([sys.executable, "-c", _WATCH, *line], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    *output, kilobytes = done.stdout.splitlines()
    return b"\n".join(output), int(kilobytes) * 1024
