"""`verify` reads both of Grafana's stores, and says of each secret of the manager whose fault it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.grafana.manager import SHIPPED, ManagerKey, SecretsManagerBuilder
from tests.grafana.manager_schema import ManagerShape
from tests.grafana.planting import Plain
from tests.grafana.releases import GrafanaDatabase, databases
from tests.support.engine import Engine
from tests.support.managed import managed, read
from tests.support.story import SECTIONS, Story
from tests.support.vault import Vault

pytestmark = [pytest.mark.mysql_for_mariadb, pytest.mark.engines_in_turn]


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return managed(Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key", engine=engine))


def plant(
    story: Story, shape: ManagerShape = "12.4", *, unsplit: bool = False, provider: str = "secret_key.v2"
) -> list[ManagerKey]:
    """Three namespaces with values and a snapshot, and a secret of the classic store."""
    with story.builder() as builder:
        builder.add_user_auth({"o_auth_access_token": Plain(b"a token that is long enough", builder.data_key())})
        manager = SecretsManagerBuilder(builder, shape, sections=SECTIONS)
        keys = [manager.data_key(namespace, provider=provider) for namespace in ("default", "org-2", "stacks-3")]
        for key in keys:
            for number in range(3):
                manager.add_value(key, b"a token for git %d" % number, split=False if unsplit else None)
        manager.add_snapshot(keys[0], b'{"title": "a dashboard"}')
        manager.add_snapshot(keys[1], b'{"title": "an earlier one"}', table="resource_history")
    return keys


def of(report: dict[str, Any], store: str = "manager") -> dict[str, Any]:
    part: dict[str, Any] = report["stores"][store]
    return part


def reasons(report: dict[str, Any]) -> set[tuple[str, str]]:
    return {(each["store"], each["reason"]) for each in report["problems"]}


@pytest.mark.parametrize(
    ("shape", "unsplit"),
    [
        ("12.2", False),
        pytest.param("12.2.4", False, marks=pytest.mark.one_engine),
        ("12.3", True),
        pytest.param("12.3", False, marks=pytest.mark.one_engine),
        pytest.param("12.4", True, marks=pytest.mark.one_engine),
        ("12.4", False),
    ],
)
def test_every_secret_of_both_stores_is_read_in_every_shape(
    story: Story, shape: ManagerShape, *, unsplit: bool
) -> None:
    plant(story, shape, unsplit=unsplit)
    judged = read(story)
    assert {secret.error for secret in judged.values()} == {None}
    report = story.cli.json("verify")
    assert (report["outcome"], report["store"]) == ("verified", "all")
    assert of(report)["secrets"]["readable"] == of(report)["secrets"]["total"] == len(judged) == 11
    assert of(report)["providers"] == {"secret_key.v2": 11}
    assert {name: each["total"] for name, each in of(report)["locations"].items()} == {
        "secret_encrypted_value": 9,
        "resource_snapshots": 1,
        "resource_history_snapshots": 1,
    }
    assert of(report, "classic")["secrets"]["total"] == 1
    text = story.cli("verify").stdout
    assert "The secrets manager:" in text
    assert "secret_encrypted_value" in text
    assert story.cli.json("verify", "--store", "classic")["secrets"]["total"] == 1


@pytest.mark.one_engine
def test_only_a_database_whose_chosen_stores_are_all_empty_is_an_error(story: Story) -> None:
    with story.builder() as builder:
        builder.add_user_auth({"o_auth_access_token": Plain(b"a token that is long enough", builder.data_key())})
    # No tables: nothing is said of a store that this Grafana does not have.
    assert list(story.cli.json("verify")["stores"]) == ["classic"]
    assert "in the secrets manager" in story.cli.json("verify", "--store", "manager", expect=9)["error"]["message"]
    with story.builder() as builder:
        SecretsManagerBuilder(builder)
    report = story.cli.json("verify")
    assert (of(report)["secrets"]["total"], report["configuration"]) == (0, [])
    story.cli.json("verify", "--store", "manager", expect=9)
    story.cli.json("verify", "--store", "manager", "--allow-empty")


@pytest.mark.one_engine
@pytest.mark.parametrize("release", databases("grafana-12-2026", real=[pytest.mark.rest_of_pairs]))
def test_a_release_with_empty_tables_has_an_empty_store(
    release: GrafanaDatabase, tmp_path: Path, shared_vault: Vault
) -> None:
    story = Story.of(release.write(tmp_path / "grafana.db"), shared_vault)
    report = story.cli.json("verify")
    assert (of(report)["secrets"]["total"], of(report)["configuration"]) == (0, [])
    assert of(report, "classic")["secrets"]["total"] == report["secrets"]["total"] > 0
    assert "The secrets manager:\n  It holds no secrets.\n" in story.cli("verify").stdout
    story.cli.json("verify", "--store", "manager", expect=9)
    answer = story.cli.json("complete", "--to", "secretKey.v1", expect=8)
    assert answer["stores"] == ["classic", "manager"]
    # Nothing of the other store.
    assert answer["blockers"] == ["Grafana's encryption_provider is azurekv.prod, so it does not write there"]


@pytest.mark.one_engine
def test_what_grafana_needs_of_its_configuration_and_does_not_have_is_named(story: Story) -> None:
    plant(story)
    for sections, provider, settings in (
        (SHIPPED, "secret_key.v1", ["[secrets_manager.encryption.secret_key.v2]"]),
        (SECTIONS, "secret_key.v3", ["[secrets_manager.encryption.secret_key.v3]"]),
        ({**SECTIONS, "secret_key.v2": ""}, "secret_key.v1", ["[secrets_manager.encryption.secret_key.v2]"]),
    ):
        changed = managed(story, sections, provider=provider, name="changed")
        report = changed.cli.json("verify", "--store", "manager", expect=2)
        assert [each["setting"] for each in report["configuration"]] == settings
        assert {each["store"] for each in report["configuration"]} == {"manager"}
        assert report["secrets"]["unreadable"] == report["secrets"]["unreadable_by_configuration"]
        assert f"configuration: {settings[0]}: provider" in changed.cli("verify", expect=2).stdout


@pytest.mark.one_engine
def test_the_secret_that_everybody_knows_is_said_and_is_no_error(story: Story) -> None:
    plant(story, provider="secret_key.v1")
    (note,) = story.cli.json("verify")["notes"]
    assert note.startswith("3 data keys of the secrets manager are under secret_key.v1: ")
    assert "[secrets_manager.encryption.secret_key.v1] is the default that Grafana ships" in note
    assert f"note: {note}" in story.cli("verify").stdout


def test_the_wrong_secret_of_a_section_is_told_from_damage(story: Story) -> None:
    plant(story)
    wrong = managed(story, {**SECTIONS, "secret_key.v2": "another secret"}, name="wrong")
    report = wrong.cli.json("verify", expect=2)
    (fault,) = report["configuration"]
    assert fault["setting"] == "[secrets_manager.encryption.secret_key.v2]"
    assert "none of the 3 data keys under secret_key.v2 unwraps" in fault["message"]
    assert report["secrets"]["unreadable"] == report["secrets"]["unreadable_by_configuration"] == 11
    # One data key that does not unwrap beside others that do is damaged.
    story.execute("UPDATE secret_data_key SET encrypted_data = ? WHERE namespace = 'org-2'", b"damaged")
    report = story.cli.json("verify", expect=8)
    assert (report["configuration"], reasons(report)) == ([], {("manager", "unwrap_failed")})


def test_a_value_whose_data_key_is_missing_or_of_another_namespace_does_not_read(story: Story) -> None:
    first, second, _ = plant(story)
    change = "UPDATE secret_encrypted_value SET data_key_id = ? WHERE namespace = 'default'"
    story.execute(change, "nosuchkey")
    report = story.cli.json("verify", expect=8)
    assert reasons(report) == {("manager", "unknown_data_key")}
    assert {each["detail"] for each in report["problems"]} == {
        "data key default/nosuchkey: secret_data_key has no such key"
    }
    # Grafana asks for namespace and uid together.
    story.execute(change, second.uid)
    report = story.cli.json("verify", expect=8)
    assert [each["key"] for each in report["problems"]] == [
        each["key"] for each in report["problems"] if each["key"].startswith('["default",')
    ]
    (detail,) = {each["detail"] for each in report["problems"]}
    assert detail == (
        f"data key default/{second.uid}: secret_data_key has no such key in this namespace, but one of that uid in "
        "org-2"
    )
    story.execute(change, first.uid)
    story.cli.json("verify")


def test_what_enterprise_wraps_is_neither_readable_nor_damaged_until_its_key_is_named(story: Story) -> None:
    plant(story)
    with story.builder() as builder:
        manager = SecretsManagerBuilder(builder, sections=SECTIONS)
        key = manager.data_key(provider="azure_keyvault.prod", wrap=lambda dek: story.vault.wrap("prod", dek))
        manager.add_value(key, b"a token that the vault keeps")
    report = story.cli.json("verify", expect=3)
    assert (report["outcome"], report["problems"], report["configuration"]) == ("partly_done", [], [])
    secrets = of(report)["secrets"]
    assert (secrets["total"], secrets["readable"], secrets["unreadable"], secrets["not_covered"]) == (12, 11, 0, 1)
    (part,) = report["not_covered"]
    assert (part["store"], part["location"], part["provider"], part["secrets"]) == (
        "manager",
        "secret_encrypted_value",
        "azure_keyvault.prod",
        1,
    )
    assert "--manager-vault azure_keyvault.prod=azurekv.NAME" in part["hint"]
    text = story.cli("verify", expect=3).stdout
    assert "not covered: 1 secret in secret_encrypted_value under azure_keyvault.prod" in text
    # Damage is still told.
    ((good,),) = story.query("SELECT encrypted_data FROM secret_data_key WHERE namespace = 'org-2'")
    story.execute("UPDATE secret_data_key SET encrypted_data = ? WHERE namespace = 'org-2'", b"damaged")
    story.cli.json("verify", expect=8)
    story.execute("UPDATE secret_data_key SET encrypted_data = ? WHERE namespace = 'org-2'", good)
    named = ("verify", "--manager-vault", "azure_keyvault.prod=azurekv.prod")
    assert of(story.cli.json(*named))["secrets"]["readable"] == 12


def test_a_snapshot_of_a_form_that_nobody_knows_is_named(story: Story) -> None:
    plant(story)
    ((document,),) = story.query("SELECT value FROM resource")
    changed = json.loads(str(document))
    changed["spec"]["dashboardEncrypted"]["dataKeyId"] = 5
    story.execute("UPDATE resource SET value = ?", json.dumps(changed))
    (problem,) = story.cli.json("verify", expect=8)["problems"]
    assert (problem["store"], problem["location"]) == ("manager", "resource_snapshots")
    twice = str(document).replace('"dashboardEncrypted":', '"dashboardEncrypted":{},"dashboardEncrypted":', 1)
    story.execute("UPDATE resource SET value = ?", twice)
    (problem,) = story.cli.json("verify", expect=8)["problems"]
    assert problem["reason"] == "not_understood"


def test_two_rows_of_one_data_key_fail_verification(story: Story) -> None:
    (key, *_) = plant(story)
    for statement in (
        "CREATE TABLE copied AS SELECT * FROM secret_data_key",
        "DROP TABLE secret_data_key",
        "ALTER TABLE copied RENAME TO secret_data_key",
        "INSERT INTO secret_data_key SELECT * FROM secret_data_key WHERE namespace = 'default'",
    ):
        story.execute(statement)
    assert story.cli.json("verify", expect=8)["ambiguous_data_keys"] == [f"default/{key.uid}"]
    assert "has more than one row in secret_data_key" in story.cli("verify", expect=8).stdout


def test_the_quarantine_of_one_store_explains_nothing_of_the_other(story: Story) -> None:
    plant(story)
    story.execute("UPDATE secret_encrypted_value SET encrypted_data = ? WHERE namespace = 'org-2'", b"*YWVzLWdjbQ*bad")
    story.cli.json("verify", expect=8)
    vouched = ("--accept-unproven", "secret_key.v1")
    story.cli.json("run", "--store", "manager", "--fresh-data-key", "--max-quarantine", "1", *vouched, expect=3)
    report = story.cli.json("verify")
    assert of(report)["secrets"]["quarantined"] == 3
    assert of(report, "classic")["secrets"]["quarantined"] == 0
    assert {(each["store"], each["in_quarantine"]) for each in report["problems"]} == {("manager", True)}
