"""Store of the audit: what nobody can know afterwards, recorded in the transactions that it is about.

Each entry is an object of JSON under the run's id. Entries are added and never changed. None holds a secret, a
ciphertext, or a hash of one.
"""

from __future__ import annotations

import json
import os
import platform
import pwd
import socket
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final, Self

import reencrypt
from reencrypt.databases.protocol import Executor, Transaction
from reencrypt.events import Event, PageCommitted, Paused, VaultAnswered, Waiting
from reencrypt.state.damaged import read_back
from reencrypt.state.stamp import stamp

#: The first samples of the pace are so far apart, in seconds; after so many of them the distance doubles.
_FIRST_SECONDS: Final = 2.0
_SAMPLES: Final = 100
#: How many different reasons to wait one entry names before it counts them together.
_REASONS: Final = 20
#: The same for key versions that answers name: a lying service may name a new one each time.
_CALLS: Final = 200
_OTHERS: Final = "others"


class AuditKind(StrEnum):
    """What an entry tells."""

    #: An invocation begins, or resumes, a run: who, where, with what, and the secrets before it.
    BEGUN = "begun"
    #: How far the invocation is.
    PACE = "pace"
    #: An invocation has ended, finished or not. One that was killed has no such entry.
    ENDED = "ended"
    #: Secrets in quarantine were given up knowingly. It belongs to no run, and so do those below.
    ACKNOWLEDGED = "acknowledged"
    #: Data keys that were inactive and unused were saved to a file and deleted.
    DATA_KEYS_DELETED = "data_keys_deleted"
    #: The old key can be retired: runs were completed, and their journal dropped.
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An entry; `at` is UTC, to the second."""

    run_id: str
    kind: AuditKind
    at: str
    content: Mapping[str, Any]

    @classmethod
    def now(cls, run_id: str, kind: AuditKind, content: Mapping[str, Any]) -> Self:
        """An entry of this second, made once however often its transaction is tried, so that copies are known."""
        return cls(run_id, kind, stamp(), content)


async def append_audit(transaction: Transaction, entry: AuditEntry) -> None:
    """Add an entry in a transaction of the run that it is about."""
    content = _text(entry.content)
    await transaction.execute("audit_append", run_id=entry.run_id, kind=entry.kind, at=entry.at, content=content)


def _text(content: Mapping[str, Any]) -> str:
    """JSON of what is text; names of an operating system need not be, and nobody could write them into a report."""
    text = json.dumps(content, ensure_ascii=False).encode(errors="replace")
    return json.dumps(json.loads(text))


async def read_audit(executor: Executor, run_id: str) -> list[AuditEntry]:
    """Read the entries of a run and those of none, oldest first; their table must exist. Raises `DamagedStateError`."""
    return [_entry(*map(str, row)) for row in await executor.fetch("audit", run_id=run_id)]


async def read_last_signs(executor: Executor) -> dict[str, str]:
    """Read when each run has last said something, by its id; their table must exist."""
    return {str(run_id): str(at) for run_id, at in await executor.fetch("audit_latest")}


def _entry(run_id: str, kind: str, at: str, content: str) -> AuditEntry:
    with read_back(f"an entry of the run {run_id!r} in reencrypt_audit"):
        found = json.loads(content)
        if not isinstance(found, dict):
            raise ValueError("it is no object")  # noqa: TRY004 - a value that was read, not an argument
        return AuditEntry(run_id, AuditKind(kind), at, found)


def who() -> dict[str, Any]:
    """The user, host and process of this invocation, and the versions of what runs it."""
    uid = os.getuid()
    try:
        # Not getpass, which believes the environment.
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        # A container's user need not have a name.
        user = f"uid {uid}"
    return {
        "user": user,
        "uid": uid,
        # What sudo has put into the environment, where anybody may put it.
        "sudo_user": os.environ.get("SUDO_USER"),
        "host": socket.gethostname(),
        "process": os.getpid(),
        "version": reencrypt.__version__,
        "python": platform.python_version(),
    }


@dataclass(slots=True)
class Trail:
    """What one invocation has done in one store so far. It listens to events; a transaction saves what is due."""

    since: float = field(default_factory=time.monotonic)
    looked_at: int = 0
    moved: int = 0
    calls: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    _samples: int = 0
    _due: float = 0.0

    def listen(self, event: Event) -> None:
        """Hear an event."""
        match event:
            case PageCommitted(_, secrets, moved):
                self.looked_at += secrets
                self.moved += moved
            case VaultAnswered(provider, operation, code, _, version):
                call = (provider, operation, code, version)
                known = call in self.calls or len(self.calls) < _CALLS
                self.calls[call if known else (provider, operation, code, _OTHERS)] += 1
            case Waiting(reason) | Paused(_, reason):
                self.waits[reason if reason in self.waits or len(self.waits) < _REASONS else _OTHERS] += 1
            case _:
                pass

    def restart(self) -> None:
        """Forget what was heard: it belongs to a run that this invocation has ended, before it begins another."""
        fresh = Trail()
        for each in fields(fresh):
            setattr(self, each.name, getattr(fresh, each.name))

    @property
    def seconds(self) -> float:
        """How long the invocation has been at work."""
        return time.monotonic() - self.since

    def sample(self) -> dict[str, Any] | None:
        """The pace for an entry, None where none is due. `saved` or `unsaved` has to follow; none is due until then."""
        seconds = self.seconds
        if seconds < self._due:
            return None
        self._due = float("inf")
        return {
            "seconds": round(seconds, 3),
            "looked_at": self.looked_at,
            "moved": self.moved,
            "waits": dict(self.waits),
        }

    def saved(self, sample: Mapping[str, Any] | None) -> None:
        """Note that a sample is in the database."""
        if sample is None:
            return
        self._samples += 1
        # Others may have been heard since.
        self.waits -= Counter(sample["waits"])
        self._due = sample["seconds"] + _FIRST_SECONDS * 2 ** (self._samples // _SAMPLES)

    def unsaved(self, sample: Mapping[str, Any] | None) -> None:
        """Note that the transaction with a sample has failed."""
        if sample is not None:
            self._due = sample["seconds"]

    def totals(self) -> dict[str, Any]:
        """What the entry of an end says of the invocation."""
        return {
            "seconds": round(self.seconds, 3),
            "looked_at": self.looked_at,
            "moved": self.moved,
            "waits": dict(self.waits),
            "vault_calls": [
                {
                    "provider": provider,
                    "operation": operation,
                    "code": code,
                    "version": version or None,
                    "calls": number,
                }
                for (provider, operation, code, version), number in sorted(self.calls.items())
            ],
        }
