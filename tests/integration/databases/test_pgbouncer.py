"""A run through PgBouncer in transaction mode, where no two transactions need to see the same server connection."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.grafana.populate import populate
from tests.support.commandline import CommandLine
from tests.support.postgres import PostgresEngine, PostgresServer
from tests.support.story import WRAP, Story
from tests.support.vault import Vault


@pytest.fixture
def bouncer(postgres_server: PostgresServer) -> Iterator[tuple[PostgresEngine, str]]:
    """A database, and its URL through a bouncer with two server connections for everybody."""
    program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
    if program is None:
        pytest.skip("NOT RUN: pgbouncer is not installed")
    engine = PostgresEngine(postgres_server.new_database())
    url = urlsplit(engine.url)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="reencrypt-bouncer-"))
    folder.chmod(0o755)
    (folder / "users.txt").write_text('"postgres" ""\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={unquote(url.hostname or '')} port={url.port}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n"
        f"auth_file = {folder}/users.txt\npool_mode = transaction\ndefault_pool_size = 2\n"
    )
    # It refuses to be root, and has to get at the server's socket: it runs as whoever the server runs as.
    user = Path(unquote(url.hostname or "")).stat().st_uid if os.geteuid() == 0 else None
    log = (folder / "log").open("w")
    process = subprocess.Popen([program, str(folder / "pgbouncer.ini")], user=user, stdout=log, stderr=log)
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)  # it has no way to say that it listens
    yield engine, f"postgresql://postgres@127.0.0.1:{port}{url.path}"
    process.terminate()
    process.wait(timeout=60)
    log.close()
    shutil.rmtree(folder)


def test_a_run_through_pgbouncer_in_transaction_mode(
    bouncer: tuple[PostgresEngine, str], tmp_path: Path, shared_vault: Vault
) -> None:
    engine, url = bouncer
    story = Story.of(tmp_path / "grafana.db", shared_vault, engine=engine)
    with story.builder() as builder:
        populate(builder, count=400, under=[None, builder.data_key()])
    before = story.plaintexts()
    through = CommandLine(url, story.cli.configuration, shared_vault)
    assert through.json("run", *WRAP)["outcome"] == "done"
    assert through.json("verify")["secrets"]["unreadable"] == 0
    assert story.plaintexts() == before
    assert story.off_target() == {}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?search_path=public", "ignore_startup_parameters"),
        ("?sslmode=require", "ssl_mode"),
        ("?user=nobody", "user, password and name"),
    ],
)
def test_what_pgbouncer_refuses_is_exit_2_with_what_to_change(
    query: str, says: str, bouncer: tuple[PostgresEngine, str], tmp_path: Path, shared_vault: Vault
) -> None:
    engine, url = bouncer
    story = Story.of(tmp_path / "grafana.db", shared_vault, engine=engine)
    refused = CommandLine(url + query, story.cli.configuration, shared_vault).json("run", *WRAP, expect=2)
    assert says in refused["error"]["hint"]
