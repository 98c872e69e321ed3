from __future__ import annotations

import pytest

from reencrypt.keys.azure.address import AZURE_SUFFIXES, VaultAddress, check_vault_uri, is_resource_of


@pytest.mark.parametrize("suffix", AZURE_SUFFIXES)
def test_a_host_under_azures_suffixes_is_accepted(suffix: str) -> None:
    assert check_vault_uri(f"https://my-vault{suffix}", ()) == VaultAddress(
        f"https://my-vault{suffix}", loopback=False, trusted_suffix=True
    )


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("https://V.Vault.Azure.Net/", "https://v.vault.azure.net"),
        ("HTTPS://v.vault.azure.net:443", "https://v.vault.azure.net:443"),
    ],
)
def test_an_address_is_in_lower_case_and_without_a_trailing_slash(text: str, uri: str) -> None:
    assert check_vault_uri(text, ()) == VaultAddress(uri, loopback=False, trusted_suffix=True)


@pytest.mark.parametrize(
    "uri", ["https://localhost:8443", "https://127.0.0.1:8443", "https://127.1.2.3", "https://[::1]:8443"]
)
def test_a_loopback_address_needs_no_trust(uri: str) -> None:
    assert check_vault_uri(uri, ()) == VaultAddress(uri, loopback=True, trusted_suffix=False)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "vault.azure.net",
        "evilvault.azure.net",
        "v.vault.azure.net.evil.example",
        ".vault.azure.net",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "10.0.0.1",
        "[2001:db8::1]",
        "vault.azure.net.",
        "v.vault.azure.net.",
    ],
)
def test_any_other_host_is_refused(host: str) -> None:
    assert isinstance(check_vault_uri(f"https://{host}", ()), str)


def test_the_refusal_of_a_host_names_the_option_that_allows_it() -> None:
    problem = check_vault_uri("https://vault.example", ())
    assert isinstance(problem, str)
    assert "--trust-vault vault.example" in problem


@pytest.mark.parametrize(
    ("uri", "trusted"),
    [
        ("https://vault.example", "vault.example"),
        ("https://vault.example:8443", "vault.example"),
        ("https://VAULT.example:8443", "Vault.Example:8443"),
        ("https://vault.example", "vault.example:443"),
        ("https://[2001:db8::1]:8443", "[2001:db8::1]:8443"),
        ("https://[2001:db8::1]:8443", "2001:db8::1"),
    ],
)
def test_a_host_that_is_named_as_trusted_is_accepted_but_has_no_trusted_suffix(uri: str, trusted: str) -> None:
    assert check_vault_uri(uri, (trusted,)) == VaultAddress(uri.lower(), loopback=False, trusted_suffix=False)


@pytest.mark.parametrize("trusted", ["vault.example:8444", "example", "vault.example.org", "", ":", "["])
def test_trust_in_another_host_or_port_is_none(trusted: str) -> None:
    assert isinstance(check_vault_uri("https://vault.example:8443", (trusted,)), str)


@pytest.mark.parametrize("uri", ["http://v.vault.azure.net", "http://localhost:8080", "ftp://localhost"])
def test_only_https_is_accepted_even_on_loopback(uri: str) -> None:
    problem = check_vault_uri(uri, ("v.vault.azure.net", "localhost"))
    assert isinstance(problem, str)
    assert "https" in problem


@pytest.mark.parametrize(
    "uri",
    [
        "https://v.vault.azure.net/keys/kek",
        "https://v.vault.azure.net?x=1",
        "https://v.vault.azure.net?",
        "https://v.vault.azure.net#x",
        "https://user:canary@v.vault.azure.net",
        "https://evil.example@v.vault.azure.net",
        "https://v.vault.azure.net\\@evil.example",
        "https://v.vault.azure.net:port",
        "https://v.vault.azure.net:0",
        "https://v.vault.azure.net:99999",
        "https://v vault.azure.net",
        "https://v.vault.azure.net\n",
        "https://\u1e7d.vault.azure.net",
        "https://[::1",
        "https://",
        "v.vault.azure.net",
        "localhost:8443",
    ],
)
def test_a_uri_that_is_more_or_less_than_a_host_is_refused_without_showing_it(uri: str) -> None:
    problem = check_vault_uri(uri, ())
    assert isinstance(problem, str)
    assert "canary" not in problem


@pytest.mark.parametrize(
    ("host", "public"),
    [
        ("myvault.privatelink.vaultcore.azure.net", "myvault.vault.azure.net"),
        ("myvault.privatelink.vaultcore.usgovcloudapi.net", "myvault.vault.usgovcloudapi.net"),
        ("myvault.privatelink.vaultcore.azure.cn", "myvault.vault.azure.cn"),
        ("myvault.privatelink.vault.azure.net", "myvault.vault.azure.net"),
        ("MyHsm.privatelink.managedhsm.azure.net", "myhsm.managedhsm.azure.net"),
    ],
)
def test_the_name_of_a_private_link_is_answered_with_the_vaults_own(host: str, public: str) -> None:
    """Certificates are for the public names (external-secrets #1998), which lead to the same address there."""
    for trusted in ((), (host.lower(),)):
        problem = check_vault_uri(f"https://{host}", trusted)
        assert isinstance(problem, str)
        assert f"write https://{public}," in problem
        assert "--trust-vault" not in problem


@pytest.mark.parametrize(
    ("vault", "scope", "by_suffix", "by_name"),
    [
        ("https://v.vault.azure.net", "https://vault.azure.net/.default", True, True),
        ("https://v.vault.azure.net", "https://VAULT.azure.net:443/.default", True, True),
        ("https://v.vault.azure.cn", "https://vault.azure.cn/.default", True, True),
        ("https://v.vault.azure.net", "https://vault.azure.net//.default", True, True),  # with a slash at its end
        ("https://v.vault.azure.net", "https://vault.azure.cn/.default", False, True),
        ("https://h.managedhsm.azure.net", "https://managedhsm.azure.net/.default", True, True),
        ("https://h.managedhsm.azure.net", "https://graph.microsoft.com/.default", False, False),
        ("https://v.vault.azure.net", "https://v.vault.azure.net/.default", False, True),
        # A gateway, an emulator, Azure Stack Hub, whose resource ends with the ID of its directory.
        ("https://vault.example.org", "https://vault.azure.net/.default", False, True),
        ("https://localhost:8443", "https://localhost:8443/.default", False, True),
        ("https://localhost:8443", "https://localhost/.default", False, False),
        (
            "https://v.vault.local.azurestack.external",
            "https://vault.local.azurestack.external/1-2/.default",
            True,
            True,
        ),
        ("https://vault.example.org", "https://management.azure.com/.default", False, False),
        ("https://vault.example.org", "https://evilexample.org/.default", False, False),
        ("https://vault.example.org", "https://vault.azure.net:8443/.default", False, False),
        ("https://vault.example.org", "http://vault.azure.net/.default", False, False),
        ("https://vault.example.org", "https://vault.azure.net@evil.example.com/.default", False, False),
        ("https://vault.example.org", "https://u@vault.azure.net/.default", False, False),
        ("https://vault.example.org", "https://vault.azure.net\\@x/.default", False, False),
        ("https://vault.example.org", "https://[/.default", False, False),
        ("https://vault.example.org", "https://vault.azure.net:99999999/.default", False, False),
        ("https://vault.example.org", "/.default", False, False),
        ("https://vault.example.org", "https://vault.azure.net", False, False),
        ("https://vault.example.org", "", False, False),
    ],
)
def test_a_token_is_asked_for_vaults_alone(vault: str, scope: str, by_suffix: bool, by_name: bool) -> None:  # noqa: FBT001
    assert is_resource_of(vault, scope, trusted_suffix=True) is by_suffix
    assert is_resource_of(vault, scope, trusted_suffix=False) is by_name
