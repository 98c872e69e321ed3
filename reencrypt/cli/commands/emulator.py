"""`reencrypt emulator`."""

from __future__ import annotations

from pathlib import Path

import click

from reencrypt.cli.awaiting import run_to_end
from reencrypt.cli.options import option


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
    from reencrypt.emulator import serve  # noqa: PLC0415

    run_to_end(serve(state, port, keys or ("grafana",), click.echo))
    return 0
