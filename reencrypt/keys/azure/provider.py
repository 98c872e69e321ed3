"""The provider `azurekv.NAME`: data keys wrapped by an RSA key in Azure Key Vault.

An RSA block names neither its version nor its padding, and Grafana Enterprise's framing of it is not public. So unwrap
tries what has worked for this provider, then everything else, beginning with what proves most; wrap never guesses.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from reencrypt.errors import ReencryptError, RefusedError
from reencrypt.keys.azure.client import Operation, VaultClient
from reencrypt.keys.azure.connection import VaultConnection
from reencrypt.keys.azure.diagnose import diagnose
from reencrypt.keys.azure.errors import (
    OUTSIDE_VALIDITY,
    BadCiphertextError,
    KeyOperationForbiddenError,
    VersionDisabledError,
)
from reencrypt.keys.azure.limiter import Limiter
from reencrypt.keys.azure.quota import Window
from reencrypt.keys.azure.responses import KeyVersion, ListedVersion
from reencrypt.keys.azure.retry import RetryPolicy
from reencrypt.keys.azure.rsa_blocks import encrypt_locally, read_as_data_key, unframe
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.keys.diagnostics import Check
from reencrypt.keys.errors import (
    AccessDeniedError,
    KeyDisabledError,
    KeyMissingError,
    MalformedWrappingError,
    OddLengthError,
    UnwrapFailedError,
)
from reencrypt.keys.kind import ProviderContext
from reencrypt.keys.provider import DATA_KEY_BYTES, Unwrapped
from reencrypt.keys.wrap_format import Framing, RsaAlgorithm, WrapFormat

_SECOND_LOOK_SECONDS: Final = 1.0
_NEWEST_SECONDS: Final = 30.0
# For RSA the bytes of both operations are the same; Grafana's documentation asks for encrypt and decrypt.
_UNWRAPPING: Final[tuple[Operation, ...]] = ("decrypt", "unwrapkey")


class AzureKeyProvider:
    """Wraps and unwraps under one Key Vault key, any version of it."""

    def __init__(
        self,
        settings: AzureKeyVaultSettings,
        context: ProviderContext | None = None,
        *,
        connection: VaultConnection | None = None,
        limiter: Limiter | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        context = context or ProviderContext()
        self._settings = settings
        self._options = context.options
        own = VaultConnection(settings)
        self._own_connection = own if connection is None else None
        #: The key itself.
        self.vault = VaultClient(
            settings,
            connection or own,
            policy=retry or RetryPolicy(deadline_seconds=context.options.deadline_seconds),
            limiter=limiter or Limiter(Window(context.options.share, settings.capacity)),
            context=context,
        )
        self._warn = context.warn
        self._expired: set[str] = set()
        self._searched_again = False
        self._newest_at = float("-inf")
        self._known: list[tuple[str, RsaAlgorithm]] = []
        self._versions: list[ListedVersion] | None = None
        self._may_list = True
        self._denied: dict[Operation, AccessDeniedError] = {}
        self._left_out: dict[tuple[str, Operation], KeyOperationForbiddenError] = {}
        self._unusable: dict[str, ReencryptError] = {}

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

        Raises `UnwrapFailedError` where none does, `OddLengthError` where RSA-OAEP gives other bytes,
        `KeyDisabledError` where a disabled version may be the one.
        """
        framed = unframe(wrapped)
        if framed is None:
            raise MalformedWrappingError(f"its {len(wrapped)} bytes are not an RSA block in any known framing")
        found = None
        said: list[str] = []
        # One answer of an odd length is looked at once more, as any failure is.
        with suppress(OddLengthError):
            found = await self._search(*framed, wrapped, said)
        found = found or await self._search_again(*framed, wrapped, said)
        if found is not None:
            return found
        for error in self._unusable.values():
            raise error
        if not self._may_list:
            raise UnwrapFailedError(
                f"the newest version of {self.vault.key_name} does not unwrap it, and finding older ones needs the "
                "permission list, or --key-version"
            )
        # The first words are about the likeliest version and padding.
        words = f"; {said[0]}" if said else ""
        raise UnwrapFailedError(f"no version of {self.vault.key_name} unwraps it{words}")

    async def _search(self, framing: Framing, block: bytes, wrapped: bytes, said: list[str]) -> Unwrapped | None:
        """Try every candidate; `said` gets what the vault says of each that does not decrypt."""
        async for version, algorithm in self._candidates():
            found = await self._try(version, algorithm, block, said)
            if found is not None:
                data_key, used, operation = found
                self._remember(version, algorithm)
                self._warn_of_expiry(used)
                # A format is learned only if it gives exactly these bytes: base64 may differ in its padding.
                exact = framing.frame(block) == wrapped
                return Unwrapped(
                    data_key,
                    conclusive=algorithm is not RsaAlgorithm.PKCS1,
                    wrap_format=WrapFormat(framing, algorithm) if exact else None,
                    version=used,
                    algorithm=algorithm,
                    operation=operation,
                )
        return None

    async def _search_again(self, framing: Framing, block: bytes, wrapped: bytes, said: list[str]) -> Unwrapped | None:
        """Try everything once more, without what was learned.

        The verdict on a data key lasts for the whole run, and it may come from one wrong answer, or precede a new
        permission or a new version.
        """
        if not self._searched_again:
            self._searched_again = True
            await asyncio.sleep(_SECOND_LOOK_SECONDS)
        self._versions, self._may_list = None, True
        self._denied.clear()
        self._left_out.clear()
        self._unusable.clear()
        return await self._search(framing, block, wrapped, said)

    async def unwrap_again(self, wrapped: bytes, first: Unwrapped) -> bytes | None:
        """Ask the same version once more: over another connection, and by the other operation where both are permitted.

        Returns None where the vault now says that it cannot decrypt the bytes.
        """
        framed = unframe(wrapped)
        if framed is None:
            return None
        refusal: AccessDeniedError | None = None
        for operation in sorted(_UNWRAPPING, key=lambda each: each == first.operation):
            refused = self._denied.get(operation) or self._left_out.get((first.version, operation))
            if refused is None:
                try:
                    answer, _ = await self.vault.crypt(
                        operation, first.algorithm, framed[1], first.version, independent=True
                    )
                except BadCiphertextError:
                    return None
                except KeyOperationForbiddenError as error:
                    refused = self._left_out[first.version, operation] = error
                except AccessDeniedError as error:
                    refused = self._denied[operation] = error
                else:
                    return answer
            refusal = refused
        raise refusal or RefusedError("no operation is left to ask the vault by")

    async def wrap(self, data_key: bytes, wrap_format: WrapFormat | None) -> bytes:
        """Encrypt a data key under the newest version: locally with the public key, remotely where `get` is denied."""
        if wrap_format is None:
            raise ValueError("a wrap format is needed")
        algorithm = wrap_format.algorithm
        try:
            newest = await self._newest()
        except AccessDeniedError:
            block, _ = await self._wrap_remotely(algorithm, data_key)
            return wrap_format.framing.frame(block)
        if not newest.enabled:
            raise self.vault.disabled(newest.version)
        if not newest.is_valid:
            raise RefusedError(
                f"{self.vault.key_name}, version {newest.version} has expired or is not yet valid",
                hint=OUTSIDE_VALIDITY,
            )
        return wrap_format.framing.frame(encrypt_locally(newest.public_key, algorithm, data_key))

    async def newest_version(self) -> str:
        """The version that `wrap` uses; where `get` is denied, that of a test wrapping."""
        try:
            return (await self._newest()).version
        except AccessDeniedError:
            _, version = await self._wrap_remotely(RsaAlgorithm.OAEP_256, secrets.token_bytes(DATA_KEY_BYTES))
            return version

    async def versions(self) -> list[str]:
        """The enabled versions, newest first; empty where `list` is denied."""
        try:
            return [each.version for each in await self.vault.list_versions() if each.enabled]
        except AccessDeniedError:
            return []

    async def version_dates(self) -> dict[str, datetime]:
        """All versions, or the newest alone where `list` is denied."""
        try:
            found = {each.version: each.created for each in await self.vault.list_versions()}
        except AccessDeniedError:
            try:
                newest = await self.vault.get_key()
            except AccessDeniedError:
                return {}
            found = {newest.version: newest.created}
        return {version: datetime.fromtimestamp(at, UTC).replace(tzinfo=None) for version, at in found.items()}

    async def diagnose(self) -> list[Check]:
        """Check the proxy, the token, each permission, the key and its versions."""
        return await diagnose(self.vault, self._settings, self._options.share)

    async def _newest(self) -> KeyVersion:
        """Return the newest version, cached for a moment: a thousand keys must not cost a thousand reads."""
        now = asyncio.get_running_loop().time()
        if self.vault.newest is None or now - self._newest_at > _NEWEST_SECONDS:
            self._newest_at = now
            return await self.vault.get_key()
        return self.vault.newest

    async def close(self) -> None:
        """Close the connection, unless it is shared."""
        if self._own_connection is not None:
            await self._own_connection.close()

    async def _candidates(self) -> AsyncIterator[tuple[str, RsaAlgorithm]]:
        """Yield what has worked, then OAEP over all versions, then RSA1_5: only an OAEP success proves anything."""
        tried = set(self._known)
        # RSA1_5 last here too: it may answer a block of OAEP with bytes that mean nothing.
        for candidate in sorted(self._known, key=lambda known: known[1] is RsaAlgorithm.PKCS1):
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
        """Return the versions that the vault lists, newest first, then those that the operator has named."""
        if self._versions is None:
            try:
                self._versions = await self.vault.list_versions()
            except AccessDeniedError:
                self._versions, self._may_list = [], False
        listed = [each.version for each in self._versions]
        return [*listed, *(version for version in self._options.key_versions if version not in listed)]

    def _warn_of_expiry(self, version: str) -> None:
        """Old data stays readable under an expired version, on purpose; but nothing new can be written under it."""
        attributes: dict[str, int | None] = {each.version: each.expires for each in self._versions or ()}
        if self.vault.newest is not None:
            attributes[self.vault.newest.version] = self.vault.newest.expires
        expires = attributes.get(version)
        if expires is not None and expires <= time.time() and version not in self._expired:
            self._expired.add(version)
            self._warn(
                "key version has expired",
                f"{self.vault.key_name}, version {version} has expired; it still unwraps what it wrapped",
            )

    async def _try(
        self, version: str, algorithm: RsaAlgorithm, block: bytes, said: list[str]
    ) -> tuple[bytes, str, Operation] | None:
        """Try one version with one padding: returns data key, version and operation, None where it fails."""
        data_key, used, operation = b"", "", _UNWRAPPING[0]
        if version not in self._unusable:
            try:
                data_key, used, operation = await self._first_permitted(algorithm, block, version)
            except BadCiphertextError as error:
                said.append(str(error))
            except VersionDisabledError as error:
                self._unusable[version] = error if version else await self._naming_newest(error)
            except KeyOperationForbiddenError as error:
                self._unusable[version] = error
            except KeyMissingError:
                # A version that the vault has named cannot vanish; one that the operator named may never have existed.
                if version not in self._options.key_versions:
                    raise
        if len(data_key) != DATA_KEY_BYTES:
            if used and algorithm is not RsaAlgorithm.PKCS1:
                # The padding says that version and algorithm are right, so no other one can be.
                self._remember(used, algorithm)
                raise self._odd(data_key, used, algorithm, operation)
            return None
        if not version:
            # Pin the newest version, so that a rotation during the run starts no search.
            self._remember(used, algorithm)
        return data_key, used or version, operation

    def _odd(self, unwrapped: bytes, version: str, algorithm: RsaAlgorithm, operation: Operation) -> OddLengthError:
        """Return the error for a conclusive unwrap that gave no data key, with the reading that secrets may prove."""
        read = read_as_data_key(unwrapped)
        what = f"{self.vault.key_name}, version {version}, unwraps it with {algorithm} to {len(unwrapped)} bytes"
        if read is None:
            return OddLengthError(f"{what} instead of {DATA_KEY_BYTES}", None)
        data_key, reading = read
        return OddLengthError(
            f"{what} instead of {DATA_KEY_BYTES} ({reading}), which counts as the data key only where secrets prove it",
            # Not conclusive: the padding vouches for the bytes, and not for how they are read.
            Unwrapped(
                data_key,
                conclusive=False,
                version=version,
                algorithm=algorithm,
                operation=operation,
                reading=reading,
            ),
        )

    async def _first_permitted(
        self, algorithm: RsaAlgorithm, block: bytes, version: str
    ) -> tuple[bytes, str, Operation]:
        for operation in _UNWRAPPING:
            if operation not in self._denied and (version, operation) not in self._left_out:
                try:
                    return *await self.vault.crypt(operation, algorithm, block, version), operation
                except KeyOperationForbiddenError as error:
                    self._left_out[version, operation] = error
                except AccessDeniedError as error:
                    self._denied[operation] = error
        for operation in _UNWRAPPING:
            if (version, operation) in self._left_out:
                # This version alone: another one may allow it.
                raise self._left_out[version, operation]
        # Not cached: a new permission takes time to apply.
        denied = self._denied[_UNWRAPPING[0]]
        self._denied.clear()
        raise denied

    async def _naming_newest(self, error: VersionDisabledError) -> KeyDisabledError:
        """Find the id of the newest version, because an operator has to enable exactly that one."""
        try:
            newest = await self.vault.get_key()
        except (AccessDeniedError, KeyDisabledError):
            return error
        return self.vault.disabled(newest.version, error.words)

    def _remember(self, version: str, algorithm: RsaAlgorithm) -> None:
        """Move the success to the front: a thousand keys must not cost a thousand guesses."""
        if not version:
            return
        entry = (version, algorithm)
        if entry in self._known:
            self._known.remove(entry)
        self._known.insert(0, entry)

    async def _wrap_remotely(self, algorithm: RsaAlgorithm, data_key: bytes) -> tuple[bytes, str]:
        """Return the block, and the version that made it."""
        try:
            return await self.vault.crypt("encrypt", algorithm, data_key)
        except AccessDeniedError as denied:
            try:
                return await self.vault.crypt("wrapkey", algorithm, data_key)
            except AccessDeniedError:
                # Grafana's documentation asks for encrypt, so that is the permission to name.
                raise denied from None
