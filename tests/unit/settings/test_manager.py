"""`[secrets_manager]`: read as Grafana reads it, and never in the way of the classic store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reencrypt.catalogue.store_name import StoreName
from reencrypt.errors import ConfigurationError
from reencrypt.settings import Settings
from reencrypt.settings.defaults import DEFAULT_SECRET_KEY
from reencrypt.settings.truth import parse_truth

Load = Callable[..., Settings]

V1 = "[secrets_manager.encryption.secret_key.v1]\n"
V2 = "[secrets_manager.encryption.secret_key.v2]\n"
VARIABLE = "GF_SECRETS_MANAGER_ENCRYPTION_SECRET_KEY_V1_SECRET_KEY"


def shown(settings: Settings) -> dict[str, tuple[str, str]]:
    return {each.key: (each.text, each.origin) for each in settings.shown if each.section == "secrets_manager"}


def test_without_any_file_it_is_as_grafana_ships_it_with_a_public_secret(load: Load) -> None:
    manager = load().manager
    assert (manager.store.encryption_provider, manager.store.encryption_provider_origin) == ("secret_key.v1", "default")
    assert list(manager.store.providers) == ["secret_key.v1"]
    assert (manager.store.algorithm, manager.store.data_keys_cache_ttl) == ("aes-gcm", timedelta(minutes=15))
    assert (manager.is_remote, manager.runs_migrations, manager.splits_values) == (False, True, True)
    secret = manager.secret_of("secret_key.v1")
    assert (secret.text, secret.source) == (DEFAULT_SECRET_KEY, "default")
    assert manager.secret_is_default("secret_key.v1")
    assert manager.store.checked() is manager.store


def test_the_secret_does_not_follow_that_of_the_classic_store(load: Load) -> None:
    settings = load("[security]\nsecret_key = changed\n")
    assert not settings.secret_key_is_default
    assert settings.manager.secret_is_default("secret_key.v1")


def test_a_store_has_its_settings_by_its_name(load: Load) -> None:
    settings = load("[security]\nencryption_provider = azurekv.a\n[security.encryption]\nalgorithm = aes-gcm\n")
    classic = settings.of(StoreName.CLASSIC)
    assert classic == settings.classic
    assert (classic.encryption_provider, classic.algorithm) == ("azurekv.a", "aes-gcm")
    assert classic.providers is settings.providers
    assert settings.of(StoreName.MANAGER) is settings.manager.store


def test_every_section_is_a_provider_with_or_without_a_list_and_a_dot(load: Load, tmp_path: Path) -> None:
    ids = ["secret_key.v2", "secret_key_old.x", "secret_key", "azure_keyvault.prod", "secret_key.a.b", "odd"]
    manager = load("".join(f"[secrets_manager.encryption.{each}]\nsecret_key = of {each}\n" for each in ids)).manager
    assert list(manager.store.providers) == ["secret_key.v1", *ids]
    kinds = {each: section.kind for each, section in manager.store.providers.items()}
    assert kinds == {each: "secret_key" for each in kinds if each.startswith("secret_key")} | {
        "azure_keyvault.prod": "azure_keyvault",
        "odd": "odd",
    }
    assert manager.store.providers["secret_key.v2"].name == "secrets_manager.encryption.secret_key.v2"
    secret = manager.secret_of("secret_key_old.x")
    assert (secret.text, secret.source) == ("of secret_key_old.x", str(tmp_path / "grafana.ini"))
    # A secret of another kind is no business of ours.
    assert manager.secret_of("odd").text == manager.secret_of("nowhere").text == ""


@pytest.mark.parametrize("provider", ["secretKey.v1", "secretKey", "SECRET_KEY.v1"])
def test_ids_are_literal(load: Load, provider: str) -> None:
    manager = load(f"[secrets_manager]\nencryption_provider = {provider}\n").manager
    assert manager.store.encryption_provider == provider
    assert manager.store.providers[provider].is_named
    assert not manager.store.providers[provider].is_present


def test_a_variable_counts_for_a_key_that_a_file_or_the_defaults_have_and_for_no_other(load: Load) -> None:
    ignored = VARIABLE.replace("V1", "V2")
    environ = {VARIABLE: "one", ignored: "two", "GF_SECRETS_MANAGER_GRPC_CLIENT_ENABLE": "true"}
    manager = load(environ=environ).manager
    secret = manager.secret_of("secret_key.v1")
    assert (secret.text, secret.source) == ("one", VARIABLE)
    assert not manager.is_remote
    assert "secret_key.v2" not in manager.store.providers
    text = f"{V2}secret_key = x\n[secrets_manager]\ngrpc_client_enable = false\n"
    manager = load(text, environ=environ).manager
    assert (manager.secret_of("secret_key.v2").text, manager.is_remote) == ("two", True)
    assert manager.is_remote_origin == "GF_SECRETS_MANAGER_GRPC_CLIENT_ENABLE"


def test_an_empty_section_of_the_custom_file_is_no_section(load: Load) -> None:
    assert list(load(f"{V2}secret_key =\n").manager.store.providers) == ["secret_key.v1"]
    assert load(f"{V1}secret_key =\n").manager.secret_is_default("secret_key.v1")


def test_expressions_are_replaced_and_references_of_keys_are_not(load: Load, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    text = f"{V1}secret_key = $__file{{{tmp_path / 'key'}}}\n{V2}other = x\nsecret_key = ${{B}}%(other)s\n"
    manager = load(text, environ={"B": "b"}).manager
    assert manager.secret_of("secret_key.v1").text == "from a file"
    # Grafana reads these sections by `KeysHash`, which holds what is written.
    assert manager.secret_of("secret_key.v2").text == "b%(other)s"


def test_a_section_inherits_nothing(load: Load) -> None:
    above = "[secrets_manager.encryption.other]\nsecret_key = above\n"
    manager = load(f"{above}[secrets_manager.encryption.other.x]\na = b\n{V2}a = b\n").manager
    assert manager.store.providers["other.x"].get("secret_key").text == ""
    assert manager.secret_of("secret_key.v2").text == ""


@pytest.mark.parametrize(("text", "minutes"), [("1h", 60), ("0", 0), ("soon", 15), ("15", 15), ("", 15)])
def test_a_cache_time_that_grafana_cannot_read_is_15_minutes(load: Load, text: str, minutes: int) -> None:
    settings = load(f"[secrets_manager]\ndata_keys_cache_ttl = {text}\n")
    assert settings.of("manager").data_keys_cache_ttl == timedelta(minutes=minutes)
    assert settings.data_keys_cache_ttl == timedelta(minutes=15)


@pytest.mark.parametrize(
    ("migrates", "splits", "expected"),
    [
        ("true", "true", (True, True)),
        ("off", "true", (False, False)),
        ("yes", "No", (True, False)),
        ("TRUE", "perhaps", (True, True)),
        ("perhaps", "0", (True, False)),
    ],
)
def test_truth_is_what_go_reads_and_otherwise_the_default(
    load: Load, migrates: str, splits: str, expected: tuple[bool, bool]
) -> None:
    text = f"[secrets_manager]\nrun_secrets_db_migrations = {migrates}\nrun_data_key_migration = {splits}\n"
    settings = load(text)
    assert (settings.manager.runs_migrations, settings.manager.splits_values) == expected
    if migrates == "perhaps":
        text, origin = shown(settings)["run_secrets_db_migrations"]
        assert text == "true"
        assert "cannot read" in origin


def test_defaults_of_an_older_grafana_have_no_provider_and_show_nothing(load: Load, tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/defaults.ini").write_text("[security]\nsecret_key = x\n[database]\ntype = sqlite3\n")
    settings = load(home=tmp_path)
    assert settings.of("manager").encryption_provider == "misconfigured"
    assert dict(settings.of("manager").providers) == {}
    assert shown(settings) == {}


def test_all_that_is_read_is_shown(load: Load, tmp_path: Path) -> None:
    lines = shown(load("[secrets_manager]\nencryption_provider = secret_key.v2\ngrpc_client_enable = on\n"))
    file = str(tmp_path / "grafana.ini")
    assert lines == {
        "encryption_provider": ("secret_key.v2", file),
        "data_keys_cache_ttl": ("15m", "default"),
        "run_secrets_db_migrations": ("true", "default"),
        "run_data_key_migration": ("true", "default"),
        "grpc_client_enable": ("true", file),
    }


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("encryption_provider", "$__vault{a}", "cannot resolve"),
        ("encryption_provider", "${NOT_SET}", "comes to nothing"),
        ("grpc_client_enable", "$__file{/no/such/file}", "does not exist"),
        ("data_keys_cache_ttl", "$__vault{a}", "cannot resolve"),
    ],
)
def test_what_cannot_be_resolved_is_an_error_for_whoever_needs_the_store(
    load: Load, key: str, value: str, words: str
) -> None:
    settings = load(f"[secrets_manager]\n{key} = {value}\n")
    assert settings.classic.checked().encryption_provider == "secretKey.v1"
    with pytest.raises(ConfigurationError, match=words) as caught:
        settings.of("manager").checked()
    assert key in caught.value.message or "/no/such/file" in caught.value.message
    text, origin = shown(settings)[key]
    assert text == ""
    assert words in origin
    assert settings.of("manager").encryption_provider == ("" if key == "encryption_provider" else "secret_key.v1")


def test_a_secret_that_cannot_be_resolved_is_an_error_for_whoever_needs_it(load: Load) -> None:
    manager = load(f"{V2}secret_key = $__vault{{a}}\n").manager
    assert manager.store.fault is None
    assert not manager.secret_is_default("secret_key.v2")
    with pytest.raises(ConfigurationError, match=r"\[secrets_manager\.encryption\.secret_key\.v2\] secret_key"):
        manager.secret_of("secret_key.v2")


def test_no_secret_is_in_a_repr(load: Load) -> None:
    settings = load(f"{V1}secret_key = canary\n")
    assert "canary" not in repr(settings.manager) + repr(settings.manager.secret_of("secret_key.v1"))


def test_go_ini_knows_13_words_for_each_truth() -> None:
    words = [*"1tTyY0fFnN", "true", "yes", "on", "false", "no", "off"]
    known = {form for word in words for form in (word, word.upper(), word.title()) if parse_truth(form) is not None}
    assert len(known) == 26
    assert parse_truth("Y") is parse_truth("N") is parse_truth(" true") is parse_truth("") is None


@given(
    keys=st.dictionaries(
        st.sampled_from(["encryption_provider", "data_keys_cache_ttl", "grpc_client_enable", "run_data_key_migration"]),
        st.sampled_from(["", "${A}", "$__file{/a}", "$__vault{a}", "%(a)s", "x", "true", "1h", "secret_key.v1"]),
    ),
    secret=st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=12),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_whatever_it_holds_the_classic_store_is_read(load: Load, keys: dict[str, str], secret: str) -> None:
    lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
    found = load(f"[secrets_manager]\n{lines}{V2}secret_key = {secret!r}\n[security]\nsecret_key = mine\n")
    assert found.secret_key.reveal() == "mine"
