"""`undo` of a `rewrap`: a data key gets back the wrapping whose data key reads the secrets, and no other."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from reencrypt.operations.undo.operation import UndoReport, undo
from reencrypt.planning.options import RunOptions
from reencrypt.settings import load_settings
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.datakeys import DataKey
from tests.grafana.planting import Plain
from tests.support.engine import Engine
from tests.support.inprocess import in_session
from tests.support.lies import Lies
from tests.support.story import TARGET, WRAP, Story
from tests.support.vault import Vault

pytestmark = [pytest.mark.mysql_for_mariadb, pytest.mark.engines_in_turn]

SECRET_KEY = "the secret_key"
NOBODYS = b"a key of nobody!"
OTHER = "azurekv.other"


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return Story.of(tmp_path / "grafana.db", shared_vault, secret_key=SECRET_KEY, engine=engine)


def wrapped_by_vault(story: Story, builder: GrafanaBuilder, key_id: str = "first") -> DataKey:
    return builder.data_key(key_id=key_id, provider=TARGET, wrap=lambda key: story.vault.wrap("prod", key))


def fill(builder: GrafanaBuilder, key: DataKey, count: int = 20) -> None:
    for number in range(count):
        builder.add_secret(Plain(b'{"number":"%d"}' % number, key))
        builder.add_user_auth({"o_auth_access_token": Plain(b"the token number %d" % number, key)})
    builder.add_secret(Plain(bytes(range(128, 160)), key), org_id=-1, kind="cloudmigration-snapshot-encryption-key")
    builder.add_user_auth({"o_auth_access_token": Plain(b"", key), "o_auth_id_token": Plain(b"x", key)})


def rewrapped_falsely(story: Story, key_id: str = "first") -> str:
    """A `rewrap` that was given another data key by its vault than Grafana has: what it wrote, and hashed, is wrong."""
    run = story.cli.json("rewrap", "--to", OTHER, *WRAP)
    false = story.vault.wrap("other", NOBODYS)
    assert story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = ?", false, key_id) == 1
    story.execute(
        "UPDATE reencrypt_journal SET new_hash = ? WHERE column_name = 'encrypted_data' AND row_key = ?",
        hashlib.sha256(false).digest(),
        f'["{key_id}"]',
    )
    return str(run["run_id"])


def data_keys(story: Story) -> list[tuple[object, ...]]:
    return story.query("SELECT name, active, provider, label, encrypted_data FROM data_keys ORDER BY name")


async def undo_here(story: Story, run_id: str) -> UndoReport:
    """Undo in this process, where a test can put itself between the program and its vault."""
    settings = load_settings(
        config=story.cli.configuration, home=None, database_url=story.engine.url, environ=story.cli.variables()
    )
    return await in_session(partial(undo, run_id=run_id), settings, RunOptions())


def test_a_wrapping_comes_back_where_its_data_key_alone_reads_the_secrets(story: Story) -> None:
    with story.builder() as builder:
        key = wrapped_by_vault(story, builder)
        fill(builder, key)
        # Damaged long before: neither reads it, and it keeps nothing.
        builder.add_secret(Plain(b"no JSON object", key))
    before, keys = story.plaintexts(), data_keys(story)
    run_id = rewrapped_falsely(story)
    assert story.plaintexts() != before
    undone = story.cli.json("undo", run_id)
    assert (undone["outcome"], undone["data_keys_restored"], undone["kept"]) == ("undone", 1, [])
    assert data_keys(story) == keys
    assert story.plaintexts() == before
    digest = story.digest()
    again = story.cli.json("undo", run_id)
    assert (again["outcome"], again["data_keys_restored"]) == ("already_undone", 1)
    assert story.digest() == digest


def test_where_grafana_has_saved_under_the_false_wrapping_neither_is_touched_and_the_secrets_are_named(
    story: Story,
) -> None:
    with story.builder() as builder:
        key = wrapped_by_vault(story, builder)
        fill(builder, key)
    run_id = rewrapped_falsely(story)
    with story.builder() as builder:
        saved = builder.add_user_auth({"o_auth_access_token": Plain(b"saved meanwhile", replace(key, dek=NOBODYS))})
    before, keys = story.plaintexts(), data_keys(story)
    undone = story.cli.json("undo", run_id, expect=3)
    assert undone["kept_because"] == {"secrets_under_both_wrappings": 1}
    (disputed,) = undone["disputed"]
    assert disputed["data_key"] == "first"
    assert [
        (each["table"], each["key"], each["field"])
        for each in disputed["secrets"]
        if each["readable_under"] == "present"
    ] == [("user_auth", f"[{saved}]", "o_auth_access_token")]
    # Forty of them for sure; a token of one letter may look like text under either.
    assert disputed["readable_under"]["present"] == 1
    assert disputed["readable_under"]["old"] in {40, 41}
    assert (data_keys(story), story.plaintexts()) == (keys, before)
    login = f'login of user {saved + 1} by "oauth_azuread"'
    assert [each["name"] for each in disputed["secrets"] if each["readable_under"] == "present"] == [login]
    assert f"user_auth [{saved}] o_auth_access_token ({login}): present" in story.cli("undo", run_id, expect=3).stdout
    # Saved anew under a good key, or given up, it is in nobody's way any more.
    story.execute("DELETE FROM user_auth WHERE id = ?", saved)
    assert story.cli.json("undo", run_id)["outcome"] == "undone"


@pytest.mark.one_engine
def test_what_nothing_under_the_key_tells_apart_stays(story: Story) -> None:
    with story.builder() as builder:
        fill(builder, builder.data_key())
        wrapped_by_vault(story, builder, "unused")
    run_id = rewrapped_falsely(story, "unused")
    keys = data_keys(story)
    undone = story.cli.json("undo", run_id, expect=3)
    assert [(each["key"], each["reason"]) for each in undone["kept"]] == [('["unused"]', "old_key_unproven")]
    assert [row for row in data_keys(story) if row[0] == "unused"] == [row for row in keys if row[0] == "unused"]


@pytest.mark.one_engine
def test_a_wrong_secret_key_brings_no_wrapping_back(story: Story) -> None:
    with story.builder() as builder:
        fill(builder, builder.data_key())
    keys = data_keys(story)
    run_id = str(story.cli.json("rewrap", "--to", OTHER, *WRAP)["run_id"])
    moved, before = data_keys(story), story.plaintexts()
    wrong = story.with_secret_key("another secret_key")
    undone = wrong.cli.json("undo", run_id, expect=3)
    assert undone["kept_because"] == {"old_plaintext_implausible": 1}
    assert (data_keys(story), story.plaintexts()) == (moved, before)
    assert story.cli.json("undo", run_id)["outcome"] == "undone"
    assert data_keys(story) == keys


@pytest.mark.one_engine
@pytest.mark.parametrize("false", [False, True], ids=["a good rewrap", "a false rewrap"])
async def test_a_vault_that_lies_once_brings_no_wrapping_back_that_it_should_not(
    story: Story, monkeypatch: pytest.MonkeyPatch, *, false: bool
) -> None:
    with story.builder() as builder:
        fill(builder, wrapped_by_vault(story, builder))
    before, keys = story.plaintexts(), data_keys(story)
    run_id = rewrapped_falsely(story) if false else str(story.cli.json("rewrap", "--to", OTHER, *WRAP)["run_id"])
    moved = data_keys(story)
    for call in (1, 2):
        with monkeypatch.context() as patches:
            lies = Lies(calls={call})
            lies.tell(story.vault, patches)
            report = await undo_here(story, run_id)
        assert len(lies.blocks) >= call or report.outcome == "already_undone"
        assert data_keys(story) in (keys, moved)
        if data_keys(story) == keys:
            assert story.plaintexts() == before
        if not false:
            assert story.plaintexts() == before
    assert story.cli.json("undo", run_id)["outcome"] in {"undone", "already_undone"}
    assert data_keys(story) == keys


@pytest.mark.one_engine
async def test_a_lie_about_the_old_wrapping_is_no_reason_to_bring_it_back(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    with story.builder() as builder:
        key = wrapped_by_vault(story, builder)
        fill(builder, key)
    run_id = str(story.cli.json("rewrap", "--to", OTHER, *WRAP)["run_id"])
    moved = data_keys(story)
    Lies(about={key.wrapped}).tell(story.vault, monkeypatch)
    report = await undo_here(story, run_id)
    assert report.kept_because == {"old_plaintext_implausible": 1}
    assert data_keys(story) == moved


@pytest.mark.one_engine
def test_a_target_key_that_is_gone_is_not_in_the_way(tmp_path: Path) -> None:
    vault = Vault.start(tmp_path / "vault", "prod", "other")
    try:
        story = Story.of(tmp_path / "grafana.db", vault, secret_key=SECRET_KEY)
        with story.builder() as builder:
            key = builder.data_key()
            fill(builder, key)
        before, keys = story.plaintexts(), data_keys(story)
        run_id = str(story.cli.json("rewrap", "--to", OTHER, *WRAP)["run_id"])
        vault.as_owner("PATCH", f"/keys/other/{vault.key_version('other')}", {"attributes": {"enabled": False}})
        # What the old data key does not read may be under the one that cannot be asked.
        with story.builder() as builder:
            odd = builder.add_secret(Plain(b"no JSON object", key))
        undone = story.cli.json("undo", run_id, expect=3)
        assert undone["kept_because"] == {"present_unreadable": 1}
        assert [each["key"] for each in undone["disputed"][0]["secrets"] if each["readable_under"] == "neither"] == [
            f"[{odd}]"
        ]
        story.execute("DELETE FROM secrets WHERE id = ?", odd)
        assert story.cli.json("undo", run_id)["outcome"] == "undone"
        assert (data_keys(story), story.plaintexts()) == (keys, before)
        # The same for columns: their old values prove their own keys.
        vault.as_owner("PATCH", f"/keys/other/{vault.key_version('other')}", {"attributes": {"enabled": True}})
        run = story.cli.json("run", "--to", OTHER, *WRAP)
        vault.as_owner("PATCH", f"/keys/other/{vault.key_version('other')}", {"attributes": {"enabled": False}})
        assert story.cli.json("undo", run["run_id"])["kept"] == []
        assert story.plaintexts() == before
    finally:
        vault.stop()
