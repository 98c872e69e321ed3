"""Ids of the requests to a key service, from which its audit log tells the run that made them.

Key Vault writes `x-ms-client-request-id` into the `correlationId` of its AuditEvent log, if it is a GUID (source:
Microsoft's "Azure Key Vault logging", the field `correlationId`). So the first half of each id comes from the run's id,
and the second half is random: an answer belongs to one request and no other. The layout is version 8 of RFC 9562.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from typing import Final

#: Hexadecimal digits and dashes of an id that all requests of a run have in common.
_COMMON: Final = 19
_VERSION, _VARIANT = 8, 0b10


class RequestIds:
    """Makes the ids. The requests of a run begin with `prefix_of(run_id)`; without a run the prefix is random."""

    def __init__(self, run_id: str = "") -> None:
        self.name(run_id or secrets.token_hex(16))

    def name(self, run_id: str) -> None:
        """Make the ids of a run from now on."""
        self.run_id = run_id
        self._high = _high(run_id)

    def next(self) -> str:
        """Return the id of a new request, in lower case."""
        return str(uuid.UUID(int=self._high << 64 | _VARIANT << 62 | secrets.randbits(62)))


def prefix_of(run_id: str) -> str:
    """Return what the ids of all requests of a run begin with, in lower case, up to the third dash."""
    return str(uuid.UUID(int=_high(run_id) << 64))[:_COMMON]


def _high(run_id: str) -> int:
    """The first 64 bits: 60 of a hash, and the version of the layout in the place of the others."""
    digest = int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:8], "big")
    return digest & ~(0xF << 12) | _VERSION << 12
