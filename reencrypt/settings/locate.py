"""Find and read the files of Grafana's configuration: the only module here that reads the disk."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reencrypt.errors import ConfigurationError
from reencrypt.settings.environment import Environment

_CUSTOM: Final = Path("conf", "custom.ini")
_DEFAULTS: Final = Path("conf", "defaults.ini")


@dataclass(frozen=True, slots=True)
class Installation:
    """The configuration file of a package, and the `[paths] data` that its service passes to Grafana."""

    config: Path
    data: Path


@dataclass(frozen=True, slots=True)
class Machine:
    """What a machine offers when no file is named; tests pass their own."""

    installations: tuple[Installation, ...] = (
        Installation(Path("/etc/grafana/grafana.ini"), Path("/var/lib/grafana")),
        Installation(Path("/usr/local/etc/grafana/grafana.ini"), Path("/usr/local/var/lib/grafana")),
        Installation(Path("/opt/homebrew/etc/grafana/grafana.ini"), Path("/opt/homebrew/var/lib/grafana")),
    )
    home: Path = Path("/usr/share/grafana")
    working_directory: Path = field(default_factory=Path.cwd)
    host_name: str = field(default_factory=socket.gethostname)


@dataclass(frozen=True, slots=True)
class Location:
    """The files to read. `data` comes from the package's service, if the configuration is a package's."""

    config: Path | None
    home: Path | None
    defaults: Path | None
    data: Path | None


def locate(*, config: Path | None, home: Path | None, environment: Environment, machine: Machine) -> Location:
    """Find the custom file and the home folder.

    The file is `config`, else `GF_PATHS_CONFIG`, else `conf/custom.ini` of the home that was named, else a package's.
    The home is `home`, else `GF_PATHS_HOME`, else the folder above a `conf` that holds the file and Grafana's
    defaults, else the packages' one where it exists.

    Raises `ConfigurationError` if a file or folder that was named is not there.
    """
    named_home = home or _from_environment(environment, "GF_PATHS_HOME")
    if named_home is not None:
        named_home = machine.working_directory / named_home
        if not named_home.is_dir():
            raise ConfigurationError(
                f"Grafana's home {named_home} is not a folder",
                hint="Give the folder that holds Grafana's conf/defaults.ini with --grafana-home or GF_PATHS_HOME.",
            )
    found = config or _from_environment(environment, "GF_PATHS_CONFIG")
    if found is not None:
        found = machine.working_directory / found
    elif named_home is not None and _exists(named_home / _CUSTOM):
        found = named_home / _CUSTOM
    else:
        found = next((place.config for place in machine.installations if _exists(place.config)), None)
    final_home = named_home or _home_of(found) or (machine.home if machine.home.is_dir() else None)
    defaults = final_home / _DEFAULTS if final_home is not None else None
    return Location(
        config=found,
        home=final_home,
        defaults=defaults if defaults is not None and _exists(defaults) else None,
        data=next((place.data for place in machine.installations if place.config == found), None),
    )


def read_text(path: Path, purpose: str) -> str:
    """Return the text of a file, line breaks as they are. Raises `ConfigurationError` naming `path` and `purpose`."""
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        problem, hint = "does not exist", "Check --grafana-config or GF_PATHS_CONFIG."
    except IsADirectoryError:
        problem, hint = "is a folder, not a file", "Give the file inside it."
    except PermissionError:
        problem, hint = "may not be read by this user", "Run as the user that Grafana runs as, usually grafana."
    except UnicodeDecodeError:
        problem, hint = "is not UTF-8", "Save it as UTF-8 without changing its content."
    except (OSError, ValueError) as error:
        problem, hint = f"cannot be read ({type(error).__name__})", "Check --grafana-config or GF_PATHS_CONFIG."
    raise ConfigurationError(f"{purpose} {path} {problem}", hint=hint)


def _from_environment(environment: Environment, name: str) -> Path | None:
    variable = environment.lookup(name)
    return Path(variable.text) if variable is not None else None


def _home_of(config: Path | None) -> Path | None:
    if config is None or config.parent.name != _DEFAULTS.parent.name or not _exists(config.parent / _DEFAULTS.name):
        return None
    return config.parent.parent


def _exists(path: Path) -> bool:
    """Whether a path exists; a forbidden folder counts, so that its reading fails instead of being skipped."""
    try:
        return path.exists()
    except PermissionError:
        return True
