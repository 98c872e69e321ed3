"""A model of a Grafana against the real thing: rows come, change and go, runs are cut off, raced, resumed and undone.

Whatever the order, every secret says what was saved last, in the database as in the model.
"""

from __future__ import annotations

import asyncio
import base64
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from reencrypt.catalogue.location import Row
from reencrypt.errors import RefusedError
from reencrypt.events import Event, PageCommitted, PassStarted, RunStarted, TargetKeyReady
from reencrypt.operations.undo.operation import undo
from reencrypt.planning.options import RunOptions, SafetyOptions, TargetOptions
from reencrypt.settings import load_settings
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.decryptor import DecryptedSecret, SecretAddress, read_secrets
from tests.grafana.planting import Plain
from tests.support.engine import Engine, SqliteEngine
from tests.support.inprocess import in_session, run_in_process
from tests.support.servers import SERVERS, server_engine

SECRET_KEY = "the secret_key of the model"
COLUMN = "o_auth_access_token"
OPTIONS = RunOptions(target=TargetOptions(to="secretKey.v1"), safety=SafetyOptions(lease_timeout=0.3))


class Grafana(RuleBasedStateMachine):
    """The database, and what its secrets have to say."""

    def new_engine(self, path: Path) -> Engine:
        """An empty database, on a server or, with SQLite, in the file."""
        return SqliteEngine(path)

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="reencrypt-model-"))
        self.scratch = self.folder / "grafana.db"
        self.engine = self.new_engine(self.scratch)
        self.patches = pytest.MonkeyPatch()
        self.model: dict[int, bytes] = {}
        self.texts = 0
        self.settings = load_settings(
            config=None,
            home=None,
            database_url=self.engine.url,
            environ={"GF_SECURITY_SECRET_KEY": SECRET_KEY},
        )

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.patches.undo()
        shutil.rmtree(self.folder)

    def secrets(self) -> dict[SecretAddress, DecryptedSecret]:
        """What the independent decryptor reads now."""
        path = self.scratch
        if self.engine.kind != "sqlite":
            path = self.folder / "dump.db"
            path.unlink(missing_ok=True)
            self.engine.dump(path)
        return read_secrets(path, secret_key=SECRET_KEY)

    def new_text(self) -> bytes:
        self.texts += 1
        return b"the secret text number %d" % self.texts

    @initialize()
    def begin(self) -> None:
        """Enough secrets to prove the keys with, legacy ones and some under a data key."""
        with GrafanaBuilder(self.scratch, secret_key=SECRET_KEY) as builder:
            key = builder.data_key()
            # What Grafana saves later: legacy values, so that none of them is where a run wants it.
            self.later = {
                text: base64.b64encode(builder.encrypt(Plain(text))).decode()
                for text in (b"saved by Grafana, number %d" % number for number in range(60))
            }
            for number in range(24):
                text = self.new_text()
                self.model[builder.add_user_auth({COLUMN: Plain(text, key if number % 2 else None)})] = text
        self.engine.load(self.scratch)
        self.unsaved = list(self.later)
        self.has_run = False

    def save(self, row: int) -> None:
        """Grafana saves one row."""
        text = self.unsaved.pop()
        if self.engine.execute(f"UPDATE user_auth SET {COLUMN} = ? WHERE id = ?", self.later[text], row):  # noqa: S608
            self.model[row] = text

    @precondition(lambda self: self.unsaved)
    @rule(which=st.integers(0, 1000))
    def change(self, which: int) -> None:
        """Save over a row."""
        self.save(sorted(self.model)[which % len(self.model)])

    @precondition(lambda self: len(self.model) > 12)
    @rule(which=st.integers(0, 1000))
    def delete(self, which: int) -> None:
        """Delete a row."""
        row = sorted(self.model)[which % len(self.model)]
        self.engine.execute("DELETE FROM user_auth WHERE id = ?", row)
        del self.model[row]

    @precondition(lambda self: self.unsaved)
    @rule(before=st.booleans())
    def add(self, before: bool) -> None:  # noqa: FBT001
        """Add a row, in front of all others or behind them."""
        row = min(self.model) - 1 if before else max(self.model) + 1
        text = self.unsaved.pop()
        self.engine.execute(
            f"INSERT INTO user_auth (id, user_id, auth_module, auth_id, created, {COLUMN}) "  # noqa: S608
            "VALUES (?, 1, 'm', 'a', '2026-01-01 00:00:00', ?)",
            *(row, self.later[text]),
        )
        self.model[row] = text

    @rule()
    def rotate_data_keys(self) -> None:
        """Grafana's own rotation: no data key is active, and the next writer makes one."""
        self.engine.execute("UPDATE data_keys SET active = (1 = 0)")

    @rule(events=st.integers(1, 12))
    def run_and_die(self, events: int) -> None:
        """A run that is cut off at one of its events, if it has so many."""

        async def main() -> None:
            tasks: list[asyncio.Task[object]] = []
            seen: list[Event] = []

            def listen(event: Event) -> None:
                if isinstance(event, (RunStarted, TargetKeyReady, PassStarted, PageCommitted)):
                    seen.append(event)
                    if len(seen) == events:
                        tasks[0].cancel()

            work = run_in_process(self.engine.url, SECRET_KEY, self.patches, listen=listen, options=OPTIONS)
            tasks.append(asyncio.create_task(work))
            with suppress(asyncio.CancelledError):
                await tasks[0]

        asyncio.run(main())

    @rule(race=st.integers(0, 3))
    def run(self, race: int) -> None:
        """A run to its end, with some rows saved between the read of a page and its write."""
        raced: list[int] = []
        late: set[int] = set()
        passes: list[int] = []

        def listen(event: Event) -> None:
            if isinstance(event, PassStarted):
                passes.append(event.number)

        def hook(_location: str, rows: Sequence[Row]) -> None:
            for row in rows[:race]:
                if self.unsaved and len(raced) < race and isinstance(row.key[0], int) and row.key[0] in self.model:
                    raced.append(row.key[0])
                    self.save(row.key[0])
                    if passes and passes[-1]:
                        # Behind the cursor of a sweep, which may be the last look that is taken.
                        late.add(row.key[0])

        work = run_in_process(self.engine.url, SECRET_KEY, self.patches, hook=hook, listen=listen, options=OPTIONS)
        report = asyncio.run(work)
        assert report.outcome in {"done", "nothing_to_do"}
        self.has_run = True
        left = {address.key[0] for address, each in self.secrets().items() if each.provider != "secretKey.v1"}
        assert left <= late

    @precondition(lambda self: self.has_run)
    @rule()
    def undo_last(self) -> None:
        """Undo the newest run that is not undone."""
        runs = self.engine.query("SELECT id FROM reencrypt_run WHERE state <> 'undone' ORDER BY started DESC, id DESC")
        if runs:
            with suppress(RefusedError):  # of runs within one second the ids are in any order
                asyncio.run(in_session(partial(undo, run_id=str(runs[0][0])), self.settings, OPTIONS))

    @invariant()
    def every_secret_says_what_was_saved_last(self) -> None:
        """The database is the model."""
        if self.model:
            found = {address.key[0]: secret.plaintext for address, secret in self.secrets().items()}
            assert found == self.model


def sized(examples: int, steps: int, *, derandomize: bool) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=derandomize,
    )


# A server takes longer to be filled and looked at than a file.
SIZES = {
    "sqlite": (sized(25, 15, derandomize=True), sized(150, 25, derandomize=False)),
    **dict.fromkeys(SERVERS, (sized(4, 12, derandomize=True), sized(40, 25, derandomize=False))),
}


@pytest.mark.parametrize("kind", SIZES)
def test_whatever_happens_the_database_is_the_model(kind: str, request: pytest.FixtureRequest) -> None:
    class OnServer(Grafana):
        def new_engine(self, path: Path) -> Engine:  # noqa: ARG002
            return server_engine(kind, request)

    size = SIZES[kind][1 if request.config.getoption("--nightly") else 0]
    run_state_machine_as_test(Grafana if kind == "sqlite" else OnServer, settings=size)
