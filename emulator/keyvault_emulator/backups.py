"""Backups of keys: all versions of one, in a blob that a client cannot read, or not without trying.

The service encrypts its blobs. Here a private key lies in one as openly as in the emulator's folder.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from keyvault_emulator.keystore import Key
from keyvault_emulator.keyversion import KeyVersion
from keyvault_emulator.routes import is_key_name, is_version
from keyvault_emulator.wire import RefusalError, encode_base64url

if TYPE_CHECKING:
    from typing import Any

_FORM: Final = "keyvault-emulator.key-backup.1"


def seal(key: Key) -> str:
    """Return the blob of a key."""
    versions = [{"version": each.version, "pem": each.pem().decode(), **each.describe()} for each in key.versions]
    return encode_base64url(json.dumps({"form": _FORM, "name": key.name, "versions": versions}).encode())


def open_backup(blob: bytes) -> Key:
    """Return the key in a blob.

    Raises:
        RefusalError: 400, as recorded, whatever is wrong with it.
    """
    try:
        content: Any = json.loads(blob)
        if content["form"] != _FORM or not is_key_name(content["name"]):
            raise ValueError("not a backup")  # noqa: TRY301 - the same report
        versions = tuple(
            KeyVersion.of(content["name"], each["version"], each["pem"].encode(), each) for each in content["versions"]
        )
        if not versions or not all(is_version(each.version) for each in versions):
            raise ValueError("no versions")  # noqa: TRY301 - the same report
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RefusalError(400, "Malformed backup blob", "Backup blob contains invalid or corrupt version.") from error
    return Key(content["name"], tuple(sorted(versions, key=lambda each: each.order)))
