from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reencrypt.settings import Settings
from reencrypt.settings.load import load_on
from reencrypt.settings.locate import Installation, Machine

Load = Callable[..., Settings]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine of its own, on which nothing is installed yet."""
    return Machine(
        installations=(
            Installation(tmp_path / "etc/grafana/grafana.ini", tmp_path / "var/lib/grafana"),
            Installation(tmp_path / "usr/local/etc/grafana/grafana.ini", tmp_path / "usr/local/var/lib/grafana"),
        ),
        home=tmp_path / "usr/share/grafana",
        working_directory=tmp_path,
        host_name="monitoring-1",
    )


@pytest.fixture
def load(tmp_path: Path, machine: Machine) -> Load:
    """Load the settings from a custom file with the given text, if any, on that machine."""

    def run(
        text: str | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        config: Path | None = None,
        home: Path | None = None,
        database_url: str | None = None,
        trusted_vault_hosts: tuple[str, ...] = (),
    ) -> Settings:
        if text is not None:
            config = tmp_path / "grafana.ini"
            config.write_bytes(text.encode())
        return load_on(
            machine,
            config=config,
            home=home,
            database_url=database_url,
            environ=environ or {},
            trusted_vault_hosts=trusted_vault_hosts,
        )

    return run
