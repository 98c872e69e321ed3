"""Nothing secret leaves memory: canaries in plaintexts, keys and credentials are searched for in every output."""

from __future__ import annotations

import base64
import gc
import re
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest

from reencrypt.planning.options import RunOptions, TargetOptions
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.commandline import CommandLine
from tests.support.inprocess import run_in_process
from tests.support.raced import PLACES
from tests.support.story import MANAGER, SECTIONS, STORES, WRAP, Story, manager_configuration
from tests.support.vault import Vault

SECRET_KEY = "canary-secret-key-5e1f"
PLAINTEXT = "canary-plaintext-77aa"
DATA_KEY = b"canary-datakey-1"
MANAGER_DATA_KEY = b"canary-datakey-2"


def forms(secret: bytes) -> list[bytes]:
    """A secret as it could leak: as it is, in hex, in base64 at each offset, as Python shows bytes."""
    return [
        secret,
        secret.hex().encode(),
        repr(secret).encode(),
        *(base64.b64encode(b"x" * offset + secret)[4:-4] for offset in range(3)),
    ]


def assert_clean(text: bytes, canaries: list[bytes], where: str) -> None:
    for canary in canaries:
        for form in forms(canary):
            assert form not in text, f"{canary!r} as {form!r} in {where}"


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault) -> Story:
    return Story.of(tmp_path / "grafana.db", shared_vault, secret_key=SECRET_KEY)


def plant(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key(dek=DATA_KEY)
        for under in (None, key):
            text = Plain(f"{PLAINTEXT} {under and under.key_id}".encode(), under)
            builder.add_data_source({"password": text})
            builder.add_user_auth({"o_auth_access_token": text})
            builder.add_secret(Plain(b'{"password":"%s"}' % PLAINTEXT.encode(), under))
            builder.add_dashboard_snapshot(Plain(b'{"title":"%s"}' % PLAINTEXT.encode(), under))
        populate(builder, count=120, under=[None, key])
        # Some that fail, because errors are where secrets leak.
        victims = [each for each in builder.planted if PLAINTEXT.encode() in each.plaintext][:3]
        for victim, damage in zip(victims, ("flipped-byte", "truncated", "unclosed-key"), strict=True):
            try:
                builder.damage(victim, damage)  # type: ignore[arg-type]
            except ValueError:
                builder.damage(victim, "truncated")


def plant_manager(story: Story) -> None:
    """Beside the others, values of the secrets manager of every kind, among them some that fail."""
    plant(story)
    with story.builder(seed=1) as builder:
        manager = story.manager(builder)
        key, gone = manager.data_key(dek=MANAGER_DATA_KEY), manager.data_key("org-2", dek=MANAGER_DATA_KEY)
        for number in range(12):
            manager.add_value(key, f"{PLAINTEXT} {number}".encode(), name=f"name-{number}", split=bool(number % 2))
        manager.add_value(gone, PLAINTEXT.encode())
        manager.add_snapshot(key, b'{"title":"%s"}' % PLAINTEXT.encode())
    broken = "UPDATE secret_encrypted_value SET encrypted_data = ? WHERE name = ?"
    ((data,),) = story.query("SELECT encrypted_data FROM secret_encrypted_value WHERE name = 'name-1'")
    assert isinstance(data, bytes)
    for name, bytes_ in (("name-1", data[:-1] + b"?"), ("name-3", data[:30]), ("name-5", b""), ("name-7", data)):
        assert story.execute(broken, bytes_, name) == 1
    story.execute("UPDATE secret_data_key SET encrypted_data = ? WHERE uid = ?", b"*YWVzLWdjbQ*cut", gone.uid)


@pytest.mark.parametrize("planting", [plant, plant_manager])
def test_no_output_and_no_state_table_holds_a_canary(
    planting: Callable[[Story], None], tmp_path: Path, shared_vault: Vault
) -> None:
    has_manager = planting is plant_manager
    store = MANAGER if has_manager else None
    story = Story.of(tmp_path / "grafana.db", shared_vault, secret_key=SECRET_KEY, store=store)
    planting(story)
    configuration = story.cli.configuration
    assert configuration is not None
    client_secret = re.search(r"client_secret = (\S+)", configuration.read_text())
    assert client_secret
    canaries = [SECRET_KEY.encode(), PLAINTEXT.encode(), DATA_KEY, client_secret[1].encode()]
    canaries += [MANAGER_DATA_KEY, *(text.encode() for text in SECTIONS.values())]
    of_manager = [
        ("plan", *MANAGER.move),
        ("rewrap", *MANAGER.move),
        ("run", "--store", "manager", "--to", "secret_key.v1", "--fresh-data-key"),
        ("run", "--store", "manager", "--to", "nonsense"),
    ]
    commands = [
        *(of_manager if has_manager else []),
        ("config show",),
        ("doctor",),
        ("plan", *WRAP),
        ("verify",),
        ("run", *WRAP, "--location", "secrets", "--limit", "1"),
        ("run",),
        ("run", "--wrap-format", "nonsense"),
        ("status",),
        ("verify",),
        ("quarantine list",),
        ("quarantine acknowledge", "--all"),
        ("quarantine retry", "--accept-implausible"),
        ("undo", "the last run"),
    ]
    for command, *given in commands:
        last_run = [story.cli.json("status")["runs"][-1]["run_id"]] if command == "undo" else []
        arguments = last_run or given
        for style in ((), ("--output", "json"), ("-vv", "--log-format", "json")):
            outcome = story.cli(command, *arguments, *style, expect=None)
            assert outcome.exit_code in {0, 2, 3, 4, 6, 8}, outcome.stderr
            where = f"{command} {arguments} {style}"
            assert_clean(outcome.stdout.encode(), canaries, f"stdout of {where}")
            assert_clean(outcome.stderr.encode(), canaries, f"stderr of {where}")

    if has_manager:
        assert story.query("SELECT COUNT(*) FROM reencrypt_quarantine WHERE location = 'secret_encrypted_value'") != [
            (0,)
        ]
    with closing(sqlite3.connect(story.database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'reencrypt%' AND type = 'table'")
        for (table,) in tables.fetchall():
            for row in connection.execute(f"SELECT * FROM {table}").fetchall():  # noqa: S608
                for value in row:
                    data = value if isinstance(value, bytes) else str(value).encode()
                    assert_clean(data, canaries, table)


def test_a_bug_shows_places_and_types_but_not_what_it_choked_on(story: Story) -> None:
    plant(story)
    # A fault inside the package, injected from outside: the exception's text quotes a plaintext.
    site = story.database.parent / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import reencrypt.crypto.envelope as e\n"
        "def broken(self, plaintext):\n"
        "    raise KeyError(plaintext)\n"
        "e.Encryptor.encrypt = broken\n"
    )
    python_path = f"{site}:{Path(__file__).parents[2]}"
    cli = CommandLine(story.cli.database, story.cli.configuration, story.vault, {"PYTHONPATH": python_path})
    done = subprocess.run(
        cli.arguments("run", *WRAP, "--output", "json"), env=cli.variables(), capture_output=True, check=False
    )
    assert done.returncode == 1
    assert b"a bug in reencrypt: KeyError" in done.stdout
    assert b"in broken" in done.stderr
    assert_clean(done.stdout + done.stderr, [SECRET_KEY.encode(), PLAINTEXT.encode(), DATA_KEY], "a bug's report")


def test_no_core_is_dumped(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import atexit, resource\natexit.register(lambda: print('core', resource.getrlimit(resource.RLIMIT_CORE)[0]))\n"
    )
    cli = CommandLine(environment={"PYTHONPATH": f"{site}:{Path(__file__).parents[2]}"})
    done = subprocess.run(cli.arguments("--version"), env=cli.variables(), capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "core 0"


#: How often all objects are looked at for one kind of event: a look takes half a second.
_LOOKS = 4


@pytest.mark.parametrize("name", STORES)
async def test_no_object_shows_a_canary_when_it_is_printed(
    name: Literal["classic", "manager"], story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_manager(story)
    config = tmp_path / "manager.ini"
    config.write_text(manager_configuration())
    canaries = [SECRET_KEY.encode(), PLAINTEXT.encode(), DATA_KEY, MANAGER_DATA_KEY]
    canaries += [text.encode() for text in SECTIONS.values()]
    seen: set[str] = set()
    looks: Counter[type] = Counter()

    def look(event: object) -> None:
        looks[type(event)] += 1
        if looks[type(event)] > _LOOKS:
            return
        for each in gc.get_objects():
            module = str(getattr(type(each), "__module__", ""))
            if module.startswith("reencrypt."):
                seen.add(type(each).__name__)
                assert_clean(repr(each).encode(), canaries, f"the repr of {module}.{type(each).__name__}")

    def look_at_rows(_location: str, _rows: object) -> None:
        look(None)

    report = await run_in_process(
        story.engine.url,
        SECRET_KEY,
        monkeypatch,
        hook=look_at_rows,
        listen=look,
        options=RunOptions(target=TargetOptions(to=PLACES[name].target), trust=PLACES[name].trust),
        store=name,
        config=config,
    )
    assert report.exit_code == 3
    assert looks.total() > 20
    # Those that hold what must not be seen were among them.
    assert {"Secret", "SecretKeyProvider", "Encryptor", "TargetDataKey", "Unwrapped", "DerivedKeyCache"} <= seen
