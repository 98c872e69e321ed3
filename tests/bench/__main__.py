"""`python -m tests.bench NAME`."""

from __future__ import annotations

import importlib
import sys

BENCHES = ("speed", "starting", "reading", "vault", "monitoring")

if __name__ == "__main__":
    names = sys.argv[1:] or list(BENCHES)
    if unknown := [name for name in names if name not in BENCHES]:
        sys.exit(f"unknown: {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    sys.exit(max(importlib.import_module(f"tests.bench.{name}").main() for name in names))
