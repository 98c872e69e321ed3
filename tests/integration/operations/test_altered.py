"""Grafana migrates in mid-run, or somebody alters its tables: the run ends as unavailable, and goes on afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from reencrypt.errors import UnavailableError
from reencrypt.events import Event, PageCommitted
from tests.support.engine import SqliteEngine
from tests.support.raced import Grafana
from tests.support.servers import ALL_ENGINES, server_engine

_CHANGES = {
    "column": (
        "ALTER TABLE sso_setting RENAME COLUMN settings TO settings_v2",
        "ALTER TABLE sso_setting RENAME COLUMN settings_v2 TO settings",
    ),
    "table": ("ALTER TABLE sso_setting RENAME TO sso", "ALTER TABLE sso RENAME TO sso_setting"),
}


@pytest.mark.parametrize("what", _CHANGES)
@pytest.mark.parametrize("name", ALL_ENGINES)
async def test_a_schema_that_changes_in_mid_run_is_waited_for_by_whoever_starts_it_again(
    name: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    path = tmp_path / "grafana.db"
    engine = SqliteEngine(path) if name == "sqlite" else server_engine(name, request)
    grafana = Grafana(engine, path, monkeypatch)
    change, back = _CHANGES[what]
    moved: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, PageCommitted) and event.moved:
            if not moved:
                engine.execute(change)
            moved.append(event.location)

    with pytest.raises(UnavailableError) as raised:
        await grafana.run(listen=listen)
    assert raised.value.exit_code == 7
    assert "another schema than a moment ago" in raised.value.message
    assert "progress is saved" in raised.value.hint
    assert moved
    engine.execute(back)
    assert (await grafana.run()).outcome == "done"
    assert grafana.off_target() == 0
