"""Failure rate of the secrets under each key: damage is rare, a wrong key makes all of them fail."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from reencrypt.errors import RefusedError
from reencrypt.state.damaged import whole

_LEAST: Final = 20
_MOST_REMEMBERED: Final = 1024  # ciphertexts of each key, good and bad apart


@dataclass(slots=True)
class FailureRate:
    """Decrypted secrets under each key, and how many of them failed. The key `""` is `secret_key`.

    All copies of a ciphertext count once: history tables keep a hundred copies of one damaged secret.
    """

    tried: dict[str, int] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    _seen: dict[tuple[str, bool], set[int]] = field(default_factory=dict)

    def note(self, key: str, text: bytes, *, failed: bool) -> None:
        """Count one secret under a key, unless this ciphertext was counted before."""
        seen = self._seen.setdefault((key, failed), set())
        mark = hash(text)
        if mark in seen:
            return
        if len(seen) < _MOST_REMEMBERED:
            seen.add(mark)
        self._count(key, 1, failed=failed)

    def note_all(self, key: str, texts: Iterable[bytes]) -> None:
        """Count secrets that did not fail, as `note` does each."""
        seen = self._seen.setdefault((key, False), set())
        number = 0
        for mark in map(hash, texts):
            if mark not in seen:
                number += 1
                if len(seen) < _MOST_REMEMBERED:
                    seen.add(mark)
        self._count(key, number, failed=False)

    def note_moved(self, key: str, number: int) -> None:
        """Count secrets that each fill a column, where copies are rare."""
        self._count(key, number, failed=False)

    def _count(self, key: str, number: int, *, failed: bool) -> None:
        self.tried[key] = self.tried.get(key, 0) + number
        if failed:
            self.failed[key] = self.failed.get(key, 0) + number

    def add(self, other: FailureRate) -> FailureRate:
        """Add another failure rate to this one; returns what was not counted before."""
        before = {key: (self.tried.get(key, 0), self.failed.get(key, 0)) for key in other.tried}
        for mine, theirs in ((self.tried, other.tried), (self.failed, other.failed)):
            for key, count in theirs.items():
                mine[key] = mine.get(key, 0) + count
        for (key, failed), marks in other._seen.items():
            seen = self._seen.setdefault((key, failed), set())
            self._count(key, -len(marks & seen), failed=failed)
            seen.update(itertools.islice(marks - seen, max(0, _MOST_REMEMBERED - len(seen))))
        return FailureRate(
            {key: self.tried[key] - tried for key, (tried, _) in before.items()},
            {key: self.failed[key] - bad for key, (_, bad) in before.items() if self.failed.get(key, 0) > bad},
        )

    def to_json(self, whole_run: FailureRate | None = None) -> str:
        """Return the form in the state tables: only keys with failures, so that a run without any writes nothing.

        A part of a run records its own failures, of the secrets that the `whole_run` has tried so far.
        """
        whole = whole_run or self
        return json.dumps({key: [whole.tried[key], self.failed.get(key, 0)] for key in sorted(whole.failed)})

    def resume(self, part: FailureRate) -> None:
        """Add what a part of an interrupted run has recorded: its failures, of the secrets that the run had tried."""
        for key, failed in part.failed.items():
            self.tried[key] = max(self.tried.get(key, 0), part.tried[key])
            self.failed[key] = self.failed.get(key, 0) + failed

    @staticmethod
    def from_json(text: str) -> FailureRate:
        """Build it from the result of `to_json`; raises `ValueError` or the like for anything else."""
        counts = {key: (whole(tried), whole(bad)) for key, (tried, bad) in json.loads(text).items()}
        return FailureRate(
            {key: tried for key, (tried, _) in counts.items()}, {key: bad for key, (_, bad) in counts.items()}
        )

    def check(self, share: float, keys: Iterable[str]) -> None:
        """Raise `RefusedError` where more than this share of at least 20 secrets under one of these keys has failed."""
        for key in keys:
            tried, failed = self.tried[key], self.failed.get(key, 0)
            if tried >= _LEAST and failed > share * tried:
                raise RefusedError(
                    f"{failed} of {tried} secrets under {f'data key {key}' if key else 'secret_key'} do not decrypt to "
                    "what Grafana stores there: that is a wrong key rather than damage",
                    hint="Nothing of this page was written. Check the key. Or leave its secrets with "
                    f"--skip-key {key or 'secretKey.v1'}. Or raise --max-quarantine.",
                )
