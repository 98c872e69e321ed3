"""The secrets manager's tables survive the way of a fixture to a server and back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.grafana.builder import GrafanaBuilder
from tests.grafana.manager import SHIPPED, SecretsManagerBuilder
from tests.grafana.manager_decryptor import read_manager
from tests.grafana.manager_schema import ManagerShape, shape_in
from tests.support.engine import Engine


@pytest.mark.every_engine
@pytest.mark.parametrize("shape", ["experimental", "12.2", "12.4"])
def test_the_managers_tables_keep_shape_and_secrets_on_each_engine(
    shape: ManagerShape, tmp_path: Path, engine: Engine
) -> None:
    fixture, copy = tmp_path / "fixture.db", tmp_path / "copy.db"
    with GrafanaBuilder(fixture) as builder:
        manager = SecretsManagerBuilder(builder, shape)
        if shape != "experimental":
            manager.add_value(manager.data_key(), "a secret ☃".encode())
            manager.add_value(manager.data_key("org-2"), bytes(range(256)))
    engine.load(fixture)
    engine.dump(copy)
    assert read_manager(copy, sections=SHIPPED) == read_manager(fixture, sections=SHIPPED)
    with closing(sqlite3.connect(copy)) as connection:
        assert shape_in(connection) == shape
    with GrafanaBuilder(fixture.with_name("without.db")):
        pass
    engine.load(fixture.with_name("without.db"))
    copy.unlink()
    engine.dump(copy)
    with closing(sqlite3.connect(copy)) as connection:
        assert shape_in(connection) is None
