"""How a report is written. This module is loaded for `--help`, so it imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reencrypt.option import option


@dataclass(frozen=True, slots=True)
class PaperOptions:
    """The form of a report, where it goes, and the report before it."""

    format: Literal["html", "md", "json"] = option(
        "--format",
        "A page for a browser and for printing, Markdown, or the data.",
        default="html",
        details="A page is one file without scripts and without addresses of others, and holds the data too.",
    )
    file: Path | None = option(
        "--file FILE",
        "Write the report to this new file instead of standard output.",
        default=None,
        details="A report that exists is never overwritten.",
        example="rotation-2026-11.html",
    )
    previous: Path | None = option(
        "--previous FILE",
        "The last report, whose SHA-256 this one names.",
        default=None,
        details="A page or data that somebody has changed since is refused.",
        example="rotation-2026-08.html",
    )
