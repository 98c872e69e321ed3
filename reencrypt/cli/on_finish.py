"""The command of `--on-finish`: it is told the result, whatever that is, and has no say in it.

It gets the object that `--output json` prints, on its standard input. No shell reads it, and it sees none of the
variables that hold keys: those of Grafana, of Azure and of this program.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

#: What it has no use for, and what may hold a secret: IDENTITY_ and MSI_ are a managed identity's, and an exporter's
#: headers may hold a token.
_KEPT_BACK: Final = ("GF_", "AZURE_", "REENCRYPT_", "IDENTITY_", "MSI_", "OTEL_EXPORTER_")
_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class FinishCommand:
    """A program and its arguments."""

    words: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> FinishCommand:
        """Split a command line as a shell would, and no more than that; raises `ValueError` where none can start."""
        words = tuple(shlex.split(text))
        if not words:
            raise ValueError("it names no program")
        import shutil  # noqa: PLC0415 - with all that it compresses and unpacks

        if shutil.which(words[0]) is None:
            raise ValueError(f"there is no program {words[0]!r} that may be executed")
        return cls(words)

    def tell(self, result: Mapping[str, Any], environment: Mapping[str, str], *, seconds: float = _SECONDS) -> str:
        """Run the command with a result, for so many seconds at most; returns what went wrong, in words, else nothing.

        What it prints goes to standard error, because standard output holds the result.
        """
        import json  # noqa: PLC0415 - help does not need them
        import os  # noqa: PLC0415
        import signal  # noqa: PLC0415
        import subprocess  # noqa: PLC0415

        kept = {name: value for name, value in environment.items() if not name.startswith(_KEPT_BACK)}
        try:
            # A group of its own, so that what it starts can be ended with it.
            process = subprocess.Popen(  # noqa: S603 - the operator's own command, without a shell
                self.words, stdin=subprocess.PIPE, stdout=2, env=kept, start_new_session=True
            )
        except OSError as error:
            return f"cannot be started: {error.strerror}"
        try:
            process.communicate(json.dumps(result).encode(), seconds)
        except subprocess.TimeoutExpired:
            return f"was still at work after {seconds:g} s and was ended"
        except KeyboardInterrupt:
            return "was interrupted"
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return f"ended with exit code {process.returncode}" if process.returncode else ""
