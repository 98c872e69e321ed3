"""The databases of real Grafana releases, through the real command line and a vault over TLS."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.grafana.real import LEGACY, WITH_DATA_KEYS, WITHOUT_SECRETS, real_database
from tests.support.story import TARGET, WRAP, Story
from tests.support.vault import Vault


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
