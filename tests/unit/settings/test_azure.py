from __future__ import annotations

from collections.abc import Callable

import pytest

from reencrypt.errors import ConfigurationError
from reencrypt.settings import AzureKeyVaultSettings, Settings, require_azure

Load = Callable[..., Settings]

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


def test_a_complete_section_is_a_provider(load: Load) -> None:
    settings = load(section())
    found = require_azure(settings, "azurekv.prod")
    assert found is settings.azure["azurekv.prod"]
    assert found.client_secret.reveal() == "hunter2canary"
    assert (found.provider, found.section) == ("azurekv.prod", "security.encryption.azurekv.prod")
    assert (found.tenant_id, found.client_id, found.key_name) == ("tenant", "client", "kek")
    assert (found.vault_uri, found.loopback, found.trusted_suffix) == ("https://v.vault.azure.net", False, True)
    assert dict(settings.incomplete) == {}


def test_there_may_be_several_providers_at_once_and_one_of_them_half_configured(load: Load) -> None:
    settings = load(section("a") + section("b", vault_uri="https://b.vault.azure.cn") + section("c", key_id=""))
    assert list(settings.azure) == ["azurekv.a", "azurekv.b"]
    assert settings.azure["azurekv.b"].vault_uri == "https://b.vault.azure.cn"
    assert settings.incomplete == {"azurekv.c": "[security.encryption.azurekv.c] has no key_id."}


def test_without_a_client_secret_neither_tenant_nor_client_is_needed(load: Load) -> None:
    found = load(section(tenant_id="", client_id="", client_secret="")).azure["azurekv.prod"]
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
    load: Load, changes: dict[str, str], sentence: str
) -> None:
    settings = load(section(**changes))
    assert dict(settings.azure) == {}
    assert sentence in settings.incomplete["azurekv.prod"]
    assert settings.incomplete["azurekv.prod"].startswith("[security.encryption.azurekv.prod] ")
    with pytest.raises(ConfigurationError) as caught:
        require_azure(settings, "azurekv.prod")
    assert sentence in caught.value.message
    assert "[security.encryption.azurekv.prod]" in caught.value.hint
    assert "canary" not in caught.value.message + caught.value.hint + repr(settings)


def test_a_vault_elsewhere_is_accepted_where_it_is_trusted(load: Load) -> None:
    text = section(vault_uri="https://vault.example:8443")
    found = load(text, trusted_vault_hosts=("vault.example:8443",)).azure["azurekv.prod"]
    assert (found.vault_uri, found.loopback, found.trusted_suffix) == ("https://vault.example:8443", False, False)


def test_a_vault_on_this_machine_needs_no_trust(load: Load) -> None:
    found = load(section(vault_uri="https://localhost:8443")).azure["azurekv.prod"]
    assert (found.loopback, found.trusted_suffix) == (True, False)


def test_a_variable_overrides_a_key_that_the_file_has(load: Load) -> None:
    environ = {"GF_SECURITY_ENCRYPTION_AZUREKV_MY_PROD_CLIENT_SECRET": "from-variable"}
    settings = load(section("my-prod"), environ=environ)
    assert settings.azure["azurekv.my-prod"].client_secret.reveal() == "from-variable"


def test_a_variable_for_a_key_that_the_file_has_not_is_ignored_and_the_sentence_says_so(load: Load) -> None:
    name = "GF_SECURITY_ENCRYPTION_AZUREKV_PROD_KEY_ID"
    settings = load(section(key_id=""), environ={name: "kek"})
    assert f"{name} is ignored" in settings.incomplete["azurekv.prod"]


def test_a_client_secret_that_only_a_variable_has_is_no_licence_to_sign_in_as_somebody_else(load: Load) -> None:
    name = "GF_SECURITY_ENCRYPTION_AZUREKV_PROD_CLIENT_SECRET"
    settings = load(section(client_secret=""), environ={name: "hunter2canary"})
    assert f"{name} is ignored" in settings.incomplete["azurekv.prod"]
    (shown,) = [value for value in settings.shown if value.key == "client_secret"]
    assert (shown.text, shown.secret) == ("", True)
    assert f"{name} is ignored" in shown.origin


def test_a_section_inherits_from_the_one_above_which_is_no_provider_itself(load: Load) -> None:
    text = "[security.encryption.azurekv]\ntenant_id = shared\n" + section(tenant_id="")
    settings = load(text)
    assert settings.azure["azurekv.prod"].tenant_id == "shared"
    assert dict(settings.incomplete) == {}


@pytest.mark.parametrize("kind", ["awskms", "googlekms", "hashicorpvault"])
def test_other_kinds_are_not_supported(load: Load, kind: str) -> None:
    settings = load(f"[security.encryption.{kind}.a]\nkey_id = x\n")
    assert settings.incomplete == {f"{kind}.a": f"Providers of the kind {kind} are not supported by reencrypt."}


def test_a_provider_that_is_named_but_has_no_section_is_incomplete(load: Load) -> None:
    text = "[security]\nencryption_provider = azurekv.a\navailable_encryption_providers = azurekv.a azurekv.b odd x.y\n"
    settings = load(text)
    assert settings.available_providers == ("azurekv.a", "azurekv.b", "odd", "x.y")
    assert "no section [security.encryption.azurekv.a]" in settings.incomplete["azurekv.a"]
    assert "no section [security.encryption.azurekv.b]" in settings.incomplete["azurekv.b"]
    assert "does not have the form KIND.NAME" in settings.incomplete["odd"]
    assert "The kind x is unknown" in settings.incomplete["x.y"]


def test_an_unknown_provider_is_refused_with_the_list_of_those_configured(load: Load) -> None:
    with pytest.raises(ConfigurationError, match=r"azurekv\.dev is not configured") as caught:
        require_azure(load(section("a") + section("b")), "azurekv.dev")
    assert "azurekv.a, azurekv.b" in caught.value.hint


def test_where_no_provider_is_configured_the_hint_says_what_to_add(load: Load) -> None:
    with pytest.raises(ConfigurationError) as caught:
        require_azure(load(), "azurekv.dev")
    assert "[security.encryption.azurekv.NAME]" in caught.value.hint


def test_the_secret_key_is_not_in_azure(load: Load) -> None:
    with pytest.raises(ConfigurationError, match="not in Azure Key Vault"):
        require_azure(load(), "secretKey.v1")


def test_the_facts_are_frozen(load: Load) -> None:
    found = load(section()).azure["azurekv.prod"]
    with pytest.raises(AttributeError):
        found.key_name = "x"  # type: ignore[misc]
    assert isinstance(found, AzureKeyVaultSettings)
