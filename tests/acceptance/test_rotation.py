"""Data keys replaced, wrapped anew, and secrets brought back: each step readable, undone byte for byte, and said."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reencrypt.planning.command_lines import command_for
from reencrypt.settings import load_settings
from reencrypt.state.runs import Run
from tests.grafana.decryptor import SecretAddress
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support import triggers
from tests.support.engine import Engine
from tests.support.story import LEGACY, TARGET, WRAP, Story
from tests.support.vault import Vault

SECRET_KEY = "the secret_key"


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return Story.of(tmp_path / "grafana.db", shared_vault, secret_key=SECRET_KEY, engine=engine)


@pytest.fixture
def rotating(tmp_path: Path, own_vault: Vault) -> Story:
    """A vault of one's own, whose key may be rotated, and an SQLite file."""
    return Story.of(tmp_path / "grafana.db", own_vault, secret_key=SECRET_KEY)


def fill(story: Story, count: int = 60) -> None:
    with story.builder() as builder:
        under = [
            builder.data_key(),
            builder.data_key(provider=TARGET, wrap=lambda key: story.vault.wrap("prod", key)),
            None,
        ]
        populate(builder, count=count, under=under)


def stored(story: Story) -> dict[SecretAddress, object]:
    return {address: secret.stored_text for address, secret in story.secrets().items()}


def data_keys(story: Story) -> list[tuple[object, ...]]:
    return story.query("SELECT name, active, provider, label, encrypted_data FROM data_keys ORDER BY name")


@pytest.mark.mysql_for_mariadb
def test_a_rewrap_commits_nothing_where_a_trigger_changes_a_wrapping(story: Story) -> None:
    fill(story)
    kind = triggers.KINDS[story.engine.kind][0]
    triggers.plant(story.engine, kind, "data_keys", "encrypted_data", key="name")
    before, keys = story.plaintexts(), data_keys(story)
    error = story.cli.json("rewrap", *WRAP, expect=6)["error"]
    assert f"the trigger {triggers.NAME} on data_keys changes it" in error["message"]
    assert (story.plaintexts(), data_keys(story)) == (before, keys)
    triggers.remove(story.engine, kind, "data_keys")
    assert story.cli.json("rewrap", *WRAP)["outcome"] == "done"
    assert story.plaintexts() == before


def test_a_fresh_data_key_takes_over_everything_and_the_old_ones_rest(story: Story) -> None:
    fill(story)
    before, texts, keys = story.plaintexts(), stored(story), data_keys(story)
    report = story.cli.json("run", "--fresh-data-key")
    assert report["outcome"] == "done"
    assert story.plaintexts() == before
    own = report["target_data_key"]
    used = {secret.key_id for address, secret in story.secrets().items() if address.table != "alert_notification"}
    assert used == {own}
    assert {str(name): bool(active) for name, active, *_ in data_keys(story)} == {
        **{str(name): False for name, *_ in keys},
        own: True,
    }
    # A run without the flag finds everything under the target; another rotation makes another key.
    assert story.cli.json("run")["outcome"] == "nothing_to_do"
    again = story.cli.json("run", "--fresh-data-key")
    assert again["target_data_key"] != own
    assert story.plaintexts() == before

    assert story.cli.json("undo", again["run_id"])["outcome"] == "undone"
    assert story.cli.json("undo", report["run_id"])["outcome"] == "undone"
    assert stored(story) == texts
    assert [row for row in data_keys(story) if row in keys] == keys
    assert not any(active for name, active, *_ in data_keys(story) if name in {own, again["target_data_key"]})


@pytest.mark.one_engine
def test_an_interrupted_rotation_goes_on_under_its_own_key(story: Story) -> None:
    fill(story)
    before = story.plaintexts()
    first = story.cli.json("run", "--fresh-data-key", "--limit", "10", expect=4)
    second = story.cli.json("run")
    assert (second["run_id"], second["target_data_key"]) == (first["run_id"], first["target_data_key"])
    assert second["secrets"]["re_encrypted"] > 40
    assert story.plaintexts() == before


@pytest.mark.one_engine
def test_a_schedule_rotates_when_a_key_in_use_is_old_and_says_when_it_will(story: Story) -> None:
    with story.builder() as builder:
        old = builder.data_key(provider=TARGET, wrap=lambda key: story.vault.wrap("prod", key), label_date="2025-01-31")
        populate(builder, count=40, under=[old])
    schedule = ("run", "--fresh-data-key", "--if-older-than", "90d")
    assert story.cli.json(*schedule)["outcome"] == "done"
    digest = story.digest()
    report = story.cli.json(*schedule)
    assert report["outcome"] == "nothing_to_do"
    due = datetime.strptime(report["due"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs(due - datetime.now(UTC) - timedelta(days=90)) < timedelta(minutes=10)
    assert "next rotation is due on" in story.cli(*schedule).stdout
    assert story.digest() == digest
    assert story.cli.json("run", "--fresh-data-key", "--if-older-than", "0s")["outcome"] == "done"
    assert "--fresh-data-key" in story.cli.json("run", "--if-older-than", "90d", expect=2)["error"]["hint"]
    story.cli("run", "--fresh-data-key", "--if-older-than", "soon", expect=2)


@pytest.mark.one_engine
def test_what_no_run_can_move_makes_no_rotation_due(story: Story) -> None:
    with story.builder() as builder:
        old = builder.data_key(provider=TARGET, wrap=lambda key: story.vault.wrap("prod", key), label_date="2025-01-31")
        populate(builder, count=60, under=[old])
        builder.add_secret(Plain(b"no JSON object", old))
        maybe_plain = base64.b64encode(b"saltSALT" + bytes(range(200, 216))).decode()
        builder.add_sso_setting({"client_secret": Plain(b"a secret", old)}, leftovers={"bind_password": maybe_plain})
    schedule = ("run", "--fresh-data-key", "--if-older-than", "90d")
    assert story.cli.json(*schedule, expect=3)["secrets"]["re_encrypted"] > 10
    # It is said again each time, and nothing rotates.
    report = story.cli.json(*schedule, expect=3)
    assert report["due"]
    assert len(report["quarantine"]) == 1
    story.cli.json("quarantine acknowledge", "--all")
    assert story.cli.json(*schedule)["outcome"] == "nothing_to_do"
    # What came since does: it is under an old key, or under secret_key itself.
    with story.builder() as builder:
        builder.add_user_auth({"o_auth_access_token": Plain(b"legacy, and saved meanwhile")})
    report = story.cli.json(*schedule, expect=3)
    assert report["due"] is None
    assert report["secrets"]["re_encrypted"] > 10


@pytest.mark.one_engine
def test_a_legacy_secret_is_older_than_any_age(story: Story) -> None:
    fill(story)
    assert story.cli.json("run", "--fresh-data-key", "--if-older-than", "9999d")["outcome"] == "done"


@pytest.mark.one_engine
def test_the_algorithm_is_upgraded_in_the_same_pass_with_a_warning(story: Story) -> None:
    fill(story)
    before = story.plaintexts()
    report = story.cli.json("run", "--algorithm", "aes-gcm")
    assert any("only Grafana Enterprise writes it" in warning for warning in report["warnings"])
    found = {address: secret.algorithm for address, secret in story.secrets().items()}
    assert {found[address] for address in found if address.table != "alert_notification"} == {"aes-gcm"}
    assert story.plaintexts() == before
    assert story.cli.json("run", "--algorithm", "aes-gcm")["outcome"] == "nothing_to_do"
    # What the configuration says is what a run without the option writes; it says what is lost.
    report = story.cli.json("run")
    assert any("authenticated" in warning for warning in report["warnings"])
    assert story.plaintexts() == before


def test_a_rollback_brings_every_secret_back_under_secret_key(story: Story) -> None:
    fill(story)
    before = story.plaintexts()
    story.cli.json("run")
    texts, keys = stored(story), data_keys(story)
    report = story.cli.json("rollback")
    assert (report["outcome"], report["target_provider"], report["target_data_key"]) == ("done", "secret_key", None)
    assert any("Grafana before 9" in warning for warning in report["warnings"])
    assert {secret.provider for secret in story.secrets().values()} == {LEGACY}
    assert story.plaintexts() == before
    assert data_keys(story) == keys
    assert story.cli.json("rollback")["outcome"] == "nothing_to_do"
    assert story.cli.json("undo", report["run_id"])["outcome"] == "undone"
    assert stored(story) == texts


@pytest.mark.one_engine
def test_a_rollback_under_a_wrong_secret_key_is_refused(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key(provider=TARGET, wrap=lambda key: story.vault.wrap("prod", key))
        populate(builder, count=40, under=[key])
    digest = story.digest()
    error = story.with_secret_key("not Grafana's").cli.json("rollback", expect=6)["error"]
    assert "does not prove that it is Grafana's own" in error["message"]
    assert story.digest() == digest


def test_rewrap_moves_data_keys_alone_and_undo_gives_their_bytes_back(story: Story) -> None:
    fill(story)
    texts, keys = stored(story), data_keys(story)
    report = story.cli.json("rewrap", "--to", "azurekv.other", *WRAP)
    assert (report["outcome"], report["data_keys"]) == (
        "done",
        {"total": 2, "rewrapped": 2, "already_current": 0, "left": 0},
    )
    assert stored(story) == texts
    moved = data_keys(story)
    assert {row[2] for row in moved} == {"azurekv.other"}
    assert [str(row[3]) for row in moved] == [re.sub("@.*", "@azurekv.other", str(row[3])) for row in keys]
    assert [row[1] for row in moved] == [row[1] for row in keys]
    assert story.cli.json("verify")["outcome"] == "verified"
    assert story.cli.json("rewrap", "--to", "azurekv.other", *WRAP)["outcome"] == "nothing_to_do"

    undone = story.cli.json("undo", report["run_id"])
    assert (undone["outcome"], undone["data_keys_restored"]) == ("undone", 2)
    assert data_keys(story) == keys
    assert story.cli.json("verify")["outcome"] == "verified"


@pytest.mark.one_engine
def test_rewrap_into_secret_key_has_to_be_spelled_out_and_comes_back(story: Story) -> None:
    fill(story)
    story.cli.json("run")
    before = story.plaintexts()
    assert story.cli.json("rewrap", "--to", "secretKey.v1")["data_keys"]["left"] == 0
    assert {row[2] for row in data_keys(story)} == {"secretKey.v1"}
    assert story.plaintexts() == before
    # What we wrapped is no evidence of how Grafana wraps.
    assert "--wrap-format" in story.cli.json("rewrap", expect=6)["error"]["hint"]
    assert story.cli.json("rewrap", *WRAP)["outcome"] == "done"
    assert {row[2] for row in data_keys(story)} == {TARGET}
    assert story.plaintexts() == before


@pytest.mark.one_engine
def test_rewrap_leaves_what_is_not_proven_and_says_so(story: Story) -> None:
    with story.builder() as builder:
        good = builder.data_key(provider=TARGET, wrap=lambda key: story.vault.wrap("prod", key))
        populate(builder, count=40, under=[good, None])
        # Under the shipped secret_key of another time: nothing proves what its bytes unwrap to.
        lone = builder.data_key(key_id="lone")
        builder.add_user_auth({"o_auth_access_token": Plain(bytes(range(128, 200)), lone)})
    before = story.plaintexts()
    report = story.cli.json("rewrap", expect=3)
    assert report["left_because"] == {"lone": "unproven_key"}
    assert story.plaintexts() == before
    assert story.cli.json("rewrap", "--skip-key", "lone", expect=3)["left_because"] == {"lone": "skipped_key"}
    assert story.cli.json("rewrap", "--accept-unproven", "lone")["data_keys"]["rewrapped"] == 1


def test_after_a_rotation_of_the_vaults_key_rewrap_frees_the_old_version(rotating: Story) -> None:
    fill(rotating)
    rotating.cli.json("run")
    before = rotating.plaintexts()
    old = rotating.vault.key_version("prod")
    rotating.vault.as_owner("POST", "/keys/prod/rotate")
    report = rotating.cli.json("rewrap")
    assert report["target_version"] != old
    assert report["data_keys"]["rewrapped"] == 2
    rotating.vault.as_owner("PATCH", f"/keys/prod/{old}", {"attributes": {"enabled": False}})
    assert rotating.cli.json("verify")["outcome"] == "verified"
    assert rotating.cli.json("rewrap")["outcome"] == "nothing_to_do"
    assert rotating.plaintexts() == before


@pytest.mark.one_engine
def test_plan_puts_the_two_roads_side_by_side(story: Story) -> None:
    fill(story)
    plan = story.cli.json("plan", "--to", "azurekv.other", *WRAP)
    rewrap, run = plan["roads"]
    options = "--to azurekv.other --wrap-format raw/RSA-OAEP-256"
    assert (rewrap["command"], rewrap["rows"]) == (f"reencrypt rewrap {options}", 2)
    assert (run["command"], run["rows"]) == (f"reencrypt run {options}", plan["secrets"]["to_move"])
    kept, moved = (
        plan["secrets"]["not_applicable"],
        sum(
            key["secrets"]
            for name, location in plan["locations"].items()
            for key in location["keys"]
            if key["provider"] == "secret_key" and name != "alert_notification"
        ),
    )
    assert kept
    assert moved
    assert rewrap["leaves"] == f"{moved + kept} secrets directly under secret_key: `run` moves {moved} of them"
    assert run["leaves"] == f"{kept} secrets that Grafana reads with secret_key alone"
    text = story.cli("plan", "--to", "azurekv.other", *WRAP).stdout
    assert "Two ways lead there:" in text
    assert rewrap["protects"] in text


@pytest.mark.one_engine
@pytest.mark.parametrize("number", [1, 7])
@pytest.mark.parametrize("provider", [LEGACY, "secretKey.v1", TARGET])
def test_the_vault_calls_of_a_plan_are_those_of_the_command(provider: str, number: int, story: Story) -> None:
    """As the vault counts them: for too few the quota is not asked for, and for too many the time is feared."""
    with story.builder() as builder:
        for _ in range(number):
            wrap = {"provider": TARGET, "wrap": lambda key: story.vault.wrap("prod", key)}
            key = None if provider == LEGACY else builder.data_key(**wrap if provider == TARGET else {})  # type: ignore[arg-type]
            builder.add_secret(Plain(b'{"password": "long enough for a proof"}', key))
    to = ("--to", "azurekv.other", *WRAP)
    for name, road in (("rewrap", 0), ("run", 1)):
        estimated = story.cli.json("plan", *to)["roads"][road]["vault_calls"]
        asked = len(story.vault.control("GET", "requests"))
        done = story.cli.json(name, *to)
        calls = [
            each
            for each in story.vault.control("GET", "requests")[asked:]
            if each["client_request_id"] and each["status"] < 400
        ]
        assert len(calls) == estimated, [each["operation"] for each in calls]
        if done["run_id"]:
            story.cli("undo", done["run_id"])


@pytest.mark.one_engine
def test_an_earlier_secret_key_is_no_target_though_much_was_under_it(story: Story) -> None:
    # What is under the right key is short, and what was once under the wrong one is long.
    wrong = "the secret_key of years ago"
    with story.builder() as builder:
        key = builder.data_key(provider=TARGET, wrap=lambda key: story.vault.wrap("prod", key))
        populate(builder, count=40, under=[key])
        builder.ground.connection.execute("DELETE FROM alert_notification")
        for number in range(4):
            builder.add_user_auth({"o_auth_access_token": Plain(b"short %d" % number)})
    with story.with_secret_key(wrong).builder() as builder:
        builder.add_user_auth({"o_auth_access_token": Plain(b"a token that nobody can read any more, " * 5)})
    before = story.plaintexts()
    digest = story.digest()
    other = story.with_secret_key(wrong)
    for command in (("rollback",), ("rewrap", "--to", "secretKey.v1")):
        assert "does not prove" in other.cli.json(*command, expect=6)["error"]["message"]
    assert story.digest() == digest
    assert story.plaintexts() == before


@pytest.mark.one_engine
def test_an_interrupted_rotation_is_not_dropped_by_another_operation(story: Story) -> None:
    fill(story)
    run = story.cli.json("run", "--fresh-data-key", "--limit", "10", expect=4)
    assert run["run_id"] in story.cli.json("rollback", expect=6)["error"]["message"]
    done = story.cli.json("run")
    assert (done["run_id"], done["outcome"]) == (run["run_id"], "done")
    used = {secret.key_id for address, secret in story.secrets().items() if address.table != "alert_notification"}
    assert used == {run["target_data_key"]}


@pytest.mark.one_engine
def test_an_interrupted_operation_says_how_to_go_on_with_it_and_not_with_another(story: Story) -> None:
    fill(story)
    for line in (
        "run --to azurekv.other --limit 5 --wrap-format raw/RSA-OAEP-256",
        "run --fresh-data-key --algorithm aes-gcm --limit 5",
    ):
        stopped = story.cli.json(line, expect=4)
        assert stopped["resume"], line
        assert story.cli.json("status")["next_command"].startswith(stopped["resume"])
        done = story.cli.json(stopped["resume"].removeprefix("reencrypt "))
        assert (done["run_id"], done["outcome"]) == (stopped["run_id"], "done"), line


@pytest.mark.parametrize(
    ("operation", "command"),
    [
        ("rollback", "reencrypt rollback --algorithm aes-gcm"),
        ("rewrap", "reencrypt rewrap --to azurekv.a --algorithm aes-gcm"),
        ("envelop", "reencrypt rekey-secret-key --new-secret-key-file FILE"),
        ("rekey", "reencrypt rekey-secret-key --new-secret-key-file FILE"),
    ],
)
def test_every_operation_has_its_command(operation: str, command: str) -> None:
    settings = load_settings(config=None, home=None, database_url="sqlite:////nowhere/grafana.db", environ={})
    run = Run.begin(operation, "azurekv.a", "aes-gcm", salt=b"saltsalt", wrap_format="")
    assert command_for(run, settings.classic, name_store=False) == command


@pytest.mark.one_engine
def test_a_schedule_does_not_wait_for_a_migration_that_is_not_over(story: Story) -> None:
    with story.builder() as builder:
        builder.data_key(provider=TARGET, wrap=lambda key: story.vault.wrap("prod", key))
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        populate(builder, count=40, under=[builder.data_key(label_date=today)])
    assert story.cli.json("run", "--fresh-data-key", "--if-older-than", "90d")["outcome"] == "done"
    assert story.off_target() == {}


@pytest.mark.one_engine
def test_a_rollback_that_is_stopped_at_once_names_its_own_target(story: Story) -> None:
    fill(story)
    for arguments, target in (
        (("rollback",), "secret_key"),
        (("run", "--to", "secretKey"), "secretKey.v1"),
        (("run",), TARGET),
    ):
        report = story.cli.json(*arguments, "--max-runtime", "0", expect=4)
        assert report["target_provider"] == target, arguments


def test_status_counts_the_data_keys_of_a_rewrap_apart_from_secrets(story: Story) -> None:
    fill(story)
    rewrapped = story.cli.json("rewrap", *WRAP)["data_keys"]["rewrapped"]
    assert rewrapped > 0
    (run,) = story.cli.json("status")["runs"]
    assert (run["data_keys_rewrapped"], run["secrets"]["total"], run["locations"]) == (rewrapped, 0, {})
    table = story.cli("status").stdout
    assert "data keys" in table
    story.cli.json("run", *WRAP)
    (_, run) = story.cli.json("status")["runs"]
    assert (run["data_keys_rewrapped"], run["secrets"]["total"] > 50) == (0, True)
