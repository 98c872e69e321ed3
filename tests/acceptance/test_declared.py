"""Locations that the user declares: known once to a run, they are moved, verified, undone and completed like Grafana's.

A plugin's table is made by the tests in each engine's own words, and judged by the independent decryptor.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_complete import grafanas_key, hasty
from tests.acceptance.test_metrics import Samples
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.datakeys import DataKey
from tests.grafana.planting import Plain
from tests.support.accounts import grant, new_account, tables_of, url_as
from tests.support.engine import Engine
from tests.support.story import LEGACY, TARGET, Story
from tests.support.vault import Vault

pytestmark = pytest.mark.engines_in_turn

Value = tuple[str, bytes]  # how it stands there, and the ciphertext
NAMES = ("grafana_plugin", "documents")
PLAIN = "canary-declared-91c4"

FILE = """
[[location]]
name = "grafana_plugin"
table = "plugin_token"
key = ["owner", "number"]
column = "token"
encoding = "base64"
kind = "text"
updated = "changed"

[[location]]
name = "documents"
table = "plugin_token"
key = ["owner", "number"]
column = "settings"
encoding = "base64-unpadded"
kind = "text"
legacy = "envelope"
path = [["secureData", "*"], ["list", "[]"]]
"""


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return hasty(Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key", engine=engine))


def written(story: Story, text: str = FILE) -> str:
    path = story.database.parent / "locations.toml"
    path.write_text(text)
    return str(path)


def unpadded(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def plant(story: Story, *, legacy: bool = False) -> dict[tuple[object, ...], tuple[object, ...]]:
    """Fill Grafana's own tables and a plugin's; returns the plugin's rows by their key."""
    with story.builder() as builder:
        key = builder.data_key()
        grafanas_key(story, builder)
        for number in range(5):
            builder.add_user_auth({"o_auth_access_token": Plain(b"a token that is long enough %d" % number, key)})
        make = maker(builder, key)
        tokens = [make(f"{PLAIN} token {number}") for number in range(12)]
        secrets = [[make(f"{PLAIN} setting {number} {place}") for place in "abc"] for number in range(12)]
        if legacy:
            tokens[0] = builder.encrypt(Plain(f"{PLAIN} directly under it".encode()))
            secrets[0][0] = builder.encrypt(Plain(f"{PLAIN} directly under it too".encode()))
    text = story.engine.particulars.text
    moment = "TIMESTAMP" if story.engine.kind == "postgres" else "DATETIME"
    # VARCHAR keys, whose order differs between engines and collations.
    story.execute(
        f"CREATE TABLE plugin_token (owner VARCHAR(40) NOT NULL, number INT NOT NULL, token {text}, "
        f"settings {text}, changed {moment}, PRIMARY KEY (owner, number))"
    )
    for number, (token, (one, two, three)) in enumerate(zip(tokens, secrets, strict=True)):
        settings = json.dumps(
            {"secureData": {"a": unpadded(one), "b": unpadded(two)}, "list": [unpadded(three), ""], "plain": 1}
        )
        story.execute(
            "INSERT INTO plugin_token VALUES (?, ?, ?, ?, '2025-01-31 08:00:00')",
            ("Äpfel" if number % 2 else "apples") + " of mine",
            number,
            base64.b64encode(token).decode(),
            settings,
        )
    story.execute("INSERT INTO plugin_token VALUES ('nobody', 1, NULL, NULL, '2025-01-31 08:00:00')")
    return rows(story)


def maker(builder: GrafanaBuilder, key: DataKey) -> Callable[[str], bytes]:
    return lambda text: builder.encrypt(Plain(text.encode(), key))


def rows(story: Story) -> dict[tuple[object, ...], tuple[object, ...]]:
    select = "SELECT owner, number, token, settings FROM plugin_token ORDER BY owner, number"
    return {(owner, number): (token, settings) for owner, number, token, settings in story.query(select)}


def decrypted(story: Story) -> list[tuple[str, str, str]]:
    """What the plugin reads, with its own decoders: by place the plaintext and the provider."""
    found: dict[str, bytes] = {}
    for (_, number), (token, settings) in rows(story).items():
        if token is None:
            continue
        found[f"{number} token"] = base64.b64decode(str(token), validate=True)
        document = json.loads(str(settings))
        for place, text in [*document["secureData"].items(), ("c", document["list"][0])]:
            assert "=" not in text
            found[f"{number} {place}"] = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        assert (document["plain"], document["list"][1]) == (1, "")
    judged = story.decrypted(list(found.values()))
    assert [each.error for each in judged] == [None] * len(judged)
    return [(place, (each.plaintext or b"").decode(), each.provider) for place, each in zip(found, judged, strict=True)]


def providers(story: Story) -> set[str]:
    return {provider for _, _, provider in decrypted(story)}


def plaintexts(story: Story) -> list[tuple[str, str]]:
    return [(place, text) for place, text, _ in decrypted(story)]


def located(report: Mapping[str, Any]) -> dict[str, int]:
    return {name: report["locations"][name]["total"] for name in NAMES if name in report["locations"]}


def test_a_declared_location_lives_as_grafanas_own_do_and_needs_the_file_once(story: Story) -> None:
    before = plant(story)
    said = plaintexts(story)
    file = written(story)
    assert located(story.cli.json("plan")) == {}
    plan = story.cli.json("plan", "--locations", file)
    assert located(plan) == {"grafana_plugin": 12, "documents": 36}
    assert plan["declared"] == {"grafana_plugin": "new", "documents": "new"}
    assert "Declared locations: grafana_plugin (a run would save it)" in story.cli("plan", "--locations", file).stdout
    assert any(
        "places for secrets" in each["detail"] for each in story.cli.json("doctor", "--locations", file)["checks"]
    )

    run = story.cli.json("run", "--locations", file)
    assert (run["outcome"], run["locations"]["documents"]["re_encrypted"]) == ("done", 36)
    assert (plaintexts(story), providers(story)) == (said, {TARGET})
    moved = rows(story)
    assert {key for key in before if moved[key] != before[key]} == {key for key in before if key[0] != "nobody"}
    # The rewrite set the column that it was told to set; the row without secrets kept its own.
    assert story.query("SELECT COUNT(*) FROM plugin_token WHERE changed = '2025-01-31 08:00:00'") == [(1,)]

    # From here on nobody has the file.
    assert story.cli.json("plan")["declared"] == {"grafana_plugin": "saved", "documents": "saved"}
    assert located(story.cli.json("verify")) == {"grafana_plugin": 12, "documents": 36}
    assert story.cli.json("run")["outcome"] == "nothing_to_do"
    assert story.cli.json("undo", run["run_id"])["outcome"] == "undone"
    assert (rows(story), providers(story)) == (before, {"secretKey.v1"})
    assert story.cli.json("run")["locations"]["grafana_plugin"]["re_encrypted"] == 12
    assert story.cli.json("complete", "--settle", "--finish", "--drop-state")["outcome"] == "yes"
    # They outlast the state tables.
    assert located(story.cli.json("verify")) == {"grafana_plugin": 12, "documents": 36}


def test_metrics_count_what_the_file_declares_and_no_run_has_saved(story: Story, tmp_path: Path) -> None:
    plant(story)
    file, metrics = written(story), tmp_path / "reencrypt.prom"
    for command in ("plan", "verify"):
        story.cli(command, "--locations", file, "--metrics-file", str(metrics))
        found = {name: Samples.read(metrics).total("secrets", location=name, state="old") for name in NAMES}
        assert found == {"grafana_plugin": 12, "documents": 36}, command
        metrics.unlink()
    # A pipe gives its content once, to the command itself.
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as threads:
        writer = threads.submit(pipe.write_text, FILE)
        said = story.cli("plan", "--locations", str(pipe), "--metrics-file", str(metrics)).stderr
        writer.result()
    assert f"{pipe} is a pipe, not a file: the metrics count of its locations those that a run has saved" in said
    assert Samples.read(metrics).total("secrets") > 0


def test_complete_says_yes_only_where_the_location_is_declared(story: Story) -> None:
    plant(story)
    file = written(story)
    story.cli.json("run")
    answer = story.cli.json("complete", "--settle", expect=8)
    assert {each["table"] for each in answer["searched"]["finds"]} == {"plugin_token"}
    with_file = story.cli.json("complete", "--settle", "--locations", file, expect=8)
    assert with_file["searched"]["finds"] == []
    reasons = [reason for kek in with_file["keys"] for reason in kek["reasons"]]
    assert [reason for reason in reasons if "documents 36, grafana_plugin 12" in reason]
    story.cli.json("run", "--locations", file)
    assert story.cli.json("complete", "--settle")["outcome"] == "yes"


def test_a_value_under_secret_key_stays_unless_the_declaration_says_that_it_becomes_an_envelope(story: Story) -> None:
    plant(story, legacy=True)
    said = plaintexts(story)
    run = story.cli.json("run", "--locations", written(story), expect=3)
    assert run["left_because"] == {"legacy_kept": 1}
    assert [place for place, _, provider in decrypted(story) if provider == LEGACY] == ["0 token"]
    assert plaintexts(story) == said


def test_a_run_that_was_killed_goes_on_without_the_file(story: Story, tmp_path: Path) -> None:
    before = plant(story)
    said = plaintexts(story)
    file, count = written(story), tmp_path / "steps"
    arguments = ("--lease-timeout", "0.2", "--output", "json")
    assert story.cli.run("run", "--locations", file, *arguments, kill_at=(0, count)).returncode == 0
    total = int(count.read_text())
    (last,) = [each["run_id"] for each in story.cli.json("status")["runs"]]
    story.cli.json("undo", last)
    assert rows(story) == before
    for share in (0.5, 0.7, 0.9):
        killed = story.cli.run("run", "--locations", file, *arguments, kill_at=(int(total * share), count))
        assert killed.returncode in {0, -9}
        assert plaintexts(story) == said
        run = story.cli.json("run", "--lease-timeout", "0.2", expect=None)
        assert run["outcome"] in {"done", "nothing_to_do"}
        assert (plaintexts(story), providers(story)) == (said, {TARGET})
        for each in reversed(story.cli.json("status")["runs"]):
            story.cli.json("undo", each["run_id"], "--lease-timeout", "0.2", expect=None)
        assert rows(story) == before


@pytest.mark.one_engine
def test_what_is_damaged_there_goes_to_quarantine_and_may_be_given_up(story: Story) -> None:
    plant(story)
    story.execute("UPDATE plugin_token SET token = 'no base64!' WHERE number = 3")
    story.execute("""UPDATE plugin_token SET settings = '{"secureData": {"a": 7}}' WHERE number = 4""")
    run = story.cli.json("run", "--locations", written(story), expect=3)
    found = {(entry["location"], entry["field"], entry["reason"]) for entry in run["quarantine"]}
    assert found == {
        ("grafana_plugin", "token", "malformed_encoding"),
        ("documents", "settings.secureData.a", "not_understood"),
    }
    assert story.cli.json("quarantine list")["quarantine"]
    story.cli.json("quarantine acknowledge", "--location", "documents")
    assert story.cli.json("quarantine retry", expect=3)["outcome"] == "partly_done"
    story.cli.json("quarantine acknowledge", "--location", "grafana_plugin")
    assert story.cli.json("run")["secrets"]["quarantined"] == 2


@pytest.mark.one_engine
def test_a_saved_declaration_changes_or_goes_only_when_nothing_can_be_undone_by_it(story: Story) -> None:
    plant(story)
    file = written(story)
    run = story.cli.json("run", "--locations", file)["run_id"]
    other = FILE.replace('encoding = "base64"\n', 'encoding = "base64-unpadded"\n')
    forget = 'forget = ["documents", "grafana_plugin"]\n'
    for text, words in ((other, '"encoding":"base64-unpadded"'), (forget, "forget")):
        for command in ("plan", "run", "verify", "complete"):
            refused = story.cli.json(command, "--locations", written(story, text), expect=2)
            assert refused["error"]["code"] == "declaration"
            assert run in refused["error"]["message"]
            assert words in refused["error"]["message"]
            assert "was saved as {" in refused["error"]["message"]
    # The same declaration once more is no change.
    assert story.cli.json("run", "--locations", written(story))["outcome"] == "nothing_to_do"
    story.cli.json("undo", run)
    assert story.cli.json("plan", "--locations", written(story, other))["declared"]["grafana_plugin"] == "changed"
    assert located(story.cli.json("plan", "--locations", written(story, forget))) == {}
    changed = story.cli.json("run", "--locations", written(story, other))
    assert changed["locations"]["grafana_plugin"]["re_encrypted"] == 12
    tokens = [str(token) for token, _ in rows(story).values() if token is not None]
    assert not any(token.endswith("=") for token in tokens)
    story.cli.json("undo", changed["run_id"])
    story.cli.json("run", "--locations", written(story, forget))
    assert located(story.cli.json("plan")) == {}
    assert providers(story) == {"secretKey.v1"}
    # The line may stay in the file.
    assert story.cli.json("plan", "--locations", written(story, forget))["declared"] == {}


@pytest.mark.one_engine
def test_a_wrong_encoding_is_put_right_by_another_declaration(story: Story) -> None:
    plant(story)
    wrong = FILE.replace('encoding = "base64"\nkind', 'encoding = "raw"\nkind').replace("token {text}", "")
    refused = story.cli.json("run", "--locations", written(story, wrong), expect=None)
    if story.engine.kind == "sqlite":  # a column of any type may hold bytes there
        assert refused["quarantine"] or refused["left_because"]
    else:
        assert refused["error"]["code"] == "unsupported_column"
    run = story.cli.json("run", "--locations", written(story))
    assert (run["outcome"], run["quarantine"]) == ("done", [])
    assert providers(story) == {TARGET}


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ('table = "no_such_table"', "declaration", ["no_such_table"]),
        ('table = "PLUGIN_TOKEN"', "declaration", ["PLUGIN_TOKEN"]),
        ('column = "no_such_column"', "declaration", ["no_such_column", "changed, number, owner"]),
        ('key = ["no_such_column"]', "declaration", ["no_such_column"]),
        ('key = ["owner"]', "key_not_unique", ["13 rows", "plugin_token.owner", "unique key"]),
        ('updated = "no_such_column"', "declaration", ["no_such_column"]),
        ('table = "reencrypt_lease"', "declaration", ["reencrypt's own"]),
        ('table = "seen"', None, ["seen"]),
        ("tabel = 1", "declaration", ["entry 1", "tabel"]),
    ],
)
def test_a_declaration_that_does_not_suit_the_database_is_refused_before_anything_begins(
    story: Story, change: str, code: str | None, words: list[str]
) -> None:
    plant(story)
    story.execute("CREATE VIEW seen AS SELECT * FROM plugin_token")
    key = change.split(" ", 1)[0]
    first, rest = FILE.split("\n\n", 1)
    lines = [line for line in first.splitlines() if not line.startswith(f"{key} =")]
    file = written(story, "\n".join([*lines, change]) + "\n\n" + rest)
    digest = story.digest()
    for command in ("plan", "run", "verify"):
        error = story.cli.json(command, "--locations", file, expect=2)["error"]
        assert error["code"] in ({code} if code else {"declaration", "unsupported_table"})
        assert error["hint"]
        for word in words:
            assert word in f"{error['message']} {error['hint']}"
    assert story.digest() == digest
    story.execute("DROP VIEW seen")


@pytest.mark.parametrize(
    ("kind", "fits"),
    [("BIGINT", False), ("INTEGER", False), ("VARCHAR(40)", False), ("DATETIME", True), ("timestamp", True)],
)
def test_a_column_that_is_no_timestamp_is_never_set_to_one(story: Story, kind: str, *, fits: bool) -> None:
    plant(story)
    if story.engine.kind == "postgres":
        kind = kind.replace("DATETIME", "TIMESTAMP")
    story.execute(f"ALTER TABLE plugin_token ADD COLUMN touched {kind}")
    file = written(story, FILE.replace('updated = "changed"', 'updated = "touched"'))
    if fits:
        assert story.cli.json("run", "--locations", file)["outcome"] == "done"
        return
    digest = story.digest()
    for command in ("plan", "run", "verify"):
        error = story.cli.json(command, "--locations", file, expect=2)["error"]
        assert error["code"] == "declaration"
        assert "grafana_plugin: updated: plugin_token.touched has the type" in error["message"]
        assert "Leave updated out" in error["hint"]
    assert story.digest() == digest


@pytest.mark.parametrize("engine", ["postgres", "mariadb"], indirect=True)
def test_types_that_would_not_give_back_what_was_stored_are_refused(story: Story) -> None:
    plant(story)
    odd = "JSONB" if story.engine.kind == "postgres" else "JSON"
    if story.engine.kind == "postgres":
        story.execute(f"ALTER TABLE plugin_token ALTER COLUMN settings TYPE {odd} USING settings::jsonb")
        words = ["plugin_token.settings", "jsonb"]
        error = story.cli.json("run", "--locations", written(story), expect=2)["error"]
        assert error["code"] == "unsupported_column"
    else:
        story.execute("ALTER TABLE plugin_token ENGINE = MyISAM")
        words = ["plugin_token", "MyISAM", "transactions"]
        error = story.cli.json("run", "--locations", written(story), expect=2)["error"]
        assert error["code"] == "unsupported_table"
    assert all(word in error["message"] for word in words)


@pytest.mark.parametrize("engine", ["mariadb"], indirect=True)
def test_a_table_that_an_account_may_not_see_is_not_taken_for_absent(story: Story) -> None:
    plant(story)
    file = written(story)
    story.cli.json("run", "--locations", file)
    account = new_account(story.engine)
    seen = [table for table in tables_of(story.engine) if table != "plugin_token"]
    # With CREATE, so that the server says that the second one does not exist.
    grant(story.engine, account, "SELECT, INSERT, UPDATE, DELETE, CREATE", *seen, "secret_migration_log")
    blind = replace(story.cli, database=url_as(story.engine, account))
    for given in ((), ("--locations", file)):
        for command in ("plan", "verify", "run"):
            error = blind.json(command, *given, expect=2)["error"]
            assert (error["code"], "may hide plugin_token from" in error["message"]) == ("not_visible", True)


def test_a_column_beside_one_of_the_catalogue_moves_and_comes_back_with_it(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        grafanas_key(story, builder)
        for number in range(3):
            builder.add_cloud_migration_session(Plain(b"a token that is long enough %d" % number, key))
        values = [maker(builder, key)(f"{PLAIN} {number}") for number in range(3)]
    sessions = [row_id for (row_id,) in story.query("SELECT id FROM cloud_migration_session ORDER BY id")]
    for row_id, value in zip(sessions, values, strict=True):
        text = base64.b64encode(value).decode()
        story.execute("UPDATE cloud_migration_session SET slug = ? WHERE id = ?", text, row_id)
    select = "SELECT id, auth_token, slug FROM cloud_migration_session ORDER BY id"
    before = story.query(select)
    file = written(
        story,
        """
        [[location]]
        name = "slugs"
        table = "cloud_migration_session"
        key = ["id"]
        column = "slug"
        encoding = "base64"
        kind = "text"
        """,
    )
    run = story.cli.json("run", "--locations", file)
    assert [run["locations"][name]["re_encrypted"] for name in ("cloud_migration_session", "slugs")] == [3, 3]
    judged = story.decrypted([base64.b64decode(str(slug)) for _, _, slug in story.query(select)])
    assert [(each.plaintext, each.provider) for each in judged] == [
        (f"{PLAIN} {number}".encode(), TARGET) for number in range(3)
    ]
    assert story.off_target() == {}
    assert story.cli.json("complete", "--settle")["outcome"] == "yes"
    undone = story.cli.json("undo", run["run_id"])
    assert (undone["outcome"], undone["restored"]) == ("undone", 6)
    assert story.query(select) == before


@pytest.mark.one_engine
def test_a_declaration_is_saved_also_where_nothing_is_to_move(story: Story) -> None:
    plant(story)
    story.cli.json("run")
    story.execute("DELETE FROM plugin_token")
    keys = story.query("SELECT name, active FROM data_keys ORDER BY name")
    run = story.cli.json("run", "--locations", written(story))
    assert (run["outcome"], run["secrets"]["re_encrypted"]) == ("nothing_to_do", 0)
    assert story.cli.json("plan")["declared"] == {"grafana_plugin": "saved", "documents": "saved"}
    assert story.query("SELECT name, active FROM data_keys ORDER BY name") == keys
    assert story.cli.json("run", "--locations", written(story))["run_id"] is None


@pytest.mark.one_engine
def test_a_run_is_not_undone_while_nobody_knows_its_columns(story: Story) -> None:
    before = plant(story)
    file = written(story)
    run = story.cli.json("run", "--locations", file)
    story.execute("DELETE FROM reencrypt_location")
    ((last,),) = story.query("SELECT MAX(id) FROM reencrypt_journal")
    # As though the run had rewritten some of them twice.
    story.execute(
        "INSERT INTO reencrypt_journal (run_id, action, table_name, row_key, column_name, old_bytes, new_hash) "
        "SELECT run_id, action, table_name, row_key, column_name, old_bytes, new_hash FROM reencrypt_journal "
        "WHERE table_name = 'plugin_token' AND row_key LIKE '%,3]'"
    )
    assert story.query("SELECT COUNT(*) FROM reencrypt_journal WHERE id > ?", last) == [(2,)]
    for _ in range(2):
        undone = story.cli.json("undo", run["run_id"], expect=3)
        assert (undone["outcome"], undone["restored"]) == ("partly_done", 5)
        assert undone["kept_because"] == {"table_unknown": 24}
        assert [each["state"] for each in story.cli.json("status")["runs"]] == ["undone_partly"]
        assert providers(story) == {TARGET}
    story.execute("DELETE FROM reencrypt_journal WHERE id > ? AND run_id = ?", last, run["run_id"])
    assert story.cli.json("undo", run["run_id"], "--locations", file)["outcome"] == "undone"
    assert rows(story) == before


@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("dropping", "column", "kept"), [("DROP TABLE", "", 24), ("ALTER TABLE", " DROP COLUMN token", 12)]
)
def test_a_run_is_undone_also_where_a_table_or_column_of_it_was_dropped_since(
    story: Story, dropping: str, column: str, kept: int
) -> None:
    plant(story)
    run = story.cli.json("run", "--locations", written(story))
    story.execute(f"{dropping} plugin_token{column}")
    undone = story.cli.json("undo", run["run_id"], expect=3)
    assert undone["kept_because"] == {"row_gone": kept}
    assert [each["state"] for each in story.cli.json("status")["runs"]] == ["undone"]


@pytest.mark.one_engine
def test_a_saved_location_whose_table_is_gone_is_named_and_stops_nothing(story: Story) -> None:
    plant(story)
    story.cli.json("run", "--locations", written(story))
    story.execute("DROP TABLE plugin_token")
    assert "plugin_token" in story.cli.json("plan")["missing"]
    assert story.cli.json("verify")["outcome"] == "verified"


@pytest.mark.one_engine
def test_nothing_secret_is_in_any_output_or_state_table(story: Story) -> None:
    plant(story)
    story.execute("UPDATE plugin_token SET token = ? WHERE number = 3", f"{PLAIN} in the clear")
    file = written(story)
    for command in (("plan",), ("doctor",), ("run",), ("verify",), ("complete",), ("quarantine list",)):
        given = () if command == ("quarantine list",) else ("--locations", file)
        for form in ("text", "json"):
            done = story.cli(*command, *given, "--output", form, "-vv", expect=None)
            assert PLAIN not in done.stdout + done.stderr
    stored = story.query("SELECT name, declaration FROM reencrypt_location")
    assert len(stored) == 2
    assert PLAIN not in str(stored)
