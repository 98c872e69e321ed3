"""Resolves the keys of a page: unwraps data keys and judges them before their secrets are touched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from reencrypt.catalogue.reading import FoundSecret, ParsedRow
from reencrypt.catalogue.reason import Reason
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.errors import ReencryptError
from reencrypt.keys.proof import KeyStanding, Proof, Sample, weigh
from reencrypt.keys.provider import SECRET_KEY_PROVIDER, Unwrapped
from reencrypt.keys.ring import Failure
from reencrypt.operations.migrate.slow_path import UnusableKey, UsableKey
from reencrypt.planning.missing_key import missing_in_words
from reencrypt.planning.session import Session
from reencrypt.state.accepted import Accepted


@dataclass(slots=True)
class _Needs:
    """The data keys of a page that are not ready: of secrets that move, and of those in quarantine that do not.

    `samples` are the secrets that move.
    """

    moved: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    samples: dict[str, list[Sample]] = field(default_factory=dict)


class Resolver:
    """The keys of one pass: ring, `proof`, which it owns, and what the user decided about keys.

    A run that `only_looks` moves nothing: secrets written since its plan was made are left for the next one.
    `only_read` are the data keys that were unwrapped only to read.
    """

    def __init__(
        self, session: Session, proof: Proof, accepted: Accepted, *, only_looks: bool, only_read: Iterable[str] = ()
    ) -> None:
        self.ring = session.ring
        self.proof = proof.copy()
        self._session = session
        self._accepted = accepted
        self._only_looks = only_looks
        self._only_read = set(only_read)

    def judging_by(self, proof: Proof) -> Resolver:
        """The same keys for another pass, judged by another proof."""
        return Resolver(self._session, proof, self._accepted, only_looks=self._only_looks, only_read=self._only_read)

    async def prepare(
        self,
        rows: Sequence[ParsedRow],
        is_current: Callable[[str | None, Algorithm], bool],
        is_held: Callable[[ParsedRow, FoundSecret], bool],
    ) -> None:
        """Unwrap the data keys of a page's secrets that are to move, and weigh those met for the first time.

        `is_held` tells whether a secret is in quarantine: it is read then even if it does not move, and is no sample.
        Raises a `ReencryptError` where a provider fails as a whole.
        """
        needs = self._needs(rows, is_current, is_held)
        if needs.moved and not self._only_looks:
            await self._prepare_to_move(sorted(needs.moved), needs.samples)
        for key_id in sorted(needs.read - needs.moved - self._only_read):
            if self._skipped_as(key_id) is None:
                # Nothing under these moves, so an unreachable vault or a disabled key must not stop the run.
                self._only_read.add(key_id)
                with suppress(ReencryptError):
                    await self.ring.ensure([key_id])

    def _needs(
        self,
        rows: Sequence[ParsedRow],
        is_current: Callable[[str | None, Algorithm], bool],
        is_held: Callable[[ParsedRow, FoundSecret], bool],
    ) -> _Needs:
        needs = _Needs()
        for row in rows:
            for secret in row.secrets:
                envelope = secret.envelope
                if envelope is None or envelope.key_id is None or self._is_ready(envelope.key_id):
                    continue
                if not is_current(envelope.key_id, envelope.algorithm):
                    needs.moved.add(envelope.key_id)
                elif is_held(row, secret):
                    needs.read.add(envelope.key_id)
                    continue
                if not self._accepted.covers(secret.text_in(row.row)):
                    needs.samples.setdefault(envelope.key_id, []).append(Sample(envelope, secret.kind))
        return needs

    def _is_ready(self, key_id: str) -> bool:
        """Whether a key is there and may move secrets; one unwrapped only to read has to be proven first."""
        return self.ring.knows(key_id) and key_id not in self._only_read

    async def _prepare_to_move(self, key_ids: Sequence[str], samples: Mapping[str, list[Sample]]) -> None:
        # Earlier evidence under such an id is about another row.
        self.proof.forget(key_ids)
        self._only_read.difference_update(key_ids)
        if any(self.ring.row(key_id) is None for key_id in key_ids):
            self.proof.forget(await self.ring.reload())
        await self.ring.ensure([key_id for key_id in key_ids if self._skipped_as(key_id) is None])
        for key_id in key_ids:
            await self._weigh(key_id, samples.get(key_id, []))
        # A second answer is needed only where the secrets do not prove the first one.
        await self.ring.confirm(key_id for key_id in key_ids if not self.proof.is_shown_by_secrets(key_id))

    def _skipped_as(self, key_id: str | None) -> str | None:
        return self.proof.skipped_as(key_id, self.ring.row(key_id) if key_id is not None else None)

    async def _weigh(self, key_id: str, samples: list[Sample]) -> None:
        if not self.ring.knows(key_id) or self.proof.knows(key_id):
            return
        entry = self.ring.entry(key_id)
        if isinstance(entry, Unwrapped):
            samples.sort(key=lambda sample: len(sample.envelope.body), reverse=True)
            cache, loop = self._session.cache, asyncio.get_running_loop()
            found = await loop.run_in_executor(
                self._session.pool, lambda: weigh(samples, entry.data_key, cache, exhaustive=False)
            )
            row = self.ring.row(key_id)
            self.proof.learn(key_id, found, under_secret_key=row is not None and row.provider == SECRET_KEY_PROVIDER)

    def key_of(self, key_id: str | None) -> UsableKey | UnusableKey:
        """The key for an envelope, after `prepare` has seen its page; called from threads."""
        if self._only_looks:
            return UnusableKey(None, "saved_meanwhile")
        return self.key_to_read(key_id)

    def key_to_read(self, key_id: str | None) -> UsableKey | UnusableKey:
        """The key for a secret that is read and does not move, whatever the run may write."""
        skipped = self._skipped_as(key_id)
        if skipped is not None:
            return UnusableKey(None, f"skipped_key {skipped}")
        if key_id is None:
            return UsableKey(self._session.secret_key, KeyStanding.of_secret_key())
        row = self.ring.row(key_id)
        if not self.ring.knows(key_id) or row is None:
            missing = missing_in_words(key_id, self._session.schema.key_table, self.ring.rows)
            return UnusableKey(Reason.UNKNOWN_DATA_KEY, f"data key {key_id}: {missing}")
        entry = self.ring.entry(key_id)
        if not self._session.providers.configured.is_covered(row.provider):
            return UnusableKey(None, f"not_covered {row.provider}")
        if isinstance(entry, Failure):
            reason = Reason.UNKNOWN_DATA_KEY if entry.unknown else Reason.UNWRAP_FAILED
            return UnusableKey(reason, f"data key {key_id}: {entry.detail}")
        return UsableKey(entry.data_key, KeyStanding.of(row, entry))
