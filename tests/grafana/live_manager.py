"""A Grafana at work in its secrets manager: stores new versions of secrets, makes data keys, collects what is old.

A secret is never written over: a save is a new version, whose rows come one after another without a transaction around
them (`service/secure_value.go`), and the garbage collection deletes the rows of versions that are not active any more.
"""
# ruff: noqa: S608 - names of tables and columns are our own

from __future__ import annotations

import random
import string
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from tests.grafana.decryptor import SecretAddress
from tests.grafana.encrypting import Recipe, make_nonce
from tests.grafana.live import writing
from tests.grafana.manager_decryptor import decrypt
from tests.grafana.manager_schema import VALUES
from tests.support.engine import Engine, Execute

THEN: Final = 1_769_904_000
#: How long it keeps a data key in its cache, in saves.
CACHED_SAVES: Final = 20


@dataclass(frozen=True)
class Cached:
    """A data key in the cache, as it was when it was read."""

    uid: str
    dek: bytes
    until: int


class LiveManager:
    """Writes in a thread of its own, under the data key of the day of `provider`.

    `names` are the secrets that are there in their first version, as namespace and name. It writes on under a data key
    of its cache that somebody has set inactive meanwhile, as Grafana 13 does.
    """

    def __init__(
        self, engine: Engine, names: Sequence[tuple[str, str]], *, provider: str, sections: Mapping[str, str]
    ) -> None:
        self._engine = engine
        self._newest = dict.fromkeys(names, 1)
        self._old: list[tuple[str, str, int]] = []
        self._provider = provider
        self._sections = sections
        self._cache: dict[str, Cached] = {}
        self._dice = random.Random(0)
        #: What each version that it saved has to say; None for those that are collected. `under_inactive` counts the
        #: data keys that were set inactive while it wrote under them.
        self.saved: dict[SecretAddress, bytes | None] = {}
        self.saves = self.collected = self.keys_made = self.under_inactive = 0

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Write while the block runs; what went wrong there is raised here."""
        with writing(self._engine, self._act):
            yield

    def _act(self, execute: Execute) -> bool:
        if self._old and self._dice.random() < 0.3:
            self._collect(execute)
        else:
            self._save(execute)
        return True

    def _save(self, execute: Execute) -> None:
        namespace, name = self._dice.choice([*self._newest])
        if self._dice.random() < 0.2:
            name = f"new-{self.saves}"
        old = self._newest.get((namespace, name), 0)
        plaintext = b"version %d of %s" % (old + 1, name.encode())
        key = self._data_key(execute, namespace)
        payload = self._encrypt(plaintext, key.dek)
        row = (namespace, name, old + 1)
        execute(
            "INSERT INTO secret_secure_value (guid, namespace, name, version, created, created_by, updated, "
            "updated_by, external_id, active, description) "
            f"VALUES (?, ?, ?, ?, {THEN}, 'live', {THEN}, 'live', '', ?, '')",
            *(str(uuid.UUID(int=self._dice.getrandbits(128))), *row, False),
        )
        execute(
            f"INSERT INTO {VALUES} (namespace, name, version, encrypted_data, data_key_id, created, updated) "
            f"VALUES (?, ?, ?, ?, ?, {THEN}, {THEN})",
            *(*row, payload, key.uid),
        )
        self.saved[SecretAddress(VALUES, row, "encrypted_data")] = plaintext
        where = "WHERE namespace = ? AND name = ? AND version = ?"
        execute(f"UPDATE secret_secure_value SET external_id = '{old + 1}' {where}", *row)
        if old:
            execute(f"UPDATE secret_secure_value SET active = ? {where}", False, namespace, name, old)  # noqa: FBT003
            self._old.append((namespace, name, old))
        execute(f"UPDATE secret_secure_value SET active = ? {where}", True, *row)  # noqa: FBT003
        self._newest[namespace, name] = old + 1
        self.saves += 1

    def _collect(self, execute: Execute) -> None:
        row = self._old.pop(self._dice.randrange(len(self._old)))
        where = "WHERE namespace = ? AND name = ? AND version = ?"
        execute(f"UPDATE secret_secure_value SET lease_token = 'live', lease_created = {THEN} {where}", *row)
        assert execute(f"DELETE FROM {VALUES} {where}", *row) == 1
        execute(f"DELETE FROM secret_secure_value {where}", *row)
        self.saved[SecretAddress(VALUES, row, "encrypted_data")] = None
        self.collected += 1

    def _data_key(self, execute: Execute, namespace: str) -> Cached:
        """The cached one; else the first of today's label that is active, whoever made it; else a new one."""
        cached = self._cache.get(namespace)
        if cached is not None:
            if self.saves < cached.until:
                return cached
            ((active,),) = self._engine.query("SELECT active FROM secret_data_key WHERE uid = ?", cached.uid)
            self.under_inactive += not active
        label = f"{datetime.now().astimezone():%Y-%m-%d}@{self._provider}"
        rows = self._engine.query(
            "SELECT uid, encrypted_data, provider FROM secret_data_key "
            "WHERE namespace = ? AND label = ? AND active = ?",
            *(namespace, label, True),
        )
        if rows:
            uid, wrapped, provider = rows[0]
            assert isinstance(wrapped, bytes)
            found = Cached(_text(uid), decrypt(wrapped, self._sections[_text(provider)].encode()), 0)
        else:
            found = self._make(execute, namespace, label)
        self._cache[namespace] = Cached(found.uid, found.dek, self.saves + CACHED_SAVES)
        return self._cache[namespace]

    def _make(self, execute: Execute, namespace: str, label: str) -> Cached:
        dek, letters = self._dice.randbytes(16), string.ascii_lowercase
        uid = "".join(self._dice.choices(letters, k=14))
        now: object = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        if self._engine.kind == "sqlite":
            now = f"{now}+00:00"
        execute(
            "INSERT INTO secret_data_key (uid, namespace, label, active, provider, encrypted_data, created, updated) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            *(uid, namespace, label, True, self._provider),
            *(self._encrypt(dek, self._sections[self._provider].encode()), now, now),
        )
        self.keys_made += 1
        return Cached(uid, dek, 0)

    def _encrypt(self, plaintext: bytes, password: bytes) -> bytes:
        recipe = Recipe("aes-gcm", self._dice.randbytes(8), make_nonce("aes-gcm", self._dice))
        return recipe.encrypt(plaintext, password)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
