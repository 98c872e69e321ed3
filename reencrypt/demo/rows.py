"""Rows with secrets, one function for each location of the catalogue. The database tells how often each is called."""

from __future__ import annotations

import hashlib
import json
import secrets
import uuid
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from reencrypt.demo import documents, schema
from reencrypt.demo.schema import Table
from reencrypt.demo.sealing import Pen, Tally

SqlValue = str | int | bytes | None


class Sheet(Protocol):
    """What the functions here write on."""

    def pen(self, table: Table) -> Pen:
        """A pen for the next row of the table."""
        ...

    def legacy_pen(self) -> Pen:
        """A pen that never uses a data key."""
        ...

    def insert(self, table: Table, values: Mapping[str, SqlValue]) -> None:
        """Insert a row; what is not given is filled in."""
        ...

    def count(self, tally: Tally) -> None:
        """Count secrets that were copied, not written anew."""
        ...


def _token() -> str:
    return secrets.token_urlsafe(30)


def _password() -> str:
    return f"pässword {secrets.token_hex(4)}"


def _pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _data_source(sheet: Sheet, number: int) -> None:
    """A data source stands twice, as in Grafana: in its own row and in `secrets`, both written on the same day."""
    name, password, header = f"Source {number} ☃", _password(), f"Bearer {_token()}"
    own, copy = sheet.pen(schema.DATA_SOURCE), sheet.pen(schema.SECRETS)
    settings = {"basicAuthPassword": own.padded(password), "httpHeaderValue1": own.padded(header)}
    sheet.insert(
        schema.DATA_SOURCE,
        {
            "org_id": 1,
            "version": 1,
            "type": "prometheus",
            "name": name,
            "access": "proxy",
            "url": "http://prometheus:9090",
            "json_data": '{"httpMethod":"POST"}',
            "secure_json_data": documents.render(settings),
            "uid": f"source{number}",
        },
    )
    value = json.dumps({"basicAuthPassword": password, "httpHeaderValue1": header})
    sheet.insert(schema.SECRETS, {"org_id": 1, "namespace": name, "type": "datasource", "value": copy.unpadded(value)})


def _user_auth(sheet: Sheet, number: int) -> None:
    pen = sheet.pen(schema.USER_AUTH)
    texts = {"access_token": _token(), "refresh_token": _token(), "token_type": "Bearer", "id_token": ""}
    tokens = {f"o_auth_{name}": pen.padded(text) for name, text in texts.items()}
    sheet.insert(
        schema.USER_AUTH,
        {"user_id": number + 1, "auth_module": "oauth_azuread", "auth_id": f"auth-{number}", **tokens},
    )


def _external_session(sheet: Sheet, number: int) -> None:
    pen = sheet.pen(schema.USER_EXTERNAL_SESSION)
    names = ("access_token", "id_token", "refresh_token", "session_id", "name_id")
    hashed = hashlib.sha256(str(number).encode()).hexdigest()[:44]
    sheet.insert(
        schema.USER_EXTERNAL_SESSION,
        {
            "user_auth_id": number + 1,
            "user_id": number + 1,
            "auth_module": "oauth_azuread",
            **{name: pen.padded(_token()) for name in names},
            "session_id_hash": hashed,
            "name_id_hash": hashed,
        },
    )


def _plugin_setting(sheet: Sheet, number: int) -> None:
    pen = sheet.pen(schema.PLUGIN_SETTING)
    settings = {"apiKey": pen.padded(_token()), "pin": pen.padded(str(secrets.randbelow(9000) + 1000))}
    sheet.insert(
        schema.PLUGIN_SETTING,
        {
            "plugin_id": f"vendor-{number}-app",
            "enabled": 1,
            "pinned": 1,
            "json_data": "{}",
            "secure_json_data": documents.render(settings),
        },
    )


def _dashboard_snapshot(sheet: Sheet, number: int) -> None:
    pen = sheet.pen(schema.DASHBOARD_SNAPSHOT)
    board = json.dumps({"title": f"Snapshot {number}", "panels": [{"id": each} for each in range(20)]})
    sheet.insert(
        schema.DASHBOARD_SNAPSHOT,
        {
            "name": f"Snapshot {number}",
            "key": secrets.token_hex(16),
            "delete_key": secrets.token_hex(16),
            "org_id": 1,
            "user_id": 1,
            "dashboard": "{}",
            "dashboard_encrypted": pen.raw(board.encode()),
        },
    )


def _signing_key(sheet: Sheet, number: int) -> None:
    pen = sheet.pen(schema.SIGNING_KEY)
    row = {"key_id": f"id-2025-{number}-es256", "private_key": pen.unpadded(_pem()), "alg": "ES256"}
    sheet.insert(schema.SIGNING_KEY, {**row})


def _sso_setting(sheet: Sheet, number: int) -> None:
    pen = sheet.pen(schema.SSO_SETTING)
    ldap = number % 8 == 0
    servers = [
        {"bind_password": pen.unpadded(_password()), "client_key_value": pen.unpadded(_pem())}
        for _ in range(2 if ldap else 0)
    ]
    sheet.insert(
        schema.SSO_SETTING,
        {
            "id": str(uuid.uuid4()),
            "provider": "ldap" if ldap else "generic_oauth",
            "settings": documents.sso_settings(pen.unpadded(_token()), servers),
        },
    )


def _alert_configuration(sheet: Sheet, number: int) -> None:
    """The configuration of one organisation, and its twin in the history: the same text, found by its hash."""
    pen = sheet.pen(schema.ALERT_CONFIGURATION)
    contact_points = [
        {"url": pen.padded("https://hooks.example.org/" + _token()), "token": pen.padded(_token())},
        {"password": pen.padded(_password())},
    ]
    imported = "crypto_" + pen.padded("route:\n  receiver: pager\n") if number % 6 == 0 else ""
    text = documents.alert_configuration(contact_points, imported)
    row: dict[str, SqlValue] = {
        "alertmanager_configuration": text,
        "configuration_version": "v1",
        "created_at": 1_738_310_400,
        "org_id": number + 1,
        "configuration_hash": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
    }
    sheet.insert(schema.ALERT_CONFIGURATION, row)
    sheet.insert(schema.ALERT_CONFIGURATION_HISTORY, {**row, "last_applied": 1_738_310_400})
    sheet.count(pen.tally)


def _alert_notification(sheet: Sheet, number: int) -> None:
    pen = sheet.legacy_pen()
    settings = {"token": pen.padded(_token()), "url": pen.padded("https://hooks.example.org/" + _token())}
    sheet.insert(
        schema.ALERT_NOTIFICATION,
        {
            "org_id": 1,
            "name": f"Channel {number}",
            "type": "slack",
            "settings": "{}",
            "uid": f"channel{number}",
            "secure_settings": documents.render(settings),
        },
    )


def _cloud_migration(sheet: Sheet, number: int) -> None:
    """A session's token, and the key of its snapshot: raw bytes, in `secrets`, under an organisation of its own."""
    pen, key = sheet.pen(schema.CLOUD_MIGRATION_SESSION), sheet.pen(schema.SECRETS)
    sheet.insert(
        schema.CLOUD_MIGRATION_SESSION,
        {"uid": f"session{number}", "auth_token": pen.padded(_token()), "slug": "stack", "stack_id": 1},
    )
    sheet.insert(
        schema.SECRETS,
        {
            "org_id": -1,
            "namespace": f"snapshot{number}",
            "type": "cloudmigration-snapshot-encryption-key",
            "value": key.unpadded_bytes(secrets.token_bytes(32)),
        },
    )


def _repository(sheet: Sheet, number: int) -> None:
    for table in (schema.RESOURCE, schema.RESOURCE_HISTORY):
        pen = sheet.pen(table)
        name = f"repository-{number}"
        sheet.insert(
            table,
            {
                "guid": str(uuid.uuid4()),
                "resource_version": 1_738_310_400_000_000,
                "group": "provisioning.grafana.app",
                "resource": "repositories",
                "namespace": "default",
                "name": name,
                "value": documents.repository(name, token=pen.padded(_token()), webhook=pen.padded(_token())),
                "action": 1,
            },
        )


Writer = Callable[[Sheet, int], None]

#: What writes rows, and in how many rounds once.
WRITERS: Final[tuple[tuple[Writer, int], ...]] = (
    (_data_source, 1),
    (_user_auth, 1),
    (_external_session, 2),
    (_plugin_setting, 2),
    (_dashboard_snapshot, 3),
    (_signing_key, 5),
    (_sso_setting, 4),
    (_alert_configuration, 2),
    (_alert_notification, 6),
    (_cloud_migration, 7),
    (_repository, 5),
)
