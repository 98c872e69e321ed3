"""`undo` where it is needed most: what a run wrote is bad, and the journal has the only good bytes."""

from __future__ import annotations

import base64
from functools import partial
from pathlib import Path

import pytest

from reencrypt.operations.undo.operation import UndoReport, undo
from reencrypt.planning.options import RunOptions
from reencrypt.settings import load_settings
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.datakeys import DataKey
from tests.grafana.decrypting import decrypt_inner, decrypt_legacy, split_envelope, split_prefix
from tests.grafana.decryptor import SecretAddress
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.inprocess import in_session
from tests.support.lies import Lies
from tests.support.story import WRAP, Story
from tests.support.vault import Vault

pytestmark = [pytest.mark.mysql_for_mariadb, pytest.mark.engines_in_turn]

OLD, NEW = "the old secret_key of this Grafana", "the new secret_key of this Grafana"
NOBODYS = b"a key of nobody!"


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return Story.of(tmp_path / "grafana.db", shared_vault, secret_key=OLD, engine=engine)


@pytest.fixture
def next_key(tmp_path: Path) -> tuple[str, str]:
    path = tmp_path / "next.key"
    path.write_text(NEW + "\n")
    return "--new-secret-key-file", str(path)


def remote(story: Story, builder: GrafanaBuilder, key_id: str) -> DataKey:
    """A data key that the vault wraps."""
    return builder.data_key(
        key_id=key_id, provider="azurekv.other", wrap=lambda data_key: story.vault.wrap("other", data_key)
    )


def fill(story: Story, count: int = 200) -> None:
    """Legacy secrets, and some under data keys of `secret_key` and of the vault."""
    with story.builder() as builder:
        under = [
            None,
            builder.data_key(),
            builder.data_key(algorithm="aes-gcm"),
            remote(story, builder, "r"),
        ]
        populate(builder, count=count, under=under)
        builder.add_alert_configuration([{"url": Plain(b"https://example.org/a-long-hook")}], other_row=True)


def stored(story: Story) -> dict[SecretAddress, object]:
    return {address: secret.stored_text for address, secret in story.secrets().items()}


def judged(story: Story) -> tuple[dict[SecretAddress, object], dict[SecretAddress, bytes | None]]:
    """What every secret holds, and what it says; a server's database is dumped for it, which takes a while."""
    found = story.secrets()
    return (
        {address: secret.stored_text for address, secret in found.items()},
        {address: secret.plaintext for address, secret in found.items()},
    )


def falsify(story: Story, key_id: object) -> None:
    """Give a data key another plaintext than secrets were written under, as a vault's one wrong answer does."""
    wrapped = story.vault.wrap("prod", NOBODYS)
    assert story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = ?", wrapped, key_id) == 1


async def undo_here(story: Story, run_id: object) -> UndoReport:
    """Undo in this process, where a test can put itself between the program and its vault."""
    settings = load_settings(
        config=story.cli.configuration, home=None, database_url=story.engine.url, environ=story.cli.variables()
    )
    return await in_session(partial(undo, run_id=str(run_id)), settings, RunOptions())


def test_what_was_written_under_a_false_key_comes_back_byte_for_byte(story: Story) -> None:
    fill(story)
    before, rest = judged(story), story.rest()
    run = story.cli.json("run", *WRAP)
    falsify(story, run["target_data_key"])
    bad = story.plaintexts()
    assert sum(bad[address] != text for address, text in before[1].items()) > 100

    undone = story.cli.json("undo", run["run_id"])
    assert (undone["outcome"], undone["kept"]) == ("undone", [])
    assert judged(story) == before
    assert story.rest() == rest


@pytest.mark.one_engine
def test_raw_bytes_come_back_only_where_other_old_values_prove_their_key(story: Story) -> None:
    kind = "cloudmigration-snapshot-encryption-key"
    with story.builder() as builder:
        proven = remote(story, builder, "proven")
        alone = remote(story, builder, "alone")
        vouched = builder.data_key(key_id="vouched")
        for number in range(20):
            builder.add_secret(Plain(b'{"number":"%d"}' % number, proven))
            builder.add_user_auth({"o_auth_access_token": Plain(b"a token under secret_key, number %d" % number)})
        rows = {
            key.key_id: builder.add_secret(
                Plain(bytes(range(128, 160)), key), org_id=-1, namespace=key.key_id, kind=kind
            )
            for key in (proven, alone, vouched)
        }
        short = builder.add_user_auth({"o_auth_access_token": Plain(b"vouched for", vouched)})
    texts = stored(story)
    run = story.cli.json("run", *WRAP)
    falsify(story, run["target_data_key"])
    undone = story.cli.json("undo", run["run_id"], expect=3)
    assert {(each["key"], each["reason"]) for each in undone["kept"]} == {
        (f"[{rows['alone']}]", "old_key_unproven"),
        (f"[{rows['vouched']}]", "old_key_unproven"),
    }
    now = stored(story)
    assert (
        now[SecretAddress("user_auth", (short,), "o_auth_access_token")]
        == (texts[SecretAddress("user_auth", (short,), "o_auth_access_token")])
    )
    assert {address.key[0] for address in texts if now[address] != texts[address]} == {rows["alone"], rows["vouched"]}
    # The data key as it was, and all of it says the same again: nothing more needs proof.
    assert undone["data_key_set_inactive"] is None


@pytest.mark.one_engine
def test_few_bits_under_an_old_key_prove_nothing(story: Story) -> None:
    with story.builder() as builder:
        key = remote(story, builder, "few")
        for number in range(3):
            builder.add_user_auth({"o_auth_access_token": Plain(b"pw%d" % number, key)})
    run = story.cli.json("run", *WRAP)
    true = story.query("SELECT encrypted_data FROM data_keys WHERE name = ?", run["target_data_key"])[0][0]
    falsify(story, run["target_data_key"])
    undone = story.cli.json("undo", run["run_id"], expect=3)
    assert undone["kept_because"] == {"old_key_unproven": 3}
    story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = ?", true, run["target_data_key"])
    assert story.cli.json("undo", run["run_id"])["restored"] == 3


@pytest.mark.one_engine
def test_a_wrong_secret_key_gives_nothing_back_though_what_is_there_is_bad(story: Story) -> None:
    with story.builder() as builder:
        populate(builder, count=120, under=[None, builder.data_key(), builder.data_key(algorithm="aes-gcm")])
    texts, plaintexts = stored(story), story.plaintexts()
    run = story.cli.json("run", *WRAP)
    falsify(story, run["target_data_key"])
    bad = stored(story)
    undone = story.with_secret_key("another secret_key").cli.json("undo", run["run_id"], expect=3)
    assert set(undone["kept_because"]) <= {"old_bytes_unreadable", "old_plaintext_implausible", "old_key_unproven"}
    # Empty values apart: they are empty under every key.
    assert {address for address in bad if stored(story)[address] != bad[address]} <= {
        address for address, text in plaintexts.items() if text == b""
    }
    assert story.cli.json("undo", run["run_id"])["outcome"] == "undone"
    assert stored(story) == texts


@pytest.mark.one_engine
@pytest.mark.parametrize("false", [False, True], ids=["a good run", "a false target"])
async def test_a_vault_that_lies_once_during_undo_brings_nothing_back_that_it_should_not(
    story: Story,
    monkeypatch: pytest.MonkeyPatch,
    false: bool,  # noqa: FBT001
) -> None:
    with story.builder() as builder:
        keys = [remote(story, builder, name) for name in ("a", "b")]
        for number in range(30):
            builder.add_secret(Plain(b'{"number":"%d"}' % number, keys[number % 2]))
            builder.add_user_auth({"o_auth_access_token": Plain(b"a", keys[number % 2])})
    texts = stored(story)
    run = story.cli.json("run", *WRAP)
    if false:
        falsify(story, run["target_data_key"])
    bad, now = stored(story), story.plaintexts()
    for call in range(1, 4):
        lies = Lies(calls={call})
        with monkeypatch.context() as patches:
            lies.tell(story.vault, patches)
            undone = await undo_here(story, run["run_id"])
        # What the journal's old values do not confirm stays: not one under the key that was lied about is touched.
        lied_about = next(
            (key for key in keys if len(lies.blocks) >= call and lies.blocks[call - 1] == key.wrapped), None
        )
        after = stored(story)
        for address, secret in story.secrets().items():
            assert after[address] in {texts[address], bad[address]}
            if after[address] == texts[address]:
                assert lied_about is None or secret.key_id != lied_about.key_id or call > 1
            else:
                assert secret.plaintext == now[address]
        assert undone.outcome in {"undone", "partly_done", "already_undone"}
    assert story.cli.json("undo", run["run_id"])["outcome"] in {"undone", "already_undone"}
    assert stored(story) == texts


@pytest.mark.one_engine
def test_once_old_values_hint_at_another_secret_key_each_old_data_key_needs_its_own_proof(story: Story) -> None:
    with story.with_secret_key(NEW).builder() as builder:
        proven = DataKey("proven", "secretKey.v1", b"0123456789abcdef", b"", "", active=True)
        wrapped_anew = builder.encrypt(Plain(proven.dek))
    with story.builder() as builder:
        proven, weak = builder.data_key(key_id="proven", dek=proven.dek), builder.data_key(key_id="weak")
        for number in range(20):
            builder.add_secret(Plain(b'{"number":"%d"}' % number, proven))
            builder.add_user_auth({"o_auth_access_token": Plain(b"a token under secret_key, number %d" % number)})
        garbage_key = decrypt_legacy(weak.wrapped, NEW.encode())
        looks_well: list[int] = []
        while len(looks_well) < 6:
            # Two letters, which under the wrong data key are letters too, so that nothing speaks against that key. One
            # alone would be the same under the false target key in one of 256 cases, and come back for that.
            row = builder.add_user_auth({"o_auth_access_token": Plain(b"xy", weak)})
            payload = builder.ground.spots["user_auth", (row,), "o_auth_access_token"].payload
            if decrypt_inner(split_prefix(split_envelope(payload)[1]), garbage_key).isalpha():
                looks_well.append(row)
            else:
                builder.ground.connection.execute("DELETE FROM user_auth WHERE id = ?", (row,))
    texts = stored(story)
    run = story.cli.json("run", *WRAP)
    falsify(story, run["target_data_key"])
    # Somebody has changed secret_key by hand, and has wrapped one of the data keys anew.
    story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = 'proven'", wrapped_anew)
    undone = story.with_secret_key(NEW).cli.json("undo", run["run_id"], expect=3)
    assert undone["kept_because"] == {"old_plaintext_implausible": 20, "old_key_unproven": 6}
    assert undone["restored"] == 20
    back = {address for address, text in stored(story).items() if text == texts[address]}
    assert {address.table for address in back} == {"secrets"}


@pytest.mark.one_engine
async def test_an_old_data_key_that_is_lied_about_restores_nothing(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    with story.builder() as builder:
        old = remote(story, builder, "old")
        for number in range(30):
            builder.add_secret(Plain(b'{"number":"%d"}' % number, old))
    texts = stored(story)
    run = story.cli.json("run", *WRAP)
    bad = stored(story)
    Lies(about={old.wrapped}).tell(story.vault, monkeypatch)
    undone = await undo_here(story, run["run_id"])
    assert undone.kept_because == {"old_plaintext_implausible": 30}
    assert (undone.exit_code, stored(story)) == (3, bad)
    monkeypatch.undo()
    assert story.cli.json("undo", run["run_id"])["outcome"] == "undone"
    assert stored(story) == texts


@pytest.mark.one_engine
def test_after_a_change_of_secret_key_only_what_says_the_same_comes_back(
    story: Story, next_key: tuple[str, str]
) -> None:
    with story.builder() as builder:
        populate(builder, count=60, under=[builder.data_key(), remote(story, builder, "r")])
        builder.ground.connection.execute("DELETE FROM alert_notification")
    texts = stored(story)
    run = story.cli.json("run", *WRAP)
    true = story.query("SELECT encrypted_data FROM data_keys WHERE name = ?", run["target_data_key"])[0][0]
    story.cli.json("rekey-secret-key", *next_key, "--grafana-stopped")
    after = story.with_secret_key(NEW)
    falsify(after, run["target_data_key"])
    bad = stored(after)
    undone = after.cli.json("undo", run["run_id"], expect=3)
    assert set(undone["kept_because"]) == {"secret_key_changed_since"}
    assert undone["restored"] <= sum(text == b"" for text in story.plaintexts().values())
    changed = {address for address in bad if stored(after)[address] != bad[address]}
    assert len(changed) <= undone["restored"]
    after.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = ?", true, run["target_data_key"])
    assert after.cli.json("undo", run["run_id"])["outcome"] == "undone"
    assert stored(after) == texts


@pytest.mark.one_engine
def test_a_configuration_from_before_a_change_of_secret_key_undoes_nothing(
    story: Story, next_key: tuple[str, str]
) -> None:
    with story.builder() as builder:
        populate(builder, count=60, under=[None, builder.data_key()])
    run = story.cli.json("run", *WRAP)
    story.cli.json("rekey-secret-key", *next_key, "--grafana-stopped")
    after = story.with_secret_key(NEW)
    before, digest = after.plaintexts(), story.digest()
    assert "changed secret_key" in story.cli.json("undo", run["run_id"], expect=6)["error"]["message"]
    assert story.digest() == digest
    # What is legacy in the journal was under the former key, which no Grafana has: it stays under the target.
    undone = after.cli.json("undo", run["run_id"], expect=3)
    assert undone["restored"] > 10
    assert set(undone["kept_because"]) == {"secret_key_changed_since", "old_bytes_unreadable"}
    assert after.plaintexts() == before


def test_one_orphan_keeps_nothing_else_from_being_undone(story: Story) -> None:
    with story.builder() as builder:
        gone = builder.data_key(key_id="gone")
        for number in range(120):
            secrets = {"password": Plain(b"the password number %d" % number)}
            if number == 60:
                secrets["orphan"] = Plain(b"an orphan", gone)
            builder.add_data_source(secrets)
    story.execute("DELETE FROM data_keys WHERE name = 'gone'")
    before = judged(story)
    run = story.cli.json("run", *WRAP, expect=3)
    assert run["secrets"]["re_encrypted"] == 120
    undone = story.cli.json("undo", run["run_id"])
    assert (undone["outcome"], undone["restored"], undone["kept"]) == ("undone", 120, [])
    assert judged(story) == before


def test_a_second_undo_says_so_and_writes_nothing(story: Story) -> None:
    fill(story, 60)
    run = story.cli.json("run", *WRAP)
    first = story.cli.json("undo", run["run_id"])
    digest = story.digest()
    again = story.cli.json("undo", run["run_id"])
    assert (again["outcome"], again["exit_code"], again["restored"]) == ("already_undone", 0, first["restored"])
    assert "undone before" in story.cli("undo", run["run_id"]).stdout
    assert story.digest() == digest
    # Also when another run has come after it.
    later = story.cli.json("run", *WRAP)
    digest = story.digest()
    assert story.cli.json("undo", run["run_id"])["outcome"] == "already_undone"
    assert story.digest() == digest
    assert story.cli.json("undo", later["run_id"])["outcome"] == "undone"


@pytest.mark.one_engine
def test_a_second_undo_still_says_what_the_first_had_to_keep(story: Story) -> None:
    fill(story, 60)
    run = story.cli.json("run", *WRAP)
    story.execute("DELETE FROM user_auth WHERE o_auth_access_token <> ''")
    first = story.cli.json("undo", run["run_id"], expect=3)
    assert set(first["kept_because"]) == {"row_gone"}
    digest = story.digest()
    again = story.cli.json("undo", run["run_id"], expect=3)
    assert (again["outcome"], again["kept_because"]) == ("already_undone", first["kept_because"])
    assert story.digest() == digest


def test_a_column_that_a_run_rewrote_twice_goes_all_the_way_back(story: Story) -> None:
    with story.builder() as builder:
        proven, unproven = remote(story, builder, "a"), remote(story, builder, "b")
        for number in range(4):
            secrets = {"password": Plain(b"the password number %d" % number, proven)}
            builder.add_data_source(secrets | {"other": Plain(b"the other one %d" % number, unproven)})
        builder.add_user_auth({"o_auth_access_token": Plain(b"comes first", proven)})
    before = judged(story)
    skipped = story.cli.json("run", *WRAP, "--skip-key", "b", "--limit", "4", expect=4)
    run = story.cli.json("run", *WRAP)
    assert run["run_id"] == skipped["run_id"]
    twice = story.query(
        "SELECT row_key FROM reencrypt_journal WHERE action = 'rewrite' GROUP BY row_key, table_name, column_name "
        "HAVING COUNT(*) > 1"
    )
    assert twice
    falsify(story, run["target_data_key"])
    undone = story.cli.json("undo", run["run_id"])
    assert (undone["outcome"], undone["restored"], undone["kept"]) == ("undone", 5, [])
    assert judged(story) == before
    # As after a kill in front of the first checkpoint: what is all the way back is not taken for a change.
    story.execute("UPDATE reencrypt_run SET state = 'undoing'")
    story.execute("DELETE FROM reencrypt_checkpoint WHERE run_id LIKE 'undo%'")
    undone = story.cli.json("undo", run["run_id"])
    assert (undone["outcome"], undone["restored"], undone["kept"]) == ("undone", 5, [])


@pytest.mark.one_engine
def test_what_grafana_saved_between_two_rewrites_of_a_column_is_what_comes_back(story: Story) -> None:
    fill(story, 40)
    with story.builder() as builder:
        row = builder.add_user_auth({"o_auth_access_token": Plain(b"before the run")})
        saved = builder.encrypt(Plain(b"saved by Grafana in mid-run"))
    stopped = story.cli.json("run", *WRAP, "--limit", "30", expect=4)
    story.execute("UPDATE user_auth SET o_auth_access_token = ? WHERE id = ?", base64.b64encode(saved).decode(), row)
    run = story.cli.json("run", *WRAP)
    assert run["run_id"] == stopped["run_id"]
    falsify(story, run["target_data_key"])
    assert story.cli.json("undo", run["run_id"])["kept"] == []
    found = story.secrets()[SecretAddress("user_auth", (row,), "o_auth_access_token")]
    assert found.plaintext == b"saved by Grafana in mid-run"


@pytest.mark.one_engine
def test_what_a_later_run_wrote_and_could_not_take_back_is_not_for_ever_changed_since(story: Story) -> None:
    with story.builder() as builder:
        populate(builder, count=30, under=[builder.data_key()])
    before = story.plaintexts()
    first = story.cli.json("run", "--to", "azurekv.other", *WRAP)
    second = story.cli.json("run", *WRAP)
    key = first["target_data_key"]
    ((wrapped,),) = story.query("SELECT encrypted_data FROM data_keys WHERE name = ?", key)
    # What the second run replaced cannot be read for now.
    story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = ?", b"x" * 256, key)
    kept = story.cli.json("undo", second["run_id"], expect=3)["kept_because"]
    assert set(kept) == {"old_bytes_unreadable"}
    middle = story.cli.json("undo", first["run_id"], expect=3)
    assert middle["kept_because"] == {"written_by_a_later_run": kept["old_bytes_unreadable"]}
    # The key comes back: one run after the other can be undone.
    story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = ?", wrapped, key)
    assert story.cli.json("undo", second["run_id"])["outcome"] == "undone"
    assert story.cli.json("undo", first["run_id"])["outcome"] == "undone"
    assert story.plaintexts() == before
    assert {secret.provider for secret in story.secrets().values()} <= {"secretKey.v1", "secret_key"}
