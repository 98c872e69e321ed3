"""What does not read is named in Grafana's words wherever people look, and nowhere else."""

from __future__ import annotations

import html as markup
from pathlib import Path

import pytest

from reencrypt.databases.statements import OUR_TABLES
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.story import WRAP, Story
from tests.support.vault import Vault

PLAINTEXT = "canary-plaintext-9c02"
#: A name with what terminals, tables, Markdown and HTML take for themselves, and as it is shown.
HOSTILE = 'Loki\x1b[2J\r\n| [x](y) <script>{{ 7 }}</script> \u202e"'
SHOWN = 'Loki\\x1b[2J\\r\\n| [x](y) <script>{{ 7 }}</script> \\u202e\\"'
SOURCE = f'data source "{SHOWN}" of organisation "Main Org."'
AGAIN = f"save the {SOURCE} again in Grafana, with its secrets entered again"
LOGIN = 'login of user "alice" by "oauth_azuread"'


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    story = Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key", engine=engine)
    with story.builder() as builder:
        populate(builder, count=60, under=[None])
        builder.add_user("alice", row_id=41)
        builder.add_user_auth({"o_auth_access_token": Plain(PLAINTEXT.encode())}, row_id=40)
        builder.damage(builder.planted[-1], "bad-base64")
        builder.add_data_source({"name": Plain(PLAINTEXT.encode())}, row_id=50, name=HOSTILE)
        builder.damage(builder.planted[-1], "bad-base64")
    return story


def is_named(entries: list[dict[str, str]]) -> bool:
    names = {(each["location"], each["key"]): each["name"] for each in entries}
    damaged = {("data_source", "[50]"): SOURCE, ("user_auth", "[40]"): LOGIN}
    return names == names | damaged and None not in names.values()


def assert_shown(text: str, *, where: str) -> None:
    assert SOURCE in text, where
    assert LOGIN in text, where
    for unwanted in (PLAINTEXT, "\x1b", "\u202e", "\r"):
        assert unwanted not in text, where


def test_what_does_not_read_is_named_on_every_screen_and_in_every_json(story: Story, tmp_path: Path) -> None:
    plan = story.cli.json("plan", *WRAP)
    assert is_named([one for each in plan["locations"].values() for one in each["unreadable"]])
    assert_shown(story.cli("plan", *WRAP).stdout, where="plan")

    metrics = tmp_path / "metrics.prom"
    options = ("--log-format", "json", "--metrics-file", str(metrics))
    done = story.cli("run", *WRAP, *options, expect=3)
    assert_shown(done.stdout, where="run")
    for place, text in {"log": done.stderr, "metrics": metrics.read_text()}.items():
        assert "Loki" not in text, place
        assert "alice" not in text, place
    assert is_named(story.cli.json("run", expect=3)["quarantine"])

    (entry, _) = sorted(story.cli.json("quarantine list")["quarantine"], key=lambda each: each["location"])
    assert entry["remedy"] == f"Grafana cannot read it either: {AGAIN}"
    listed = story.cli("quarantine list").stdout
    assert_shown(listed, where="quarantine list")
    assert f"malformed_encoding: Grafana cannot read it either: {AGAIN}" in listed
    assert 'malformed_encoding: Grafana cannot read it either: let user "alice" sign in again' in listed
    assert is_named(story.cli.json("status")["quarantine"])

    assert is_named(story.cli.json("verify")["problems"])
    assert_shown(story.cli("verify").stdout, where="verify")
    assert is_named(story.cli.json("complete", expect=8)["verified"]["problems"])

    given_up = story.cli("quarantine acknowledge", "--all").stdout
    assert_shown(given_up, where="quarantine acknowledge")
    page = tmp_path / "report.html"
    story.cli("report", "--file", str(page))
    html = page.read_text()
    assert "<script>{{ 7 }}" not in html
    assert "Loki\\x1b[2J\\r\\n| [x](y) &lt;script&gt;" in html
    document = story.cli.json("report")["report"]
    assert is_named([each for section in document["runs"] for each in section["quarantine"]])
    assert is_named(document["verify"][0]["problems"])
    (section,) = document["runs"]
    assert is_named([{**each, "key": each["row_key"]} for each in section["acknowledgements"]])
    shown = markup.unescape(html.partition("Given up knowingly")[2].partition("</table>")[0])
    assert SOURCE in shown
    assert LOGIN in shown
    markdown = story.cli("report", "--format", "md").stdout.split("given up (UTC)")[1].split("\n\n")[0]
    assert LOGIN.replace("_", "\\_") in markdown
    assert "<script>" not in markdown

    state = [str(row) for table in OUR_TABLES for row in story.query(f"SELECT * FROM {table}")]  # noqa: S608
    assert not [row for row in state if "alice" in row or "Loki" in row]


def test_what_an_undo_keeps_is_named(story: Story) -> None:
    story.execute("UPDATE data_source SET name = 'another one' WHERE id = 50")
    with story.builder() as builder:
        builder.add_data_source({"password": Plain(PLAINTEXT.encode())}, row_id=51, name=HOSTILE)
        builder.add_user_auth({"o_auth_access_token": Plain(PLAINTEXT.encode())}, row_id=42)
    story.execute("UPDATE user_auth SET user_id = 41 WHERE id = 42")
    run = story.cli.json("run", *WRAP, expect=3)
    story.execute("UPDATE data_source SET secure_json_data = '{}' WHERE id = 51")
    story.execute("UPDATE user_auth SET o_auth_access_token = 'saved since' WHERE id = 42")
    undone = story.cli("undo", run["run_id"], expect=3)
    assert f"kept: data_source [51] secure_json_data ({SOURCE}): changed_since" in undone.stdout
    assert_shown(undone.stdout, where="undo")
    assert "Loki" not in undone.stderr


@pytest.mark.one_engine
def test_a_name_is_that_of_now_and_its_absence_changes_nothing(story: Story) -> None:
    story.cli("run", *WRAP, expect=3)
    story.execute("UPDATE data_source SET name = 'Renamed' WHERE id = 50")
    story.execute("DELETE FROM org")
    story.execute("ALTER TABLE user RENAME TO somebody")
    entries = {each["location"]: each for each in story.cli.json("quarantine list")["quarantine"]}
    assert entries["data_source"]["name"] == 'data source "Renamed" of organisation 1'
    assert entries["user_auth"]["name"] == 'login of user 41 by "oauth_azuread"'
    story.execute("DELETE FROM data_source WHERE id = 50")
    entries = {each["location"]: each for each in story.cli.json("quarantine list")["quarantine"]}
    assert entries["data_source"]["name"] is None
    assert entries["data_source"]["remedy"] == "Grafana cannot read it either: save the setting again in Grafana"
    assert "data_source  [50]" in story.cli("quarantine list").stdout
