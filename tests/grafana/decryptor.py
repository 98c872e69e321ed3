"""The judge: reads every secret of a Grafana database as Grafana would, and says which it could not read.

Written from the format facts; it shares nothing with `reencrypt`, so that the two can be held against each other.
"""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tests.grafana.decrypting import PayloadError, decrypt_inner, decrypt_legacy, split_envelope, split_prefix
from tests.grafana.gobase64 import Base64Error, decode_raw_std, decode_std
from tests.grafana.jsonspans import JsonError, parse
from tests.grafana.locations import CRYPTO_PREFIX, ENTERPRISE, PLACES, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

DEFAULT_SECRET_KEY: Final = "SW2YcwTIb9zpOOhoPsMm"
#: What stands as provider of a secret that is encrypted under `secret_key` without a data key.
LEGACY: Final = "legacy"
_DATA_KEY_LENGTH: Final = 16


@dataclass(frozen=True, slots=True, order=True)
class SecretAddress:
    """One secret: its table, the row's primary key, and the column with the way into its JSON."""

    table: str
    key: tuple[int | str, ...]
    path: str


@dataclass(frozen=True, slots=True)
class DecryptedSecret:
    """What Grafana would make of one secret; either `plaintext` or `error` is None."""

    plaintext: bytes | None
    error: str | None
    key_id: str | None  # None for a legacy secret
    provider: str  # normalised; `LEGACY`, or '' where it could not be found out
    algorithm: str  # '' where it could not be found out
    stored_text: bytes  # as in the column; inside JSON the string's value


@dataclass(frozen=True, slots=True)
class _Stored:
    address: SecretAddress
    place: Place
    text: bytes
    error: str = ""


@dataclass(frozen=True, slots=True)
class _DataKey:
    provider: str
    dek: bytes = b""
    error: str = ""

    def password(self) -> bytes:
        """The 16 bytes, or what was wrong with them as an error."""
        if self.error:
            raise PayloadError(self.error)
        return self.dek


def read_secrets(
    path: Path,
    *,
    secret_key: str = DEFAULT_SECRET_KEY,
    unwrappers: Mapping[str, Callable[[bytes], bytes]] | None = None,
) -> dict[SecretAddress, DecryptedSecret]:
    """Read every secret of the SQLite database at `path`; `unwrappers` are for providers other than `secretKey.v1`.

    An unwrapper takes the wrapped bytes and returns 16, or raises.
    """
    password = secret_key.encode()
    with closing(open_read_only(path)) as connection:
        keys = _data_keys(connection, password, unwrappers or {})
        stored = [item for place in (*PLACES, *ENTERPRISE) for item in _stored(connection, place)]
    with ThreadPoolExecutor() as pool:
        results = pool.map(lambda item: _decrypt(item, keys, password), stored, chunksize=64)
        return {item.address: result for item, result in zip(stored, results, strict=True)}


def decrypt_all(
    path: Path,
    ciphertexts: Sequence[bytes],
    *,
    secret_key: str = DEFAULT_SECRET_KEY,
    unwrappers: Mapping[str, Callable[[bytes], bytes]] | None = None,
) -> list[DecryptedSecret]:
    """Decrypt values that stand where Grafana itself keeps none, with the data keys of the database at `path`."""
    password = secret_key.encode()
    with closing(open_read_only(path)) as connection:
        keys = _data_keys(connection, password, unwrappers or {})
    place = Place("elsewhere", "value", "bytes")
    return [_decrypt(_Stored(SecretAddress("elsewhere", (), ""), place, each), keys, password) for each in ciphertexts]


def open_read_only(path: Path) -> sqlite3.Connection:
    """Open a database that must not change, in one read transaction.

    The transaction makes all that is read of one moment: somebody may be adding data keys meanwhile.
    """
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=30)
    connection.execute("BEGIN")
    return connection


def columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    """The columns of `table`; none if there is no such table."""
    return [row[1] for row in connection.execute(f"PRAGMA table_info(`{table}`)")]


def present_places(connection: sqlite3.Connection) -> Iterator[Place]:
    """The places whose table and column this database has."""
    for place in (*PLACES, *ENTERPRISE):
        if place.column in columns_of(connection, place.table):
            yield place


def _data_keys(
    connection: sqlite3.Connection, password: bytes, unwrappers: Mapping[str, Callable[[bytes], bytes]]
) -> dict[str, _DataKey]:
    columns = columns_of(connection, "data_keys")
    if not columns:
        return {}
    name = "id" if "id" in columns else "name"
    rows = connection.execute(f"SELECT `{name}`, provider, encrypted_data FROM data_keys")  # noqa: S608 - of two
    return {key_id: _unwrap(provider, wrapped, password, unwrappers) for key_id, provider, wrapped in rows}


def _unwrap(
    stored_provider: str, wrapped: bytes, password: bytes, unwrappers: Mapping[str, Callable[[bytes], bytes]]
) -> _DataKey:
    provider = "secretKey.v1" if stored_provider == "secretKey" else stored_provider
    try:
        if provider == "secretKey.v1":
            dek = decrypt_legacy(wrapped, password)
        elif provider in unwrappers:
            dek = unwrappers[provider](wrapped)
        else:
            return _DataKey(provider, error="unknown provider")
    except PayloadError as error:
        return _DataKey(provider, error=f"data key: {error.code}")
    except Exception as error:  # noqa: BLE001 - an unwrapper may fail as it likes, the secret is then unreadable
        return _DataKey(provider, error=f"data key: {type(error).__name__}")
    if len(dek) != _DATA_KEY_LENGTH:
        return _DataKey(provider, error="data key: not 16 bytes")
    return _DataKey(provider, dek)


def _stored(connection: sqlite3.Connection, place: Place) -> Iterator[_Stored]:
    if place.column not in columns_of(connection, place.table):
        return
    names = ", ".join(f"`{name}`" for name in place.key)
    select = f"SELECT {names}, `{place.column}` FROM `{place.table}` WHERE {place.where}"  # noqa: S608 - ours
    for *key, value in connection.execute(f"{select} ORDER BY {names}"):
        if value is None or not len(value):
            continue
        address = SecretAddress(place.table, tuple(key), place.column)
        data = value if isinstance(value, bytes) else value.encode()
        if place.find is None:
            yield _Stored(address, place, data)
        else:
            yield from _inside_json(address, place, data)


def _inside_json(address: SecretAddress, place: Place, data: bytes) -> Iterator[_Stored]:
    try:
        root = parse(data.decode())
    except (JsonError, UnicodeDecodeError):
        yield _Stored(address, place, data, error="json")
        return
    for path, node in place.find(address.path, root) if place.find else ():
        inner = replace(address, path=path)
        if node.string is None:
            yield _Stored(inner, place, data[node.start : node.end], error="json")
        else:
            yield _Stored(inner, place, node.string.encode("utf-8", "surrogatepass"))


def _decode(item: _Stored) -> bytes:
    text = item.text
    match item.place.decoding:
        case "bytes":
            return text
        case "std":
            imported = item.address.path.endswith("].alertmanager_config")
            return decode_std(text.removeprefix(CRYPTO_PREFIX.encode()) if imported else text)
        case "raw-std":
            return decode_raw_std(text)
        case "raw-std-trimmed":
            return decode_raw_std(text.rstrip(b"="))
        case "as-found":
            if text[:1] in {b"#", b"*"}:
                return text
            return decode_std(text) if text.endswith(b"=") else decode_raw_std(text)


def _decrypt(item: _Stored, keys: Mapping[str, _DataKey], password: bytes) -> DecryptedSecret:
    failed = DecryptedSecret(None, item.error, None, "", "", item.text)
    if item.error:
        return failed
    try:
        payload = _decode(item)
        key_id, inside = (None, payload) if item.place.legacy_only else split_envelope(payload)
        failed = replace(failed, key_id=key_id, provider=LEGACY if key_id is None else "")
        if key_id is not None:
            key = keys.get(key_id, _DataKey("", error="unknown key"))
            failed = replace(failed, provider=key.provider)
            password = key.password()
        inner = split_prefix(inside)
        failed = replace(failed, algorithm=inner.algorithm)
        return replace(failed, plaintext=decrypt_inner(inner, password), error=None)
    except (Base64Error, PayloadError) as error:
        return replace(failed, error=error.code)
