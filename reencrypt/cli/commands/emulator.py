"""`reencrypt emulator`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reencrypt.cli.awaiting import run_to_end
from reencrypt.cli.options import option
from reencrypt.errors import ConfigurationError

if TYPE_CHECKING:
    from keyvault_emulator import EmulatorError


@click.command(
    "emulator",
    epilog="""\b
Example:
  reencrypt emulator --state /tmp/vault --key prod
  SSL_CERT_FILE=/tmp/vault/ca.pem AZURE_AUTHORITY_HOST=https://localhost:PORT \\
      reencrypt plan --grafana-config /tmp/vault/grafana.ini
""",
)
@option("--state", type=click.Path(path_type=Path), required=True, help="Folder for keys, CA and credentials.")
@option("--port", type=click.IntRange(0, 65535), default=0, help="Port on 127.0.0.1. Default: a free one.")
@option("--key", "keys", metavar="NAME", multiple=True, help="A key to have. May be repeated.  [default: grafana]")
def command(state: Path, port: int, keys: tuple[str, ...]) -> int:
    """Serve a local Key Vault with its token endpoint, for demos and tests.

    Prints one line of JSON when it is ready (vault_uri, authority, ca_bundle, grafana_ini) and stops on SIGTERM. Its
    keys lie in the state folder in the clear: never use it for anything real.
    """
    serve, failed = imported()
    try:
        run_to_end(serve(state, port, keys or ("grafana",), click.echo))
    except failed as error:
        raise ConfigurationError(error.message, hint=error.hint) from error
    return 0


def imported() -> tuple[Callable[..., Coroutine[Any, Any, None]], type[EmulatorError]]:
    """The emulator's own distribution, which this one does not need; raises `ConfigurationError` without it."""
    try:
        from keyvault_emulator import EmulatorError, serve  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            "the local Key Vault is a package of its own, which is not installed",
            hint="in a checkout: pip install ./emulator",
        ) from error
    return serve, EmulatorError
