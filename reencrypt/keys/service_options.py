"""Options of calls to key-management services, in their own layer, so that nothing translates them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from reencrypt.option import option

#: The share of a service's quota to use; the rest is left to Grafana and others.
DEFAULT_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """Calls to vaults.

    `deadline_seconds` is for one call with all its tries. `key_versions` are tried last, where none may be listed.
    """

    deadline_seconds: float = option(
        "--vault-deadline SECONDS", "How long one vault call may take with all its tries.", default=30.0, minimum=1
    )
    share: float = option(
        "--vault-share SHARE",
        "How much of a vault's quota to use; the rest is left to Grafana and others.",
        default=DEFAULT_SHARE,
        above=0,
        maximum=1,
    )
    key_versions: tuple[str, ...] = option(
        "--key-version VERSION",
        "Try this version of a vault's key too, where the permission list is missing.",
        default=(),
        example="0123456789abcdef0123456789abcdef",
    )
