"""Faults: addresses, sign-in and TLS of a database."""

from __future__ import annotations

from typing import Final

from tests.faults.table import Fault

FAULTS: Final[tuple[Fault, ...]] = ()
