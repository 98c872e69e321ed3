"""Worlds in which a session does not see all that Grafana has, or sees it in another form."""

from __future__ import annotations

from typing import Final

from reencrypt.databases.statements import OUR_TABLES
from tests.grafana.manager_populate import populate_manager
from tests.grafana.schema import RESOURCE_HISTORY, SSO_SETTING, USER_AUTH
from tests.support.accounts import grant, new_account, tables_of, url_as
from tests.support.servers import ALL_ENGINES
from tests.support.story import Story
from tests.support.worlds import MYSQLS, RIGHT, No, Plant, World, refused, through

_ALL: Final = "SELECT, INSERT, UPDATE, DELETE"
#: Tables that this program may look for and the database does not have: only CREATE can be granted on them.
_NOT_THERE: Final = ("secret_migration_log",)


def _account_without(story: Story, *hidden: str) -> str:
    """An account of MySQL with rights on each table but the hidden ones; also on what a run creates."""
    account = new_account(story.engine)
    grant(story.engine, account, f"{_ALL}, CREATE, ALTER", *_NOT_THERE, *OUR_TABLES)
    for table in tables_of(story.engine):
        if table not in hidden:
            grant(story.engine, account, _ALL, table)
    return account


def _hidden_table(story: Story) -> Story:
    return through(story, url_as(story.engine, _account_without(story, "sso_setting")))


def _hidden_data_keys(story: Story) -> Story:
    return through(story, url_as(story.engine, _account_without(story, "data_keys")))


def _hidden_log(story: Story) -> Story:
    return through(story, url_as(story.engine, _account_without(story, "migration_log")))


def _hidden_log_of_unified_storage(story: Story) -> Story:
    hidden = ("resource_migration_log", "resource", "resource_history")
    return through(story, url_as(story.engine, _account_without(story, *hidden)))


def _hidden_secrets_manager(story: Story) -> Story:
    columns = "id INT PRIMARY KEY, migration_id TEXT, success INT"
    story.execute(f"CREATE TABLE secret_migration_log ({columns})")
    story.execute("INSERT INTO secret_migration_log VALUES (1, 'create table secret_data_key', 1)")
    story.execute("CREATE TABLE secret_data_key (uid VARCHAR(100) PRIMARY KEY, provider TEXT, encrypted_data BLOB)")
    return through(story, url_as(story.engine, _account_without(story, "secret_data_key")))


def _with_manager(story: Story) -> Story:
    """The same Grafana with secrets in its secrets manager."""
    with story.builder(seed=1) as builder:
        populate_manager(story.manager(builder), count=20)
    return story


def _hidden_values_of_the_manager(story: Story) -> Story:
    return through(story, url_as(story.engine, _account_without(_with_manager(story), "secret_encrypted_value")))


def _hidden_values_beside_an_empty_log(story: Story) -> Story:
    # So a dump without the rows of logs is, and the database of a Grafana that was made from one.
    _with_manager(story).execute("DELETE FROM secret_migration_log")
    return through(story, url_as(story.engine, _account_without(story, "secret_encrypted_value")))


def _hidden_rows_of_the_manager(table: str, condition: str) -> Plant:
    def plant(story: Story) -> Story:
        return _row_policy(table, condition)(_with_manager(story))

    return plant


def _view_of_the_manager(story: Story) -> Story:
    _with_manager(story)
    story.execute("ALTER TABLE secret_encrypted_value RENAME TO secret_encrypted_value_kept")
    story.execute("CREATE VIEW secret_encrypted_value AS SELECT * FROM secret_encrypted_value_kept")
    return story


def _hidden_column(story: Story) -> Story:
    account = _account_without(story, "user_auth")
    seen = ", ".join(f"`{name}`" for name in USER_AUTH.column_names() if name != "o_auth_id_token")
    grant(story.engine, account, f"SELECT ({seen}), UPDATE ({seen})", "user_auth")
    return through(story, url_as(story.engine, account))


def _hidden_hash(story: Story) -> Story:
    # No secret, but a column that has to follow one: without it Grafana does not find its own history.
    account = _account_without(story, "alert_configuration")
    seen = "id, alertmanager_configuration, configuration_version, created_at, org_id"
    grant(story.engine, account, f"SELECT ({seen}), UPDATE ({seen})", "alert_configuration")
    return through(story, url_as(story.engine, account))


def _hidden_state(story: Story) -> Story:
    account = new_account(story.engine)
    for table in (*tables_of(story.engine), *_NOT_THERE):
        if table not in OUR_TABLES:
            grant(story.engine, account, f"{_ALL}, CREATE", table)
    return through(story, url_as(story.engine, account))


def _rights_on_each_table(story: Story) -> Story:
    return through(story, url_as(story.engine, _account_without(story)))


def _few_rows(story: Story) -> Story:
    account = new_account(story.engine, prefix="few_rows")
    grant(story.engine, account, "ALL")
    story.execute(
        "SET GLOBAL init_connect = "
        "'SET SESSION sql_select_limit = CAST(IF(USER() LIKE ''few_rows%'', 7, 18446744073709551615) AS UNSIGNED)'"
    )
    return through(story, url_as(story.engine, account))


def _row_policy(table: str, condition: str = "created < '2025-02-01 10:00:00'") -> Plant:
    def plant(story: Story) -> Story:
        account = new_account(story.engine)
        grant(story.engine, account, "ALL")
        for state in tables_of(story.engine):
            if state.startswith("reencrypt_"):
                grant(story.engine, account, "ALL", state)
        story.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO " + account)
        story.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        story.execute(f"CREATE POLICY some_rows ON {table} USING ({condition})")
        return through(story, url_as(story.engine, account))

    return plant


def _as_owner_with_a_policy(story: Story) -> Story:
    """The owner of a table is not subject to its policies, so nothing is hidden from it."""
    account = new_account(story.engine)
    story.execute(f"GRANT ALL ON SCHEMA public TO {account}")
    for table in tables_of(story.engine):
        story.execute(f'ALTER TABLE "{table}" OWNER TO {account}')
    story.execute("ALTER TABLE user_auth ENABLE ROW LEVEL SECURITY")
    story.execute("CREATE POLICY some_rows ON user_auth USING (id = 1)")
    return through(story, url_as(story.engine, account))


def _forced_policy(story: Story) -> Story:
    hostile = _as_owner_with_a_policy(story)
    story.execute("ALTER TABLE user_auth FORCE ROW LEVEL SECURITY")
    return hostile


def _view(story: Story) -> Story:
    story.execute("ALTER TABLE sso_setting RENAME TO sso_setting_kept")
    story.execute("CREATE VIEW sso_setting AS SELECT * FROM sso_setting_kept")
    return story


def _materialized_view(story: Story) -> Story:
    story.execute("ALTER TABLE sso_setting RENAME TO sso_setting_kept")
    story.execute("CREATE MATERIALIZED VIEW sso_setting AS SELECT * FROM sso_setting_kept")
    return story


def _foreign_table(story: Story) -> Story:
    columns = ", ".join(f"{name} TEXT" for name in SSO_SETTING.column_names())
    story.execute("ALTER TABLE sso_setting RENAME TO sso_setting_kept")
    story.execute("CREATE FOREIGN DATA WRAPPER nothing")
    story.execute("CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing")
    story.execute(f"CREATE FOREIGN TABLE sso_setting ({columns}) SERVER nowhere")
    return story


def _virtual_table(story: Story) -> Story:
    columns = ", ".join(f"`{name}`" for name in SSO_SETTING.column_names())
    story.execute("ALTER TABLE sso_setting RENAME TO sso_setting_kept")
    story.execute(f"CREATE VIRTUAL TABLE sso_setting USING fts5({columns})")
    return story


def _system_versioned(story: Story) -> Story:
    story.execute("ALTER TABLE user_auth ADD SYSTEM VERSIONING")
    return story


def _partitioned_by_hash(story: Story) -> Story:
    """The history of unified storage, which grows, in partitions."""
    columns = ", ".join(f'"{name}"' for name in RESOURCE_HISTORY.column_names())
    story.execute("ALTER TABLE resource_history RENAME TO resource_history_kept")
    story.execute(
        "CREATE TABLE resource_history (LIKE resource_history_kept INCLUDING DEFAULTS, PRIMARY KEY (guid)) "
        "PARTITION BY HASH (guid)"
    )
    for number in range(3):
        story.execute(
            f"CREATE TABLE resource_history_{number} PARTITION OF resource_history "
            f"FOR VALUES WITH (MODULUS 3, REMAINDER {number})"
        )
    story.execute(f"INSERT INTO resource_history ({columns}) SELECT {columns} FROM resource_history_kept")  # noqa: S608 - our own names
    story.execute("DROP TABLE resource_history_kept")
    return story


def _partitioned_by_key(story: Story) -> Story:
    """The same on MySQL."""
    story.execute("ALTER TABLE resource_history DROP INDEX UQE_resource_history_namespace_group_name_version")
    story.execute("ALTER TABLE resource_history PARTITION BY KEY (guid) PARTITIONS 3")
    return story


_POSTGRES: Final = ("postgres",)

HIDDEN: Final = (
    refused("hidden_table", MYSQLS, _hidden_table, "sso_setting", "GRANT SELECT"),
    refused("hidden_data_keys", MYSQLS, _hidden_data_keys, "data_keys", "GRANT SELECT"),
    refused("hidden_log", MYSQLS, _hidden_log, "migration_log", "GRANT SELECT"),
    refused("hidden_unified_storage", MYSQLS, _hidden_log_of_unified_storage, "resource_migration_log", "GRANT SELECT"),
    refused("hidden_secrets_manager", MYSQLS, _hidden_secrets_manager, "secret_data_key", "GRANT SELECT"),
    refused(
        "hidden_values_beside_an_empty_log",
        *(MYSQLS, _hidden_values_beside_an_empty_log, "secret_encrypted_value", "GRANT SELECT"),
    ),
    refused(
        "hidden_values_of_the_manager", MYSQLS, _hidden_values_of_the_manager, "secret_encrypted_value", "GRANT SELECT"
    ),
    refused(
        "row_policy_on_the_manager",
        _POSTGRES,
        _hidden_rows_of_the_manager("secret_encrypted_value", "version = 1"),
        *("secret_encrypted_value", "some_rows", "BYPASSRLS"),
    ),
    refused(
        "row_policy_on_keys_of_the_manager",
        _POSTGRES,
        _hidden_rows_of_the_manager("secret_data_key", "namespace = 'default'"),
        *("secret_data_key", "some_rows", "BYPASSRLS"),
    ),
    refused("view_of_the_manager", ALL_ENGINES, _view_of_the_manager, "secret_encrypted_value", "view"),
    refused("hidden_column", MYSQLS, _hidden_column, "user_auth.o_auth_id_token", "GRANT SELECT"),
    refused("hidden_hash", MYSQLS, _hidden_hash, "alert_configuration.configuration_hash", "GRANT SELECT"),
    refused("hidden_state", MYSQLS, _hidden_state, "reencrypt_lease", "GRANT SELECT"),
    # Nothing that Grafana has is hidden, but what others have may be.
    World("rights_on_each_table", MYSQLS, _rights_on_each_table, RIGHT, {"complete": No(("hidden-tables", "GRANT"))}),
    World("few_rows", MYSQLS, _few_rows, RIGHT),
    refused("row_policy", _POSTGRES, _row_policy("user_auth"), "user_auth", "some_rows", "BYPASSRLS"),
    refused("row_policy_on_keys", _POSTGRES, _row_policy("data_keys"), "data_keys", "some_rows", "BYPASSRLS"),
    refused("forced_policy", _POSTGRES, _forced_policy, "user_auth", "some_rows", "BYPASSRLS"),
    World("policy_not_for_the_owner", _POSTGRES, _as_owner_with_a_policy, RIGHT),
    refused("view", ALL_ENGINES, _view, "sso_setting", "view"),
    refused("materialized_view", _POSTGRES, _materialized_view, "sso_setting", "materialized view"),
    refused("foreign_table", _POSTGRES, _foreign_table, "sso_setting", "foreign table"),
    refused("virtual_table", ("sqlite",), _virtual_table, "sso_setting", "virtual table"),
    refused("system_versioned", ("mariadb",), _system_versioned, "user_auth", "system-versioned"),
    World("partitioned_by_hash", _POSTGRES, _partitioned_by_hash, RIGHT),
    World("partitioned_by_key", MYSQLS, _partitioned_by_key, RIGHT),
)
