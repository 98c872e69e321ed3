"""The provider `azurekv.NAME`: data keys wrapped by an RSA key in Azure Key Vault.

An RSA block names neither the version nor the padding that made it, and how Grafana Enterprise frames it is not
public. So unwrapping tries what is known to work for this provider, then everything in the order in which a success
means most; wrapping never guesses.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from reencrypt.errors import RefusedError
from reencrypt.keys.provider import (
    DATA_KEY_BYTES,
    Framing,
    RsaAlgorithm,
    UnwrapFailedError,
    Unwrapped,
    WrapFormat,
)
from reencrypt.keys.retry import RetryPolicy
from reencrypt.keys.vault import Operation, VaultClient
from reencrypt.keys.vault_errors import BadCiphertextError, KeyDisabledError, KeyMissingError, OperationDeniedError
from reencrypt.settings.model import AzureKeyVaultSettings

_BLOCK_BYTES: Final = (256, 384, 512)  # RSA 2048, 3072, 4096: what Key Vault offers
# For RSA the bytes of both operations are the same; Grafana's documentation asks for encrypt and decrypt.
_UNWRAPPING: Final[tuple[Operation, ...]] = ("decrypt", "unwrapkey")


class AzureKeyProvider:
    """Wraps and unwraps under one Key Vault key, any version of it."""

    def __init__(
        self,
        settings: AzureKeyVaultSettings,
        *,
        policy: RetryPolicy | None = None,
        waiting: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        self._settings = settings
        self._vault = VaultClient(settings, policy=policy or RetryPolicy(), waiting=waiting)
        self._known: list[tuple[str, RsaAlgorithm]] = []
        self._versions: list[str] | None = None
        self._denied: dict[Operation, OperationDeniedError] = {}
        self._disabled: dict[str, KeyDisabledError] = {}

    @property
    def name(self) -> str:
        """The provider id."""
        return self._settings.provider

    @property
    def needs_wrap_format(self) -> bool:
        """Grafana Enterprise's format is not public."""
        return True

    async def unwrap(self, wrapped: bytes) -> Unwrapped:
        """Find version, padding and framing under which the bytes give 16 bytes.

        Raises `UnwrapFailedError` where none does, `KeyDisabledError` where a disabled version may be the one.
        """
        blocks = [(framing, block) for framing in Framing if (block := framing.unframe(wrapped)) is not None]
        blocks = [(framing, block) for framing, block in blocks if len(block) in _BLOCK_BYTES]
        if not blocks:
            raise UnwrapFailedError(f"its {len(wrapped)} bytes are not an RSA block in any known framing")
        async for version, algorithm in self._candidates():
            for framing, block in blocks:
                data_key = await self._try(version, algorithm, block)
                if data_key is not None:
                    self._remember(version, algorithm)
                    return Unwrapped(
                        data_key,
                        conclusive=algorithm is not RsaAlgorithm.PKCS1,
                        wrap_format=WrapFormat(framing, algorithm),
                    )
        for error in self._disabled.values():
            raise error
        raise UnwrapFailedError(f"no version of the {self._vault.key_name} unwraps it")

    async def wrap(self, data_key: bytes, wrap_format: WrapFormat | None) -> bytes:
        """Encrypt a data key under the newest version: locally with the public key, remotely where `get` is denied."""
        if wrap_format is None:
            raise ValueError("a wrap format is needed")
        algorithm = wrap_format.algorithm
        try:
            newest = await self._vault.get_key()
        except OperationDeniedError:
            return wrap_format.framing.frame(await self._wrap_remotely(algorithm, data_key))
        if not newest.enabled:
            raise KeyDisabledError(
                f"{self._vault.key_name}, version {newest.version} is disabled", hint="enable it, or make a new version"
            )
        if newest.is_expired:
            raise RefusedError(
                f"{self._vault.key_name}, version {newest.version} has expired",
                hint="make a new version of the key, or extend its expiry",
            )
        numbers = RSAPublicNumbers(int.from_bytes(newest.exponent), int.from_bytes(newest.modulus))
        return wrap_format.framing.frame(_encrypt_locally(numbers.public_key(), algorithm, data_key))

    async def close(self) -> None:
        """Close the vault's session."""
        await self._vault.close()

    async def _candidates(self) -> AsyncIterator[tuple[str, RsaAlgorithm]]:
        """What works, then OAEP over all versions, then RSA1_5: only an OAEP success proves anything."""
        tried = set(self._known)
        for candidate in list(self._known):
            yield candidate
        for algorithms in ((RsaAlgorithm.OAEP_256, RsaAlgorithm.OAEP), (RsaAlgorithm.PKCS1,)):
            for newest_only in (True, False):
                versions = [""] if newest_only else await self._all_versions()
                for version in versions:
                    for algorithm in algorithms:
                        if (version, algorithm) not in tried:
                            tried.add((version, algorithm))
                            yield version, algorithm

    async def _all_versions(self) -> list[str]:
        if self._versions is None:
            try:
                self._versions = await self._vault.list_versions()
            except OperationDeniedError:
                self._versions = []
        return self._versions

    async def _try(self, version: str, algorithm: RsaAlgorithm, block: bytes) -> bytes | None:
        """One version with one padding; None where it is not the one."""
        if version in self._disabled:
            return None
        try:
            data_key, used = await self._first_permitted(algorithm, block, version)
        except BadCiphertextError:
            return None
        except KeyDisabledError as error:
            self._disabled[version] = error
            return None
        except KeyMissingError:
            if not version:
                raise
            return None
        if len(data_key) != DATA_KEY_BYTES:
            return None
        if not version:
            # Pin what "newest" meant, so that a rotation during the run does not send us searching.
            self._remember(used, algorithm)
        return data_key

    async def _first_permitted(self, algorithm: RsaAlgorithm, block: bytes, version: str) -> tuple[bytes, str]:
        for operation in _UNWRAPPING:
            if operation not in self._denied:
                try:
                    return await self._vault.crypt(operation, algorithm, block, version)
                except OperationDeniedError as error:
                    self._denied[operation] = error
        raise self._denied[_UNWRAPPING[0]]

    def _remember(self, version: str, algorithm: RsaAlgorithm) -> None:
        """Move what worked to the front: a thousand keys must not cost a thousand guesses."""
        if not version:
            return
        entry = (version, algorithm)
        if entry in self._known:
            self._known.remove(entry)
        self._known.insert(0, entry)

    async def _wrap_remotely(self, algorithm: RsaAlgorithm, data_key: bytes) -> bytes:
        try:
            block, _ = await self._vault.crypt("encrypt", algorithm, data_key)
        except OperationDeniedError:
            block, _ = await self._vault.crypt("wrapkey", algorithm, data_key)
        return block


def _encrypt_locally(key: RSAPublicKey, algorithm: RsaAlgorithm, data_key: bytes) -> bytes:
    if algorithm is RsaAlgorithm.PKCS1:
        return key.encrypt(data_key, padding.PKCS1v15())
    digest = hashes.SHA256() if algorithm is RsaAlgorithm.OAEP_256 else hashes.SHA1()  # noqa: S303 - OAEP's own choice
    return key.encrypt(data_key, padding.OAEP(padding.MGF1(digest), digest, None))
