"""Which stores a command is about, and what the user's options mean in each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reencrypt.catalogue.store_name import StoreName
from reencrypt.errors import ConfigurationError
from reencrypt.events import Emit, Warned
from reencrypt.keys.provider import SECRET_KEY_PROVIDER, normalise_provider
from reencrypt.planning.declared import LocationsFile, read_file, refuse_remote
from reencrypt.planning.options import RunOptions
from reencrypt.settings import Settings

#: The beginning of the providers of the secrets manager that Grafana registers without Enterprise.
_MANAGERS_OWN = "secret_key"


def chosen_stores(settings: Settings, options: RunOptions, emit: Emit) -> tuple[StoreName, ...]:
    """The stores that the options ask for and that Grafana keeps in this database.

    Raises `ConfigurationError` where the secrets manager is asked for by name and Grafana has another service keep it.
    """
    chosen = options.stores.names
    if StoreName.MANAGER not in chosen or not settings.manager.is_remote:
        return chosen
    where = _elsewhere(settings)
    if len(chosen) == 1:
        raise ConfigurationError(where, hint="Run the command with the configuration and the database of that service.")
    emit(Warned("secrets manager is elsewhere", f"{where}: nothing of them is done here"))
    return tuple(name for name in chosen if name is not StoreName.MANAGER)


def declared_locations(settings: Settings, options: RunOptions) -> LocationsFile:
    """The user's file of declared locations, see `read_file`.

    Raises `DeclarationError`, also for one of a secrets manager that Grafana has another service keep.
    """
    file = read_file(options.declared.file)
    if settings.manager.is_remote:
        refuse_remote(file, _elsewhere(settings))
    return file


def _elsewhere(settings: Settings) -> str:
    return (
        "the secrets manager's secrets are in the database of another service, because [secrets_manager] "
        f"grpc_client_enable is on (from {settings.manager.is_remote_origin})"
    )


def options_of(store: StoreName, chosen: Sequence[StoreName], settings: Settings, options: RunOptions) -> RunOptions:
    """The options as they apply to one of the chosen stores.

    The target belongs to one store. The secrets manager has one cipher and one way to wrap, so that the options for
    these are the classic store's. Raises `ConfigurationError` where they are given for the secrets manager alone, and
    for a target that both stores have.
    """
    target = options.target
    if target.to is not None and _owner(target.to, chosen, settings) is not store:
        target = replace(target, to=None)
    if store is StoreName.MANAGER:
        for name, value in (("--algorithm", target.algorithm), ("--wrap-format", target.wrap_format)):
            if value is not None and len(chosen) == 1:
                raise ConfigurationError(
                    f"{name} is for the classic store: the secrets manager has one cipher and one way to wrap",
                    hint=f"Leave {name} out.",
                )
        target = replace(target, algorithm=None, wrap_format=None)
    return replace(options, target=target)


def of_all_stores(
    of_chosen: Mapping[StoreName, RunOptions], settings: Settings, options: RunOptions
) -> dict[StoreName, RunOptions]:
    """Options for every store that Grafana keeps in this database; no target is for one that was not asked for."""
    target = replace(options.target, to=None, algorithm=None, wrap_format=None)
    here = [name for name in StoreName if name is StoreName.CLASSIC or not settings.manager.is_remote]
    return {name: of_chosen.get(name, replace(options, target=target)) for name in here}


def _owner(to: str, chosen: Sequence[StoreName], settings: Settings) -> StoreName:
    """The store that has a provider of this name, else the one whose providers have such names."""
    if len(chosen) == 1:
        return chosen[0]
    known = {
        StoreName.CLASSIC: {SECRET_KEY_PROVIDER, *settings.classic.providers},
        StoreName.MANAGER: set(settings.manager.store.providers),
    }
    having = [
        store for store in chosen if (normalise_provider(to) if store is StoreName.CLASSIC else to) in known[store]
    ]
    if len(having) > 1:
        raise ConfigurationError(
            f"--to {to}: both stores have a provider of this name", hint="Say which store is meant with --store."
        )
    if having:
        return having[0]
    return StoreName.MANAGER if to.startswith(_MANAGERS_OWN) else StoreName.CLASSIC
