"""What the migration logs of a Grafana 12 say about the tables of the fixture, in the order in which it ran them."""

from __future__ import annotations

from typing import Final

#: Ids as in the logs of releases, by log.
MIGRATION_IDS: Final = {
    "migration_log": (
        "create migration_log table",
        "create org table v1",
        "create data_source table",
        "Rename table data_source to data_source_v1 - v1",
        "create data_source table v2",
        "Drop old table data_source_v1 #2",
        "Add column with_credentials",
        "Add secure json data column",
        "Update secure_json_data column to MediumText",
        "create dashboard_snapshot table v4",
        "drop table dashboard_snapshot_v4 #1",
        "create dashboard_snapshot table v5 #2",
        "Add encrypted dashboard json column",
        "Change dashboard_encrypted column to MEDIUMBLOB",
        "create plugin_setting table",
        "create alert_notification table v1",
        "Add column uid in alert_notification",
        "Add column secure_settings in alert_notification",
        "create user auth table",
        "Add OAuth access token to user_auth",
        "Add OAuth refresh token to user_auth",
        "Add OAuth token type to user_auth",
        "Add OAuth expiry to user_auth",
        "Add OAuth ID token to user_auth",
        "create cache_data table",
        "create_alert_configuration_table",
        "Add column default in alert_configuration",
        "add column org_id in alert_configuration",
        "add configuration_hash column to alert_configuration",
        "create_alert_configuration_history_table",
        "create data_keys table",
        "create secrets table",
        "rename data_keys name column to id",
        "add name column into data_keys",
        "copy data_keys id column values into name",
        "rename data_keys name column to label",
        "rename data_keys id column back to name",
        "create signing_key table",
        "create sso_setting table",
        "create cloud_migration table v1",
        "Rename table cloud_migration to cloud_migration_session_tmp_qwerty - v1",
        "create cloud_migration_session v2",
        "drop cloud_migration_session_tmp_qwerty",
        "create user_external_session table",
        "increase name_id column length to 1024",
    ),
    "resource_migration_log": (
        "create resource_migration_log table",
        "Initialize resource tables",
        "drop table resource",
        "create table resource",
        "create table resource, index: 0",
        "drop table resource_history",
        "create table resource_history",
        "create table resource_history, index: 0",
    ),
}

#: Where the log of a Grafana ends that has no data keys yet.
FIRST_OF_DATA_KEYS: Final = "create data_keys table"
