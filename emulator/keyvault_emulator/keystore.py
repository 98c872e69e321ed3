"""All keys of a vault with their versions, in memory and in `DIR/keys`; the rules of the service are not here."""

from __future__ import annotations

import json
import shutil
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import rsa

from keyvault_emulator.errors import EmulatorError
from keyvault_emulator.keyversion import Attributes, KeyVersion, load_version
from keyvault_emulator.state import write_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Key:
    """A key: its versions, oldest first."""

    name: str
    versions: tuple[KeyVersion, ...]
    #: Unix seconds of the soft delete, None for a key in use.
    deleted: int | None = None

    @property
    def current(self) -> KeyVersion:
        """The version of a request that names none: the newest, with any attributes."""
        return self.versions[-1]

    def find(self, version: str) -> KeyVersion | None:
        """Return the version with that id, the current one for an empty id."""
        if not version:
            return self.current
        return next((known for known in self.versions if known.version == version), None)


class KeyStore:
    """The keys below a folder.

    Everything but the making of RSA keys runs on the event loop without a pause in between, so no lock is needed:
    every method sees and leaves whole keys.
    """

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        """Load what is in `folder`.

        Raises:
            EmulatorError: a file is damaged.
        """
        self._folder = folder
        self._clock = clock
        folder.mkdir(parents=True, exist_ok=True)
        #: By lower-cased name: the service takes names in any case.
        self._keys = {path.name.lower(): key for path in sorted(folder.iterdir()) if (key := _load(path))}

    def find(self, name: str) -> Key | None:
        """Return the key of that name, deleted or not."""
        return self._keys.get(name.lower())

    def all_keys(self) -> tuple[Key, ...]:
        """Return all keys, deleted ones included, by name."""
        return tuple(self._keys[name] for name in sorted(self._keys))

    def add(self, name: str, private: rsa.RSAPrivateKey, kty: str, attributes: Attributes) -> KeyVersion:
        """Store `private` as the new current version of the key `name`, which may be new itself."""
        known = self.find(name)
        now = int(self._clock())
        version = KeyVersion(
            name=known.name if known else name,
            version=uuid.uuid4().hex,
            kty=kty,
            private=private,
            attributes=attributes,
            created=now,
            updated=now,
            order=known.current.order + 1 if known else 0,
        )
        folder = self._folder / version.name
        folder.mkdir(exist_ok=True)
        version.save(folder)
        self._keys[name.lower()] = Key(version.name, (*(known.versions if known else ()), version))
        return version

    def update(self, version: KeyVersion, attributes: Attributes) -> KeyVersion:
        """Store `attributes` as those of `version`, and return the version with them."""
        changed = replace(version, attributes=attributes, updated=int(self._clock()))
        changed.save(self._folder / version.name)
        key = self._keys[version.name.lower()]
        versions = tuple(changed if known.version == changed.version else known for known in key.versions)
        self._keys[version.name.lower()] = replace(key, versions=versions)
        return changed

    def restore(self, key: Key) -> None:
        """Store a key whose name is free, with its versions as they are."""
        folder = self._folder / key.name
        folder.mkdir(exist_ok=True)
        for version in key.versions:
            version.save(folder)
        self._keys[key.name.lower()] = key

    def recover(self, key: Key) -> Key:
        """Take the mark of a deletion away."""
        (self._folder / key.name / "deleted").unlink(missing_ok=True)
        recovered = replace(key, deleted=None)
        self._keys[key.name.lower()] = recovered
        return recovered

    def purge(self, key: Key) -> None:
        """Forget a key and its files."""
        # Half a folder would be a damaged one at the next start.
        grave = self._folder / f".purged-{uuid.uuid4().hex}"
        (self._folder / key.name).rename(grave)
        shutil.rmtree(grave)
        del self._keys[key.name.lower()]

    def delete(self, key: Key) -> Key:
        """Mark `key` as deleted; its files stay."""
        deleted = int(self._clock())
        write_file(self._folder / key.name / "deleted", json.dumps(deleted).encode())
        marked = replace(key, deleted=deleted)
        self._keys[key.name.lower()] = marked
        return marked


def generate(bits: int) -> rsa.RSAPrivateKey:
    """Make an RSA key: 50 ms to seconds of CPU, so not for the event loop."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def _load(folder: Path) -> Key | None:
    if not folder.is_dir() or folder.name.startswith("."):
        return None
    versions = sorted((load_version(path) for path in folder.glob("*.json")), key=lambda known: known.order)
    if not versions:
        # An emulator was killed between the two files of a first version: the key never existed.
        return None
    mark = folder / "deleted"
    try:
        deleted = int(mark.read_bytes()) if mark.exists() else None
    except (OSError, ValueError) as error:
        raise EmulatorError(f"{mark} is damaged.", hint="Delete it to have the key back.") from error
    return Key(folder.name, tuple(versions), deleted)
