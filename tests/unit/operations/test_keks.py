"""Names of key-encryption keys are unambiguous over both stores, and a key that may be another is taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reencrypt.catalogue.store_name import StoreName
from reencrypt.keys.configuration import read_providers, with_vaults
from reencrypt.keys.manager_options import ManagerVault
from reencrypt.operations.complete.keks import UNKNOWN_VERSION, KekNames
from reencrypt.settings import Settings, load_settings

INI = """
[database]
type = sqlite3
path = /tmp/nowhere.db
[security]
available_encryption_providers = secretKey.v1 azurekv.prod azurekv.same azurekv.other
[security.encryption.azurekv.prod]
tenant_id = t
client_id = c
client_secret = s
key_id = prod
vault_uri = https://a.vault.azure.net
[security.encryption.azurekv.same]
tenant_id = t
client_id = c
client_secret = s
key_id = prod
vault_uri = https://a.vault.azure.net
[security.encryption.azurekv.other]
tenant_id = t
client_id = c
client_secret = s
key_id = other
vault_uri = https://a.vault.azure.net
[secrets_manager]
encryption_provider = secret_key.v1
[secrets_manager.encryption.secret_key.v1]
secret_key = a
[secrets_manager.encryption.secret_key]
secret_key = b
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "grafana.ini"
    path.write_text(INI)
    return load_settings(config=path, home=None, database_url=None, environ={})


@pytest.fixture
def classic(settings: Settings) -> KekNames:
    return KekNames(read_providers(settings))


@pytest.fixture
def manager(settings: Settings) -> KekNames:
    configured = with_vaults(
        read_providers(settings, StoreName.MANAGER),
        read_providers(settings),
        [ManagerVault("azure_keyvault.prod", "azurekv.prod"), ManagerVault("azurekv.other", "azurekv.other")],
    )
    return KekNames(configured, frozenset(("secret_key", "azurekv.prod", "azurekv.other")))


def test_names_tell_stores_and_versions(classic: KekNames, manager: KekNames) -> None:
    assert classic.name("secretKey.v1") == "secret_key"
    assert classic.name("azurekv.prod", "v9") == "azurekv.prod/v9"
    assert classic.name("azurekv.prod") == "azurekv.prod/unknown"
    assert manager.name("secret_key.v1") == "secret_key.v1"
    # A section may be called like the classic key.
    assert manager.name("secret_key") == "manager:secret_key"
    assert manager.name("azure_keyvault.prod", "v9") == "azure_keyvault.prod/v9"
    assert manager.name("azurekv.other", "v9") == "manager:azurekv.other/v9"
    assert manager.name("awskms.main") == "awskms.main"


def test_one_key_of_a_vault_has_one_id_in_both_stores(classic: KekNames, manager: KekNames) -> None:
    assert classic.kek("azurekv.prod", "v9").kid == manager.kek("azure_keyvault.prod", "v9").kid != ""
    assert classic.kek("azurekv.prod", "v9").kid != classic.kek("azurekv.prod", "v8").kid
    assert manager.kek("secret_key.v1").kid == classic.kek("secretKey.v1").kid == ""


def test_what_is_unknown_may_be_a_key_of_its_kind(classic: KekNames, manager: KekNames) -> None:
    prod, other = classic.kek("azurekv.prod", "v9"), classic.kek("azurekv.other", "v9")
    unknown = manager.kek("azure_keyvault.main")
    assert (unknown.name, unknown.version) == ("azure_keyvault.main", UNKNOWN_VERSION)
    assert classic.may_be(prod, unknown, manager)
    assert classic.may_be(other, unknown, manager)
    assert not classic.may_be(classic.kek("secretKey.v1"), unknown, manager)
    assert not classic.may_be(prod, manager.kek("awskms.main"), manager)
    # It did not unwrap by the key that the user has named.
    assert classic.may_be(other, manager.kek("azure_keyvault.prod"), manager)
    # A key whose version alone is unknown is known to be of one vault.
    half = classic.kek("azurekv.prod")
    assert classic.may_be(prod, half, classic)
    assert classic.may_be(classic.kek("azurekv.same", "v9"), half, classic)
    assert manager.may_be(manager.kek("azure_keyvault.prod", "v9"), half, classic)
    assert not classic.may_be(other, half, classic)
    assert not classic.may_be(prod, manager.kek("azure_keyvault.prod", "v8"), manager)
    # A section that is gone from the configuration may have named any key of the kind.
    gone = classic.kek("azurekv.gone")
    assert classic.may_be(prod, gone, classic)
    assert manager.may_be(manager.kek("azure_keyvault.prod", "v9"), gone, classic)
    assert not manager.may_be(manager.kek("secret_key.v1"), gone, classic)
