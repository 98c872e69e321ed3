"""Azure's own SDK for JavaScript against the emulator, where Node.js is installed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import javascript_packages
import pytest
from javascript_packages import SOURCES, NotAvailableError
from keyvault_emulator import Emulator

LONGEST_SECONDS = 60.0


@pytest.fixture(scope="session")
def packages() -> Path:
    try:
        return javascript_packages.javascript_packages()
    except NotAvailableError as reason:
        pytest.skip(f"NOT RUN: Azure's SDK for JavaScript: {reason}")


async def run(emulator: Emulator, folder: Path, *proof: str) -> dict[str, Any]:
    """Run the client in a folder of its own, with nothing in its environment but the emulator's CA."""
    process = await asyncio.create_subprocess_exec(
        "node", str(folder / "client.mjs"),
        emulator.vault_uri, emulator.authority, emulator.tenant_id, emulator.client_id, *proof,
        env={"PATH": os.environ["PATH"], "NODE_EXTRA_CA_CERTS": str(emulator.ca_bundle)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(LONGEST_SECONDS):
        said, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    seen = json.loads(said)
    assert isinstance(seen, dict)
    return seen


@pytest.mark.parametrize("proof", ["secret", "certificate"])
async def test_the_sdk_for_javascript_does_everything(
    emulator: Emulator, packages: Path, tmp_path: Path, proof: str
) -> None:
    shutil.copy(SOURCES / "client.mjs", tmp_path)
    # Node.js looks for packages beside the file that asks for them.
    (tmp_path / "node_modules").symlink_to(packages / "node_modules")
    value = emulator.client_secret if proof == "secret" else str(emulator.identities.certificate)
    seen = await run(emulator, tmp_path, proof, value)

    assert seen["newest"]
    assert seen["verified"]
    assert seen["restored"]
    assert sorted(seen["made"]) == seen["versions"]
    assert seen["decrypted"] == seen["unwrapped"] == seen["versionless"] == "a data key"
    refusals = {name: (seen[name]["status"], seen[name]["code"]) for name in ("of_another", "disabled", "absent")}
    assert refusals == {
        "of_another": (400, "BadParameter"),
        "disabled": (403, "Forbidden"),
        "absent": (404, "KeyNotFound"),
    }
    assert "Operation unwrapKey is not allowed on a disabled key." in seen["disabled"]["message"]
    assert "A key with (name/id) absent was not found in this key vault." in seen["absent"]["message"]


def without_network(folder: Path) -> dict[str, str]:
    """Where npm finds nothing in a cache of its own and reaches no registry."""
    return {"npm_config_registry": "https://localhost:1", "npm_config_cache": str(folder / "npm")}


def test_without_a_network_the_reason_is_said_and_remembered(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del packages  # There is npm.
    for name, value in without_network(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(javascript_packages, "INSTALL", (*javascript_packages.INSTALL, "--fetch-retries=0"))
    with pytest.raises(NotAvailableError, match=r"npm: .*ECONNREFUSED"):
        javascript_packages.javascript_packages(tmp_path / "cache")
    # Half of an installation is not taken for one.
    assert not list((tmp_path / "cache").glob("javascript-*"))
    monkeypatch.setattr(javascript_packages, "INSTALL", ("npm", "ci", "--offline"))
    with pytest.raises(NotAvailableError, match="ECONNREFUSED"):
        javascript_packages.javascript_packages(tmp_path / "cache")
    with pytest.raises(NotAvailableError, match="ENOTCACHED"):
        javascript_packages.javascript_packages(tmp_path / "cache", in_any_case=True)


def test_an_install_that_takes_too_long_is_ended(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del packages
    monkeypatch.setattr(javascript_packages, "INSTALL", ("npm", "exec", "--offline", "-c", "sleep 300"))
    monkeypatch.setattr(javascript_packages, "LONGEST_SECONDS", 2.0)
    with pytest.raises(NotAvailableError, match="npm took longer than 2 s"):
        javascript_packages.javascript_packages(tmp_path / "cache")


def test_without_node_the_reason_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotAvailableError, match="there is no node here"):
        javascript_packages.javascript_packages(tmp_path / "cache")
