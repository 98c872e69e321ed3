"""Kind of provider: everything that the program needs of a key-management service, as one value.

A new service is a module with a `ProviderKind`, and a line in `reencrypt.keys.registry`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.errors import ConfigurationError
from reencrypt.events import Emit, Waiting, Warned, ignore
from reencrypt.keys.request_ids import RequestIds
from reencrypt.keys.service_options import ServiceOptions

if TYPE_CHECKING:
    from reencrypt.keys.provider import KeyProvider
    from reencrypt.settings import ProviderSection

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Quota:
    """The calls that a service answers before it throttles: `calls` in any `seconds`."""

    calls: float = math.inf
    seconds: float = 1.0

    def seconds_for(self, calls: int, share: float) -> float:
        """Estimate the time of calls with a share of it: one window's worth runs at once, the rest at its rate."""
        budget = self.calls * share
        return max(0.0, calls - budget) / budget * self.seconds


class Services:
    """Limiters and connections that the providers of all sessions of a process share, by type and name."""

    def __init__(self) -> None:
        self._found: dict[tuple[type, str], object] = {}

    def get(self, kind: type[T], name: str, make: Callable[[], T]) -> T:
        """Return the one object of a type and name."""
        found = self._found.get((kind, name))
        if not isinstance(found, kind):
            found = self._found[kind, name] = make()
        return found

    async def close(self) -> None:
        """Close everything closable."""
        for each in self._found.values():
            if isinstance(each, _Closable):
                await each.close()
        self._found.clear()


@runtime_checkable
class _Closable(Protocol):
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ProviderContext:
    """Context of the providers of one session. `emit` hears of their waits, their warnings and their requests.

    `cache` has the keys that are derived from passwords, `requests` gives each request to a service its id.
    """

    options: ServiceOptions = field(default_factory=ServiceOptions)
    emit: Emit = ignore
    services: Services = field(default_factory=Services)
    cache: DerivedKeyCache = field(default_factory=DerivedKeyCache)
    requests: RequestIds = field(default_factory=RequestIds)

    def waiting(self, reason: str) -> None:
        """Tell the user why work pauses, in words."""
        self.emit(Waiting(reason))

    def warn(self, name: str, message: str) -> None:
        """Tell the user what stops nothing: its name in the log, and in words."""
        self.emit(Warned(name, message))

    def shared(self, kind: type[T], name: str, make: Callable[[], T]) -> T:
        """Return this process's one object of a type and name, such as the limiter of a vault that holds two keys."""
        return self.services.get(kind, name, make)


class ConfiguredProvider(Protocol):
    """A provider that Grafana's configuration describes completely. Nothing here calls a service."""

    def key_id(self, version: str = "") -> str:
        """Return the service's id of a version of the key, or of the key itself; providers with the same key share it.

        Empty where no two providers can share a key.
        """
        ...

    def disable_command(self, version: str) -> str:
        """Return the command that disables a version of the key, once nothing needs it; empty where there is none."""
        ...

    def open(self, context: ProviderContext) -> KeyProvider:
        """Open the provider, without a request yet; raises `ConfigurationError`."""
        ...


def _has_no_versions(text: str) -> str:
    raise ConfigurationError(
        f"--key-version {text!r} is not a version of any key", hint="leave it out: these keys have no versions to name"
    )


@dataclass(frozen=True, slots=True)
class ProviderKind:
    """A kind of provider, as in `[security.encryption.KIND.NAME]`.

    `keys` are those of its section, in the order in which `config show` lists them; the values of `secret_keys` are
    masked there. `read` turns a section into a provider; it raises `ConfigurationError` with what is wrong, beginning
    with the section's name in brackets.

    `quota` is None where no service is called and calls cost nothing. Grafana's secrets manager spells kinds
    differently, by release: `secrets_manager_names` are these spellings in lower case and without `_`.
    `read_key_version` normalises a `--key-version` of the user, or raises `ConfigurationError`; without it
    the kind takes none.
    """

    name: str
    keys: tuple[str, ...]
    read: Callable[[ProviderSection], ConfiguredProvider]
    secret_keys: frozenset[str] = frozenset()
    quota: Quota | None = None
    secrets_manager_names: tuple[str, ...] = ()
    read_key_version: Callable[[str], str] = _has_no_versions
