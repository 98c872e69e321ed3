"""The target key of a run: chosen among Grafana's, or made, read back, unwrapped and only then activated."""

from __future__ import annotations

import secrets
import string
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from reencrypt.catalogue.namespace import qualified, unqualified
from reencrypt.catalogue.store_name import StoreName
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
from reencrypt.state.key_table import KeyTable
from reencrypt.state.lease import Lease
from reencrypt.state.runs import Run, record_target_key

_ID_LENGTH: Final = 14
_ID_ALPHABET: Final = string.ascii_lowercase + string.digits

_CHECK: Final = "Check the vault key. Check --wrap-format too."


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
    table: KeyTable

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
        if not await is_held(transaction, self.id, self.wrapped, self.table):
            name = self.table.table_name
            raise RefusedError(
                f"the target data key {self.id} is gone from {name}, or was wrapped again",
                hint=f"Nothing more was written. Find out who changed {name}, then run again.",
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


#: What stands between the day and the provider in a label. The secrets manager has no scopes
#: (`pkg/registry/apis/secret/encryption/manager/manager.go`).
_SCOPES: Final = {StoreName.CLASSIC: "/root", StoreName.MANAGER: ""}


def label_of(store: StoreName, provider: str, today: datetime) -> str:
    """The label under which Grafana looks for its key of the day; the date is the server's local one."""
    return f"{today:%Y-%m-%d}{_SCOPES[store]}@{provider}"


def choose_existing(store: StoreName, rows: Collection[DataKey], provider: str, today: datetime) -> list[DataKey]:
    """Active data keys under the provider, the one to use first: today's label, else the newest."""
    label = label_of(store, provider, today)
    candidates = [row for row in rows if row.active and row.provider == provider]
    by_age = sorted(candidates, key=lambda row: (str(row.created), row.id), reverse=True)
    return sorted(by_age, key=lambda row: row.label != label)


def new_uid() -> str:
    """An id in the form that present Grafana gives: 14 letters and digits, a letter first."""
    rest = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH - 1))
    return secrets.choice(string.ascii_lowercase) + rest


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where a run keeps a target data key: a namespace of a store's table, with the lease held."""

    database: Database
    lease: Lease
    store: StoreName
    table: KeyTable
    namespace: str

    def writer(self, transaction: Transaction, run: Run) -> DataKeyStore:
        """The writer of the table for one transaction of the run."""
        return DataKeyStore(self.database, transaction, run.id, self.table)

    def new_key_id(self) -> str:
        """An id that no data key has."""
        return qualified(self.namespace, new_uid()) if self.table is KeyTable.MANAGER else new_uid()

    def framed_id(self, key_id: str) -> str:
        """The id as values name it."""
        return unqualified(key_id)[1] if self.table is KeyTable.MANAGER else key_id

    def vanished(self, key_id: str) -> RefusedError:
        """The error for a data key that somebody deleted while it was made."""
        name = self.table.table_name
        return RefusedError(
            f"the new data key {key_id} vanished from {name}", hint=f"Find out who changed {name}, then run again."
        )


async def rehearse(provider: KeyProvider, wrap_format: WrapFormat | None) -> None:
    """Wrap and unwrap a throw-away data key, so that a fault of the vault shows before any write.

    Raises the provider's own error, or `RefusedError` where the unwrapped key is another one.
    """
    data_key = secrets.token_bytes(DATA_KEY_BYTES)
    try:
        unwrapped = await provider.unwrap(await provider.wrap(data_key, wrap_format))
    except UnwrapFailedError as error:
        raise RefusedError(
            f"what {provider.name} wraps does not unwrap again: {error}",
            hint=_CHECK,
        ) from None
    if unwrapped.data_key != data_key:
        raise RefusedError(
            f"what {provider.name} wraps unwraps to something else",
            hint=_CHECK,
        )


async def make_target_key(
    place: KeyPlace, run: Run, provider: KeyProvider, wrap_format: WrapFormat | None
) -> TargetDataKey:
    """Insert a new data key, inactive and recorded in the run, then prove and activate it."""
    data_key = secrets.token_bytes(DATA_KEY_BYTES)
    wrapped = await provider.wrap(data_key, wrap_format)
    key_id = place.new_key_id()
    async with place.database.transaction() as transaction:
        await place.lease.check(transaction)
        label = label_of(place.store, provider.name, datetime.now().astimezone())
        await place.writer(transaction, run).insert(key_id, Wrapping(wrapped, provider.name, label))
        await record_target_key(transaction, run, key_id, "made", place.namespace)
    return await finish_target_key(place, run, provider, expected=data_key)


async def finish_target_key(
    place: KeyPlace, run: Run, provider: KeyProvider, *, expected: bytes | None
) -> TargetDataKey:
    """Read the run's new key back, unwrap it through its provider, then activate it.

    Nothing was written under it yet, so a key that does not unwrap to the `expected` bytes (None where the process
    that knew them has died) is removed, and the run refused.
    """
    key_id = run.target(place.namespace).id
    wrapped = await read_wrapped(place.database, key_id, place.table)
    if wrapped is None:
        raise place.vanished(key_id)
    try:
        unwrapped: Unwrapped | None = await provider.unwrap(wrapped)
        if expected is None and unwrapped is not None and not unwrapped.is_proof and unwrapped.conclusive:
            # Nobody knows its bytes any more, and one answer of a service is no proof.
            unwrapped = await confirmed_by(provider, key_id, wrapped, unwrapped)
    except UnwrapFailedError:
        unwrapped = None
    if unwrapped is None or not _is_sound(unwrapped, expected):
        await discard_target_key(place, run, wrapped)
        raise RefusedError(
            f"the new data key {key_id} does not unwrap again under {provider.name}",
            hint=f"It was removed; nothing was written under it. {_CHECK}",
        )
    async with place.database.transaction() as transaction:
        await place.lease.check(transaction)
        if not await place.writer(transaction, run).activate(key_id, wrapped):
            raise place.vanished(key_id)
        await record_target_key(transaction, run, key_id, "active", place.namespace)
    return TargetDataKey(
        key_id, place.framed_id(key_id), provider.name, unwrapped.data_key, wrapped, made=True, table=place.table
    )


async def deactivate_others(place: KeyPlace, run: Run) -> int:
    """Set the other data keys of the namespace inactive, now that the run's own is readable; returns how many.

    One transaction of its own, as a Grafana that reads in between must find an active key. Nothing becomes unreadable:
    an inactive key decrypts, and Grafana only writes no more under it. In the secrets manager those keep their state
    that Grafana writes no more under in any case: it caches no inactive key, so that each read of what is still under
    one would cost an unwrap (`pkg/registry/apis/secret/encryption/manager/oss_dek_cache.go`).
    """
    key_id = run.target(place.namespace).id

    async def body(transaction: Transaction) -> int:
        await place.lease.check(transaction)
        writer = place.writer(transaction, run)
        labelled = _is_of_these_days if place.store is StoreName.MANAGER else _is_any
        number = await writer.deactivate_all_but(key_id, labelled=labelled)
        await record_target_key(transaction, run, key_id, "alone", place.namespace)
        return number

    return await retry_transaction(place.database, body)


async def deactivate_idle(place: KeyPlace, run: Run) -> int:
    """Set the data keys inactive that Grafana may choose in a namespace where the run has none; returns how many.

    Grafana makes another one with the next secret.
    """
    nobody = place.table.key_id((place.namespace, ""))

    async def body(transaction: Transaction) -> int:
        await place.lease.check(transaction)
        return await place.writer(transaction, run).deactivate_all_but(nobody, labelled=_is_of_these_days)

    return await retry_transaction(place.database, body)


def _is_any(_label: str) -> bool:
    return True


def _is_of_these_days(label: str) -> bool:
    """Whether Grafana may choose a data key by its label, today in any time zone."""
    today = datetime.now(UTC)
    return label.partition("@")[0] in {f"{today + timedelta(days=days):%Y-%m-%d}" for days in (-1, 0, 1)}


def _is_sound(unwrapped: Unwrapped, expected: bytes | None) -> bool:
    if expected is not None:
        return unwrapped.data_key == expected
    # Nothing is under it yet, so any result is the key, if it is always the same: RSA1_5 need not give that.
    return unwrapped.conclusive or unwrapped.wrap_format is None


async def discard_target_key(place: KeyPlace, run: Run, wrapped: bytes) -> None:
    """Delete the run's key that was never active. The condition names that and its bytes, so no other can be hit."""
    key_id = run.target(place.namespace).id
    async with place.database.transaction() as transaction:
        await place.lease.check(transaction)
        await place.writer(transaction, run).discard(key_id, wrapped)
        await record_target_key(transaction, run, "", "none", place.namespace)
