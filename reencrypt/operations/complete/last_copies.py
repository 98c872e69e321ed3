"""Finds unreadable secrets whose last good copy is in the journal, which must not be dropped before they are back.

A run under a wrong key, or a wrong wrapping of a data key, leaves the only good copy there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from reencrypt.catalogue.location import Location
from reencrypt.catalogue.reason import Reason
from reencrypt.databases.protocol import Database
from reencrypt.errors import ReencryptError
from reencrypt.keys.provider import Unwrapped, normalise_provider
from reencrypt.keys.ring import KeyRing
from reencrypt.operations.verify.keys import KEY_RETIRES, PROVIDER_NOT_CONFIGURED
from reencrypt.operations.verify.verification import Problem, Verification
from reencrypt.outcomes import Operation
from reencrypt.state.journal import digest, read_old_bytes, read_places, read_rewraps
from reencrypt.state.key_table import KeyTable
from reencrypt.state.runs import Run

_PAGE_ROWS: Final = 1000
_NAMED: Final = 5  # secrets in one line
#: Reasons that are about the key, not the secret: it reads again when its key does.
_OF_KEYS: Final = frozenset((KEY_RETIRES, PROVIDER_NOT_CONFIGURED))
#: The reasons of secrets under a data key that was wrapped wrongly.
_OF_WRAPPINGS: Final = frozenset((Reason.IMPLAUSIBLE_PLAINTEXT, Reason.AUTHENTICATION_FAILED, Reason.UNWRAP_FAILED))


@dataclass(frozen=True, slots=True)
class LastCopies:
    """Looks through the journal for the secrets of a verification that do not read.

    `ring` has every key of the configuration, also those that are to retire. Memory is bounded by the named problems.
    """

    database: Database
    locations: Sequence[Location]
    ring: KeyRing
    table: KeyTable
    runs: Sequence[Run]

    async def sentences(self, verification: Verification) -> list[str]:
        """Say for each run which secrets only its journal may bring back, and how."""
        problems = [each for each in verification.problems if each.acknowledged or each.reason not in _OF_KEYS]
        if not problems:
            return []
        held = await self._columns(problems)
        wrapped_badly = await self._wrappings(
            {each.key_id for each in problems if each.key_id and each.reason in _OF_WRAPPINGS | _OF_KEYS},
            verification,
        )
        by_run: dict[str, list[str]] = {}
        for problem in problems:
            run_id = held.get(problem) or wrapped_badly.get(problem.key_id or "")
            if run_id is not None:
                by_run.setdefault(run_id, []).append(problem.place)
        return [self._sentence(run_id, places) for run_id, places in by_run.items()]

    async def _columns(self, problems: Sequence[Problem]) -> dict[Problem, str]:
        """By secret, the last run that replaced another text of it."""
        by_place: dict[tuple[str, str, str], list[Problem]] = {}
        for problem in problems:
            by_place.setdefault((problem.table, problem.key, problem.column), []).append(problem)
        found: dict[Problem, str] = {}
        after = 0
        while entries := await read_places(self.database, after, rows=_PAGE_ROWS):
            for number, run_id, place in entries:
                if wanted := by_place.get(place):
                    old = await read_old_bytes(self.database, number)
                    found |= dict.fromkeys(self._better(old or b"", wanted), run_id)
            after, *_ = entries[-1]
        return found

    def _better(self, old: bytes, problems: Iterable[Problem]) -> Iterator[Problem]:
        """The secrets of which these old bytes of their column hold another text that can be taken apart."""
        for problem in problems:
            location = next(each for each in self.locations if each.name == problem.location)
            codec = next(each.codec for each in location.fields if each.column == problem.column)
            for slot in codec.find(old):
                name = problem.column + slot.path
                # In a damaged document every secret of the old one counts as another text.
                same = name == problem.field or name.startswith((f"{problem.field}.", f"{problem.field}["))
                if same and slot.problem is None and digest(old[slot.start : slot.end]) != problem.digest:
                    yield problem
                    break

    async def _wrappings(self, key_ids: set[str], verification: Verification) -> dict[str, str]:
        """By data key, the last run that replaced a wrapping of it which holds, or may hold, another data key.

        Includes data keys that are proven by what Grafana has saved under them since.
        """
        if not key_ids:
            return {}
        wrappings: dict[tuple[str, str], dict[str, bytes]] = {}
        for run_id, key_id, column, old in await read_rewraps(self.database, self.table):
            if key_id in key_ids:
                # Of several rewraps by one run the first has the wrapping from before.
                wrappings.setdefault((run_id, key_id), {}).setdefault(column, old)
        return {
            key_id: run_id
            for (run_id, key_id), old in wrappings.items()
            if await self._differs(run_id, key_id, old, doubtful=not verification.is_proven(key_id))
        }

    async def _differs(self, run_id: str, key_id: str, old: Mapping[str, bytes], *, doubtful: bool) -> bool:
        """Whether the old wrapping holds another data key; if that is unknown, whether the present one is doubtful."""
        row = self.ring.row(key_id)
        if row is None or row.wrapped == old["encrypted_data"]:
            return row is None
        if any(run.id == run_id and run.operation == Operation.REKEY for run in self.runs):
            # It is under a former secret_key, and the present one makes 16 other bytes of it.
            return doubtful
        provider = old["provider"].decode()
        if self.table is not KeyTable.MANAGER:
            provider = normalise_provider(provider)
        try:
            before = await self.ring.unwrap_row(replace(row, provider=provider, wrapped=old["encrypted_data"]))
            now = await self.ring.unwrap_row(row)
        except ReencryptError:
            return doubtful
        if isinstance(before, Unwrapped) and isinstance(now, Unwrapped):
            return before.data_key != now.data_key
        return doubtful

    def _sentence(self, run_id: str, places: Sequence[str]) -> str:
        named = ", ".join(places[:_NAMED]) + (" …" if len(places) > _NAMED else "")
        run = next((each for each in self.runs if each.id == run_id), None)
        if run is None:
            remedy = "no command gives that back"
        elif run.operation == Operation.REKEY:
            remedy = "change secret_key back with `reencrypt rekey-secret-key`"
        else:
            remedy = f"`reencrypt undo {run_id}`"
        return (
            f"{len(places)} secrets do not read, and only the journal of {run_id} holds what they were: {remedy}; "
            f"or save them again in Grafana ({named})"
        )
