"""Fleets for tests: many Grafanas with databases of their own under one vault, and the list of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.grafana.populate import populate
from tests.support.commandline import CommandLine, Outcome
from tests.support.engine import Engine
from tests.support.story import WRAP, Story
from tests.support.vault import Vault


@dataclass
class Fleet:
    """The Grafanas of a folder, by name, and the list `fleet.toml` of them."""

    folder: Path
    vault: Vault
    stories: dict[str, Story] = field(default_factory=dict)

    @property
    def list(self) -> Path:
        """The list."""
        return self.folder / "fleet.toml"

    @property
    def cli(self) -> CommandLine:
        """The command line without a configuration of its own."""
        return CommandLine(vault=self.vault)

    def add(self, name: str, *, engine: Engine | None = None, secrets: int = 12, secret_key: str = "") -> Story:
        """Add a Grafana with some secrets, and a `secret_key` of its own."""
        folder = self.folder / name
        folder.mkdir()
        secret_key = secret_key or f"the secret_key of {name}"
        story = Story.of(folder / "grafana.db", self.vault, secret_key=secret_key, engine=engine)
        with story.builder(seed=len(self.stories)) as builder:
            populate(builder, count=secrets, under=[None, builder.data_key()])
        self.stories[name] = story
        return story

    def entry(self, name: str) -> dict[str, str]:
        """The entry of a member."""
        story = self.stories[name]
        return {"name": name, "grafana-config": str(story.cli.configuration), "database": str(story.cli.database)}

    def write(self, *extra: dict[str, str], defaults: Sequence[str] = (f'wrap-format = "{WRAP[1]}"',)) -> None:
        """Write the list, with further entries."""
        lines = ["[defaults]", *defaults]
        for entry in (*map(self.entry, self.stories), *extra):
            lines += ["", "[[member]]", *(f"{key} = {json.dumps(value)}" for key, value in entry.items())]
        self.list.write_text("\n".join(lines) + "\n")

    def __call__(self, command: str, *arguments: str, expect: int | None = 0) -> Outcome:
        """Run a command of the fleet on the list."""
        return self.cli(f"fleet {command}", str(self.list), *arguments, expect=expect)

    def json(self, command: str, *arguments: str, expect: int | None = 0) -> dict[str, Any]:
        """Run a command of the fleet on the list with `--output json`."""
        return self(command, *arguments, "--output", "json", expect=expect).json

    def done(self) -> Iterator[str]:
        """The members whose secrets are all under the vault, as the independent decryptor says."""
        for name, story in self.stories.items():
            if not story.off_target():
                yield name
