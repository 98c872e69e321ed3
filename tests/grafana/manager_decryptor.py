"""The judge of the secrets manager's store: reads every value as Grafana would, and says which it could not read.

Written from the format facts; it shares nothing with `reencrypt`, so that the two can be held against each other.
"""

from __future__ import annotations

import base64
import binascii
import json
from contextlib import closing
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.grafana.decrypting import PayloadError, split_envelope
from tests.grafana.decryptor import DecryptedSecret, SecretAddress, columns_of, open_read_only
from tests.grafana.encrypting import NONCE_LENGTH, SALT_LENGTH, derive_key
from tests.grafana.manager_schema import VALUES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_SNAPSHOTS: Final = "`group` = 'dashboard.grafana.app' AND `resource` = 'snapshots'"


def decrypt(payload: bytes, password: bytes) -> bytes:
    """Decrypt as the manager's cipher layer does: a prefix whose name nobody looks at, then GCM."""
    end = payload.find(b"*", 1)
    if end < 0:
        # Grafana's reader ends in a panic here.
        raise PayloadError("no prefix")
    body = payload[end + 1 :]
    if len(body) < SALT_LENGTH + NONCE_LENGTH:
        raise PayloadError("too short")
    salt, nonce, sealed = (
        body[:SALT_LENGTH],
        body[SALT_LENGTH : SALT_LENGTH + NONCE_LENGTH],
        body[SALT_LENGTH + NONCE_LENGTH :],
    )
    try:
        return AESGCM(derive_key(password, salt)).decrypt(nonce, sealed, None)
    except InvalidTag:
        raise PayloadError("tag") from None


def read_manager(
    path: Path, *, sections: Mapping[str, str], unwrappers: Mapping[str, Callable[[bytes], bytes]] | None = None
) -> dict[SecretAddress, DecryptedSecret]:
    """Read every secret of the store in the SQLite database at `path`; `sections` are the configured secrets.

    Values of the table and dashboard snapshots in documents; a value's key is namespace, name and version. Data keys of
    other providers are taken apart by `unwrappers`.
    """
    with closing(open_read_only(path)) as connection:
        keys = dict(_keys(connection, sections, unwrappers or {}))
        return dict([*_values(connection, keys), *_snapshots(connection, keys)])


_Key = tuple[str, bytes | str]  # the provider, and the data key or why there is none
_Keys = dict[tuple[str, str], _Key]


def _keys(
    connection: sqlite3.Connection, sections: Mapping[str, str], unwrappers: Mapping[str, Callable[[bytes], bytes]]
) -> Iterator[tuple[tuple[str, str], _Key]]:
    if not columns_of(connection, "secret_data_key"):
        return
    for namespace, uid, provider, wrapped in connection.execute(
        "SELECT namespace, uid, provider, encrypted_data FROM secret_data_key"
    ):
        key: bytes | str = "unknown provider"
        if provider in sections:
            try:
                key = decrypt(wrapped, sections[provider].encode())
            except PayloadError as error:
                key = f"data key: {error.code}"
        elif provider in unwrappers:
            key = unwrappers[provider](wrapped)
        yield (namespace, uid), (provider, key)


def _values(connection: sqlite3.Connection, keys: _Keys) -> Iterator[tuple[SecretAddress, DecryptedSecret]]:
    columns = columns_of(connection, VALUES)
    if "name" not in columns:
        return  # no table, or the experimental one that no release reads
    uid = "data_key_id" if "data_key_id" in columns else "''"
    select = f"SELECT namespace, name, version, {uid}, encrypted_data FROM {VALUES}"  # noqa: S608 - of two
    for namespace, name, version, key_id, data in connection.execute(select):
        address = SecretAddress(VALUES, (namespace, name, version), "encrypted_data")
        yield address, _value(namespace, key_id, data, keys)


def _value(namespace: str, key_id: str, data: bytes, keys: _Keys) -> DecryptedSecret:
    if key_id:
        return _decrypted(namespace, key_id, data, data, keys)
    try:
        found, payload = split_envelope(data)
    except PayloadError as error:
        return DecryptedSecret(None, error.code, None, "", "", data)
    if found is None:
        return DecryptedSecret(None, "no data key", None, "", "", data)
    return _decrypted(namespace, found, payload, data, keys)


def _decrypted(namespace: str, key_id: str, payload: bytes, stored: bytes, keys: _Keys) -> DecryptedSecret:
    provider, key = keys.get((namespace, key_id), ("", "unknown key"))
    if isinstance(key, str):
        return DecryptedSecret(None, key, key_id, provider, "aes-gcm", stored)
    try:
        return DecryptedSecret(decrypt(payload, key), None, key_id, provider, "aes-gcm", stored)
    except PayloadError as error:
        return DecryptedSecret(None, error.code, key_id, provider, "aes-gcm", stored)


def _snapshots(connection: sqlite3.Connection, keys: _Keys) -> Iterator[tuple[SecretAddress, DecryptedSecret]]:
    for table in ("resource", "resource_history"):
        if not columns_of(connection, table):
            continue
        select = f"SELECT guid, namespace, value FROM {table} WHERE {_SNAPSHOTS}"  # noqa: S608 - of two
        for guid, namespace, value in connection.execute(select):
            encrypted = json.loads(value).get("spec", {}).get("dashboardEncrypted")
            if not isinstance(encrypted, dict):
                continue  # the first releases' string is the classic store's
            address = SecretAddress(table, (guid,), "value.spec.dashboardEncrypted")
            text = encrypted["encryptedData"].encode()
            try:
                payload = base64.b64decode(text, validate=True)
            except binascii.Error:
                yield address, DecryptedSecret(None, "base64", encrypted["dataKeyId"], "", "", text)
                continue
            yield address, _decrypted(namespace, encrypted["dataKeyId"], payload, text, keys)
