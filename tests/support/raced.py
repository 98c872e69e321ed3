"""The database of a running Grafana that saves while a run is at work, inside the test's process."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reencrypt.operations.report import RunReport
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.decryptor import DecryptedSecret, SecretAddress, read_secrets
from tests.grafana.planting import Plain
from tests.support.engine import Engine
from tests.support.inprocess import run_in_process

SECRET_KEY = "the secret_key of this test"


class Grafana:
    """The database of a running Grafana, and what it does meanwhile."""

    def __init__(self, engine: Engine, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engine = engine
        self._scratch = scratch
        self._monkeypatch = monkeypatch
        with self.builder() as builder:
            self.legacy = [builder.encrypt(Plain(f"written meanwhile {number}".encode())) for number in range(50)]
            for number in range(300):
                builder.add_user_auth({"o_auth_access_token": Plain(f"the token number {number}".encode())})
            for number in range(20):
                builder.add_secret(Plain(b'{"number":"%d"}' % number))

    @contextmanager
    def builder(self) -> Iterator[GrafanaBuilder]:
        with GrafanaBuilder(
            self.judged() if self._scratch.exists() else self._scratch, secret_key=SECRET_KEY
        ) as builder:
            yield builder
        self.engine.load(self._scratch)

    def judged(self) -> Path:
        """The database as it is now, as an SQLite file."""
        if self.engine.kind != "sqlite":
            self._scratch.unlink()
            self.engine.dump(self._scratch)
        return self._scratch

    def execute(self, sql: str, *values: object) -> int:
        return self.engine.execute(sql, *values)

    def query(self, sql: str) -> list[tuple[object, ...]]:
        return self.engine.query(sql)

    def secrets(self) -> dict[SecretAddress, DecryptedSecret]:
        return read_secrets(self.judged(), secret_key=SECRET_KEY)

    def plaintexts(self) -> list[bytes | None]:
        return [each.plaintext for each in self.secrets().values()]

    def off_target(self) -> int:
        return sum(each.provider != "secretKey.v1" for each in self.secrets().values())

    async def run(self, **hooks: object) -> RunReport:
        return await run_in_process(self.engine.url, SECRET_KEY, self._monkeypatch, **hooks)  # type: ignore[arg-type]


def base64_of(ciphertext: bytes) -> str:
    """As a column holds it."""
    return base64.b64encode(ciphertext).decode()
