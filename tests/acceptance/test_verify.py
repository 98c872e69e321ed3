"""Verified means that this Grafana, with this configuration, reads every secret: what keeps it from that is named."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path

import pytest

from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.commandline import CommandLine
from tests.support.engine import Engine
from tests.support.story import TARGET, Story
from tests.support.vault import Vault

#: How a data key's table loses its primary key, as in a careless copy.
COPY = (
    "CREATE TABLE copied AS SELECT * FROM data_keys",
    "DROP TABLE data_keys",
    "ALTER TABLE copied RENAME TO data_keys",
)


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    story = Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key", engine=engine)
    with story.builder() as builder:
        keys = [
            builder.data_key(key_id="in-prod", provider=TARGET, wrap=lambda dek: shared_vault.wrap("prod", dek)),
            builder.data_key(key_id="in-other", provider="azurekv.other", wrap=lambda d: shared_vault.wrap("other", d)),
            builder.data_key(key_id="local"),
        ]
        populate(builder, count=30, under=[*keys, None])
        builder.data_key(key_id="unused", active=False)
    return story


def configured(story: Story, *changes: tuple[str, str], environment: dict[str, str] | None = None) -> CommandLine:
    """The same Grafana with another configuration."""
    assert story.cli.configuration is not None
    text = story.cli.configuration.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = story.cli.configuration.with_name("changed.ini")
    path.write_text(text)
    return CommandLine(story.cli.database, path, story.vault, environment)


def settings_named(report: dict[str, object]) -> list[str]:
    faults = report["configuration"]
    assert isinstance(faults, list)
    return [fault["setting"] for fault in faults]


#: What is changed in the configuration, and the setting that is named.
NOT_LOADED = {
    "not listed": (
        ("azurekv.prod azurekv.other", "azurekv.prod"),
        "[security] available_encryption_providers",
    ),
    "no section": (("[security.encryption.azurekv.other]", "[somewhere.else]"), "[security.encryption.azurekv.other]"),
    "incomplete section": (("key_id = other", "key_id ="), "[security.encryption.azurekv.other]"),
}


@pytest.mark.one_engine
@pytest.mark.parametrize("case", NOT_LOADED)
def test_a_provider_that_this_configuration_cannot_load_is_named_with_its_setting(story: Story, case: str) -> None:
    assert story.cli.json("verify")["configuration"] == []
    change, setting = NOT_LOADED[case]
    cli = configured(story, change)
    report = cli.json("verify", expect=2)
    assert report["outcome"] == "failed"
    assert settings_named(report) == [setting]
    assert "azurekv.other" in report["configuration"][0]["message"]
    assert report["configuration"][0]["hint"]
    assert f"configuration: {setting}: " in cli("verify", expect=2).stdout


@pytest.mark.one_engine
def test_only_data_keys_that_a_secret_needs_need_their_provider(story: Story) -> None:
    with story.builder() as builder:
        builder.data_key(key_id="abandoned", provider="azurekv.gone", wrap=lambda _dek: b"?" * 256)
    assert story.cli.json("verify")["outcome"] == "verified"
    with story.builder() as builder:
        key = builder.data_key(key_id="needed", provider="azurekv.gone", wrap=lambda _dek: b"?" * 256)
        builder.add_user_auth({"o_auth_access_token": Plain(b"under a provider that is gone", key)})
    report = story.cli.json("verify", expect=2)
    assert settings_named(report) == ["[security] available_encryption_providers", "[security.encryption.azurekv.gone]"]
    (problem,) = report["problems"]
    assert (problem["reason"], problem["in_quarantine"]) == ("provider_not_configured", False)
    # A run keeps it in quarantine, where it is still for the configuration to mend, until somebody gives it up.
    story.cli.json("run", expect=3)
    assert len(settings_named(story.cli.json("verify", expect=2))) == 2
    story.cli.json("quarantine acknowledge", "--all")
    assert story.cli.json("verify")["configuration"] == []


@pytest.mark.one_engine
def test_the_target_has_to_be_loaded_although_no_secret_is_under_it_yet(story: Story) -> None:
    assert settings_named(story.cli.json("verify", "--to", "azurekv.next", expect=2)) == [
        "[security] available_encryption_providers",
        "[security.encryption.azurekv.next]",
    ]
    cli = configured(story, ("encryption_provider = azurekv.prod", "encryption_provider = awskms.main"))
    assert settings_named(cli.json("verify", expect=2)) == ["[security] available_encryption_providers"]
    assert cli.json("verify", "--to", TARGET, expect=2)["target_provider"] == TARGET


@pytest.mark.one_engine
def test_envelope_encryption_that_is_off_is_named_where_there_are_envelopes(
    story: Story, tmp_path: Path, shared_vault: Vault
) -> None:
    off = {"GF_FEATURE_TOGGLES_disableEnvelopeEncryption": "true"}
    cli = CommandLine(story.cli.database, story.cli.configuration, story.vault, off)
    report = cli.json("verify", expect=2)
    assert settings_named(report) == ["[feature_toggles] disableEnvelopeEncryption"]
    assert report["secrets"]["unreadable"] == 0
    (tmp_path / "legacy").mkdir()
    legacy = Story.of(tmp_path / "legacy" / "grafana.db", shared_vault, secret_key="the secret_key")
    with legacy.builder() as builder:
        populate(builder, count=20, under=[None])
    assert CommandLine(legacy.cli.database, legacy.cli.configuration, shared_vault, off).json("verify")["outcome"] == (
        "verified"
    )


@pytest.mark.parametrize("damage", ["copy", "another wrapping"])
def test_two_rows_of_one_data_key_fail_verification_where_a_secret_names_it(story: Story, damage: str) -> None:
    for statement in COPY:
        story.execute(statement)
    story.execute("INSERT INTO data_keys SELECT * FROM data_keys WHERE name = 'unused'")
    assert story.cli.json("verify")["ambiguous_data_keys"] == []
    # A second row that is the same, or one from before a rewrap: the database alone decides which of them Grafana gets.
    wrapped_as = "in-prod" if damage == "copy" else "local"
    story.execute(
        "INSERT INTO data_keys (name, active, scope, provider, encrypted_data, created, updated, label) "
        "SELECT 'in-prod', active, scope, provider, encrypted_data, created, updated, label "
        "FROM data_keys WHERE name = ?",
        wrapped_as,
    )
    report = story.cli.json("verify", expect=8)
    assert report["ambiguous_data_keys"] == ["in-prod"]
    assert "data key in-prod has more than one row" in story.cli("verify", expect=8).stdout


@pytest.mark.parametrize("engine", ["mariadb", "mysql"], indirect=True)
def test_two_names_that_the_server_takes_for_one_are_two_rows_of_it(story: Story) -> None:
    for statement in COPY:
        story.execute(statement)
    story.execute("INSERT INTO data_keys SELECT * FROM data_keys WHERE name = 'in-prod'")
    story.execute("UPDATE data_keys SET name = 'IN-PROD' WHERE name = 'in-prod' LIMIT 1")
    assert story.cli.json("verify", expect=8)["ambiguous_data_keys"] == ["in-prod"]


WELL = base64.b64encode(b"*YWVzLWNmYg*" + b"a" * 24).decode()  # an empty value: it reads under every key

RECEIVERS = '{"alertmanager_config": {"receivers": [{"email_configs": [1], "grafana_managed_receiver_configs": %s}]}}'
RECEIVER = "alertmanager_configuration.alertmanager_config.receivers[0].grafana_managed_receiver_configs[0]"

#: Documents that Grafana cannot unmarshal, each with the place that is named.
MISSHAPEN = {
    ("data_source", "secure_json_data"): {
        "[]": "secure_json_data",
        '"text"': "secure_json_data",
        "5": "secure_json_data",
        "true": "secure_json_data",
        "  ": "secure_json_data",
        '{"password": 5}': "secure_json_data.password",
        '{"password": false}': "secure_json_data.password",
        f'{{"a": "{WELL}", "password": {{"nested": "{WELL}"}}, "z": "{WELL}"}}': "secure_json_data.password",
        f'{{"password": ["{WELL}"]}}': "secure_json_data.password",
    },
    ("plugin_setting", "secure_json_data"): {'{"token": {"value": "x"}}': "secure_json_data.token"},
    ("alert_notification", "secure_settings"): {"[1]": "secure_settings", '{"url": 1}': "secure_settings.url"},
    ("alert_configuration", "alertmanager_configuration"): {
        "[]": "alertmanager_configuration",
        '{"alertmanager_config": []}': "alertmanager_configuration.alertmanager_config",
        '{"alertmanager_config": {"receivers": {"a": 1}}}': "alertmanager_configuration.alertmanager_config.receivers",
        RECEIVERS % '[{"secureSettings": ["x"]}]': f"{RECEIVER}.secureSettings",
        RECEIVERS % '[{"secureSettings": {"url": 7}}]': f"{RECEIVER}.secureSettings.url",
    },
    ("sso_setting", "settings"): {
        "[]": "settings",
        '{"client_secret": 5}': "settings.client_secret",
        '{"client_secret": null}': "settings.client_secret",
        '{"config": {"servers": [{"bind_password": true}]}}': "settings.config.servers[0].bind_password",
    },
}

#: Documents that Grafana does unmarshal: a nil map, nil values, and what a release does not know.
TOLERATED = {
    ("data_source", "secure_json_data"): ["null", "{}", f'{{"password": "{WELL}"}}', '{"password": null}'],
    ("plugin_setting", "secure_json_data"): ["null", " {} "],
    ("alert_notification", "secure_settings"): ["null", "{}"],
    ("alert_configuration", "alertmanager_configuration"): [
        "null",
        '{"alertmanager_config": null, "another": [1, {"secureSettings": 5}]}',
        '{"alertmanager_config": {"receivers": null}}',
        RECEIVERS % "null",
        RECEIVERS % '[{"settings": {"url": 5}, "secureSettings": null}]',
    ],
    ("sso_setting", "settings"): [
        "null",
        "{}",
        '{"client_secret": "", "enabled": true, "scopes": 5, "deeper": {"password": 5}}',
    ],
}


@pytest.mark.parametrize(("table", "column"), MISSHAPEN)
def test_a_document_that_grafana_cannot_unmarshal_fails_verification(story: Story, table: str, column: str) -> None:
    before = story.cli.json("verify")
    update = f"UPDATE {table} SET {column} = ? WHERE id = ?"  # noqa: S608 - our own names
    ((row, text), *_) = story.query(f"SELECT id, {column} FROM {table} ORDER BY id")  # noqa: S608 - the same
    for document, place in MISSHAPEN[table, column].items():
        story.execute(update, document, row)
        report = story.cli.json("verify", expect=8)
        assert [(each["location"], each["field"], each["reason"]) for each in report["problems"]] == [
            (table, place, "malformed_encoding")
        ], document
    story.execute(update, text, row)
    assert story.cli.json("verify") == before


@pytest.mark.one_engine
@pytest.mark.parametrize(("table", "column"), TOLERATED)
def test_a_document_that_grafana_does_unmarshal_is_none_of_our_business(story: Story, table: str, column: str) -> None:
    update = f"UPDATE {table} SET {column} = ? WHERE id = ?"  # noqa: S608 - our own names
    ((row,), *_) = story.query(f"SELECT id FROM {table} ORDER BY id")  # noqa: S608 - the same
    for document in TOLERATED[table, column]:
        story.execute(update, document, row)
        assert story.cli.json("verify")["problems"] == [], document


@pytest.mark.one_engine
def test_a_run_moves_what_is_sound_in_a_misshapen_document_and_names_the_rest(story: Story) -> None:
    with story.builder() as builder:
        sound = base64.b64encode(builder.encrypt(Plain(b"sound"))).decode()
    ((row,), *_) = story.query("SELECT id FROM data_source ORDER BY id")
    nested = {"a": sound, "b": {"nested": [sound]}, "c": sound, "d": 7}
    story.execute("UPDATE data_source SET secure_json_data = ? WHERE id = ?", json.dumps(nested), row)
    report = story.cli.json("run", expect=3)
    fields = [entry["field"] for entry in report["quarantine"]]
    assert fields == ["secure_json_data.b", "secure_json_data.d"]
    ((text,),) = story.query("SELECT secure_json_data FROM data_source WHERE id = ?", row)
    document = json.loads(text.decode() if isinstance(text, bytes) else str(text))
    assert document["a"] != sound != document["c"]
    assert (document["b"], document["d"]) == ({"nested": [sound]}, 7)
    assert story.cli.json("verify")["secrets"]["quarantined"] == 2


@pytest.mark.one_engine
def test_what_is_unreadable_and_what_is_misconfigured_are_both_named(story: Story) -> None:
    cli = configured(story, ("key_id = other", "key_id ="))
    assert cli.json("verify", expect=2)["secrets"]["unreadable"] > 0
    ((row,), *_) = story.query("SELECT id FROM data_source ORDER BY id")
    story.execute("UPDATE data_source SET secure_json_data = '[]' WHERE id = ?", row)
    report = cli.json("verify", expect=8)
    assert settings_named(report) == ["[security.encryption.azurekv.other]"]
    assert {"malformed_encoding", "provider_not_configured"} == {each["reason"] for each in report["problems"]}
    text = cli("verify", expect=8).stdout
    (problem,) = [each for each in report["problems"] if each["reason"] == "malformed_encoding"]
    assert f"data_source [{row}] secure_json_data ({problem['name']}): malformed_encoding" in text
    assert "configuration: [security.encryption.azurekv.other]: " in text
    assert "Verified" not in text


def test_secrets_under_a_disabled_version_are_named_and_hold_up_no_others(tmp_path: Path, own_vault: Vault) -> None:
    story = Story.of(tmp_path / "grafana.db", own_vault, secret_key="the secret_key")
    with story.builder() as builder:
        old = builder.data_key(key_id="old", provider=TARGET, wrap=lambda dek: own_vault.wrap("prod", dek))
        builder.add_user_auth({"o_auth_access_token": Plain(b"under the old version", old)})
        builder.add_user_auth({"o_auth_access_token": Plain(b"under no version")})
    version = own_vault.key_version("prod")
    own_vault.as_owner("POST", "/keys/prod/rotate")
    own_vault.as_owner("PATCH", f"/keys/prod/{version}", {"attributes": {"enabled": False}})
    report = story.cli.json("verify", expect=8)
    assert {name: report["secrets"][name] for name in ("total", "readable", "quarantined", "unreadable")} == {
        "total": 2,
        "readable": 1,
        "quarantined": 0,
        "unreadable": 1,
    }
    assert "disabled" in report["problems"][0]["detail"]


@pytest.mark.one_engine
def test_a_wrong_secret_key_is_one_fault_of_the_configuration_and_not_damage(story: Story) -> None:
    wrong = story.with_secret_key("another secret_key")
    report = wrong.cli.json("verify", expect=2)
    assert settings_named(report) == ["[security] secret_key"]
    assert "none shows that it is the right one" in report["configuration"][0]["message"]
    secrets = report["secrets"]
    assert secrets["unreadable"] == secrets["unreadable_by_configuration"] > 2
    # What is damaged besides is not excused by it.
    with story.builder() as builder:
        builder.add_user_auth({"o_auth_access_token": Plain(b"a token that was cut off", None)})
        builder.damage(builder.planted[-1], "bad-base64")
    report = wrong.cli.json("verify", expect=8)
    assert settings_named(report) == ["[security] secret_key"]


@pytest.mark.one_engine
def test_a_vault_section_that_names_another_key_is_a_fault_of_the_configuration(story: Story) -> None:
    with story.builder() as builder:
        second = builder.data_key(provider=TARGET, wrap=lambda dek: story.vault.wrap("prod", dek))
        builder.add_user_auth({"o_auth_access_token": Plain(b"under the second data key", second)})
    report = configured(story, ("key_id = prod", "key_id = other")).json("verify", expect=2)
    assert settings_named(report) == [f"[security.encryption.{TARGET}]"]
    assert "none of the 2 data keys under azurekv.prod unwraps" in report["configuration"][0]["message"]


@pytest.mark.one_engine
def test_a_configuration_that_has_not_followed_a_rekey_is_told_just_that(story: Story, tmp_path: Path) -> None:
    path = tmp_path / "next.key"
    path.write_text("the next secret_key, and a long one\n")
    rekey = ("rekey-secret-key", "--new-secret-key-file", str(path), "--grafana-stopped", "--to", "secretKey.v1")
    run_id = story.cli.json(*rekey)["run_id"]
    report = story.cli.json("verify", expect=2)
    assert settings_named(report) == ["[security] secret_key"]
    fault = report["configuration"][0]
    assert f"run {run_id} changed secret_key, and the configured one (from " in fault["message"]
    assert "Put the new secret_key into the configuration" in fault["hint"]
    assert story.with_secret_key("the next secret_key, and a long one").cli.json("verify")["outcome"] == "verified"


@pytest.fixture
def sound(tmp_path: Path, shared_vault: Vault) -> Story:
    """A Grafana without secrets, for those that a test damages."""
    return Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key")


@pytest.mark.one_engine
def test_a_provider_that_is_not_loaded_excuses_its_own_secrets_and_no_others(sound: Story) -> None:
    with sound.builder() as builder:
        for _ in range(2):
            gone = builder.data_key(provider="azurekv.gone", wrap=lambda _dek: b"?" * 256)
            builder.add_user_auth({"o_auth_access_token": Plain(b"under a provider that is gone", gone)})
        damaged = builder.data_key(key_id="damaged", provider=TARGET, wrap=lambda _dek: b"?" * 256)
        builder.add_user_auth({"o_auth_access_token": Plain(b"under a data key that is damaged", damaged)})
    report = sound.cli.json("verify", expect=8)
    assert report["secrets"]["unreadable"] == 3
    assert report["secrets"]["unreadable_by_configuration"] == 2
    settings = settings_named(report)
    assert len(settings) == len(set(settings))


@pytest.mark.one_engine
def test_what_a_tag_says_for_secret_key_is_no_fault_of_the_configuration(sound: Story) -> None:
    with sound.builder() as builder:
        # It opens: so secret_key is the right one, and what is under it is damaged.
        key = builder.data_key(key_id="local", algorithm="aes-gcm")
        lost = Plain(b"under another data key of this name", dataclasses.replace(key, dek=b"another key 1234"))
        for _ in range(3):
            builder.add_user_auth({"o_auth_access_token": lost})
    report = sound.cli.json("verify", expect=8)
    assert settings_named(report) == []
    assert report["secrets"]["unreadable_by_configuration"] == 0


@pytest.mark.one_engine
@pytest.mark.parametrize("damage", ["odd length", "no block"])
def test_what_the_vault_says_for_its_key_is_no_fault_of_the_configuration(sound: Story, damage: str) -> None:
    def wrap(dek: bytes) -> bytes:
        return sound.vault.wrap("prod", b"v2" + dek) if damage == "odd length" else b"cut off"

    with sound.builder() as builder:
        for _ in range(2):
            key = builder.data_key(provider=TARGET, wrap=wrap)
            builder.add_user_auth({"o_auth_access_token": Plain(b"under a data key that is damaged", key)})
    report = sound.cli.json("verify", expect=8)
    assert settings_named(report) == []
    assert report["secrets"]["unreadable_by_configuration"] == 0
