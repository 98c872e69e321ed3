"""Providers that wrap under a text of Grafana's configuration: `secretKey.v1`, and each `secret_key` of the manager."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime

from reencrypt.crypto import envelope
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.ciphers import AuthenticationFailedError
from reencrypt.crypto.derive import DerivedKeyCache, derive_key
from reencrypt.crypto.envelope import Encryptor, Envelope, MalformedEnvelopeError
from reencrypt.crypto.salt import new_salt
from reencrypt.keys.diagnostics import Check
from reencrypt.keys.errors import MalformedWrappingError, UnwrapFailedError
from reencrypt.keys.provider import DATA_KEY_BYTES, ENOUGH_WITNESSES, SECRET_KEY_PROVIDER, Unwrapped
from reencrypt.keys.wrap_format import WrapFormat
from reencrypt.secret import Secret


class SecretKeyProvider:
    """Wraps under a `secret_key`, that of the classic store where nothing else is said.

    `setting` names where it stands, `parse` takes a wrapped data key apart. Sources:
    `pkg/services/kmsproviders/defaultprovider/grafana_provider.go` and, for the secrets manager,
    `pkg/registry/apis/secret/encryption/kmsproviders/secretkeyprovider`.
    """

    def __init__(
        self,
        secret_key: Secret,
        algorithm: Algorithm,
        cache: DerivedKeyCache,
        *,
        name: str = SECRET_KEY_PROVIDER,
        setting: str = "secret_key",
        parse: Callable[[bytes], Envelope] = envelope.parse,
    ) -> None:
        # Python escapes the bytes of a variable that is not UTF-8; Grafana uses them as they are.
        self._password = secret_key.reveal().encode(errors="surrogateescape")
        self._algorithm = algorithm
        self._cache = cache
        self._name = name
        self._setting = setting
        self._parse = parse

    @property
    def name(self) -> str:
        """The provider id: in the classic store `secretKey.v1`, the only one that open-source Grafana registers."""
        return self._name

    @property
    def needs_wrap_format(self) -> bool:
        """The format is public."""
        return False

    @property
    def password(self) -> bytes:
        """The bytes that encrypt legacy values."""
        return self._password

    async def unwrap(self, wrapped: bytes) -> Unwrapped:
        """Decrypt the wrapped data key; under a wrong `secret_key` a CFB wrapping yields 16 wrong bytes.

        Raises `UnwrapFailedError` where a GCM tag does not match, `MalformedWrappingError` where the bytes are no
        wrapped data key.
        """
        try:
            parsed = self._parse(wrapped)
        except MalformedEnvelopeError as error:
            raise MalformedWrappingError(str(error)) from None
        if parsed.key_id is not None or parsed.plaintext_bytes != DATA_KEY_BYTES:
            raise MalformedWrappingError(f"it does not hold {DATA_KEY_BYTES} bytes under {self._name}")
        try:
            # A derivation takes about a millisecond: too long for the event loop.
            data_key = await asyncio.to_thread(envelope.decrypt, parsed, self._password, self._cache)
        except AuthenticationFailedError:
            raise UnwrapFailedError(f"its GCM tag does not match {self._setting}") from None
        return Unwrapped(data_key, conclusive=parsed.algorithm is Algorithm.AES_GCM, witnesses=ENOUGH_WITNESSES)

    async def unwrap_again(self, wrapped: bytes, first: Unwrapped) -> bytes | None:
        """Decrypt once more; without a service the answer is the same."""
        del first
        return (await self.unwrap(wrapped)).data_key

    async def wrap(self, data_key: bytes, wrap_format: WrapFormat | None = None) -> bytes:
        """Encrypt a data key as a legacy value; the secrets manager's cipher layer writes the same, always AES-GCM."""
        del wrap_format
        encryptor = Encryptor.create(
            key_id=None, password=self._password, algorithm=self._algorithm, salt=new_salt(), cache=self._cache
        )
        return encryptor.encrypt(data_key)

    async def newest_version(self) -> str:
        """A `secret_key` has no versions."""
        return ""

    async def versions(self) -> list[str]:
        """A `secret_key` has no versions."""
        return []

    async def version_dates(self) -> dict[str, datetime]:
        """A `secret_key` has no versions, and nobody knows its age."""
        return {}

    async def diagnose(self) -> list[Check]:
        """Nothing can be checked without secrets under it."""
        return []

    async def close(self) -> None:
        """Nothing is open."""


def fingerprint_of(secret_key: Secret, salt: bytes) -> str:
    """Fingerprint of a `secret_key`: a key derived with the salt, hashed. As hard to guess from as a ciphertext."""
    derived = derive_key(secret_key.reveal().encode(errors="surrogateescape"), salt)
    return hashlib.sha256(derived).hexdigest()
