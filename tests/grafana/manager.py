"""Builds the store of Grafana's secrets manager beside the classic one, as its releases leave it.

Written from the format facts alone: nothing of `reencrypt` is used here.
"""

from __future__ import annotations

import base64
import json
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.grafana.encrypting import Recipe, envelope, make_nonce
from tests.grafana.manager_schema import SHAPES, VALUES, ManagerShape, shape_in
from tests.grafana.schema import SQLITE, create_statements

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.grafana.builder import GrafanaBuilder
    from tests.grafana.planting import SqlValue

#: The section that Grafana ships, whose secret is public.
SHIPPED: Final = {"secret_key.v1": "SW2YcwTIb9zpOOhoPsMm"}
_ADD_COLUMN: Final = "add data_key_id column to secret_encrypted_value"
_CREATE_KEYS: Final = "create table secret_data_key"
#: How many values in a row have one salt for each data key.
_SALTED_ALIKE: Final = 16
_CREATE: Final = (_CREATE_KEYS, "create table secret_encrypted_value")
#: What the manager's own migration log says of the tables that hold secrets; of the first trial's that is not known.
_MIGRATIONS: Final[Mapping[ManagerShape, tuple[str, ...]]] = {
    "experimental": (_CREATE_KEYS,),
    "12.2": _CREATE,
    "12.2.4": _CREATE,
    "12.3": (*_CREATE, _ADD_COLUMN),
    "12.4": (*_CREATE, _ADD_COLUMN),
}
_START: Final = 1_769_904_000  # seconds since 1970


@dataclass(frozen=True, slots=True)
class ManagerKey:
    """One row of `secret_data_key`, with the key in the clear."""

    uid: str
    namespace: str
    provider: str
    dek: bytes
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class ManagerValue:
    """One row of `secret_encrypted_value` and what it says."""

    namespace: str
    name: str
    version: int
    plaintext: bytes
    under: ManagerKey


class SecretsManagerBuilder:
    """Adds the tables of a release to a builder's database, and fills them.

    `sections` are the secrets of `[secrets_manager.encryption.<provider>]`. Where the tables are there already, it
    goes on writing into them.
    """

    def __init__(
        self, builder: GrafanaBuilder, shape: ManagerShape = "12.4", *, sections: Mapping[str, str] = SHIPPED
    ) -> None:
        self._ground = builder.ground
        self._sections = sections
        self._seconds = _START
        self.planted: list[ManagerValue] = []
        self._salts: dict[bytes, bytes] = {}
        self._encrypted = 0
        found = shape_in(self._ground.connection)
        self.shape: ManagerShape = found or shape
        if found is None:
            for statement in create_statements(SQLITE, SHAPES[shape]):
                self._ground.connection.execute(statement)
            for migration in _MIGRATIONS[shape]:
                self._log(migration)

    def data_key(
        self,
        namespace: str = "default",
        *,
        provider: str = "secret_key.v1",
        label_date: str = "2026-02-01",
        active: bool = True,
        wrap: Callable[[bytes], bytes] | None = None,
        dek: bytes | None = None,
        uid: str | None = None,
    ) -> ManagerKey:
        """Add a data key of 16 bytes; `wrap` makes the wrapped bytes of a provider that has no section here."""
        rng = self._ground.rng
        key = rng.randbytes(16) if dek is None else dek
        wrapped = wrap(key) if wrap else self._encrypt(key, self._sections[provider].encode())
        letters = string.ascii_lowercase
        uid = uid or rng.choice(letters) + "".join(rng.choices(letters + string.digits, k=13))
        made = ManagerKey(uid, namespace, provider, key, wrapped)
        row: dict[str, SqlValue] = {
            "uid": uid,
            "namespace": namespace,
            "label": f"{label_date}@{provider}",
            "active": int(active),
            "provider": provider,
            "encrypted_data": wrapped,
        }
        now = self._ground.precise_now()
        self._ground.insert("secret_data_key", {**row, "created": now, "updated": now})
        return made

    def add_value(
        self,
        under: ManagerKey,
        plaintext: bytes,
        *,
        name: str | None = None,
        version: int = 1,
        active: bool = True,
        split: bool | None = None,
    ) -> ManagerValue:
        """Add a secure value with its metadata, in the data key's namespace.

        By default the row is what the release writes. Without `split` a row of 12.3 or later is one that the migration
        of that release has not come to yet.
        """
        ground = self._ground
        name = name or f"inline-{ground.uid()}"
        value = ManagerValue(under.namespace, name, version, plaintext, under)
        has_column = self.shape in {"12.3", "12.4"}
        is_split = has_column if split is None else split
        payload = self._encrypt(plaintext, under.dek)
        row: dict[str, SqlValue] = {"namespace": under.namespace, "name": name, "version": version}
        row["encrypted_data"] = payload if is_split else envelope(under.uid, payload)
        if has_column:
            row["data_key_id"] = under.uid if is_split else ""
        seconds = self._now()
        ground.insert(VALUES, {**row, "created": seconds, "updated": seconds})
        ground.insert(
            "secret_secure_value",
            {
                "guid": ground.uuid(),
                "name": name,
                "namespace": under.namespace,
                "annotations": "",
                "labels": "",
                "created": seconds,
                "created_by": "access-policy:provisioning",
                "updated": seconds,
                "updated_by": "access-policy:provisioning",
                "external_id": str(version),
                "active": int(active),
                "version": version,
                "description": "",
                "keeper": None,
                "decrypters": json.dumps(["provisioning.grafana.app"]),
                "ref": None,
                "owner_reference_api_group": "provisioning.grafana.app",
                "owner_reference_api_version": "v0alpha1",
                "owner_reference_kind": "Repository",
                "owner_reference_name": f"repository-{name}",
                "lease_token": None,
                "lease_created": 0,
            },
        )
        self.planted.append(value)
        return value

    def add_snapshot(self, under: ManagerKey, plaintext: bytes, *, table: str = "resource") -> str:
        """Add a dashboard snapshot of unified storage whose document holds its own ciphertext; returns its guid."""
        ground = self._ground
        guid = ground.uuid()
        name = f"snapshot-{ground.uid()}"
        encrypted = {
            "dataKeyId": under.uid,
            "encryptedData": base64.b64encode(self._encrypt(plaintext, under.dek)).decode(),
        }
        document = {
            "kind": "Snapshot",
            "apiVersion": "dashboard.grafana.app/v0alpha1",
            "metadata": {"name": name, "namespace": under.namespace, "uid": guid},
            "spec": {"title": name, "expires": 3_000_000, "dashboardEncrypted": encrypted},
        }
        row: dict[str, SqlValue] = {
            "guid": guid,
            "resource_version": 1_769_904_000_000_000,
            "group": "dashboard.grafana.app",
            "resource": "snapshots",
            "namespace": under.namespace,
            "name": name,
            "action": 1,
            "label_set": None,
            "value": json.dumps(document, separators=(",", ":")),
            "previous_resource_version": 0,
            "folder": "",
        }
        ground.insert(table, {**row, **({"generation": 1} if table == "resource_history" else {})})
        return guid

    def upgrade(self) -> int:
        """Do what the first start of a Grafana of 12.3 does with the tables of 12.2: add the column, then split.

        Returns how many values were split.
        """
        connection = self._ground.connection
        connection.execute(f"ALTER TABLE {VALUES} ADD COLUMN data_key_id TEXT NOT NULL DEFAULT ''")
        connection.execute(f"CREATE INDEX IDX_{VALUES}_data_key_id ON {VALUES} (data_key_id)")
        self._log(_ADD_COLUMN)
        self.shape = "12.4" if self.shape == "12.2.4" else "12.3"
        return self.split()

    def split(self) -> int:
        """Do what a Grafana of 12.3 or later does at its start: take the data key's id out of the data of old rows."""
        connection = self._ground.connection
        rows = connection.execute(
            "SELECT namespace, name, version, encrypted_data FROM secret_encrypted_value WHERE data_key_id = ''"
        ).fetchall()
        for *key, data in rows:
            uid, _, payload = data[1:].partition(b"#")
            padded = uid + b"=" * (-len(uid) % 4)
            connection.execute(
                "UPDATE secret_encrypted_value SET encrypted_data = ?, data_key_id = ?, updated = ? "
                "WHERE namespace = ? AND name = ? AND version = ?",
                (payload, base64.b64decode(padded).decode(), self._now(), *key),
            )
        return len(rows)

    def collect(self, value: ManagerValue) -> None:
        """Do what the garbage collection does with a value that is not in use any more: delete both rows."""
        key = (value.namespace, value.name, value.version)
        for table in (VALUES, "secret_secure_value"):
            self._ground.connection.execute(
                f"DELETE FROM {table} WHERE namespace = ? AND name = ? AND version = ?",  # noqa: S608 - of two
                key,
            )
        self.planted.remove(value)

    def encrypt(self, plaintext: bytes, under: ManagerKey) -> bytes:
        """The payload of a value, which is not planted."""
        return self._encrypt(plaintext, under.dek)

    def _log(self, migration: str) -> None:
        row: dict[str, SqlValue] = {"migration_id": migration, "sql": "-", "success": 1, "error": ""}
        self._ground.insert("secret_migration_log", {**row, "timestamp": self._ground.now()})

    def _encrypt(self, plaintext: bytes, password: bytes) -> bytes:
        rng = self._ground.rng
        # Grafana gives each value a salt of its own. Here some values of one key share theirs, which is quick.
        if self._encrypted % _SALTED_ALIKE == 0:
            self._salts.clear()
        self._encrypted += 1
        # Any eight bytes: this store's salts are not letters.
        salt = self._salts.setdefault(password, rng.randbytes(8))
        return Recipe("aes-gcm", salt, make_nonce("aes-gcm", rng)).encrypt(plaintext, password)

    def _now(self) -> int:
        self._seconds += self._ground.rng.randint(1, 90)
        return self._seconds
