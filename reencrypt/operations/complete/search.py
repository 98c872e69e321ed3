"""What a search for ciphertext in unknown places knows beforehand, and what it finds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from reencrypt.catalogue.location import Location
from reencrypt.catalogue.store_name import StoreName
from reencrypt.errors import ConfigurationError
from reencrypt.keys.ring import DataKey
from reencrypt.operations.complete.proposals import Sighted
from reencrypt.operations.complete.signatures import Marks, marks_of

#: Grafana's cache. Its entries expire.
CACHE: Final = "cache_data"

_SHOWN_DIGITS: Final = 16

_NOT_A_SECRET: Final = re.compile(r"(.+):([0-9A-Fa-f]{12,64})")


@dataclass(frozen=True, slots=True)
class Place:
    """A row with a find, and the SHA-256 of the bytes that were searched, in hexadecimal, never their text."""

    row: str
    sha256: str

    @property
    def short(self) -> str:
        """The beginning of the digest, long enough to be unique."""
        return self.sha256[:_SHOWN_DIGITS]


@dataclass(slots=True)
class Stray:
    """Values under one key in one column that the catalogue does not know.

    `key_id` is the id of a data key as values name it, without a namespace; None for `secret_key`.
    """

    table: str
    column: str
    key_id: str | None
    number: int = 0
    places: list[Place] = field(default_factory=list)


@dataclass(slots=True)
class Unseen:
    """Values of one column that were not searched completely, for one reason."""

    table: str
    column: str
    reason: str
    number: int = 0
    places: list[Place] = field(default_factory=list)


@dataclass(slots=True)
class Search:
    """The finds, and what could not be searched, TABLE or TABLE.COLUMN, each with the reason.

    `given_up` are the data keys that only acknowledged secrets name. `acknowledged` counts finds by the option that
    names them. `sighted` is how the finds of a column stand there, `keys` are the unique keys of the tables.
    """

    strays: dict[tuple[str, str, str | None], Stray] = field(default_factory=dict)
    unseen: dict[tuple[str, str, str], Unseen] = field(default_factory=dict)
    given_up: set[str] = field(default_factory=set)
    acknowledged: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    tables: int = 0
    unsearched: dict[str, str] = field(default_factory=dict)
    sighted: dict[tuple[str, str], Sighted] = field(default_factory=dict)
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def add(self, other: Search) -> None:
        """Add the result for another table."""
        self.strays |= other.strays
        self.unseen |= other.unseen
        self.given_up |= other.given_up
        self.acknowledged += other.acknowledged
        self.rows += other.rows
        self.tables += other.tables
        self.unsearched |= other.unsearched
        self.sighted |= other.sighted


@dataclass(frozen=True, slots=True)
class NotSecrets:
    """Finds that the user says are no secrets: by column, the digests of their bytes.

    A find counts again as soon as its bytes change.
    """

    digests: Mapping[str, tuple[str, ...]]

    @classmethod
    def parse(cls, texts: Iterable[str]) -> NotSecrets:
        """Read TABLE.COLUMN:DIGEST, as the answer names a find. Raises `ConfigurationError` for anything else."""
        digests: dict[str, tuple[str, ...]] = {}
        for text in texts:
            match = _NOT_A_SECRET.fullmatch(text)
            if match is None:
                raise ConfigurationError(
                    f"--not-a-secret {text}: not a find",
                    hint="Give TABLE.COLUMN:DIGEST as the answer names it, at least 12 digits of the SHA-256.",
                )
            digests[match[1]] = (*digests.get(match[1], ()), match[2].lower())
        return cls(digests)

    def entry(self, column: str, sha256: str) -> str | None:
        """The option that names this find, as it was given, or None."""
        return next((f"{column}:{each}" for each in self.digests.get(column, ()) if sha256.startswith(each)), None)

    @property
    def entries(self) -> set[str]:
        """All options that name a find."""
        return {f"{column}:{each}" for column, digests in self.digests.items() for each in digests}


@dataclass(frozen=True, slots=True)
class Known:
    """Prior knowledge of the search: the catalogue, the data keys, and what was acknowledged.

    `locations` are those of both stores, by table, which may have several. `owners` are the stores that have a data key
    of an id, as values name it, and the namespaces in which they do. `keyless` are stores whose table of data keys is
    missing, so that nothing of theirs is counted. `given_up` are acknowledged secrets, each by its
    place and the SHA-256 of its text. `unsearched` are the tables that the user vouches for.
    """

    locations: Mapping[str, tuple[tuple[StoreName, Location], ...]]
    owners: Mapping[str, Mapping[StoreName, frozenset[str]]]
    keyless: frozenset[StoreName]
    marks: Marks
    given_up: frozenset[tuple[str, str, str, bytes]]
    not_secrets: NotSecrets
    unsearched: frozenset[str]

    @classmethod
    def of(
        cls,
        locations: Iterable[tuple[StoreName, Location]],
        key_ids: Iterable[tuple[StoreName, DataKey]],
        keyless: frozenset[StoreName],
        given_up: frozenset[tuple[str, str, str, bytes]],
        not_secrets: NotSecrets,
        unsearched: frozenset[str],
    ) -> Known:
        """Put it together. `key_ids` are the data keys there are, with their stores."""
        by_table: dict[str, tuple[tuple[StoreName, Location], ...]] = {}
        for store, location in locations:
            by_table[location.table] = (*by_table.get(location.table, ()), (store, location))
        owners: dict[str, dict[StoreName, frozenset[str]]] = {}
        for store, row in key_ids:
            namespaces = owners.setdefault(row.framed_id, {})
            namespaces[store] = namespaces.get(store, frozenset()) | {row.namespace}
        # Damaged text in a table of the catalogue names data keys that only the search sees.
        return cls(by_table, owners, keyless, marks_of(owners), given_up, not_secrets, unsearched - by_table.keys())
