"""Passwords of data sources that Grafana has never encrypted are counted and named: no key and no run protects them."""

from __future__ import annotations

from pathlib import Path

from reencrypt.wording import counted
from tests.grafana.planting import Plain
from tests.support.engine import Engine
from tests.support.story import WRAP, Story
from tests.support.vault import Vault

COUNTS = {"data_source.password": 2, "data_source.basic_auth_password": 1}


def test_secrets_in_clear_text_are_counted_by_column(engine: Engine, tmp_path: Path, shared_vault: Vault) -> None:
    story = Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key", engine=engine)
    with story.builder() as builder:
        key = builder.data_key()
        for number in range(3):
            builder.add_data_source({"password": Plain(b"encrypted %d" % number, key)})
    none = dict.fromkeys(COUNTS, 0)
    assert story.cli.json("plan")["plain_text"] == none
    assert story.cli.json("verify")["plain_text"] == none
    first, second, third = (row[0] for row in story.query("SELECT id FROM data_source ORDER BY id"))
    for row in (first, second):
        story.execute("UPDATE data_source SET password = ? WHERE id = ?", "c4n4ry in the clear", row)
    story.execute("UPDATE data_source SET basic_auth_password = ? WHERE id = ?", "c4n4ry in the clear", third)

    plan = story.cli.json("plan", *WRAP)
    assert plan["plain_text"] == COUNTS
    for column, number in COUNTS.items():
        (warning,) = [each for each in plan["warnings"] if column in each]
        assert f"{counted(number, 'row has', 'rows have')} a secret in clear text in {column}" in warning
        assert "encrypt-datasource-passwords" in warning
    text = story.cli("plan", *WRAP).stdout
    assert "warning: 2 rows have a secret in clear text in data_source.password" in text
    run = story.cli("run", *WRAP, "--output", "json")
    assert run.json["outcome"] == "done"
    assert len([each for each in run.json["warnings"] if "in clear text" in each]) == 2
    verified = story.cli("verify", "--output", "json")
    assert verified.json["plain_text"] == COUNTS
    assert "note: 1 row has a secret in clear text in data_source.basic_auth_password" in story.cli("verify").stdout
    checks = {each["name"]: each for each in story.cli.json("doctor", expect=None)["checks"]}
    assert checks["plain text"]["state"] == "warning"
    assert "encrypt-datasource-passwords" in checks["plain text"]["remedy"]
    assert "c4n4ry" not in text + run.stdout + run.stderr + verified.stdout
