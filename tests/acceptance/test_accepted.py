"""What the user has accepted stays accepted: over every later change of its bytes by us, and until Grafana saves it."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.grafana.builder import GrafanaBuilder
from tests.grafana.datakeys import DataKey
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.commandline import CommandLine
from tests.support.engine import Engine
from tests.support.story import LEGACY, TARGET, WRAP, Story
from tests.support.vault import Vault

pytestmark = pytest.mark.engines_in_turn

OLD, NEW = "the old secret_key of this Grafana", "the new secret_key of this Grafana"
ODD = b"this is no JSON object, and yet somebody's secret"
ACCEPT = ("quarantine retry", *WRAP, "--accept-implausible")
STATE = ("lease", "run", "checkpoint", "quarantine", "journal", "data_key", "accepted")


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return Story.of(tmp_path / "grafana.db", shared_vault, secret_key=OLD, engine=engine)


def plant_odd(builder: GrafanaBuilder, under: DataKey | None, count: int = 1) -> list[int]:
    """Secrets that nobody would take for what belongs there, in a column of their own."""
    return [builder.add_secret(Plain(ODD + b" %d" % number, under)) for number in range(count)]


def with_accepted(story: Story, count: int = 1, *, legacy: bool = False) -> dict[str, Any]:
    """A database with secrets that were quarantined and accepted: `count`, and one in two alerting documents alike."""
    with story.builder() as builder:
        key = builder.data_key()
        populate(builder, count=60, under=[key, None] if legacy else [key])
        plant_odd(builder, None if legacy else key, count)
        builder.add_alert_configuration(
            [{"url": Plain(b"https://example.org"), "pin": Plain(b"\x07\x08", key)}], other_row=True
        )
    story.cli.json("run", *WRAP, "--max-quarantine", "1", expect=3)
    return story.cli.json(*ACCEPT)


def assert_verified(story: Story, accepted: int) -> None:
    """Every secret reads, and so many of them on the user's word."""
    report = story.cli.json("verify")
    assert (report["outcome"], report["problems"]) == ("verified", [])
    secrets = report["secrets"]
    assert (secrets["accepted"], secrets["readable"]) == (accepted, secrets["total"])


def hashes(story: Story) -> set[bytes]:
    return {bytes(each) for (each,) in story.query("SELECT secret_hash FROM reencrypt_accepted")}  # type: ignore[call-overload]


@pytest.mark.mysql_for_mariadb
def test_what_was_accepted_reads_and_goes_through_every_later_operation(story: Story) -> None:
    accepted = with_accepted(story)
    assert accepted["outcome"] == "done"
    before = story.plaintexts()
    assert_verified(story, 3)
    assert "3 of them are implausible, and were accepted" in story.cli("verify").stdout

    rotated = story.cli.json("run", *WRAP, "--fresh-data-key")
    assert (rotated["outcome"], rotated["secrets"]["quarantined"], rotated["secrets"]["left"]) == ("done", 0, 0)
    assert rotated["secrets"]["re_encrypted"] == len(before)
    assert_verified(story, 3)
    assert story.cli.json("undo", rotated["run_id"])["outcome"] == "undone"
    assert_verified(story, 3)

    rolled_back = story.cli.json("rollback")
    assert (rolled_back["outcome"], rolled_back["secrets"]["re_encrypted"]) == ("done", len(before))
    assert_verified(story, 3)
    assert {each.provider for each in story.secrets().values()} == {LEGACY}
    assert story.cli.json("undo", rolled_back["run_id"])["outcome"] == "undone"
    # Also what the user has accepted first of all: the bytes that were in quarantine.
    assert story.cli.json("undo", accepted["run_id"])["outcome"] == "undone"
    assert_verified(story, 3)
    assert story.cli.json("run", *WRAP)["outcome"] == "done"
    assert_verified(story, 3)
    assert story.plaintexts() == before


def test_what_was_accepted_goes_to_the_next_secret_key(story: Story, tmp_path: Path) -> None:
    with_accepted(story)
    before = story.plaintexts()
    story.cli.json("rollback")
    path = tmp_path / "next.key"
    path.write_text(NEW)
    rekey = ("rekey-secret-key", "--to", "secretKey.v1", "--new-secret-key-file", str(path), "--grafana-stopped")
    assert story.cli.json(*rekey)["outcome"] == "done"
    after = story.with_secret_key(NEW)
    assert_verified(after, 3)
    assert after.plaintexts() == before
    assert after.cli.json("run", *WRAP)["outcome"] == "done"
    assert_verified(after, 3)


@pytest.mark.one_engine
def test_a_tag_vouches_for_what_is_odd_and_is_remembered_where_it_is_lost(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        populate(builder, count=60, under=[key])
        builder.add_secret(Plain(ODD, key, "aes-gcm"))
    assert_verified(story, 0)
    assert story.cli.json("run", *WRAP, "--algorithm", "aes-cfb")["outcome"] == "done"
    assert_verified(story, 1)
    assert story.cli.json("run", *WRAP, "--algorithm", "aes-gcm")["outcome"] == "done"
    assert_verified(story, 0)
    assert story.cli.json("run", *WRAP, "--algorithm", "aes-cfb")["outcome"] == "done"
    assert_verified(story, 1)


@pytest.mark.one_engine
def test_many_that_are_accepted_are_no_wrong_key(story: Story) -> None:
    assert with_accepted(story, count=60)["secrets"]["re_encrypted"] >= 60
    for operation in (("run", *WRAP, "--fresh-data-key"), ("rollback",), ("run", *WRAP)):
        assert story.cli.json(*operation)["outcome"] == "done"
        assert_verified(story, 62)


@pytest.mark.parametrize("rolled_back", [True, False])
@pytest.mark.one_engine
def test_what_is_accepted_neither_refutes_a_key_nor_casts_doubt_on_it(story: Story, rolled_back: bool) -> None:  # noqa: FBT001
    with_accepted(story, legacy=True)
    if rolled_back:
        story.cli.json("rollback")
    with story.builder() as builder:
        # Too short to prove its data key: secret_key vouches for that, unless something casts doubt on it. Where
        # nothing was rolled back, what is accepted was under secret_key once, and stands in the journal.
        builder.add_user_auth({"o_auth_token_type": Plain(b"Bearer", builder.data_key(label_date="2025-02-02"))})
    report = story.cli.json("run", *WRAP)
    assert (report["outcome"], report["left_because"]) == ("done", {})


@pytest.mark.one_engine
def test_what_is_accepted_alone_leaves_its_key_unproven(story: Story) -> None:
    with_accepted(story)
    story.cli.json("rollback")
    for table in ("dashboard_snapshot", "user_auth", "data_source", "plugin_setting", "signing_key", "sso_setting"):
        story.execute(f"DELETE FROM {table}")  # noqa: S608
    for table in ("user_external_session", "cloud_migration_session", "resource", "resource_history"):
        story.execute(f"DELETE FROM {table}")  # noqa: S608
    for table in ("alert_configuration", "alert_configuration_history", "reencrypt_journal"):
        story.execute(f"DELETE FROM {table}")  # noqa: S608
    ((last,),) = story.query("SELECT MAX(id) FROM secrets")
    story.execute("DELETE FROM secrets WHERE id <> ?", last)
    assert list(story.plaintexts().values()) == [ODD + b" 0"]
    assert_verified(story, 1)
    report = story.cli.json("run", *WRAP, expect=3)
    assert report["left_because"] == {"unproven_key secretKey.v1": 1}
    believed = story.cli.json("run", *WRAP, "--accept-unproven", "secretKey.v1")
    assert (believed["outcome"], believed["secrets"]["re_encrypted"]) == ("done", 1)
    assert_verified(story, 1)


def test_an_acceptance_ends_when_grafana_saves_the_secret_again(story: Story) -> None:
    with_accepted(story)
    with story.builder() as builder:
        text = base64.b64encode(builder.encrypt(Plain(ODD + b" 0"))).decode().rstrip("=")
        odd = max(address.key for address, plain in story.plaintexts().items() if plain == ODD + b" 0")
        builder.ground.connection.execute("UPDATE secrets SET value = ? WHERE id = ?", (text, *odd))
    report = story.cli.json("verify", expect=8)
    (problem,) = report["problems"]
    assert (problem["location"], problem["in_quarantine"]) == ("secrets", False)
    assert report["secrets"]["accepted"] == 2
    again = story.cli.json("run", *WRAP, expect=3)
    assert again["quarantined_because"] == {"implausible_plaintext": 1}
    assert story.cli.json(*ACCEPT)["outcome"] == "done"
    assert_verified(story, 3)


def test_a_copy_that_grafana_makes_of_the_same_bytes_is_accepted_too(story: Story) -> None:
    with_accepted(story)
    # It keeps each configuration that it applies; secrets that nobody touched keep their ciphertexts.
    story.execute(
        "INSERT INTO alert_configuration_history (id, org_id, alertmanager_configuration, configuration_hash, "
        "configuration_version, created_at, last_applied) SELECT 900, org_id, alertmanager_configuration, "
        "configuration_hash, configuration_version, created_at, 0 FROM alert_configuration ORDER BY id DESC LIMIT 1"
    )
    # And changed a word of it since, so that the copies are moved one by one.
    ((text,),) = story.query("SELECT alertmanager_configuration FROM alert_configuration_history WHERE id = 900")
    document = json.loads(text.decode() if isinstance(text, bytes) else str(text))
    story.execute(
        "UPDATE alert_configuration_history SET alertmanager_configuration = ? WHERE id = 900", json.dumps(document)
    )
    assert_verified(story, 4)
    assert story.cli.json("run", *WRAP, "--fresh-data-key")["outcome"] == "done"
    assert_verified(story, 4)


@pytest.mark.one_engine
def test_what_a_rotation_has_found_is_accepted_though_there_is_nothing_to_move(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key(provider=TARGET, wrap=lambda dek: story.vault.wrap("prod", dek))
        populate(builder, count=60, under=[key])
        plant_odd(builder, key)
    story.cli.json("verify", expect=8)
    rotated = story.cli.json("run", *WRAP, "--fresh-data-key", expect=3)
    assert rotated["quarantined_because"] == {"implausible_plaintext": 1}
    report = story.cli.json(*ACCEPT)
    assert (report["outcome"], report["secrets"]["re_encrypted"]) == ("nothing_to_do", 0)
    assert_verified(story, 1)
    assert story.cli.json("run", *WRAP, "--fresh-data-key")["outcome"] == "done"
    assert_verified(story, 1)


def test_an_undo_gives_accepted_bytes_back_where_they_are_the_only_good_ones(story: Story) -> None:
    with_accepted(story)
    story.cli.json("rollback")
    before = story.plaintexts()
    run = story.cli.json("run", *WRAP, "--fresh-data-key")
    # The vault gave another plaintext for it, and what was written under that is nobody's.
    wrapped = story.vault.wrap("prod", b"a key of nobody!")
    story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = ?", wrapped, run["target_data_key"])
    undone = story.cli.json("undo", run["run_id"])
    assert (undone["outcome"], undone["kept"]) == ("undone", [])
    assert story.plaintexts() == before
    assert_verified(story, 3)


def test_dropping_the_state_leaves_what_was_accepted(story: Story) -> None:
    hasty = CommandLine(
        story.cli.database, story.cli.configuration, story.vault, {"GF_SECURITY_ENCRYPTION_DATA_KEYS_CACHE_TTL": "1s"}
    )
    with_accepted(story)
    answer = hasty.json("complete", "--settle")
    assert (answer["outcome"], answer["verified"]["accepted"], answer["verified"]["unreadable"]) == ("yes", 3, 0)
    assert hasty.json("complete", "--finish", "--settle", "--drop-state")["state_dropped"]
    assert story.cli.json("status")["runs"] == []
    assert_verified(story, 3)
    assert story.cli.json("run", *WRAP, "--fresh-data-key")["outcome"] == "done"
    assert_verified(story, 3)


@pytest.mark.mysql_for_mariadb
def test_a_database_of_the_version_before_has_state_and_nothing_accepted(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        populate(builder, count=60, under=[key])
        plant_odd(builder, key)
    run = story.cli.json("run", *WRAP, expect=3)
    story.execute("DROP TABLE reencrypt_accepted")
    assert [each["run_id"] for each in story.cli.json("status")["runs"]] == [run["run_id"]]
    assert len(story.cli.json("quarantine list")["quarantine"]) == 1
    assert story.cli.json("verify")["secrets"]["quarantined"] == 1
    assert "reencrypt_accepted" in story.cli("plan", "--to", "secretKey.v1", "--ddl").stdout
    assert "the next run adds reencrypt_accepted" in story.cli("doctor", expect=None).stdout
    assert story.cli.json("undo", run["run_id"])["outcome"] == "undone"
    assert story.cli.json("run", *WRAP, expect=3)["quarantined_because"] == {"implausible_plaintext": 1}
    assert story.cli.json(*ACCEPT)["outcome"] == "done"
    assert_verified(story, 1)


@pytest.mark.mysql_for_mariadb
def test_no_kill_parts_a_secret_from_its_acceptance(story: Story, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        populate(builder, count=20, under=[key])
        plant_odd(builder, key, 2)
    fresh, count = tmp_path / "fresh.db", tmp_path / "steps"
    shutil.copyfile(story.database, fresh)
    dice = random.Random(story.engine.kind)
    total = killed = 0
    while killed < (60 if pytestconfig.getoption("--nightly") else 5):
        if story.engine.kind != "sqlite":
            for table in STATE:
                story.execute(f"DROP TABLE IF EXISTS reencrypt_{table}")
        story.engine.load(fresh)
        story.cli.json("run", *WRAP, expect=3)
        while True:
            arguments = (*ACCEPT, "--lease-timeout", "0.2", "--output", "json")
            done = story.cli.run(*arguments, kill_at=(dice.randrange(1, total) if total else 0, count))
            total = total or int(count.read_text())
            if done.returncode == 0:
                break
            # 2: all is accepted already, and the one before was killed when only the telling was left.
            if done.returncode == 2:
                assert json.loads(done.stdout)["error"]["message"] == "no open secret in quarantine fits the options"
                break
            assert done.returncode == -9, done.stderr
            killed += 1
            for secret in story.secrets().values():
                if secret.plaintext is not None and secret.plaintext.startswith(ODD) and secret.provider == TARGET:
                    assert hashlib.sha256(secret.stored_text).digest() in hashes(story)
        assert_verified(story, 2)
