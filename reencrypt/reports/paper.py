"""A report on paper: the sealed document in the form that was asked for, on standard output or in a new file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reencrypt.errors import ConfigurationError
from reencrypt.next_steps import NextStep
from reencrypt.reports.document import seal_of, sealed
from reencrypt.reports.options import PaperOptions


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything that is known before the evidence: the form, the file, and the seal of the report before."""

    options: PaperOptions
    previous: str | None

    @classmethod
    def of(cls, options: PaperOptions) -> Desk:
        """Check the options before any work is done; raises `ConfigurationError`."""
        if options.file is not None:
            _check_new(options.file)
        return cls(options, None if options.previous is None else seal_of(options.previous))

    def write(self, content: Mapping[str, Any]) -> Paper:
        """Seal the evidence, and write it; raises `ConfigurationError` where the file cannot be written."""
        from reencrypt.reports.rendering import render  # noqa: PLC0415 - a quarter of help's time

        document = sealed(content, self.previous)
        text = render(document, self.options.format)
        if self.options.file is not None:
            _write(self.options.file, text)
        return Paper(document, text, self.options.file)


@dataclass(frozen=True, slots=True)
class Paper:
    """A report that is written: its data, its text, and its file if it has one."""

    document: Mapping[str, Any]
    text: str
    file: Path | None

    @property
    def exit_code(self) -> int:
        """0: it is written, whatever it says."""
        return 0

    @property
    def next_steps(self) -> Sequence[NextStep]:
        """None: it is the end, and on standard output nothing may follow it."""
        return ()

    def as_json(self) -> dict[str, Any]:
        """The object that `--output json` prints."""
        return {"outcome": "report", "file": str(self.file) if self.file else None, "report": self.document}


def _check_new(path: Path) -> None:
    if path.exists():
        raise ConfigurationError(
            f"--file {path} exists already", hint="Give another name: a report is evidence, and is never overwritten."
        )
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"--file {path} cannot be written", hint="Give a path in a folder that exists and may be written to."
        )


def _write(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                # Half a report would be in the way of the next try.
                path.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise ConfigurationError(
            f"--file {path} cannot be written: {error.strerror}", hint="Give another path; nothing else has changed."
        ) from None
