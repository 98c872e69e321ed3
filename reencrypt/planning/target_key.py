"""The target key of a run: chosen among Grafana's, or made, read back, unwrapped and only then activated."""

from __future__ import annotations

import secrets
import string
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.crypto.envelope import Encryptor
from reencrypt.databases.protocol import Database, Transaction
from reencrypt.databases.retry import retry_transaction
from reencrypt.errors import RefusedError
from reencrypt.keys.errors import UnwrapFailedError
from reencrypt.keys.provider import DATA_KEY_BYTES, LEGACY_PROVIDER, KeyProvider, Unwrapped
from reencrypt.keys.ring import DataKey, confirmed_by
from reencrypt.keys.wrap_format import WrapFormat
from reencrypt.state.data_keys import DataKeyStore, Wrapping, is_held, read_wrapped
from reencrypt.state.lease import Lease
from reencrypt.state.runs import Run, record_target_key

_ID_LENGTH: Final = 14
_ID_ALPHABET: Final = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True, repr=False)
class TargetDataKey:
    """The data key that a run writes under, in the clear and wrapped; `made` says that the run made it.

    `framed_id` is its id as values name it.
    """

    id: str
    framed_id: str
    provider: str
    data_key: bytes
    wrapped: bytes
    made: bool

    def encryptor(self, algorithm: Algorithm, salt: bytes, cache: DerivedKeyCache) -> Encryptor:
        """The encryptor of this key with the run's salt."""
        return Encryptor.create(
            key_id=self.id,
            password=self.data_key,
            algorithm=algorithm,
            salt=salt,
            cache=cache,
            framed_id=self.framed_id,
        )

    async def lock(self, transaction: Transaction) -> None:
        """Check inside a page's transaction that the key is still there with the bytes that were proven.

        Raises `RefusedError` when somebody deleted or rewrapped it: new ciphertext would have no key.
        """
        if not await is_held(transaction, self.id, self.wrapped):
            raise RefusedError(
                f"the target data key {self.id} is gone from data_keys, or was wrapped anew",
                hint="Nothing more was written. Find out who changed data_keys, then run again.",
            )


@dataclass(frozen=True, slots=True, repr=False)
class TargetSecretKey:
    """`secret_key` itself, without a data key, as the target key of a rollback. Nobody can delete it."""

    password: bytes
    id: str = ""
    provider: str = LEGACY_PROVIDER
    made: bool = False

    def encryptor(self, algorithm: Algorithm, salt: bytes, cache: DerivedKeyCache) -> Encryptor:
        """The encryptor of `secret_key` with the run's salt."""
        return Encryptor.create(key_id=None, password=self.password, algorithm=algorithm, salt=salt, cache=cache)

    async def lock(self, transaction: Transaction) -> None:
        """Nothing to lock."""


@dataclass(frozen=True, slots=True)
class NoTargetKey:
    """The target key of a run that only looks at the quarantine again: it cannot write."""

    id: str = ""
    provider: str = ""
    made: bool = False

    def encryptor(self, algorithm: Algorithm, salt: bytes, cache: DerivedKeyCache) -> Encryptor:
        """An encryptor that is never used."""
        return Encryptor.create(
            key_id=None, password=secrets.token_bytes(DATA_KEY_BYTES), algorithm=algorithm, salt=salt, cache=cache
        )

    async def lock(self, transaction: Transaction) -> None:
        """Refuse to write."""
        del transaction
        raise RefusedError("a run without a target key was about to write", hint="Please report this.")


#: The key that a run writes under.
TargetKey = TargetDataKey | TargetSecretKey | NoTargetKey


def label_of(provider: str, today: datetime) -> str:
    """The label under which Grafana looks for its key of the day; the date is the server's local one."""
    return f"{today:%Y-%m-%d}/root@{provider}"


def choose_existing(rows: Collection[DataKey], provider: str, today: datetime) -> list[DataKey]:
    """Active data keys under the provider, the one to use first: today's label, else the newest."""
    label = label_of(provider, today)
    candidates = [row for row in rows if row.active and row.provider == provider]
    by_age = sorted(candidates, key=lambda row: (str(row.created), row.id), reverse=True)
    return sorted(by_age, key=lambda row: row.label != label)


def new_key_id() -> str:
    """An id in the form that present Grafana gives: 14 letters and digits, a letter first."""
    rest = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH - 1))
    return secrets.choice(string.ascii_lowercase) + rest


async def rehearse(provider: KeyProvider, wrap_format: WrapFormat | None) -> None:
    """Wrap and unwrap a throw-away data key, so that a fault of the vault shows before any write.

    Raises the provider's own error, or `RefusedError` where the unwrapped key is another one.
    """
    data_key = secrets.token_bytes(DATA_KEY_BYTES)
    try:
        unwrapped = await provider.unwrap(await provider.wrap(data_key, wrap_format))
    except UnwrapFailedError as error:
        raise RefusedError(
            f"what {provider.name} wraps does not unwrap again: {error}", hint="Check --wrap-format and the vault key."
        ) from None
    if unwrapped.data_key != data_key:
        raise RefusedError(
            f"what {provider.name} wraps unwraps to something else", hint="Check --wrap-format and the vault key."
        )


async def make_target_key(
    database: Database, lease: Lease, run: Run, provider: KeyProvider, wrap_format: WrapFormat | None
) -> TargetDataKey:
    """Insert a new data key, inactive and recorded in the run, then prove and activate it."""
    data_key = secrets.token_bytes(DATA_KEY_BYTES)
    wrapped = await provider.wrap(data_key, wrap_format)
    key_id = new_key_id()
    async with database.transaction() as transaction:
        await lease.check(transaction)
        label = label_of(provider.name, datetime.now().astimezone())
        store = DataKeyStore(database, transaction, run.id)
        await store.insert(key_id, Wrapping(wrapped, provider.name, label))
        await record_target_key(transaction, run, key_id, "made")
    return await finish_target_key(database, lease, run, provider, expected=data_key)


async def finish_target_key(
    database: Database, lease: Lease, run: Run, provider: KeyProvider, *, expected: bytes | None
) -> TargetDataKey:
    """Read the run's new key back, unwrap it through its provider, then activate it.

    Nothing was written under it yet, so a key that does not unwrap to the `expected` bytes (None where the process
    that knew them has died) is removed, and the run refused.
    """
    key_id = run.target_key
    wrapped = await read_wrapped(database, key_id)
    if wrapped is None:
        raise RefusedError(
            f"the new data key {key_id} vanished from data_keys", hint="Find out who changed data_keys, then run again."
        )
    try:
        unwrapped: Unwrapped | None = await provider.unwrap(wrapped)
        if expected is None and unwrapped is not None and not unwrapped.is_proof and unwrapped.conclusive:
            # Nobody knows its bytes any more, and one answer of a service is no proof.
            unwrapped = await confirmed_by(provider, key_id, wrapped, unwrapped)
    except UnwrapFailedError:
        unwrapped = None
    if unwrapped is None or not _is_sound(unwrapped, expected):
        await discard_target_key(database, lease, run, wrapped)
        raise RefusedError(
            f"the new data key {key_id} does not unwrap again under {provider.name}",
            hint="It was removed; nothing was written under it. Check --wrap-format and the vault key, then run again.",
        )
    async with database.transaction() as transaction:
        await lease.check(transaction)
        if not await DataKeyStore(database, transaction, run.id).activate(key_id, wrapped):
            raise RefusedError(
                f"the new data key {key_id} vanished from data_keys",
                hint="Find out who changed data_keys, then run again.",
            )
        await record_target_key(transaction, run, key_id, "active")
    return TargetDataKey(key_id, key_id, provider.name, unwrapped.data_key, wrapped, made=True)


async def deactivate_others(database: Database, lease: Lease, run: Run) -> int:
    """Set all other data keys inactive, now that the run's own is readable; returns how many.

    One transaction of its own, as a Grafana that reads in between must find an active key. Nothing becomes unreadable:
    an inactive key decrypts, and Grafana only writes no more under it.
    """

    async def body(transaction: Transaction) -> int:
        await lease.check(transaction)
        number = await DataKeyStore(database, transaction, run.id).deactivate_all_but(run.target_key)
        await record_target_key(transaction, run, run.target_key, "alone")
        return number

    return await retry_transaction(database, body)


def _is_sound(unwrapped: Unwrapped, expected: bytes | None) -> bool:
    if expected is not None:
        return unwrapped.data_key == expected
    # Nothing is under it yet, so any result is the key, if it is always the same: RSA1_5 need not give that.
    return unwrapped.conclusive or unwrapped.wrap_format is None


async def discard_target_key(database: Database, lease: Lease, run: Run, wrapped: bytes) -> None:
    """Delete the run's key that was never active. The condition names that and its bytes, so no other can be hit."""
    key_id = run.target_key
    async with database.transaction() as transaction:
        await lease.check(transaction)
        await DataKeyStore(database, transaction, run.id).discard(key_id, wrapped)
        await record_target_key(transaction, run, "", "none")
