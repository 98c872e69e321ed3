"""The schema of Grafana's secret tables as data, and its DDL for each database Grafana runs on.

It knows nothing of secrets. Column order, nullability and defaults are those of a Grafana 12.3 that has run all its
migrations; the generic types map as in `pkg/services/sqlstore/migrator/*_dialect.go`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an engine spells the schema.

    `types` are Grafana's generic types, `booleans` are false and true. `states_lengths` says whether a text's length is
    part of its type, and `modified` whether columns are as a MODIFY or CHANGE has left them, in MySQL alone.
    """

    types: Mapping[str, str]
    quote: str = "`"
    booleans: tuple[str, str] = ("0", "1")
    states_lengths: bool = True
    modified: bool = False
    tail: str = ""


SQLITE: Final = Dialect(
    types={
        "id": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "bigint": "INTEGER",
        "int": "INTEGER",
        "bool": "INTEGER",
        "datetime": "DATETIME",
        "nvarchar": "TEXT",
        "char": "TEXT",
        "national": "TEXT",
        "text": "TEXT",
        "mediumtext": "TEXT",
        "longtext": "TEXT",
        "blob": "BLOB",
        "mediumblob": "BLOB",
    },
    states_lengths=False,  # SQLite enforces none
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `mysql_null` is for those that a MODIFY or CHANGE made nullable in MySQL alone.

    `type` is a name in `Dialect.types`, `length` in characters.
    """

    name: str
    type: str
    length: int = 0
    null: bool = False
    primary: bool = False
    default: str | int | bool | None = None
    mysql_null: bool = False

    def render(self, dialect: Dialect) -> str:
        """Return the column's definition in `dialect`."""
        sql = dialect.types[self.type]
        if self.length and dialect.states_lengths:
            sql = f"{sql}({self.length})"
        parts = [quote(self.name, dialect), sql]
        if self.primary:
            parts.append("PRIMARY KEY")
        null = self.null or (self.mysql_null and dialect.modified)
        parts.append("NULL" if null else "NOT NULL")
        if self.default is not None and not (self.mysql_null and dialect.modified):
            parts.append("DEFAULT " + _literal(self.default, dialect))
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class Index:
    """One index; Grafana calls it `UQE_` or `IDX_`, then the table and the columns, unless `name` says otherwise."""

    columns: tuple[str, ...]
    unique: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table with its indexes."""

    name: str
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()
    key: tuple[str, ...] = ()  # a primary key of several columns

    def column_names(self) -> tuple[str, ...]:
        """Return the columns' names in their physical order."""
        return tuple(column.name for column in self.columns)

    def create(self, dialect: Dialect) -> list[str]:
        """Return the statements that create the table and its indexes in `dialect`."""
        lines = [column.render(dialect) for column in self.columns]
        if self.key:
            lines.append(f"PRIMARY KEY ({', '.join(quote(name, dialect) for name in self.key)})")
        body = ",\n  ".join(lines)
        return [
            f"CREATE TABLE {quote(self.name, dialect)} (\n  {body}\n){dialect.tail}",
            *(self._create_index(each, dialect) for each in self.indexes),
        ]

    def _create_index(self, index: Index, dialect: Dialect) -> str:
        name = index.name or f"{'UQE' if index.unique else 'IDX'}_{self.name}_{'_'.join(index.columns)}"
        columns = ", ".join(quote(column, dialect) for column in index.columns)
        unique = "UNIQUE " if index.unique else ""
        return f"CREATE {unique}INDEX {quote(name, dialect)} ON {quote(self.name, dialect)} ({columns})"


def quote(name: str, dialect: Dialect) -> str:
    """Return `name` as a quoted identifier; `key`, `group`, `user` and `default` need it."""
    return f"{dialect.quote}{name}{dialect.quote}"


def _literal(value: str | int, dialect: Dialect) -> str:  # a bool is an int here, PostgreSQL alone tells them apart
    if isinstance(value, bool):
        return dialect.booleans[value]
    return f"'{value}'" if isinstance(value, str) else str(value)


def _column(notation: str) -> Column:
    """Parse `name type[(length)] [null|mysql-null] [primary] [= default]`."""
    head, _, default = notation.partition("=")
    name, type_, *flags = head.split()
    kind, _, length = type_.rstrip(")").partition("(")
    return Column(
        name,
        kind,
        length=int(length or 0),
        null="null" in flags,
        primary="primary" in flags,
        default=_default(kind, default.strip()),
        mysql_null="mysql-null" in flags,
    )


def _default(kind: str, text: str) -> str | int | bool | None:
    if not text:
        return None
    if kind == "bool":
        return text == "true"
    return text.strip("'") if text.startswith("'") else int(text)


def table(name: str, notation: str, *indexes: Index) -> Table:
    return Table(name, tuple(_column(part) for part in " ".join(notation.split()).split(", ")), indexes)


def index(*columns: str, name: str = "") -> Index:
    return Index(columns, name=name)


def unique(*columns: str, name: str = "") -> Index:
    return Index(columns, unique=True, name=name)


DATA_KEYS: Final = table(
    "data_keys",
    """name nvarchar(100) primary, active bool, scope nvarchar(30), provider nvarchar(50), encrypted_data blob,
    created datetime, updated datetime, label nvarchar(100) mysql-null = ''""",
)
SECRETS: Final = table(
    "secrets",
    """id id, org_id bigint, namespace nvarchar(255), type nvarchar(255), value text null,
    created datetime, updated datetime""",
)
DATA_SOURCE: Final = table(
    "data_source",
    """id id, org_id bigint, version int, type nvarchar(255), name nvarchar(190), access nvarchar(255),
    url nvarchar(255), password nvarchar(255) null, user nvarchar(255) null, database nvarchar(255) null,
    basic_auth bool, basic_auth_user nvarchar(255) null, basic_auth_password nvarchar(255) null, is_default bool,
    json_data text null, created datetime, updated datetime, with_credentials bool = false,
    secure_json_data mediumtext null, read_only bool null, uid nvarchar(40) = '0', is_prunable bool null = false,
    api_version nvarchar(20) null""",
    index("org_id"),
    unique("org_id", "name"),
    unique("org_id", "uid"),
    index("org_id", "is_default"),
)
PLUGIN_SETTING: Final = table(
    "plugin_setting",
    """id id, org_id bigint = 1, plugin_id nvarchar(190), enabled bool, pinned bool, json_data text null,
    secure_json_data text null, created datetime, updated datetime, plugin_version nvarchar(50) null""",
    unique("org_id", "plugin_id"),
)
USER_AUTH: Final = table(
    "user_auth",
    """id id, user_id bigint, auth_module nvarchar(190), auth_id nvarchar(190) mysql-null, created datetime,
    o_auth_access_token text null, o_auth_refresh_token text null, o_auth_token_type text null,
    o_auth_expiry datetime null, o_auth_id_token text null, external_uid text null""",
    index("auth_module", "auth_id"),
    index("user_id"),
)
USER_EXTERNAL_SESSION: Final = table(
    "user_external_session",
    """id id, user_auth_id bigint, user_id bigint, auth_module nvarchar(190), access_token text null,
    id_token text null, refresh_token text null, session_id national(1024) null, session_id_hash char(44) null,
    name_id national(1024) null, name_id_hash char(44) null, expires_at datetime null, created_at datetime""",
)
SIGNING_KEY: Final = table(
    "signing_key",
    """id id, key_id nvarchar(255), private_key text, added_at datetime, expires_at datetime null,
    alg nvarchar(255)""",
    unique("key_id"),
)
DASHBOARD_SNAPSHOT: Final = table(
    "dashboard_snapshot",
    """id id, name nvarchar(255), key nvarchar(190), delete_key nvarchar(190), org_id bigint, user_id bigint,
    external bool, external_url nvarchar(255), dashboard mediumtext, expires datetime, created datetime,
    updated datetime, external_delete_url nvarchar(255) null, dashboard_encrypted mediumblob null""",
    unique("key"),
    unique("delete_key"),
    index("user_id"),
)
SSO_SETTING: Final = table(
    "sso_setting",
    """id nvarchar(40) primary, provider nvarchar(255), settings text, created datetime, updated datetime,
    is_deleted bool = false""",
)
ALERT_CONFIGURATION: Final = table(
    "alert_configuration",
    """id id, alertmanager_configuration mediumtext mysql-null, configuration_version nvarchar(3), created_at int,
    default bool = false, org_id bigint = 0, configuration_hash nvarchar(32) = 'not-yet-calculated'""",
    unique("org_id"),
)
ALERT_CONFIGURATION_HISTORY: Final = table(
    "alert_configuration_history",
    """id id, org_id bigint = 0, alertmanager_configuration mediumtext,
    configuration_hash nvarchar(32) = 'not-yet-calculated', configuration_version nvarchar(3), created_at int,
    default bool = false, last_applied int = 0""",
)
ALERT_NOTIFICATION: Final = table(
    "alert_notification",
    """id id, org_id bigint, name nvarchar(190), type nvarchar(255), settings text, created datetime,
    updated datetime, is_default bool = false, frequency bigint null, send_reminder bool null = false,
    disable_resolve_message bool = false, uid nvarchar(40) null, secure_settings text null""",
    unique("org_id", "uid"),
)
CLOUD_MIGRATION_SESSION: Final = table(
    "cloud_migration_session",
    """id id, uid nvarchar(40) null, auth_token text null, slug text, stack_id bigint, region_slug text,
    cluster_slug text, created datetime, updated datetime, org_id bigint = 1""",
    unique("uid"),
)
CLOUD_MIGRATION_SNAPSHOT: Final = table(
    "cloud_migration_snapshot",
    """id id, uid nvarchar(40) null, session_uid nvarchar(40) null, created datetime, updated datetime,
    finished datetime null, upload_url text null, status text, local_directory text null,
    gms_snapshot_uid text null, encryption_key text null, error_string text null,
    resource_storage_type nvarchar(40) null, encryption_algo nvarchar(40) null, metadata blob null,
    public_key blob null""",
    unique("uid"),
)
_RESOURCE: Final = """guid nvarchar(36) primary, resource_version bigint null, group nvarchar(190),
    resource nvarchar(190), namespace nvarchar(63), name nvarchar(253), value longtext null, action int,
    label_set nvarchar(64) null, previous_resource_version bigint null, folder nvarchar(253) = ''"""
RESOURCE: Final = table(
    "resource",
    _RESOURCE,
    unique("namespace", "group", "resource", "name"),
    index("group", "resource"),
)
RESOURCE_HISTORY: Final = table(
    "resource_history",
    _RESOURCE + ", generation bigint = 0",
    unique(
        *("namespace", "group", "resource", "name", "resource_version"),
        name="UQE_resource_history_namespace_group_name_version",
    ),
    index("resource_version"),
    index("group", "resource", "resource_version"),
    index(
        *("namespace", "group", "resource", "action", "resource_version"),
        name="IDX_resource_history_namespace_group_resource_action_version",
    ),
    index("namespace", "group", "resource", "name", "generation"),
)
ORG: Final = table(
    "org",
    """id id, version int, name nvarchar(190), address1 nvarchar(255) null, address2 nvarchar(255) null,
    city nvarchar(255) null, state nvarchar(255) null, zip_code nvarchar(50) null, country nvarchar(255) null,
    billing_email nvarchar(255) null, created datetime, updated datetime""",
    unique("name"),
)
_LOG: Final = "id id, migration_id nvarchar(255), sql text, success bool, error text, timestamp datetime"
MIGRATION_LOG: Final = table("migration_log", _LOG)
RESOURCE_MIGRATION_LOG: Final = table("resource_migration_log", _LOG)
CACHE_DATA: Final = table(
    "cache_data",
    "cache_key nvarchar(168) primary, data blob, expires int, created_at int",
    unique("cache_key"),
)

#: Only Grafana Enterprise makes it, and the schema for MySQL that Grafana ships since 12.4 with the tables of both.
SETTING: Final = replace(
    table("setting", "section nvarchar(100), key nvarchar(100), value text, encrypted_value text null"),
    key=("section", "key"),
)

#: Of those who sign in. Only fixtures that name somebody have it.
USER: Final = table(
    "user",
    """id id, version int, login nvarchar(190), email nvarchar(190), name nvarchar(255) null,
    password nvarchar(255) null, salt nvarchar(50) null, rands nvarchar(50) null, company nvarchar(255) null,
    org_id bigint, is_admin bool, email_verified bool null, theme nvarchar(255) null, created datetime,
    updated datetime, help_flags1 bigint = 0, last_seen_at datetime null, is_disabled bool = false,
    is_service_account bool null = false, uid nvarchar(40) null, is_provisioned bool = false""",
    unique("login"),
    unique("email"),
    index("login", "email"),
    unique("uid"),
)

#: Tables that a fixture has only where something is in them.
OPTIONAL: Final = (SETTING, USER)

#: Every other table, in the order in which a Grafana that starts on an empty database makes them, roughly.
ALL: Final = (
    MIGRATION_LOG,
    RESOURCE_MIGRATION_LOG,
    ORG,
    DATA_SOURCE,
    DASHBOARD_SNAPSHOT,
    PLUGIN_SETTING,
    ALERT_NOTIFICATION,
    USER_AUTH,
    CACHE_DATA,
    ALERT_CONFIGURATION,
    ALERT_CONFIGURATION_HISTORY,
    DATA_KEYS,
    SECRETS,
    SIGNING_KEY,
    SSO_SETTING,
    CLOUD_MIGRATION_SESSION,
    CLOUD_MIGRATION_SNAPSHOT,
    USER_EXTERNAL_SESSION,
    RESOURCE,
    RESOURCE_HISTORY,
)


def create_statements(dialect: Dialect, tables: Sequence[Table] | None = None) -> list[str]:
    """Return the statements that create `tables`, by default all, in `dialect`."""
    chosen = ALL if tables is None else tables
    return [statement for table in chosen for statement in table.create(dialect)]
