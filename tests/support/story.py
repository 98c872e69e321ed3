"""A database, its configuration and its vault, with the judgements that most tests make about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, Self

from tests.grafana.builder import GrafanaBuilder
from tests.grafana.decryptor import (
    DEFAULT_SECRET_KEY,
    LEGACY,
    DecryptedSecret,
    SecretAddress,
    decrypt_all,
    open_read_only,
    read_secrets,
)
from tests.grafana.fidelity import Snapshot, snapshot_non_secret_bytes
from tests.grafana.manager import SHIPPED, SecretsManagerBuilder
from tests.grafana.manager_decryptor import read_manager
from tests.grafana.manager_populate import populate_manager
from tests.grafana.manager_schema import ManagerShape
from tests.grafana.populate import populate
from tests.grafana.unwrapping import azure_unwrappers
from tests.support.commandline import CommandLine
from tests.support.engine import Engine, SqliteEngine
from tests.support.vault import Vault

TARGET = "azurekv.prod"
WRAP = ("--wrap-format", "raw/RSA-OAEP-256")
NOT_APPLICABLE = "alert_notification"
#: The secrets of the secrets manager's sections: the one that Grafana ships, and one of one's own.
SECTIONS: Final = SHIPPED | {"secret_key.v2": "a secret of one's own"}


@dataclass(frozen=True)
class StoryStore:
    """What the tests of both stores say of one: its provider to move to, and the arguments that mean so.

    `only` chooses the store alone. `keys` is the table of its data keys, and `tables` are those that hold its secrets
    and no secret of the other one.
    """

    name: Literal["classic", "manager"]
    target: str
    to_target: tuple[str, ...]
    keys: str
    tables: tuple[str, ...]

    @property
    def only(self) -> tuple[str, ...]:
        """The arguments that choose this store."""
        return ("--store", self.name)

    @property
    def move(self) -> tuple[str, ...]:
        """The arguments that mean: everything of this store under the target."""
        return (*self.only, *self.to_target)


CLASSIC: Final = StoryStore(
    "classic",
    TARGET,
    WRAP,
    "data_keys",
    ("data_keys", "data_source", "secrets", "user_auth", "alert_configuration", "plugin_setting", "sso_setting"),
)
MANAGER: Final = StoryStore(
    "manager",
    "secret_key.v2",
    # Most tests plant no data key that Grafana has wrapped under this section.
    ("--to", "secret_key.v2", "--accept-unproven", "secret_key.v2"),
    "secret_data_key",
    ("secret_data_key", "secret_encrypted_value", "secret_secure_value"),
)
STORES: Final = {each.name: each for each in (CLASSIC, MANAGER)}


@dataclass(frozen=True)
class Story:
    """One Grafana: its database, and how the command line reaches it and the vault.

    `database` is the SQLite file that fixtures are built in. On SQLite it is the database itself. The judgements are
    about one `store`.
    """

    database: Path
    engine: Engine
    vault: Vault
    secret_key: str
    cli: CommandLine
    store: StoryStore = CLASSIC

    @classmethod
    def of(
        cls,
        database: Path,
        vault: Vault,
        *,
        secret_key: str = DEFAULT_SECRET_KEY,
        engine: Engine | None = None,
        store: StoryStore | None = None,
    ) -> Self:
        """Configure a database that exists, or will; an SQLite file unless another engine is given.

        With a `store` both stores are configured, and the judgements are about that one; else there is the classic one.
        """
        engine = engine or SqliteEngine(database)
        extra = manager_configuration() if store else ""
        configuration = vault.configuration(database.parent, secret_key=secret_key, extra=extra)
        return cls(database, engine, vault, secret_key, CommandLine(engine.url, configuration, vault), store or CLASSIC)

    @property
    def other(self) -> Story:
        """The same Grafana, judged by its other store."""
        (other,) = (each for each in STORES.values() if each is not self.store)
        return replace(self, store=other)

    def fill(self, count: int, *, shape: ManagerShape = "12.4") -> None:
        """Fill both stores with so many secrets each."""
        with self.builder() as builder:
            populate(builder, count=count, under=[None, builder.data_key()])
            populate_manager(self.manager(builder, shape), count=count)

    @staticmethod
    def manager(builder: GrafanaBuilder, shape: ManagerShape = "12.4") -> SecretsManagerBuilder:
        """The secrets manager of a Grafana that this story configures."""
        return SecretsManagerBuilder(builder, shape, sections=SECTIONS)

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
        """Every secret of the store as the independent decryptor reads it now."""
        return self.read(self.judged())

    def read(self, path: Path) -> dict[SecretAddress, DecryptedSecret]:
        """Every secret of the store in a copy of the database."""
        if self.store is MANAGER:
            return read_manager(path, sections=SECTIONS)
        unwrappers = azure_unwrappers(self.vault.state, {TARGET: "prod", "azurekv.other": "other"})
        return read_secrets(path, secret_key=self.secret_key, unwrappers=unwrappers)

    def decrypted(self, ciphertexts: Sequence[bytes]) -> list[DecryptedSecret]:
        """Values of a plugin as the independent decryptor reads them now."""
        unwrappers = azure_unwrappers(self.vault.state, {TARGET: "prod", "azurekv.other": "other"})
        return decrypt_all(self.judged(), ciphertexts, secret_key=self.secret_key, unwrappers=unwrappers)

    def rest(self) -> Snapshot:
        """Everything that is not a secret."""
        return snapshot_non_secret_bytes(self.judged())

    def plaintexts(self) -> dict[SecretAddress, bytes | str]:
        """What every secret decrypts to, or why it does not."""
        return {
            address: secret.plaintext if secret.plaintext is not None else str(secret.error)
            for address, secret in self.secrets().items()
        }

    def off_target(self, provider: str | None = None) -> dict[SecretAddress, str]:
        """The applicable secrets that are not under the provider, by default the target; and what they are under."""
        provider = provider or self.store.target
        return {
            address: secret.provider
            for address, secret in self.secrets().items()
            if secret.provider != provider and address.table != NOT_APPLICABLE
        }

    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        """All that is stored of this store alone, by table."""
        with closing(open_read_only(self.judged())) as file:
            selects = {table: f"SELECT * FROM {table}" for table in self.store.tables}  # noqa: S608 - our own names
            return {table: sorted(file.execute(select).fetchall(), key=repr) for table, select in selects.items()}

    def digest(self) -> str:
        """A hash of everything that is stored; on SQLite of the file."""
        return self.engine.digest()

    def query(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Run a query as somebody else would."""
        return self.engine.query(sql, *values)

    def execute(self, sql: str, *values: object) -> int:
        """Run a statement as somebody else would; returns the rows it changed."""
        return self.engine.execute(sql, *values)


def manager_configuration(
    provider: str = "secret_key.v1", lines: str = "", sections: Mapping[str, str] = SECTIONS
) -> str:
    """The sections of a secrets manager that encrypts under the provider, with further `lines` of its own."""
    each = [f'[secrets_manager.encryption.{name}]\nsecret_key = """{text}"""\n' for name, text in sections.items()]
    return f"\n[secrets_manager]\nencryption_provider = {provider}\n{lines}\n" + "\n".join(each)


def with_manager(configuration: str, manager: str) -> str:
    """Grafana's configuration with these sections of a secrets manager in the place of those that it has."""
    return configuration.partition("\n[secrets_manager]")[0] + manager


__all__ = [
    "CLASSIC",
    "LEGACY",
    "MANAGER",
    "NOT_APPLICABLE",
    "SECTIONS",
    "STORES",
    "TARGET",
    "WRAP",
    "Story",
    "StoryStore",
    "manager_configuration",
    "with_manager",
]
