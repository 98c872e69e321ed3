"""Shortens how long a database is waited for, in a process that is only for a test: the program has no such setting."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reencrypt.databases import retry, waits
from reencrypt.databases.mysql import driver as mysql
from reencrypt.databases.postgres import dsn as postgres
from reencrypt.databases.waits import PATIENCE, Patience

_CONNECT_SHARE = 0.5


def quick(seconds: float) -> Patience:
    """The times of a wait, as parts of a silence of so many seconds."""
    share = seconds / PATIENCE.silence
    scaled = replace(PATIENCE, silence=seconds, ask_within=seconds / 2, ask_after=seconds / 8, ask_every=seconds / 16)
    return replace(scaled, tell_after=seconds / 4, tell_every=seconds / 2, goodbye=max(0.2, PATIENCE.goodbye * share))


def shorten(seconds: float, monkeypatch: pytest.MonkeyPatch | None = None) -> None:
    """Wait for so many seconds where the program waits for 60, and the other times in their relation to them."""
    patch = monkeypatch or pytest.MonkeyPatch()
    patch.setattr(waits, "PATIENCE", quick(seconds))
    patch.setattr(retry, "DEADLINE_SECONDS", seconds)
    patch.setattr("reencrypt.databases.server.database.OPENING_SECONDS", seconds * _CONNECT_SHARE)
    for driver in (postgres, mysql):
        patch.setattr(driver, "_CONNECT_SECONDS", seconds * _CONNECT_SHARE)
