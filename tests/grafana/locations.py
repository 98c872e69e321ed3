"""Where Grafana looks for secrets, and how each place encodes them, as the judge knows it from the format facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from tests.grafana.jsonspans import Node, member

Decoding = Literal["bytes", "std", "raw-std", "raw-std-trimmed", "as-found"]
Finder = Callable[[str, Node], Iterator[tuple[str, Node]]]

CRYPTO_PREFIX: Final = "crypto_"
_SSO_SECRET_WORDS: Final = ("secret", "certificate", "private", "password", "client_key")


@dataclass(frozen=True, slots=True)
class Place:
    """One column with secrets; `find` is for those with secrets inside JSON."""

    table: str
    column: str
    decoding: Decoding
    find: Finder | None = None
    where: str = "1"
    legacy_only: bool = False  # read by the encryption service directly, which knows no envelope
    key: tuple[str, ...] = ("id",)


def _map_values(path: str, root: Node) -> Iterator[tuple[str, Node]]:
    for name, node in (root.members or {}).items():
        if not node.is_null:
            yield member(path, name), node


def _alerting(path: str, root: Node) -> Iterator[tuple[str, Node]]:
    config = root.get("alertmanager_config")
    receivers = config.get("receivers") if config else None
    for number, receiver in enumerate(receivers.items if receivers else ()):
        integrations = receiver.get("grafana_managed_receiver_configs")
        for index, integration in enumerate(integrations.items if integrations else ()):
            settings = integration.get("secureSettings")
            if settings is not None:
                place = f"{path}.alertmanager_config.receivers[{number}].grafana_managed_receiver_configs[{index}]"
                yield from _map_values(f"{place}.secureSettings", settings)
    extra = root.get("extra_config")
    for number, imported in enumerate(extra.items if extra else ()):
        text = imported.get("alertmanager_config")
        if text is not None and (text.string or "").startswith(CRYPTO_PREFIX):
            yield f"{path}.extra_config[{number}].alertmanager_config", text


def _sso(path: str, root: Node) -> Iterator[tuple[str, Node]]:
    for number, item in enumerate(root.items):
        yield from _sso(f"{path}[{number}]", item)
    for name, node in (root.members or {}).items():
        if node.string is None:
            yield from _sso(member(path, name), node)
        elif node.string and any(word in name.lower() for word in _SSO_SECRET_WORDS):
            yield member(path, name), node


def _repository(path: str, root: Node) -> Iterator[tuple[str, Node]]:
    for names in (("spec", "github", "encryptedToken"), ("status", "webhook", "encryptedSecret")):
        node: Node | None = root
        for name in names:
            node = node.get(name) if node is not None else None
        if node is not None and not node.is_null and node.string != "":
            yield ".".join((path, *names)), node


_REPOSITORIES: Final = "`group` = 'provisioning.grafana.app' AND `resource` = 'repositories'"

PLACES: Final = (
    Place("dashboard_snapshot", "dashboard_encrypted", "bytes"),
    Place("user_auth", "o_auth_access_token", "std"),
    Place("user_auth", "o_auth_refresh_token", "std"),
    Place("user_auth", "o_auth_token_type", "std"),
    Place("user_auth", "o_auth_id_token", "std"),
    Place("secrets", "value", "raw-std"),
    Place("data_source", "secure_json_data", "std", _map_values),
    Place("plugin_setting", "secure_json_data", "std", _map_values),
    Place("signing_key", "private_key", "raw-std-trimmed"),
    Place("sso_setting", "settings", "raw-std", _sso),
    Place("user_external_session", "access_token", "std"),
    Place("user_external_session", "id_token", "std"),
    Place("user_external_session", "refresh_token", "std"),
    Place("user_external_session", "session_id", "std"),
    Place("user_external_session", "name_id", "std"),
    Place("alert_configuration", "alertmanager_configuration", "std", _alerting),
    Place("alert_configuration_history", "alertmanager_configuration", "std", _alerting),
    Place("alert_notification", "secure_settings", "std", _map_values, legacy_only=True),
    Place("cloud_migration_session", "auth_token", "std"),
    Place("resource", "value", "std", _repository, where=_REPOSITORIES, key=("guid",)),
    Place("resource_history", "value", "std", _repository, where=_REPOSITORIES, key=("guid",)),
)

#: What only Grafana Enterprise has. Nobody outside knows its format: here it is the one that was planted.
ENTERPRISE: Final = (Place("setting", "encrypted_value", "as-found", key=("section", "key")),)
