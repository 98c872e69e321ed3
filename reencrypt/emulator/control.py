"""`/_control/`: how a test or a demo outside the process changes the emulator and reads what was asked of it."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from reencrypt.emulator.permissions import Permissions
from reencrypt.emulator.rsa import BAD_PADDINGS
from reencrypt.emulator.wire import NOT_FOUND, Answer, RefusalError, bad_parameter, parse_object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reencrypt.emulator.requestlog import RequestLog
    from reencrypt.emulator.tokens import Tokens
    from reencrypt.emulator.vault import Vault
    from reencrypt.emulator.wire import Call

PREFIX: Final = "/_control/"
_LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "::1")


class Control:
    """The switches of an emulator; the same methods serve the endpoint and Python callers."""

    def __init__(self, vault: Vault, tokens: Tokens, log: RequestLog) -> None:
        self._vault = vault
        self._tokens = tokens
        self._log = log

    def set_permissions(self, allow: Iterable[str], model: str = "policy") -> None:
        """Grant exactly `allow`; raises ValueError for a permission or model that does not exist."""
        self._vault.permissions = Permissions.of(allow, model)

    def set_bad_padding(self, behaviour: str) -> None:
        """Choose what RSA1_5 does with wrong padding, `error` or `random`; raises ValueError for anything else."""
        for known in BAD_PADDINGS:
            if behaviour == known:
                self._vault.bad_padding = known
                return
        raise ValueError(f"bad_padding is one of {', '.join(BAD_PADDINGS)}")

    def answer(self, call: Call, body: bytes) -> Answer:
        """Return the answer to a request below `/_control/`; it needs no token, but has to come from this machine."""
        if not _is_local(call):
            return NOT_FOUND
        try:
            return self._answer(call, parse_object(body))
        except RefusalError as refusal:
            return refusal.answer()

    def _answer(self, call: Call, content: dict[str, Any]) -> Answer:
        match call.method, call.path.removeprefix(PREFIX):
            case "GET", "requests":
                return Answer.of_json(self._log.as_json())
            case "DELETE", "requests":
                self._log.clear()
            case "PUT", "permissions":
                allow = content.get("allow")
                if not isinstance(allow, list) or not all(isinstance(permission, str) for permission in allow):
                    raise bad_parameter("'allow' has to be a list of permissions")
                _try(lambda: self.set_permissions(allow, str(content.get("model", "policy"))))
            case "PUT", "rsa1_5":
                _try(lambda: self.set_bad_padding(str(content.get("bad_padding", ""))))
            case "POST", "expire-tokens":
                self._tokens.expire_all()
            case _:
                return NOT_FOUND
        return Answer.of_json({})


def _try(change: Callable[[], None]) -> None:
    try:
        change()
    except ValueError as error:
        raise bad_parameter(str(error)) from error


def _is_local(call: Call) -> bool:
    """Tell whether a request comes from this machine and names it.

    The second because a web page under a foreign name that resolves to 127.0.0.1 also "comes from this machine".
    """
    return ipaddress.ip_address(call.peer).is_loopback and urlsplit(call.base).hostname in _LOCAL_HOSTS
