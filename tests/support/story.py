"""A database, its configuration and its vault, with the judgements that most tests make about them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.grafana.builder import GrafanaBuilder
from tests.grafana.decryptor import DEFAULT_SECRET_KEY, LEGACY, DecryptedSecret, SecretAddress, read_secrets
from tests.grafana.fidelity import Snapshot, snapshot_non_secret_bytes
from tests.grafana.unwrapping import azure_unwrappers
from tests.support.commandline import CommandLine
from tests.support.engine import Engine, SqliteEngine
from tests.support.vault import Vault

TARGET = "azurekv.prod"
WRAP = ("--wrap-format", "raw/RSA-OAEP-256")
NOT_APPLICABLE = "alert_notification"


@dataclass(frozen=True)
class Story:
    """One Grafana: its database, and how the command line reaches it and the vault.

    `database` is the SQLite file that fixtures are built in. On SQLite it is the database itself.
    """

    database: Path
    engine: Engine
    vault: Vault
    secret_key: str
    cli: CommandLine

    @classmethod
    def of(
        cls, database: Path, vault: Vault, *, secret_key: str = DEFAULT_SECRET_KEY, engine: Engine | None = None
    ) -> Self:
        """Configure a database that exists, or will; an SQLite file unless another engine is given."""
        engine = engine or SqliteEngine(database)
        configuration = vault.configuration(database.parent, secret_key=secret_key)
        return cls(database, engine, vault, secret_key, CommandLine(engine.url, configuration, vault))

    def with_secret_key(self, secret_key: str) -> Story:
        """The same database under another `secret_key`."""
        return Story.of(self.database, self.vault, secret_key=secret_key, engine=self.engine)

    @contextmanager
    def builder(self, *, seed: int = 0) -> Iterator[GrafanaBuilder]:
        """Write into the database as a Grafana under this `secret_key` does: a new one, or the one that is there."""
        scratch = self.database
        if self.engine.kind != "sqlite" and scratch.exists():
            scratch.unlink()
            self.engine.dump(scratch)
        with GrafanaBuilder(scratch, secret_key=self.secret_key, seed=seed) as builder:
            yield builder
        self.engine.load(scratch)

    def judged(self) -> Path:
        """The database as it is now, as an SQLite file that can be judged."""
        if self.engine.kind == "sqlite":
            return self.database
        copy = self.database.with_suffix(".judged")
        copy.unlink(missing_ok=True)
        self.engine.dump(copy)
        return copy

    def secrets(self) -> dict[SecretAddress, DecryptedSecret]:
        """Every secret as the independent decryptor reads it now."""
        unwrappers = azure_unwrappers(self.vault.state, {TARGET: "prod", "azurekv.other": "other"})
        return read_secrets(self.judged(), secret_key=self.secret_key, unwrappers=unwrappers)

    def rest(self) -> Snapshot:
        """Everything that is not a secret."""
        return snapshot_non_secret_bytes(self.judged())

    def plaintexts(self) -> dict[SecretAddress, bytes | str]:
        """What every secret decrypts to, or why it does not."""
        return {
            address: secret.plaintext if secret.plaintext is not None else str(secret.error)
            for address, secret in self.secrets().items()
        }

    def off_target(self, provider: str = TARGET) -> dict[SecretAddress, str]:
        """The applicable secrets that are not under the provider, and what they are under."""
        return {
            address: secret.provider
            for address, secret in self.secrets().items()
            if secret.provider != provider and address.table != NOT_APPLICABLE
        }

    def digest(self) -> str:
        """A hash of everything that is stored; on SQLite of the file."""
        return self.engine.digest()

    def query(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Run a query as somebody else would."""
        return self.engine.query(sql, *values)

    def execute(self, sql: str, *values: object) -> int:
        """Run a statement as somebody else would; returns the rows it changed."""
        return self.engine.execute(sql, *values)


__all__ = ["LEGACY", "NOT_APPLICABLE", "TARGET", "WRAP", "Story"]
