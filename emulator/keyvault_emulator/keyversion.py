"""One version of a key: its RSA key, its attributes, and its two files on disk."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from keyvault_emulator.errors import EmulatorError
from keyvault_emulator.state import write_file
from keyvault_emulator.wire import encode_base64url

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: The operations that an RSA key can allow, and allows by default.
KEY_OPERATIONS: Final = ("encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey")
RECOVERABLE_DAYS: Final = 90


@dataclass(frozen=True, slots=True)
class Attributes:
    """The changeable attributes of a version. Times are Unix seconds."""

    enabled: bool = True
    #: Not valid before.
    nbf: int | None = None
    #: Expires at.
    exp: int | None = None
    key_ops: tuple[str, ...] = KEY_OPERATIONS
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """A version of a key: immutable, so that an operation under way sees one state of it."""

    name: str
    #: 32 lower-case hex digits.
    version: str
    #: `RSA` or `RSA-HSM`; both are kept in software here.
    kty: str
    private: rsa.RSAPrivateKey
    attributes: Attributes
    #: Unix seconds.
    created: int
    updated: int
    #: Place among the versions of its key: `created` has seconds only, and which one is current must not be a guess.
    order: int

    def kid(self, base: str) -> str:
        """Return the key id, with its version, in the vault at `base`."""
        return f"{base}/keys/{self.name}/{self.version}"

    def attributes_json(self) -> dict[str, Any]:
        """Return the `attributes` object of the wire."""
        content: dict[str, Any] = {"enabled": self.attributes.enabled}
        if self.attributes.nbf is not None:
            content["nbf"] = self.attributes.nbf
        if self.attributes.exp is not None:
            content["exp"] = self.attributes.exp
        return content | {
            "created": self.created,
            "updated": self.updated,
            "recoveryLevel": "Recoverable+Purgeable",
            "recoverableDays": RECOVERABLE_DAYS,
        }

    def bundle(self, base: str) -> dict[str, Any]:
        """Return the key bundle: the public key, the attributes, and the tags where there are any."""
        numbers = self.private.public_key().public_numbers()
        bundle: dict[str, Any] = {
            "key": {
                "kid": self.kid(base),
                "kty": self.kty,
                "key_ops": list(self.attributes.key_ops),
                "n": _encode_number(numbers.n),
                "e": _encode_number(numbers.e),
            },
            "attributes": self.attributes_json(),
        }
        if self.attributes.tags:
            bundle["tags"] = dict(self.attributes.tags)
        return bundle

    def item(self, kid: str) -> dict[str, Any]:
        """Return the entry of a list, which names `kid` and holds no key material."""
        item: dict[str, Any] = {"kid": kid, "attributes": self.attributes_json()}
        if self.attributes.tags:
            item["tags"] = dict(self.attributes.tags)
        return item

    def pem(self) -> bytes:
        """Return the private key as PEM."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def describe(self) -> dict[str, Any]:
        """Return everything but the private key, as JSON."""
        return {
            "kty": self.kty,
            "order": self.order,
            "created": self.created,
            "updated": self.updated,
            "enabled": self.attributes.enabled,
            "nbf": self.attributes.nbf,
            "exp": self.attributes.exp,
            "key_ops": self.attributes.key_ops,
            "tags": dict(self.attributes.tags),
        }

    def save(self, folder: Path) -> None:
        """Write VERSION.pem where it is missing, and VERSION.json."""
        pem = folder / f"{self.version}.pem"
        # The PEM file comes first: a version exists from the moment its JSON file does.
        if not pem.exists():
            write_file(pem, self.pem())
        write_file(folder / f"{self.version}.json", json.dumps(self.describe(), indent=2).encode())

    @staticmethod
    def of(name: str, version: str, pem: bytes, content: Mapping[str, Any]) -> KeyVersion:
        """Return the version that `pem` and `describe` of it make.

        Raises:
            ValueError, KeyError, TypeError: they are not those of a version.
        """
        # The skipped check detects malicious keys, and takes 40 ms for one of the emulator's.
        private = serialization.load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(private, rsa.RSAPrivateKey):
            raise TypeError("not an RSA key")
        return KeyVersion(
            name=name,
            version=version,
            kty=str(content["kty"]),
            private=private,
            attributes=Attributes(
                enabled=bool(content["enabled"]),
                nbf=_time(content["nbf"]),
                exp=_time(content["exp"]),
                key_ops=tuple(map(str, content["key_ops"])),
                tags={str(tag): str(value) for tag, value in content["tags"].items()},
            ),
            created=int(content["created"]),
            updated=int(content["updated"]),
            order=int(content["order"]),
        )


def load_version(path: Path) -> KeyVersion:
    """Return the version whose JSON file is `path`.

    Raises:
        EmulatorError: the file, or the PEM file beside it, is missing or not the emulator's.
    """
    try:
        content = json.loads(path.read_bytes())
        return KeyVersion.of(path.parent.name, path.stem, path.with_suffix(".pem").read_bytes(), content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EmulatorError(
            f"{path} and its PEM file are not a key version of the emulator.",
            hint="Restore both files, or name another folder with --state.",
        ) from error


def _time(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int):
        raise TypeError("not a time")
    return value


def _encode_number(number: int) -> str:
    return encode_base64url(number.to_bytes((number.bit_length() + 7) // 8))
