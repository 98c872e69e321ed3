"""Every way to sign in to MySQL itself and MariaDB: it works, or the error says what to change."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from asyncmy import auth

from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database
from reencrypt.errors import ConfigurationError
from reencrypt.settings import load_settings
from tests.support.mysql import OwnServer

PASSWORD = "p#w; é'\"€"


def statements(server: OwnServer, *texts: str) -> None:
    with server.connect() as connection, connection.cursor() as cursor:
        for text in texts:
            cursor.execute(text)


@pytest.fixture(scope="module")
def mysql() -> Iterator[OwnServer]:
    """MySQL as it comes, with an account for each way to sign in."""
    server = OwnServer(product="mysql")
    with server.connect() as connection, connection.cursor() as cursor:
        for user, how in (("caching", "caching_sha2_password"), ("sha", "sha256_password")):
            cursor.execute(f"CREATE USER {user} IDENTIFIED WITH {how} BY %s", (PASSWORD,))
        cursor.execute("CREATE USER needs_tls IDENTIFIED BY %s REQUIRE SSL", (PASSWORD,))
        cursor.execute("CREATE DATABASE grafana")
        for user in ("caching", "sha", "needs_tls"):
            cursor.execute(f"GRANT SELECT ON grafana.* TO {user}")
    yield server
    server.stop()


async def opened(keys: str, tmp_path: Path) -> Database:
    configuration = tmp_path / "grafana.ini"
    configuration.write_text(f"[database]\ntype = mysql\nname = grafana\n{keys}\n")
    settings = load_settings(config=configuration, home=None, database_url=None, environ={}).database
    return await open_database(settings, write=False)


def keys_of(server: OwnServer, user: str, mode: str) -> str:
    place = server.socket if mode == "socket" else f"127.0.0.1:{server.port}"
    mode = "" if mode in ("plain", "socket") else mode
    return f'host = {place}\nuser = {user}\npassword = """{PASSWORD}"""\nssl_mode = {mode}'


@pytest.mark.parametrize(
    ("user", "mode"),
    [
        ("caching", "plain"),
        ("caching", "skip-verify"),
        ("caching", "preferred"),
        ("caching", "socket"),
        ("sha", "plain"),
        ("sha", "skip-verify"),
    ],
)
async def test_mysqls_passwords_work_by_tls_by_the_servers_rsa_key_and_by_a_socket(
    user: str, mode: str, mysql: OwnServer, tmp_path: Path
) -> None:
    statements(mysql, "FLUSH PRIVILEGES")  # it forgets who has signed in, so that the first has to send the password
    for _ in ("with the password", "with what the server remembers"):
        database = await opened(keys_of(mysql, user, mode), tmp_path)
        await database.close()


@pytest.mark.parametrize("mode", ["plain", "skip-verify"])
async def test_a_server_that_begins_with_another_kind_of_password_may_change_over(mode: str, tmp_path: Path) -> None:
    server = OwnServer("--authentication-policy=sha256_password", product="mysql")
    try:
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE USER caching IDENTIFIED WITH caching_sha2_password BY %s", (PASSWORD,))
            cursor.execute("CREATE DATABASE grafana")
            cursor.execute("GRANT SELECT ON grafana.* TO caching")
        for _ in range(2):
            await (await opened(keys_of(server, "caching", mode), tmp_path)).close()
    finally:
        server.stop()


async def test_an_account_that_needs_tls_is_told_where_to_turn_it_on(mysql: OwnServer, tmp_path: Path) -> None:
    await (await opened(keys_of(mysql, "needs_tls", "skip-verify"), tmp_path)).close()
    with pytest.raises(ConfigurationError) as refused:
        await opened(keys_of(mysql, "needs_tls", "plain"), tmp_path)
    assert "ssl_mode" in refused.value.hint
    # A connection that is there stays, and can turn it off again.
    with closing(mysql.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("SET GLOBAL require_secure_transport = ON")
        try:
            with pytest.raises(ConfigurationError, match="takes TLS connections only") as refused:
                await opened(keys_of(mysql, "caching", "plain"), tmp_path)
            assert "Set ssl_mode" in refused.value.hint
            await (await opened(keys_of(mysql, "caching", "skip-verify"), tmp_path)).close()
        finally:
            cursor.execute("SET GLOBAL require_secure_transport = OFF")


async def test_a_server_without_tls_and_without_an_rsa_key_is_a_clear_refusal(tmp_path: Path) -> None:
    no_key = ("--skip-caching-sha2-password-auto-generate-rsa-keys", "--caching-sha2-password-public-key-path=none.pem")
    server = OwnServer(*no_key, "--skip-auto-generate-certs", "--tls-version=", product="mysql")
    try:
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE USER caching IDENTIFIED WITH caching_sha2_password BY %s", (PASSWORD,))
        for mode in ("plain", "preferred"):
            with pytest.raises(ConfigurationError, match="Access denied") as refused:
                await opened(keys_of(server, "caching", mode), tmp_path)
            assert "ssl_mode" in refused.value.hint
    finally:
        server.stop()


async def test_an_older_kind_of_password_over_a_socket_is_told_what_to_change_it_to(
    mysql: OwnServer, tmp_path: Path
) -> None:
    # The server wants it encrypted by its RSA key here too; asyncmy takes a socket to be safe enough.
    with pytest.raises(ConfigurationError, match="Access denied") as refused:
        await opened(keys_of(mysql, "sha", "socket"), tmp_path)
    assert "caching_sha2_password in place of an older kind of password" in refused.value.hint


async def test_a_wrong_password_is_named_as_what_to_check_and_never_shown(mysql: OwnServer, tmp_path: Path) -> None:
    for mode in ("plain", "skip-verify"):
        keys = keys_of(mysql, "caching", mode).replace(PASSWORD, "canary-password")
        with pytest.raises(ConfigurationError, match="Access denied") as refused:
            await opened(keys, tmp_path)
        assert "Check user, password and name" in refused.value.hint
        assert "canary" not in str(refused.value)


@pytest.fixture(scope="module")
def mariadb() -> Iterator[OwnServer]:
    """MariaDB with an account by ed25519, which its own documentation recommends."""
    server = OwnServer(product="mariadb")
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("INSTALL SONAME 'auth_ed25519'")
        cursor.execute("CREATE USER ed IDENTIFIED VIA ed25519 USING PASSWORD(%s)", (PASSWORD,))
        cursor.execute("CREATE DATABASE grafana")
        cursor.execute("GRANT SELECT ON grafana.* TO ed")
        for user, state in (("locked", "ACCOUNT LOCK"), ("expired", "PASSWORD EXPIRE"), ("tls", "REQUIRE SSL")):
            cursor.execute(f"CREATE USER {user} IDENTIFIED BY %s {state}", (PASSWORD,))
            cursor.execute(f"GRANT SELECT ON grafana.* TO {user}")
        cursor.execute("CREATE USER rightless IDENTIFIED BY %s", (PASSWORD,))
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("user", "says"),
    [
        ("locked", "UNLOCK"),
        ("expired", "password"),
        ("tls", "ssl_mode"),
        ("rightless", "grant the account rights"),
        ("nobody", "Check user"),
    ],
)
async def test_an_account_that_mariadb_refuses_is_told_what_to_change(
    user: str, says: str, mariadb: OwnServer, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        await opened(keys_of(mariadb, user, "plain"), tmp_path)
    assert says in refused.value.hint


@pytest.mark.parametrize("mode", ["plain", "socket"])
async def test_mariadbs_ed25519_works(mode: str, mariadb: OwnServer, tmp_path: Path) -> None:
    pytest.importorskip("nacl", reason="NOT RUN: pynacl is not installed")
    await (await opened(keys_of(mariadb, "ed", mode), tmp_path)).close()
    with pytest.raises(ConfigurationError, match="Access denied"):
        await opened(keys_of(mariadb, "ed", mode).replace(PASSWORD, "wrong"), tmp_path)


async def test_a_kind_of_password_without_its_library_is_a_clear_refusal(
    mariadb: OwnServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nacl", None)  # as where it is not installed
    monkeypatch.setattr(auth, "_nacl_bindings", None)
    with pytest.raises(ConfigurationError, match=r"cannot sign in.*pynacl") as refused:
        await opened(keys_of(mariadb, "ed", "plain"), tmp_path)
    assert "mysql_native_password" in refused.value.hint


@pytest.mark.parametrize("greeting", [b"\x0a9.7", b"\x0a9.7\0\0\0\0\0", b"\x09hello\0"])
async def test_what_greets_as_no_mysql_does_is_a_clear_refusal(greeting: bytes, tmp_path: Path) -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(len(greeting).to_bytes(3, "little") + b"\0" + greeting)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConfigurationError, match="cannot sign in") as refused:
            await opened(f"host = 127.0.0.1:{port}\nuser = u", tmp_path)
    assert "Check the address" in refused.value.hint
