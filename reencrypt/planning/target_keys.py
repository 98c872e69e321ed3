"""The target keys of one run, one in each namespace of a store: chosen, finished or made when secrets need it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto.envelope import Encryptor
from reencrypt.databases.protocol import Transaction
from reencrypt.events import TargetKeyReady
from reencrypt.keys.provider import Unwrapped
from reencrypt.planning.plan import Plan
from reencrypt.planning.session import Session
from reencrypt.planning.target_key import (
    KeyPlace,
    NoTargetKey,
    TargetDataKey,
    TargetKey,
    TargetSecretKey,
    deactivate_idle,
    deactivate_others,
    discard_target_key,
    finish_target_key,
    make_target_key,
)
from reencrypt.state.data_keys import read_wrapped
from reencrypt.state.lease import Lease
from reencrypt.state.runs import Run, record_target_key

#: The namespace of a store that has none.
NO_NAMESPACE: Final = ""
_NONE: Final = NoTargetKey()


class TargetKeys:
    """The keys that a run writes under.

    `ids` are those of its data keys. The set grows with each namespace that the run comes to.
    """

    def __init__(self, session: Session, plan: Plan, lease: Lease, run: Run) -> None:
        self._session = session
        self._plan = plan
        self._lease = lease
        self._run = run
        self._keys: dict[str, TargetKey] = {}
        self._encryptors: dict[str, Encryptor] = {}
        self.ids: set[str] = set(plan.target.own_keys)

    @property
    def only_looks(self) -> bool:
        """Whether nothing is to move and no data key is there to write under: the run looks at the quarantine again."""
        return not (self._plan.target.is_legacy or self._plan.movable or self._plan.existing)

    @property
    def keys(self) -> Mapping[str, TargetKey]:
        """The keys so far, by namespace."""
        return self._keys

    async def begin(self) -> None:
        """Remove what was left unfinished and is not needed, and get the key of a store that has no namespaces."""
        if self.only_looks:
            await discard_unfinished(self._session, self._lease, self._run)
        if self._session.store is StoreName.CLASSIC:
            await self.ensure([NO_NAMESPACE])
        else:
            await self.ensure(sorted(self._run.unfinished))

    async def ensure(self, namespaces: Iterable[str]) -> None:
        """Get the keys of these namespaces: `secret_key` for a rollback, else a data key.

        In a rotation that is the only active one of its namespace.
        Raises `RefusedError` where a new data key does not prove itself, a `ReencryptError` where the provider fails.
        """
        for namespace in namespaces:
            if namespace not in self._keys:
                key = await self._get(namespace)
                self._keys[namespace] = key
                if key.id:
                    self.ids.add(key.id)
                    self._session.emit(TargetKeyReady(key.id, key.provider, key.made))

    async def deactivate_idle(self) -> None:
        """In a rotation of the secrets manager, deal with namespaces whose values are all gone, or never were.

        Nothing moves there, so there is no target key. A key of today would be written under for the rest of the day.
        """
        if not self._plan.target.fresh or self._session.store is StoreName.CLASSIC:
            return
        active = {row.namespace for row in self._session.ring.rows if row.active}
        for namespace in sorted(active - self._keys.keys()):
            await deactivate_idle(_place(self._session, self._lease, namespace), self._run)

    def has(self, namespace: str) -> bool:
        """Whether `ensure` has got the key of a namespace."""
        return namespace in self._keys

    def encryptor(self, namespace: str) -> Encryptor:
        """The encryptor of a namespace, with the run's salt; one that cannot write where `ensure` has got no key."""
        key = self._keys.get(namespace, _NONE)
        found = self._encryptors.get(key.id)
        if found is None:
            found = self._encryptors[key.id] = key.encryptor(
                self._plan.target.algorithm, self._run.salt, self._session.cache
            )
        return found

    async def lock(self, transaction: Transaction, namespaces: Collection[str]) -> None:
        """Check inside a page's transaction that the keys of these namespaces are still those that were proven.

        Raises `RefusedError` where one was deleted or rewrapped.
        """
        for namespace in sorted(namespaces):
            await self._keys.get(namespace, _NONE).lock(transaction)

    async def _get(self, namespace: str) -> TargetKey:
        if self._plan.target.is_legacy:
            return TargetSecretKey(self._session.secret_key)
        if self.only_looks:
            return NoTargetKey()
        place = _place(self._session, self._lease, namespace)
        key = await self._data_key(place)
        if self._plan.target.fresh and self._run.target(namespace).state != "alone":
            await deactivate_others(place, self._run)
        return key

    async def _data_key(self, place: KeyPlace) -> TargetDataKey:
        """A proven existing data key, the one that this run had begun to make, or a new one."""
        plan, run = self._plan, self._run
        provider = self._session.providers.get(plan.target.provider)
        recorded, existing = run.target(place.namespace), plan.existing.get(place.namespace)
        if recorded.state == "made":
            unfinished = await read_wrapped(place.database, recorded.id, place.table)
            if unfinished is not None and existing is None:
                return await finish_target_key(place, run, provider, expected=None)
            if unfinished is not None:
                await discard_target_key(place, run, unfinished)
        if existing is not None:
            # The proven answer: the service may give another one now.
            entry = plan.ring.entry(existing.id)
            if isinstance(entry, Unwrapped):
                if recorded.id != existing.id:
                    async with place.database.transaction() as transaction:
                        await self._lease.check(transaction)
                        await record_target_key(transaction, run, existing.id, "active", place.namespace)
                return TargetDataKey(
                    existing.id,
                    existing.framed_id,
                    existing.provider,
                    entry.data_key,
                    existing.wrapped,
                    made=False,
                    table=place.table,
                )
        return await make_target_key(place, run, provider, plan.wrap_format)


async def discard_unfinished(session: Session, lease: Lease, run: Run) -> None:
    """Remove the data keys that a run has inserted and never activated."""
    for namespace, target in run.unfinished.items():
        wrapped = await read_wrapped(session.database, target.id, session.schema.key_table)
        if wrapped is not None:
            await discard_target_key(_place(session, lease, namespace), run, wrapped)


def _place(session: Session, lease: Lease, namespace: str) -> KeyPlace:
    return KeyPlace(session.database, lease, session.store, session.schema.key_table, namespace)
