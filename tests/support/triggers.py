"""Triggers and rules of each engine that change what is written, and some that do no harm."""

from __future__ import annotations

from typing import Final

from tests.support.engine import MEDDLER, Engine
from tests.support.servers import PARTICULARS

NAME: Final = MEDDLER
#: By engine the ways in which a write to a table can become another one.
KINDS: Final = {name: each.triggers.kinds for name, each in PARTICULARS.items()}


def plant(engine: Engine, kind: str, table: str, column: str, *, key: str = "id", event: str = "UPDATE") -> None:
    """Create the trigger or rule `meddler`, which damages every row of the table that is written."""
    for statement in engine.particulars.triggers.damaging(kind, table, column, key, event):
        engine.execute(statement)


def plant_harmless(engine: Engine, table: str, column: str) -> None:
    """A trigger that appends to another column of each row that is updated."""
    for statement in engine.particulars.triggers.harmless(table, column):
        engine.execute(statement)


def plant_at_deactivation(engine: Engine) -> None:
    """A trigger that damages the wrapping of each data key that is set inactive."""
    for statement in engine.particulars.triggers.at_deactivation:
        engine.execute(statement)


def plant_refusing(engine: Engine, table: str) -> None:
    """A trigger that raises an error for each row that is updated."""
    for statement in engine.particulars.triggers.refusing(table):
        engine.execute(statement)


def remove(engine: Engine, kind: str, table: str) -> None:
    """Drop it again."""
    engine.execute(engine.particulars.triggers.remove(kind, table))
