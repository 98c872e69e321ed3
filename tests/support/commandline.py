"""The command line as a subprocess: real arguments, environment, signals and exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import warm
from tests.support.vault import Vault, clean_environment

SCHEMA_VERSION = 2
#: Only what hangs takes that long, even on a machine with ten times as much to do as it can.
LONGEST_SECONDS = 250.0


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout."""
        content = json.loads(self.stdout)
        assert isinstance(content, dict)
        assert content["schema_version"] == SCHEMA_VERSION
        assert content["exit_code"] == self.exit_code
        return content


@dataclass(frozen=True)
class CommandLine:
    """Runs `python -m reencrypt` on one database, a URL, with one configuration.

    It starts warm (`tests.support.warm`), unless it is `cold` because the start itself matters. With `patience` a warm
    one waits for a database for so many seconds instead of 60.
    """

    database: str | None = None
    configuration: Path | None = None
    vault: Vault | None = None
    environment: Mapping[str, str] | None = None
    cold: bool = False
    patience: float | None = None

    def arguments(self, command: str, *arguments: str) -> list[str]:
        """The whole command."""
        line = [sys.executable, "-m", "reencrypt", *command.split(), *arguments]
        if self.configuration:
            line += ["--grafana-config", str(self.configuration)]
        if self.database:
            line += ["--database", self.database]
        return line

    def variables(self) -> dict[str, str]:
        """The environment of the subprocess."""
        return clean_environment() | (self.vault.environment if self.vault else {}) | dict(self.environment or {})

    def run(
        self, command: str, *arguments: str, kill_at: tuple[int, Path] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, or to the step at which it is killed (`tests.support.killer`)."""
        line = self.arguments(command, *arguments)
        if self.cold:
            return subprocess.run(
                line, env=self.variables(), capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
            )
        _, _, _, *rest = line  # python -m reencrypt
        return warm.run(rest, self.variables(), kill_at=kill_at, patience=self.patience)

    def __call__(self, command: str, *arguments: str, expect: int | None = 0) -> Outcome:
        """Run a command to its end and check its exit code."""
        done = self.run(command, *arguments)
        outcome = Outcome(done.returncode, done.stdout, done.stderr)
        assert expect is None or outcome.exit_code == expect, f"{outcome.stdout}\n{outcome.stderr}"
        assert "Traceback" not in outcome.stderr, outcome.stderr
        return outcome

    def json(self, command: str, *arguments: str, expect: int | None = 0) -> dict[str, Any]:
        """Run a command with `--output json`."""
        return self(command, *arguments, "--output", "json", expect=expect).json

    def start(self, command: str, *arguments: str, own_group: bool = False) -> subprocess.Popen[str]:
        """Start a command and leave it running, in a process group of its own as a shell does it if asked."""
        process = subprocess.Popen(
            self.arguments(command, *arguments),
            env=self.variables() | {"PYTHONFAULTHANDLER": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0 if own_group else None,
        )
        # Whoever hangs shows where, and fails its test rather than keep everybody waiting.
        watchdog = threading.Timer(LONGEST_SECONDS, _abort, (process,))
        watchdog.daemon = True
        watchdog.start()
        return process


def _abort(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGABRT)
