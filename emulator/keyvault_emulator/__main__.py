"""`keyvault-emulator`: the emulator as a program of its own."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from keyvault_emulator.errors import EmulatorError
from keyvault_emulator.server import DEFAULT_KEYS, serve


def main() -> None:
    """Serve until SIGTERM or SIGINT; exit 2 with a message where the folder, a key name or the port cannot be used."""
    parser = argparse.ArgumentParser(
        prog="keyvault-emulator",
        description="Serve a local Azure Key Vault with the token endpoint of Microsoft Entra, over TLS. Prints one "
        "line of JSON when it is ready. Its keys lie in its folder in the clear: never use it for anything real.",
    )
    parser.add_argument("--state", type=Path, required=True, help="folder for keys, CA and credentials")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; default: a free one")
    parser.add_argument(
        "--key", dest="keys", action="append", metavar="NAME", help="a key to have; may be repeated; default: grafana"
    )
    given = parser.parse_args()
    try:
        asyncio.run(serve(given.state, given.port, given.keys or DEFAULT_KEYS, lambda line: print(line, flush=True)))
    except EmulatorError as error:
        sys.exit(_usage(error))


def _usage(error: EmulatorError) -> int:
    print(f"keyvault-emulator: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
