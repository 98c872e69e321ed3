"""`python -m reencrypt`, and the entry point of the console script."""

from __future__ import annotations

import resource
import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    # What is in memory here must not come to lie on a disk because of a crash.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))

    from reencrypt.cli.main import run_command_line  # noqa: PLC0415 - what needs only --version needs no more
    from reencrypt.cli.streams import adopt_standard_streams  # noqa: PLC0415

    adopt_standard_streams()
    sys.exit(run_command_line(sys.argv[1:]))


if __name__ == "__main__":
    main()
