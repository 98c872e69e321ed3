"""Reads back a sample of what a run wrote, before the run says `done`.

A run writes under one data key, as it was once unwrapped. So it is unwrapped anew, and a sample of the database as it
is now decrypted with the result.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.reading import secrets_of
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.databases.paging import next_page
from reencrypt.databases.protocol import Database
from reencrypt.errors import RefusedError
from reencrypt.keys.errors import UnwrapFailedError
from reencrypt.keys.proof import Sample, weigh
from reencrypt.keys.provider import KeyProvider
from reencrypt.planning.target_key import TargetDataKey, TargetKey, TargetSecretKey
from reencrypt.state.accepted import Accepted, read_accepted
from reencrypt.state.data_keys import read_wrapped
from reencrypt.state.journal import read_entries
from reencrypt.state.quarantine import Place
from reencrypt.state.rowkey import key_from_text, key_to_text
from reencrypt.state.runs import Run

_NEWEST: Final = 64
_ROWS_OF_LOCATION: Final = 32
_BYTES_OF_LOCATION: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Reads back for one run. `locations` are those that the run went through, by name."""

    database: Database
    run: Run
    locations: Mapping[str, Location]
    cache: DerivedKeyCache

    async def check(self, targets: Iterable[TargetKey], provider: KeyProvider) -> int:
        """Unwrap the target data keys anew and decrypt a sample with them; returns how many secrets that were.

        Raises `RefusedError` where a key or a secret does not read, a `ReencryptError` where the provider or the
        database fails: in both cases the run stays open.
        """
        asked = [(target.id, await self._password(target, provider)) for target in targets]
        passwords = {key_id: password for key_id, password in asked if password is not None}
        if not passwords:
            return 0
        samples = await self._samples(passwords.keys())
        bad = [
            place
            for place, sample in samples.items()
            if weigh([sample], passwords[sample.envelope.key_id or ""], self.cache, exhaustive=True).implausible
        ]
        if bad:
            name, row_key, field = bad[0]
            raise RefusedError(
                f"{len(bad)} of {len(samples)} secrets that run {self.run.id} wrote do not read back, {name} {row_key} "
                f"{field} among them",
                hint="The run stays open. Find out what changes Grafana's tables besides Grafana, then look with "
                f"`reencrypt verify`. `reencrypt undo {self.run.id}` gives the old bytes back.",
            )
        return len(samples)

    async def _password(self, target: TargetKey, provider: KeyProvider) -> bytes | None:
        if isinstance(target, TargetSecretKey):
            return target.password
        if not isinstance(target, TargetDataKey):
            return None
        wrapped = await read_wrapped(self.database, target.id, target.table)
        if wrapped is None:
            raise self._lost(target, f"is gone from {target.table.table_name}")
        try:
            unwrapped = await provider.unwrap(wrapped)
        except UnwrapFailedError as error:
            raise self._lost(target, f"does not unwrap any more: {error}") from None
        if unwrapped.data_key != target.data_key:
            raise self._lost(target, f"unwraps to something else under {provider.name} than it did before")
        return unwrapped.data_key

    def _lost(self, target: TargetDataKey, what: str) -> RefusedError:
        return RefusedError(
            f"the target data key {target.id} {what}",
            hint="The run stays open: start it again. If it fails again, restore the data key and the vault's key as "
            f"they were, or give the old bytes back with `reencrypt undo {self.run.id}`.",
        )

    async def _samples(self, key_ids: Collection[str]) -> dict[Place, Sample]:
        """Secrets that the run wrote last, by its journal, and those in the first rows of each location."""
        samples: dict[Place, Sample] = {}
        async with self.database.together():
            # Accepted secrets are implausible under the right key too.
            accepted = await read_accepted(self.database)
            entries = await read_entries(self.database, self.run.id, rows=_NEWEST)
            filled = await self.database.filled(list(self.locations.values()))
            for location in self.locations.values():
                if location.name not in filled:
                    continue
                rows = await next_page(self.database, location, None, rows=_ROWS_OF_LOCATION, size=_BYTES_OF_LOCATION)
                keys = {each.row_key for each in entries if each.table == location.table}
                if keys:
                    rows += await self.database.read_rows(location, [key_from_text(each) for each in sorted(keys)])
                for row in rows:
                    samples |= self._written(location, row, key_ids, accepted)
        return samples

    def _written(
        self, location: Location, row: Row, key_ids: Collection[str], accepted: Accepted
    ) -> dict[Place, Sample]:
        """The secrets of a row that this run wrote: they have its salt."""
        return {
            (location.name, key_to_text(row.key), secret.field): Sample(envelope, secret.kind)
            for secret in secrets_of(location, row)
            if (envelope := secret.envelope) is not None
            and envelope.salt == self.run.salt
            and (envelope.key_id or "") in key_ids
            and not accepted.covers(secret.text_in(row))
        }
