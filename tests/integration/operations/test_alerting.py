"""The alerting configuration, its hash and its history stay together, because Grafana finds one by the other."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.grafana.planting import Plain
from tests.support.engine import Engine
from tests.support.story import WRAP, Story
from tests.support.vault import Vault

ROWS = "SELECT id, org_id, alertmanager_configuration, configuration_hash FROM"


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return Story.of(tmp_path / "grafana.db", shared_vault, engine=engine)


def md5(text: object) -> str:
    assert isinstance(text, str)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def test_configuration_twins_and_hashes_change_together(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        settings = {"url": Plain(b"https://example.org/a-long-hook", key), "token": Plain(b"token", key)}
        builder.add_alert_configuration([settings], other_row=True)
        builder.add_alert_configuration([settings], other_row=True)
        builder.add_alert_configuration(
            [{"url": Plain(b"an older configuration", key)}], org_id=1, table="alert_configuration_history"
        )
    # One history row of another organisation holds the same text by chance, one of the twins a foreign hash.
    (first,) = story.query(f"{ROWS} alert_configuration ORDER BY id LIMIT 1")
    newest = "(SELECT id FROM (SELECT MAX(id) AS id FROM alert_configuration) AS newest)"
    story.execute(f"UPDATE alert_configuration SET configuration_hash = 'not-yet-calculated' WHERE id = {newest}")  # noqa: S608
    history = story.query(f"{ROWS} alert_configuration_history ORDER BY id")
    before = story.plaintexts()

    report = story.cli.json("run", *WRAP)

    assert report["outcome"] == "done"
    assert story.plaintexts() == before
    assert story.off_target() == {}
    current = {row[1]: row for row in story.query(f"{ROWS} alert_configuration")}
    for _, org, text, digest in current.values():
        expected = md5(text) if org == first[1] else "not-yet-calculated"
        assert digest == expected
    after = story.query(f"{ROWS} alert_configuration_history ORDER BY id")
    assert len(after) == len(history) == 3
    for old, (_, org, text, digest) in zip(history, after, strict=True):
        # A hash that was that of the text still is.
        assert (old[3] == md5(old[2])) == (digest == md5(text))
        if old[2] == first[2] and org == first[1]:
            assert text == current[org][2]
            assert digest == current[org][3]
    assert report["locations"]["alert_configuration_history"]["re_encrypted"] == 5


def test_a_hash_that_changed_meanwhile_is_part_of_the_comparison(story: Story) -> None:
    with story.builder() as builder:
        builder.add_alert_configuration([{"url": Plain(b"https://example.org/a-long-hook")}])
    story.cli("run", *WRAP)
    ((_, _, text, digest),) = story.query(f"{ROWS} alert_configuration")
    assert digest == md5(text)
    journal = story.query(
        "SELECT column_name FROM reencrypt_journal WHERE table_name = 'alert_configuration' ORDER BY 1"
    )
    assert journal == [("alertmanager_configuration",), ("configuration_hash",)]


@pytest.mark.parametrize("first", ["alert_configuration", "alert_configuration_history"])
def test_twins_stay_twins_whichever_is_come_across_first(story: Story, first: str) -> None:
    with story.builder() as builder:
        builder.add_alert_configuration([{"url": Plain(b"https://example.org/a-long-hook")}], other_row=True)
    columns = "org_id, alertmanager_configuration, configuration_hash, configuration_version, created_at, `default`"
    story.execute(
        f"INSERT INTO alert_configuration_history (id, {columns}, last_applied) "  # noqa: S608 - our own columns
        f"SELECT 77, {columns}, 0 FROM alert_configuration"
    )
    before = story.plaintexts()
    story.cli("run", *WRAP, "--location", first, expect=4)
    for expect in ("done", "nothing_to_do"):
        rows = [row[1:] for row in story.query(f"{ROWS} alert_configuration")]
        rows += [row[1:] for row in story.query(f"{ROWS} alert_configuration_history")]
        assert len(rows) == 3
        assert len(set(rows)) == 1, "one text, one hash"
        assert story.plaintexts() == before
        assert story.cli.json("run")["outcome"] == expect
    assert story.off_target() == {}
