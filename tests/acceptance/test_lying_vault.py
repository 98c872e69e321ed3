"""A vault that gives one well-formed wrong answer, at each call in turn: nothing is ever written under a false key.

The answer has status 200 and the right `kid`; it belongs to another request, as a proxy gives it that mixes up two.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.grafana.builder import GrafanaBuilder
from tests.grafana.datakeys import DataKey
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.commandline import Outcome
from tests.support.story import TARGET, WRAP, Story
from tests.support.vault import Vault

SECRET_KEY = "the secret_key"
OTHER = "azurekv.other"
#: Everything but the sign-in.
OPERATIONS = ["get", "list", "encrypt", "decrypt", "wrapKey", "unwrapKey"]
RAW = "cloudmigration-snapshot-encryption-key"


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    vault = Vault.start(tmp_path / "vault", "prod", "other")
    yield vault
    vault.stop()


def remote_key(builder: GrafanaBuilder, story: Story, provider: str = TARGET, **rest: str) -> DataKey:
    name = provider.removeprefix("azurekv.")
    return builder.data_key(provider=provider, wrap=lambda key: story.vault.wrap(name, key), **rest)  # type: ignore[arg-type]


def raw_bytes(builder: GrafanaBuilder, key: DataKey | None, count: int = 3) -> None:
    """Secrets that no plaintext can tell right from wrong by."""
    for number in range(count):
        builder.add_secret(Plain(bytes([number, 255, 0, 128]) * 8, key), kind=RAW, org_id=-1)


def local_secrets_and_an_unused_target(story: Story) -> None:
    with story.builder() as builder:
        populate(builder, count=40, under=[None, builder.data_key()])
        remote_key(builder, story)


def remote_secrets(story: Story) -> None:
    """Of a source in another vault: one key whose secrets prove it, and one with nothing but bytes."""
    with story.builder() as builder:
        populate(builder, count=40, under=[remote_key(builder, story, OTHER)], algorithms=("aes-cfb",))
        raw_bytes(builder, remote_key(builder, story, OTHER, label_date="2025-02-01"))
        mixed = remote_key(builder, story, OTHER, label_date="2025-02-02")
        raw_bytes(builder, mixed)
        builder.add_secret(Plain(b'{"password":"a long enough text"}', mixed))
        remote_key(builder, story)


def secrets_under_the_target(story: Story) -> None:
    with story.builder() as builder:
        populate(builder, count=40, under=[None, remote_key(builder, story)])
        raw_bytes(builder, remote_key(builder, story, label_date="2025-02-01"))


def rotated(story: Story) -> None:
    secrets_under_the_target(story)
    story.vault.as_owner("POST", "/keys/prod/rotate")


def an_unfinished_data_key(story: Story) -> None:
    """A run that had made its data key, and whose vault went away before it could prove it."""
    remote_secrets(story)
    template = story.database.with_suffix(".full")
    shutil.copyfile(story.database, template)
    for after in itertools.count():
        shutil.copyfile(template, story.database)
        gone = {"kind": "status", "status": 503, "after": after, "next": 1000, "operations": ["decrypt", "unwrapKey"]}
        story.vault.control("POST", "faults", gone)
        story.cli("run", "--fresh-data-key", *WRAP, "--vault-deadline", "1", expect=7)
        story.vault.control("DELETE", "faults")
        there = story.query("SELECT name FROM sqlite_master WHERE name = 'reencrypt_run'")
        if there and story.query("SELECT target_key_state FROM reencrypt_run") == [("made",)]:
            return


def run_before(story: Story) -> None:
    remote_secrets(story)
    story.cli("run")


def rewrapped_before(story: Story) -> None:
    secrets_under_the_target(story)
    story.cli("rewrap", "--to", OTHER, *WRAP)


def quarantined_before(story: Story) -> None:
    remote_secrets(story)
    with story.builder() as builder:
        builder.add_secret(Plain(b"no JSON object", builder.data_key()))
        builder.add_secret(Plain(b'{"password":"another text"}', builder.data_keys[-1]))
    story.cli("run", expect=3)


def a_new_secret_key(story: Story) -> tuple[str, ...]:
    path = story.database.parent / "new.key"
    path.write_text("the next secret_key, which is long enough\n")
    return ("rekey-secret-key", "--new-secret-key-file", str(path))


def undo(story: Story) -> tuple[str, ...]:
    return ("undo", str(story.query("SELECT id FROM reencrypt_run ORDER BY number DESC")[0][0]))


@dataclass(frozen=True)
class Case:
    """What the database holds, and the command that the lies are told to."""

    arrange: Callable[[Story], None]
    command: tuple[str, ...] | Callable[[Story], tuple[str, ...]]
    permissions: tuple[str, ...] = ()
    last_exit: int = 0


CASES = {
    "run under a data key that Grafana made": Case(local_secrets_and_an_unused_target, ("run",)),
    "run out of another vault": Case(remote_secrets, ("run",)),
    "run under a new data key": Case(remote_secrets, ("run", "--to", OTHER, "--fresh-data-key", *WRAP)),
    "run that was interrupted with an unfinished data key": Case(an_unfinished_data_key, ("run", *WRAP)),
    "run with remote wrapping": Case(
        remote_secrets, ("run", "--fresh-data-key", *WRAP), permissions=("encrypt", "decrypt")
    ),
    "run where only unwrapKey is permitted": Case(remote_secrets, ("run",), permissions=("get", "unwrapKey")),
    "rewrap to the newest version": Case(rotated, ("rewrap",)),
    "rewrap to another provider": Case(remote_secrets, ("rewrap", "--to", TARGET)),
    "rollback": Case(remote_secrets, ("rollback", "--accept-unproven", "secretKey.v1")),
    "quarantine retry": Case(quarantined_before, ("quarantine retry",), last_exit=3),
    "undo of a run": Case(run_before, undo),
    "undo of a rewrap": Case(rewrapped_before, undo),
    "rekey-secret-key": Case(local_secrets_and_an_unused_target, a_new_secret_key, last_exit=4),
}


def command_of(case: Case, story: Story) -> tuple[str, ...]:
    return case.command(story) if callable(case.command) else case.command


def lied_to(story: Story, number: int, command: tuple[str, ...]) -> tuple[Outcome, bool]:
    """The outcome of a command whose call of that number gets a lie, and whether there was such a call."""
    vault = story.vault
    vault.control("POST", "faults", {"kind": "lie", "after": number, "next": 1, "operations": OPERATIONS})
    outcome = story.cli(*command, expect=None)
    lied = not vault.control("GET", "faults")["waiting"]
    vault.control("DELETE", "faults")
    return outcome, lied


@pytest.mark.parametrize("name", CASES)
def test_one_lie_at_any_call_writes_nothing_under_a_false_key(name: str, tmp_path: Path, vault: Vault) -> None:
    case = CASES[name]
    story = Story.of(tmp_path / "grafana.db", vault, secret_key=SECRET_KEY)
    case.arrange(story)
    if case.permissions:
        vault.control("PUT", "permissions", {"allow": list(case.permissions)})
    template = tmp_path / "template.db"
    shutil.copyfile(story.database, template)
    before = story.plaintexts()
    for number in itertools.count():
        shutil.copyfile(template, story.database)
        command = command_of(case, story)
        outcome, lied = lied_to(story, number, command)
        assert outcome.exit_code in {0, 3, 4, 6, 7}, (number, outcome)
        assert story.plaintexts() == before, number
        if not lied:
            assert outcome.exit_code == case.last_exit, (number, outcome)
            break
        again = story.cli(*command, expect=None)
        assert again.exit_code == case.last_exit, (number, outcome, again)
        assert story.plaintexts() == before, number
    assert number > 2, "the command asked the vault nothing"


@pytest.mark.parametrize("command", [("verify",), ("complete",)])
def test_one_lie_at_any_call_makes_no_false_answer(command: tuple[str, ...], tmp_path: Path, vault: Vault) -> None:
    """Neither a yes over raw bytes under a false key, nor a no that sends somebody to undo what is right."""
    story = Story.of(tmp_path / "grafana.db", vault, secret_key=SECRET_KEY)
    remote_secrets(story)
    story.cli("rewrap", "--to", TARGET)
    truth = story.cli.json(*command, expect=None)
    digest = story.digest()
    for number in itertools.count():
        outcome, lied = lied_to(story, number, (*command, "--output", "json"))
        assert story.digest() == digest
        if outcome.exit_code not in {6, 7}:
            assert (outcome.exit_code, outcome.json["outcome"]) == (truth["exit_code"], truth["outcome"]), number
        if not lied:
            break
    assert number > 3, "the command asked the vault nothing"
