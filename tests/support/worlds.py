"""Hostile worlds: databases as real servers and operators leave them, and what each command must answer there.

To add a world: write a `plant` that changes a filled database and returns the Story through which the commands then
run, and add a `World` to a table of worlds in `tests/acceptance/test_hostile_worlds.py` or in a module that it imports.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from tests.grafana.decryptor import SecretAddress
from tests.grafana.manager_populate import populate_manager
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.story import MANAGER, Story

#: MariaDB and MySQL itself, which are one dialect and two engines.
MYSQLS: Final = ("mariadb", "mysql")
COMMANDS: Final = ("plan", "run", "verify", "complete", "undo")

#: So that `complete --settle` waits for a second, not for a quarter of an hour.
_QUICK_CACHE: Final = {"GF_SECURITY_ENCRYPTION_DATA_KEYS_CACHE_TTL": "1s"}


@dataclass(frozen=True)
class Right:
    """The command succeeds, and what it says and does is what the tests' own decryptor finds."""


@dataclass(frozen=True)
class Refused:
    """The command ends with this exit code, and its message or hint contains each of the words.

    The database is unchanged, byte for byte. Where a command can only notice after it has begun, `begun` is set: then
    every secret says what it said, but pages before the one that was noticed may have moved.
    """

    words: tuple[str, ...]
    exit_code: int = 2
    begun: bool = False


@dataclass(frozen=True)
class No:
    """`complete` says no, because of blockers that contain each of the words; all else is as for `Right`."""

    words: tuple[str, ...]


Expectation = Right | Refused | No
RIGHT: Final = Right()

Plant = Callable[[Story], Story]


@dataclass(frozen=True)
class World:
    """A database that is not as the program would like it, on the engines that have such a thing.

    `expect` holds for every command that has no entry in `differs`. `bystander` reads what no command may change, the
    data of another Grafana for example.
    """

    name: str
    engines: tuple[str, ...]
    plant: Plant
    expect: Expectation
    differs: dict[str, Expectation] = field(default_factory=dict)
    bystander: Callable[[Story], object] | None = None

    def expectation(self, command: str) -> Expectation:
        """What a command must answer."""
        return self.differs.get(command, self.expect)


def refused(name: str, engines: tuple[str, ...], plant: Plant, *words: str, exit_code: int = 2) -> World:
    """A world in which every command is refused with the words."""
    return World(name, engines, plant, Refused(words, exit_code))


def fill(story: Story, count: int = 60) -> None:
    """Fill a database with secrets in every location, legacy ones and under data keys of both algorithms.

    None of them is in `alert_notification`, whose secrets need `secret_key` for ever: `complete` can say yes. In a
    story of the secrets manager, there are as many in that.
    """
    with story.builder() as builder:
        under = [builder.data_key(), builder.data_key(algorithm="aes-gcm")]
        populate(builder, count=count, under=under)
        builder.add_secret(Plain(b'{"password": "legacy"}', None))
        builder.add_user_auth({"o_auth_access_token": Plain(b"a legacy token", None)})
        if story.store is MANAGER:
            populate_manager(story.manager(builder), count=count)


def quick(story: Story) -> Story:
    """The same Grafana with a data key cache of a second."""
    return replace(story, cli=replace(story.cli, environment=_QUICK_CACHE))


def through(story: Story, url: str) -> Story:
    """The same database as another account, or in another way, sees it: commands use the URL, the tests do not."""
    return replace(story, cli=replace(story.cli, database=url))


def stored(story: Story) -> dict[SecretAddress, bytes]:
    """The text of every secret as it stands in the database."""
    return {address: secret.stored_text for address, secret in story.secrets().items()}
