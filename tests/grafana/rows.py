"""Rows whose secrets are a whole column, or a JSON object of secrets, location by location.

These functions are the methods of `GrafanaBuilder`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tests.grafana.planting import stored_as
from tests.grafana.schema import SETTING, USER

if TYPE_CHECKING:
    from tests.grafana.builder import GrafanaBuilder
    from tests.grafana.jsontext import Style
    from tests.grafana.planting import Encoding, Plain, Secrets, SqlValue, Storage


def add_secret(
    builder: GrafanaBuilder,
    plain: Plain | None,
    *,
    row_id: int | None = None,
    org_id: int = 1,
    namespace: str | None = None,
    kind: str = "datasource",
    storage: Storage = "text",
) -> int:
    ground = builder.ground
    key = ground.next_id("secrets", row_id)
    value = None if plain is None else ground.plant(("secrets", (key,), "value"), plain, "unpadded")
    name = namespace or f"source-{key}"
    row: dict[str, SqlValue] = {
        "id": key,
        "org_id": org_id,
        "namespace": name,
        "type": kind,
        "value": stored_as(value, storage),
    }
    ground.insert("secrets", {**row, **ground.times()})
    return key


def add_data_source(
    builder: GrafanaBuilder,
    secrets: Secrets | None,
    *,
    row_id: int | None = None,
    org_id: int = 1,
    name: str | None = None,
    kind: str = "prometheus",
    style: Style = "go",
    storage: Storage = "text",
) -> int:
    ground = builder.ground
    key = ground.next_id("data_source", row_id)
    row: dict[str, SqlValue] = {
        "id": key,
        "org_id": org_id,
        "version": ground.rng.randint(1, 40),
        "type": kind,
        "name": name or f"Quelle {key} für ☃",
        "access": "proxy",
        "url": f"http://{kind}:9090",
        "password": "",
        "user": "",
        "database": "",
        "basic_auth": 0,
        "basic_auth_user": "",
        "basic_auth_password": None,
        "is_default": 0,
        "json_data": '{"httpMethod":"POST"}',
        **ground.times(),
        "with_credentials": 0,
        "secure_json_data": ground.plant_map(("data_source", (key,), "secure_json_data"), secrets, style, storage),
        "read_only": 0,
        "uid": ground.uid(),
        "is_prunable": 0,
        "api_version": "",
    }
    ground.insert("data_source", row)
    return key


def add_plugin_setting(
    builder: GrafanaBuilder,
    secrets: Secrets | None,
    *,
    row_id: int | None = None,
    org_id: int = 1,
    style: Style = "go",
    storage: Storage = "text",
) -> int:
    ground = builder.ground
    key = ground.next_id("plugin_setting", row_id)
    row: dict[str, SqlValue] = {
        "id": key,
        "org_id": org_id,
        "plugin_id": f"vendor-{key}-app",
        "enabled": 1,
        "pinned": 0,
        "json_data": b"{}" if storage == "blob" else "{}",
        "secure_json_data": ground.plant_map(("plugin_setting", (key,), "secure_json_data"), secrets, style, storage),
        **ground.times(),
        "plugin_version": "1.4.2",
    }
    ground.insert("plugin_setting", row)
    return key


def add_user_auth(
    builder: GrafanaBuilder, secrets: Secrets, *, row_id: int | None = None, module: str = "oauth_azuread"
) -> int:
    """Columns of `secrets`: `o_auth_access_token`, `o_auth_refresh_token`, `o_auth_token_type`, `o_auth_id_token`."""
    ground = builder.ground
    key = ground.next_id("user_auth", row_id)
    row: dict[str, SqlValue] = {
        "id": key,
        "user_id": abs(key) + 1,
        "auth_module": module,
        "auth_id": f"auth-{key}",
        "created": ground.now(),
        "o_auth_expiry": ground.precise_now(),
        "external_uid": "",
    }
    ground.insert("user_auth", {**row, **ground.plant_columns("user_auth", (key,), secrets)})
    return key


def add_user_external_session(builder: GrafanaBuilder, secrets: Secrets, *, row_id: int | None = None) -> int:
    """Columns of `secrets`: `access_token`, `id_token`, `refresh_token`, `session_id`, `name_id`; others are ''."""
    ground = builder.ground
    key = ground.next_id("user_external_session", row_id)
    names = ("access_token", "id_token", "refresh_token", "session_id", "name_id")
    hashed = hashlib.sha256(str(key).encode()).hexdigest()[:44]
    row: dict[str, SqlValue] = {
        "id": key,
        "user_auth_id": key,
        "user_id": abs(key) + 1,
        "auth_module": "saml",
        **dict.fromkeys(names, ""),
        "session_id_hash": hashed,
        "name_id_hash": hashed,
        "expires_at": None,
        "created_at": ground.precise_now(),
    }
    ground.insert("user_external_session", {**row, **ground.plant_columns("user_external_session", (key,), secrets)})
    return key


def add_signing_key(
    builder: GrafanaBuilder, plain: Plain, *, row_id: int | None = None, key_id: str | None = None
) -> int:
    ground = builder.ground
    key = ground.next_id("signing_key", row_id)
    text = ground.plant(("signing_key", (key,), "private_key"), plain, "unpadded")
    times = {"added_at": ground.precise_now(), "expires_at": ground.precise_now(days=30)}
    row: dict[str, SqlValue] = {"id": key, "key_id": key_id or f"id-2025-{key:02d}-es256", "private_key": text, **times}
    ground.insert("signing_key", {**row, "alg": "ES256"})
    return key


def add_dashboard_snapshot(
    builder: GrafanaBuilder, plain: Plain | None, *, row_id: int | None = None, org_id: int = 1
) -> int:
    ground = builder.ground
    key = ground.next_id("dashboard_snapshot", row_id)
    place = ("dashboard_snapshot", (key,), "dashboard_encrypted")
    row: dict[str, SqlValue] = {
        "id": key,
        "name": f"Snapshot {key}",
        "key": f"key{key}{ground.uid()}",
        "delete_key": f"delete{key}{ground.uid()}",
        "org_id": org_id,
        "user_id": 1,
        "external": 0,
        "external_url": "",
        "dashboard": "{}",
        "expires": "2075-01-19 08:00:00",
        **ground.times(),
        "external_delete_url": "",
        "dashboard_encrypted": ground.plant_bytes(place, plain),
    }
    ground.insert("dashboard_snapshot", row)
    return key


def add_setting(
    builder: GrafanaBuilder,
    plain: Plain | None,
    *,
    key: str = "private_key",
    section: str = "auth.saml",
    encoding: Encoding = "padded",
) -> tuple[str, str]:
    """A setting that was changed at run time in Grafana Enterprise, whose table is made when the first one comes."""
    ground = builder.ground
    ground.ensure(SETTING)
    place = ("setting", (section, key), "encrypted_value")
    text: SqlValue = None
    if plain is not None:
        text = ground.plant_bytes(place, plain) if encoding == "bytes" else ground.plant(place, plain, encoding)
    ground.insert("setting", {"section": section, "key": key, "value": "", "encrypted_value": text})
    return section, key


def add_user(builder: GrafanaBuilder, login: str, *, row_id: int | None = None) -> int:
    """Somebody who signs in; the table is made when the first one comes."""
    ground = builder.ground
    ground.ensure(USER)
    key = ground.next_id("user", row_id)
    row: dict[str, SqlValue] = {"id": key, "version": 0, "login": login, "email": f"{key}@example.org", "org_id": 1}
    flags: dict[str, SqlValue] = {"is_admin": 0, "help_flags1": 0, "is_disabled": 0, "is_provisioned": 0}
    ground.insert("user", {**row, **flags, **ground.times(), "uid": ground.uid()})
    return key


def add_cloud_migration_session(
    builder: GrafanaBuilder, plain: Plain | None, *, row_id: int | None = None, org_id: int = 1
) -> int:
    ground = builder.ground
    key = ground.next_id("cloud_migration_session", row_id)
    row: dict[str, SqlValue] = {
        "id": key,
        "uid": ground.uid(),
        "slug": "stack",
        "stack_id": 12345,
        "region_slug": "eu",
        "cluster_slug": "prod-eu-west-2",
        **ground.times(),
        "org_id": org_id,
        **ground.plant_columns("cloud_migration_session", (key,), {"auth_token": plain}),
    }
    ground.insert("cloud_migration_session", row)
    return key
