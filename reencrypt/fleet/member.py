"""A member of a fleet: one Grafana, with what tells it from the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from reencrypt.errors import ConfigurationError
from reencrypt.fleet.variables import read_variables
from reencrypt.settings import Settings
from reencrypt.settings.load import load_on
from reencrypt.settings.locate import Machine

#: The keys of an entry that are about the Grafana; all others are options of the command.
NAME: Final = "name"
CONFIG: Final = "grafana-config"
HOME: Final = "grafana-home"
DATABASE: Final = "database"
SECRET_KEY_FILE: Final = "secret-key-file"  # noqa: S105 - the name of a key
VARIABLES_FILE: Final = "environment-file"
OWN_KEYS: Final = (NAME, CONFIG, HOME, DATABASE, SECRET_KEY_FILE, VARIABLES_FILE)

_LONGEST_NAME: Final = 200
_SECRET_KEY: Final = "GF_SECURITY_SECRET_KEY"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a list as it is written: `place` says where, relative paths begin at `folder`."""

    place: str
    folder: Path
    values: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Member:
    """One Grafana. `place` is that of its entry, `options` are those of the command that the entry gives.

    `variables` are Grafana's of its environment file; they and the database's address may hold secrets.
    """

    name: str
    place: str
    config: Path | None
    home: Path | None
    database: str | None = field(repr=False)
    variables: Mapping[str, str] = field(repr=False)
    options: Mapping[str, object] = field(repr=False)

    def settings(self, environ: Mapping[str, str], trusted_vault_hosts: Collection[str]) -> Settings:
        """Read Grafana's configuration; raises `ConfigurationError`.

        `environ` is the process's environment. What it has for a Grafana is for none of the members.
        """
        others = {name: text for name, text in environ.items() if not name.startswith("GF_")}
        # What is installed on this machine is none of theirs.
        machine = Machine(installations=())
        return load_on(
            machine,
            config=self.config,
            home=self.home,
            database_url=self.database,
            environ={**others, **self.variables},
            trusted_vault_hosts=trusted_vault_hosts,
        )


def read_member(entry: Entry) -> Member:
    """Read an entry and the environment file that it names; raises `ConfigurationError` with the entry's place."""
    values, place = entry.values, entry.place
    texts = {key: _text(values[key], key, place) for key in OWN_KEYS if key in values}
    name = _name(texts.get(NAME, ""), place)
    place = f"{place} ({name})"
    if not {CONFIG, HOME, DATABASE} & set(texts):
        raise ConfigurationError(
            f"{place} has neither {CONFIG} nor {HOME} nor {DATABASE}",
            hint="Say where this Grafana's configuration or database is.",
        )
    paths = {key: entry.folder / texts[key] for key in (CONFIG, HOME, SECRET_KEY_FILE, VARIABLES_FILE) if key in texts}
    variables = read_variables(paths[VARIABLES_FILE], place) if VARIABLES_FILE in paths else {}
    if SECRET_KEY_FILE in paths:
        if {_SECRET_KEY, f"{_SECRET_KEY}__FILE"} & set(variables):
            raise ConfigurationError(
                f"{place} has a {SECRET_KEY_FILE}, and its {VARIABLES_FILE} has {_SECRET_KEY} too",
                hint="Leave one of them out.",
            )
        variables = {**variables, f"{_SECRET_KEY}__FILE": str(paths[SECRET_KEY_FILE])}
    return Member(
        name,
        place,
        paths.get(CONFIG),
        paths.get(HOME),
        texts.get(DATABASE),
        variables,
        {key: value for key, value in values.items() if key not in OWN_KEYS},
    )


def _text(value: object, key: str, place: str) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ConfigurationError(f"{place}: {key} has to be a text", hint=f'Write {key} = "…".')
    return value


def _name(name: str, place: str) -> str:
    if not name:
        raise ConfigurationError(f"{place} has no name", hint="Give each member a name of its own.")
    if not name.isprintable() or name != name.strip() or len(name) > _LONGEST_NAME:
        raise ConfigurationError(
            f"{place}: its name is longer than {_LONGEST_NAME} characters, or has some that nobody sees",
            hint="Give it a name that fits into a line.",
        )
    return name


def check_members(members: Collection[Member]) -> None:
    """Refuse two members that nobody could tell apart; raises `ConfigurationError` with both places."""
    names: dict[str, Member] = {}
    configurations: dict[tuple[Any, ...], Member] = {}
    for member in members:
        same = names.setdefault(member.name, member)
        if same is not member:
            raise ConfigurationError(
                f"{member.place} and {same.place} have the same name", hint="Give each member a name of its own."
            )
        what = (member.config, member.home, member.database, tuple(sorted(member.variables.items())))
        same = configurations.setdefault(what, member)
        if same is not member:
            raise ConfigurationError(
                f"{member.place} and {same.place} are the same Grafana: they have one configuration and database",
                hint="Take one of them out.",
            )
