"""`python -m reencrypt`, and the entry point of the console script."""

from __future__ import annotations

import gc
import resource
import sys
from typing import Final

#: Imports make some hundred thousand objects and no rubbish, and the collector would look through them a hundred times.
_OBJECTS_BETWEEN_COLLECTIONS: Final = 20_000


def main() -> None:
    """Run the command line and leave with its exit code."""
    # What is in memory here must not come to lie on a disk because of a crash.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))

    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *gc.get_threshold()[1:])

    from reencrypt.cli.main import run_command_line  # noqa: PLC0415 - what needs only --version needs no more
    from reencrypt.cli.streams import adopt_standard_streams  # noqa: PLC0415

    adopt_standard_streams()
    sys.exit(run_command_line(sys.argv[1:]))


if __name__ == "__main__":
    main()
