"""What the service's refusals mean to an operator, in the service's own words."""

from __future__ import annotations

import pytest

from reencrypt.keys.azure.credential import proxies_for
from reencrypt.keys.azure.errors import unauthorized
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.secret import Secret

SECRET = "c4n4ry-client-secret"


def azure(client_secret: str = SECRET, client_id: str = "the-client") -> AzureKeyVaultSettings:
    return AzureKeyVaultSettings(
        provider="azurekv.prod",
        section="security.encryption.azurekv.prod",
        tenant_id="the-tenant",
        client_id=client_id,
        client_secret=Secret(client_secret),
        key_name="grafana",
        vault_uri="https://myvault.vault.azure.net",
        loopback=False,
        trusted_suffix=True,
    )


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("AADSTS7000215: Invalid client secret provided. Trace ID: 1", "client_secret is wrong (AADSTS7000215)"),
        ("AADSTS7000222: The provided client secret keys are expired.", "client_secret has expired"),
        ("AADSTS700016: Application with identifier 'x' was not found", "client_id is unknown in that tenant"),
        ("AADSTS90002: Tenant 'x' not found.", "tenant_id is wrong"),
        ("AKV10032: Invalid issuer. Expected one of https://sts.windows.net/1/", "tenant_id is not the vault's tenant"),
        (
            "The current credential is not configured to acquire tokens for tenant 1.",
            "tenant_id is not the vault's tenant",
        ),
        ("AADSTS7000112: Application 'x' is disabled.", "no token for https://myvault.vault.azure.net (AADSTS7000112)"),
        ("something new", "no token for https://myvault.vault.azure.net"),
    ],
)
def test_every_401_is_told_by_which_value_is_wrong(message: str, says: str) -> None:
    error = unauthorized(azure(), message)
    assert says in error.message
    assert "[security.encryption.azurekv.prod]" in error.message
    assert SECRET not in error.message + error.hint


def test_without_a_client_secret_the_identity_of_the_machine_is_at_fault() -> None:
    error = unauthorized(azure(""), "DefaultAzureCredential failed to retrieve a token")
    assert "has no client_secret" in error.message
    assert "managed or workload identity" in error.hint


@pytest.mark.parametrize(
    ("url", "proxied"),
    [
        ("https://login.microsoftonline.com", True),
        ("https://myvault.vault.azure.net", False),
        ("https://localhost:8443", False),
        ("https://127.0.0.1:8443", False),
        ("https://[::1]:8443", False),
    ],
)
def test_a_vault_behind_a_private_link_and_the_sign_in_behind_a_proxy_go_together(
    url: str,
    *,
    proxied: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://proxy.example.org:3128")
    monkeypatch.setenv("no_proxy", ".vault.azure.net")
    # By scheme: what a managed identity asks over http is not among them.
    assert proxies_for(url) == ({"https": "http://proxy.example.org:3128"} if proxied else None)


def test_without_a_proxy_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert proxies_for("https://login.microsoftonline.com") is None
