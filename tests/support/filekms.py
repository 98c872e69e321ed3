"""A key-management service from outside: key files in a folder, as a package of somebody else's would bring it.

A test packs this file and installs it; nothing of reencrypt or of its tests knows it. A version is a file
`NUMBER.key` with 32 bytes, or `NUMBER.disabled`. A wrapped data key is `NUMBER:` and AES-GCM's nonce and ciphertext.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from reencrypt.errors import ConfigurationError, ReencryptError
from reencrypt.keys.diagnostics import Check, State, failed
from reencrypt.keys.errors import KeyDisabledError, KeyMissingError, UnwrapFailedError
from reencrypt.keys.kind import ProviderContext, ProviderKind
from reencrypt.keys.provider import ENOUGH_WITNESSES, KeyProvider, Unwrapped
from reencrypt.keys.wrap_format import WrapFormat
from reencrypt.settings import ProviderSection

_NONCE_BYTES: Final = 12


@dataclass(frozen=True, slots=True)
class FileKey:
    """A folder with key files: `[security.encryption.filekms.NAME] folder`."""

    provider: str
    folder: Path

    def key_id(self, version: str = "") -> str:
        return str(self.folder / version)

    def disable_command(self, version: str) -> str:
        return f"mv {self.folder}/{version}.key {self.folder}/{version}.disabled"

    def open(self, context: ProviderContext) -> KeyProvider:
        return FileKeyProvider(self, context)


class FileKeyProvider:
    """Wraps under the newest key file, unwraps under the one that a data key names."""

    def __init__(self, key: FileKey, context: ProviderContext) -> None:
        self._key = key
        self._context = context

    @property
    def name(self) -> str:
        return self._key.provider

    @property
    def needs_wrap_format(self) -> bool:
        return False

    async def unwrap(self, wrapped: bytes) -> Unwrapped:
        version, colon, body = wrapped.partition(b":")
        if not colon or not version.isdigit():
            raise UnwrapFailedError("it names no version of a key file")
        try:
            data_key = self._cipher(version.decode()).decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], version)
        except InvalidTag:
            raise UnwrapFailedError("its tag does not match the key file") from None
        # Nobody was asked, so there is nobody who could have mixed up two answers.
        return Unwrapped(data_key, conclusive=True, version=version.decode(), witnesses=ENOUGH_WITNESSES)

    async def unwrap_again(self, wrapped: bytes, first: Unwrapped) -> bytes | None:
        del first
        return (await self.unwrap(wrapped)).data_key

    async def wrap(self, data_key: bytes, wrap_format: WrapFormat | None) -> bytes:
        del wrap_format
        version, nonce = await self.newest_version(), os.urandom(_NONCE_BYTES)
        return version.encode() + b":" + nonce + self._cipher(version).encrypt(nonce, data_key, version.encode())

    async def newest_version(self) -> str:
        versions = await self.versions()
        if not versions:
            raise KeyMissingError(f"{self._key.folder} holds no key file", hint="Make one: 32 random bytes in 1.key.")
        return versions[0]

    async def version_dates(self) -> dict[str, datetime]:
        return {}

    async def versions(self) -> list[str]:
        return sorted((path.stem for path in self._key.folder.glob("*.key")), key=int, reverse=True)

    async def diagnose(self) -> list[Check]:
        try:
            version = await self.newest_version()
            wrapped = await self.wrap(os.urandom(16), None)
            await self.unwrap(wrapped)
        except ReencryptError as error:
            return [failed("key files", error)]
        return [Check("key files", State.OK, f"the newest of {self._key.folder} is {version}")]

    async def close(self) -> None:
        """Nothing is open."""

    def _cipher(self, version: str) -> AESGCM:
        path = self._key.folder / f"{version}.key"
        if path.with_suffix(".disabled").exists():
            raise KeyDisabledError(f"{path} is disabled", hint=f"Rename {version}.disabled to {version}.key.")
        try:
            return AESGCM(path.read_bytes())
        except FileNotFoundError:
            raise KeyMissingError(f"{path} does not exist", hint="Bring it back from a backup.") from None


def read(section: ProviderSection) -> FileKey:
    folder = Path(section.get("folder").text)
    if not folder.is_dir():
        raise ConfigurationError(f"[{section.name}] folder does not name a folder")
    return FileKey(section.provider, folder)


KIND: Final = ProviderKind(
    name="filekms", keys=("folder", "passphrase"), secret_keys=frozenset({"passphrase"}), read=read
)
