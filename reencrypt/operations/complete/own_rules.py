"""Columns whose ciphertext is counted by rules of its own, so that the search of unknown places leaves it out.

They hold wrapped data keys, and what Grafana's secrets manager encrypts under data keys of its own. Both begin like a
legacy value, and `secret_key` does not encrypt them, or not as a secret.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from reencrypt.catalogue.jsonscan import scan_unparsed
from reencrypt.crypto import gobase64
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.envelope import algorithm_prefix
from reencrypt.crypto.gobase64 import MalformedEncodingError
from reencrypt.operations.complete.signatures import Marks

_PREFIXES: Final = tuple(map(algorithm_prefix, Algorithm))
# Of the secrets manager's values the older ones begin with the id of its data key.
_HEADER: Final = re.compile(rb"(?:#([A-Za-z0-9+/]{2,200})#)?(?:%s)" % b"|".join(map(re.escape, _PREFIXES)))
_WHOLE: Final = frozenset(
    (
        ("data_keys", "encrypted_data"),
        ("secret_data_key", "encrypted_data"),
        ("secret_encrypted_value", "encrypted_data"),
    )
)

# Snapshots in unified storage. In their newest form the secrets manager encrypts them, and they name its data key:
# {"dataKeyId": …, "encryptedData": base64}; source: the snapshot kind of pkg/registry/apis/dashboardsnapshot.
_RESOURCES: Final = frozenset((("resource", "value"), ("resource_history", "value")))
_SNAPSHOT: Final = ("spec", "dashboardEncrypted")


def without_own(table: str, column: str, cell: bytes, marks: Marks, snapshots: Counter[tuple[str, str]]) -> bytes:
    """Cut out of a cell what is counted elsewhere. Snapshots under the secrets manager's data keys are counted here.

    `snapshots` counts them by table and data key.
    """
    if (table, column) in _WHOLE:
        match = _HEADER.match(cell)
        return cell[match.end() :] if match and (match[1] is None or match[1] not in marks) else cell
    if (table, column) in _RESOURCES and b'"dataKeyId"' in cell:
        return _without_snapshot(table, cell, snapshots)
    return cell


def _without_snapshot(table: str, cell: bytes, snapshots: Counter[tuple[str, str]]) -> bytes:
    try:
        found = {string.path[2:]: string for string in scan_unparsed(cell) if string.path[:2] == _SNAPSHOT}
    except MalformedEncodingError:
        return cell
    name, value = found.get(("dataKeyId",)), found.get(("encryptedData",))
    if name is None or value is None or not name.text:
        return cell
    try:
        ciphertext = gobase64.decode(value.text)
    except MalformedEncodingError:
        return cell
    if not ciphertext.startswith(_PREFIXES):
        return cell
    snapshots[table, name.text.decode(errors="replace")] += 1
    return cell[: value.start] + cell[value.end :]
