"""A Grafana at work: saves tokens, data sources and contact points, makes data keys, deletes and adds rows.

It does so as fast as it can, and writes what it has encrypted beforehand, so that it knows what every secret has to
say in the end.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from tests.grafana.decryptor import SecretAddress
from tests.support.engine import Engine, Execute

TOKEN = "o_auth_access_token"
THEN = "2026-01-01 00:00:00"


@contextmanager
def writing(engine: Engine, act: Callable[[Execute], bool]) -> Iterator[None]:
    """Act again and again in a thread of its own while the block runs, or until it says that there is no more to do.

    What goes wrong there is raised at the end of the block.
    """
    stop = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with engine.session() as execute:
                while not stop.is_set() and act(execute):
                    pass
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failures:
        raise failures[0]


class LiveGrafana:
    """Writes in a thread of its own. `texts` are plaintexts with their ciphertexts; each is used once.

    `data_keys` are rows that it makes on its way, one before every so many saves, as `texts` need them.
    """

    def __init__(
        self,
        engine: Engine,
        texts: list[tuple[bytes, bytes]],
        tokens: list[int],
        sources: list[int],
        data_keys: Mapping[int, Mapping[str, object]],
    ) -> None:
        self._data_keys = data_keys
        self._engine = engine
        self._texts = iter(texts)
        self._tokens = tokens
        self._sources = sources
        self._dice = random.Random(0)
        self._next_id = 1_000_000
        #: What each secret that it saved last has to say; None for rows that it deleted.
        self.saved: dict[SecretAddress, bytes | None] = {}
        self.saves = self.rejected = 0

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Write while the block runs; what went wrong there is raised here."""
        with writing(self._engine, self._act):
            yield

    def _act(self, execute: Execute) -> bool:
        text = next(self._texts, None)
        if text is None:
            return False
        if (row := self._data_keys.get(self.saves)) is not None:
            columns = ", ".join(row)
            execute(f"INSERT INTO data_keys ({columns}) VALUES ({', '.join('?' * len(row))})", *row.values())  # noqa: S608
        action = self._dice.choices(
            (self._save_token, self._save_source, self._save_contact_point, self._add, self._delete),
            weights=(6, 6, 3, 2, 1),
        )[0]
        action(execute, *text)
        self.saves += 1
        return True

    def _save_token(self, execute: Execute, plaintext: bytes, ciphertext: bytes) -> None:
        row = self._dice.choice(self._tokens)
        text = base64.b64encode(ciphertext).decode()
        if execute(f"UPDATE user_auth SET {TOKEN} = ? WHERE id = ?", text, row):  # noqa: S608 - our own column
            self.saved[SecretAddress("user_auth", (row,), TOKEN)] = plaintext

    def _save_source(self, execute: Execute, plaintext: bytes, ciphertext: bytes) -> None:
        row = self._dice.choice(self._sources)
        text = json.dumps({"password": base64.b64encode(ciphertext).decode()})
        if execute("UPDATE data_source SET secure_json_data = ?, version = version + 1 WHERE id = ?", text, row):
            self.saved[SecretAddress("data_source", (row,), "secure_json_data.password")] = plaintext

    def _save_contact_point(self, execute: Execute, plaintext: bytes, ciphertext: bytes) -> None:
        """Read, change, and write back if nobody else has: the hash is Grafana's optimistic lock."""
        while True:
            ((row, text, seen),) = self._engine.query(
                "SELECT id, alertmanager_configuration, configuration_hash FROM alert_configuration WHERE org_id = 1"
            )
            document = json.loads(text if isinstance(text, str | bytes) else "")
            receiver = document["alertmanager_config"]["receivers"][0]["grafana_managed_receiver_configs"][0]
            receiver["secureSettings"]["url"] = base64.b64encode(ciphertext).decode()
            new = json.dumps(document)
            digest = hashlib.md5(new.encode(), usedforsecurity=False).hexdigest()
            changed = execute(
                "UPDATE alert_configuration SET alertmanager_configuration = ?, configuration_hash = ? "
                "WHERE id = ? AND configuration_hash = ?",
                *(new, digest, row, seen.decode() if isinstance(seen, bytes) else seen),
            )
            if changed:
                self.saved[SecretAddress("alert_configuration", (int(str(row)),), "url")] = plaintext
                return
            self.rejected += 1

    def _add(self, execute: Execute, plaintext: bytes, ciphertext: bytes) -> None:
        # Before all others, so behind the cursor of whoever goes through the table.
        self._next_id += 1
        row = -self._next_id
        execute(
            f"INSERT INTO user_auth (id, user_id, auth_module, auth_id, created, {TOKEN}) "  # noqa: S608
            f"VALUES (?, 1, 'oauth', 'live', '{THEN}', ?)",
            *(row, base64.b64encode(ciphertext).decode()),
        )
        self.saved[SecretAddress("user_auth", (row,), TOKEN)] = plaintext

    def _delete(self, execute: Execute, _plaintext: bytes, _ciphertext: bytes) -> None:
        row = self._tokens.pop(self._dice.randrange(len(self._tokens)))
        execute("DELETE FROM user_auth WHERE id = ?", row)
        self.saved[SecretAddress("user_auth", (row,), TOKEN)] = None
