"""`reencrypt emulator`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reencrypt.cli.options import cli_command
from reencrypt.cli.performing import run_to_end
from reencrypt.errors import ConfigurationError
from reencrypt.option import option

if TYPE_CHECKING:
    from keyvault_emulator import EmulatorError


@dataclass(frozen=True, slots=True)
class EmulatorOptions:
    """The options of `emulator`."""

    state: Path = option("--state", "Folder for keys, CA and credentials.")
    port: int | None = option(
        "--port N", "Port on 127.0.0.1. Default: a free one.", default=None, minimum=0, maximum=65535
    )
    keys: tuple[str, ...] = option("--key NAME", "A key to have. May be repeated.", default=("grafana",))


@cli_command(
    "emulator",
    epilog="""\b
Example:
  reencrypt emulator --state /tmp/vault --key prod
  SSL_CERT_FILE=/tmp/vault/ca.pem \\
      AZURE_AUTHORITY_HOST=https://localhost:PORT \\
      reencrypt plan --grafana-config /tmp/vault/grafana.ini
""",
)
def command(wanted: EmulatorOptions) -> int:
    """Serve a local Key Vault with its token endpoint, for demos and tests.

    Prints one line of JSON when it is ready (vault_uri, authority, ca_bundle, grafana_ini) and stops on SIGTERM. Its
    keys lie in the state folder in the clear: never use it for anything real.
    """
    serve, failed = imported()
    try:
        run_to_end(serve(wanted.state, wanted.port or 0, wanted.keys, click.echo))
    except failed as error:
        raise ConfigurationError(error.message, hint=error.hint) from error
    return 0


def imported() -> tuple[Callable[..., Coroutine[Any, Any, None]], type[EmulatorError]]:
    """Import the emulator, an optional distribution; raises `ConfigurationError` without it."""
    try:
        from keyvault_emulator import EmulatorError, serve  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            "the local Key Vault is a package of its own, and not installed",
            hint="In a checkout, type `pip install ./emulator`.",
        ) from error
    return serve, EmulatorError
