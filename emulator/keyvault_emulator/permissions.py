"""Permissions of the signed-in application, and the text of a refusal under access policies and RBAC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from keyvault_emulator.routes import Operation
from keyvault_emulator.wire import REGION, forbidden

if TYPE_CHECKING:
    from collections.abc import Iterable

    from keyvault_emulator.credentials import Credentials
    from keyvault_emulator.wire import RefusalError

Model: TypeAlias = Literal["policy", "rbac"]
MODELS: Final[tuple[Model, ...]] = get_args(Model)

#: Permissions as access policies name them, with the RBAC data action of each. RBAC knows no separate `list`.
_ACTIONS: Final = {
    "get": "read",
    "list": "read",
    "encrypt": "encrypt/action",
    "decrypt": "decrypt/action",
    "wrapKey": "wrap/action",
    "unwrapKey": "unwrap/action",
    "sign": "sign/action",
    "verify": "verify/action",
    "create": "create/action",
    "import": "import/action",
    "rotate": "rotate/action",
    "update": "update/action",
    "delete": "delete",
    "recover": "recover/action",
    "purge": "purge/action",
    "backup": "backup/action",
    "restore": "restore/action",
    "getRotationPolicy": "keyrotationpolicies/read",
    "setRotationPolicy": "keyrotationpolicies/write",
}
ALL_PERMISSIONS: Final = tuple(_ACTIONS)

_PROPAGATION: Final = (
    "If role assignments, deny assignments or role definitions were changed recently, please observe propagation time."
)

#: Operations whose permission has another name.
_PERMISSION_OF: Final = {
    Operation.LIST_VERSIONS: "list",
    Operation.LIST_DELETED: "list",
    Operation.GET_DELETED: "get",
}


def permission_of(operation: Operation) -> str:
    """Return the permission that an operation needs."""
    return _PERMISSION_OF.get(operation, operation.value)


@dataclass(frozen=True, slots=True)
class Permissions:
    """An access policy, or under `rbac` the equivalent role assignments."""

    allowed: frozenset[str] = frozenset(ALL_PERMISSIONS)
    model: Model = "policy"

    @staticmethod
    def of(allow: Iterable[str], model: str = "policy") -> Permissions:
        """Return the permissions `allow` under `model`.

        Raises:
            ValueError: a permission or the model is unknown.
        """
        allowed = frozenset(allow)
        if unknown := sorted(allowed - frozenset(ALL_PERMISSIONS)):
            raise ValueError(f"unknown permissions: {', '.join(unknown)}")
        for known in MODELS:
            if model == known:
                return Permissions(allowed, known)
        raise ValueError(f"unknown permission model: {model}")

    def allows(self, permission: str) -> bool:
        """Tell whether `permission` is granted; under RBAC `get` and `list` are the same."""
        if self.model == "policy":
            return permission in self.allowed
        return _ACTIONS[permission] in {_ACTIONS[allowed] for allowed in self.allowed}

    def refusal(self, permission: str, *, key: str, vault: str, caller: Credentials) -> RefusalError:
        """Return the 403 for a missing `permission`, worded as the service does under this model."""
        issuer = f"https://sts.windows.net/{caller.tenant_id}/"
        identity = f"appid={caller.client_id};oid={caller.object_id};iss={issuer}"
        if self.model == "policy":
            return forbidden(
                f"The user, group or application '{identity}' does not have keys {permission} permission on key vault "
                f"'{vault};location={REGION}'. For help resolving this issue, please see "
                "https://go.microsoft.com/fwlink/?linkid=2125287",
                "ForbiddenByPolicy",
            )
        resource = (
            f"/subscriptions/{caller.tenant_id}/resourcegroups/emulator/providers/microsoft.keyvault/vaults/{vault}"
        )
        lines = (
            "Caller is not authorized to perform action on resource.",
            _PROPAGATION,
            f"Caller: {identity}",
            f"Action: 'Microsoft.KeyVault/vaults/keys/{_ACTIONS[permission]}'",
            f"Resource: '{resource}{f'/keys/{key}' if key else ''}'",
            "Assignment: (not found)",
            "DenyAssignmentId: null",
            "DecisionReason: null ",
            f"Vault: {vault};location={REGION}",
        )
        return forbidden("".join(f"{line}\r\n" for line in lines), "ForbiddenByRbac")
