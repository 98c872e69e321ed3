"""Reads every secret as Grafana would and trusts no record of a run: the core of `verify` and of `complete`.

It knows no configuration and no report. Memory is bounded: counts by key, and a limited number of problems by name.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from reencrypt.crypto.envelope import Envelope
from reencrypt.databases.cut_off import cut_off
from reencrypt.databases.paging import LookAt, read_to_end
from reencrypt.databases.protocol import ColumnLimit
from reencrypt.events import Surveyed
from reencrypt.keys.proof import PROVEN_BITS
from reencrypt.operations.names import Names, in_words, name_of, names_of
from reencrypt.operations.verify.keys import NOT_COVERED, PROVIDER_NOT_CONFIGURED, Keys, Unusable
from reencrypt.planning.census import identity_of
from reencrypt.planning.quarantined_keys import UNREADABLE
from reencrypt.planning.session import Session
from reencrypt.state.accepted import Accepted
from reencrypt.state.journal import digest
from reencrypt.state.quarantine import Place, QuarantineEntry
from reencrypt.state.rowkey import key_to_text

_PAGE_ROWS: Final = 1000
_PAGE_BYTES: Final = 4 * 1024 * 1024
_PADDING: Final = "unreadable_padding"
#: How many problems are kept by name. All are counted; those of acknowledged secrets are kept without a limit, because
#: the quarantine, which is in memory anyway, bounds them.
NAMED_PROBLEMS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Problem:
    """A secret that Grafana could not read.

    `quarantine` is the state of its quarantine entry, empty where it has none, or where the secret was saved since.
    `name` is that of what it belongs to in Grafana, empty where nobody knows.
    `table`, `column` and `digest` (SHA-256 of its text) tell whether other bytes of it exist. `key_id` is its data key,
    None for a legacy value, `UNREADABLE` for a text that cannot be taken apart.
    """

    location: str
    key: str
    field: str
    reason: str
    detail: str
    quarantine: str
    table: str
    column: str
    digest: bytes
    key_id: str | None
    store: StoreName = StoreName.CLASSIC
    name: str = ""

    @property
    def known(self) -> bool:
        """Whether it is in quarantine already."""
        return bool(self.quarantine)

    @property
    def acknowledged(self) -> bool:
        """Whether its quarantine entry is acknowledged."""
        return self.quarantine == "acknowledged"

    @property
    def place(self) -> str:
        """Where it is, for people."""
        named = f" ({self.name})" if self.name else ""
        return f"{self.location} {self.key} {self.field}{named}"


@dataclass(slots=True)
class LocationResult:
    """The secrets of a location by key, and how many decrypt plausibly, or were `accepted` as they are.

    The counters are by data key: None stands for legacy values, `UNREADABLE` for texts that cannot be
    taken apart. `in_quarantine` counts unreadable secrets that are still as a run found them, `given_up` those of them
    that are acknowledged and that no key of the configuration reads, retiring ones included.
    """

    total: int = 0
    readable: int = 0
    accepted: int = 0
    providers: dict[str, int] = field(default_factory=dict)
    by_key: Counter[str | None] = field(default_factory=Counter)
    in_quarantine: Counter[str | None] = field(default_factory=Counter)
    given_up: Counter[str | None] = field(default_factory=Counter)


@dataclass(slots=True)
class Verification:
    """The result. `problems` are the named ones; the numbers cover all.

    `reasons` counts those outside the quarantine. `proven_bits` is the evidence for a data key in what it decrypts,
    summed up until it is enough.
    """

    locations: dict[str, LocationResult] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    quarantined: int = 0
    unreadable: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    #: Those outside the quarantine by data key, None for legacy values.
    failing: Counter[str | None] = field(default_factory=Counter)
    #: Readable ones that end where their column ends, with the reason.
    cut: list[tuple[Place, str]] = field(default_factory=list)
    #: What they belong to in Grafana.
    names: Names = field(default_factory=dict)
    #: Those that nobody here can judge, by location and provider: neither readable nor a problem.
    uncovered: Counter[tuple[str, str]] = field(default_factory=Counter)
    proven_bits: dict[str | None, float] = field(default_factory=dict)
    #: By data key the ciphertexts that `proven_bits` sums up: a copy of one is no further evidence.
    weighed: dict[str | None, set[bytes]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All secrets."""
        return sum(each.total for each in self.locations.values())

    @property
    def readable(self) -> int:
        """Those that decrypt plausibly, or were accepted."""
        return sum(each.readable for each in self.locations.values())

    @property
    def accepted(self) -> int:
        """How many of the readable ones are implausible and were accepted."""
        return sum(each.accepted for each in self.locations.values())

    @property
    def of_configuration(self) -> int:
        """How many of the unreadable ones only a setting keeps from being read."""
        return self.reasons[PROVIDER_NOT_CONFIGURED]

    @property
    def unnamed(self) -> int:
        """Problems that are counted, and not kept by name."""
        return self.quarantined + self.unreadable - len(self.problems)

    @property
    def key_ids(self) -> set[str]:
        """The data keys that secrets name."""
        return {key_id for each in self.locations.values() for key_id in each.by_key if key_id}

    @property
    def needed_key_ids(self) -> set[str]:
        """The data keys that a secret names which is not given up."""
        return {key_id for each in self.locations.values() for key_id in each.by_key - each.given_up if key_id}

    def is_proven(self, key_id: str | None) -> bool:
        """Whether what a data key decrypts shows that it is the right one."""
        return self.proven_bits.get(key_id, 0.0) >= PROVEN_BITS

    def copy(self) -> Verification:
        """Copy the numbers and problems, to count on from them."""
        return replace(
            self,
            locations=dict(self.locations),
            problems=list(self.problems),
            reasons=Counter(self.reasons),
            failing=Counter(self.failing),
            cut=list(self.cut),
            uncovered=Counter(self.uncovered),
            proven_bits=dict(self.proven_bits),
            weighed={key_id: set(weighed) for key_id, weighed in self.weighed.items()},
        )

    def weigh(self, envelope: Envelope, bits: float) -> None:
        """Add a secret's evidence for its key; sixteen secrets are enough, and each counts once."""
        weighed, identity = self.weighed.setdefault(envelope.key_id, set()), identity_of(envelope)
        if bits > 0 and identity not in weighed:
            weighed.add(identity)
            self.proven_bits[envelope.key_id] = self.proven_bits.get(envelope.key_id, 0.0) + bits

    @property
    def possibly_cut(self) -> list[str]:
        """The readable secrets that were probably cut off, by name with the reason."""
        return [f"{in_words(place, self.names)}: {why}" for place, why in self.cut]

    def note_cut(self, place: Place, why: str) -> None:
        """Remember a readable secret that was probably cut off, as long as there is room."""
        if len(self.cut) < NAMED_PROBLEMS:
            self.cut.append((place, why))

    def add(self, problem: Problem) -> None:
        """Count a problem, and keep it by name as long as there is room."""
        if problem.known:
            self.quarantined += 1
        else:
            self.unreadable += 1
            self.reasons[problem.reason] += 1
            self.failing[problem.key_id] += 1
        if problem.acknowledged or len(self.problems) < NAMED_PROBLEMS:
            self.problems.append(problem)


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
    verification = Verification()
    for location in session.locations:
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
            verifier = _Verifier(session.store, keys, session.cache, by_place, accepted, verification, limits)
            result = verification.locations[location.name] = LocationResult()

            async def look(rows: list[Row]) -> None:
                parsed = await loop.run_in_executor(session.pool, parse_rows, location, rows)
                await keys.ensure(_key_ids(parsed))
                await keys.whole.ensure(verifier.given_up_key_ids(location, parsed))
                await loop.run_in_executor(session.pool, verifier.check, location, parsed, result)
                session.emit(Surveyed(location.name, sum(len(row.secrets) for row in parsed)))

            return look

        await read_to_end(session.database, location, begin, rows=_PAGE_ROWS, size=_PAGE_BYTES)
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
class _Verifier:
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

    def check(self, location: Location, rows: Sequence[ParsedRow], result: LocationResult) -> None:
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
