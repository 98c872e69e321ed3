"""TLS to real servers that insist on it: verified where Grafana's settings say so, and never left out in silence."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from reencrypt.databases.connect import open_database
from reencrypt.databases.protocol import Database
from reencrypt.errors import ConfigurationError, ReencryptError
from reencrypt.settings import load_settings
from tests.support.installed import InstalledPostgres, installed_postgres
from tests.support.mysql import OwnServer
from tests.support.mysql_programs import Product
from tests.support.tls import server_tls
from tests.support.transports import all_closed


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The bundle of a CA, a certificate that it signed for localhost, and the bundle of a stranger."""
    folder, stranger = tmp_path_factory.mktemp("ca"), tmp_path_factory.mktemp("stranger")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    server = ca.issue_cert("localhost", "127.0.0.1")
    server.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    trustme.CA().cert_pem.write_to_path(str(stranger / "ca.pem"))
    return folder / "ca.pem", folder / "server.pem", stranger / "ca.pem"


def mysql_with_tls(product: Product, authorities: tuple[Path, Path, Path]) -> Iterator[str]:
    ca, certificate, _ = authorities
    server = OwnServer(f"--ssl-ca={ca}", f"--ssl-cert={certificate}", f"--ssl-key={certificate}", product=product)
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE USER tls IDENTIFIED BY 'p' REQUIRE SSL")
        cursor.execute("GRANT ALL ON *.* TO tls")
        cursor.execute("CREATE DATABASE grafana")
    yield f"type = mysql\nhost = 127.0.0.1:{server.port}\nuser = tls\npassword = p\nname = grafana"
    server.stop()


@pytest.fixture(scope="module")
def mariadb(authorities: tuple[Path, Path, Path]) -> Iterator[str]:
    """A MariaDB that accepts nothing but TLS, as settings without it."""
    yield from mysql_with_tls("mariadb", authorities)


@pytest.fixture(scope="module")
def mysql(authorities: tuple[Path, Path, Path]) -> Iterator[str]:
    """A MySQL itself that accepts nothing but TLS, as settings without it."""
    yield from mysql_with_tls("mysql", authorities)


@pytest.fixture(scope="module")
def postgres(authorities: tuple[Path, Path, Path]) -> Iterator[str]:
    """A PostgreSQL that accepts nothing but TLS, as settings without it."""
    programs = installed_postgres()
    if programs is None:
        pytest.skip("NOT RUN: no PostgreSQL server is installed")
    server = InstalledPostgres(programs)
    certificate = server.folder / "server.pem"
    certificate.write_bytes(authorities[1].read_bytes())
    certificate.chmod(0o600)
    server.own(certificate)
    (server.data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 trust\n")
    server.start("ssl=on", f"ssl_cert_file={certificate}", f"ssl_key_file={certificate}")
    yield f"type = postgres\nhost = 127.0.0.1:{server.port}\nuser = postgres\nname = postgres"
    server.stop()


async def opened(keys: str, tmp_path: Path) -> Database:
    configuration = tmp_path / "grafana.ini"
    configuration.write_text(f"[database]\n{keys}\n")
    settings = load_settings(config=configuration, home=None, database_url=None, environ={}).database
    return await open_database(settings, write=False)


@pytest.mark.parametrize(
    ("server", "mode", "bundle", "extra"),
    [
        ("mariadb", "true", 0, ""),
        ("mariadb", "true", 0, "server_cert_name = localhost"),
        ("mariadb", "skip-verify", 2, ""),
        ("mariadb", "preferred", 2, ""),
        ("mysql", "true", 0, ""),
        ("mysql", "true", 0, "server_cert_name = localhost"),
        ("mysql", "skip-verify", 2, ""),
        ("mysql", "preferred", 2, ""),
        ("postgres", "verify-full", 0, ""),
        ("postgres", "verify-ca", 0, ""),
        ("postgres", "require", None, ""),
    ],
)
async def test_tls_by_grafanas_modes(
    server: str,
    mode: str,
    bundle: int | None,
    extra: str,
    authorities: tuple[Path, Path, Path],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    keys = f"{request.getfixturevalue(server)}\nssl_mode = {mode}\n{extra}\n"
    if bundle is not None:
        keys += f"ca_cert_path = {authorities[bundle]}\n"
    database = await opened(keys, tmp_path)
    await database.columns()
    await database.close()


@pytest.mark.parametrize("mode", ["preferred", "true", "skip-verify"])
async def test_a_server_without_tls_is_used_only_where_tls_is_a_preference(mode: str, tmp_path: Path) -> None:
    server = OwnServer()
    keys = f"type = mysql\nhost = 127.0.0.1:{server.port}\nuser = root\nname = mysql\nssl_mode = {mode}"
    try:
        if mode == "preferred":
            await (await opened(keys, tmp_path)).close()
        else:
            with pytest.raises(ConfigurationError, match="offers no TLS"):
                await opened(keys, tmp_path)
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("server", "mode", "extra", "said", "key"),
    [
        ("mariadb", "true", "", "nobody that is trusted here", "ca_cert_path"),
        ("mariadb", "true", "server_cert_name = another.example", "than another.example", "server_cert_name"),
        ("mysql", "true", "", "nobody that is trusted here", "ca_cert_path"),
        ("mysql", "true", "server_cert_name = another.example", "than another.example", "server_cert_name"),
        ("postgres", "verify-full", "", "nobody that is trusted here", "ca_cert_path"),
        ("postgres", "verify-ca", "", "nobody that is trusted here", "ca_cert_path"),
        # With a CA named, lib/pq verifies the chain.
        ("postgres", "require", "", "nobody that is trusted here", "ca_cert_path"),
    ],
)
async def test_a_certificate_that_does_not_verify_is_a_configuration_error(
    server: str,
    mode: str,
    extra: str,
    said: str,
    key: str,
    authorities: tuple[Path, Path, Path],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    bundle = authorities[0 if extra else 2]
    keys = f"{request.getfixturevalue(server)}\nssl_mode = {mode}\nca_cert_path = {bundle}\n{extra}"
    with pytest.raises(ConfigurationError, match=f"TLS failed: .*{said}") as refused:
        await opened(keys, tmp_path)
    assert key in refused.value.hint


@pytest.mark.parametrize("server", ["mariadb", "mysql", "postgres"])
async def test_a_server_that_insists_on_tls_refuses_a_plain_connection(
    server: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        await opened(request.getfixturevalue(server), tmp_path)
    assert "ssl_mode" in refused.value.hint


class NameListener:
    """Speaks PostgreSQL up to the TLS handshake, and remembers which server name the client asked for."""

    def __init__(self, folder: Path) -> None:
        context, self.bundle = server_tls(folder)
        context.sni_callback = lambda _connection, name, _context: self.names.append(name)
        self.names: list[str | None] = []
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            connection.recv(8)  # SSLRequest
            connection.sendall(b"S")
            with suppress(OSError), self._context.wrap_socket(connection, server_side=True) as secured:
                secured.recv(1)

    def close(self) -> None:
        self._socket.close()
        self._thread.join()


@pytest.mark.parametrize(
    ("mode", "sni", "name"),
    [
        ("require", "", "localhost"),
        ("require", "0", None),
        ("verify-ca", "1", "localhost"),
        ("verify-ca", "0", None),
        ("verify-full", "0", "localhost"),  # as in lib/pq: whoever verifies the name sends it
    ],
)
@pytest.mark.parametrize("as_string", [False, True])
async def test_the_servers_name_is_sent_as_ssl_sni_says(
    mode: str, sni: str, name: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, as_string: bool
) -> None:
    # The listener hangs up once it has the name.
    monkeypatch.setattr("reencrypt.databases.server.database.OPENING_SECONDS", 0.5)
    server = NameListener(tmp_path)
    keys = f"type = postgres\nhost = localhost:{server.port}\nuser = u\nname = n\nssl_mode = {mode}\n"
    keys += f"ca_cert_path = {server.bundle}\nssl_sni = {sni}\n"
    if as_string:
        words = f"host=localhost port={server.port} user=u dbname=n sslmode={mode} sslrootcert={server.bundle}"
        keys = f"type = postgres\nconnection_string = {words} sslsni={sni}\n" if sni else ""
        keys = keys or f"type = postgres\nconnection_string = {words}\n"
    try:
        with pytest.raises(ReencryptError):
            await opened(keys, tmp_path)
    finally:
        server.close()
    assert server.names == [name]
    await all_closed()
