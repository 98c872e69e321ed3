"""`/_control/`: the endpoint for other processes to change the emulator and read its request log."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from keyvault_emulator.faults import Fault
from keyvault_emulator.permissions import Permissions
from keyvault_emulator.quota import BUDGET
from keyvault_emulator.rsa import BAD_PADDINGS
from keyvault_emulator.wire import NOT_FOUND, Answer, RefusalError, bad_parameter, parse_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from keyvault_emulator.faults import Faults
    from keyvault_emulator.requestlog import RequestLog
    from keyvault_emulator.tokens import Tokens
    from keyvault_emulator.vault import Vault
    from keyvault_emulator.wire import Call

PREFIX: Final = "/_control/"
_LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "::1")


class Control:
    """The switches of an emulator; the same methods serve the endpoint and Python callers."""

    def __init__(self, vault: Vault, tokens: Tokens, faults: Faults, log: RequestLog) -> None:
        self._vault = vault
        self._faults = faults
        self._tokens = tokens
        self._log = log

    def set_permissions(self, allow: Iterable[str], model: str = "policy") -> None:
        """Grant exactly `allow`; raises ValueError for a permission or model that does not exist."""
        self._vault.permissions = Permissions.of(allow, model)

    def set_bad_padding(self, behaviour: str) -> None:
        """Choose what RSA1_5 does with wrong padding, `error` or `random`; raises ValueError for anything else."""
        for known in BAD_PADDINGS:
            if behaviour == known:
                self._vault.usage.bad_padding = known
                return
        raise ValueError(f"bad_padding is one of {', '.join(BAD_PADDINGS)}")

    def set_api_versions(self, known: object) -> None:
        """Know exactly these values of `api-version`, oldest first (None: all stable ones).

        Raises ValueError where there is none.
        """
        if known is not None and not (isinstance(known, list | tuple) and all(isinstance(each, str) for each in known)):
            raise ValueError("'known' is a list of versions, or null")
        self._vault.api_versions.know(known)

    def set_shows_disabled(self, shown: object) -> None:
        """Let a disabled version be read, or refuse it; raises ValueError for anything but true and false."""
        if shown is not True and shown is not False:
            raise ValueError("'shown' is true or false")
        self._vault.shows_disabled = shown

    def add_fault(self, content: Mapping[str, object]) -> None:
        """Inject a fault, see `Fault.of`; raises ValueError where it is not valid."""
        self._faults.add(Fault.of(content))

    @property
    def faults_waiting(self) -> int:
        """Return how many faults have requests left to hit."""
        return self._faults.waiting

    def set_quota(self, budget: object, retry_after: object) -> None:
        """Set units per ten seconds (None: no limit) and the seconds of `Retry-After` (None: no such header)."""
        for number in (budget, retry_after):
            if number is not None and (not isinstance(number, int) or number < 0):
                raise ValueError("'budget' and 'retry_after' are whole numbers, or null")
        self._vault.quota.budget = budget if isinstance(budget, int) else None
        self._vault.quota.retry_after = retry_after if isinstance(retry_after, int) else None

    def answer(self, call: Call, body: bytes) -> Answer:
        """Return the answer to a request below `/_control/`; it needs no token, but has to come from this machine."""
        if not _is_local(call):
            return NOT_FOUND
        try:
            return self._answer(call, parse_object(body))
        except RefusalError as refusal:
            return refusal.answer()

    def _answer(self, call: Call, content: dict[str, Any]) -> Answer:
        asked = (call.method, call.path.removeprefix(PREFIX))
        if asked == ("GET", "requests"):
            return Answer.of_json(self._log.as_json())
        if asked == ("GET", "faults"):
            return Answer.of_json({"waiting": self.faults_waiting})
        switches: dict[tuple[str, str], Callable[[], None]] = {
            ("DELETE", "requests"): self._log.clear,
            ("PUT", "permissions"): lambda: self._permit(content),
            ("PUT", "rsa1_5"): lambda: self.set_bad_padding(str(content.get("bad_padding", ""))),
            ("POST", "expire-tokens"): self._tokens.expire_all,
            ("POST", "demand-claims"): self._tokens.demand_claims,
            ("POST", "faults"): lambda: self.add_fault(content),
            ("DELETE", "faults"): self._faults.clear,
            ("PUT", "api-versions"): lambda: self.set_api_versions(content.get("known")),
            ("PUT", "disabled"): lambda: self.set_shows_disabled(content.get("shown")),
            ("PUT", "quota"): lambda: self.set_quota(content.get("budget", BUDGET), content.get("retry_after")),
        }
        switch = switches.get(asked)
        if switch is None:
            return NOT_FOUND
        _try(switch)
        return Answer.of_json({})

    def _permit(self, content: dict[str, Any]) -> None:
        allow = content.get("allow")
        if not isinstance(allow, list) or not all(isinstance(permission, str) for permission in allow):
            raise ValueError("'allow' has to be a list of permissions")
        self.set_permissions(allow, str(content.get("model", "policy")))


def _try(change: Callable[[], None]) -> None:
    try:
        change()
    except ValueError as error:
        raise bad_parameter(str(error)) from error


def _is_local(call: Call) -> bool:
    """Tell whether a request comes from this machine and names it.

    The name counts because a web page under a foreign name that resolves to 127.0.0.1 also "comes from this machine".
    """
    return ipaddress.ip_address(call.peer).is_loopback and urlsplit(call.base).hostname in _LOCAL_HOSTS
