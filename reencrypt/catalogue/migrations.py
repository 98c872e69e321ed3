"""Tables and columns of a Grafana by its own log of migrations: a session may not see all that exist.

Ids and columns are those of Grafana's sources: `pkg/services/sqlstore/migrations/**`; for unified storage
`pkg/storage/unified/sql/db/migrations/resource_mig.go`; for the secrets manager
`pkg/storage/secret/migrator/migrator.go`.
Only columns that this program uses are listed. A migration that is not listed demands nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

MAIN_LOG: Final = "migration_log"
UNIFIED_STORAGE_LOG: Final = "resource_migration_log"
SECRETS_MANAGER_LOG: Final = "secret_migration_log"

#: The tables in which Grafana records the migrations that it has run, one for each part that migrates by itself.
LOGS: Final = (MAIN_LOG, UNIFIED_STORAGE_LOG, SECRETS_MANAGER_LOG)


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration: the log and id it is recorded under, and what it does to a table.

    `creates` and `removes` are about the whole table; `adds` and `drops` name columns, a rename is one of each.
    """

    log: str
    id: str
    table: str
    creates: bool = False
    removes: bool = False
    adds: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()


def _create(table: str, migration: str, columns: str, log: str = MAIN_LOG) -> Migration:
    return Migration(log, migration, table, creates=True, adds=tuple(columns.split()))


def _add(table: str, column: str, migration: str, log: str = MAIN_LOG) -> Migration:
    return Migration(log, migration, table, adds=(column,))


def _rename(table: str, old: str, new: str, migration: str) -> Migration:
    return Migration(MAIN_LOG, migration, table, adds=(new,), drops=(old,))


def _remove(table: str, migration: str, log: str = MAIN_LOG) -> Migration:
    return Migration(log, migration, table, removes=True)


_RESOURCE: Final = "guid group resource namespace value"

#: In the order in which Grafana's code runs them, which is not always that of the log's own ids.
MIGRATIONS: Final = (
    _create("org", "create org table v1", "id"),
    _create("data_source", "create data_source table", "id updated"),
    _remove("data_source", "Rename table data_source to data_source_v1 - v1"),
    _create("data_source", "create data_source table v2", "id updated"),
    _add("data_source", "secure_json_data", "Add secure json data column"),
    _create("dashboard_snapshot", "create dashboard_snapshot table v4", "id updated"),
    _remove("dashboard_snapshot", "drop table dashboard_snapshot_v4 #1"),
    _create("dashboard_snapshot", "create dashboard_snapshot table v5 #2", "id updated"),
    _add("dashboard_snapshot", "dashboard_encrypted", "Add encrypted dashboard json column"),
    _create("plugin_setting", "create plugin_setting table", "id secure_json_data updated"),
    _create("alert_notification", "create alert_notification table v1", "id"),
    _add("alert_notification", "secure_settings", "Add column secure_settings in alert_notification"),
    _create("user_auth", "create user auth table", "id"),
    _add("user_auth", "o_auth_access_token", "Add OAuth access token to user_auth"),
    _add("user_auth", "o_auth_refresh_token", "Add OAuth refresh token to user_auth"),
    _add("user_auth", "o_auth_token_type", "Add OAuth token type to user_auth"),
    _add("user_auth", "o_auth_id_token", "Add OAuth ID token to user_auth"),
    _create("alert_configuration", "create_alert_configuration_table", "id alertmanager_configuration"),
    _add("alert_configuration", "org_id", "add column org_id in alert_configuration"),
    _add("alert_configuration", "configuration_hash", "add configuration_hash column to alert_configuration"),
    _create(
        "alert_configuration_history",
        "create_alert_configuration_history_table",
        "id org_id alertmanager_configuration configuration_hash",
    ),
    _create("data_keys", "create data_keys table", "name active scope provider encrypted_data created updated"),
    _create("secrets", "create secrets table", "id type value updated"),
    _rename("data_keys", "name", "id", "rename data_keys name column to id"),
    _add("data_keys", "name", "add name column into data_keys"),
    _rename("data_keys", "name", "label", "rename data_keys name column to label"),
    _rename("data_keys", "id", "name", "rename data_keys id column back to name"),
    _create("signing_key", "create signing_key table", "id private_key"),
    _create("sso_setting", "create sso_setting table", "id settings updated"),
    _create("cloud_migration_session", "create cloud_migration_session v2", "id auth_token"),
    _create(
        "user_external_session",
        "create user_external_session table",
        "id access_token id_token refresh_token session_id name_id",
    ),
    _remove("resource", "drop table resource", UNIFIED_STORAGE_LOG),
    _create("resource", "create table resource", _RESOURCE, UNIFIED_STORAGE_LOG),
    _remove("resource_history", "drop table resource_history", UNIFIED_STORAGE_LOG),
    _create("resource_history", "create table resource_history", _RESOURCE, UNIFIED_STORAGE_LOG),
    _remove("secret_data_key", "drop table secret_data_key", SECRETS_MANAGER_LOG),
    _create(
        "secret_data_key",
        "create table secret_data_key",
        "uid namespace label active provider encrypted_data created updated",
        SECRETS_MANAGER_LOG,
    ),
    _remove("secret_encrypted_value", "drop table secret_encrypted_value", SECRETS_MANAGER_LOG),
    _create(
        "secret_encrypted_value",
        "create table secret_encrypted_value",
        "namespace name version encrypted_data updated",
        SECRETS_MANAGER_LOG,
    ),
    _add(
        "secret_encrypted_value",
        "data_key_id",
        "add data_key_id column to secret_encrypted_value",
        SECRETS_MANAGER_LOG,
    ),
)


def tables_of(log: str) -> tuple[str, ...]:
    """The tables that the migrations of a log may have created."""
    return tuple(dict.fromkeys(each.table for each in MIGRATIONS if each.log == log and each.creates))


def demanded(successful: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
    """The tables that must exist, with those of their columns that must.

    `successful` are the ids of the migrations that succeeded, by log.
    """
    tables: dict[str, set[str]] = {}
    for each in MIGRATIONS:
        if each.id not in successful.get(each.log, ()):
            continue
        if each.removes:
            tables.pop(each.table, None)
        elif each.creates:
            tables[each.table] = set(each.adds)
        elif each.table in tables:
            tables[each.table] = tables[each.table] - set(each.drops) | set(each.adds)
    return {table: frozenset(columns) for table, columns in tables.items()}
