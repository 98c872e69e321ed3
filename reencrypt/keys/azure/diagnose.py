"""Diagnostics of a key in a vault: check each operation, with a remedy for each failure."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

from reencrypt.errors import ReencryptError, RefusedError
from reencrypt.keys.azure.client import Operation, VaultClient
from reencrypt.keys.azure.errors import BadCiphertextError
from reencrypt.keys.azure.proxy import ProxyError, proxy_for
from reencrypt.keys.azure.responses import KeyVersion, ListedVersion
from reencrypt.keys.azure.rsa_blocks import encrypt_locally
from reencrypt.keys.azure.settings import AzureKeyVaultSettings
from reencrypt.keys.azure.sign_in_errors import TokenError
from reencrypt.keys.diagnostics import Check, State, failed, not_checked
from reencrypt.keys.errors import AccessDeniedError
from reencrypt.keys.provider import DATA_KEY_BYTES
from reencrypt.keys.wrap_format import RsaAlgorithm

_T = TypeVar("_T")

_ALGORITHM: Final = RsaAlgorithm.OAEP_256
_WRAPPING: Final[tuple[Operation, ...]] = ("encrypt", "wrapkey")
_UNWRAPPING: Final[tuple[Operation, ...]] = ("decrypt", "unwrapkey")
_SOON_SECONDS: Final = 30 * 86_400
_SKEW_SECONDS: Final = 60.0
#: The checks of a key that works, and whose identity may do everything.
_EXPECTED: Final = (
    *("token", "get", "list", "key", "validity", "versions", "encrypt", "wrapKey", "decrypt", "unwrapKey"),
    *("round trip", "rotation policy"),
)


async def diagnose(vault: VaultClient, settings: AzureKeyVaultSettings, share: float) -> list[Check]:
    """Check one key with real requests that change nothing; a check that could not be made says so."""
    proxy, checks = _proxy(settings.vault_uri), await _Diagnosis(vault, settings, share).run()
    if all(each.name != proxy.name for each in checks):
        checks.insert(0, proxy)
    return [*checks, *_left_out(checks)]


def _left_out(checks: list[Check]) -> list[Check]:
    is_failed = any(each.exit_code for each in checks)
    reason = "an earlier check failed" if is_failed else "this identity may not ask for it"
    made = {each.name for each in checks}
    return [not_checked(name, reason) for name in _EXPECTED if name not in made]


class _Diagnosis:
    def __init__(self, vault: VaultClient, settings: AzureKeyVaultSettings, share: float) -> None:
        self._vault = vault
        self._settings = settings
        self._share = share
        self._data_key = os.urandom(DATA_KEY_BYTES)
        self._checks: list[Check] = []

    async def run(self) -> list[Check]:
        newest = await self._asked("get", self._vault.get_key)
        if self._checks[-1].exit_code:
            # Without a token, a key or a network all other checks would fail too.
            return self._checks
        self._look_at_clock()
        versions = await self._asked("list", self._vault.list_versions)
        if newest is not None:
            self._look_at_key(newest)
        if versions is not None:
            self._look_at_versions(versions)
        await self._use(newest)
        await self._look_at_rotation()
        return self._checks

    def _add(self, name: str, state: State, detail: str, remedy: str = "") -> None:
        code = RefusedError.exit_code if state is State.FAILED else 0
        self._checks.append(Check(name, state, detail, remedy, code))

    async def _asked(self, permission: str, ask: Callable[[], Awaitable[_T]]) -> _T | None:
        """Try a read; the first one checks the token too."""
        first = not self._checks
        try:
            answer = await ask()
        except (ProxyError, TokenError) as error:
            self._checks.append(failed(error.code, error))
            return None
        except AccessDeniedError as error:
            if first:
                self._add("token", State.OK, "the vault accepts it")
            what = {
                "get": "wrapping goes through the vault, and type, size and validity of the key stay unknown",
                "list": "data keys of older versions are found only with --key-version",
            }
            self._add(permission, State.WARNING, f"denied: {what[permission]}", error.hint)
            return None
        except ReencryptError as error:
            self._checks.append(failed(permission, error))
            return None
        if first:
            self._add("token", State.OK, "the vault accepts it")
        self._add(permission, State.OK, "permitted")
        return answer

    def _look_at_clock(self) -> None:
        ahead = self._vault.clock_ahead
        if ahead is not None:
            far = abs(ahead) > _SKEW_SECONDS
            self._add(
                "clock",
                State.WARNING if far else State.OK,
                f"the vault's clock is {abs(ahead):.0f} s {'ahead of' if ahead >= 0 else 'behind'} this machine's",
                "Synchronise this machine's clock (NTP): tokens are good for a limited time." if far else "",
            )

    def _look_at_key(self, newest: KeyVersion) -> None:
        kind = "HSM" if newest.is_in_hsm else "software"
        self._add("key", State.OK, f"RSA, {newest.bits} bits, {kind}, newest version {newest.version}")
        per_second = self._settings.capacity.per_second(self._vault.weight_of(newest))
        used = f"of which a run uses {per_second * self._share:g}"
        self._add(
            "quota",
            State.OK,
            f"a managed HSM has none and slows down; Microsoft has measured {per_second:g} requests a second, {used}"
            if self._settings.is_managed_hsm
            else f"{per_second:g} requests a second by Azure's limits, {used}",
        )
        self._add("validity", *_validity(newest))

    def _look_at_versions(self, versions: list[ListedVersion]) -> None:
        disabled = [each.version for each in versions if not each.enabled]
        detail = f"{len(versions)}, {len(disabled)} of them disabled"
        self._add(
            "versions", State.NOTE if disabled else State.OK, f"{detail}: {', '.join(disabled)}" if disabled else detail
        )

    async def _use(self, newest: KeyVersion | None) -> None:
        """Encrypt and decrypt for real. One operation of each pair is enough; the bytes are the same."""
        denied: list[AccessDeniedError] = []
        made = [await self._crypt(operation, self._data_key, denied, needed=newest is None) for operation in _WRAPPING]
        if newest is not None:
            made.append(encrypt_locally(newest.public_key, _ALGORITHM, self._data_key))
        elif len(denied) == len(_WRAPPING):
            self._checks.append(failed("wrapping", denied[0]))
        blocks = [block for block in made if block is not None]
        if not blocks:
            return
        denied = []
        opened = [await self._crypt(operation, blocks[-1], denied, needed=True) for operation in _UNWRAPPING]
        if len(denied) == len(_UNWRAPPING):
            self._checks.append(failed("unwrapping", denied[0]))
        elif any(each is not None for each in opened):
            same = all(each in (None, self._data_key) for each in opened)
            self._add(
                "round trip",
                State.OK if same else State.FAILED,
                "what was wrapped unwraps" if same else "what was wrapped unwraps to something else",
            )

    async def _crypt(
        self, operation: Operation, data: bytes, denied: list[AccessDeniedError], *, needed: bool
    ) -> bytes | None:
        name = {"wrapkey": "wrapKey", "unwrapkey": "unwrapKey"}.get(operation, operation)
        try:
            result, _ = await self._vault.crypt(operation, _ALGORITHM, data)
        except AccessDeniedError as error:
            denied.append(error)
            other = {"encrypt": "wrapKey", "wrapkey": "encrypt", "decrypt": "unwrapKey", "unwrapkey": "decrypt"}
            why = f"one of it and {other[operation]} is needed" if needed else "not needed: the public key may be read"
            self._add(name, State.NOTE, f"denied; {why}", error.hint if needed else "")
            return None
        except BadCiphertextError as error:
            self._add(name, State.FAILED, f"the vault cannot decrypt what its own public key encrypted ({error})")
            return None
        except ReencryptError as error:
            self._checks.append(failed(name, error))
            return None
        self._add(name, State.OK, "permitted, and works")
        return result

    async def _look_at_rotation(self) -> None:
        try:
            rotates = await self._vault.rotates_after()
        except AccessDeniedError as error:
            self._add("rotation policy", State.NOTE, "may not be read, so the key may rotate by itself", error.hint)
            return
        except ReencryptError as error:
            self._add("rotation policy", State.NOTE, f"cannot be read: {error.message}")
            return
        if rotates is None:
            self._add("rotation policy", State.OK, "the key rotates only when somebody rotates it")
            return
        self._add(
            "rotation policy",
            State.WARNING,
            f"the vault makes a new version by itself, {rotates}; whether Grafana finds the older one is not public",
            "Rotate by hand and let `reencrypt` follow, or make sure that it follows each rotation at once.",
        )


def _validity(newest: KeyVersion) -> tuple[State, str, str]:
    now = time.time()
    make = "Make a new version of the key, or change its activation or expiry date."
    if not newest.enabled:
        return (
            State.FAILED,
            "the newest version is disabled",
            "Enable it with `az keyvault key set-attributes --enabled true`.",
        )
    if newest.not_before is not None and newest.not_before > now:
        return State.FAILED, f"the newest version is not valid before {_day(newest.not_before)}", make
    if newest.expires is None:
        return State.OK, "enabled, does not expire", ""
    if newest.expires <= now:
        return (
            State.FAILED,
            f"the newest version expired on {_day(newest.expires)}; it unwraps, and wraps no more",
            make,
        )
    soon = newest.expires - now < _SOON_SECONDS
    return State.WARNING if soon else State.OK, f"enabled, expires on {_day(newest.expires)}", make if soon else ""


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _proxy(vault_uri: str) -> Check:
    try:
        proxy = proxy_for(vault_uri)
    except ProxyError as error:
        return failed("proxy", error)
    return Check("proxy", State.OK, str(proxy) if proxy else "none")
