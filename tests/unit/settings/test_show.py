from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reencrypt.catalogue.store_name import StoreName
from reencrypt.keys.azure.kind import ConfiguredVaultKey
from reencrypt.keys.configuration import read_providers
from reencrypt.settings import Settings, load_settings

Load = Callable[..., Settings]

EXAMPLE = Path(__file__).parents[3] / "config" / "grafana.ini"

CANARIES = """
[database]
type = postgres
host = db:5433
password = canary-password
connection_string = host=db password=canary-connection
[security]
secret_key = canary-secret-key
[security.encryption.azurekv.prod]
tenant_id = tenant
client_id = client
client_secret = canary-client-secret
key_id = kek
vault_uri = https://v.vault.azure.net
[security.encryption.azurekv.half]
client_secret = canary-half
[secrets_manager.encryption.secret_key.v2]
secret_key = canary-of-the-manager
"""


def rows(settings: Settings) -> dict[str, tuple[str, str]]:
    lines = (*settings.shown, *(line for store in StoreName for line in read_providers(settings, store).shown))
    return {f"{shown.section}.{shown.key}": (shown.text, shown.origin) for shown in lines}


def test_every_value_that_matters_is_shown_with_its_origin(load: Load, tmp_path: Path) -> None:
    file = str(tmp_path / "grafana.ini")
    shown = rows(load(CANARIES, environ={"GF_DATABASE_USER": "from-variable"}))
    assert shown["paths.data"] == (str(tmp_path / "data"), "default")
    assert shown["database.type"] == ("postgres", file)
    assert shown["database.host"] == ("db:5433", file)
    assert shown["database.name"] == ("grafana", "default")
    assert shown["database.user"] == ("from-variable", "GF_DATABASE_USER")
    assert shown["database.password"] == ("*********", file)
    assert shown["database.connection_string"] == ("*********", file)
    assert shown["security.secret_key"] == ("*********", file)
    assert shown["security.encryption_provider"] == ("secretKey.v1", "default")
    assert shown["security.encryption.algorithm"] == ("aes-cfb", "default")
    assert shown["feature_toggles.disableEnvelopeEncryption"] == ("false", "default")
    assert shown["security.encryption.azurekv.prod.client_secret"] == ("*********", file)
    assert shown["security.encryption.azurekv.prod.vault_uri"] == ("https://v.vault.azure.net", file)
    assert shown["security.encryption.azurekv.half.vault_uri"] == ("", "not set")
    assert shown["secrets_manager.encryption_provider"] == ("secret_key.v1", "default")
    assert shown["secrets_manager.encryption.secret_key.v1.secret_key"] == ("*********", "default")
    assert shown["secrets_manager.encryption.secret_key.v2.secret_key"] == ("*********", file)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://alice:canary@v.vault.azure.net", "https://*********@v.vault.azure.net"),
        ("https://alice:canary/@c@v.vault.azure.net/path", "https://*********@v.vault.azure.net/path"),
        ("https://canary@v.vault.azure.net", "https://*********@v.vault.azure.net"),
        ("alice:canary@v.vault.azure.net", "*********@v.vault.azure.net"),
        ("https://v.vault.azure.net:8443", "https://v.vault.azure.net:8443"),
        ("somebody@example.org", "somebody@example.org"),
    ],
)
def test_a_password_in_an_address_is_not_shown(load: Load, value: str, shown: str) -> None:
    settings = load(CANARIES.replace("https://v.vault.azure.net", value))
    assert rows(settings)["security.encryption.azurekv.prod.vault_uri"][0] == shown
    assert all("canary" not in text for text in read_providers(settings).unusable.values())


def test_no_secret_is_in_what_is_shown_nor_in_any_repr(load: Load) -> None:
    settings = load(CANARIES)
    assert "canary" not in repr(settings)
    assert all("canary" not in text + origin for text, origin in rows(settings).values())


def test_the_parts_of_a_url_are_shown_and_its_secrets_masked(load: Load) -> None:
    settings = load(database_url="mysql://u:canary@[::1]:3307/g?tls=true&secret=canary")
    shown = rows(settings)
    assert shown["database.host"] == ("[::1]:3307", "--database")
    assert shown["database.password"] == ("*********", "--database")
    assert shown["database.ssl_mode"] == ("true", "--database")
    assert shown["database.url parameter secret"] == ("*********", "--database")
    assert all("canary" not in text + origin for text, origin in shown.values())


def test_sqlite_shows_its_file_and_no_password(load: Load, tmp_path: Path) -> None:
    shown = rows(load())
    assert shown["database.path"] == (str(tmp_path / "data/grafana.db"), "default")
    assert "database.password" not in shown


def test_the_packages_data_folder_says_that_it_is_the_packages(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "etc/grafana/grafana.ini"
    path.parent.mkdir(parents=True)
    path.write_text("")
    assert rows(load())["paths.data"] == (str(tmp_path / "var/lib/grafana"), "default of the packaged service")


def test_the_example_of_this_project_yields_what_it_says() -> None:
    settings = load_settings(
        config=EXAMPLE,
        home=None,
        database_url=None,
        environ={
            "GRAFANA_DATABASE_PASSWORD": "p#;w",
            "GRAFANA_SECRET_KEY": "k",
            "GRAFANA_VAULT_CLIENT_SECRET": "c",
        },
    )
    database = settings.database
    assert (database.type, database.host, database.port) == ("postgres", "db.example.internal", 5432)
    assert (database.name, database.user, database.password.reveal()) == ("grafana", "grafana", "p#;w")
    assert database.ssl_mode == "verify-full"
    assert settings.secret_key.reveal() == "k"
    assert settings.encryption_provider == "azurekv.prod"
    providers = read_providers(settings)
    assert settings.available_providers == tuple(providers.usable) == ("azurekv.prod", "azurekv.previous")
    prod = providers.usable["azurekv.prod"]
    assert isinstance(prod, ConfiguredVaultKey)
    settings_of_prod = prod.settings
    assert settings_of_prod.vault_uri == "https://grafana-prod.vault.azure.net"
    assert settings_of_prod.client_secret.reveal() == "c"
    assert (settings.algorithm, settings.envelope_encryption) == ("aes-gcm", True)
    assert dict(providers.unusable) == {}


def test_the_commented_alternatives_of_the_example_work_when_they_are_uncommented(tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    for alternative, expected in {
        ";url = postgres": "postgres",
        ";type = sqlite3": "sqlite3",
        ";type = mysql": "mysql",
    }.items():
        assert alternative in text
        changed = tmp_path / "grafana.ini"
        changed.write_text(text.replace(alternative, alternative[1:]))
        environ = {"GRAFANA_SECRET_KEY": "it"}
        settings = load_settings(config=changed, home=None, database_url=None, environ=environ)
        assert settings.database.type == expected
