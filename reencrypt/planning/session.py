"""The session: what an operation works with. Only facts; `reencrypt.operations.session` opens it, nobody changes it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from reencrypt.catalogue.document_memory import DocumentMemory
from reencrypt.catalogue.location import Location
from reencrypt.catalogue.store_name import StoreName
from reencrypt.crypto.derive import DerivedKeyCache
from reencrypt.databases.protocol import Database
from reencrypt.events import Emit
from reencrypt.keys.providers import Providers
from reencrypt.keys.request_ids import RequestIds
from reencrypt.keys.ring import KeyRing
from reencrypt.planning.options import RunOptions
from reencrypt.planning.schema import Schema
from reencrypt.settings import Settings
from reencrypt.settings.model import StoreSettings
from reencrypt.state.audit import Trail
from reencrypt.state.brake import Brake
from reencrypt.state.stop import StopRequest


@dataclass(frozen=True, slots=True)
class Session:
    """One store of a Grafana database, its key-encryption keys, and the user's options.

    `schema` is that of the moment it was opened, `ring` holds the rows of the store's data keys since. `cache` holds
    derived keys, `pool` runs work that needs a processor, such as deriving more. `stop` may be asked at any time.
    `requests` names the run of which key services are asked: that of a run that begins here, until another is known.
    `trail` hears the events too, for the audit in the state tables. Writers wait for the `brake`. `documents` remembers
    what one pass has found, for the next.
    """

    store: StoreName
    database: Database
    schema: Schema
    providers: Providers
    ring: KeyRing
    cache: DerivedKeyCache
    pool: ThreadPoolExecutor
    settings: Settings
    options: RunOptions
    emit: Emit
    requests: RequestIds
    trail: Trail
    stop: StopRequest
    brake: Brake
    documents: DocumentMemory = field(default_factory=DocumentMemory)

    @property
    def store_settings(self) -> StoreSettings:
        """What Grafana's configuration says of the store."""
        return self.settings.of(self.store)

    @property
    def locations(self) -> tuple[Location, ...]:
        """The store's locations in this database."""
        return self.schema.fitted.locations

    @property
    def secret_key(self) -> bytes:
        """The configured `secret_key`, empty in a store that has no values without a data key."""
        return self.providers.secret_key.password if self.store is StoreName.CLASSIC else b""
