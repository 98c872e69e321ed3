"""What `--version` prints: the version in the first line, and below it what a report of a bug needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import click

import reencrypt

DISTRIBUTION: Final = "grafana-reencrypt"
#: The distributions whose versions decide what can go wrong.
LIBRARIES: Final = (
    "cryptography",
    "aiosqlite",
    "asyncpg",
    "asyncmy",
    "azure-identity",
    "azure-keyvault-keys",
    "aiohttp",
    "click",
)


def print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's order
    """Print it and leave, as a callback of the option."""
    if not wanted or ctx.resilient_parsing:
        return
    click.echo("\n".join(version_lines()))
    ctx.exit()


def version_lines() -> Iterator[str]:
    """`reencrypt 1.2.3`, and then a line for each of Python, system, libraries and extras. None of it is secret."""
    import platform  # noqa: PLC0415 - only this needs them

    yield f"reencrypt {reencrypt.__version__}"
    yield f"python {platform.python_version()} ({platform.python_implementation()})"
    yield f"platform {platform.platform()}"
    for name in LIBRARIES:
        yield f"{name} {_version_of(name) or 'not installed'}{_beneath(name)}"
    yield f"extras {', '.join(_extras()) or 'none'}"


def _version_of(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _beneath(name: str) -> str:
    """The version of the library in C beneath one in Python."""
    if name == "aiosqlite":
        import sqlite3  # noqa: PLC0415

        return f" (SQLite {sqlite3.sqlite_version})"
    if name == "cryptography":
        from cryptography.hazmat.backends.openssl import backend  # noqa: PLC0415

        return f" ({backend.openssl_version_text()})"
    if name == "aiohttp":
        import ssl  # noqa: PLC0415

        return f" ({ssl.OPENSSL_VERSION})"
    return ""


def _extras() -> Iterator[str]:
    """The extras of this distribution of which everything is installed."""
    from importlib.metadata import PackageNotFoundError, metadata, requires  # noqa: PLC0415

    try:
        names, requirements = metadata(DISTRIBUTION).get_all("Provides-Extra") or [], requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        return
    for extra in names:
        needed = [each for each in requirements if re.search(rf"extra == ['\"]{re.escape(extra)}['\"]", each)]
        distributions = [found[0] for each in needed if (found := re.match(r"[\w.-]+", each))]
        if distributions and all(map(_version_of, distributions)):
            yield extra
