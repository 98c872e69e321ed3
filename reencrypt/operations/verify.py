"""`reencrypt verify`: an independent read of every secret, trusting no bookkeeping of any run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from reencrypt.catalogue.location import Key, Row
from reencrypt.catalogue.plaintext import is_plausible
from reencrypt.catalogue.reading import FoundSecret
from reencrypt.catalogue.reason import Reason
from reencrypt.crypto import envelope as envelopes
from reencrypt.crypto.ciphers import AuthenticationFailedError
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.databases.protocol import Database
from reencrypt.errors import NoSecretsError
from reencrypt.events import Emit, Surveyed
from reencrypt.keys.provider import LEGACY_PROVIDER, normalise_provider
from reencrypt.keys.providers import Providers
from reencrypt.keys.ring import DataKey, Failure, KeyRing
from reencrypt.operations.opening import inspect, opened, read_data_keys
from reencrypt.operations.options import RunOptions
from reencrypt.settings import Settings
from reencrypt.worker.journal import digest
from reencrypt.worker.quarantine import read_quarantine
from reencrypt.worker.rowkey import key_to_text
from reencrypt.worker.transform import ParsedRow, parse_rows

_PAGE_ROWS: Final = 1000
_PAGE_BYTES: Final = 4 * 1024 * 1024
_PADDING: Final = "unreadable_padding"


@dataclass(frozen=True, slots=True)
class Problem:
    """A secret that does not read as Grafana reads it. `known` says that it is in quarantine already."""

    location: str
    key: str
    field: str
    reason: str
    detail: str
    known: bool


@dataclass(slots=True)
class LocationResult:
    """What a location's secrets are under, and how many decrypt plausibly."""

    total: int = 0
    readable: int = 0
    providers: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class VerifyReport:
    """The outcome of a verification."""

    target_provider: str
    locations: dict[str, LocationResult] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """8 for a problem that is not in quarantine."""
        return 8 if any(not problem.known for problem in self.problems) else 0

    def as_json(self) -> dict[str, Any]:
        """The object that `--output json` prints."""
        providers: dict[str, int] = {}
        for result in self.locations.values():
            for provider, number in result.providers.items():
                providers[provider] = providers.get(provider, 0) + number
        return {
            "outcome": "failed" if self.exit_code else "verified",
            "target_provider": self.target_provider,
            "secrets": {
                "total": sum(each.total for each in self.locations.values()),
                "readable": sum(each.readable for each in self.locations.values()),
                "under_target": providers.get(self.target_provider, 0),
                "quarantined": sum(problem.known for problem in self.problems),
                "unreadable": sum(not problem.known for problem in self.problems),
            },
            "providers": providers,
            "locations": {
                name: {"total": each.total, "readable": each.readable, "providers": each.providers}
                for name, each in self.locations.items()
                if each.total
            },
            "problems": [
                {
                    "location": each.location,
                    "key": each.key,
                    "field": each.field,
                    "reason": each.reason,
                    "detail": each.detail,
                    "in_quarantine": each.known,
                }
                for each in self.problems
            ],
        }


async def verify(settings: Settings, options: RunOptions, *, emit: Emit) -> VerifyReport:
    """Read, unwrap, decrypt and judge every secret; raises `NoSecretsError` where there is none at all."""
    target = normalise_provider(options.to or settings.encryption_provider)
    async with opened(settings, options, emit, write=False) as resources:
        parts = (resources.database, resources.providers, resources.cache, resources.pool)
        verifier = _Verifier(*parts, emit, VerifyReport(target))
        await verifier.run()
    if not options.allow_empty and not any(each.total for each in verifier.report.locations.values()):
        raise NoSecretsError(
            f"{resources.database.name} holds no secrets at all",
            hint="is this the right database? if so, give --allow-empty",
        )
    return verifier.report


@dataclass(frozen=True, slots=True)
class _Verifier:
    database: Database
    providers: Providers
    cache: DerivedKeyCache
    pool: ThreadPoolExecutor
    emit: Emit
    report: VerifyReport

    async def run(self) -> None:
        schema = await inspect(self.database)
        ring = KeyRing(self.providers.get)

        async def reload() -> list[DataKey]:
            return await read_data_keys(self.database, schema.key_table)

        ring.load(await reload())
        quarantined = set[tuple[str, str, str, bytes]]()
        if schema.has_state:
            entries = await read_quarantine(self.database)
            quarantined = {(*entry.place, entry.secret_hash) for entry in entries}
        loop = asyncio.get_running_loop()
        for location in schema.fitted.locations:
            result = self.report.locations.setdefault(location.name, LocationResult())
            after: Key | None = None
            while rows := await self.database.read_page(location, after, rows=_PAGE_ROWS, size=_PAGE_BYTES):
                parsed = await loop.run_in_executor(self.pool, parse_rows, location, rows)
                await ring.ensure(_key_ids(parsed), reload)
                found = await loop.run_in_executor(self.pool, self._check, parsed, ring, result)
                for row, secret, reason, detail in found:
                    text = key_to_text(row.key)
                    # One that was saved since, and fails again, is news.
                    known = (location.name, text, secret.field, digest(secret.text_in(row))) in quarantined
                    self.report.problems.append(Problem(location.name, text, secret.field, reason, detail, known))
                after = rows[-1].key
                self.emit(Surveyed(location.name, sum(len(row.secrets) for row in parsed)))

    def _check(
        self, rows: Sequence[ParsedRow], ring: KeyRing, result: LocationResult
    ) -> list[tuple[Row, FoundSecret, str, str]]:
        found: list[tuple[Row, FoundSecret, str, str]] = []
        for row in rows:
            for secret in row.secrets:
                result.total += 1
                provider, problem = self._judge(secret, ring)
                result.providers[provider] = result.providers.get(provider, 0) + 1
                if problem:
                    found.append((row.row, secret, *problem))
                else:
                    result.readable += 1
        return found

    def _judge(self, secret: FoundSecret, ring: KeyRing) -> tuple[str, tuple[str, str] | None]:
        """The provider of a secret and what is wrong with it, if anything."""
        envelope = secret.envelope
        if envelope is None:
            return "unknown", (str(secret.problem), secret.detail)
        password, provider = self.providers.secret_key.password, LEGACY_PROVIDER
        if envelope.key_id is not None:
            entry, row = ring.entry(envelope.key_id), ring.row(envelope.key_id)
            provider = row.provider if row else "missing"
            if isinstance(entry, Failure):
                reason = Reason.UNKNOWN_DATA_KEY if entry.unknown else Reason.UNWRAP_FAILED
                return provider, (reason, f"data key {envelope.key_id}: {entry.detail}")
            password = entry.data_key
        try:
            plaintext = envelopes.decrypt(envelope, password, self.cache)
        except AuthenticationFailedError as error:
            return provider, (Reason.AUTHENTICATION_FAILED, str(error))
        if not is_plausible(plaintext, secret.kind):
            return provider, (Reason.IMPLAUSIBLE_PLAINTEXT, f"what its key yields is not {secret.kind}")
        if not secret.slot.strict:
            return provider, (_PADDING, "its base64 padding is not what Grafana decodes in this column")
        return provider, None


def _key_ids(rows: Sequence[ParsedRow]) -> list[str]:
    return [
        secret.envelope.key_id
        for row in rows
        for secret in row.secrets
        if secret.envelope is not None and secret.envelope.key_id is not None
    ]
