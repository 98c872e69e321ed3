"""The tables of data keys: that of the classic store, in the shapes it has had, and that of the secrets manager.

A data key's id is one text everywhere above: its name, or namespace and uid (see `reencrypt.catalogue.namespace`). What
it is in statements and in the journal is known here alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from reencrypt.catalogue.location import Key
from reencrypt.catalogue.namespace import qualified, unqualified
from reencrypt.databases.protocol import Value


class KeyTable(Enum):
    """A table of data keys; the value is the statement that reads it.

    Of `data_keys`: none, 8.3 (name only), between (id and name), and 9 and later (label).
    """

    NONE = ""
    NAME_ONLY = "data_keys_without_label"
    ID_AND_NAME = "data_keys_of_8_4"
    CURRENT = "data_keys"
    MANAGER = "managed_keys"

    @property
    def table_name(self) -> str:
        """Its name in the database."""
        return "secret_data_key" if self is KeyTable.MANAGER else "data_keys"

    def statement(self, action: str) -> str:
        """Return the name of the statement that does something with one data key."""
        return f"managed_key_{action}" if self is KeyTable.MANAGER else f"data_key_{action}"

    def parameters(self, key_id: str) -> Mapping[str, Value]:
        """Return the parameters of these statements that find the data key."""
        if self is not KeyTable.MANAGER:
            return {"id": key_id}
        namespace, uid = unqualified(key_id)
        return {"namespace": namespace, "uid": uid}

    def namespace_of(self, key_id: str) -> str:
        """Return the namespace of a data key, empty in the classic store."""
        return unqualified(key_id)[0] if self is KeyTable.MANAGER else ""

    def row_key(self, key_id: str) -> Key:
        """Return the key of its row, as the journal names it."""
        return unqualified(key_id) if self is KeyTable.MANAGER else (key_id,)

    def key_id(self, row_key: Key) -> str:
        """Return the id of the data key of a row; raises `ValueError` where that is none of this table."""
        if self is not KeyTable.MANAGER:
            return str(row_key[0])
        namespace, uid = row_key
        return qualified(str(namespace), str(uid))
