"""Every command on a terminal of 80 columns: no line is longer, and the last ones are the outcome and the next command.

The world has what makes screens long: a provider and a location with long names, many data keys, and secrets that
cannot be moved.
"""

from __future__ import annotations

import re
import shlex
import signal
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.fleets import Fleet
from tests.support.story import MANAGER, WRAP, Story
from tests.support.terminal import COLUMNS, Screen, on_terminal
from tests.support.vault import Vault

#: What stands on lines of its own because somebody copies it.
COPIED = ("  reencrypt ", "Next: reencrypt ", "Report: ", "SHA-256: ", "  az keyvault ")
#: A line of the log, which -v asks for.
LOGGED = re.compile(r"\d{4}-\d\d-\d\dT")
#: Commands whose result is all there is to say.
WITHOUT_NEXT = (
    "config show",
    "report",
    "quarantine list",
    "quarantine acknowledge",
    "undo of no run",
    "fleet plan",
    "fleet run",
    "fleet status",
)


def world(folder: Path, vault: Vault) -> Story:
    story = Story.of(folder / "grafana.db", vault)
    with story.builder() as builder:
        populate(builder, count=60, under=[None, *(builder.data_key() for _ in range(5))])
        lost = builder.data_key()
        for number in range(3):
            builder.add_data_source({f"a_rather_long_name_of_a_field_{number}": Plain(b"never to be seen", lost)})
    story.execute("DELETE FROM data_keys WHERE name = ?", lost.key_id)
    environment = {
        "REENCRYPT_GRAFANA_CONFIG": str(story.cli.configuration),
        "REENCRYPT_DATABASE": story.engine.url,
        "GF_SECURITY_ENCRYPTION_DATA_KEYS_CACHE_TTL": "1s",
    }
    return replace(story, cli=replace(story.cli, configuration=None, database=None, environment=environment))


@pytest.fixture(scope="module")
def screens(tmp_path_factory: pytest.TempPathFactory, shared_vault: Vault) -> Mapping[str, Screen]:
    """The screens of a migration, one after the other, by their names."""
    folder = tmp_path_factory.mktemp("screens")
    cli = world(folder, shared_vault).cli
    found: dict[str, Screen] = {}

    def see(name: str, *line: str) -> None:
        found[name] = on_terminal(cli, line[0], *line[1:])

    see("status before", "status")
    see("doctor", "doctor")
    see("doctor -v", "doctor", "-v")
    see("config show", "config", "show")
    see("plan that is refused", "plan")
    see("plan", "plan", *WRAP)
    see("run", "run", *WRAP, "--limit", "7")
    see("status", "status")
    see("plan of an interrupted run", "plan", *WRAP)
    see("run to its end", "run", *WRAP, "--max-quarantine", "1")
    see("quarantine list", "quarantine", "list")
    see("complete that says no", "complete")
    see("quarantine acknowledge", "quarantine", "acknowledge", "--all")
    see("verify", "verify")
    see("rewrap", "rewrap", *WRAP)
    see("complete", "complete", "--settle")
    see("report", "report", "--file", str(folder / "report.html"))
    see("undo of no run", "undo", "nonsense")
    run_id = cli.json("status")["runs"][-1]["run_id"]
    see("undo", "undo", run_id)
    (folder / "next.key").write_text("the next secret_key of this Grafana\n")
    see("rekey", "rekey-secret-key", "--to", "secretKey.v1", "--new-secret-key-file", str(folder / "next.key"))
    (folder / "fleet").mkdir()
    fleet = Fleet(folder / "fleet", shared_vault)
    for name in ("a-grafana-with-a-long-name", "south"):
        fleet.add(name)
    fleet.write()
    for command in ("plan", "run", "status"):
        found[f"fleet {command}"] = on_terminal(fleet.cli, "fleet", command, str(fleet.list))
    return found


SCREENS = (
    "status before",
    "doctor",
    "doctor -v",
    "config show",
    "plan that is refused",
    "plan",
    "run",
    "status",
    "plan of an interrupted run",
    "run to its end",
    "quarantine list",
    "complete that says no",
    "quarantine acknowledge",
    "verify",
    "rewrap",
    "complete",
    "report",
    "undo of no run",
    "undo",
    "rekey",
    "fleet plan",
    "fleet run",
    "fleet status",
)


@pytest.mark.parametrize("name", SCREENS)
def test_no_line_is_longer_than_the_terminal_and_the_last_says_what_to_do_next(
    name: str, screens: Mapping[str, Screen]
) -> None:
    screen = screens[name]
    assert screen.exit_code != 1, screen.raw
    result = [line for line in screen.lines if not LOGGED.match(line)]
    too_long = [line for line in result if len(line) > COLUMNS and not line.startswith(COPIED)]
    assert too_long == []
    assert screen.shows_cursor
    if name not in WITHOUT_NEXT:
        last = [line for line in screen.lines if line][-1]
        assert last.removeprefix("Next:").lstrip().startswith("reencrypt "), screen.lines


def test_two_ctrl_c_leave_a_cursor_and_say_what_is_saved(tmp_path: Path, shared_vault: Vault) -> None:
    story = world(tmp_path, shared_vault)
    with closing(sqlite3.connect(story.database, timeout=30, isolation_level=None)) as holder:
        typed = 0

        def seen(text: str, process: subprocess.Popen[bytes]) -> None:
            nonlocal typed
            if typed == 0 and "run 2" in text:
                # The page in hand waits for the file, so that the first Ctrl-C cannot end it soon.
                holder.execute("BEGIN IMMEDIATE")
                process.send_signal(signal.SIGINT)
                typed = 1
            elif typed == 1 and "SIGINT received" in " ".join(text.split()):
                process.send_signal(signal.SIGINT)
                typed = 2

        screen = on_terminal(story.cli, "run", *WRAP, "--lease-timeout", "7", seen=seen)
        holder.execute("ROLLBACK")
    assert (typed, screen.exit_code) == (2, -signal.SIGINT)
    assert screen.shows_cursor
    said = " ".join(screen.lines)
    assert "What was committed is saved, and the same command resumes." in said
    assert "It first waits 7 s" in said
    assert max(map(len, screen.lines)) <= COLUMNS


def test_what_it_says_to_type_next_can_be_typed(tmp_path: Path, shared_vault: Vault) -> None:
    """From the plan through its pilot to the end, with nothing but what each command says."""
    cli = world(tmp_path, shared_vault).cli
    said = cli("plan", *WRAP).stdout.splitlines()[-1].removeprefix("Next: ").partition("  # ")[0]
    typed = [said]
    assert said == cli.json("plan", *WRAP)["next_command"]
    for _ in range(6):
        program, *words = shlex.split(said)
        assert program == "reencrypt"
        options = ["--max-quarantine", "1"] if words[0] == "run" else []
        done = cli(words[0], *words[1:], *options, expect=None)
        assert done.exit_code in (0, 3, 4, 8), done.stderr
        said = done.stdout.splitlines()[-1].removeprefix("Next: ").partition("  # ")[0]
        if words[0] == "quarantine":
            cli("quarantine acknowledge", "--all")
            said = cli.json("status")["next_command"]
        typed.append(said)
    commands = [" ".join(line.split()[1:3]) for line in typed]
    assert commands[0].startswith("run --")
    assert "verify" in commands
    assert any(each.startswith("complete") for each in commands)


@pytest.mark.parametrize("store", ["classic", "manager"])
def test_the_pilot_of_a_plan_moves_something_in_this_database(store: str, tmp_path: Path, shared_vault: Vault) -> None:
    story = Story.of(tmp_path / "grafana.db", shared_vault, store=MANAGER)
    story.fill(6)
    story.execute("DELETE FROM data_source")
    options = WRAP if store == "classic" else story.store.move
    pilot = story.cli.json("plan", "--store", store, *options)["pilot"]
    assert (pilot["location"] != "data_source", 0 < pilot["secrets"] <= 5) == (True, True)
    _, command, *words = shlex.split(pilot["command"])
    done = story.cli.json(command, *words, expect=None)
    assert done["secrets"]["re_encrypted"] == pilot["secrets"]
