"""Where to sign in."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from azure.identity.aio import DefaultAzureCredential

from reencrypt.errors import ConfigurationError
from reencrypt.keys.azure.credential import authority_for


@pytest.mark.parametrize(
    ("vault", "authority"),
    [
        ("https://x.vault.azure.net", "https://login.microsoftonline.com"),
        ("https://x.managedhsm.azure.net", "https://login.microsoftonline.com"),
        ("https://x.vault.usgovcloudapi.net", "https://login.microsoftonline.us"),
        ("https://x.vault.azure.cn", "https://login.chinacloudapi.cn"),
        ("https://x.managedhsm.azure.cn", "https://login.chinacloudapi.cn"),
        ("https://localhost:8443", "https://login.microsoftonline.com"),
    ],
)
def test_a_sovereign_cloud_is_told_by_the_vaults_name(
    vault: str, authority: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_AUTHORITY_HOST", raising=False)
    assert authority_for(vault) == authority
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://login.example.org")
    assert authority_for(vault) == "https://login.example.org"


@pytest.mark.parametrize(
    ("value", "authority"),
    [
        ("https://login.example.org/", "https://login.example.org"),
        ("login.example.org", "https://login.example.org"),
        ("login.example.org:8443", "https://login.example.org:8443"),
        (" https://login.example.org:8443/base ", "https://login.example.org:8443/base"),
        ("", "https://login.microsoftonline.com"),
    ],
)
def test_the_sign_in_may_be_named(value: str, authority: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", value)
    assert authority_for("https://x.vault.azure.net") == authority


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("http://login.example.org", "begins with http://"),
        ("ftp://login.example.org", "begins with ftp://"),
        ("https://alice:c4n4ry@login.example.org", "must not hold a user or a password"),
        ("https://", "is not a URL"),
        ("https:///tenant", "is not a URL"),
        ("https://login.example.org:99999", "is not a URL"),
        ("https://login.example.org:0", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://login example.org", "is not a URL"),
        ("https://login\udcff.example.org", "is not a URL"),
        ("https://login.example.org?tenant=c4n4ry", "without query"),
    ],
)
def test_a_sign_in_that_is_no_url_is_refused(value: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", value)
    with pytest.raises(ConfigurationError, match="AZURE_AUTHORITY_HOST") as caught:
        authority_for("https://x.vault.azure.net")
    assert fault in caught.value.message
    assert "c4n4ry" not in caught.value.message + caught.value.hint


ROOT = Path(__file__).parents[4]
#: The first release of azure-identity that knows a value of AZURE_TOKEN_CREDENTIALS; source: its change log.
KNOWN_SINCE = {"prod": (1, 23), "WorkloadIdentityCredential": (1, 24), "ManagedIdentityCredential": (1, 24)}


async def test_the_identities_that_our_manifests_name_are_known_to_the_oldest_sdk_that_may_be_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named = set()
    for path in sorted(each for each in (ROOT / "config").rglob("*.*") if each.is_file()):
        named |= set(re.findall(r"AZURE_TOKEN_CREDENTIALS\s*(?:=|\n\s*value:)\s*(\w+)", path.read_text()))
    assert named
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (bound,) = [each for each in project["dependencies"] if each.startswith("azure-identity")]
    oldest = tuple(int(part) for part in bound.removeprefix("azure-identity>=").split("."))
    for name in named:
        assert oldest >= KNOWN_SINCE[name], name
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", name)
        await DefaultAzureCredential().close()
