"""Real replicas for the tests: a hot standby of PostgreSQL, and servers that replicate from a MariaDB or a MySQL."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from tests.support.mysql import OwnServer
from tests.support.mysql_programs import Product
from tests.support.postgres import PostgresServer, run_in_thread

_LONGEST_SECONDS: Final = 120.0
_PORT: Final = 5432


class Replicated(Protocol):
    """A primary with one replica, each a server of its own."""

    @property
    def address(self) -> str:
        """What `--replica` takes."""
        ...

    def new_database(self) -> str:
        """The URL of a fresh empty database on the primary."""
        ...

    def hold(self) -> None:
        """Let the replica replay what there is, and no more: it lags from the next change on."""
        ...

    def release(self) -> None:
        """Let it replay again."""
        ...

    def part(self) -> None:
        """Break the replication, so that nobody can tell the lag."""
        ...

    def join(self) -> None:
        """Repair it; the replica replays again."""
        ...

    def stop(self) -> None:
        """Stop both."""
        ...


class ReplicatedPostgres:
    """A PostgreSQL with a hot standby."""

    def __init__(self) -> None:
        if os.environ.get("REENCRYPT_TEST_POSTGRES"):
            pytest.skip("NOT RUN: a standby needs a PostgreSQL of the tests' own")
        self.primary = PostgresServer()
        server = self.primary.own
        self._programs, self._user = Path(server.bin_path), server.system_user
        self._folder = Path(tempfile.mkdtemp(prefix="reencrypt-standby-"))
        self._data = self._folder / "data"
        self._folder.chmod(0o755)
        if self._user:
            shutil.chown(self._folder, self._user)
        copying = ["pg_basebackup", "-d", self.primary.base, "-D", str(self._data), "-R", "-X", "stream", "-c", "fast"]
        self._run(copying).wait(_LONGEST_SECONDS)
        self._process = self._start()

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        program, *arguments = command
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [self._programs / program, *arguments], stdout=log, stderr=log, user=self._user, cwd=self._folder
            )

    def _start(self) -> subprocess.Popen[bytes]:
        settings = {"cluster_name": "standby", "fsync": "off", "wal_receiver_status_interval": "1"}
        given = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        process = self._run(["postgres", "-D", str(self._data), "-h", "", "-k", str(self._folder), *given])
        deadline = time.monotonic() + _LONGEST_SECONDS
        while not self._is_connected():
            assert process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, "the standby does not connect"
            time.sleep(0.05)  # it has no way to say so
        return process

    @property
    def address(self) -> str:
        """The folder of its socket."""
        return f"{self._folder}:{_PORT}"

    @property
    def own_address(self) -> str:
        """The primary's."""
        return f"{parse_qs(urlsplit(self.primary.base).query)['host'][0]}:{_PORT}"

    def new_database(self) -> str:
        """A database of the primary."""
        return self.primary.new_database()

    def hold(self) -> None:
        """Pause its replay."""
        position = run_in_thread(self._position)
        deadline = time.monotonic() + _LONGEST_SECONDS
        while not self._ask(f"SELECT pg_last_wal_replay_lsn() >= '{position}'"):
            assert time.monotonic() < deadline, "the standby does not follow"
            time.sleep(0.02)  # it has no way to wait for a position
        self._ask("SELECT pg_wal_replay_pause()")

    async def _position(self) -> Any:
        connection = await asyncpg.connect(self.primary.base)
        position = await connection.fetchval("SELECT pg_current_wal_lsn()::text")
        await connection.close()
        return position

    def release(self) -> None:
        """Resume its replay."""
        self._ask("SELECT pg_wal_replay_resume()")

    def part(self) -> None:
        """Stop the standby."""
        self._process.send_signal(signal.SIGINT)  # fast: it does not wait for its clients
        self._process.wait(_LONGEST_SECONDS)

    def join(self) -> None:
        """Start the standby."""
        self._process = self._start()

    def stop(self) -> None:
        """Stop the standby, then the primary."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
        self.primary.stop()

    def _ask(self, query: str) -> Any:
        async def ask() -> Any:
            connection = await asyncpg.connect(host=str(self._folder), port=_PORT, user="postgres", database="postgres")
            found = await connection.fetchval(query)
            await connection.close()
            return found

        return run_in_thread(ask)

    def _is_connected(self) -> bool:
        try:
            return bool(self._ask("SELECT status = 'streaming' FROM pg_stat_wal_receiver"))
        except (OSError, asyncpg.PostgresError):
            return False


class ReplicatedMysql:
    """A MariaDB or a MySQL with a replica."""

    def __init__(self, product: Product) -> None:
        self._is_mariadb = product == "mariadb"
        self.primary = OwnServer("--log-bin=binlog", "--server-id=1", product=product)
        self._replica = OwnServer("--server-id=2", product=product)
        file, position = self._position()
        self._change(
            HOST="'127.0.0.1'", PORT=str(self.primary.port), USER="'root'", LOG_FILE=f"'{file}'", LOG_POS=str(position)
        )
        self._tell("START {replica}")

    def _position(self) -> tuple[str, int]:
        with closing(self.primary.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW MASTER STATUS" if self._is_mariadb else "SHOW BINARY LOG STATUS")
            ((file, position, *_),) = cursor.fetchall()
        return str(file), int(position)

    @property
    def address(self) -> str:
        """Its port."""
        return f"127.0.0.1:{self._replica.port}"

    def new_database(self) -> str:
        """A database of the primary."""
        return self.primary.new_database()

    def hold(self) -> None:
        """Replay an hour later."""
        file, position = self._position()
        wait = "MASTER" if self._is_mariadb else "SOURCE"
        self._tell(f"SELECT {wait}_POS_WAIT('{file}', {position}, {_LONGEST_SECONDS:.0f})")
        self._delay(3600)

    def release(self) -> None:
        """Replay at once."""
        self._delay(0)

    def part(self) -> None:
        """Stop the thread that replays."""
        self._tell("STOP {replica} SQL_THREAD")

    def join(self) -> None:
        """Replay at once."""
        self._delay(0)

    def stop(self) -> None:
        """Stop both."""
        self._replica.stop()
        self.primary.stop()

    def _delay(self, seconds: int) -> None:
        self._tell("STOP {replica}")
        self._change(DELAY=str(seconds))
        self._tell("START {replica}")

    def _change(self, **values: str) -> None:
        word = "MASTER" if self._is_mariadb else "SOURCE"
        if not self._is_mariadb and "HOST" in values:
            self._tell("CHANGE REPLICATION SOURCE TO GET_SOURCE_PUBLIC_KEY = 1")
        listed = ", ".join(f"{word}_{name} = {value}" for name, value in values.items())
        self._tell(f"CHANGE {'MASTER' if self._is_mariadb else 'REPLICATION SOURCE'} TO {listed}")

    def _tell(self, statement: str) -> None:
        with closing(self._replica.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement.format(replica="SLAVE" if self._is_mariadb else "REPLICA"))
