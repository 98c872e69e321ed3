"""What a shell completes an option or argument with: runs, locations and providers.

Whoever presses the tabulator key waits for it and reads what it prints: it is quick, and silent about every failure.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from reencrypt.settings import Settings

#: For how long configuration and database are asked, in seconds.
LONGEST_SECONDS: Final = 1.0
#: The runs that are proposed, newest first.
_RUNS: Final = 20


def candidates(kind: str, ctx: click.Context, incomplete: str) -> list[str]:
    """The names of this kind that begin like that; none where anything goes wrong."""
    with _in_time():
        try:
            found = _KINDS[kind](ctx.params)
        except Exception:  # noqa: BLE001 - there is nobody to tell
            return []
    # The shell prints them as they are.
    return [each for each in found if each.startswith(incomplete) and each.isprintable()]


@contextmanager
def _in_time() -> Iterator[None]:
    """End the process without a word when this takes too long, whatever a driver or a resolver waits for."""
    previous = signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, LONGEST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _locations(_given: Mapping[str, Any]) -> Sequence[str]:
    from reencrypt.catalogue.locations import LOCATIONS  # noqa: PLC0415 - only a completion needs them here
    from reencrypt.catalogue.manager_locations import MANAGER_LOCATIONS  # noqa: PLC0415

    return [each.name for each in (*LOCATIONS, *MANAGER_LOCATIONS)]


def _providers(given: Mapping[str, Any]) -> Sequence[str]:
    from reencrypt.keys.provider import SECRET_KEY_PROVIDER  # noqa: PLC0415

    settings = _settings(given)
    return [SECRET_KEY_PROVIDER, *settings.classic.providers, *settings.manager.store.providers]


def _runs(given: Mapping[str, Any]) -> Sequence[str]:
    import asyncio  # noqa: PLC0415

    return asyncio.run(_run_ids(_settings(given)))


async def _run_ids(settings: Settings) -> Sequence[str]:
    from reencrypt.databases.connect import open_database  # noqa: PLC0415
    from reencrypt.state.runs import read_runs  # noqa: PLC0415

    database = await open_database(settings.database, write=False)
    try:
        return [run.id for run in reversed((await read_runs(database))[-_RUNS:])]
    finally:
        await database.close()


def _settings(given: Mapping[str, Any]) -> Settings:
    from reencrypt.settings import load_settings  # noqa: PLC0415

    return load_settings(
        config=given.get("grafana_config"),
        home=given.get("grafana_home"),
        database_url=given.get("database"),
        environ=os.environ,
        trusted_vault_hosts=given.get("trust_vault") or (),
    )


_KINDS: Final[Mapping[str, Callable[[Mapping[str, Any]], Sequence[str]]]] = {
    "location": _locations,
    "provider": _providers,
    "run": _runs,
}
