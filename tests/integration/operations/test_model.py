"""A model of a Grafana against the real thing: rows come, change and go, runs are cut off, raced, resumed and undone.

Whatever the order, every secret says what was saved last, in the database as in the model.
"""

from __future__ import annotations

import asyncio
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

from reencrypt.catalogue.location import Key, Row
from reencrypt.errors import RefusedError
from reencrypt.events import Event, PageCommitted, PassStarted, RunStarted, TargetKeyReady
from reencrypt.operations.migrate import ranges
from reencrypt.operations.report import RunReport
from reencrypt.operations.undo.operation import undo
from reencrypt.planning.options import RunOptions, SafetyOptions, TargetOptions
from reencrypt.settings import load_settings
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.decryptor import DecryptedSecret, SecretAddress, read_secrets
from tests.grafana.manager import SecretsManagerBuilder
from tests.grafana.manager_decryptor import read_manager
from tests.grafana.planting import Plain
from tests.support.engine import Engine, SqliteEngine
from tests.support.inprocess import in_session, run_in_process
from tests.support.raced import PLACES, Saved, base64_of
from tests.support.servers import SERVERS, server_engine
from tests.support.story import CLASSIC, MANAGER, SECTIONS, StoryStore, manager_configuration

SECRET_KEY = "the secret_key of the model"
NAMESPACES = ("default", "org-2")
FIRST_NAME = 1_000_000  # names are in the order of numbers, which may be negative


def key_of(store: StoryStore, number: int) -> Key:
    """The key of the row with a number."""
    if store is CLASSIC:
        return (number,)
    return (NAMESPACES[number % 2], f"inline-{FIRST_NAME + number}", 1)


def number_of(key: Sequence[object]) -> int:
    """The number of a row."""
    return int(str(key[0])) if len(key) == 1 else int(str(key[1]).removeprefix("inline-")) - FIRST_NAME


class Grafana(RuleBasedStateMachine):
    """The database, and what the secrets of a store have to say, by the number of their row."""

    store = CLASSIC
    several_writers = True

    def new_engine(self, path: Path) -> Engine:
        """An empty database, on a server or, with SQLite, in the file."""
        return SqliteEngine(path)

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="reencrypt-model-"))
        self.scratch = self.folder / "grafana.db"
        self.engine = self.new_engine(self.scratch)
        self.patches = pytest.MonkeyPatch()
        if self.several_writers:
            # On a server, on these few rows.
            self.patches.setattr(ranges, "LEAST_ROWS", 2)
        self.model: dict[int, bytes] = {}
        self.texts = 0
        self.places = PLACES[self.store.name]
        self.options = RunOptions(
            target=TargetOptions(to=self.places.target),
            trust=self.places.trust,
            safety=SafetyOptions(lease_timeout=0.3),
        )
        self.config = self.folder / "grafana.ini"
        self.config.write_text(manager_configuration())
        self.settings = load_settings(
            config=self.config,
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
        if self.store is MANAGER:
            return read_manager(path, sections=SECTIONS)
        return read_secrets(path, secret_key=SECRET_KEY)

    async def at_work(self, **hooks: object) -> RunReport:
        """A run in the store."""
        return await run_in_process(
            self.engine.url,
            SECRET_KEY,
            self.patches,
            options=self.options,
            store=self.store.name,
            config=self.config,
            **hooks,  # type: ignore[arg-type]
        )

    def new_text(self) -> bytes:
        self.texts += 1
        return b"the secret text number %d" % self.texts

    @initialize()
    def begin(self) -> None:
        """Enough secrets to prove the keys with, under two keys."""
        texts = [b"saved by Grafana, number %d" % number for number in range(60)]
        with GrafanaBuilder(self.scratch, secret_key=SECRET_KEY) as builder:
            if self.store is MANAGER:
                self.later = self.begin_manager(builder, texts)
            else:
                self.later = self.begin_classic(builder, texts)
        self.engine.load(self.scratch)
        self.unsaved = list(self.later)
        self.has_run = False

    def begin_classic(self, builder: GrafanaBuilder, texts: list[bytes]) -> dict[bytes, dict[int, Saved]]:
        """Legacy values, and some under a data key. What Grafana saves later is legacy: not where a run wants it."""
        key = builder.data_key()
        for number in range(24):
            text = self.new_text()
            self.model[builder.add_user_auth({"o_auth_access_token": Plain(text, key if number % 2 else None)})] = text
        saved = {text: base64_of(builder.encrypt(Plain(text))) for text in texts}
        return {text: {0: (each,), 1: (each,)} for text, each in saved.items()}

    def begin_manager(self, builder: GrafanaBuilder, texts: list[bytes]) -> dict[bytes, dict[int, Saved]]:
        """Values in two namespaces, of which some are not split yet."""
        manager = SecretsManagerBuilder(builder, sections=SECTIONS)
        keys = [manager.data_key(namespace) for namespace in NAMESPACES]
        for number in range(24):
            text = self.new_text()
            _, name, _ = key_of(MANAGER, number)
            manager.add_value(keys[number % 2], text, name=str(name), split=bool(number % 3))
            self.model[number] = text
        return {text: {turn: (manager.encrypt(text, key), key.uid) for turn, key in enumerate(keys)} for text in texts}

    def save(self, row: int) -> None:
        """Grafana saves one row."""
        text = self.unsaved.pop()
        columns = ", ".join(f"{name} = ?" for name in self.places.columns)
        update = f"UPDATE {self.places.table} SET {columns} WHERE {self.places.where}"  # noqa: S608 - our own names
        if self.engine.execute(update, *self.later[text][row % 2], *key_of(self.store, row)):
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
        delete = f"DELETE FROM {self.places.table} WHERE {self.places.where}"  # noqa: S608 - our own names
        self.engine.execute(delete, *key_of(self.store, row))
        del self.model[row]

    @precondition(lambda self: self.unsaved)
    @rule(before=st.booleans())
    def add(self, before: bool) -> None:  # noqa: FBT001
        """Add a row, in front of all others or behind them."""
        row = min(self.model) - 1 if before else max(self.model) + 1
        text = self.unsaved.pop()
        self.engine.execute(self.places.insert, *key_of(self.store, row), *self.later[text][row % 2])
        self.model[row] = text

    @rule()
    def rotate_data_keys(self) -> None:
        """Grafana's own rotation: no data key is active, and the next writer makes one."""
        self.engine.execute(f"UPDATE {self.store.keys} SET active = (1 = 0)")  # noqa: S608 - our own table

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

            tasks.append(asyncio.create_task(self.at_work(listen=listen)))
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

        def hook(location: str, rows: Sequence[Row]) -> None:
            for row in rows[:race] if location == self.places.first else ():
                if self.unsaved and len(raced) < race and number_of(row.key) in self.model:
                    raced.append(number_of(row.key))
                    self.save(number_of(row.key))
                    if passes and passes[-1]:
                        # Behind the cursor of a sweep, which may be the last look that is taken.
                        late.add(number_of(row.key))

        report = asyncio.run(self.at_work(hook=hook, listen=listen))
        assert report.outcome in {"done", "nothing_to_do"}
        self.has_run = True
        left = {
            number_of(address.key) for address, each in self.secrets().items() if each.provider != self.places.target
        }
        assert left <= late

    @precondition(lambda self: self.has_run)
    @rule()
    def undo_last(self) -> None:
        """Undo the newest run that is not undone."""
        runs = self.engine.query("SELECT id FROM reencrypt_run WHERE state <> 'undone' ORDER BY started DESC, id DESC")
        if runs:
            with suppress(RefusedError):  # of runs within one second the ids are in any order
                work = partial(undo, run_id=str(runs[0][0]))
                asyncio.run(in_session(work, self.settings, self.options, store=self.store.name))

    @invariant()
    def every_secret_says_what_was_saved_last(self) -> None:
        """The database is the model."""
        if self.model:
            found = {number_of(address.key): secret.plaintext for address, secret in self.secrets().items()}
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


@pytest.mark.stores_in_turn
@pytest.mark.parametrize("kind", SIZES)
def test_whatever_happens_the_database_is_the_model(
    kind: str,
    store: StoryStore,
    request: pytest.FixtureRequest,
    several_writers: bool,  # noqa: FBT001
) -> None:
    class InStore(Grafana):
        pass

    class OnServer(InStore):
        def new_engine(self, path: Path) -> Engine:  # noqa: ARG002
            return server_engine(kind, request)

    InStore.store, InStore.several_writers = store, several_writers
    size = SIZES[kind][1 if request.config.getoption("--nightly") else 0]
    run_state_machine_as_test(InStore if kind == "sqlite" else OnServer, settings=size)
