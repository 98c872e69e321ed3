"""Rows whose secrets stand somewhere inside a JSON document.

These functions are the methods of `GrafanaBuilder`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

from tests.grafana import documents
from tests.grafana.jsontext import render
from tests.grafana.planting import stored_as

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.grafana.builder import GrafanaBuilder
    from tests.grafana.jsontext import Style
    from tests.grafana.planting import Ground, Plain, Secrets, SqlValue, Storage


def add_sso_setting(
    builder: GrafanaBuilder,
    secrets: Secrets,
    *,
    servers: Sequence[Secrets] = (),
    row_id: str | None = None,
    provider: str = "azuread",
    is_deleted: bool = False,
    leftovers: Mapping[str, str] | None = None,
    style: Style = "go",
    storage: Storage = "text",
) -> str:
    """`servers` are LDAP's, `leftovers` go in as they are: plaintext under names that became secret later."""
    ground = builder.ground
    key = row_id or ground.uuid()
    place = ("sso_setting", (key,), "settings")
    top = ground.plant_each(place, secrets, "unpadded", style=style)
    maps = [
        ground.plant_each((*place[:2], f"settings.config.servers[{number}]"), server, "unpadded", style=style)
        for number, server in enumerate(servers)
    ]
    text = render(documents.sso_settings({**top, **(leftovers or {})}, maps), style)
    row: dict[str, SqlValue] = {
        "id": key,
        "provider": provider,
        "settings": stored_as(text, storage),
        "is_deleted": int(is_deleted),
    }
    ground.insert("sso_setting", {**row, **ground.times()})
    return key


def add_alert_configuration(
    builder: GrafanaBuilder,
    receivers: Sequence[Secrets],
    *,
    extra: Sequence[Plain] = (),
    row_id: int | None = None,
    org_id: int | None = None,
    table: Literal["alert_configuration", "alert_configuration_history"] = "alert_configuration",
    other_row: bool = False,
    style: Style = "go",
    storage: Storage = "text",
) -> int:
    """One receiver for each map of secure settings; `extra` are imported Mimir configurations.

    An organisation has one configuration, so by default each row has an organisation of its own. With `twin` the
    history gets the same text, the same ciphertexts included.
    """
    ground = builder.ground
    key = ground.next_id(table, row_id)
    column = "alertmanager_configuration"
    base = f"{column}.alertmanager_config.receivers"
    settings = [
        ground.plant_each((table, (key,), documents.receiver_path(base, number)), receiver, "padded", style=style)
        for number, receiver in enumerate(receivers)
    ]
    imported = [
        ground.plant(
            (table, (key,), f"{column}.extra_config[{number}].alertmanager_config"),
            *(plain, "padded"),
            style=style,
            prefix="crypto_",
        )
        for number, plain in enumerate(extra)
    ]
    text = render(documents.alert_configuration(settings, imported), style)
    org = key if org_id is None else org_id
    _insert_alerts(ground, table, key, org, text, storage)
    if other_row:
        other = ground.next_id("alert_configuration_history")
        _insert_alerts(ground, "alert_configuration_history", other, org, text, storage)
        ground.copy_planted((table, (key,)), ("alert_configuration_history", (other,)))
    return key


def _insert_alerts(ground: Ground, table: str, key: int, org_id: int, text: str, storage: Storage) -> None:
    row: dict[str, SqlValue] = {
        "id": key,
        "org_id": org_id,
        "alertmanager_configuration": stored_as(text, storage),
        "configuration_version": "v1",
        "created_at": 1_738_310_400 + abs(key),
        "default": 0,
        "configuration_hash": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
        **({"last_applied": 1} if table == "alert_configuration_history" else {}),
    }
    ground.insert(table, row)


def add_alert_notification(
    builder: GrafanaBuilder,
    secrets: Secrets | None,
    *,
    row_id: int | None = None,
    org_id: int = 1,
    style: Style = "go",
    storage: Storage = "text",
) -> int:
    """Of legacy alerting: Grafana decrypts these with `secret_key` alone, so no secret may name a data key."""
    ground = builder.ground
    key = ground.next_id("alert_notification", row_id)
    if any(plain and plain.under for plain in (secrets or {}).values()):
        raise ValueError("alert_notification is never under a data key")
    row: dict[str, SqlValue] = {
        "id": key,
        "org_id": org_id,
        "name": f"Channel {key}",
        "type": "slack",
        "settings": "{}",
        **ground.times(),
        "is_default": 0,
        "frequency": 0,
        "send_reminder": 0,
        "uid": ground.uid(),
        "secure_settings": ground.plant_map(("alert_notification", (key,), "secure_settings"), secrets, style, storage),
    }
    ground.insert("alert_notification", row)
    return key


def add_repository(
    builder: GrafanaBuilder,
    *,
    token: Plain | None = None,
    webhook: Plain | None = None,
    guid: str | None = None,
    name: str | None = None,
    table: Literal["resource", "resource_history"] = "resource",
    resource_version: int = 1_738_310_400_000_000,
    style: Style = "go",
    storage: Storage = "text",
) -> str:
    """A repository of Git synchronisation in unified storage."""
    ground = builder.ground
    key = guid or ground.uuid()
    place = (table, (key,))
    paths = {"value.spec.github.encryptedToken": token, "value.status.webhook.encryptedSecret": webhook}
    texts = [
        None if plain is None else ground.plant((*place, path), plain, "padded", style=style)
        for path, plain in paths.items()
    ]
    title = name or f"repository-{ground.uid()}"
    document = documents.repository(title, token=texts[0], webhook=texts[1])
    row: dict[str, SqlValue] = {
        "guid": key,
        "resource_version": resource_version,
        "group": "provisioning.grafana.app",
        "resource": "repositories",
        "namespace": "default",
        "name": title,
        "action": 1,
        "label_set": None,
        "value": stored_as(render(document, style), storage),
        "previous_resource_version": 0,
        "folder": "",
        **({"generation": 1} if table != "resource" else {}),
    }
    ground.insert(table, row)
    return key
