"""Faults: what a vault answers, and what answers in its place."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import Final

from tests.faults.table import ALL_ENGINES, Answer, Fault, Plant, everywhere
from tests.support.story import Story

#: No database has a part in these.
_ENGINE: Final = ALL_ENGINES[:1]
#: Everything but the sign-in.
_ALL: Final = ("get", "list", "encrypt", "decrypt", "wrapKey", "unwrapKey", "getRotationPolicy")
_WRAPPING: Final = ("encrypt", "wrapKey")
_UNWRAPPING: Final = ("decrypt", "unwrapKey")
#: Those that ask the vault of the target, and after a run those that ask for its data keys.
_BEFORE: Final = ("doctor", "plan", "run")
_AFTER: Final = ("verify", "rollback", "complete")
_NO_ADVICE: Final = ("set-policy", "--ops encrypt", "c4n4ry", "a bug")


def _answers(
    status: int,
    body: object = "<html><body>c4n4ry</body></html>",
    operations: tuple[str, ...] = _ALL,
    *,
    once: bool = False,
    **headers: str,
) -> Plant:
    """Plant: these operations are answered so, always or once; a text is a page, all else JSON."""
    text, kind = (body, "text/html") if isinstance(body, str) else (json.dumps(body), "application/json")
    fault = {
        "kind": "answer",
        "status": status,
        "body": text,
        "headers": {"Content-Type": kind} | headers,
        "operations": list(operations),
    }

    def plant(story: Story, stack: ExitStack) -> Story:
        stack.callback(story.vault.control, "DELETE", "faults")
        story.vault.control("POST", "faults", fault | ({"next": 1, "after": 1} if once else {"share": 1}))
        return story

    return plant


def _refuses(status: int, code: str, message: str, operations: tuple[str, ...] = _ALL, inner: str = "") -> Plant:
    """Plant: a refusal in Key Vault's form."""
    error: dict[str, object] = {"code": code, "message": message}
    return _answers(status, {"error": error | ({"innererror": {"code": inner}} if inner else {})}, operations)


def _permissions(*allow: str, model: str = "policy") -> Plant:
    def plant(story: Story, stack: ExitStack) -> Story:
        everything = [*_ALL, "create", "rotate", "update", "delete", "setRotationPolicy"]
        stack.callback(story.vault.control, "PUT", "permissions", {"allow": everything})
        story.vault.control("PUT", "permissions", {"allow": list(allow), "model": model})
        return story

    return plant


def _refused(*says: str, exit_code: int = 2, never_says: tuple[str, ...] = ()) -> Answer:
    return Answer(exit_code, says=says, never_says=(*_NO_ADVICE, *never_says))


_UNKNOWN_VERSION: Final = (
    "The specified version (2025-07-01) is not recognized. Consider using the latest supported version (7.4)."
)
_CHECK: Final = {"plan": ("--check",)}
_QUICKLY: Final = {command: (*_CHECK.get(command, ()), "--vault-deadline", "1") for command in (*_BEFORE, *_AFTER)}
_IN_ITS_PLACE: Final = ("in another form than Key Vault's", "NO_PROXY")

FAULTS: Final[tuple[Fault, ...]] = (
    # The vault's own refusals, also where a gateway has dropped `innererror`.
    Fault(
        "vault_disabled_without_reason",
        _ENGINE,
        _refuses(403, "Forbidden", "Operation decrypt is not allowed on a disabled key.", _UNWRAPPING),
        everywhere(_refused("is disabled", "not allowed on a disabled key", "--enabled true", exit_code=6), *_BEFORE),
        options=_CHECK,
    ),
    Fault(
        "vault_firewall_without_reason",
        _ENGINE,
        _refuses(403, "Forbidden", "Client address is not authorized and caller is not a trusted service.\r\n"),
        everywhere(
            _refused("the firewall of", "Client address is not authorized", never_says=("lacks the permission",)),
            *_BEFORE,
        ),
        options=_CHECK,
    ),
    Fault(
        "vault_private_alone",
        _ENGINE,
        _refuses(
            403,
            "Forbidden",
            "Public network access is disabled and request is not from a trusted service nor via an approved private "
            "link.\r\nCaller: appid=1;oid=2;iss=https://sts.windows.net/3/\r\nVault: prod;location=eastus",
            inner="ForbiddenByConnection",
        ),
        everywhere(
            _refused("takes no connections of this network", "private endpoint", never_says=("lacks the permission",)),
            *_BEFORE,
        ),
        options=_CHECK,
    ),
    Fault(
        "vault_unknown_403",
        _ENGINE,
        _refuses(403, "Forbidden", "Denied by a policy of next year.", inner="ForbiddenByTomorrow"),
        everywhere(
            _refused("is forbidden", "Denied by a policy of next year.", never_says=("lacks the permission",)),
            *_BEFORE,
        ),
        options=_CHECK,
    ),
    Fault(
        "vault_permission_of_a_policy",
        _ENGINE,
        _permissions("get", "list", "encrypt"),
        everywhere(
            _refused("does not have keys decrypt permission", "Add decrypt to the key permissions", "keep those"),
            "plan",
            "run",
            doctor=_refused("Add decrypt to the key permissions", "keep those"),
        ),
        options=_CHECK,
    ),
    Fault(
        "vault_permission_of_a_role",
        _ENGINE,
        _permissions("get", "list", "encrypt", model="rbac"),
        everywhere(
            _refused("Caller is not authorized to perform action", "az role assignment create --assignee"),
            "plan",
            "run",
        ),
        options=_CHECK,
    ),
    Fault(
        "vault_refused_after_a_run",
        _ENGINE,
        _refuses(403, "Forbidden", "Denied by a policy of next year.", inner="ForbiddenByTomorrow"),
        everywhere(_refused("Denied by a policy of next year."), *_AFTER),
        after_run=True,
    ),
    # What answers in the place of the vault, for good and for the moment.
    Fault(
        "vault_page_404",
        _ENGINE,
        _answers(404, Server="Microsoft-IIS/10.0"),
        everywhere(_refused("answered 404", "from Microsoft-IIS/10.0", *_IN_ITS_PLACE), *_BEFORE),
        options=_CHECK,
    ),
    Fault(
        "vault_redirect_302",
        _ENGINE,
        _answers(302, Location="https://portal.example.org/?c4n4ry"),
        everywhere(_refused("answered 302 with a redirect to portal.example.org", *_IN_ITS_PLACE), *_BEFORE),
        options=_CHECK,
    ),
    Fault(
        "vault_redirect_307",
        _ENGINE,
        _answers(307, Location="/c4n4ry"),
        everywhere(_refused("answered 307", *_IN_ITS_PLACE), *_BEFORE),
        options=_CHECK,
    ),
    Fault(
        "vault_page_after_a_run",
        _ENGINE,
        _answers(403, Server="squid/5.7"),
        everywhere(_refused("answered 403", "from squid/5.7", *_IN_ITS_PLACE), *_AFTER),
        after_run=True,
    ),
    Fault(
        "vault_gateway_502",
        _ENGINE,
        _answers(502),
        everywhere(_refused("the vault answered 502", "gave up", exit_code=7), *_BEFORE),
        options=_QUICKLY,
    ),
    Fault(
        "vault_signed_in_page",
        _ENGINE,
        _answers(200),
        everywhere(_refused("an answer that is not JSON (text/html", "gave up", exit_code=7), *_BEFORE),
        options=_QUICKLY,
    ),
    Fault(
        "vault_truncated",
        _ENGINE,
        _answers(200, '{"key": {"kid": "https://'),
        everywhere(_refused("an answer that is not JSON", "gave up", exit_code=7), "doctor", "run"),
        options=_QUICKLY,
    ),
    # A cloud that is behind.
    Fault(
        "vault_older_version",
        _ENGINE,
        _answers(400, {"error": {"code": "BadParameter", "message": _UNKNOWN_VERSION}}, once=True),
        everywhere(Answer(0, says=(_UNKNOWN_VERSION, "in version 7.4"), never_says=_NO_ADVICE), "plan", "run"),
        options=_CHECK,
    ),
    Fault(
        "vault_no_version",
        _ENGINE,
        _refuses(400, "BadParameter", _UNKNOWN_VERSION),
        everywhere(_refused("does not know the version", "--vault-api-version 7.4"), *_BEFORE),
        options=_CHECK,
    ),
)
