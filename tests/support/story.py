"""A database, its configuration and its vault, with the judgements that most tests make about them."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.grafana.builder import GrafanaBuilder
from tests.grafana.decryptor import DEFAULT_SECRET_KEY, LEGACY, DecryptedSecret, SecretAddress, read_secrets
from tests.grafana.unwrapping import azure_unwrappers
from tests.support.commandline import CommandLine
from tests.support.vault import Vault

TARGET = "azurekv.prod"
WRAP = ("--wrap-format", "raw/RSA-OAEP-256")
NOT_APPLICABLE = "alert_notification"


@dataclass(frozen=True)
class Story:
    """One Grafana: its database file, and how the command line reaches it and the vault."""

    database: Path
    vault: Vault
    secret_key: str
    cli: CommandLine

    @classmethod
    def of(cls, database: Path, vault: Vault, *, secret_key: str = DEFAULT_SECRET_KEY) -> Self:
        """Configure a database that exists, or will."""
        folder = database.parent
        configuration = vault.configuration(folder, secret_key=secret_key)
        return cls(database, vault, secret_key, CommandLine(database, configuration, vault))

    def builder(self, *, seed: int = 0) -> GrafanaBuilder:
        """A builder of this database under its `secret_key`."""
        return GrafanaBuilder(self.database, secret_key=self.secret_key, seed=seed)

    def secrets(self) -> dict[SecretAddress, DecryptedSecret]:
        """Every secret as the independent decryptor reads it now."""
        unwrappers = azure_unwrappers(self.vault.state, {TARGET: "prod", "azurekv.other": "other"})
        return read_secrets(self.database, secret_key=self.secret_key, unwrappers=unwrappers)

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
        """A hash of the database file."""
        return hashlib.sha256(self.database.read_bytes()).hexdigest()

    def query(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Run a query."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute(sql, values).fetchall()

    def execute(self, sql: str, *values: object) -> int:
        """Run a statement as somebody else would; returns the rows it changed."""
        with closing(sqlite3.connect(self.database, timeout=30)) as connection, connection:
            return connection.execute(sql, values).rowcount


__all__ = ["LEGACY", "NOT_APPLICABLE", "TARGET", "WRAP", "Story"]
