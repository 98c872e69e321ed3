"""A key-management service that reencrypt knows nothing of, installed from the outside, through every command."""

from __future__ import annotations

import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.grafana.builder import GrafanaBuilder
from tests.grafana.decryptor import DecryptedSecret, SecretAddress, read_secrets
from tests.grafana.populate import populate
from tests.support.commandline import CommandLine
from tests.support.packages import pack
from tests.support.story import NOT_APPLICABLE

TARGET = "filekms.prod"
SECRET_KEY = "the secret_key of a Grafana without Azure"
SOURCE = Path(__file__).parents[1] / "support" / "filekms.py"
BREAKS = "raise ImportError('it needs another libhsm')"


@dataclass(frozen=True)
class World:
    """A Grafana on SQLite whose configuration names a provider of the kind `filekms`."""

    database: Path
    keys: Path
    cli: CommandLine

    def add_version(self, number: int) -> None:
        (self.keys / f"{number}.key").write_bytes(bytes([number]) * 32)

    def unwrap(self, wrapped: bytes) -> bytes:
        """Unwrap as the service's documentation says, without its package."""
        version, _, body = wrapped.partition(b":")
        return AESGCM(bytes([int(version)]) * 32).decrypt(body[:12], body[12:], version)

    def execute(self, statement: str) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute(statement)

    def secrets(self) -> dict[SecretAddress, DecryptedSecret]:
        unwrappers: dict[str, Callable[[bytes], bytes]] = {TARGET: self.unwrap}
        return read_secrets(self.database, secret_key=SECRET_KEY, unwrappers=unwrappers)

    def plaintexts(self) -> dict[SecretAddress, object]:
        return {address: secret.plaintext or secret.error for address, secret in self.secrets().items()}

    def under(self) -> set[str]:
        return {each.provider for address, each in self.secrets().items() if address.table != NOT_APPLICABLE}

    def checks(self, *, expect: int = 0) -> dict[tuple[str, str], dict[str, str]]:
        checks = self.cli.json("doctor", expect=expect)["checks"]
        return {(check["about"], check["name"]): check for check in checks}


def make_world(folder: Path, site: Path | None, *, provider: str = TARGET) -> World:
    """Build it; `site` is the folder with the packages that its subprocesses see."""
    keys = folder / "keys"
    keys.mkdir()
    configuration = folder / "grafana.ini"
    configuration.write_text(
        f"[security]\nsecret_key = {SECRET_KEY}\n"
        f"encryption_provider = {provider}\navailable_encryption_providers = {provider}\n"
        "[security.encryption]\ndata_keys_cache_ttl = 1s\n"
        f"[security.encryption.{TARGET}]\nfolder = {keys}\npassphrase = c4n4ry\n"
    )
    database = folder / "grafana.db"
    with GrafanaBuilder(database, secret_key=SECRET_KEY) as builder:
        populate(builder, count=60, under=[None, builder.data_key(), builder.data_key(algorithm="aes-gcm")])
        builder.ground.connection.execute("DELETE FROM alert_notification")
    environment = {"PYTHONPATH": str(site)} if site else {}
    # Cold, because a warm process has looked for packages already.
    world = World(database, keys, CommandLine(f"sqlite://{database}", configuration, None, environment, cold=True))
    world.add_version(1)
    return world


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the package is installed into."""
    folder = tmp_path_factory.mktemp("outside")
    wheel = pack(folder, "filekms", kind="filekms", source=SOURCE.read_text())
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", str(folder / "site"), str(wheel)], check=True)
    return folder / "site"


@pytest.fixture
def world(tmp_path: Path, site: Path) -> World:
    return make_world(tmp_path, site)


def test_a_service_from_outside_goes_through_every_command(world: World) -> None:
    cli, before = world.cli, world.plaintexts()

    checks = world.checks()
    assert checks[TARGET, "key files"]["detail"] == f"the newest of {world.keys} is 1"
    assert checks[TARGET, "data keys"]["detail"] == "none are under it yet"
    assert checks["run", "refusals"]["state"] == "ok"

    plan = cli.json("plan", "--check")
    assert plan["outcome"] == "ready"
    assert plan["target_provider"] == TARGET

    run = cli.json("run")
    assert run["outcome"] == "done"
    assert world.under() == {TARGET}
    assert world.plaintexts() == before

    assert cli.json("undo", run["run_id"])["outcome"] == "undone"
    assert TARGET not in world.under()
    assert world.plaintexts() == before

    assert cli.json("run")["outcome"] == "done"
    world.add_version(2)
    rewrap = cli.json("rewrap")
    assert (rewrap["outcome"], rewrap["target_version"]) == ("done", "2")
    assert world.plaintexts() == before

    verified = cli.json("verify")
    assert (verified["outcome"], verified["configuration"]) == ("verified", [])
    assert list(verified["providers"]) == [TARGET]
    needed = [check for check in world.checks().items() if check[0] == (TARGET, "needed version")]
    assert [check["detail"].partition(":")[0] for _, check in needed] == ["2"]

    no = cli.json("complete", "--settle", "--retire", f"{TARGET}/2", expect=8)
    assert (no["outcome"], no["commands"]) == ("no", [])
    # Its kind says nothing of the secrets manager, which may use the key all the same.
    columns = "uid TEXT, namespace TEXT, label TEXT, active BOOL, provider TEXT, encrypted_data BLOB"
    world.execute(f"CREATE TABLE secret_data_key ({columns}, created DATETIME, updated DATETIME)")
    row = "'1', 'default', '2026-02-01@file_kms.v1', 1, 'file_kms.v1', X'00'"
    world.execute(f"INSERT INTO secret_data_key VALUES ({row}, '2026-02-01', '2026-02-01')")  # noqa: S608 - our own row
    assert "file_kms.v1, may need it" in str(cli.json("complete", expect=8)["keys"])
    world.execute("DROP TABLE secret_data_key")
    yes = cli.json("complete", "--settle")
    assert yes["outcome"] == "yes"
    assert yes["commands"] == [f"mv {world.keys}/1.key {world.keys}/1.disabled"]

    subprocess.run(shlex.split(yes["commands"][0]), check=True)
    assert cli.json("verify")["outcome"] == "verified"
    assert cli.json("complete", "--settle", "--finish", "--drop-state")["state_dropped"]
    assert cli.json("run")["outcome"] == "nothing_to_do"
    assert world.plaintexts() == before


def test_what_is_not_remote_costs_nothing_in_the_estimate(world: World) -> None:
    first = world.cli.json("plan")
    assert first["estimate"]["vault_unwraps"] == 0
    world.cli("run")
    world.add_version(2)
    plan = world.cli.json("plan", "--fresh-data-key")
    assert plan["estimate"]["vault_unwraps"] == 0
    assert [way["vault_calls"] for way in plan["roads"]] == [0, 0]
    assert all(way["seconds"] < 1 for way in plan["roads"])


def test_a_version_that_is_disabled_stops_and_says_how_to_enable_it(world: World) -> None:
    world.cli("run")
    (world.keys / "1.key").rename(world.keys / "1.disabled")
    world.add_version(2)
    error = world.cli.json("run", "--to", "secretKey.v1", expect=6)["error"]
    assert error["code"] == "key_disabled"
    assert "1.key is disabled" in error["message"]
    assert "Rename 1.disabled to 1.key. Or leave its secrets with --skip-key" in error["hint"]
    left = world.cli.json("rewrap", expect=3)["left_because"]
    assert ["1.key is disabled" in reason for reason in left.values()] == [True]


def test_config_show_lists_the_keys_of_its_section_and_masks_what_the_kind_calls_secret(world: World) -> None:
    shown = world.cli.json("config show")
    lines = {line["key"]: line for line in shown["values"] if line["section"] == f"security.encryption.{TARGET}"}
    assert {key: line["value"] for key, line in lines.items()} == {"folder": str(world.keys), "passphrase": "*********"}
    assert "c4n4ry" not in str(shown)
    (world.keys / "1.key").unlink()
    world.keys.rmdir()
    unusable = world.cli.json("config show")["unusable_providers"]
    assert unusable == {TARGET: f"[security.encryption.{TARGET}] folder does not name a folder."}


def test_a_kind_that_nobody_installed_is_named_with_what_there_is(tmp_path: Path) -> None:
    world = make_world(tmp_path, None)
    error = world.cli.json("run", expect=2)["error"]
    assert f"provider {TARGET} cannot be used: The kind filekms is unknown" in error["message"]
    assert (
        "reencrypt supports azurekv.NAME and secretKey.v1, and no installed package adds this one" in error["message"]
    )
    assert "is unknown" in world.checks(expect=2)[TARGET, "configuration"]["detail"]


def broken_world(tmp_path: Path, **options: Any) -> World:
    wheel = pack(tmp_path, "filekms", kind="filekms", source=BREAKS)
    # A wheel is a folder for Python's imports, too.
    return make_world(tmp_path, wheel, **options)


def test_a_broken_package_is_named_where_its_provider_is_needed(tmp_path: Path) -> None:
    world = broken_world(tmp_path)
    error = world.cli.json("run", expect=2)["error"]
    assert error["code"] == "configuration"
    assert (
        f"provider {TARGET} cannot be used: The kind filekms cannot be loaded from filekms:KIND in filekms 1.0 "
        "(entry point reencrypt.providers): ImportError: it needs another libhsm"
    ) in error["message"]
    assert "Install a version of that package that fits" in error["hint"]
    check = world.checks(expect=2)[TARGET, "configuration"]
    assert "ImportError" in check["detail"]
    assert check["remedy"] == error["hint"]
    assert TARGET in world.cli.json("config show")["unusable_providers"]


def test_a_broken_package_breaks_nothing_else(tmp_path: Path) -> None:
    world = broken_world(tmp_path, provider="secretKey.v1")
    before = world.plaintexts()
    assert world.cli.json("run")["outcome"] == "done"
    assert world.plaintexts() == before
    assert CommandLine(environment=world.cli.environment, cold=True)("--help").exit_code == 0
