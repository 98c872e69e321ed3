"""The databases of Grafana's releases: rebuilt ones, which are here, and the real ones where somebody has them.

A rebuilt one is a file of SQL with the schema, the log of migrations and the forms of the values of a real one, and
with contents of our own; `rebuild.py` makes it. The real ones lie beside the checkout and are never committed.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from _pytest.mark import ParameterSet

HERE: Final = Path(__file__).parent
#: Where the real ones are, if anywhere.
FOLDER: Final = Path(__file__).resolve().parents[4] / "shared" / "real-grafana"

WITH_DATA_KEYS: Final = ("grafana-9.5-2023", "grafana-11-2024", "grafana-12-2025", "grafana-12-2026")
LEGACY: Final = ("grafana-7.5-2021-legacy", "grafana-8.0-2021-legacy")
WITHOUT_SECRETS: Final = ("grafana-6-2019-no-secrets",)
EVERY: Final = (*WITHOUT_SECRETS, *LEGACY, *WITH_DATA_KEYS)


@dataclass(frozen=True)
class GrafanaDatabase:
    """The database of a release; `real` is the file of a real one."""

    name: str
    real: Path | None = None

    def write(self, path: Path) -> Path:
        """Write it to a file that is not there yet, which the test may change; returns the path."""
        if self.real:
            shutil.copyfile(self.real, path)
            return path
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(f"BEGIN;\n{(HERE / f'{self.name}.sql').read_text()}COMMIT;")
        return path


def databases(*names: str, real: Iterable[pytest.MarkDecorator] = ()) -> list[ParameterSet]:
    """Parameters for a test: each release rebuilt, and as the real one where it is there, with the marks `real`."""
    found = {name: FOLDER / f"{name}.db" for name in names}
    return [
        *(pytest.param(GrafanaDatabase(name), id=name) for name in names),
        *(
            pytest.param(GrafanaDatabase(name, path), id=f"{name}-real", marks=tuple(real))
            for name, path in found.items()
            if path.exists()
        ),
    ]


def server_schema(name: str) -> list[str]:
    """The statements that make the tables of a release on a server, as `schema-postgres-2024`."""
    lines = [line for line in (HERE / f"{name}.sql").read_text().splitlines() if not line.startswith("--")]
    return [statement for statement in "\n".join(lines).split(";\n") if statement.strip()]


def real_databases() -> list[Path]:
    """Every real database that is there, whatever its name."""
    return sorted(FOLDER.glob("*.db"))
