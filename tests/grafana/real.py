"""The databases of real Grafana releases, which lie beside the checkout and not in it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

FOLDER: Final = Path(__file__).resolve().parents[3] / "shared" / "real-grafana"

WITH_DATA_KEYS: Final = ("grafana-9.5-2023", "grafana-11-2024", "grafana-12-2025", "grafana-12-2026")
LEGACY: Final = ("grafana-7.5-2021-legacy", "grafana-8.0-2021-legacy")
WITHOUT_SECRETS: Final = ("grafana-6-2019-no-secrets",)


def real_database(name: str) -> Path:
    """Return the path of a real database, which must never be written; without it the test is skipped."""
    path = FOLDER / f"{name}.db"
    if not path.exists():
        pytest.skip(f"NOT RUN: the database of a real Grafana is missing: {path}")
    return path


def every_real_database() -> list[Path]:
    """Every database file that lies there, whatever its name."""
    return sorted(FOLDER.glob("*.db"))
