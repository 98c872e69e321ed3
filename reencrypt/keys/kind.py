"""Kind of provider: everything that the rest of the program asks of a key-management service, as one value.

A new service is a module with a `ProviderKind`, and a line in `reencrypt.keys.registry`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from reencrypt.errors import ConfigurationError
from reencrypt.keys.service_options import ServiceOptions

if TYPE_CHECKING:
    from reencrypt.keys.provider import KeyProvider
    from reencrypt.settings import ProviderSection

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Quota:
    """How much a service answers before it throttles: `calls` in any `seconds`."""

    calls: float = math.inf
    seconds: float = 1.0

    def seconds_for(self, calls: int, share: float) -> float:
        """About how long so many calls take with a share of it: a window's worth goes at once, the rest at its pace."""
        budget = self.calls * share
        return max(0.0, calls - budget) / budget * self.seconds


class Services:
    """What the providers of all sessions of a process share: limiters and connections, by type and name."""

    def __init__(self) -> None:
        self._found: dict[tuple[type, str], object] = {}

    def get(self, kind: type[T], name: str, make: Callable[[], T]) -> T:
        """The one object of that type and name."""
        found = self._found.get((kind, name))
        if not isinstance(found, kind):
            found = self._found[kind, name] = make()
        return found

    async def close(self) -> None:
        """Close all that can be closed."""
        for each in self._found.values():
            if isinstance(each, _Closable):
                await each.close()
        self._found.clear()


@runtime_checkable
class _Closable(Protocol):
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ProviderContext:
    """What the providers of one session are opened with. `waiting` and `warn` tell the user, in words."""

    options: ServiceOptions = field(default_factory=ServiceOptions)
    waiting: Callable[[str], None] = lambda _reason: None
    warn: Callable[[str], None] = lambda _message: None
    services: Services = field(default_factory=Services)

    def shared(self, kind: type[T], name: str, make: Callable[[], T]) -> T:
        """The one object of that type and name in this process, such as the limiter of a vault that holds two keys."""
        return self.services.get(kind, name, make)


class ConfiguredProvider(Protocol):
    """A provider that Grafana's configuration describes completely. Nothing here asks a service."""

    def key_id(self, version: str = "") -> str:
        """The service's own id of a version of the key, or of the key itself; the same for all who name the same key.

        Empty where no two providers can share a key.
        """
        ...

    def disable_command(self, version: str) -> str:
        """The command that disables a version of the key, once nothing needs it; empty where there is none."""
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

    `quota` is what its service answers, None where no service is asked and calls cost nothing. Grafana's secrets
    manager spells kinds otherwise, and not the same in all releases: `secrets_manager_names` are these spellings in
    lower case and without `_`.
    `read_key_version` normalises what the user gives as `--key-version`, or raises `ConfigurationError`; without it
    the kind takes none.
    """

    name: str
    keys: tuple[str, ...]
    read: Callable[[ProviderSection], ConfiguredProvider]
    secret_keys: frozenset[str] = frozenset()
    quota: Quota | None = None
    secrets_manager_names: tuple[str, ...] = ()
    read_key_version: Callable[[str], str] = _has_no_versions
