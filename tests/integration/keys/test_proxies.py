"""The way to vault and sign-in through a proxy: real sockets, a real CONNECT, the emulator behind it over TLS."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from keyvault_emulator import Emulator

from reencrypt.errors import ConfigurationError, ReencryptError, UnavailableError
from reencrypt.keys.azure.provider import AzureKeyProvider
from reencrypt.keys.azure.proxy import ProxyError
from reencrypt.keys.diagnostics import State
from tests.integration.keys.conftest import ProviderOf
from tests.integration.keys.test_azure import pem, wrap
from tests.support.connect_proxy import ConnectProxy, connect_proxy
from tests.support.tls import server_tls

#: Names that only the proxy leads to; the emulator's certificate holds them.
VAULT, SIGN_IN = "myvault.vault.azure.net", "login.vault.azure.net"
PASSWORD = "c4n4ry:/@#"
DATA_KEY = b"k" * 16


@pytest.fixture(autouse=True)
def _no_other_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def behind(provider_of: ProviderOf, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], AzureKeyProvider]:
    """A provider whose vault and sign-in are reached by a proxy alone."""

    def make(proxy: str) -> AzureKeyProvider:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"https://{SIGN_IN}")
        return provider_of(vault_uri=f"https://{VAULT}", loopback=False, trusted_suffix=True)

    return make


def port_of(emulator: Emulator) -> tuple[str, int]:
    return "127.0.0.1", urlsplit(emulator.vault_uri).port or 0


Behind = Callable[[str], AzureKeyProvider]


async def failing(provider: AzureKeyProvider, block: bytes) -> ReencryptError:
    with pytest.raises(ReencryptError) as caught:
        await provider.unwrap(block)
    assert "c4n4ry" not in caught.value.message + caught.value.hint
    return caught.value


@pytest.mark.parametrize("scheme", ["http://", ""])
@pytest.mark.parametrize("credentials", ["", f"alice:{PASSWORD}"])
async def test_vault_and_sign_in_are_reached_through_it(
    scheme: str, credentials: str, behind: Behind, state: Path, emulator: Emulator
) -> None:
    with connect_proxy(port_of(emulator), credentials=credentials) as proxy:
        user = "alice:c4n4ry%3A%2F%40%23@" if credentials else ""
        provider = behind(f"{scheme}{user}{proxy.address}")
        assert (await provider.unwrap(wrap(pem(state), DATA_KEY))).data_key == DATA_KEY
        assert set(proxy.asked) == {f"{VAULT}:443", f"{SIGN_IN}:443"}
        checks = await provider.diagnose()
        assert (checks[0].name, checks[0].detail) == ("proxy", f"http://{proxy.address} (HTTPS_PROXY)")


async def test_a_proxy_may_speak_tls_itself(
    behind: Behind, state: Path, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, bundle = server_tls(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(bundle.read_bytes() + emulator.ca_bundle.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(both))
    with connect_proxy(port_of(emulator), tls=context) as proxy:
        provider = behind(f"https://{proxy.address}")
        assert (await provider.unwrap(wrap(pem(state), DATA_KEY))).data_key == DATA_KEY
        # A proxy that is not spoken to in its own way.
        error = await failing(behind(f"http://{proxy.address}"), wrap(pem(state), DATA_KEY))
        assert error.exit_code == 7


async def test_what_no_proxy_excepts_goes_directly(
    state: Path, provider_of: ProviderOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The emulator itself is on this machine, which is never proxied; nobody listens where this proxy is.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert (await provider_of().unwrap(wrap(pem(state), DATA_KEY))).data_key == DATA_KEY


@pytest.mark.parametrize(
    ("answer", "exit_code", "says", "hint"),
    [
        ("407 Proxy Authentication Required", 2, "asks for credentials (407 Proxy Auth", "USER:PASSWORD@HOST"),
        ("403 Forbidden by rule 7", 2, f"refuses the way to {VAULT} (403 Forbidden by rule 7)", "NO_PROXY"),
        ("400 Bad Request", 2, f"cannot open the way to {VAULT} (400", f"CONNECT to {VAULT}"),
        ("405 Method Not Allowed", 2, "cannot open the way to", "CONNECT"),
        ("302 Found", 2, "cannot open the way to", "CONNECT"),
        ("501 Not Implemented", 2, "cannot open the way to", "CONNECT"),
        ("511 Network Authentication Required", 2, "cannot open the way to", "CONNECT"),
        ("429 Too Many Requests", 7, "answered 429 Too Many Requests to the way to", "proxy's health"),
        ("500 Internal Server Error", 7, "answered 500 Internal Server Error to the way to", "proxy's health"),
        ("502 Bad Gateway", 7, f"answered 502 Bad Gateway to the way to {VAULT}", "proxy's health"),
        ("503 Service Unavailable", 7, "answered 503 Service Unavailable to the way to", "proxy's health"),
        ("504 Gateway Timeout", 7, "answered 504 Gateway Timeout to the way to", "proxy's health"),
    ],
)
async def test_an_answer_of_the_proxy_is_not_one_of_the_vault(
    answer: str, exit_code: int, says: str, hint: str, behind: Behind, state: Path, emulator: Emulator
) -> None:
    with connect_proxy(port_of(emulator), answer=answer) as proxy:
        error = await failing(behind(f"http://{proxy.address}"), wrap(pem(state), DATA_KEY))
        assert error.exit_code == exit_code, error.message
        assert f"the proxy http://{proxy.address} (HTTPS_PROXY) {says}" in error.message
        assert hint in error.hint
        assert "the vault answered" not in error.message
        if exit_code == 2:
            # Permanent: the request that learns about the key, and the one that matters.
            assert len(proxy.asked) == 2
            assert isinstance(error, ProxyError)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n\r\n",
        b"garbage",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 abc Not A Number\r\n\r\n",
        b"HTTP/1.1 999999 What\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nnot TLS at all",
        b"HTTP/1.1 403 \xff\xfe\x1b[31m\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
    ],
)
async def test_bytes_that_are_no_answer_of_a_proxy_are_no_bug(
    raw: bytes, behind: Behind, state: Path, emulator: Emulator
) -> None:
    with connect_proxy(port_of(emulator), raw=raw) as proxy:
        error = await failing(behind(f"http://alice:c4n4ry@{proxy.address}"), wrap(pem(state), DATA_KEY))
    assert error.exit_code in (2, 7)
    assert error.message.isprintable()


async def test_wrong_credentials_are_told_from_none(behind: Behind, state: Path, emulator: Emulator) -> None:
    with connect_proxy(port_of(emulator), credentials="alice:right") as proxy:
        provider = behind(f"http://alice:c4n4ry@{proxy.address}")
        error = await failing(provider, wrap(pem(state), DATA_KEY))
        assert "does not accept the user and the password in it (407" in error.message
        check, *rest = await provider.diagnose()
        assert {each.state for each in rest} == {State.NOT_CHECKED}
        assert (check.name, check.exit_code, check.detail) == ("proxy", 2, error.message)
        assert base64.b64encode(b"alice:c4n4ry").decode() not in error.message


async def test_a_proxy_that_refuses_the_sign_in_alone_is_told_by_its_host(
    behind: Behind, state: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_the_vault(_: ConnectProxy, head: list[str]) -> str:
        return "200 OK" if VAULT in head[0] else "403 Forbidden"

    monkeypatch.setattr(ConnectProxy, "answer_to", only_the_vault)
    with connect_proxy(port_of(emulator)) as proxy:
        error = await failing(behind(f"http://{proxy.address}"), wrap(pem(state), DATA_KEY))
    assert error.exit_code == 2
    assert f"refuses the way to {SIGN_IN} (403" in error.message


def nobodys_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.mark.parametrize("host", ["127.0.0.1", "nobody.invalid"])
async def test_a_proxy_that_is_not_there_may_come_back(host: str, behind: Behind, state: Path) -> None:
    address = f"{host}:{nobodys_port()}"
    error = await failing(behind(f"http://alice:c4n4ry@{address}"), wrap(pem(state), DATA_KEY))
    assert isinstance(error, UnavailableError)
    assert f"no connection to the proxy http://{address} (HTTPS_PROXY)" in error.message


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("http://alice:c4n4ry@proxy:99999", "HTTPS_PROXY is not the address of a proxy"),
        ("socks5://alice:c4n4ry@proxy:1080", "HTTPS_PROXY names a proxy of the kind socks5"),
    ],
)
async def test_a_bad_address_of_a_proxy_is_a_matter_of_configuration(
    value: str, says: str, behind: Behind, state: Path
) -> None:
    provider = behind(value)
    error = await failing(provider, wrap(pem(state), DATA_KEY))
    assert error.exit_code == 2
    assert says in error.message
    check, *rest = await provider.diagnose()
    assert (check.name, check.exit_code) == ("proxy", 2)
    assert {each.state for each in rest} == {State.NOT_CHECKED}


async def test_a_proxy_that_opens_the_way_and_inspects_tls_needs_its_ca(
    behind: Behind, state: Path, tmp_path: Path
) -> None:
    context, _ = server_tls(tmp_path)
    with _tls_server(context) as port, connect_proxy(("127.0.0.1", port)) as proxy:
        error = await failing(behind(f"http://{proxy.address}"), wrap(pem(state), DATA_KEY))
    assert error.exit_code == 2
    assert f"the certificate of {VAULT} is not trusted" in error.message
    assert "SSL_CERT_FILE" in error.hint


@contextmanager
def _tls_server(context: ssl.SSLContext) -> Iterator[int]:
    """A server with another CA's certificate, which says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                    with client, context.wrap_socket(client, server_side=True):
                        pass
                except OSError:
                    if listening.fileno() < 0:
                        return

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


# The way without a proxy.


@pytest.mark.parametrize("port", ["plain", "nobody"])
async def test_what_does_not_speak_tls_is_no_vault(port: str, state: Path, provider_of: ProviderOf) -> None:
    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        where = server.sockets[0].getsockname()[1] if port == "plain" else nobodys_port()
        error = await failing(provider_of(vault_uri=f"https://localhost:{where}"), wrap(pem(state), DATA_KEY))
    if port == "plain":
        assert (error.exit_code, f"localhost:{where} does not speak TLS" in error.message) == (2, True)
    else:
        assert (error.exit_code, f"no connection to localhost:{where}" in error.message) == (7, True)


async def test_a_name_that_dns_cannot_know_is_no_host(state: Path, provider_of: ProviderOf) -> None:
    host = f"{'x' * 64}.vault.azure.net"
    error = await failing(provider_of(vault_uri=f"https://{host}"), wrap(pem(state), DATA_KEY))
    assert (error.exit_code, error.message) == (2, f"{host} is not a name of a host")
    assert isinstance(error, ConfigurationError)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda _: None, "cannot be read: No such file or directory"),
        (lambda path: path.mkdir(), "cannot be read: Is a directory"),
        (lambda path: path.write_text("not a certificate"), "holds no certificate in PEM"),
        (lambda path: path.write_bytes(b""), "holds no certificate in PEM"),
        (lambda path: path.write_bytes(bytes(range(256))), "holds no certificate in PEM"),
        (lambda path: path.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n"), "holds no certificate in PEM"),
    ],
)
async def test_a_bundle_that_cannot_be_used_is_named(
    make: Callable[[Path], object],
    says: str,
    state: Path,
    provider_of: ProviderOf,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    bundle = tmp_path / "bundle.pem"
    make(bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    error = await failing(provider_of(), wrap(pem(state), DATA_KEY))
    assert (error.exit_code, error.message) == (2, f"SSL_CERT_FILE: {bundle} {says}")
    assert "unset it" in error.hint


async def test_a_folder_of_certificates_that_is_not_there_is_named(
    state: Path, provider_of: ProviderOf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", f"{tmp_path / 'one'}:{tmp_path / 'other'}")
    error = await failing(provider_of(), wrap(pem(state), DATA_KEY))
    assert (error.exit_code, "is not a directory" in error.message) == (2, True)
    monkeypatch.setenv("SSL_CERT_DIR", f"{tmp_path / 'one'}:{tmp_path}")
    assert (await provider_of().unwrap(wrap(pem(state), DATA_KEY))).data_key == DATA_KEY
