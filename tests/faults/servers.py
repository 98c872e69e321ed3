"""Faults: what database servers and files answer, and how they are made."""

from __future__ import annotations

from typing import Final

from tests.faults.table import Fault

FAULTS: Final[tuple[Fault, ...]] = ()
