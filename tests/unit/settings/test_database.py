from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reencrypt.errors import ConfigurationError
from reencrypt.settings import DatabaseSettings, Settings

Load = Callable[..., Settings]


def database(load: Load, keys: str = "", **options: object) -> DatabaseSettings:
    return load(f"[paths]\ndata = /data\n[database]\n{keys}", **options).database


def test_sqlite_is_a_file_in_the_data_folder(load: Load) -> None:
    found = database(load)
    assert (found.type, found.path, found.wal, found.cache_mode) == (
        "sqlite3",
        Path("/data/grafana.db"),
        False,
        "private",
    )
    assert (found.host, found.port, found.socket, found.name, found.user) == ("", None, None, "", "")
    assert not found.password


def test_sqlite_may_be_elsewhere_and_in_another_mode(load: Load) -> None:
    found = database(load, "path = /srv/x/../g.db\nwal = yes\ncache_mode = shared")
    assert (found.path, found.wal, found.cache_mode) == (Path("/srv/g.db"), True, "shared")


def test_postgres_by_single_keys(load: Load, tmp_path: Path) -> None:
    found = database(
        load,
        'type = postgres\nhost = db:5433\nname = g\nuser = u\npassword = """p#;w"""\nssl_mode = verify-full\n'
        "ca_cert_path = /ca\nclient_key_path = /key\nclient_cert_path = /cert\nserver_cert_name = n\nssl_sni = 0",
    )
    assert (found.type, found.path, found.host, found.port, found.socket) == ("postgres", None, "db", 5433, None)
    assert (found.name, found.user, found.password.reveal()) == ("g", "u", "p#;w")
    assert (found.ssl_mode, found.ca_cert_path, found.client_key_path) == ("verify-full", "/ca", "/key")
    assert (found.client_cert_path, found.server_cert_name, found.ssl_sni) == ("/cert", "n", "0")
    assert (dict(found.parameters), found.origin) == ({}, str(tmp_path / "grafana.ini"))


def test_postgres_without_a_port_has_its_own_and_without_a_host_the_port_of_grafanas_default(load: Load) -> None:
    assert database(load, "type = postgres\nhost = db").port == 5432
    found = database(load, "type = postgres")
    assert (found.host, found.port) == ("127.0.0.1", 3306)


def test_postgres_may_have_the_folder_of_a_socket(load: Load) -> None:
    found = database(load, "type = postgres\nhost = /var/run/postgresql")
    assert (found.host, found.port, found.socket) == ("/var/run/postgresql", 5432, None)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("db", ("db", 3306, None)),
        ("db:3307", ("db", 3307, None)),
        ("[::1]:3307", ("::1", 3307, None)),
        ("/run/mysqld.sock", ("", None, "/run/mysqld.sock")),
    ],
)
def test_mysql_has_a_host_or_a_socket(load: Load, host: str, expected: tuple[str, int | None, str | None]) -> None:
    found = database(load, f"type = mysql\nhost = {host}")
    assert (found.host, found.port, found.socket) == expected


def test_a_variable_overrides_a_single_key_and_is_the_origin(load: Load) -> None:
    found = database(load, "type = mysql", environ={"GF_DATABASE_TYPE": "postgres", "GF_DATABASE_PASSWORD": "p"})
    assert (found.type, found.password.reveal(), found.origin) == ("postgres", "p", "GF_DATABASE_TYPE")


def test_a_url_wins_over_the_single_keys_but_not_over_those_for_tls(load: Load) -> None:
    found = database(
        load,
        "url = mysql://u:p@db:3307/g/ignored?charset=utf8&x=1&x=2\n"
        "type = postgres\nhost = other\nname = other\nuser = other\npassword = other\nssl_mode = skip-verify\n"
        "connection_string = other",
    )
    assert (found.type, found.host, found.port, found.name) == ("mysql", "db", 3307, "g")
    assert (found.user, found.password.reveal(), found.ssl_mode) == ("u", "p", "skip-verify")
    assert dict(found.parameters) == {"charset": "utf8", "x": "2"}
    assert not found.connection_string


def test_a_url_for_sqlite_leaves_the_path_to_its_key(load: Load) -> None:
    assert database(load, "url = sqlite3://ignored/ignored\npath = own.db").path == Path("/data/own.db")


def test_parameters_of_the_url_win_because_the_driver_reads_them_last(load: Load) -> None:
    found = database(
        load,
        "url = postgres://u:p@db/g?sslmode=verify-ca&sslrootcert=/ca&host=/run/pg&port=5433&user=w&password=q&dbname=h"
        "&search_path=grafana\nssl_mode = require",
    )
    assert (found.ssl_mode, found.ca_cert_path) == ("verify-ca", "/ca")
    assert (found.host, found.port, found.user, found.password.reveal(), found.name) == ("/run/pg", 5433, "w", "q", "h")
    assert dict(found.parameters) == {"search_path": "grafana"}
    assert database(load, "url = mysql://u:p@db/g?tls=skip-verify").ssl_mode == "skip-verify"


def test_a_connection_string_is_kept_as_it_is_beside_the_type(load: Load) -> None:
    found = database(load, 'type = postgres\nconnection_string = """host=x password=y;#"""')
    assert (found.type, found.connection_string.reveal()) == ("postgres", "host=x password=y;#")


@pytest.mark.parametrize("keys", ["type = oracle", "url = oracle://canary:canary@db/g"])
def test_an_unknown_type_is_named_with_the_known_ones(load: Load, keys: str) -> None:
    with pytest.raises(ConfigurationError, match="the database type oracle is unknown") as caught:
        database(load, keys)
    assert "sqlite3, postgres, mysql" in caught.value.hint
    assert "canary" not in caught.value.message


def test_a_type_that_is_a_misplaced_url_is_not_shown(load: Load) -> None:
    with pytest.raises(ConfigurationError, match="is unknown") as caught:
        database(load, "type = postgres://u:canary@db/g")
    assert "canary" not in caught.value.message


def test_grafanas_own_url_does_not_know_the_scheme_postgresql(load: Load) -> None:
    with pytest.raises(ConfigurationError, match="postgresql is unknown"):
        database(load, "url = postgresql://u:p@db/g")


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite3"])
def test_the_option_takes_an_absolute_path_for_sqlite(load: Load, scheme: str) -> None:
    found = database(load, "wal = true", database_url=f"{scheme}:///srv/my%20grafana.db")
    assert (found.type, found.path, found.wal, found.origin) == (
        "sqlite3",
        Path("/srv/my grafana.db"),
        True,
        "--database",
    )


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_the_option_takes_both_names_of_postgres(load: Load, scheme: str) -> None:
    found = database(load, database_url=f"{scheme}://u:p%40@db/g?sslmode=require&application_name=x")
    assert (found.type, found.host, found.port, found.name) == ("postgres", "db", 5432, "g")
    assert (found.user, found.password.reveal(), found.ssl_mode) == ("u", "p@", "require")
    assert dict(found.parameters) == {"application_name": "x"}


def test_the_option_takes_a_socket_in_the_place_of_the_host(load: Load) -> None:
    assert database(load, database_url="mysql://u@%2Frun%2Fmysqld.sock/g").socket == "/run/mysqld.sock"
    assert database(load, database_url="postgres://u@%2Frun%2Fpg/g").host == "/run/pg"


def test_the_option_keeps_the_tls_keys_of_the_same_engine_only(load: Load) -> None:
    keys = "type = postgres\nssl_mode = verify-full\nca_cert_path = /ca\nuser = other\npassword = other"
    same = database(load, keys, database_url="postgres://u@db/g")
    assert (same.ssl_mode, same.ca_cert_path, same.user, same.password.reveal()) == ("verify-full", "/ca", "u", "")
    other = database(load, keys, database_url="mysql://u@db/g")
    assert (other.ssl_mode, other.ca_cert_path) == ("disable", "")


def test_the_option_makes_a_configured_url_that_cannot_be_resolved_no_matter(load: Load) -> None:
    keys = "url = $__vault{db/url:x}"
    assert database(load, keys, database_url="mysql://u@db/g").host == "db"
    with pytest.raises(ConfigurationError, match=r"\[database\] url .*\$__vault"):
        database(load, keys)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("oracle://u:canary@db/g", "unknown scheme oracle"),
        ("/var/lib/grafana/grafana.db", "does not begin with scheme://"),
        ("sqlite://relative/canary.db", "absolute path"),
        ("sqlite:///", "absolute path"),
        ("postgres://u:canary@db:port/g", "not host:port"),
        ("postgres://u:canary@db/g?port=x", "not host:port"),
    ],
)
def test_an_option_that_is_of_no_use_is_refused_without_showing_its_password(
    load: Load, url: str, problem: str
) -> None:
    with pytest.raises(ConfigurationError, match="--database") as caught:
        database(load, database_url=url)
    assert problem in caught.value.message
    assert "canary" not in caught.value.message + caught.value.hint


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(password=st.text(alphabet=string.printable, max_size=30))
def test_any_printable_password_survives_the_url_form(load: Load, password: str) -> None:
    encoded = quote(password, safe="")
    found = database(load, f'url = """postgres://grafana:{encoded}@db/g"""')
    assert found.password.reveal() == password
    assert database(load, database_url=f"mysql://grafana:{encoded}@db/g").password.reveal() == password
