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
from typing import Any

import pytest

from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.fleets import Fleet
from tests.support.story import MANAGER, WRAP, Story
from tests.support.terminal import COLUMNS, Screen, on_terminal
from tests.support.vault import Vault

#: What stands on lines of its own because somebody copies it.
COPIED = ("  reencrypt ", "Next: reencrypt ", "Report: ", "SHA-256: ", "  az keyvault ")
#: What hides the cursor: from here on there is a bar.
HIDDEN = "\x1b[?25l"
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


@pytest.mark.parametrize(("command", "number"), [("plan", signal.SIGTERM), ("status", signal.SIGHUP)])
def test_a_command_that_a_signal_ends_leaves_a_cursor(
    command: str, number: signal.Signals, tmp_path: Path, shared_vault: Vault
) -> None:
    story = Story.of(tmp_path / "grafana.db", shared_vault)
    story.fill(1)
    sent = False

    def seen(text: str, process: subprocess.Popen[bytes]) -> None:
        nonlocal sent
        if not sent and HIDDEN in text:
            process.send_signal(number)
            sent = True

    with closing(sqlite3.connect(story.database, timeout=30, isolation_level=None)) as holder:
        # The command waits for the file for longer than the signal takes.
        holder.execute("BEGIN EXCLUSIVE")
        screen = on_terminal(story.cli, command, seen=seen)
        holder.execute("ROLLBACK")
    assert (sent, screen.exit_code) == (True, -number)
    assert screen.shows_cursor


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


def both(tmp_path: Path, vault: Vault) -> Story:
    """A Grafana with secrets in both stores, none of which has moved."""
    story = Story.of(tmp_path / "grafana.db", vault, store=MANAGER)
    story.fill(12)
    with story.builder() as builder:
        populate(builder, count=20, under=[builder.data_key()])
    return story


def typed(story: Story, line: str) -> dict[str, Any]:
    """Type what a command has said, and return what it did."""
    program, command, *words = shlex.split(line)
    assert program == "reencrypt"
    return story.cli.json(command, *words, expect=None)


def test_what_resumes_one_store_leaves_the_other_alone(tmp_path: Path, shared_vault: Vault) -> None:
    story = both(tmp_path, shared_vault)
    move = ("--store", "manager", *story.store.move)
    stopped = story.cli.json("run", *move, "--limit", "3", expect=4)
    options = ["--accept-unproven", "secret_key.v2"] if "--accept-unproven" in move else []
    for said in (
        story.cli.json("status")["next_command"],
        story.cli.json("plan", *WRAP, "--to", "secret_key.v2", *options)["next_commands"][-1],
        stopped["resume"],
    ):
        assert "--store manager" in said
    classic = story.cli.json("run", "--store", "classic", *WRAP, "--limit", "3", expect=4)
    assert "--store classic" in classic["resume"]
    assert "--store classic" in story.cli.json("status")["next_command"]
    done = typed(story, classic["resume"])
    assert [each["store"] for each in done["stores"].values()] == ["classic"]


def test_what_was_stopped_before_it_began_is_repeated_with_its_options(tmp_path: Path, shared_vault: Vault) -> None:
    cli = world(tmp_path, shared_vault).cli
    stopped = cli("run", *WRAP, "--to", "azurekv.other", "--max-runtime", "0", expect=4).stdout
    assert "This command has changed nothing." in stopped
    last = stopped.splitlines()[-1]
    assert "--to azurekv.other" in last
    assert "--wrap-format raw/RSA-OAEP-256" in last


def test_complete_repeats_what_it_was_asked(tmp_path: Path, shared_vault: Vault) -> None:
    story = world(tmp_path, shared_vault)
    story.execute("DELETE FROM alert_notification")
    story.cli("run", *WRAP, "--max-quarantine", "1", expect=3)
    story.cli("quarantine acknowledge", "--all")
    asked = ("--settle", "--retire", "secret_key", "--unsearched", "plugin_setting.json_data")
    said = story.cli("complete", *asked, expect=None).stdout.splitlines()[-1]
    for option in ("--retire secret_key", "--unsearched plugin_setting.json_data", "--settle"):
        assert option in said


def test_a_plan_does_not_promise_to_move_what_stays(tmp_path: Path, shared_vault: Vault) -> None:
    """Skipped, under a data key that does not unwrap, and in quarantine already."""
    story = Story.of(tmp_path / "grafana.db", shared_vault)
    with story.builder() as builder:
        populate(builder, count=20, under=[builder.data_key()])
    skipping = story.cli.json("plan", *WRAP, "--skip-key", "secretKey.v1")
    assert (skipping["secrets"]["to_move"], skipping["pilot"]) == (0, None)
    assert "leave it (skipped)" in story.cli("plan", *WRAP, "--skip-key", "secretKey.v1").stdout
    with story.builder() as builder:
        lost = builder.data_key()
        for _ in range(3):
            builder.add_data_source({"password": Plain(b"a long enough password", lost)})
    story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = ?", b"damaged", lost.key_id)
    plan = story.cli.json("plan", *WRAP)
    assert "quarantine it" in story.cli("plan", *WRAP).stdout
    done = story.cli.json("run", *WRAP, "--max-quarantine", "1", expect=3)
    assert done["secrets"]["re_encrypted"] == plan["secrets"]["to_move"]
    story.cli("quarantine acknowledge", "--all")
    again = story.cli.json("plan", *WRAP)
    assert (again["secrets"]["to_move"], again["pilot"]) == (0, None)
    nothing = story.cli("run", *WRAP).stdout
    assert "already, except 3 acknowledged in quarantine." in nothing


def test_a_plan_tells_of_an_interrupted_run_that_it_would_replace(tmp_path: Path, shared_vault: Vault) -> None:
    cli = world(tmp_path, shared_vault).cli
    run_id = cli.json("run", *WRAP, "--to", "azurekv.other", "--limit", "3", expect=4)["run_id"]
    (warning,) = [each for each in cli.json("plan", *WRAP)["warnings"] if "is interrupted" in each]
    assert run_id in warning
    assert "`reencrypt run --to azurekv.other` resumes it" in warning


def test_an_undo_that_can_do_no_more_proposes_none(tmp_path: Path, shared_vault: Vault) -> None:
    story = world(tmp_path, shared_vault)
    run_id = story.cli.json("run", *WRAP, "--max-quarantine", "1", expect=3)["run_id"]
    story.cli("quarantine acknowledge", "--all")
    story.execute("UPDATE user_auth SET o_auth_access_token = '' WHERE id = (SELECT MIN(id) FROM user_auth)")
    said = story.cli("undo", run_id, expect=3).stdout.splitlines()[-1]
    assert said.startswith("Next: reencrypt plan")
    assert story.cli.json("status")["next_command"] == "reencrypt plan"


def test_a_store_that_is_elsewhere_now_does_not_hide_what_is_next_here(tmp_path: Path, shared_vault: Vault) -> None:
    story = both(tmp_path, shared_vault)
    story.cli.json("run", "--store", "manager", *story.store.move, "--limit", "3", expect=4)
    story.cli.json("run", "--store", "classic", *WRAP)
    configuration = story.cli.configuration
    assert configuration is not None
    text = configuration.read_text()
    configuration.write_text(text.replace("[secrets_manager]\n", "[secrets_manager]\ngrpc_client_enable = true\n", 1))
    assert story.cli.json("status")["next_command"] == "reencrypt verify"
