"""Who refuses a connection says why, and the exit code whether it may pass by itself: never a bug, never a password."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import asyncpg
import pytest
import trustme

from reencrypt.databases.mysql import driver as mysql_driver
from reencrypt.databases.mysql.driver import MysqlDriver
from reencrypt.databases.mysql.dsn import target_of as mysql_target
from reencrypt.databases.postgres import dsn as postgres_dsn
from reencrypt.databases.postgres.driver import PostgresDriver
from reencrypt.databases.postgres.dsn import target_of as postgres_target
from reencrypt.errors import ConfigurationError, ReencryptError, TransactionLostError
from reencrypt.outcomes import ExitCode
from reencrypt.settings import load_settings
from tests.support.installed import InstalledPostgres, installed_postgres
from tests.support.refusing import (
    Answer,
    RefusingServer,
    mysql_error,
    mysql_refusal,
    mysql_then,
    postgres_authentication,
    postgres_error,
    postgres_message,
    web_server,
)
from tests.support.transports import all_closed

CANARY: Final = "canary-password"
NOW, LATER = ExitCode.USAGE, ExitCode.UNAVAILABLE


async def refused(url: str) -> ReencryptError:
    """What one attempt to connect ends in."""
    settings = load_settings(config=None, home=None, database_url=url, environ={}).database
    driver: PostgresDriver | MysqlDriver
    if settings.type == "postgres":
        driver = PostgresDriver(postgres_target(settings, {}))
    else:
        driver = MysqlDriver(mysql_target(settings))
    with pytest.raises(ReencryptError) as caught:
        await driver.connect()
    assert CANARY not in caught.value.message + caught.value.hint
    await all_closed()
    return caught.value


def url_of(scheme: str, port: int, query: str = "") -> str:
    return f"{scheme}://grafana:{CANARY}@127.0.0.1:{port}/grafana{query}"


@pytest.mark.parametrize(
    ("answer", "exit_code", "hint"),
    [
        # PostgreSQL's own, with the functions that it names.
        (postgres_error("28P01", 'password authentication failed for user "g"', R="auth_failed"), NOW, "password"),
        (postgres_error("28000", 'role "g" is not permitted to log in', R="InitializeSessionUserId"), NOW, "LOGIN"),
        (
            postgres_error(
                "28000", 'no pg_hba.conf entry for host "1", user "g", no encryption', R="ClientAuthentication"
            ),
            NOW,
            "ssl_mode",
        ),
        (postgres_error("28000", "Kein Eintrag in pg_hba.conf", R="ClientAuthentication"), NOW, "pg_hba.conf"),
        (postgres_error("28000", "SSL connection is required. Please specify SSL options and retry."), NOW, "ssl_mode"),
        (postgres_error("3D000", 'database "grafana" does not exist'), NOW, "name"),
        (postgres_error("42501", 'permission denied for database "grafana"'), NOW, "CONNECT"),
        (postgres_error("55000", 'database "grafana" is not currently accepting connections'), NOW, "ALLOW_CONN"),
        (postgres_error("42704", 'unrecognized configuration parameter "sslcrl"'), NOW, "Leave that parameter out"),
        (postgres_error("0A000", "unsupported frontend protocol 3.0"), NOW, ""),
        (postgres_error("53300", "sorry, too many clients already"), LATER, "server"),
        (postgres_error("53300", 'too many connections for role "grafana"'), LATER, ""),
        (postgres_error("57P03", "the database system is starting up"), LATER, ""),
        (postgres_error("57P03", "the database system is not accepting connections"), LATER, ""),
        (postgres_error("57P01", "terminating connection due to administrator command"), LATER, ""),
        (postgres_error("58000", "could not fork"), LATER, ""),
        # PgBouncer's, all of one SQLSTATE until 1.23: src/client.c, src/objects.c, src/janitor.c.
        (postgres_error("08P01", "no such database: grafana"), NOW, "proxy"),
        (postgres_error("08P01", "no such user"), NOW, "proxy"),
        (postgres_error("08P01", "no such user: grafana"), NOW, "proxy"),
        (postgres_error("08P01", "no such database: too_many_timeouts"), NOW, "proxy"),
        (postgres_error("08P01", "SASL authentication failed"), NOW, "password"),
        (postgres_error("08P01", 'database "missing" does not exist'), NOW, "name"),
        (postgres_error("08P01", "auth failed"), NOW, "proxy"),
        (postgres_error("08P01", "login rejected"), NOW, "proxy"),
        (postgres_error("08P01", "not allowed"), NOW, "proxy"),
        (postgres_error("08P01", 'database "grafana" is disabled'), NOW, "proxy"),
        (postgres_error("08P01", "SSL required"), NOW, "ssl_mode"),
        (postgres_error("08P01", "bouncer config error"), NOW, "proxy"),
        (postgres_error("08P01", "unsupported startup parameter: search_path"), NOW, "ignore_startup_parameters"),
        (postgres_error("08P01", "unsupported startup parameter in options: role"), NOW, "ignore_startup_parameters"),
        (postgres_error("28P01", "password authentication failed"), NOW, "password"),
        (postgres_error("08P01", "no more connections allowed (max_client_conn)"), LATER, ""),
        (postgres_error("08P01", "client connections exceeded (max_db_client_connections)"), LATER, ""),
        (postgres_error("08P01", "pooler is shutting down"), LATER, ""),
        (postgres_error("08P01", "query_wait_timeout"), LATER, ""),
        (postgres_error("08P01", "client_login_timeout (server down)"), LATER, ""),
        (
            postgres_error("08P01", "server login has been failing, cached error: connect failed (server_login_retry)"),
            LATER,
            "",
        ),
        # Neon's.
        (postgres_error("28000", "connection is insecure (try using `sslmode=require`)"), NOW, "ssl_mode"),
        (postgres_error("08P01", "connection is insecure (try using `sslmode=require`)"), NOW, "ssl_mode"),
        (postgres_error("08P01", "Couldn't connect to compute node"), LATER, ""),
        # RDS Proxy's.
        (postgres_error("28000", "This RDS proxy has no credentials for the role g. Try again."), NOW, "user"),
        # Supavisor's.
        (postgres_error("XX000", "Tenant or user not found"), NOW, "proxy"),
        (postgres_error("XX000", "MaxClientsInSessionMode: max clients reached"), LATER, ""),
        # Ways to sign in that asyncpg does not know: Kerberos, SSPI, GSSAPI, OAuth.
        (postgres_authentication(2), NOW, "scram-sha-256"),
        (postgres_authentication(7), NOW, "scram-sha-256"),
        (postgres_authentication(9), NOW, "scram-sha-256"),
        (postgres_authentication(99), NOW, "scram-sha-256"),
        (postgres_authentication(10, b"OAUTHBEARER\0\0"), NOW, "scram-sha-256"),
        (postgres_authentication(10, b"SCRAM-SHA-512\0\xff\0\0"), NOW, "scram-sha-256"),
        # No server says so, and what asyncpg makes of it is no error of its own.
        (postgres_message(b"R", bytes(4), (b"Z", b"I")), NOW, "Check the address"),
        (postgres_message(b"S", b"server_version\0what\0", (b"R", bytes(4)), (b"Z", b"I")), NOW, "Check the host"),
        (web_server, NOW, "host and the port"),
        (mysql_refusal(1045, "28000", ""), NOW, "host and the port"),
        (lambda client: client.close(), LATER, ""),
    ],
)
async def test_a_refusal_in_postgresqls_protocol(
    answer: Answer, exit_code: ExitCode, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_dsn, "_CONNECT_SECONDS", 0.5)  # for what waits as the client does
    with RefusingServer(answer) as server:
        error = await refused(url_of("postgresql", server.port))
    assert error.exit_code == exit_code, error.message
    assert hint in error.hint
    assert isinstance(error, TransactionLostError) is (exit_code == LATER)


@pytest.mark.parametrize(
    ("answer", "exit_code", "hint"),
    [
        (mysql_refusal(1045, "28000", "Access denied for user 'g'@'1' (using password: YES)"), NOW, "ssl_mode"),
        (mysql_refusal(1044, "42000", "Access denied for user 'g'@'1' to database 'grafana'"), NOW, "grant"),
        (mysql_refusal(1049, "42000", "Unknown database 'grafana'"), NOW, "name"),
        (mysql_refusal(1043, "08S01", "Bad handshake"), NOW, "ssl_mode"),
        (mysql_refusal(1251, "08004", "Client does not support authentication protocol"), NOW, "caching_sha2"),
        (mysql_refusal(1524, "HY000", "Plugin 'pam' is not loaded"), NOW, "caching_sha2"),
        (mysql_refusal(1698, "28000", "Access denied for user 'root'@'localhost'"), NOW, "caching_sha2"),
        (mysql_refusal(1862, "HY000", "Your password has expired."), NOW, "password"),
        (mysql_refusal(3118, "HY000", "Access denied for user 'g'@'1'. Account is locked."), NOW, "UNLOCK"),
        (mysql_refusal(4151, "HY000", "Access denied, this account is locked"), NOW, "UNLOCK"),
        (mysql_refusal(3159, "HY000", "Connections using insecure transport are prohibited"), NOW, "ssl_mode"),
        # Azure's gateway, and PlanetScale.
        (
            mysql_refusal(9002, "28000", "SSL connection is required. Please specify SSL options and retry."),
            NOW,
            "ssl_mode",
        ),
        (mysql_refusal(9000, "HY000", "Client with IP address '1.2.3.4' is not allowed to connect"), NOW, "firewall"),
        (mysql_refusal(9003, "28000", "The server name you tried cannot be found."), NOW, "Check user"),
        (mysql_refusal(1105, "HY000", "server does not allow insecure connections"), NOW, "ssl_mode"),
        (mysql_error(1130, "Host '1.2.3.4' is not allowed to connect to this MySQL server"), NOW, "CREATE USER"),
        (mysql_error(1129, "Host '1.2.3.4' is blocked because of many connection errors"), NOW, "FLUSH HOSTS"),
        # A server that is like MySQL, and cannot read what sets up a session.
        (mysql_refusal(1064, "42000", "You have an error in your SQL syntax"), NOW, "proxy that filters"),
        (mysql_refusal(1193, "HY000", "Unknown system variable 'sql_safe_updates'"), NOW, ""),
        (mysql_error(1040, "Too many connections"), LATER, ""),
        (mysql_refusal(1203, "42000", "User g already has more than 'max_user_connections'"), LATER, ""),
        (mysql_refusal(1226, "42000", "User 'g' has exceeded the 'max_connections_per_hour' resource"), LATER, ""),
        (mysql_refusal(1053, "08S01", "Server shutdown in progress"), LATER, ""),
        (mysql_refusal(9001, "HY000", "Max connect timeout reached while reaching hostgroup 0"), LATER, ""),
        # Whoever stands in the server's place may ask for the password as it is.
        (mysql_refusal(1045, "28000", "", ask=b"mysql_clear_password"), NOW, "allowCleartextPasswords"),
        (mysql_refusal(1045, "28000", "", ask=b"dialog\0\x04Password: "), NOW, "allowCleartextPasswords"),
        (mysql_refusal(1045, "28000", "", ask=b"mysql_old_password"), NOW, "caching_sha2"),
        (mysql_refusal(1045, "28000", "", ask=b"authentication_kerberos_client"), NOW, "caching_sha2"),
        # No server says so, and what asyncmy makes of it is no error of its own.
        (mysql_refusal(0, "", "", ask=b"\xff" * 40), NOW, "Check the address"),
        (mysql_then(b"\xfb" + b"/etc/passwd"), NOW, "Check the address"),
        (mysql_then(b"\xfe" + b"\xff" * 8), NOW, "Check the address"),
        (web_server, NOW, "host and the port"),
        (postgres_error("28000", "no"), NOW, "host and the port"),
        (lambda client: client.close(), LATER, ""),
    ],
)
async def test_a_refusal_in_mysqls_protocol(
    answer: Answer, exit_code: ExitCode, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mysql_driver, "_CONNECT_SECONDS", 0.5)  # for what waits as the client does
    with RefusingServer(answer) as server:
        error = await refused(url_of("mysql", server.port))
    assert error.exit_code == exit_code, error.message
    assert hint in error.hint
    assert isinstance(error, TransactionLostError) is (exit_code == LATER)


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
async def test_a_server_without_tls_where_tls_is_asked_for_is_told_so(mode: str) -> None:
    with RefusingServer(postgres_error("53300", "too late")) as server:
        error = await refused(url_of("postgresql", server.port, f"?sslmode={mode}"))
    assert error.exit_code == NOW
    assert "offers no TLS" in error.message
    assert "ssl_mode" in error.hint


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
@pytest.mark.parametrize(
    ("host", "exit_code"),
    [
        ("[fe80::1%25nowhere]:5432", NOW),  # a name that the resolver does not know
        ("a..b:5432", NOW),
        ("x" * 64 + ":5432", NOW),
        ("127.0.0.1:1", LATER),
    ],
)
async def test_what_is_no_address_is_told_from_a_server_that_is_away(
    scheme: str, host: str, exit_code: ExitCode
) -> None:
    assert (await refused(f"{scheme}://grafana:{CANARY}@{host}/grafana")).exit_code == exit_code


@pytest.mark.parametrize(
    ("folder", "exit_code"),
    [("/nowhere", NOW), ("/etc/passwd", NOW), ("/" + "x" * 200, NOW), ("/{tmp_path}", LATER)],
)
@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
async def test_the_path_of_a_socket_is_told_from_a_server_that_is_away(
    scheme: str, folder: str, exit_code: ExitCode, tmp_path: Path
) -> None:
    folder = folder.format(tmp_path=str(tmp_path).lstrip("/"))
    if scheme == "mysql":
        folder += "/socket"
    place = folder.replace("/", "%2F")
    assert (await refused(f"{scheme}://grafana:{CANARY}@{place}/grafana")).exit_code == exit_code


@pytest.fixture(scope="module")
def strict() -> Iterator[InstalledPostgres]:
    """A PostgreSQL with a rule for each user: by password, over TLS, with a certificate, or not at all."""
    programs = installed_postgres()
    if programs is None:
        pytest.skip("NOT RUN: no PostgreSQL server is installed")
    server = InstalledPostgres(programs)
    certificate = server.folder / "server.pem"
    issued = trustme.CA().issue_cert("localhost", "127.0.0.1")
    certificate.write_bytes(issued.private_key_and_cert_chain_pem.bytes())
    certificate.chmod(0o600)
    server.own(certificate)
    (server.data / "pg_hba.conf").write_text(
        "host all postgres 127.0.0.1/32 trust\n"
        "hostssl all encrypted 127.0.0.1/32 trust\n"
        "hostnossl all plain 127.0.0.1/32 trust\n"
        "hostssl all certified 127.0.0.1/32 cert\n"
        "host all password 127.0.0.1/32 scram-sha-256\n"
        "host all rejected 127.0.0.1/32 reject\n"
    )
    server.start("ssl=on", f"ssl_cert_file={certificate}", f"ssl_key_file={certificate}", f"ssl_ca_file={certificate}")

    async def prepare() -> None:
        connection = await asyncpg.connect(server.url, ssl=False)
        for user in ("encrypted", "plain", "certified", "rejected"):
            await connection.execute(f"CREATE ROLE {user} LOGIN")
        await connection.execute("CREATE ROLE password LOGIN PASSWORD 'right'; CREATE ROLE sleeper NOLOGIN")
        await connection.execute("CREATE DATABASE closed ALLOW_CONNECTIONS false")
        await connection.close()

    asyncio.run(prepare())
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("user", "query", "said"),
    [
        ("encrypted", "?sslmode=disable", "ssl_mode"),
        ("rejected", "?sslmode=disable", "pg_hba.conf"),
        ("certified", "?sslmode=require", "client_cert_path"),
        (f"password:{CANARY}", "?sslmode=disable", "password"),
        ("password", "?sslmode=disable", "password"),
        ("nobody", "?sslmode=require", "user"),
        ("postgres", "?search_path=x&sslcrl_no=1", "Leave that parameter out"),
        ("postgres", "?options=--nothing&sslmode=disable", "Leave that parameter out"),
        ("postgres", "?session_preload_libraries=nowhere&sslmode=disable", ""),
        ("plain", "?sslmode=require", "user"),
    ],
)
async def test_a_real_servers_refusal_is_permanent_and_says_what_to_set(
    user: str, query: str, said: str, strict: InstalledPostgres
) -> None:
    error = await refused(f"postgresql://{user}@127.0.0.1:{strict.port}/postgres{query}")
    assert error.exit_code == NOW, error.message
    assert said in error.hint


@pytest.mark.parametrize(("user", "mode"), [("encrypted", "allow"), ("encrypted", "prefer"), ("plain", "prefer")])
async def test_prefer_and_allow_try_both_ways(user: str, mode: str, strict: InstalledPostgres, tmp_path: Path) -> None:
    text = f"host=127.0.0.1 port={strict.port} user={user} dbname=postgres sslmode={mode}"
    configuration = tmp_path / "grafana.ini"
    configuration.write_text(f'[database]\ntype = postgres\nconnection_string = """{text}"""\n')
    settings = load_settings(config=configuration, home=None, database_url=None, environ={}).database
    session = await PostgresDriver(postgres_target(settings, {})).connect()
    ((encrypted,),) = await session.fetch("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    assert encrypted is (user == "encrypted")
    await session.leave()


@pytest.mark.parametrize("mode", ["allow", "prefer"])
async def test_where_both_ways_fail_the_telling_refusal_is_told(mode: str) -> None:
    with RefusingServer(postgres_error("28P01", "password authentication failed", R="auth_failed")) as server:
        error = await refused(url_of("postgresql", server.port, f"?sslmode={mode}"))
    assert "password authentication failed" in error.message


async def test_an_address_beside_the_name_is_what_is_connected_to(strict: InstalledPostgres) -> None:
    url = f"postgresql://postgres@name.invalid:{strict.port}/postgres?hostaddr=127.0.0.1&sslmode=disable"
    settings = load_settings(config=None, home=None, database_url=url, environ={}).database
    session = await PostgresDriver(postgres_target(settings, {})).connect()
    await session.leave()


async def test_a_standby_is_refused_where_a_primary_is_asked_for(strict: InstalledPostgres) -> None:
    query = "?target_session_attrs=read-write&default_transaction_read_only=on&sslmode=disable"
    error = await refused(f"postgresql://postgres@127.0.0.1:{strict.port}/postgres{query}")
    assert error.exit_code == NOW
    assert "primary" in error.hint


async def test_a_server_that_was_a_primary_when_it_was_reached_is_waited_for(strict: InstalledPostgres) -> None:
    url = f"postgresql://postgres@127.0.0.1:{strict.port}/postgres?target_session_attrs=read-write"
    target = postgres_target(load_settings(config=None, home=None, database_url=url, environ={}).database, {})
    driver = PostgresDriver(target)
    await (await driver.connect()).leave()
    driver._target = replace(target, session={"default_transaction_read_only": "on"})  # noqa: SLF001 - a failover
    with pytest.raises(TransactionLostError, match="read-only"):
        await driver.connect()


async def test_no_variable_of_this_process_leads_to_another_server(
    strict: InstalledPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "PGHOST": "/nowhere",
        "PGPORT": "1",
        "PGUSER": "nobody",
        "PGDATABASE": "nothing",
        "PGSSLMODE": "verify-full",
        "PGSERVICE": "nowhere",
        "PGTARGETSESSIONATTRS": "standby",
        "PGSSLNEGOTIATION": "direct",
    }.items():
        monkeypatch.setenv(name, value)
    url = f"postgresql://postgres@127.0.0.1:{strict.port}/postgres?sslmode=disable&sslnegotiation=postgres"
    settings = load_settings(config=None, home=None, database_url=url, environ={}).database
    with pytest.raises(ConfigurationError, match="PGSERVICE is set"):
        postgres_target(settings)
    monkeypatch.delenv("PGSERVICE")
    session = await PostgresDriver(postgres_target(settings)).connect()
    assert await session.fetch("SELECT current_user::text, current_database()::text") == [("postgres", "postgres")]
    await session.leave()


async def test_a_password_that_the_environment_has_is_used_as_grafanas_driver_uses_it(
    strict: InstalledPostgres, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = f"postgresql://password@127.0.0.1:{strict.port}/postgres"
    settings = load_settings(config=None, home=None, database_url=url, environ={}).database
    monkeypatch.setenv("PGPASSWORD", "right")
    await (await PostgresDriver(postgres_target(settings)).connect()).leave()
    monkeypatch.delenv("PGPASSWORD")
    passwords = tmp_path / "pgpass"
    passwords.write_bytes(b"*:*:*:password:right\n")
    passwords.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    await (await PostgresDriver(postgres_target(settings)).connect()).leave()
    passwords.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError):
        await PostgresDriver(postgres_target(settings)).connect()


async def test_a_server_that_was_reached_is_away_and_not_misspelt(strict: InstalledPostgres) -> None:
    url = f"postgresql://postgres@localhost:{strict.port}/postgres"
    settings = load_settings(config=None, home=None, database_url=url, environ={}).database
    driver = PostgresDriver(postgres_target(settings, {}))
    await (await driver.connect()).leave()
    driver._target = replace(driver._target, host="fe80::1%nowhere")  # noqa: SLF001 - as if its name had gone
    with pytest.raises(TransactionLostError):
        await driver.connect()
