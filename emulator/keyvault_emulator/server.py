"""The emulator as a running server: `Emulator` for use in-process, `serve` for a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import web

from keyvault_emulator import grafanaini
from keyvault_emulator.certificates import CertificateAuthority
from keyvault_emulator.control import Control
from keyvault_emulator.credentials import Credentials
from keyvault_emulator.entra import MACHINE_PATH, Entra
from keyvault_emulator.errors import EmulatorError
from keyvault_emulator.faults import Faults
from keyvault_emulator.gateway import Gateway
from keyvault_emulator.identities import Identities
from keyvault_emulator.keystore import KeyStore, generate
from keyvault_emulator.keyversion import Attributes
from keyvault_emulator.permissions import ALL_PERMISSIONS
from keyvault_emulator.quota import BUDGET
from keyvault_emulator.requestlog import RequestLog
from keyvault_emulator.routes import is_key_name
from keyvault_emulator.state import occupied, write_file
from keyvault_emulator.tenants import DOMAIN
from keyvault_emulator.tokens import Tokens
from keyvault_emulator.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from keyvault_emulator.requestlog import RequestRecord

DEFAULT_KEYS: Final = ("grafana",)
#: Seconds; Entra's tokens last 60 to 90 minutes.
TOKEN_LIFETIME: Final = 3600

_LOOPBACK: Final = "127.0.0.1"
_KEY_BITS: Final = 2048
#: Seconds for open requests to end when the emulator stops.
_SHUTDOWN_TIMEOUT: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of a running emulator."""

    uri: str
    ca_bundle: Path
    grafana_ini: Path
    credentials: Credentials
    identities: Identities
    tokens: Tokens
    log: RequestLog
    control: Control
    gateway: Gateway


class Emulator:
    """A Key Vault and its token endpoint on a loopback port; `async with` starts and stops it.

    The folder `state` keeps the CA, the credentials and the keys: an emulator that is started on it again is the
    same vault to its clients, under another port unless `port` is given. Missing `keys` are made.

    Raises (on start):
        EmulatorError: a key name, the folder or the port cannot be used.
    """

    def __init__(
        self,
        *,
        state: Path,
        port: int = 0,
        keys: Sequence[str] = DEFAULT_KEYS,
        token_lifetime: int = TOKEN_LIFETIME,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state = state.absolute()
        self._port = port
        self._keys = tuple(keys) or DEFAULT_KEYS
        self._token_lifetime = token_lifetime
        self._clock = clock
        self._parts: _Parts | None = None
        self._stack = AsyncExitStack()

    def __repr__(self) -> str:
        return f"<Emulator {self._parts.uri if self._parts else 'stopped'} {self._state}>"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def vault_uri(self) -> str:
        """URL of the vault, without a slash at its end."""
        return self._running.uri

    @property
    def authority(self) -> str:
        """URL to set as `AZURE_AUTHORITY_HOST`."""
        return self._running.uri

    @property
    def ca_bundle(self) -> Path:
        """PEM file to set as `SSL_CERT_FILE`."""
        return self._running.ca_bundle

    @property
    def grafana_ini(self) -> Path:
        """Ini file that names the keys as Grafana's encryption providers."""
        return self._running.grafana_ini

    @property
    def tenant_id(self) -> str:
        """The one tenant that exists."""
        return self._running.credentials.tenant_id

    @property
    def tenant_domain(self) -> str:
        """A domain name of the tenant, which names it as well as its id does."""
        return DOMAIN

    @property
    def client_id(self) -> str:
        """The one application that exists."""
        return self._running.credentials.client_id

    @property
    def client_secret(self) -> str:
        """The application's secret."""
        return self._running.credentials.client_secret

    @property
    def identities(self) -> Identities:
        """Proofs of the application other than its secret."""
        return self._running.identities

    @property
    def machine_endpoint(self) -> str:
        """URL of the machine's managed identity, to set as `IDENTITY_ENDPOINT`."""
        return f"{self._running.uri}{MACHINE_PATH}"

    @property
    def _running(self) -> _Parts:
        if self._parts is None:
            raise RuntimeError("the emulator is not running")
        return self._parts

    def set_permissions(self, allow: Iterable[str] = ALL_PERMISSIONS, model: str = "policy") -> None:
        """Grant the application exactly `allow`, under an access policy or `rbac`."""
        self._running.control.set_permissions(allow, model)

    def set_bad_padding(self, behaviour: str) -> None:
        """Choose what RSA1_5 does with wrong padding: `error` (400) or `random` (bytes that mean nothing)."""
        self._running.control.set_bad_padding(behaviour)

    def set_api_versions(self, known: Sequence[str] | None = None) -> None:
        """Know exactly these values of `api-version`, oldest first; None: all stable ones."""
        self._running.control.set_api_versions(known)

    def set_shows_disabled(self, shown: bool) -> None:  # noqa: FBT001 - the switch itself
        """Let a disabled version be read, or refuse it as the service refuses its use."""
        self._running.control.set_shows_disabled(shown)

    def expire_tokens(self) -> None:
        """Refuse every token issued so far."""
        self._running.tokens.expire_all()

    def demand_claims(self) -> None:
        """Refuse every token issued so far with a claims challenge."""
        self._running.tokens.demand_claims()

    def add_fault(self, **fault: object) -> None:
        """Inject a fault; the fields are those of `Fault.of`: `kind`, `next` or `share`, and so on."""
        self._running.control.add_fault(fault)

    @property
    def faults_waiting(self) -> int:
        """How many faults have requests left to hit."""
        return self._running.control.faults_waiting

    def set_quota(self, budget: int | None = BUDGET, retry_after: int | None = None) -> None:
        """Set the units per ten seconds, and the `Retry-After` of a refusal."""
        self._running.control.set_quota(budget, retry_after)

    def requests(self) -> tuple[RequestRecord, ...]:
        """Return the request log, oldest first."""
        return self._running.log.records()

    def clear_requests(self) -> None:
        """Empty the request log."""
        self._running.log.clear()

    async def start(self) -> None:
        """Make or load everything, and accept connections."""
        async with AsyncExitStack() as stack:
            _check_names(self._keys)
            stack.enter_context(occupied(self._state))
            executor = stack.enter_context(ThreadPoolExecutor(max(2, os.cpu_count() or 1), "emulator-rsa"))
            listener = stack.enter_context(_listen(self._port))
            authority = CertificateAuthority.of(self._state)
            store = KeyStore(self._state / "keys", self._clock)
            await _make_missing(store, self._keys, executor)
            uri = f"https://localhost:{listener.getsockname()[1]}"
            parts = self._assemble(uri, authority.bundle, store, executor)
            server = web.Server(parts.gateway.handle, access_log=None)
            runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_TIMEOUT)
            stack.push_async_callback(_close, server, runner)
            await runner.setup()
            await web.SockSite(runner, listener, ssl_context=authority.server_context()).start()
            self._parts, self._stack = parts, stack.pop_all()

    async def stop(self) -> None:
        """Answer open requests, then close everything; a second call does nothing."""
        await self._stack.aclose()
        self._parts = None

    def _assemble(self, uri: str, ca_bundle: Path, store: KeyStore, executor: ThreadPoolExecutor) -> _Parts:
        credentials = Credentials.of(self._state)
        ini = self._state / "grafana.ini"
        write_file(ini, grafanaini.render(self._keys, credentials, uri).encode())
        identities = Identities(self._state, credentials)
        tokens = Tokens(credentials, uri, self._token_lifetime, self._clock)
        vault = Vault(store, credentials, executor, self._clock)
        log = RequestLog()
        faults = Faults()
        control = Control(vault, tokens, faults, log)
        return _Parts(
            uri=uri,
            ca_bundle=ca_bundle,
            grafana_ini=ini,
            credentials=credentials,
            identities=identities,
            tokens=tokens,
            log=log,
            control=control,
            gateway=Gateway(
                uri=uri,
                tokens=tokens,
                entra=Entra(credentials, identities, tokens),
                vault=vault,
                control=control,
                faults=faults,
                log=log,
                clock=self._clock,
            ),
        )


async def serve(state: Path, port: int, keys: Sequence[str], announce: Callable[[str], None]) -> None:
    """Run an emulator until SIGTERM or SIGINT, and return with everything closed.

    `announce` is called once, when clients can connect, with one line of JSON without a line end: `vault_uri`,
    `authority`, `ca_bundle` and `grafana_ini`.

    Raises:
        EmulatorError: a key name, the folder or the port cannot be used.
    """
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    # Before the start: a signal that comes while keys are made must not leave the folder half written.
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    try:
        async with Emulator(state=state, port=port, keys=keys) as emulator:
            announce(
                json.dumps(
                    {
                        "vault_uri": emulator.vault_uri,
                        "authority": emulator.authority,
                        "ca_bundle": str(emulator.ca_bundle),
                        "grafana_ini": str(emulator.grafana_ini),
                    }
                )
            )
            await stopped.wait()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _close(server: web.Server, runner: web.ServerRunner) -> None:
    """Answer open requests and close every connection."""
    transports = [each.transport for each in server.connections if each.transport is not None]
    await runner.cleanup()
    for transport in transports:
        # The goodbye of TLS waits for one of the client, and a client that does not read just now sends none.
        transport.abort()
    await asyncio.sleep(0)


def _check_names(keys: Sequence[str]) -> None:
    for key in keys:
        if not is_key_name(key):
            raise EmulatorError(
                f"{key!r} cannot be the name of a key in Key Vault.",
                hint="Use 1 to 127 letters, digits and hyphens.",
            )
    if len({key.lower() for key in keys}) < len(keys):
        raise EmulatorError("A key is named twice.", hint="Names differ in more than case; give each --key once.")


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        # A restart on the same port must not wait for the connections of the last run to fade.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_LOOPBACK, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise EmulatorError(
            f"The emulator cannot listen on {_LOOPBACK}:{port}: {error}.",
            hint="Choose another port, or 0 for any free one.",
        ) from error
    return listener


async def _make_missing(store: KeyStore, names: Sequence[str], executor: ThreadPoolExecutor) -> None:
    # A deleted key is not missing: a test may have deleted it.
    missing = [name for name in names if store.find(name) is None]
    loop = asyncio.get_running_loop()
    made = await asyncio.gather(*(loop.run_in_executor(executor, generate, _KEY_BITS) for _ in missing))
    for name, private in zip(missing, made, strict=True):
        store.add(name, private, "RSA", Attributes())
