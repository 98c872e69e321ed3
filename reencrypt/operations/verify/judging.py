"""Reads every secret as Grafana would and trusts no record of a run: the core of `verify` and of `complete`.

It knows no configuration and no report. Memory is bounded: counts by key, and a limited number of problems by name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.plaintext import evidence, is_plausible
from reencrypt.catalogue.reading import FoundSecret, ParsedRow, parse_rows
from reencrypt.catalogue.reason import Reason
from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto import envelope as envelopes
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.ciphers import AuthenticationFailedError
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.databases.cut_off import cut_off
from reencrypt.databases.paging import LookAt, read_to_end, rows_to_read
from reencrypt.databases.protocol import ColumnLimit
from reencrypt.events import Surveyed
from reencrypt.keys.proof import PROVEN_BITS
from reencrypt.operations.names import name_of, names_of
from reencrypt.operations.verify.keys import NOT_COVERED, Keys, Unusable
from reencrypt.operations.verify.ordinary import OrdinarySecrets
from reencrypt.operations.verify.verification import LocationResult, Problem, Verification
from reencrypt.planning.quarantined_keys import UNREADABLE
from reencrypt.planning.session import Session
from reencrypt.state.accepted import Accepted
from reencrypt.state.journal import digest
from reencrypt.state.quarantine import QuarantineEntry
from reencrypt.state.rowkey import key_to_text

_FIRST_ROWS: Final = 64
_PAGE_BYTES: Final = 4 * 1024 * 1024
_PADDING: Final = "unreadable_padding"


async def verify_secrets(
    session: Session, keys: Keys, quarantine: Sequence[QuarantineEntry], accepted: Accepted
) -> Verification:
    """Read, decrypt and judge every secret with these keys.

    One answer of a key service is no proof: a data key that its secrets do not prove, because they are few, raw bytes
    or nonsense, is asked for a second time. Raises `ContradictionError` where the answers differ, and a
    `ReencryptError` where the database or a key service fails. An unreadable secret is a problem, not an error.
    """
    by_place = {entry.place: entry for entry in quarantine}
    loop = asyncio.get_running_loop()
    page_rows = rows_to_read(session.database)
    verification = Verification()
    filled = await session.database.filled(session.locations)
    for location in session.locations:
        if location.name not in filled:
            verification.locations[location.name] = LocationResult()
            continue
        before = verification
        limits = await session.database.column_limits(location)

        def begin(
            location: Location = location,
            before: Verification = before,
            limits: Sequence[ColumnLimit | None] = limits,
        ) -> LookAt:
            nonlocal verification
            # A location that is read again counts once, and is no more evidence than before.
            verification = before.copy()
            verifier = Verifier(session.store, keys, session.cache, by_place, accepted, verification, limits)
            result = verification.locations[location.name] = LocationResult()
            held = any(name == location.name for name, _, _ in by_place)
            ordinary = OrdinarySecrets(location, limits, session.cache, held=held)

            async def one_by_one(rows: Sequence[Row]) -> None:
                parsed = await loop.run_in_executor(session.pool, parse_rows, location, rows)
                await keys.ensure(_key_ids(parsed))
                await keys.whole.ensure(verifier.given_up_key_ids(location, parsed))
                await loop.run_in_executor(session.pool, verifier.check, location, parsed, result)
                verifier.learn(ordinary, parsed)

            async def look(rows: list[Row]) -> None:
                seen, left = result.total, rows
                # A few first: as they begin, most of the others may begin too.
                for number in (_FIRST_ROWS, len(rows)):
                    await keys.ensure(ordinary.key_ids)
                    left = await loop.run_in_executor(session.pool, verifier.take, ordinary, left, result)
                    if left:
                        await one_by_one(left[:number])
                        left = left[number:]
                session.emit(Surveyed(location.name, result.total - seen))

            return look

        await read_to_end(session.database, location, begin, rows=page_rows, size=_PAGE_BYTES)
    await keys.confirm([key_id for key_id in sorted(verification.key_ids) if not verification.is_proven(key_id)])
    await _name(session, verification)
    return verification


async def _name(session: Session, verification: Verification) -> None:
    """Name what the problems belong to, and what was probably cut off."""
    problems = verification.problems
    places = [(each.location, each.key, each.field) for each in problems]
    names = verification.names = await names_of(session.database, [*places, *(place for place, _ in verification.cut)])
    for index, (each, place) in enumerate(zip(problems, places, strict=True)):
        problems[index] = replace(each, name=name_of(place, names) or "")


@dataclass(frozen=True, slots=True)
class Verifier:
    """Judges the secrets of a location with these keys, and counts them."""

    store: StoreName
    keys: Keys
    cache: DerivedKeyCache
    quarantine: Mapping[tuple[str, str, str], QuarantineEntry]
    accepted: Accepted
    verification: Verification
    limits: Sequence[ColumnLimit | None]

    def given_up_key_ids(self, location: Location, rows: Sequence[ParsedRow]) -> list[str]:
        """The data keys of acknowledged secrets, which may be readable again."""
        return [
            secret.envelope.key_id
            for row, secrets in rows
            for secret in secrets
            if secret.envelope is not None and secret.envelope.key_id is not None
            if (entry := self._entry(location, row, secret)) is not None and not entry.is_open
        ]

    def take(self, ordinary: OrdinarySecrets, rows: list[Row], result: LocationResult) -> list[Row]:
        """Judge the ordinary secrets of a page; returns the rows that have others."""
        sound, rest = ordinary.take(rows, self._proven_key)
        for key_id, number in sound.items():
            provider, _ = self.keys.key_for(key_id)
            result.total += number
            result.readable += number
            result.by_key[key_id] += number
            result.providers[provider] = result.providers.get(provider, 0) + number
        return rest

    def learn(self, ordinary: OrdinarySecrets, parsed: Sequence[ParsedRow]) -> None:
        """Let what is like these secrets be judged at once."""
        ordinary.learn(parsed, self._proven_key)

    def _proven_key(self, key_id: str) -> bytes | None:
        """The key itself of a data key, where no secret under it is evidence any more."""
        _, key = self.keys.key_for(key_id)
        return key if isinstance(key, bytes) and self.verification.is_proven(key_id) else None

    def check(self, location: Location, rows: Sequence[ParsedRow], result: LocationResult) -> None:
        """Judge the secrets of rows one by one."""
        for row, secrets in rows:
            for secret in secrets:
                key_id = secret.envelope.key_id if secret.envelope is not None else UNREADABLE
                entry = self._entry(location, row, secret)
                provider, problem = self._judge(secret, self.keys)
                if problem and problem[0] == Reason.IMPLAUSIBLE_PLAINTEXT and self.accepted.covers(secret.text_in(row)):
                    problem = _padding(secret)
                    result.accepted += problem is None
                result.total += 1
                result.by_key[key_id] += 1
                result.providers[provider] = result.providers.get(provider, 0) + 1
                if problem and problem[0] == NOT_COVERED:
                    self.verification.uncovered[location.name, provider] += 1
                    continue
                if entry is not None and problem is not None:
                    result.in_quarantine[key_id] += 1
                    # A secret acknowledged when its data key was damaged may read now, and then counts.
                    result.given_up[key_id] += not entry.is_open and not self._reads_at_all(secret, row)
                cut = cut_off(row.cells[secret.column] or b"", self.limits[secret.column])
                if problem is None:
                    result.readable += 1
                    # A document that parses is whole, and so is what a tag vouches for.
                    if cut and not secret.slot.path and not _is_tagged(secret):
                        self.verification.note_cut((location.name, key_to_text(row.key), secret.field), cut)
                else:
                    problem = (problem[0], f"{cut}: {problem[1]}") if cut else problem
                    self.verification.add(
                        Problem(
                            location.name,
                            key_to_text(row.key),
                            secret.field,
                            *problem,
                            entry.state if entry is not None else "",
                            location.table,
                            location.columns[secret.column],
                            digest(secret.text_in(row)) or b"",
                            key_id,
                            self.store,
                        )
                    )

    def _entry(self, location: Location, row: Row, secret: FoundSecret) -> QuarantineEntry | None:
        """Its entry in the quarantine; a secret that was saved since has none."""
        if not self.quarantine:
            return None
        entry = self.quarantine.get((location.name, key_to_text(row.key), secret.field))
        return entry if entry is not None and entry.secret_hash == digest(secret.text_in(row)) else None

    def _reads_at_all(self, secret: FoundSecret, row: Row) -> bool:
        """Whether any key of the configuration reads it, retiring ones included."""
        _, problem = self._judge(secret, self.keys.whole)
        if problem and problem[0] == Reason.IMPLAUSIBLE_PLAINTEXT:
            return self.accepted.covers(secret.text_in(row))
        return problem is None or problem[0] == _PADDING

    def _judge(self, secret: FoundSecret, keys: Keys) -> tuple[str, tuple[str, str] | None]:
        """The provider of a secret and what is wrong with it, if anything."""
        envelope = secret.envelope
        if envelope is None:
            return "unknown", (str(secret.problem), secret.detail)
        provider, password = keys.key_for(envelope.key_id)
        if isinstance(password, Unusable):
            return provider, password
        try:
            plaintext = envelopes.decrypt(envelope, password, self.cache)
        except AuthenticationFailedError as error:
            return provider, (Reason.AUTHENTICATION_FAILED, str(error))
        # A matching tag says that Grafana reads what was written, plausible or not.
        if envelope.algorithm is not Algorithm.AES_GCM and not is_plausible(plaintext, secret.kind):
            return provider, (Reason.IMPLAUSIBLE_PLAINTEXT, f"what its key yields is not {secret.kind}")
        if not self.verification.is_proven(envelope.key_id):
            tag = envelope.algorithm is Algorithm.AES_GCM
            self.verification.weigh(envelope, PROVEN_BITS if tag else evidence(plaintext, secret.kind))
        return provider, _padding(secret)


def _is_tagged(secret: FoundSecret) -> bool:
    return secret.envelope is not None and secret.envelope.algorithm is Algorithm.AES_GCM


def _padding(secret: FoundSecret) -> tuple[str, str] | None:
    if secret.slot.strict:
        return None
    return _PADDING, "its base64 padding is not what Grafana decodes in this column"


def _key_ids(rows: Sequence[ParsedRow]) -> list[str]:
    return [
        secret.envelope.key_id
        for row in rows
        for secret in row.secrets
        if secret.envelope is not None and secret.envelope.key_id is not None
    ]
