"""Find the files of Grafana's configuration."""

from __future__ import annotations

import socket
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reencrypt.errors import ConfigurationError
from reencrypt.settings.environment import Environment
from reencrypt.settings.files import shown_path

_CUSTOM: Final = Path("conf", "custom.ini")
_DEFAULTS: Final = Path("conf", "defaults.ini")


@dataclass(frozen=True, slots=True)
class Installation:
    """The configuration file of a package, and the `[paths] data` that its service passes to Grafana."""

    config: Path
    data: Path


def working_folder() -> Path:
    """The working folder of this process; raises `ConfigurationError` where it has been removed."""
    try:
        return Path.cwd()
    except OSError as error:
        raise ConfigurationError(
            f"the working folder of this command is not there: {error.strerror}", hint="Change to a folder that exists."
        ) from None


@dataclass(frozen=True, slots=True)
class Machine:
    """What a machine offers when no file is named; tests pass their own."""

    installations: tuple[Installation, ...] = (
        Installation(Path("/etc/grafana/grafana.ini"), Path("/var/lib/grafana")),
        Installation(Path("/usr/local/etc/grafana/grafana.ini"), Path("/usr/local/var/lib/grafana")),
        Installation(Path("/opt/homebrew/etc/grafana/grafana.ini"), Path("/opt/homebrew/var/lib/grafana")),
    )
    home: Path = Path("/usr/share/grafana")
    working_directory: Path = field(default_factory=working_folder)
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
        if problem := _problem_of_folder(named_home):
            raise ConfigurationError(
                f"Grafana's home {shown_path(named_home)} {problem}",
                hint="Give the folder that holds Grafana's conf/defaults.ini in GF_PATHS_HOME. Or give --grafana-home.",
            )
    found = config or _from_environment(environment, "GF_PATHS_CONFIG")
    if found is not None:
        found = machine.working_directory / found
    elif named_home is not None and _exists(named_home / _CUSTOM):
        found = named_home / _CUSTOM
    else:
        found = next((place.config for place in machine.installations if _exists(place.config)), None)
    final_home = named_home or _home_of(found) or (None if _problem_of_folder(machine.home) else machine.home)
    defaults = final_home / _DEFAULTS if final_home is not None else None
    return Location(
        config=found,
        home=final_home,
        defaults=defaults if defaults is not None and _exists(defaults) else None,
        data=next((place.data for place in machine.installations if place.config == found), None),
    )


def _from_environment(environment: Environment, name: str) -> Path | None:
    variable = environment.lookup(name)
    return Path(variable.text) if variable is not None else None


def _home_of(config: Path | None) -> Path | None:
    if config is None or config.parent.name != _DEFAULTS.parent.name or not _exists(config.parent / _DEFAULTS.name):
        return None
    return config.parent.parent


def _problem_of_folder(path: Path) -> str:
    """Why a path is no folder that can be used, as the end of a sentence; empty where it is one."""
    try:
        return "" if stat.S_ISDIR(path.stat().st_mode) else "is not a folder"
    except (FileNotFoundError, NotADirectoryError):
        return "is not a folder"
    except OSError as error:
        return f"cannot be looked at: {error.strerror}"
    except ValueError:  # a NUL
        return "is not a folder"


def _exists(path: Path) -> bool:
    """Whether a path exists; a forbidden folder counts, so that its reading fails instead of being skipped."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError:
        return True
    return True
