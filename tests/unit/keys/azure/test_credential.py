"""Where to sign in, and by which proxy."""

from __future__ import annotations

import pytest

from reencrypt.keys.azure.credential import authority_for, proxies_for


@pytest.mark.parametrize(
    ("vault", "authority"),
    [
        ("https://x.vault.azure.net", "login.microsoftonline.com"),
        ("https://x.managedhsm.azure.net", "login.microsoftonline.com"),
        ("https://x.vault.usgovcloudapi.net", "login.microsoftonline.us"),
        ("https://x.vault.azure.cn", "login.chinacloudapi.cn"),
        ("https://x.managedhsm.azure.cn", "login.chinacloudapi.cn"),
        ("https://localhost:8443", "login.microsoftonline.com"),
    ],
)
def test_a_sovereign_cloud_is_told_by_the_vaults_name(
    vault: str, authority: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_AUTHORITY_HOST", raising=False)
    assert authority_for(vault) == authority
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://login.example.org")
    assert authority_for(vault) == "https://login.example.org"


def test_a_proxy_is_used_but_where_the_environment_excepts_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "vault.azure.net")
    assert proxies_for("https://login.microsoftonline.com") == {"https": "http://proxy:3128"}
    assert proxies_for("https://x.vault.azure.net") is None
    assert proxies_for("https://localhost:8443") is None
