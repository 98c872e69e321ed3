"""What the service's refusals mean to an operator, in the service's own words."""

from __future__ import annotations

import pytest

from reencrypt.errors import ConfigurationError, ReencryptError, RefusedError
from reencrypt.keys.azure.credential import proxies_for
from reencrypt.keys.azure.errors import KeyOperationForbiddenError, disabled, forbidden, unauthorized
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.keys.errors import AccessDeniedError, KeyDisabledError
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


KEY = "key grafana in https://myvault.vault.azure.net"

BY_POLICY = (
    "The user, group or application 'appid=1;oid=2;iss=https://sts.windows.net/3/' does not have keys decrypt "
    "permission on key vault 'myvault;location=westeurope'."
)
BY_RBAC = (
    "Caller is not authorized to perform action on resource.\r\n"
    "If role assignments were changed recently, please observe propagation time.\r\n"
)


@pytest.mark.parametrize(
    ("inner", "message", "kind", "exit_code", "says", "hint"),
    [
        (
            "ForbiddenByPolicy",
            BY_POLICY,
            AccessDeniedError,
            2,
            f"lacks the permission decrypt on {KEY}",
            "set-policy",
        ),
        (
            "AccessDenied",
            BY_POLICY,
            AccessDeniedError,
            2,
            f"lacks the permission decrypt on {KEY}",
            "--spn the-client",
        ),
        ("ForbiddenByRbac", BY_RBAC, AccessDeniedError, 2, "lacks the permission decrypt", "Key Vault Crypto User"),
        (
            "ForbiddenByFirewall",
            "Client address is not authorized and caller is not a trusted service.\r\n",
            ConfigurationError,
            2,
            "the firewall of https://myvault.vault.azure.net refuses this machine",
            "networking",
        ),
        (
            "",
            "Public network access is disabled and request is not from a trusted service.",
            ConfigurationError,
            2,
            "the firewall of",
            "networking",
        ),
        (
            "KeyDisabled",
            "Operation decrypt is not allowed on a disabled key.",
            KeyDisabledError,
            6,
            f"{KEY}, version abc is disabled",
            "az keyvault key set-attributes --vault-name myvault --name grafana --version abc --enabled true",
        ),
        (
            "KeyOperationForbidden",
            "Operation decrypt is not permitted on this key.",
            KeyOperationForbiddenError,
            2,
            f"{KEY}, version abc: its key_ops do not allow decrypt",
            "--version abc --ops encrypt decrypt",
        ),
        (
            "",
            "Operation encrypt is not allowed on an expired key.",
            RefusedError,
            6,
            f"{KEY}, version abc is outside its validity period",
            "Make a new version",
        ),
        ("", "Key is not yet valid or it is expired.", RefusedError, 6, "outside its validity", "Make a new version"),
    ],
)
def test_every_403_is_told_by_what_to_do_about_it(
    inner: str, message: str, kind: type[ReencryptError], exit_code: int, says: str, hint: str
) -> None:
    error = forbidden(azure(), "decrypt", "abc", inner, message)
    assert type(error) is kind
    assert error.exit_code == exit_code
    assert says in error.message
    assert hint in error.hint


def test_a_version_that_was_not_named_is_called_the_newest() -> None:
    assert disabled(azure(), "").message == f"the newest version of {KEY} is disabled"
    assert "--version" not in disabled(azure(), "").hint


def test_an_identity_without_a_client_id_is_that_of_the_machine() -> None:
    error = forbidden(azure("", ""), "unwrapkey", "", "ForbiddenByPolicy", BY_POLICY)
    assert error.message.startswith("the identity of this machine lacks the permission unwrapKey")
    assert "--spn CLIENT_ID" in error.hint


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
