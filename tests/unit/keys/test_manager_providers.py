"""Providers of the secrets manager: one for each section, and those that are only read by a vault's key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto import managed
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.errors import ConfigurationError, RefusedError
from reencrypt.keys.configuration import ProviderConfiguration, read_providers
from reencrypt.keys.errors import MalformedWrappingError, UnwrapFailedError
from reencrypt.keys.kind import ProviderContext
from reencrypt.keys.manager_options import ManagerVault
from reencrypt.keys.providers import Providers
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.settings import Settings
from tests.grafana.manager_decryptor import decrypt

Load = Callable[..., Settings]

# Of the facts on the secrets manager, section 3.5: this data key under the shipped secret.
DATA_KEY = bytes(range(0xF0, 0x100))
WRAPPED = bytes.fromhex(
    "2a5957567a4c57646a62512a000102032a23feff000102030405060708090a0b66058d86293ea88527cfe90299e4159e30ab8e49089f"
    "b166ec7326275018b28c"
)
VAULT = "[security.encryption.azurekv.prod]\nkey_id = kek\nvault_uri = https://v.vault.azure.net\n"
KEY_VERSION = "0123456789abcdef0123456789abcdef"


def section(provider: str, text: str = "mine") -> str:
    return f"[secrets_manager.encryption.{provider}]\nsecret_key = {text}\n"


def configured(settings: Settings) -> ProviderConfiguration:
    return read_providers(settings, StoreName.MANAGER)


def providers_of(settings: Settings, *vaults: str, **options: Any) -> Providers:
    context = ProviderContext(ServiceOptions(**options))
    return Providers.manager(settings, DerivedKeyCache(), context, map(ManagerVault.parse, vaults))


async def test_the_shipped_section_unwraps_what_grafana_wrapped_and_the_tag_proves_it(load: Load) -> None:
    provider = providers_of(load()).get("secret_key.v1")
    unwrapped = await provider.unwrap(WRAPPED)
    assert (unwrapped.data_key, unwrapped.is_proof) == (DATA_KEY, True)
    assert await provider.unwrap_again(WRAPPED, unwrapped) == DATA_KEY
    assert (provider.name, provider.needs_wrap_format) == ("secret_key.v1", False)


@pytest.mark.parametrize("provider", ["secret_key.v2", "secret_key_old.x", "secret_key", "secret_key.a.b"])
async def test_each_section_wraps_under_its_own_secret_as_grafana_reads_it(load: Load, provider: str) -> None:
    providers = providers_of(load(section(provider, "tïtle")))
    wrapped = await providers.get(provider).wrap(DATA_KEY, None)
    assert len(wrapped) == 64
    assert managed.parse_payload(wrapped).prefixed
    # A decryptor that shares no code with the package.
    assert decrypt(wrapped, "tïtle".encode()) == DATA_KEY
    assert (await providers.get(provider).unwrap(wrapped)).data_key == DATA_KEY
    with pytest.raises(UnwrapFailedError) as caught:
        await providers.get("secret_key.v1").unwrap(wrapped)
    assert not isinstance(caught.value, MalformedWrappingError)
    assert str(caught.value) == ("its GCM tag does not match [secrets_manager.encryption.secret_key.v1] secret_key")


@pytest.mark.parametrize("wrapped", [b"", b"*", WRAPPED[:-20], WRAPPED + b"x", b"#YWJj#" + WRAPPED, b"\0" * 64])
async def test_what_is_no_wrapped_data_key_is_so_for_every_secret(load: Load, wrapped: bytes) -> None:
    with pytest.raises(MalformedWrappingError):
        await providers_of(load()).get("secret_key.v1").unwrap(wrapped)


def test_the_settings_of_the_classic_store_are_not_the_managers(load: Load) -> None:
    settings = load("[security]\nencryption_provider = azurekv.prod\n" + VAULT + section("secret_key.v2"))
    assert list(configured(settings).usable) == ["secret_key.v1", "secret_key.v2"]
    assert list(read_providers(settings).usable) == ["azurekv.prod"]
    assert configured(settings).unusable == {}
    assert configured(settings).quota("secret_key.v2") is None
    key = configured(settings).require("secret_key.v2")
    assert key.key_id() == key.disable_command("") == ""
    with pytest.raises(LookupError):
        _ = providers_of(settings).secret_key


@pytest.mark.parametrize(
    ("provider", "hint", "problem"),
    [
        ("azurekv.prod", "--manager-vault azurekv.prod=azurekv.NAME", ""),
        ("secretKey.v1", "Configured are: secret_key.v1.", "The kind secretKey is unknown; reencrypt supports secret_"),
        ("secret_key.v3", "Configured are: secret_key.v1.", "no section [secrets_manager.encryption.secret_key.v3]"),
    ],
)
def test_an_id_without_a_section_is_not_configured(load: Load, provider: str, hint: str, problem: str) -> None:
    settings = load(VAULT)
    with pytest.raises(ConfigurationError) as caught:
        providers_of(settings).get(provider)
    assert caught.value.message == f"provider {provider} of the secrets manager is not configured"
    assert hint in caught.value.hint
    assert problem in configured(settings).problem(provider)
    assert bool(problem) is bool(configured(settings).problem(provider))


def test_the_provider_that_grafana_would_encrypt_under_needs_its_section(load: Load) -> None:
    found = configured(load("[secrets_manager]\nencryption_provider = secret_key.v2\n"))
    assert "no section [secrets_manager.encryption.secret_key.v2]" in found.unusable["secret_key.v2"]
    assert found.problem("secret_key.v2") == found.unusable["secret_key.v2"]
    assert found.problem("secret_key.v1") == ""


def test_a_section_without_its_secret_names_itself_and_the_variable_that_does_not_help(load: Load) -> None:
    name = "GF_SECRETS_MANAGER_ENCRYPTION_SECRET_KEY_V2_SECRET_KEY"
    found = configured(load("[secrets_manager.encryption.secret_key.v2]\nkey = x\n", environ={name: "canary"}))
    assert list(found.usable) == ["secret_key.v1"]
    with pytest.raises(ConfigurationError) as caught:
        found.require("secret_key.v2")
    message, hint = caught.value.message, caught.value.hint
    assert message.startswith("provider secret_key.v2 of the secrets manager cannot be used: [secrets_manager.encr")
    assert "has no secret_key" in message
    assert f"{name} is ignored" in message
    assert "Complete [secrets_manager.encryption.secret_key.v2] in " in hint


@pytest.mark.parametrize("value", ["$__vault{a}", "${NOT_SET}", "$__file{/no/such/file}"])
def test_a_secret_that_cannot_be_resolved_spoils_its_own_provider_alone(load: Load, value: str) -> None:
    settings = load(section("secret_key.v2", value))
    assert list(configured(settings).usable) == ["secret_key.v1"]
    assert "secret_key.v2" in configured(settings).unusable
    assert read_providers(settings).unusable == {}


@pytest.mark.parametrize("kind", ["azure_keyvault", "azure_kv", "aws_kms", "google_kms", "hashicorp_vault"])
def test_kinds_of_enterprise_are_unusable_with_a_reason_and_no_fault(load: Load, kind: str) -> None:
    found = configured(load(f"[secrets_manager.encryption.{kind}.a]\nregion = x\n"))
    assert found.unusable[f"{kind}.a"] == (
        f"Providers of the kind {kind} are Grafana Enterprise's, and how they wrap for the secrets manager is not "
        "public."
    )
    assert found.problem(f"{kind}.a") == ""
    with pytest.raises(ConfigurationError) as caught:
        found.require(f"{kind}.a")
    is_azure = kind.startswith("azure")
    assert (f"--manager-vault {kind}.a=azurekv.NAME" in caught.value.hint) is is_azure
    assert ("azurekv.NAME" in found.remedy(f"{kind}.a")) is is_azure


@pytest.mark.parametrize(
    ("provider", "words"), [("fake.v1", "The kind fake is unknown"), ("odd", "the form KIND.NAME")]
)
def test_another_kind_is_a_fault_where_it_is_named_and_else_nothing(load: Load, provider: str, words: str) -> None:
    text = f"[secrets_manager.encryption.{provider}]\na = b\n"
    assert configured(load(text)).unusable == {}
    named = configured(load(f"{text}[secrets_manager]\nencryption_provider = {provider}\n"))
    assert words in named.unusable[provider]
    assert words in named.problem(provider)


def test_files_without_a_secrets_manager_are_named_where_it_is_needed(load: Load, tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/defaults.ini").write_text("[security]\nsecret_key = x\n[database]\ntype = sqlite3\n")
    settings = load(home=tmp_path)
    found = configured(settings)
    assert (dict(found.usable), dict(found.unusable)) == ({}, {})
    provider = settings.of(StoreName.MANAGER).encryption_provider
    with pytest.raises(ConfigurationError, match=r"\[secrets_manager\] has no encryption_provider"):
        found.require(provider)
    assert "has no encryption_provider" in found.problem(provider)
    with pytest.raises(ConfigurationError) as caught:
        found.require("secret_key.v1")
    assert "[secrets_manager.encryption.secret_key.NAME]" in caught.value.hint


def test_the_secrets_are_masked_and_named_with_their_origin(load: Load, tmp_path: Path) -> None:
    shown = configured(load(section("secret_key.v2", "canary"))).shown
    lines = {each.section: (each.key, each.text, each.origin, each.secret) for each in shown}
    assert lines == {
        "secrets_manager.encryption.secret_key.v1": ("secret_key", "*********", "default", True),
        "secrets_manager.encryption.secret_key.v2": ("secret_key", "*********", str(tmp_path / "grafana.ini"), True),
    }


def test_nothing_that_holds_a_secret_shows_it(load: Load) -> None:
    settings = load(section("secret_key.v2", "canary"))
    provider = providers_of(settings).get("secret_key.v2")
    assert "canary" not in repr(configured(settings)) + repr(provider) + str(
        configured(settings).require("secret_key.v2")
    )


# A vault's key in the place of a provider of Enterprise.


def test_a_named_key_makes_a_provider_usable_with_or_without_a_section(load: Load) -> None:
    settings = load(VAULT + "[secrets_manager.encryption.azure_keyvault.a]\nx = y\n")
    found = providers_of(settings, "azure_keyvault.a=azurekv.prod", "b=azurekv.prod").configured
    assert list(found.usable) == ["secret_key.v1", "azure_keyvault.a", "b"]
    assert found.unusable == {}
    classic = read_providers(settings)
    for provider in ("azure_keyvault.a", "b"):
        assert found.require(provider).key_id("1") == classic.require("azurekv.prod").key_id("1")
        assert found.require(provider).disable_command("1") == classic.require("azurekv.prod").disable_command("1")
        assert found.quota(provider) == classic.quota("azurekv.prod") is not None
        assert found.problem(provider) == ""


async def test_nothing_is_written_under_it_while_no_format_is_shown(load: Load) -> None:
    providers = providers_of(load(VAULT), "azure_kv.a=azurekv.prod")
    provider = providers.get("azure_kv.a")
    assert provider is providers.get("azure_kv.a")
    assert (provider.name, provider.needs_wrap_format) == ("azure_kv.a", True)
    with pytest.raises(RefusedError, match=r"nothing is written under azure_kv\.a of the secrets manager before"):
        await provider.wrap(DATA_KEY, None)
    await provider.close()


@pytest.mark.parametrize(
    ("vaults", "words"),
    [
        (["secret_key.v1=azurekv.prod"], r"read by the secret in \[secrets_manager\.encryption\.secret_key\.v1\]"),
        (["secret_key_old.x=azurekv.prod"], r"--manager-vault secret_key_old\.x=azurekv\.prod: what secret_key_old\.x"),
        (["a.b=azurekv.other"], r"--manager-vault a\.b=azurekv\.other: provider azurekv\.other is not configured"),
        (["a.b=secretKey.v1"], r"secretKey\.v1 is not configured"),
        (["a.b=azurekv.half"], r"azurekv\.half cannot be used: \[security\.encryption\.azurekv\.half\] has no key_id"),
        (["a.b=azurekv.prod", "a.b=azurekv.two"], r"a\.b has another key by --manager-vault already"),
    ],
)
def test_a_key_that_cannot_be_borrowed_is_refused_by_name(load: Load, vaults: list[str], words: str) -> None:
    half = "[security.encryption.azurekv.half]\nvault_uri = https://v.vault.azure.net\n"
    settings = load(VAULT + VAULT.replace("prod", "two") + half)
    with pytest.raises(ConfigurationError, match=words) as caught:
        providers_of(settings, *vaults)
    assert caught.value.hint


def test_the_same_key_may_be_named_twice(load: Load) -> None:
    assert "a.b" in providers_of(load(VAULT), "a.b=azurekv.prod", "a.b=azurekv.prod").configured.usable


def test_versions_of_a_vaults_key_are_none_of_the_secrets_business(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, ...]] = []
    monkeypatch.setattr(
        "reencrypt.keys.azure.provider.AzureKeyProvider",
        lambda _settings, context, **_rest: opened.append(context.options.key_versions),
    )
    versions = (KEY_VERSION.upper(),)
    providers_of(load(VAULT), key_versions=versions).get("secret_key.v1")
    providers_of(load(VAULT), "a.b=azurekv.prod", key_versions=versions).get("a.b")
    assert opened == [(KEY_VERSION,)]


@pytest.mark.parametrize(
    "text",
    ["", "=", "a", "a=", "=azurekv.b", "a=azurekv", "a=azurekv.", "a=.b", " a=azurekv.b", "a=azurekv.b\n", "a\0=b.c"],
)
def test_a_pair_of_another_form_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not PROVIDER=KIND\.NAME") as caught:
        ManagerVault.parse(text)
    assert repr(text) in str(caught.value)


NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S"), exclude_characters="=."), min_size=1)


@given(provider=NAMES, kind=NAMES, name=NAMES)
def test_a_pair_is_read_as_it_is_written(provider: str, kind: str, name: str) -> None:
    pair = ManagerVault(f"{provider}.a", f"{kind}.{name}")
    assert ManagerVault.parse(str(pair)) == pair
