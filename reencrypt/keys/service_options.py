"""Options of calls to key-management services, in their own layer, so that nothing translates them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from reencrypt.option import option

#: The share of a service's quota to use; the rest is left to Grafana and others.
DEFAULT_SHARE: Final = 0.5
#: `7.4`, `2025-07-01`, `7.6-preview.2`: what Azure's services call their versions.
_API_VERSION: Final = r"(\d+\.\d+|\d{4}-\d{2}-\d{2})(-preview(\.\d+)?)?"


def read_api_version(text: str) -> str:
    """Return an `api-version` as it is, or the empty text of a template; raises ValueError for anything else."""
    if text and not re.fullmatch(_API_VERSION, text, re.ASCII):
        raise ValueError(f"{text!r} is not a version of a service, such as 7.4 or 2025-07-01")
    return text


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """Calls to vaults.

    `deadline_seconds` is for one call with all its tries. `key_versions` are tried last, where none may be listed.
    `api_version` is empty for the newest that is known, or the one that the service then asks for.
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
    api_version: str = option(
        "--vault-api-version VERSION",
        "Speak this version of a vault's interface. Default: the newest, or the one that the vault asks for.",
        default="",
        parse=read_api_version,
        example="7.4",
    )
