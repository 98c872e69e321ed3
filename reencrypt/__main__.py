"""`python -m reencrypt` and the `reencrypt` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from reencrypt.cli.main import run_command_line  # noqa: PLC0415 - what needs only --version needs no more

    sys.exit(run_command_line(sys.argv[1:]))


if __name__ == "__main__":
    main()
