"""Command lines to type next, made of what a plan found and of the options that it was made with."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reencrypt.catalogue.store_name import StoreName
from reencrypt.keys.manager_options import OPTION, ManagerVault
from reencrypt.next_steps import NextStep
from reencrypt.outcomes import Operation
from reencrypt.planning.options import RunOptions, given_options
from reencrypt.planning.plan import Plan
from reencrypt.settings.model import StoreSettings
from reencrypt.state.runs import Run

#: Secrets of data sources are the easiest to look at in Grafana; those of Grafana 9 and later are in `secrets`.
_PREFERRED: Final = ("data_source", "secrets", "secret_encrypted_value")
_LIMIT: Final = 5


@dataclass(frozen=True, slots=True)
class Pilot:
    """A run of a few secrets: where, how many, and the command."""

    location: str
    secrets: int
    command: str

    def as_json(self) -> dict[str, Any]:
        """For `--output json`."""
        return {"location": self.location, "secrets": self.secrets, "command": self.command}


def pilot_of(plan: Plan, movable: Mapping[str, int], *, name_store: bool) -> Pilot | None:
    """The pilot that fits this database: the location that is easiest to look at in Grafana, and moves something.

    `movable` has the secrets of each location that a run would move. `name_store` is for a database with both stores.
    """
    places = [*_PREFERRED, *sorted(movable, key=lambda name: -movable[name])]
    location = next((name for name in places if movable.get(name, 0) > 0), None)
    if location is None:
        return None
    limit = min(_LIMIT, movable[location])
    more = {"--location": location, "--limit": limit}
    return Pilot(
        location, limit, command_given(plan.options, {"--store": str(plan.store)} | more if name_store else more)
    )


def command_given(options: RunOptions, more: Mapping[str, object] | None = None) -> str:
    """The command as the user has typed it, apart from where the configuration is, and with more options."""
    command = "quarantine retry" if options.accepted is not None else options.operation.command
    return " ".join(["reencrypt", command, *words_of({**given_options(options), **(more or {})})])


def words_of(options: Mapping[str, object]) -> list[str]:
    """Options as they are typed, quoted for a shell."""
    words = []
    for name, value in options.items():
        values = value if isinstance(value, list) else [value]
        words += [name] if value is True else [f"{name} {shlex.quote(str(each))}" for each in values]
    return words


#: The file is the one with the next `secret_key`, which is recorded nowhere.
REKEY_FILE: Final = "FILE"
REKEY_COMMAND: Final = f"reencrypt rekey-secret-key --new-secret-key-file {REKEY_FILE}"
#: To a file: on a terminal a page for a browser helps nobody.
REPORT_COMMAND: Final = "reencrypt report --file report.html"


def resuming(command: str, why: str) -> NextStep:
    """The step that resumes a run by its command."""
    return NextStep(command, why, REKEY_FILE if command.startswith(REKEY_COMMAND) else "")


def command_for(run: Run, settings: StoreSettings, vaults: Iterable[ManagerVault] = (), *, name_store: bool) -> str:
    """The command that resumes a run, with the options that make it the same operation under this configuration.

    `vaults` are those that the user has named for providers of the secrets manager. With `name_store` the database has
    both stores: without the option the command would begin something in the other one as well.
    """
    if run.operation in (Operation.REKEY, Operation.ENVELOP):
        return REKEY_COMMAND
    words = ["reencrypt", run.operation]
    if run.operation != Operation.ROLLBACK and (name_store or run.store is not StoreName.CLASSIC):
        words.append(f"--store {run.store}")
    if run.store is not StoreName.CLASSIC:
        words += [f"{OPTION} {each}" for each in vaults]
    if run.operation != Operation.ROLLBACK and run.target_provider != settings.encryption_provider:
        words.append(f"--to {run.target_provider}")
    if run.algorithm != settings.algorithm:
        words.append(f"--algorithm {run.algorithm}")
    return " ".join(words)


def resume_command(run: Run, plan: Plan) -> str:
    """The command that resumes a run in the store of a plan."""
    name_store = plan.schema.of(StoreName.MANAGER).has_store
    return command_for(run, plan.store_settings, plan.options.manager.vaults, name_store=name_store)
