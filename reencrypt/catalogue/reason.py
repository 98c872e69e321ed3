"""Reasons why a secret could not be re-encrypted: a closed list, the same in tables, reports and documentation."""

from __future__ import annotations

from enum import StrEnum


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


#: What an operator can do about each reason, in a sentence for reports and `quarantine list`.
REMEDY: dict[Reason, str] = {
    Reason.UNKNOWN_DATA_KEY: "its data key is gone: restore its row from a backup, or save the setting again",
    Reason.UNWRAP_FAILED: "its data key does not unwrap: configure the provider and key version that wrapped it",
    Reason.MALFORMED_ENVELOPE: "Grafana cannot read it either: save the setting again in Grafana",
    Reason.MALFORMED_ENCODING: "Grafana cannot read it either: save the setting again in Grafana",
    Reason.NOT_UNDERSTOOD: "Grafana may read it, this version cannot: save the setting again in Grafana, or report it",
    Reason.IMPLAUSIBLE_PLAINTEXT: "damaged, or written under an earlier secret_key: save the setting again in Grafana",
    Reason.AUTHENTICATION_FAILED: "damaged, or written under another key: save the setting again in Grafana",
    Reason.VALUE_TOO_LONG: "the new value does not fit its column: shorten the setting, or widen the column",
    Reason.RACE_LOST: "Grafana kept changing it: run again",
}
