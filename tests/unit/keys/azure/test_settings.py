from __future__ import annotations

from collections.abc import Callable

import pytest

from reencrypt.errors import ConfigurationError
from reencrypt.keys.azure.kind import ConfiguredVaultKey
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.keys.configuration import ProviderConfiguration, read_providers
from reencrypt.settings import Settings

Load = Callable[..., Settings]

Read = Callable[..., ProviderConfiguration]


@pytest.fixture
def read(load: Load) -> Read:
    """Load the settings from a file with the given text, and read their providers."""
    return lambda *text, **options: read_providers(load(*text, **options))


def azure(configuration: ProviderConfiguration, provider: str = "azurekv.prod") -> AzureKeyVaultSettings:
    found = configuration.require(provider)
    assert isinstance(found, ConfiguredVaultKey)
    return found.settings


COMPLETE = {
    "tenant_id": "tenant",
    "client_id": "client",
    "client_secret": "hunter2canary",
    "key_id": "kek",
    "vault_uri": "https://v.vault.azure.net/",
}


def section(name: str = "prod", **changes: str) -> str:
    keys = {**COMPLETE, **changes}
    lines = "\n".join(f"{key} = {text}" for key, text in keys.items() if text)
    return f"[security.encryption.azurekv.{name}]\n{lines}\n"


def test_a_complete_section_is_a_provider(read: Read) -> None:
    settings = read(section())
    found = azure(settings)
    assert list(settings.usable) == ["azurekv.prod"]
    assert found.client_secret.reveal() == "hunter2canary"
    assert (found.provider, found.section) == ("azurekv.prod", "security.encryption.azurekv.prod")
    assert (found.tenant_id, found.client_id, found.key_name) == ("tenant", "client", "kek")
    assert (found.vault_uri, found.loopback, found.trusted_suffix) == ("https://v.vault.azure.net", False, True)
    assert dict(settings.unusable) == {}


def test_there_may_be_several_providers_at_once_and_one_of_them_half_configured(read: Read) -> None:
    settings = read(section("a") + section("b", vault_uri="https://b.vault.azure.cn") + section("c", key_id=""))
    assert list(settings.usable) == ["azurekv.a", "azurekv.b"]
    assert azure(settings, "azurekv.b").vault_uri == "https://b.vault.azure.cn"
    assert settings.unusable == {"azurekv.c": "[security.encryption.azurekv.c] has no key_id."}


def test_without_a_client_secret_neither_tenant_nor_client_is_needed(read: Read) -> None:
    found = azure(read(section(tenant_id="", client_id="", client_secret="")))
    assert (found.tenant_id, found.client_id, found.client_secret.reveal()) == ("", "", "")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"key_id": "", "vault_uri": ""}, "has no key_id and no vault_uri."),
        ({"tenant_id": ""}, "has no tenant_id (needed where client_secret is set)."),
        ({"client_id": ""}, "has no client_id (needed where client_secret is set)."),
        ({"key_id": "https://v.vault.azure.net/keys/kek"}, "key_id is not the name of a key"),
        ({"key_id": "kek/0123"}, "key_id is not the name of a key"),
        ({"vault_uri": "http://v.vault.azure.net"}, "vault_uri begins with http://"),
        ({"vault_uri": "https://vault.example"}, "--trust-vault vault.example"),
        ({"client_secret": "$__vault{canary:x}"}, "client_secret in "),
        ({"client_secret": "$__vault{canary:x}"}, "uses $__vault{…}"),
        ({"client_secret": "$__file{/nowhere}"}, "client_secret names the file /nowhere does not exist."),
    ],
)
def test_what_is_wrong_is_a_sentence_until_the_provider_is_needed(
    read: Read, changes: dict[str, str], sentence: str
) -> None:
    settings = read(section(**changes))
    assert dict(settings.usable) == {}
    assert sentence in settings.unusable["azurekv.prod"]
    assert settings.unusable["azurekv.prod"].startswith("[security.encryption.azurekv.prod] ")
    with pytest.raises(ConfigurationError) as caught:
        settings.require("azurekv.prod")
    assert sentence in caught.value.message
    assert "[security.encryption.azurekv.prod]" in f"{caught.value.message} {caught.value.hint}"
    assert "canary" not in caught.value.message + caught.value.hint + repr(settings)


def test_a_vault_elsewhere_is_accepted_where_it_is_trusted(read: Read) -> None:
    text = section(vault_uri="https://vault.example:8443")
    found = azure(read(text, trusted_vault_hosts=("vault.example:8443",)))
    assert (found.vault_uri, found.loopback, found.trusted_suffix) == ("https://vault.example:8443", False, False)


def test_a_vault_on_this_machine_needs_no_trust(read: Read) -> None:
    found = azure(read(section(vault_uri="https://localhost:8443")))
    assert (found.loopback, found.trusted_suffix) == (True, False)


def test_a_variable_overrides_a_key_that_the_file_has(read: Read) -> None:
    environ = {"GF_SECURITY_ENCRYPTION_AZUREKV_MY_PROD_CLIENT_SECRET": "from-variable"}
    settings = read(section("my-prod"), environ=environ)
    assert azure(settings, "azurekv.my-prod").client_secret.reveal() == "from-variable"


def test_a_variable_for_a_key_that_the_file_has_not_is_ignored_and_the_sentence_says_so(read: Read) -> None:
    name = "GF_SECURITY_ENCRYPTION_AZUREKV_PROD_KEY_ID"
    settings = read(section(key_id=""), environ={name: "kek"})
    assert f"{name} is ignored" in settings.unusable["azurekv.prod"]


def test_a_client_secret_that_only_a_variable_has_is_no_licence_to_sign_in_as_somebody_else(read: Read) -> None:
    name = "GF_SECURITY_ENCRYPTION_AZUREKV_PROD_CLIENT_SECRET"
    settings = read(section(client_secret=""), environ={name: "hunter2canary"})
    assert f"{name} is ignored" in settings.unusable["azurekv.prod"]
    (shown,) = [value for value in settings.shown if value.key == "client_secret"]
    assert (shown.text, shown.secret) == ("", True)
    assert f"{name} is ignored" in shown.origin


def test_a_section_inherits_from_the_one_above_which_is_no_provider_itself(read: Read) -> None:
    text = "[security.encryption.azurekv]\ntenant_id = shared\n" + section(tenant_id="")
    settings = read(text)
    assert azure(settings).tenant_id == "shared"
    assert dict(settings.unusable) == {}


def test_the_facts_are_frozen(read: Read) -> None:
    found = azure(read(section()))
    with pytest.raises(AttributeError):
        found.key_name = "x"  # type: ignore[misc]
    assert isinstance(found, AzureKeyVaultSettings)
