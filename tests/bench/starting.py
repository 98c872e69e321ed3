"""How long a whole command takes that has little to do, against a process that imports the libraries and connects.

Most databases have a hundred secrets, so what people wait for is the start: imports, and the round trips of a session.
Each command is a process of its own, in turn with the floor; all have their bytecode, as what pip installs has.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from tests.bench import fixtures
from tests.bench.fixtures import Bench
from tests.bench.result import Result, publish
from tests.support.postgres import PostgresServer

_SECRETS: Final = 100
_TURNS: Final = 21
_REENCRYPT: Final = ("-m", "reencrypt")
_MOVE: Final = ("--to", "secretKey.v1")
#: Name → arguments, and what it may take at most, as a multiple of the floor.
_COMMANDS: Final[Mapping[str, tuple[Sequence[str], float]]] = {
    "plan": (("plan", *_MOVE), 2.0),
    "verify": (("verify",), 2.0),
    "run, which moves them all": (("run", *_MOVE, "--fresh-data-key"), 2.5),
    "run, with nothing to do": (("run", *_MOVE), 2.5),
}
_FLOOR: Final = """
import asyncio, sys
import asyncpg, click
import cryptography.hazmat.primitives.ciphers

async def main():
    host, port, user, name = sys.argv[1:]
    connection = await asyncpg.connect(host=host, port=int(port), user=user, database=name)
    await connection.fetch("SELECT 1")
    await connection.close()

asyncio.run(main())
"""
_HAS_STATE: Final = "SELECT 1 FROM pg_tables WHERE tablename = 'reencrypt_journal'"
_BARE_GROUP: Final = "import click\n@click.group()\ndef cli(): pass\ncli(['--help'])"


def seconds_in_turn(
    lines: Mapping[str, Sequence[str]], environment: Mapping[str, str], before: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """The median time of each Python command line, all in turn, each a first time before it counts.

    `before` is called before each turn.
    """
    times: dict[str, list[float]] = {name: [] for name in lines}
    for turn in range(_TURNS + 1):
        before()
        for name, arguments in lines.items():
            since = time.perf_counter()
            subprocess.run(
                [sys.executable, *arguments],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=True,
                env=dict(environment),
            )
            if turn:
                times[name].append(time.perf_counter() - since)
    return {name: statistics.median(each) for name, each in times.items()}


def with_bytecode(folder: str) -> dict[str, str]:
    """The environment of a process that finds its modules compiled."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**environment, "PYTHONPYCACHEPREFIX": folder}


def helping(environment: Mapping[str, str]) -> list[Result]:
    """`--help`, against a bare click group."""
    lines = {
        "floor": ("-c", _BARE_GROUP),
        "reencrypt --help, times a bare click group": (*_REENCRYPT, "--help"),
        "reencrypt run --help": (*_REENCRYPT, "run", "--help"),
    }
    seconds = seconds_in_turn(lines, environment)
    floor = seconds.pop("floor")
    return [Result(name, each / floor, 2, "lower") for name, each in seconds.items()]


def whole_commands(bench: Bench, environment: Mapping[str, str]) -> list[Result]:
    """Commands with a hundred secrets under one data key and the state of an earlier run, without a vault."""
    engine = bench.engine("postgres")
    fixtures.insert(engine, fixtures.run_values(_SECRETS, fixtures.data_key_rows(engine, bench.folder)))
    url = urlsplit(engine.url)
    place = (unquote(url.hostname or ""), str(url.port), str(url.username), unquote(url.path.lstrip("/")))
    lines: dict[str, Sequence[str]] = {"floor": ("-c", _FLOOR, *place)}
    for name, (arguments, _) in _COMMANDS.items():
        lines[name] = (*_REENCRYPT, *arguments, "--database", engine.url)

    def as_after_a_retirement() -> None:
        # Every turn has a rotation, and what it journals would be more for each later turn to look at.
        if engine.query(_HAS_STATE):
            engine.execute("DELETE FROM reencrypt_journal")

    variables = {**environment, "GF_SECURITY_SECRET_KEY": fixtures.SECRET_KEY}
    seconds = seconds_in_turn(lines, variables, as_after_a_retirement)
    floor = seconds["floor"]
    print(", ".join(f"{name} {each * 1000:.0f} ms" for name, each in seconds.items()), file=sys.stderr)  # noqa: T201
    return [
        Result(f"whole command on postgres: {name}", seconds[name] / floor, most, "lower")
        for name, (_, most) in _COMMANDS.items()
    ]


def main() -> int:
    """Measure both."""
    server = PostgresServer()
    try:
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as bytecode:
            environment = with_bytecode(bytecode)
            results = helping(environment) + whole_commands(Bench(Path(folder), server, None), environment)
    finally:
        server.stop()
    return publish("starting", results)
