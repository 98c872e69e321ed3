"""Registry of the kinds of provider: a line for each that is built in, and entry points for all others.

A package adds a kind as an entry point of the group `reencrypt.providers`: a `ProviderKind` under the kind's name. It
is imported only where Grafana's configuration names a provider of that kind.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from reencrypt.errors import ConfigurationError
from reencrypt.keys.azure.kind import AZURE_KEY_VAULT
from reencrypt.keys.kind import ConfiguredProvider, ProviderKind
from reencrypt.keys.provider import SECRET_KEY_PROVIDER
from reencrypt.keys.secret_section import SECRET_SECTION
from reencrypt.settings import ProviderSection
from reencrypt.settings.providers import kind_of

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

BUILT_IN: Final[tuple[ProviderKind, ...]] = (
    AZURE_KEY_VAULT,
    # A new kind goes here.
)
#: Those of the secrets manager.
MANAGER_BUILT_IN: Final[tuple[ProviderKind, ...]] = (SECRET_SECTION,)
GROUP: Final = "reencrypt.providers"


def find_outside(name: str) -> ProviderKind | None:
    """Load the kind of this name from an installed package; None where no package has it.

    Raises `ConfigurationError` where it cannot be used.
    """
    if name == kind_of(SECRET_KEY_PROVIDER):
        return None
    from importlib.metadata import entry_points  # noqa: PLC0415 - few configurations name a kind from outside

    points = sorted(entry_points(group=GROUP, name=name), key=_place)
    if not points:
        return None
    if len(points) > 1:
        raise ConfigurationError(
            f"The kind {name} is offered by {' and by '.join(map(_place, points))}",
            hint="Uninstall all but one of these packages.",
        )
    return _load(points[0])


def _load(point: EntryPoint) -> ProviderKind:
    hint = "Install a version of that package that fits this version of reencrypt and of Python, or uninstall it."
    try:
        kind = point.load()
    except (Exception, SystemExit) as error:  # The import of foreign code may raise anything.
        raise ConfigurationError(
            f"The kind {point.name} cannot be loaded from {_place(point)}: {type(error).__name__}: {error}", hint=hint
        ) from error
    if not isinstance(kind, ProviderKind) or kind.name != point.name:
        raise ConfigurationError(
            f"The kind {point.name} cannot be loaded from {_place(point)}: that is no ProviderKind of this name",
            hint=hint,
        )

    def read(section: ProviderSection) -> ConfiguredProvider:
        try:
            return kind.read(section)
        except ConfigurationError:
            raise
        except Exception as error:  # Its text may hold a value of the section.
            raise ConfigurationError(
                f"[{section.name}] cannot be read by {_place(point)}, which fails with {type(error).__name__}"
            ) from error

    return replace(kind, read=read)


def _place(point: EntryPoint) -> str:
    package = f"{point.dist.name} {point.dist.version}" if point.dist else "a package without metadata"
    return f"{point.value} in {package} (entry point {GROUP})"
