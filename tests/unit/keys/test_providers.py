from __future__ import annotations

from collections.abc import Callable

import pytest

from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.errors import ConfigurationError
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.keys.kind import ProviderContext, Quota, Services
from reencrypt.keys.providers import Providers
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.settings import Settings

Load = Callable[..., Settings]
Opened = dict[str, tuple[ProviderContext, object, object]]
VERSION = "0123456789ABCDEF0123456789abcdef"


def section(name: str, vault: str, key: str = "kek", client: str = "") -> str:
    identity = f"tenant_id = t\nclient_id = {client}\nclient_secret = s\n" if client else ""
    return f"[security.encryption.azurekv.{name}]\nkey_id = {key}\nvault_uri = {vault}\n{identity}"


def open_all(settings: Settings, services: Services | None = None, key_versions: tuple[str, ...] = ()) -> Providers:
    context = ProviderContext(ServiceOptions(key_versions=key_versions), services=services or Services())
    return Providers.classic(settings, DerivedKeyCache(), context)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """How each key was opened: with which context, limiter and connection."""
    found: Opened = {}

    def record(
        settings: AzureKeyVaultSettings, context: ProviderContext, *, limiter: object, connection: object
    ) -> None:
        found[settings.provider] = context, limiter, connection

    monkeypatch.setattr("reencrypt.keys.azure.provider.AzureKeyProvider", record)
    return found


def test_keys_of_one_vault_share_a_limiter_and_another_process_has_its_own(load: Load, opened: Opened) -> None:
    vaults = {"a": "https://V.vault.azure.net", "b": "https://v.vault.azure.net:443", "c": "https://w.vault.azure.net"}
    settings = load("".join(section(name, vault) for name, vault in vaults.items()))
    providers = open_all(settings)
    for name in vaults:
        providers.get(f"azurekv.{name}")
    first, second, other = (limiter for _, limiter, _ in opened.values())
    assert first is second
    assert first is not other
    open_all(settings).get("azurekv.a")
    assert opened["azurekv.a"][1] is not first


def test_sessions_of_one_process_share_a_connection_for_each_vault_and_identity(load: Load, opened: Opened) -> None:
    vault, services = "https://v.vault.azure.net", Services()
    keys = section("a", vault, client="x") + section("b", vault, "other", client="x") + section("c", vault, client="y")
    providers = open_all(load(keys), services)
    for name in "abc":
        providers.get(f"azurekv.{name}")
    (_, limiter, first), (_, _, second), (_, third_limiter, third) = opened.values()
    assert (first is second, first is third, limiter is third_limiter) == (True, False, True)
    open_all(load(section("a", vault, client="x")), services).get("azurekv.a")
    assert opened["azurekv.a"][1:] == (limiter, first)


def test_two_providers_that_name_one_key_have_one_key_id(load: Load) -> None:
    configured = open_all(
        load(section("a", "https://V.vault.azure.net/") + section("b", "https://v.vault.azure.net", "KEK"))
    ).configured
    a, b = configured.require("azurekv.a"), configured.require("azurekv.b")
    assert a.key_id() == b.key_id() == "https://v.vault.azure.net/keys/kek"
    assert a.key_id("1") == "https://v.vault.azure.net/keys/kek/1"
    assert a.disable_command("1") == b.disable_command("1")
    assert a.disable_command("1").endswith(" --id https://v.vault.azure.net/keys/kek/1 --enabled false")


@pytest.mark.parametrize("text", ["", section("a", "https://v.vault.azure.net")])
def test_a_key_version_that_can_be_none_is_refused(load: Load, text: str) -> None:
    with pytest.raises(ConfigurationError, match="'prod/1' is not a version of a key in Key Vault"):
        open_all(load(text), key_versions=(VERSION, "prod/1"))


def test_a_key_version_reaches_its_provider_in_its_normal_form(load: Load, opened: Opened) -> None:
    open_all(load(section("a", "https://v.vault.azure.net")), key_versions=(VERSION,)).get("azurekv.a")
    context, _, _ = opened["azurekv.a"]
    assert context.options.key_versions == (VERSION.lower(),)


def test_calls_cost_what_the_kind_says_and_secret_key_costs_nothing(load: Load) -> None:
    configured = open_all(load()).configured
    assert configured.quota("azurekv.not-configured") == Quota(4000, 10)
    assert configured.quota("secretKey.v1") is None
    assert configured.quota("awskms.a") is None


@pytest.mark.parametrize(
    ("quota", "calls", "share", "seconds"),
    [
        (Quota(4000, 10), 2000, 0.5, 0),
        (Quota(4000, 10), 6000, 0.5, 20),
        (Quota(4000, 10), 6000, 1, 5),
        (Quota(), 10**9, 0.5, 0),
    ],
)
def test_a_windows_worth_goes_at_once_and_the_rest_at_the_pace_of_the_quota(
    quota: Quota, calls: int, share: float, seconds: float
) -> None:
    assert quota.seconds_for(calls, share) == seconds
