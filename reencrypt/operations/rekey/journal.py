"""Reads from the journal of a change of `secret_key` under which of the two keys a value is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.reading import secrets_of
from reencrypt.databases.paging import LookAt, read_to_end
from reencrypt.databases.protocol import Database
from reencrypt.keys.provider import SECRET_KEY_PROVIDER
from reencrypt.keys.secret_key import fingerprint_of
from reencrypt.outcomes import Outcome
from reencrypt.planning.session import Session
from reencrypt.secret import Secret
from reencrypt.state.counts import PLAIN_OR_UNPROVEN
from reencrypt.state.data_keys import read_data_keys
from reencrypt.state.journal import digest, read_hashes
from reencrypt.state.quarantine import read_quarantine
from reencrypt.state.runs import Run, last_rekey, read_runs

_PAGE_ROWS: Final = 1000
_PAGE_BYTES: Final = 4 * 1024 * 1024
_LEFT_KEY: Final = "not_under_the_new_secret_key"


@dataclass(frozen=True, slots=True)
class DoneBefore:
    """A change that was committed before: `values` are under the new key, `left` names what is not.

    `quarantined` counts open entries. `complete` says that nothing was left then, and nothing is now.
    """

    values: int
    left: dict[str, str]
    quarantined: int
    complete: bool


@dataclass(slots=True)
class _LegacyCount:
    """Values directly under some `secret_key`: `certain` ones, and those that may be plain text."""

    certain: int = 0
    maybe_plain: int = 0


async def done_before(session: Session, new: Secret) -> DoneBefore | None:
    """Read what the change to this key has done, by the journal and not by plausibility.

    None where there was no such change, or where there are later values that it has not moved: a Grafana that was
    started again with the old key saves under that one.
    """
    database, schema = session.database, session.schema
    runs = await read_runs(database) if schema.has_state else []
    latest = _towards(runs, new)
    written = await written_towards(database, new) if latest else frozenset()
    if latest is None or not written:
        return None
    was_done = latest.outcome == Outcome.DONE
    entries = await read_quarantine(database)
    known = frozenset(entry.secret_hash for entry in entries)
    rows = [row for row in await read_data_keys(database, schema.key_table) if row.provider == SECRET_KEY_PROVIDER]
    left = {row.id: _LEFT_KEY for row in rows if digest(row.wrapped) not in written}
    values = len(rows) - len(left)
    legacy = _LegacyCount()
    for location in schema.fitted.locations:
        if location.reencrypted:
            await _count_legacy(database, location, known, legacy)
            continue
        for row in await all_rows(database, location):
            secrets = list(secrets_of(location, row))
            if digest(row.cells[0]) in written:
                values += bool(secrets)
            elif any(digest(secret.text_in(row)) not in known for secret in secrets):
                return None
    if legacy.certain or (was_done and (left or legacy.maybe_plain)):
        return None
    if legacy.maybe_plain:
        left[PLAIN_OR_UNPROVEN] = left_plain(legacy.maybe_plain)
    quarantined = sum(entry.is_open for entry in entries)
    return DoneBefore(values, left, quarantined, complete=was_done and not quarantined)


def left_plain(number: int) -> str:
    """The text for values that the change leaves because they may be plain text."""
    return f"{number} values that may be plain text stay as they are: look at them"


async def _count_legacy(database: Database, location: Location, known: frozenset[bytes], total: _LegacyCount) -> None:
    """Count the values of a location without a data key, except those in quarantine."""
    found = _LegacyCount()

    def begin() -> LookAt:
        found.certain = found.maybe_plain = 0

        async def look(page: list[Row]) -> None:
            for row in page:
                for secret in secrets_of(location, row):
                    if secret.envelope is None or secret.envelope.key_id is not None:
                        continue
                    if digest(secret.text_in(row)) in known:
                        continue
                    if secret.needs_own_proof:
                        found.maybe_plain += 1
                    else:
                        found.certain += 1

        return look

    await read_to_end(database, location, begin, rows=_PAGE_ROWS, size=_PAGE_BYTES)
    total.certain += found.certain
    total.maybe_plain += found.maybe_plain


async def all_rows(database: Database, location: Location) -> list[Row]:
    """Every row of a location; legacy alerting is small."""
    rows: list[Row] = []

    def begin() -> LookAt:
        rows.clear()

        async def look(page: list[Row]) -> None:
            rows.extend(page)

        return look

    await read_to_end(database, location, begin, rows=_PAGE_ROWS, size=_PAGE_BYTES)
    return rows


async def written_towards(database: Database, new: Secret) -> frozenset[bytes]:
    """Hashes of what the change to this key has written: values with such bytes are under it already."""
    latest = _towards(await read_runs(database), new)
    if latest is None:
        return frozenset()
    return await read_hashes(database, [latest.id])


def _towards(runs: Sequence[Run], new: Secret) -> Run | None:
    """The latest change of `secret_key`, if it led to this key."""
    latest = last_rekey(runs)
    return latest if latest and latest.wrap_format == fingerprint_of(new, latest.salt) else None
