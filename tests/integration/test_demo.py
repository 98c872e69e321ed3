"""`reencrypt demo`: the story goes as told, what it leaves is true, and it cleans up behind itself however it ends."""

from __future__ import annotations

import asyncio
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from reencrypt.demo.children import Children, DemoFailedError
from reencrypt.demo.database import DAMAGED_ID, DAMAGED_TABLE, TABLES, build
from reencrypt.demo.fingerprint import fingerprint
from reencrypt.demo.interruption import interrupted_run
from tests.grafana.decryptor import LEGACY, SecretAddress, read_secrets
from tests.grafana.fidelity import snapshot_non_secret_bytes
from tests.grafana.unwrapping import azure_unwrappers
from tests.support.commandline import LONGEST_SECONDS, CommandLine
from tests.support.vault import clean_environment

DAMAGED = SecretAddress(DAMAGED_TABLE, (DAMAGED_ID,), "dashboard_encrypted")
NOT_APPLICABLE = "alert_notification"
#: With fewer secrets than by default, because a demonstration that is stopped needs no more.
PROGRAM = (sys.executable, "-m", "reencrypt", "demo", "--secrets", "1000")


def children_seconds() -> float:
    """The processor's time of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def secret_key_of(folder: Path) -> str:
    match = re.search(r"^secret_key = (\w+)$", (folder / "grafana.ini").read_text(), re.MULTILINE)
    assert match
    return match[1]


def test_the_story_goes_as_told_and_leaves_every_secret_but_the_damaged_one_under_the_vault(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    # Nothing of these may reach the commands of the story.
    misleading = {
        "GF_SECURITY_SECRET_KEY": "wrong",
        "REENCRYPT_OUTPUT": "json",
        "AZURE_AUTHORITY_HOST": "https://x.invalid",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    before = children_seconds()
    done = CommandLine(environment=misleading, cold=True)("demo", "--keep", str(folder), "--secrets", "2000")
    # Of the processor, because how long that takes beside others is no promise.
    assert children_seconds() - before < 60

    assert done.stderr == ""
    story = " ".join(done.stdout.split())
    for part in (
        "They would be written under a new data key",
        "Stopped: SIGINT received.",
        "The run was interrupted once and resumed as the same run",
        "1 in quarantine, 100 that Grafana reads with secret_key alone.",
        "malformed_envelope",
        "Verified.",
        "reencrypt plan --grafana-config /etc/grafana/grafana.ini",
        f"$ cd {folder}",
    ):
        assert part in story
    assert story.count("Verified.") == 2
    told = re.search(r"grafana\.db: ([\d,]+) secrets in 4 locations: ([\d,]+) legacy", story)
    assert told
    total, legacy = (int(number.replace(",", "")) for number in told.groups())
    assert legacy >= total / 3

    secrets = read_secrets(
        folder / "grafana.db",
        secret_key=secret_key_of(folder),
        unwrappers=azure_unwrappers(folder / "vault", {"azurekv.prod": "prod"}),
    )
    assert len(secrets) == total
    assert 2000 <= total < 2050
    assert {address.table for address in secrets} == set(TABLES)
    assert [address for address, secret in secrets.items() if secret.error] == [DAMAGED]
    assert secrets[DAMAGED].provider == "secretKey.v1"
    providers = {secret.provider for address, secret in secrets.items() if address.table != NOT_APPLICABLE}
    assert providers == {"azurekv.prod", "secretKey.v1"}
    off = [address for address, secret in secrets.items() if secret.provider == "secretKey.v1"]
    assert off == [DAMAGED]
    assert secret_key_of(folder) not in done.stdout


def test_the_new_database_has_legacy_and_enveloped_secrets_in_each_of_its_locations(tmp_path: Path) -> None:
    path = tmp_path / "grafana.db"
    built = build(path, 500)
    secrets = read_secrets(path, secret_key=built.secret_key)
    assert [address for address, secret in secrets.items() if secret.error] == [DAMAGED]
    assert len(secrets) == built.secrets
    assert sum(secret.provider == LEGACY for secret in secrets.values()) == built.legacy
    found = Counter((address.table, secret.provider) for address, secret in secrets.items())
    tables = set(TABLES)
    assert set(found) == {(table, LEGACY) for table in tables} | {
        (table, "secretKey.v1") for table in tables - {NOT_APPLICABLE}
    }
    assert built.secret_key not in repr(built)


def test_the_fingerprint_sees_a_byte_that_is_no_secret_and_is_blind_to_secrets(tmp_path: Path) -> None:
    story = tmp_path / "grafana.db"
    build(story, 500)
    before, rest = fingerprint(story), snapshot_non_secret_bytes(story)
    change = "UPDATE user_auth SET o_auth_access_token = 'AAAA'"
    run_sql(story, change)
    assert fingerprint(story) == before
    assert snapshot_non_secret_bytes(story) == rest
    for change in (
        "UPDATE data_source SET url = url || '/' WHERE id = 7",
        "UPDATE data_source SET secure_json_data = secure_json_data || ' ' WHERE id = 7",
        "UPDATE data_source SET secure_json_data = CAST(secure_json_data AS BLOB) WHERE id = 7",
        "DELETE FROM user_auth WHERE id = 3",
    ):
        run_sql(story, change)
        assert fingerprint(story) != before
        before = fingerprint(story)


def run_sql(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


#: A shell without job control starts what it puts in the background with SIGINT ignored.
IN_BACKGROUND = (
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])",
)


@pytest.mark.parametrize(
    ("number", "before"),
    [
        pytest.param(signal.SIGINT, (), id="SIGINT"),
        pytest.param(signal.SIGINT, IN_BACKGROUND, id="SIGINT-in-background"),
        pytest.param(signal.SIGTERM, (), id="SIGTERM"),
        pytest.param(signal.SIGHUP, (), id="SIGHUP"),
    ],
)
def test_whoever_stops_it_finds_neither_processes_nor_files_left(
    tmp_path: Path, number: signal.Signals, before: tuple[str, ...]
) -> None:
    environment = clean_environment() | {"TMPDIR": str(tmp_path)}
    command = (*before, *PROGRAM)
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        said = ""
        for line in demo.stdout:
            said += line
            if line.startswith("    committed:"):
                break
        assert any(tmp_path.iterdir())
        demo.send_signal(number)
        _, stderr = demo.communicate(timeout=LONGEST_SECONDS)
    assert demo.returncode == 4, stderr
    assert "Traceback" not in stderr
    assert list(tmp_path.iterdir()) == []
    port = re.search(r"AZURE_AUTHORITY_HOST=https://localhost:(\d+)", said)
    assert port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port[1])), timeout=5)


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    refused = CommandLine()("demo", "--keep", str(tmp_path), expect=2)
    assert "is not empty" in refused.stderr
    assert "hint: Name a new folder" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


async def test_a_run_that_ends_before_its_interruption_fails_the_story(tmp_path: Path) -> None:
    children = Children(tmp_path, clean_environment())
    with pytest.raises(DemoFailedError, match="before it could be interrupted") as caught:
        await interrupted_run(children, ("run", "--no-such-option"), after=1, committed=lambda _page: None)
    assert caught.value.exit_code == 1
    assert "no-such-option" in caught.value.hint


async def test_a_command_is_stopped_when_whoever_waits_for_it_is(tmp_path: Path) -> None:
    children = Children(tmp_path, clean_environment())
    async with children.started("emulator", "--state", str(tmp_path / "vault")) as process:
        assert process.stdout is not None
        assert await process.stdout.readline()
        waiting = asyncio.create_task(process.wait())
    assert await waiting == 0
