"""The databases of real Grafana releases, through the real command line and a vault over TLS."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.grafana.real import FOLDER, LEGACY, WITH_DATA_KEYS, WITHOUT_SECRETS, every_real_database, real_database
from tests.support.story import TARGET, WRAP, Story
from tests.support.vault import Vault
from tests.support.worlds import stored


def story_of(name: str, folder: Path, vault: Vault) -> Story:
    copy = folder / "grafana.db"
    shutil.copyfile(real_database(name), copy)
    return Story.of(copy, vault)


@pytest.mark.parametrize("name", WITH_DATA_KEYS)
def test_every_secret_moves_under_the_vault_and_keeps_its_plaintext(
    name: str, tmp_path: Path, shared_vault: Vault
) -> None:
    story = story_of(name, tmp_path, shared_vault)
    plaintexts, rest = story.plaintexts(), story.rest()
    assert all(isinstance(each, bytes) for each in plaintexts.values())

    report = story.cli.json("run", *WRAP)
    assert report["outcome"] == "done"
    assert report["target_provider"] == TARGET
    assert report["secrets"] == {
        "total": len(plaintexts),
        "re_encrypted": len(plaintexts),
        "already_current": 0,
        "quarantined": 0,
        "left": 0,
        "not_applicable": 0,
    }
    assert story.plaintexts() == plaintexts
    assert story.off_target() == {}
    assert {each.key_id for each in story.secrets().values()} == {report["target_data_key"]}
    assert story.rest() == rest

    verified = story.cli.json("verify")
    assert verified["secrets"]["readable"] == verified["secrets"]["under_target"] == len(plaintexts)

    before = story.digest()
    again = story.cli.json("run")
    assert (again["outcome"], again["secrets"]["already_current"]) == ("nothing_to_do", len(plaintexts))
    assert story.digest() == before


@pytest.mark.parametrize("name", LEGACY)
def test_a_grafana_before_9_is_refused_and_left_as_it_is(name: str, tmp_path: Path, shared_vault: Vault) -> None:
    story = story_of(name, tmp_path, shared_vault)
    before = story.digest()
    report = story.cli.json("run", *WRAP, expect=6)
    assert "before 9" in report["error"]["message"]
    assert "Upgrade Grafana" in report["error"]["hint"]
    assert story.digest() == before
    assert story.cli.json("plan")["exit_code"] == 0
    story.cli("plan", "--check", expect=6)


@pytest.mark.parametrize("name", WITHOUT_SECRETS)
def test_a_database_without_secrets_is_an_error_unless_it_is_allowed(
    name: str, tmp_path: Path, shared_vault: Vault
) -> None:
    story = story_of(name, tmp_path, shared_vault)
    before = story.digest()
    assert story.cli.json("run", *WRAP, expect=9)["outcome"] == "no_secrets"
    assert story.cli.json("run", *WRAP, "--allow-empty")["outcome"] == "nothing_to_do"
    story.cli("verify", expect=9)
    assert story.digest() == before


@pytest.mark.parametrize("name", [*WITH_DATA_KEYS, *LEGACY])
@pytest.mark.parametrize("target", [TARGET, "secretKey.v1"])
def test_a_wrong_secret_key_is_refused_and_not_one_byte_changes(
    name: str, target: str, tmp_path: Path, shared_vault: Vault
) -> None:
    right = story_of(name, tmp_path, shared_vault)
    story = Story.of(right.database, shared_vault, secret_key="not the key that wrote this")
    before = story.digest()
    report = story.cli.json("run", "--to", target, *WRAP, expect=6)
    assert story.digest() == before
    if name in WITH_DATA_KEYS:
        assert "secret_key" in report["error"]["message"]
        assert "GF_SECURITY_SECRET_KEY" in report["error"]["hint"]


@pytest.mark.rest_of_pairs
@pytest.mark.parametrize("source", every_real_database() or [None], ids=lambda path: path.stem if path else "none")
def test_every_file_that_is_there_goes_there_and_back(source: Path | None, tmp_path: Path, shared_vault: Vault) -> None:
    if source is None:
        pytest.skip(f"NOT RUN: no database of a real Grafana is in {FOLDER}")
    story = Story.of(tmp_path / "grafana.db", shared_vault)
    shutil.copyfile(source, story.database)
    digest, texts, plaintexts, rest = story.digest(), stored(story), story.plaintexts(), story.rest()
    columns = {name for _, name, *_ in story.query("SELECT * FROM pragma_table_info('data_keys')")}
    refusal = 9 if not texts else 6 if "label" not in columns else None
    plan = story.cli.json("plan", *WRAP)
    assert story.digest() == digest
    if refusal:
        story.cli("run", *WRAP, expect=refusal)
        assert story.digest() == digest
        return
    assert plan["secrets"]["total"] == len(texts)
    # What Grafana cannot read either is in quarantine, and the rest is done.
    unreadable = sum(not isinstance(each, bytes) for each in plaintexts.values())
    run = story.cli.json("run", *WRAP, expect=3 if unreadable else 0)
    assert run["secrets"]["quarantined"] == unreadable
    assert story.plaintexts() == plaintexts
    assert story.rest() == rest
    story.cli.json("verify", expect=8 if unreadable else 0)
    assert story.cli.json("undo", run["run_id"])["outcome"] == "undone"
    assert stored(story) == texts
    assert story.rest() == rest
