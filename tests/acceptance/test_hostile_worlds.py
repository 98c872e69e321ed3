"""Hostile worlds: on databases that nobody of ours made every command is right, or refuses and changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.engine import Engine, SqliteEngine
from tests.support.hidden_worlds import HIDDEN
from tests.support.key_worlds import NOT_UNIQUE
from tests.support.schema_worlds import SCHEMAS
from tests.support.servers import ALL_ENGINES, server_engine
from tests.support.story import NOT_APPLICABLE, WRAP, Story
from tests.support.trigger_worlds import TRIGGERS
from tests.support.type_worlds import TYPES
from tests.support.vault import Vault
from tests.support.worlds import (
    COMMANDS,
    RIGHT,
    No,
    Refused,
    World,
    fill,
    quick,
    stored,
)


def _as_it_is(story: Story) -> Story:
    return story


#: The control: what every other world is held against.
ORDINARY = (World("ordinary", ALL_ENGINES, _as_it_is, RIGHT),)

WORLDS = (*ORDINARY, *HIDDEN, *SCHEMAS, *NOT_UNIQUE, *TRIGGERS, *TYPES)


_ALIKE = ("mariadb", "mysql")


def _marks(kind: str, world: World, command: str) -> tuple[pytest.MarkDecorator, ...]:
    """Pairwise: in every world `run` and half of the other commands on SQLite, one in turn on servers, and `run` there
    where SQLite has no such world.

    Of MySQL and MariaDB, which are alike, every second world is on one, and the others on the other.
    """
    place = WORLDS.index(world)
    turn = COMMANDS[(place + world.engines.index(kind)) % len(COMMANDS)]
    wanted = {turn} if "sqlite" in world.engines else {turn, "run"}
    if kind == "sqlite":
        wanted = {"run", *COMMANDS[place % 2 :: 2]}
    if kind in _ALIKE and set(_ALIKE) <= set(world.engines) and _ALIKE[place % 2] != kind:
        wanted = set()
    return () if command in wanted else (pytest.mark.rest_of_pairs,)


CASES = [
    pytest.param(kind, world, command, id=f"{kind}-{world.name}-{command}", marks=_marks(kind, world, command))
    for world in WORLDS
    for kind in world.engines
    for command in COMMANDS
]


def _engine(kind: str, request: pytest.FixtureRequest, folder: Path) -> Engine:
    return SqliteEngine(folder / "grafana.db") if kind == "sqlite" else server_engine(kind, request)


@pytest.mark.parametrize(("kind", "world", "command"), CASES)
def test_the_answer_is_right_or_a_refusal(
    kind: str, world: World, command: str, tmp_path: Path, shared_vault: Vault, request: pytest.FixtureRequest
) -> None:
    engine = _engine(kind, request, tmp_path)
    story = quick(Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key", engine=engine))
    fill(story)
    truth = Truth(story)
    run_id = ""
    needs_run = command == "undo" or (command in ("verify", "complete") and world.expectation(command) == RIGHT)
    if needs_run and world.expectation("run") != RIGHT:
        # The run was made before the world became hostile.
        run_id = story.cli.json("run", *WRAP)["run_id"]
    hostile = world.plant(story)
    if command in ("verify", "complete", "undo") and world.expectation("run") == RIGHT:
        run_id = hostile.cli.json("run", *WRAP)["run_id"]
    bystander = world.bystander(hostile) if world.bystander else None

    expected = world.expectation(command)
    if isinstance(expected, Refused):
        _is_refused(hostile, expected, command, run_id)
    elif isinstance(expected, No):
        _is_no(hostile, expected, truth)
    else:
        _IS_RIGHT[command](hostile, truth, run_id)
    assert bystander == (world.bystander(hostile) if world.bystander else None)


#: One world of each kind, and the commands that the table above does not run.
_KINDS = ("hidden_table", "row_policy", "view", "shadowing_table", "one_key_for_all")


@pytest.mark.parametrize("world", [each for each in WORLDS if each.name in _KINDS], ids=lambda world: world.name)
def test_every_other_command_goes_through_the_same_door(
    world: World, tmp_path: Path, shared_vault: Vault, request: pytest.FixtureRequest
) -> None:
    engine = _engine(world.engines[0], request, tmp_path)
    story = Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key", engine=engine)
    fill(story)
    hostile = world.plant(story)
    assert isinstance(world.expect, Refused)
    next_key = tmp_path / "next.key"
    next_key.write_text("another secret_key, and a long one\n")
    digest = story.digest()
    for line in (("rewrap", *WRAP), ("rollback",), ("rekey-secret-key", "--new-secret-key-file", str(next_key))):
        error = hostile.cli.json(*line, expect=world.expect.exit_code)["error"]
        assert all(word in f"{error['message']} {error['hint']}" for word in world.expect.words), error
    checks = hostile.cli.json("doctor", expect=world.expect.exit_code)["checks"]
    (failed,) = [each for each in checks if each["name"] == "visibility"]
    assert failed["state"] == "failed"
    assert all(word in f"{failed['detail']} {failed['remedy']}" for word in world.expect.words), failed
    if world.name != "one_key_for_all":  # it reads no page
        hostile.cli.json("status", expect=world.expect.exit_code)
    assert story.digest() == digest


class Truth:
    """What the decryptor found before anything was done."""

    def __init__(self, story: Story) -> None:
        self.plaintexts = story.plaintexts()
        self.stored = stored(story)
        self.applicable = sum(address.table != NOT_APPLICABLE for address in self.plaintexts)

    @property
    def total(self) -> int:
        return len(self.plaintexts)


def _arguments(command: str, run_id: str) -> tuple[str, ...]:
    return {"run": WRAP, "plan": WRAP, "undo": (run_id,), "complete": ("--check", "--settle")}.get(command, ())


def _is_refused(story: Story, expected: Refused, command: str, run_id: str) -> None:
    # What a foreign table holds nobody can read: secrets are compared where the digest may change.
    digest, secrets = story.digest(), story.plaintexts() if expected.begun else {}
    answer = story.cli.json(command, *_arguments(command, run_id), expect=expected.exit_code)
    said = f"{answer['error']['message']} {answer['error']['hint']}"
    for word in expected.words:
        assert word in said
    if expected.begun:
        assert story.plaintexts() == secrets
    else:
        assert story.digest() == digest


def _is_no(story: Story, expected: No, truth: Truth) -> None:
    digest = story.digest()
    answer = story.cli.json("complete", *_arguments("complete", ""), expect=8)
    assert all(word in " ".join(answer["blockers"]) for word in expected.words), answer["blockers"]
    assert story.digest() == digest
    assert story.plaintexts() == truth.plaintexts


def _plan_is_right(story: Story, truth: Truth, _run_id: str) -> None:
    digest = story.digest()
    answer = story.cli.json("plan", *WRAP)
    assert answer["refusals"] == []
    assert (answer["secrets"]["total"], answer["secrets"]["to_move"]) == (truth.total, truth.applicable)
    assert story.digest() == digest


def _run_is_right(story: Story, truth: Truth, _run_id: str) -> None:
    answer = story.cli.json("run", *WRAP)
    assert answer["outcome"] == "done"
    assert (answer["secrets"]["total"], answer["secrets"]["re_encrypted"]) == (truth.total, truth.applicable)
    assert story.off_target() == {}
    assert story.plaintexts() == truth.plaintexts


def _verify_is_right(story: Story, truth: Truth, _run_id: str) -> None:
    found: dict[str, Any] = story.cli.json("verify")["secrets"]
    assert (found["total"], found["readable"], found["under_target"]) == (truth.total, truth.total, truth.applicable)
    assert story.plaintexts() == truth.plaintexts


def _complete_is_right(story: Story, truth: Truth, run_id: str) -> None:
    answer = story.cli.json("complete", *_arguments("complete", run_id))
    assert answer["outcome"] == "yes"
    assert story.off_target() == {}
    assert story.plaintexts() == truth.plaintexts


def _undo_is_right(story: Story, truth: Truth, run_id: str) -> None:
    answer = story.cli.json("undo", run_id)
    assert (answer["outcome"], answer["kept"]) == ("undone", [])
    assert stored(story) == truth.stored


_IS_RIGHT = {
    "plan": _plan_is_right,
    "run": _run_is_right,
    "verify": _verify_is_right,
    "complete": _complete_is_right,
    "undo": _undo_is_right,
}
