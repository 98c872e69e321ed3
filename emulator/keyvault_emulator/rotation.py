"""The rotation policy of a key, as the service stores and returns it. The emulator never rotates by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keyvault_emulator.wire import bad_parameter


class RotationPolicies:
    """Policies by key; lost when the emulator ends."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._policies: dict[str, dict[str, Any]] = {}

    def get(self, key: str, base: str) -> dict[str, Any]:
        """Return a key's policy; one that was never set notifies thirty days before expiry and rotates nothing."""
        stored = self._policies.get(key.lower()) or {
            "lifetimeActions": [{"trigger": {"timeBeforeExpiry": "P30D"}, "action": {"type": "Notify"}}],
            "attributes": {},
        }
        return {"id": f"{base}/keys/{key}/rotationpolicy", **stored}

    def set(self, key: str, content: dict[str, Any]) -> None:
        """Store a key's policy.

        Raises:
            RefusalError: 400, it is not a policy.
        """
        actions = content.get("lifetimeActions")
        if not isinstance(actions, list) or not all(isinstance(each, dict) for each in actions):
            raise bad_parameter("Property lifetimeActions has invalid value\r\n")
        now = int(self._clock())
        attributes = {**(content.get("attributes") or {}), "created": now, "updated": now}
        self._policies[key.lower()] = {"lifetimeActions": actions, "attributes": attributes}
