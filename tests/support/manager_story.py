"""A Grafana with a secrets manager: both stores in one database, and the judgements about the second one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from tests.grafana.decryptor import DecryptedSecret, SecretAddress
from tests.grafana.manager import SecretsManagerBuilder
from tests.grafana.manager_decryptor import read_manager
from tests.grafana.manager_schema import ManagerShape
from tests.grafana.unwrapping import azure_unwrappers
from tests.support.engine import Engine
from tests.support.story import SECTIONS, Story, manager_configuration, with_manager
from tests.support.vault import Vault

OLD, NEW = "secret_key.v1", "secret_key.v2"
#: To the new section, also where no test plants a data key that Grafana has wrapped there.
TO_NEW: Final = ("--to", NEW, "--accept-unproven", NEW)

_VALUES: Final = "SELECT namespace, name, version, encrypted_data, created"
#: All columns but `updated`, by table.
_READ: Final = {
    "secret_data_key": ("SELECT namespace, uid, label, active, provider, encrypted_data, created FROM secret_data_key"),
    "secret_encrypted_value": f"{_VALUES}, data_key_id FROM secret_encrypted_value",
    "resource": "SELECT guid, value FROM resource",
    "resource_history": "SELECT guid, value FROM resource_history",
}
_WITHOUT_COLUMN: Final = f"{_VALUES} FROM secret_encrypted_value"

Rows = dict[str, list[tuple[object, ...]]]


@dataclass(frozen=True)
class ManagerStory:
    """A story, and the sections of its secrets manager with their secrets."""

    story: Story
    sections: Mapping[str, str] = field(default_factory=lambda: SECTIONS)

    @classmethod
    def of(cls, folder: Path, vault: Vault, engine: Engine, provider: str = OLD) -> Self:
        """Configure a database that will be; the secrets manager encrypts under `provider`."""
        story = Story.of(folder / "grafana.db", vault, secret_key="a secret_key", engine=engine)
        made = cls(story)
        made.configure(provider)
        return made

    def configure(self, provider: str, *, extra: str = "", sections: Mapping[str, str] | None = None) -> None:
        """Write the configuration anew, with another provider, other lines in `[secrets_manager]`, other sections."""
        path = self.story.cli.configuration
        assert path is not None
        manager = manager_configuration(provider, extra, self.sections if sections is None else sections)
        path.write_text(with_manager(path.read_text(), manager))

    @contextmanager
    def builder(self, shape: ManagerShape = "12.4") -> Iterator[SecretsManagerBuilder]:
        """Write into the secrets manager's tables as a Grafana does, and into the classic store by its ground."""
        with self.story.builder() as builder:
            yield SecretsManagerBuilder(builder, shape, sections=self.sections)

    def secrets(self, vaults: Mapping[str, str] | None = None) -> dict[SecretAddress, DecryptedSecret]:
        """Every secret of the manager as the independent decryptor reads it now; `vaults` has the key of a provider."""
        unwrappers = azure_unwrappers(self.story.vault.state, vaults or {})
        return read_manager(self.story.judged(), sections=self.sections, unwrappers=unwrappers)

    def plaintexts(self, vaults: Mapping[str, str] | None = None) -> dict[SecretAddress, bytes | None]:
        """What every secret of the manager says; None where it cannot be read."""
        return {address: secret.plaintext for address, secret in self.secrets(vaults).items()}

    def refusal(self, *arguments: str) -> str:
        """What a refusal says, which changes nothing."""
        digest = self.story.digest()
        outcome = self.story.cli(*arguments, expect=6)
        assert self.story.digest() == digest
        return " ".join(outcome.stderr.split())

    def tables(self) -> Rows:
        """All rows of the manager's tables, by table; without `updated`, which a run sets."""
        read = _READ if self.has_column else _READ | {"secret_encrypted_value": _WITHOUT_COLUMN}
        return {table: sorted(self.story.query(select), key=repr) for table, select in read.items()}

    @property
    def has_column(self) -> bool:
        """Whether values have their data key's id in a column."""
        try:
            self.story.query("SELECT data_key_id FROM secret_encrypted_value WHERE 1 = 0")
        except Exception:  # noqa: BLE001 - each engine has an error of its own
            return False
        return True
