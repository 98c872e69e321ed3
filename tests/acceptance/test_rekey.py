"""From one `secret_key` to the next: readable under the old one or under the new one, never under neither."""

from __future__ import annotations

import base64
import json
import random
import shutil
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Transaction
from reencrypt.errors import RefusedError
from reencrypt.keys.secret_key import SecretKeyProvider
from reencrypt.operations.rekey import operation
from reencrypt.operations.rekey.commit import Alerting, commit, wrap_anew
from reencrypt.outcomes import Operation
from reencrypt.planning.options import RunOptions, TargetOptions
from reencrypt.secret import Secret
from reencrypt.settings import load_settings
from reencrypt.state.data_keys import read_data_keys
from reencrypt.state.key_table import KeyTable
from reencrypt.state.lease import take_lease
from reencrypt.state.runs import Run, insert_run
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.manager import SecretsManagerBuilder
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.commandline import CommandLine
from tests.support.engine import Engine
from tests.support.inprocess import in_session
from tests.support.managed import managed, read
from tests.support.story import LEGACY, NOT_APPLICABLE, Story
from tests.support.vault import Vault

OLD, NEW = "the old secret_key of this Grafana", "the new secret_key of this Grafana"


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return Story.of(tmp_path / "grafana.db", shared_vault, secret_key=OLD, engine=engine)


@pytest.fixture
def next_key(tmp_path: Path) -> tuple[str, str]:
    path = tmp_path / "next.key"
    path.write_text(NEW + "\n")
    return "--new-secret-key-file", str(path)


def fill(story: Story) -> None:
    with story.builder() as builder:
        under = [None, builder.data_key(), builder.data_key(algorithm="aes-gcm")]
        populate(builder, count=60, under=under)
        builder.data_key(key_id="unused")


def test_from_one_secret_key_to_the_next(story: Story, next_key: tuple[str, str]) -> None:
    fill(story)
    before = story.plaintexts()
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", *next_key)
    report = story.cli.json(*rekey, expect=4)
    assert (report["outcome"], report["data_keys_rewrapped"]) == ("stop_grafana", 0)
    assert "--grafana-stopped" in report["next_steps"][1]
    # Grafana runs on, and may even start again: it reads everything.
    assert story.plaintexts() == before
    assert {a.table for a, secret in story.secrets().items() if secret.provider == LEGACY} == {NOT_APPLICABLE}

    # What it saved in between directly under secret_key moves too.
    with story.builder() as builder:
        saved = builder.add_user_auth({"o_auth_access_token": Plain(b"saved meanwhile, and legacy")})
    before = story.plaintexts()
    report = story.cli.json(*rekey, "--grafana-stopped")
    assert report["outcome"] == "done"
    assert report["data_keys_rewrapped"] >= 3
    assert report["alerting_secrets_moved"] > 0
    assert "verify" in " ".join(report["next_steps"])
    after = story.with_secret_key(NEW)
    assert after.plaintexts() == before
    assert any(address.key == (saved,) for address in before)
    assert after.cli.json("verify")["outcome"] == "verified"

    # Once more before the configuration has followed: the journal knows what is done.
    again = story.cli.json(*rekey, "--grafana-stopped")
    assert (again["outcome"], again["data_keys_rewrapped"]) == ("done", 0)
    assert again["done_before"] > report["data_keys_rewrapped"]
    assert again["next_steps"] == report["next_steps"]
    assert after.plaintexts() == before
    assert "--new-secret-key" not in (error := story.cli.json("undo", report["run_id"], expect=6)["error"])["hint"]
    assert "rekey-secret-key" in error["hint"]
    # And back again, the same way.
    Path(next_key[1]).write_text(OLD)
    assert after.cli.json(*rekey, "--grafana-stopped")["outcome"] == "done"
    assert story.plaintexts() == before


@pytest.mark.one_engine
def test_what_was_before_the_change_is_undone_as_far_as_the_new_key_reads_it(
    story: Story, next_key: tuple[str, str]
) -> None:
    with story.builder() as builder:
        populate(builder, count=40, under=[builder.data_key()])
        legacy = builder.add_user_auth({"o_auth_access_token": Plain(b"legacy before the first run")})
    first = story.cli.json("run", "--to", "secretKey.v1", "--algorithm", "aes-gcm")
    story.cli.json("rekey-secret-key", "--to", "secretKey.v1", *next_key, "--grafana-stopped")
    after = story.with_secret_key(NEW)
    before = after.plaintexts()
    undone = after.cli.json("undo", first["run_id"], expect=3)
    assert undone["restored"] > 10
    assert [json.loads(each["key"]) for each in undone["kept"]] == [[legacy]]
    assert after.plaintexts() == before


@pytest.mark.one_engine
def test_undoing_a_rotation_from_before_the_change_leaves_an_active_key(
    story: Story, next_key: tuple[str, str]
) -> None:
    with story.builder() as builder:
        populate(builder, count=40, under=[builder.data_key(key_id="first")])
    rotation = story.cli.json("run", "--to", "secretKey.v1", "--fresh-data-key")
    story.cli.json("rekey-secret-key", "--to", "secretKey.v1", *next_key, "--grafana-stopped")
    after = story.with_secret_key(NEW)
    undone = after.cli.json("undo", rotation["run_id"])
    assert undone["data_key_set_inactive"] == rotation["target_data_key"]
    assert after.query("SELECT name FROM data_keys WHERE active") == [("first",)]


def test_a_kill_leaves_everything_under_the_old_key_or_under_the_new_one(
    story: Story, next_key: tuple[str, str], tmp_path: Path
) -> None:
    fill(story)
    before = story.plaintexts()
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", *next_key)
    story.cli.json(*rekey, expect=4)
    shutil.copyfile(story.judged(), fresh := tmp_path / "fresh.db")
    count = tmp_path / "steps"

    def run(step: int) -> int:
        options = ("--grafana-stopped", "--lease-timeout", "0.2")
        return story.cli.run(*rekey, *options, kill_at=(step, count)).returncode

    assert run(0) == 0
    steps = int(count.read_text())
    dice = random.Random(0)
    for step in [
        steps - 5,
        *(dice.randrange(steps // 2, steps) for _ in range(4 if story.engine.kind == "sqlite" else 1)),
    ]:
        story.engine.load(fresh)
        if story.engine.kind != "sqlite":
            story.execute("DELETE FROM reencrypt_journal")
            story.execute("DELETE FROM reencrypt_run")
        run(step)
        # SQLite's own recovery comes with the next reader.
        story.cli("status")
        under = [key for key in (OLD, NEW) if story.with_secret_key(key).plaintexts() == before]
        assert len(under) == 1, step
        # The same command, with the same configuration, goes on whichever it is.
        assert run(0) == 0
        assert story.with_secret_key(NEW).plaintexts() == before
    assert story.with_secret_key(NEW).plaintexts() == before


@pytest.mark.one_engine
def test_what_cannot_be_a_new_key_is_refused_and_nothing_changes(story: Story, tmp_path: Path) -> None:
    fill(story)
    digest = story.digest()
    path = tmp_path / "next.key"
    for text, words in (
        (OLD, "is the configured one"),
        ("SW2YcwTIb9zpOOhoPsMm", "everybody knows"),
        ("x", "fewer than"),
    ):
        path.write_text(text)
        error = story.cli.json("rekey-secret-key", "--new-secret-key-file", str(path), expect=2)["error"]
        assert words in error["message"]
    assert "no new secret_key" in story.cli.json("rekey-secret-key", expect=2)["error"]["message"]
    wrong = story.with_secret_key("not Grafana's at all")
    path.write_text(NEW)
    story_args = ("rekey-secret-key", "--to", "secretKey.v1", "--new-secret-key-file", str(path))
    assert "is wrong" in wrong.cli.json(*story_args, expect=6)["error"]["message"]
    assert story.digest() == digest


@pytest.mark.one_engine
def test_the_new_key_may_stand_in_the_environment_and_is_printed_nowhere(story: Story) -> None:
    fill(story)
    cli = CommandLine(
        story.cli.database, story.cli.configuration, story.vault, {"REENCRYPT_NEW_SECRET_KEY": "canary-next-secret-key"}
    )
    outcome = cli("rekey-secret-key", "--to", "secretKey.v1", "--grafana-stopped", "-vv")
    assert "canary" not in outcome.stdout + outcome.stderr
    assert story.with_secret_key("canary-next-secret-key").cli.json("verify")["outcome"] == "verified"


@pytest.mark.one_engine
def test_what_is_in_quarantine_is_lost_with_the_old_key_only_knowingly(story: Story, next_key: tuple[str, str]) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        populate(builder, count=60, under=[None, key])
        before = len(builder.planted)
        builder.add_data_source({"password": Plain(b"a good password")})
        builder.damage(builder.planted[before], "bad-base64")
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", *next_key, "--grafana-stopped")
    assert "in quarantine" in story.cli.json(*rekey, expect=6)["error"]["message"]
    story.cli.json("quarantine acknowledge", "--all")
    assert story.cli.json(*rekey)["outcome"] == "done"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # a server gets all tables of a Grafana of today
def test_a_grafana_before_9_is_refused(story: Story, next_key: tuple[str, str]) -> None:
    with GrafanaBuilder(story.database, secret_key=OLD, data_keys="none") as builder:
        for number in range(4):
            builder.add_alert_notification({"url": Plain(b"https://example.org/a-hook-%d" % number)})
    digest = story.secrets()
    error = story.cli.json("rekey-secret-key", "--to", "secretKey.v1", *next_key, "--grafana-stopped", expect=6)[
        "error"
    ]
    assert "before 9" in error["message"]
    assert story.secrets() == digest


@pytest.mark.one_engine
def test_what_may_be_plain_text_is_named_because_it_may_be_none(story: Story, next_key: tuple[str, str]) -> None:
    text = base64.b64encode(b"saltSALT" + bytes(range(200, 216))).decode()
    with story.builder() as builder:
        populate(builder, count=40, under=[builder.data_key()])
        builder.add_sso_setting({"client_secret": Plain(b"a secret that is one")}, leftovers={"bind_password": text})
    report = story.cli.json("rekey-secret-key", "--to", "secretKey.v1", *next_key, "--grafana-stopped", expect=3)
    assert (report["outcome"], list(report["left_because"])) == ("partly_done", ["plain_or_unproven"])


@pytest.mark.one_engine
def test_a_secret_of_legacy_alerting_that_does_not_read_is_left_only_knowingly(
    story: Story, next_key: tuple[str, str]
) -> None:
    with story.builder() as builder:
        populate(builder, count=30, under=[builder.data_key()])
        builder.add_alert_notification(
            {"good": Plain(b"https://example.org/a-hook-that-is-long"), "bad": Plain(b"\x01\x02\xff\xfe odd")}
        )
        builder.add_alert_notification({"bad": Plain(b"\x01\x02\xff\xfe odd, and alone in its row")})
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", *next_key, "--grafana-stopped")
    texts = {each.stored_text for each in story.secrets().values()}
    error = story.cli.json(*rekey, expect=6)["error"]
    assert "2 secrets of legacy alerting do not read" in error["message"]
    assert "--accept-implausible" in error["hint"]
    assert {each.stored_text for each in story.secrets().values()} == texts
    # Only whoever gives them up goes on, and they stay as they are, under the old key.
    assert story.cli.json("quarantine acknowledge", "--all")["acknowledged"] == 2
    first = story.cli.json(*rekey)
    again = story.cli.json(*rekey)
    assert (first["outcome"], first["quarantined"]) == ("done", 2)
    assert (again["outcome"], again["quarantined"]) == ("done", 0)
    assert again["done_before"] == first["data_keys_rewrapped"] + first["alerting_secrets_moved"]


@pytest.mark.one_engine
def test_short_secrets_of_legacy_alerting_move_only_where_nothing_casts_doubt_on_secret_key(
    story: Story, next_key: tuple[str, str]
) -> None:
    with story.builder() as builder:
        populate(builder, count=30, under=[builder.data_key()])
        builder.add_alert_notification({"pin": Plain(b"1234"), "url": Plain(b"https://example.org/a-long-hook")})
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", *next_key, "--grafana-stopped")
    shutil.copyfile(story.database, before := story.database.with_suffix(".before"))
    # What another Grafana has encrypted: of one byte half of it looks like text, the rest tells that it is not ours.
    with story.with_secret_key("the secret_key of years ago").builder(seed=1) as builder:
        for _ in range(20):
            builder.add_alert_notification({"pin": Plain(b"1", own_salt=True)})
    texts = {each.stored_text for each in story.secrets().values()}
    assert "do not read" in story.cli.json(*rekey, expect=6)["error"]["message"]
    story.cli.json("quarantine acknowledge", "--all")
    error = story.cli.json(*rekey, expect=6)["error"]
    assert "nothing proves that it encrypted" in error["message"]
    assert "alert_notification" in error["message"]
    assert "--accept-unproven secretKey.v1" in error["hint"]
    assert {each.stored_text for each in story.secrets().values()} == texts
    # Whoever knows better says so; what was given up stays even then.
    report = story.cli.json(*rekey, "--accept-unproven", "secretKey.v1")
    assert (report["outcome"], report["quarantined"] > 0, report["alerting_secrets_moved"] > 2) == ("done", True, True)
    story.engine.load(before)
    assert story.cli.json(*rekey)["outcome"] == "done"
    assert b"1234" in story.with_secret_key(NEW).plaintexts().values()


@pytest.mark.one_engine
def test_an_odd_secret_of_legacy_alerting_moves_once_the_user_has_accepted_it(
    story: Story, next_key: tuple[str, str]
) -> None:
    odd = b"\x01\x02\xff\xfe odd, and right"
    with story.builder() as builder:
        populate(builder, count=30, under=[builder.data_key()])
        builder.add_alert_notification({"pin": Plain(odd)})
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", *next_key, "--grafana-stopped")
    before = story.plaintexts()
    assert "quarantine" in story.cli.json(*rekey, expect=6)["error"]["message"]
    # No run forgets it, though it moves nothing there.
    assert story.cli.json("run", "--to", "secretKey.v1", expect=3)["quarantined_because"] == {
        "implausible_plaintext": 1
    }
    assert "in quarantine" in story.cli.json(*rekey, expect=6)["error"]["message"]
    story.cli.json("quarantine", "retry", "--to", "secretKey.v1", "--accept-implausible")
    report = story.cli.json(*rekey)
    assert (report["outcome"], report["quarantined"]) == ("done", 0)
    after = story.with_secret_key(NEW)
    assert after.plaintexts() == before
    verified = after.cli.json("verify")
    assert (verified["outcome"], verified["secrets"]["accepted"]) == ("verified", 1)


@pytest.mark.one_engine
def test_a_secret_of_legacy_alerting_that_loses_its_tag_is_remembered_as_accepted(
    story: Story, next_key: tuple[str, str]
) -> None:
    odd = b"\x01\x02\xff\xfe odd, and authenticated"
    with story.builder() as builder:
        populate(builder, count=30, under=[builder.data_key()])
        builder.add_alert_notification({"pin": Plain(odd, None, "aes-gcm")})
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", *next_key, "--grafana-stopped")
    assert story.cli.json(*rekey)["outcome"] == "done"
    after = story.with_secret_key(NEW)
    assert odd in after.plaintexts().values()
    verified = after.cli.json("verify")
    assert (verified["outcome"], verified["secrets"]["accepted"]) == ("verified", 1)


def dead_hook(story: Story, text: bytes, *, seed: int) -> int:
    """A notification channel whose secret another Grafana, with another `secret_key`, has encrypted; its id."""
    with story.with_secret_key("the secret_key of years ago").builder(seed=seed) as builder:
        return builder.add_alert_notification({"pin": Plain(text, own_salt=True)})


@pytest.mark.one_engine
def test_what_does_not_read_in_legacy_alerting_casts_doubt_on_data_keys_before_one_is_wrapped_anew(
    story: Story, next_key: tuple[str, str]
) -> None:
    with story.builder() as builder:
        populate(builder, count=20, under=[builder.data_key()])
        for number in range(70):
            # The gate looks at the longest ones, and so at none that is dead.
            builder.add_alert_notification({"url": Plain(b"https://example.org/a-long-hook-%03d" % number)})
    with story.with_secret_key("the secret_key of years ago").builder(seed=54) as builder:
        # Its data key gives garbage here, which is a letter by chance.
        ancient = builder.data_key(key_id="ancient")
        builder.add_user_auth({"o_auth_access_token": Plain(b"7", ancient)})
        for _ in range(4):
            builder.add_alert_notification({"pin": Plain(b"a hook at 24 bytes, dead", own_salt=True)})
    keys = story.query("SELECT name, encrypted_data FROM data_keys ORDER BY name")
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", *next_key, "--grafana-stopped")
    assert "do not read" in story.cli.json(*rekey, expect=6)["error"]["message"]
    story.cli.json("quarantine acknowledge", "--all")
    assert "unwraps data key ancient correctly" in story.cli.json(*rekey, expect=6)["error"]["message"]
    assert story.query("SELECT name, encrypted_data FROM data_keys ORDER BY name") == keys
    report = story.cli.json(*rekey, "--skip-key", "ancient", expect=3)
    assert report["left_because"] == {"ancient": "skipped_key"}


@pytest.mark.one_engine
@pytest.mark.parametrize("seed", [0, 5])
def test_what_was_given_up_is_never_written_though_it_looks_right_under_a_later_key(
    story: Story, next_key: tuple[str, str], seed: int
) -> None:
    with story.builder() as builder:
        populate(builder, count=30, under=[builder.data_key()])
        builder.ground.connection.execute("DELETE FROM alert_notification")
    row = dead_hook(story, b"77", seed=seed)
    texts = story.query("SELECT secure_settings FROM alert_notification")
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", *next_key, "--grafana-stopped")
    story.cli.json(*rekey, expect=6)
    story.cli.json("quarantine acknowledge", "--all")
    assert story.cli.json(*rekey)["outcome"] == "done"
    after = story.with_secret_key(NEW)
    after.cli.json("run", "--to", "secretKey.v1")
    (entry,) = after.cli.json("quarantine list")["quarantine"]
    assert (entry["key"], entry["state"]) == (f"[{row}]", "acknowledged")
    Path(next_key[1]).write_text("a third secret_key of this Grafana")
    assert after.cli.json(*rekey)["alerting_secrets_moved"] == 0
    assert story.query("SELECT secure_settings FROM alert_notification") == texts


@pytest.mark.one_engine
def test_a_copy_of_what_was_given_up_is_another_secret(story: Story, next_key: tuple[str, str]) -> None:
    with story.builder() as builder:
        populate(builder, count=30, under=[builder.data_key()])
        row = builder.add_alert_notification({"pin": Plain(b"\x01\x02\xff\xfe odd")})
        copy = builder.add_alert_notification({"pin": Plain(b"a good one, of today")})
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", *next_key, "--grafana-stopped")
    story.cli.json(*rekey, expect=6)
    story.cli.json("quarantine acknowledge", "--all")
    story.execute(
        "UPDATE alert_notification SET secure_settings = "
        "(SELECT secure_settings FROM alert_notification WHERE id = ?) WHERE id = ?",
        row,
        copy,
    )
    assert "1 secrets of legacy alerting do not read" in story.cli.json(*rekey, expect=6)["error"]["message"]
    story.cli.json("quarantine acknowledge", "--all")
    assert story.cli.json(*rekey)["outcome"] == "done"


@pytest.mark.one_engine
def test_short_secrets_of_legacy_alerting_alone_prove_no_secret_key(story: Story, next_key: tuple[str, str]) -> None:
    with story.builder() as builder:
        builder.add_alert_notification({"pin": Plain(b"1234")})
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", *next_key, "--grafana-stopped")
    assert "nothing in this database proves" in story.cli.json(*rekey, expect=6)["error"]["message"]


@pytest.mark.one_engine
def test_an_open_finding_under_a_vault_is_in_no_danger_from_another_secret_key(
    story: Story, next_key: tuple[str, str]
) -> None:
    with story.builder() as builder:
        key = builder.data_key(provider="azurekv.prod", wrap=lambda data_key: story.vault.wrap("prod", data_key))
        populate(builder, count=60, under=[key, builder.data_key()])
        builder.add_secret(Plain(b"no JSON object", key))
    story.cli.json("run", "--wrap-format", "raw/RSA-OAEP-256", "--fresh-data-key", expect=3)
    report = story.cli.json("rekey-secret-key", *next_key, "--grafana-stopped", expect=3)
    assert (report["outcome"], report["data_keys_rewrapped"]) == ("partly_done", 1)
    assert [each["state"] for each in story.cli.json("quarantine list")["quarantine"]] == ["open"]


@pytest.mark.one_engine
def test_a_second_call_says_again_that_values_which_may_be_plain_text_are_left(
    story: Story, next_key: tuple[str, str]
) -> None:
    with story.builder() as builder:
        populate(builder, count=30, under=[builder.data_key()])
        builder.add_sso_setting({"client_secret": Plain(b"shortpw", bare=True)})
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", *next_key, "--grafana-stopped")
    first = story.cli.json(*rekey, expect=3)
    again = story.cli.json(*rekey, expect=3)
    assert list(first["left_because"]) == ["plain_or_unproven"]
    assert again["left_because"] == first["left_because"]


@pytest.mark.one_engine
@pytest.mark.parametrize("partly", [False, True], ids=["after-done", "after-partly-done"])
def test_a_second_call_never_says_done_of_a_secret_that_was_saved_under_the_old_key_since(
    story: Story, next_key: tuple[str, str], *, partly: bool
) -> None:
    with story.builder() as builder:
        populate(builder, count=30, under=[builder.data_key()])
        if partly:
            builder.add_sso_setting({"client_secret": Plain(b"shortpw", bare=True)})
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", *next_key, "--grafana-stopped")
    story.cli.json(*rekey, expect=3 if partly else 0)
    with story.builder() as builder:
        builder.add_user_auth({"o_auth_access_token": Plain(b"saved by a Grafana that was started again too early")})
    assert "changed secret_key" in story.cli.json(*rekey, expect=6)["error"]["message"]


@pytest.mark.one_engine
def test_a_second_call_says_done_where_what_is_left_was_given_up_before_the_change(
    story: Story, next_key: tuple[str, str]
) -> None:
    with story.builder() as builder:
        populate(builder, count=60, under=[None, builder.data_key()])
        row = builder.add_user_auth({"o_auth_access_token": Plain(b"a legacy value that gets overwritten")})
    overwritten = base64.b64encode(bytes(range(130, 180))).decode()
    story.execute("UPDATE user_auth SET o_auth_access_token = ? WHERE id = ?", overwritten, row)
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", *next_key, "--grafana-stopped")
    story.cli.json(*rekey, expect=6)
    story.cli.json("quarantine acknowledge", "--all")
    assert story.cli.json(*rekey)["outcome"] == "done"
    assert story.cli.json(*rekey)["outcome"] == "done"


@pytest.mark.one_engine
def test_a_configuration_that_has_not_followed_writes_nothing_under_the_key_of_before(
    story: Story, next_key: tuple[str, str]
) -> None:
    fill(story)
    with story.builder() as builder:
        builder.data_key(provider="azurekv.prod", wrap=lambda key: story.vault.wrap("prod", key))
    story.cli.json("run")
    story.cli.json("rekey-secret-key", *next_key, "--grafana-stopped")
    after = story.with_secret_key(NEW)
    before, digest = after.plaintexts(), story.digest()
    for command in (("rollback",), ("run", "--to", "secretKey.v1"), ("rewrap", "--to", "secretKey.v1"), ("run",)):
        assert "changed secret_key" in story.cli.json(*command, expect=6)["error"]["message"]
    assert "changed secret_key" in story.cli("plan", "--to", "secretKey.v1").stdout
    assert story.digest() == digest
    # With the new one all of it goes on, and what was before the change speaks for no key any more.
    assert after.cli.json("run")["outcome"] == "nothing_to_do"
    with after.builder() as builder:
        for number in range(3):
            builder.add_user_auth({"o_auth_access_token": Plain(b"under the new secret_key, number %d" % number)})
    before = after.plaintexts()
    assert after.cli.json("rollback")["outcome"] == "done"
    assert after.plaintexts() == before


async def nothing_came(_transaction: Transaction) -> bool:
    return True


async def test_a_commit_whose_answer_is_lost_is_done_when_it_is_tried_again(tmp_path: Path) -> None:
    with GrafanaBuilder(tmp_path / "grafana.db", secret_key=OLD) as builder:
        builder.data_key()
    settings = load_settings(
        config=None, home=None, database_url=f"sqlite:///{tmp_path}/grafana.db", environ={"GF_SECURITY_SECRET_KEY": OLD}
    )
    database = await open_database(settings.database, write=True)
    await database.create_state()
    lease = await take_lease(database, timeout_seconds=30, waiting=lambda _reason: None)
    (row,) = await read_data_keys(database, KeyTable.CURRENT)
    run = Run.begin(Operation.REKEY, "secret_key", "aes-cfb", salt=b"saltsalt", wrap_format="")
    await insert_run(database, lease, run)
    wrapped = await wrap_anew(
        row, b"0123456789abcdef", SecretKeyProvider(Secret(NEW), Algorithm.AES_CFB, DerivedKeyCache())
    )
    for _ in range(2):
        assert await commit(
            database, lease, run, [wrapped], None, Alerting(), unchanged=nothing_came, complete=True, ended=lambda _: {}
        )
    (present,) = await read_data_keys(database, KeyTable.CURRENT)
    assert present.wrapped == wrapped.wrapped
    assert await database.fetch("journal_extents") == [(run.id, 3, 3)]
    await database.close()


@pytest.mark.parametrize("table", ["data_keys", "alert_notification"])
async def test_a_grafana_that_was_not_stopped_after_all_is_noticed_and_nothing_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    path = tmp_path / "grafana.db"
    with GrafanaBuilder(path, secret_key=OLD) as builder:
        populate(builder, count=30, under=[builder.data_key()])
    settings = load_settings(
        config=None, home=None, database_url=f"sqlite:///{path}", environ={"GF_SECURITY_SECRET_KEY": OLD}
    )

    async def commit_late(*arguments: Any, **options: Any) -> bool:
        with GrafanaBuilder(path, secret_key=OLD, seed=1) as builder:
            if table == "data_keys":
                builder.data_key(key_id="made meanwhile")
            else:
                builder.add_alert_notification({"url": Plain(b"https://example.org/hook")})
        return await commit(*arguments, **options)

    monkeypatch.setattr(operation, "commit", commit_late)
    options = RunOptions(target=TargetOptions(to="secretKey.v1"))
    with pytest.raises(RefusedError, match="is every Grafana stopped"):
        await in_session(partial(operation.rekey, new=Secret(NEW), grafana_stopped=True), settings, options)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM reencrypt_journal WHERE action = 'rewrap'").fetchall() == [(0,)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ\nq83vEjRWeJCrze8SNFZ4kA==\n", "one line"),
        (b"a key from another\r\nsystem, two lines", "carriage return"),
        (b"a key from a very\rold system", "carriage return"),
        (b"a key with a\0in it", "NUL"),
        (b"\xef\xbb\xbfa key from an editor", "byte order mark"),
        ("a key from a\u200bweb page".encode(), "U+200B, ZERO WIDTH SPACE"),
        (b"${SECRET} and more", "read otherwise"),
        (b"$__file{/x} and more", "read otherwise"),
        (b"a key with a # in it", "read otherwise"),
        (b" a key with a blank", "read otherwise"),
        (b"a key that is \xff no text", "is not UTF-8"),
    ],
)
def test_a_key_that_grafanas_configuration_cannot_hold_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    with GrafanaBuilder(tmp_path / "grafana.db", secret_key=OLD) as builder:
        builder.add_user_auth({"o_auth_access_token": Plain(b"a token that is long enough")})
    before = (tmp_path / "grafana.db").read_bytes()
    path = tmp_path / "next.key"
    path.write_bytes(content)
    cli = CommandLine(f"sqlite:///{tmp_path}/grafana.db", environment={"GF_SECURITY_SECRET_KEY": OLD})
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", "--new-secret-key-file", str(path), "--grafana-stopped")
    assert words in cli.json(*rekey, expect=2)["error"]["message"]
    assert (tmp_path / "grafana.db").read_bytes() == before


@pytest.mark.parametrize("text", ["the key of two\nlines in a variable", "the key of bytes \udcff\udcfe"])
def test_a_variable_that_grafanas_configuration_cannot_hold_is_refused(tmp_path: Path, text: str) -> None:
    with GrafanaBuilder(tmp_path / "grafana.db", secret_key=OLD) as builder:
        builder.add_user_auth({"o_auth_access_token": Plain(b"a token that is long enough")})
    environment = {"GF_SECURITY_SECRET_KEY": OLD, "REENCRYPT_NEW_SECRET_KEY": text}
    cli = CommandLine(f"sqlite:///{tmp_path}/grafana.db", environment=environment)
    error = cli.json("rekey-secret-key", expect=2)["error"]
    assert "the new secret_key" in error["message"]
    assert "openssl rand -base64 32" in error["hint"]


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_the_line_break_at_the_end_of_the_file_is_no_part_of_the_key(tmp_path: Path, end: str) -> None:
    with GrafanaBuilder(tmp_path / "grafana.db", secret_key=OLD) as builder:
        builder.add_user_auth({"o_auth_access_token": Plain(b"a token that is long enough", builder.data_key())})
    path = tmp_path / "next.key"
    path.write_bytes((NEW + end).encode())
    cli = CommandLine(f"sqlite:///{tmp_path}/grafana.db", environment={"GF_SECURITY_SECRET_KEY": OLD})
    cli("rekey-secret-key", "--to", "secretKey.v1", "--new-secret-key-file", str(path), "--grafana-stopped")
    after = CommandLine(f"sqlite:///{tmp_path}/grafana.db", environment={"GF_SECURITY_SECRET_KEY": NEW})
    assert after.json("verify")["outcome"] == "verified"


@pytest.mark.one_engine
def test_a_section_of_the_secrets_manager_with_the_same_text_is_said_not_to_follow(
    story: Story, next_key: tuple[str, str]
) -> None:
    fill(story)
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", *next_key)
    same = {"secret_key.v1": OLD, "secret_key.v2": "a secret of its own"}
    story = managed(story, same)
    # A Grafana without a secrets manager has nothing to say of it.
    assert story.cli.json(*rekey, expect=4)["warnings"] == []
    with story.builder() as builder:
        manager = SecretsManagerBuilder(builder, sections=same)
        manager.add_value(manager.data_key(), b"a token for git")
        manager.add_value(manager.data_key(provider="secret_key.v2"), b"another token")
    before = read(story, same)
    (warning,) = story.cli.json(*rekey, expect=4)["warnings"]
    assert "[secrets_manager.encryption.secret_key.v1] has the text of the old secret_key" in warning
    assert "1 data keys of the secrets manager are under it" in warning
    assert "`reencrypt rewrap --store manager --to secret_key.NAME`" in warning
    assert f"warning: {warning}." in story.cli(*rekey, expect=4).stdout
    report = story.cli.json(*rekey, "--grafana-stopped")
    assert (report["outcome"], report["warnings"]) == ("done", [warning])
    assert read(story, same) == before
    others = managed(story, {"secret_key.v1": "another text"}, name="others")
    assert others.cli.json(*rekey, "--grafana-stopped")["warnings"] == []
