"""Reasons why a secret could not be re-encrypted: a closed list, the same in tables, reports and documentation."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """The reason codes of the quarantine."""

    UNKNOWN_DATA_KEY = "unknown_data_key"
    UNWRAP_FAILED = "unwrap_failed"
    MALFORMED_ENVELOPE = "malformed_envelope"
    MALFORMED_ENCODING = "malformed_encoding"
    NOT_UNDERSTOOD = "not_understood"
    IMPLAUSIBLE_PLAINTEXT = "implausible_plaintext"
    AUTHENTICATION_FAILED = "authentication_failed"
    VALUE_TOO_LONG = "value_too_long"
    RACE_LOST = "race_lost"


#: What to do where Grafana has to write a secret anew and nobody knows what it belongs to.
SAVE_AGAIN: Final = "save the setting again in Grafana"
_AGAIN: Final = "{again}"

_REMEDIES: Final[dict[Reason, str]] = {
    Reason.UNKNOWN_DATA_KEY: f"its data key is gone: restore its row from a backup, or {_AGAIN}",
    Reason.UNWRAP_FAILED: "its data key does not unwrap: configure the provider and key version that wrapped it",
    Reason.MALFORMED_ENVELOPE: f"Grafana cannot read it either: {_AGAIN}",
    Reason.MALFORMED_ENCODING: f"Grafana cannot read it either: {_AGAIN}",
    Reason.NOT_UNDERSTOOD: f"Grafana may read it, this version cannot: {_AGAIN}, or report it",
    Reason.IMPLAUSIBLE_PLAINTEXT: f"damaged, or written under an earlier secret_key: {_AGAIN}",
    Reason.AUTHENTICATION_FAILED: f"damaged, or written under another key: {_AGAIN}",
    Reason.VALUE_TOO_LONG: "the new value does not fit its column: shorten the setting, or widen the column",
    Reason.RACE_LOST: "Grafana kept changing it: run again",
}


def remedy_of(reason: Reason, again: str = SAVE_AGAIN) -> str:
    """What an operator can do about a reason, in a sentence for reports and `quarantine list`.

    `again` says how Grafana comes to write this very secret anew.
    """
    return _REMEDIES[reason].replace(_AGAIN, again)
