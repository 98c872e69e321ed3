"""Faults: what a vault answers."""

from __future__ import annotations

from typing import Final

from tests.faults.table import Fault

FAULTS: Final[tuple[Fault, ...]] = ()
