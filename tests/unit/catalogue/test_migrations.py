"""What must exist follows from Grafana's own log of migrations, and the databases of releases have it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from reencrypt.catalogue.location import Location
from reencrypt.catalogue.migrations import LOGS, MIGRATIONS, demanded, tables_of
from reencrypt.catalogue.stores import STORES
from tests.grafana.decryptor import columns_of, open_read_only
from tests.grafana.releases import EVERY, GrafanaDatabase, databases

LOCATIONS = [location for store in STORES.values() for location in store.locations]


def successful(path: Path) -> dict[str, list[str]]:
    with closing(open_read_only(path)) as connection:
        return {
            log: [row[0] for row in connection.execute(f"SELECT migration_id FROM {log} WHERE success")]  # noqa: S608 - our own names
            for log in LOGS
            if columns_of(connection, log)
        }


def used(location: Location) -> set[str]:
    optional = {location.updated} if location.updated else set()
    beside = {each.key_id for each in location.fields if each.key_id}
    return {*location.key, *location.columns, *location.extras, *location.only, *optional, *beside}


@pytest.mark.parametrize("release", databases(*EVERY))
def test_a_release_has_all_that_its_log_demands(release: GrafanaDatabase, tmp_path: Path) -> None:
    path = release.write(tmp_path / "grafana.db")
    wanted = demanded(successful(path))
    with closing(open_read_only(path)) as connection:
        for table, columns in wanted.items():
            assert columns <= set(columns_of(connection, table)), table


@pytest.mark.parametrize("release", databases(*EVERY))
def test_the_log_of_a_release_demands_all_that_the_program_uses_of_it(release: GrafanaDatabase, tmp_path: Path) -> None:
    path = release.write(tmp_path / "grafana.db")
    wanted = demanded(successful(path))
    with closing(open_read_only(path)) as connection:
        for location in LOCATIONS:
            if location.table.startswith(("resource", "secret_")):
                continue  # the rows of their own logs were not published
            present = used(location) & set(columns_of(connection, location.table))
            assert present <= wanted.get(location.table, frozenset()), location.table
        keys = {"name", "label", "active", "provider", "encrypted_data", "created", "updated", "scope"}
        assert keys & set(columns_of(connection, "data_keys")) <= wanted.get("data_keys", frozenset())


def test_every_column_of_the_catalogue_has_a_migration_that_adds_it() -> None:
    everything = demanded({log: [each.id for each in MIGRATIONS if each.log == log] for log in LOGS})
    for location in LOCATIONS:
        if location.table == "setting":
            continue  # of Enterprise, whose migrations are not public
        assert used(location) <= everything[location.table], location.table


def test_only_successful_migrations_demand_anything_and_an_unknown_one_demands_nothing() -> None:
    assert demanded({}) == {}
    assert demanded({"migration_log": ["create a table of a later Grafana"]}) == {}
    # A log is its own: unified storage's ids mean nothing in the main one.
    assert demanded({"migration_log": ["create table resource"]}) == {}


def test_a_log_names_every_table_that_its_migrations_may_have_created() -> None:
    assert tables_of("secret_migration_log") == ("secret_data_key", "secret_encrypted_value")
    assert tables_of("resource_migration_log") == ("resource", "resource_history")
    everything = {location.table for location in LOCATIONS} - {"setting"}
    assert everything <= {table for log in LOGS for table in tables_of(log)}


def test_what_a_migration_removes_or_renames_is_demanded_no_more() -> None:
    ids = ["create data_keys table", "rename data_keys name column to id"]
    assert "name" not in demanded({"migration_log": ids})["data_keys"]
    ids = ["create dashboard_snapshot table v4", "drop table dashboard_snapshot_v4 #1"]
    assert demanded({"migration_log": ids}) == {}
    # Whatever the order of the log's rows.
    ids = ["create table resource", "drop table resource"]
    assert demanded({"resource_migration_log": ids})["resource"] == {
        *("guid", "group", "resource", "namespace", "value")
    }


def test_no_log_holds_an_id_twice() -> None:
    ids = [(each.log, each.id) for each in MIGRATIONS]
    assert len(set(ids)) == len(ids)
