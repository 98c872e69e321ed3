"""`--replica` names another server for the account, the database and the TLS settings of the configuration."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reencrypt.databases.mysql import replication as mysql
from reencrypt.databases.mysql.dsn import parse_dsn
from reencrypt.databases.postgres import replication as postgres
from reencrypt.databases.postgres.dsn import PostgresTarget, target_of
from reencrypt.errors import ConfigurationError
from reencrypt.settings import load_settings


def of_postgres() -> PostgresTarget:
    url = "postgresql://grafana:word@db-1:6432/grafana?sslmode=verify-full&target_session_attrs=primary"
    return target_of(load_settings(config=None, home=None, database_url=url, environ={}).database, {})


def test_a_standby_of_postgresql_is_asked_by_the_same_account_and_may_be_one_that_takes_no_writes() -> None:
    target = of_postgres()
    assert postgres.at_address(target, "db-2") == replace(target, host="db-2", attributes="any")
    assert postgres.at_address(target, "db-2:5432") == replace(target, host="db-2", port=5432, attributes="any")
    socket = postgres.at_address(target, "/run/other:5433")
    assert (socket.socket_path, socket.encrypted) == ("/run/other/.s.PGSQL.5433", (False,))


@pytest.mark.parametrize("address", ["db-2:0", "db-2:port", "db-2,db-3", "[::1]:x"])
def test_an_address_that_is_none_is_refused_with_the_option(address: str) -> None:
    for at_address in (
        lambda: postgres.at_address(of_postgres(), address),
        lambda: mysql.at_address(parse_dsn("grafana:word@tcp(db-1:3306)/grafana"), address),
    ):
        with pytest.raises(ConfigurationError, match="--replica"):
            at_address()


def test_a_replica_of_mysql_has_its_own_name_in_its_certificate_unless_one_is_set() -> None:
    target = parse_dsn("grafana:word@tcp(db-1:3307)/grafana?tls=true")
    assert mysql.at_address(target, "db-2") == replace(target, host="db-2", certificate_name="db-2")
    named = replace(target, certificate_name="databases.internal")
    assert mysql.at_address(named, "db-2:3306") == replace(named, host="db-2", port=3306)
    assert mysql.at_address(parse_dsn("grafana:word@unix(/run/mysqld.sock)/grafana"), "db-2").socket == ""
