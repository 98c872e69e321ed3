"""The second part of the catalogue: every place that holds secrets of Grafana's secrets manager, since Grafana 12.

Its ciphertexts are authenticated, so no plaintext has to look like anything: secure values are text of any kind
(`apps/secret/kinds/v1/securevalue.cue`).
"""

from __future__ import annotations

from typing import Final

from reencrypt.catalogue.codec import WholeColumn
from reencrypt.catalogue.encoding import BesideKeyId, Raw
from reencrypt.catalogue.location import Field, Location
from reencrypt.catalogue.plaintext import Kind
from reencrypt.catalogue.sealed_object import SealedObject
from reencrypt.crypto import managed

# `EncryptedPayload` of the snapshots' kind, since it is encrypted by the secrets manager. The string that stood there
# before is the classic store's (`reencrypt.catalogue.locations`).
_SNAPSHOT: Final = SealedObject(("spec", "dashboardEncrypted"), "dataKeyId", "encryptedData", Kind.JSON)
_SNAPSHOT_ROWS: Final = {"group": ("dashboard.grafana.app",), "resource": ("snapshots",)}


def _snapshots(table: str) -> Location:
    return Location(
        f"{table}_snapshots",
        table,
        ("guid",),
        (Field("value", _SNAPSHOT),),
        only=_SNAPSHOT_ROWS,
        parse=managed.parse,
        namespace="namespace",
    )


MANAGER_LOCATIONS: Final = (
    # pkg/storage/secret/encryption/encrypted_value_store.go. Grafana 12.2 has no column for the data key's id.
    Location(
        "secret_encrypted_value",
        "secret_encrypted_value",
        ("namespace", "name", "version"),
        (
            Field(
                "encrypted_data",
                WholeColumn(BesideKeyId(), Kind.BYTES),
                key_id="data_key_id",
                otherwise=WholeColumn(Raw(empty_is_secret=True), Kind.BYTES),
            ),
        ),
        updated="updated",
        parse=managed.parse,
        namespace="namespace",
        updated_in_seconds=True,
    ),
    _snapshots("resource"),
    _snapshots("resource_history"),
)

#: Where Grafana 12.0 and 12.1 kept values behind feature toggles. The table of 12.2 has the same name and is no later
#: form of this one: no release reads or converts what is in it (PR 115638).
UNREAD_LOCATIONS: Final = (
    Location(
        "secret_encrypted_value",
        "secret_encrypted_value",
        ("uid",),
        (Field("encrypted_data", WholeColumn(Raw(empty_is_secret=True), Kind.BYTES)),),
        namespace="namespace",
    ),
)
