from __future__ import annotations

from collections.abc import Callable

import pytest

from reencrypt.errors import ConfigurationError
from reencrypt.keys.configuration import read_providers
from reencrypt.settings import Settings

Load = Callable[..., Settings]


def section(name: str) -> str:
    return f"[security.encryption.azurekv.{name}]\nkey_id = kek\nvault_uri = https://v.vault.azure.net\n"


@pytest.mark.parametrize("kind", ["awskms", "googlekms", "hashicorpvault"])
def test_other_kinds_are_not_supported(load: Load, kind: str) -> None:
    providers = read_providers(load(f"[security.encryption.{kind}.a]\nkey_id = x\n"))
    assert providers.unusable == {f"{kind}.a": f"Providers of the kind {kind} are not supported by reencrypt."}


def test_a_provider_that_is_named_but_has_no_section_is_incomplete(load: Load) -> None:
    text = "[security]\nencryption_provider = azurekv.a\navailable_encryption_providers = azurekv.a azurekv.b odd x.y\n"
    settings = load(text)
    providers = read_providers(settings)
    assert settings.available_providers == ("azurekv.a", "azurekv.b", "odd", "x.y")
    assert "no section [security.encryption.azurekv.a]" in providers.unusable["azurekv.a"]
    assert "no section [security.encryption.azurekv.b]" in providers.unusable["azurekv.b"]
    assert "does not have the form KIND.NAME" in providers.unusable["odd"]
    assert "The kind x is unknown" in providers.unusable["x.y"]


def test_an_unknown_provider_is_refused_with_the_list_of_those_configured(load: Load) -> None:
    with pytest.raises(ConfigurationError, match=r"azurekv\.dev is not configured") as caught:
        read_providers(load(section("a") + section("b"))).require("azurekv.dev")
    assert "azurekv.a, azurekv.b" in caught.value.hint


def test_where_no_provider_is_configured_the_hint_says_what_to_add(load: Load) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_providers(load()).require("azurekv.dev")
    assert "[security.encryption.azurekv.NAME]" in caught.value.hint
