"""`undo` gives back what the journal holds, byte for byte, and never what somebody has saved since."""

from __future__ import annotations

import base64
import json
import signal
import time
from pathlib import Path

import pytest

from tests.grafana.decryptor import SecretAddress
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.story import TARGET, WRAP, Story
from tests.support.vault import Vault

pytestmark = pytest.mark.mysql_for_mariadb


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key", engine=engine)


def stored(story: Story) -> dict[SecretAddress, object]:
    return {address: secret.stored_text for address, secret in story.secrets().items()}


def fill(story: Story, count: int = 300) -> None:
    with story.builder() as builder:
        under = [builder.data_key(), builder.data_key(algorithm="aes-gcm"), None]
        populate(builder, count=count, under=under)
        builder.add_alert_configuration([{"url": Plain(b"https://example.org/a-long-hook")}], other_row=True)


def test_everything_is_back_byte_for_byte(story: Story) -> None:
    fill(story)
    before, rest = stored(story), story.rest()
    report = story.cli.json("run", *WRAP)
    assert stored(story) != before

    undone = story.cli.json("undo", report["run_id"])
    assert (undone["outcome"], undone["kept"]) == ("undone", [])
    assert stored(story) == before
    assert story.rest() == rest
    assert undone["data_key_set_inactive"] == report["target_data_key"]
    ((active,),) = story.query("SELECT active FROM data_keys WHERE name = ?", report["target_data_key"])
    assert not active
    assert story.cli.json("undo", report["run_id"])["outcome"] == "already_undone"
    assert stored(story) == before
    # The way is free again.
    again = story.cli.json("run", *WRAP)
    assert again["outcome"] == "done"
    assert story.off_target() == {}


def test_what_grafana_has_saved_since_stays(story: Story) -> None:
    fill(story, 60)
    with story.builder() as builder:
        saved = builder.encrypt(Plain(b"saved by Grafana meanwhile"))
    before = stored(story)
    run = story.cli.json("run", *WRAP)
    text = base64.b64encode(saved).decode()
    ((row,),) = story.query("SELECT MIN(id) FROM user_auth WHERE o_auth_access_token <> ''")
    story.execute("UPDATE user_auth SET o_auth_access_token = ? WHERE id = ?", text, row)
    rewritten = story.query("SELECT row_key FROM reencrypt_journal WHERE table_name = 'user_auth' ORDER BY id DESC")
    gone = next(int(str(key).strip("[]")) for (key,) in rewritten if key != f"[{row}]")
    story.execute("DELETE FROM user_auth WHERE id = ?", gone)

    undone = story.cli.json("undo", run["run_id"], expect=3)
    reasons = {(each["table"], each["key"], each["reason"]) for each in undone["kept"]}
    assert ("user_auth", f"[{row}]", "changed_since") in reasons
    assert ("user_auth", f"[{gone}]", "row_gone") in reasons
    after = story.secrets()
    assert after[SecretAddress("user_auth", (int(str(row)),), "o_auth_access_token")].plaintext == (
        b"saved by Grafana meanwhile"
    )
    kept = {(each["table"], each["key"]) for each in undone["kept"]}
    for address, secret in after.items():
        if (address.table, f"[{address.key[0]}]") not in kept:
            assert secret.stored_text == before[address]


def test_old_bytes_that_nobody_can_read_any_more_are_not_given_back(story: Story) -> None:
    with story.builder() as builder:
        lost, kept = builder.data_key(), builder.data_key()
        for number in range(30):
            builder.add_secret(Plain(b'{"number":"%d"}' % number, lost if number % 2 else kept))
    before = story.plaintexts()
    run = story.cli.json("run", *WRAP)
    story.execute("DELETE FROM data_keys WHERE name = ?", lost.key_id)
    undone = story.cli.json("undo", run["run_id"], expect=3)
    assert undone["kept_because"] == {"old_bytes_unreadable": 15}
    assert undone["restored"] == 15
    assert story.plaintexts() == before


@pytest.mark.one_engine
def test_a_wrong_secret_key_gives_nothing_back(story: Story) -> None:
    fill(story, 60)
    before, texts = story.plaintexts(), stored(story)
    run = story.cli.json("run", *WRAP)
    undone = story.with_secret_key("another secret_key").cli.json("undo", run["run_id"], expect=3)
    # Nothing but empty values, which are empty under every key.
    assert undone["restored"] <= sum(text == b"" for text in before.values())
    reasons = {"old_plaintext_implausible", "old_key_unproven", "old_bytes_unreadable"}
    assert set(undone["kept_because"]) <= reasons
    assert undone["data_key_set_inactive"] is None
    assert story.plaintexts() == before
    # A slip of the pen does not use the undo up.
    assert story.cli.json("undo", run["run_id"])["outcome"] == "undone"
    assert stored(story) == texts


@pytest.mark.one_engine
def test_a_later_run_has_to_be_undone_first(story: Story) -> None:
    fill(story, 60)
    before = stored(story)
    first = story.cli.json("run", *WRAP)
    between = stored(story)
    second = story.cli.json("run", *WRAP, "--to", "azurekv.other")
    # Also where the clock has stepped back between them.
    story.execute("UPDATE reencrypt_run SET started = '2000-01-01T00:00:00Z' WHERE id = ?", second["run_id"])
    refused = story.cli.json("undo", first["run_id"], expect=6)
    assert f"reencrypt undo {second['run_id']}" in refused["error"]["hint"]
    assert story.cli.json("undo", second["run_id"])["kept"] == []
    assert stored(story) == between
    assert story.off_target() == {}
    assert story.cli.json("undo", first["run_id"])["kept"] == []
    assert stored(story) == before


@pytest.mark.one_engine
def test_a_run_that_does_not_exist(story: Story) -> None:
    fill(story, 10)
    assert "There has been no run" in story.cli.json("undo", "nonsense", expect=2)["error"]["hint"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_an_undo_that_is_interrupted_goes_on(number: signal.Signals, story: Story) -> None:
    fill(story, 1500)
    before = stored(story)
    run = story.cli.json("run", *WRAP)
    process = story.cli.start("undo", run["run_id"], "--lease-timeout", "1", "--output", "json")
    deadline = time.monotonic() + 120
    while not begun(story):
        assert time.monotonic() < deadline
        time.sleep(0.01)  # another process is at work
    process.send_signal(number)
    process.communicate()
    assert process.returncode == (-9 if number is signal.SIGKILL else 4)
    assert any(secret.provider == TARGET for secret in story.secrets().values())
    if number is signal.SIGTERM:
        assert story.cli.json("status")["next_command"].startswith(f"reencrypt undo {run['run_id']}")
    kinds = story.query("SELECT kind, content FROM reencrypt_audit WHERE run_id = ? ORDER BY id", run["run_id"])
    last, content = str(kinds[-1][0]), json.loads(str(kinds[-1][1]))
    if number is signal.SIGTERM:
        assert (last, content["operation"], content["outcome"]) == ("ended", "undo", "stopped")
        assert "SIGTERM" in content["stop_reason"]
    else:
        assert (last, content["operation"]) == ("begun", "undo")
    undone = story.cli.json("undo", run["run_id"], "--lease-timeout", "1")
    assert (undone["outcome"], undone["kept"]) == ("undone", [])
    assert stored(story) == before


def begun(story: Story) -> bool:
    return bool(story.query("SELECT 1 FROM reencrypt_journal WHERE run_id LIKE 'undo%' LIMIT 1"))


@pytest.mark.one_engine
def test_what_one_undo_has_to_keep_is_not_in_the_way_of_the_next(story: Story) -> None:
    with story.builder() as builder:
        for number in range(60):
            builder.add_secret(Plain(b'{"number":"%d"}' % number))
    before = stored(story)
    story.cli.json("run", *WRAP, "--limit", "30", expect=4)
    story.execute("UPDATE data_keys SET active = (1 = 0)")
    first = story.cli.json("run", *WRAP)
    second = story.cli.json("run", *WRAP, "--to", "azurekv.other")
    story.execute("DELETE FROM data_keys WHERE name = ?", first["target_data_key"])
    undone = story.cli.json("undo", second["run_id"], expect=3)
    assert (undone["restored"], undone["kept_because"]) == (30, {"old_bytes_unreadable": 30})
    undone = story.cli.json("undo", first["run_id"], expect=3)
    assert undone["restored"] == 30
    now = stored(story)
    assert sum(now[address] == before[address] for address in before) == 30
    assert None not in story.plaintexts().values()
    assert "undo" not in story.cli.json("status")["next_command"]
    assert story.cli.json("undo", second["run_id"], expect=3)["outcome"] == "partly_done"
