"""The forms of the values that Grafana writes into its tables: what a value is like, and nothing of what it says."""

from __future__ import annotations

import re
from typing import Final

#: Values that are Grafana's own words and say nothing about anybody.
WORDS: Final = frozenset(
    (
        *("", "{}", "null", "Main Org.", "proxy", "direct", "root", "secretKey", "secretKey.v1", "datasource"),
        *("v1", "ES256", "not-yet-calculated"),
    )
)
TIME: Final = "time"
PRECISE_TIME: Final = "time with a fraction"
LABEL: Final = "label of a data key"
SIGNING_KEY: Final = "id of a signing key"
UUID: Final = "UUID"
UID: Final = "uid"
SHORT_UID: Final = "short uid"
PROVISIONED_UID: Final = "uid of a provisioned data source"
HASH: Final = "MD5"
ADDRESS: Final = "URL"
INDENTED: Final = "indented JSON"
JSON: Final = "JSON"
LONG_TEXT: Final = "long text"
TEXT: Final = "text"

_ANYWHERE: Final = {
    TIME: r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    PRECISE_TIME: r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+\+00:00",
    LABEL: r"\d{4}-\d\d-\d\d/root@secretKey\.v1",
    SIGNING_KEY: r"id-\d{4}-\d\d-es256",
    HASH: r"[0-9a-f]{32}",
    ADDRESS: r"\w+://\S+",
    INDENTED: r"\{\n\s.*",
    JSON: r"[{\[].*",
}
#: Only where an id is expected: a name may look like one.
_IDS: Final = {
    UUID: r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    PROVISIONED_UID: r"P[0-9A-F]{16}",
    UID: r"[a-f][0-9a-z]{13}",
    SHORT_UID: r"[\w-]{9}",
}
_ID_COLUMNS: Final = frozenset((("data_source", "uid"), ("data_keys", "name")))
_LONG: Final = 60  # more than fits into a column of a terminal
_FIRST_MOMENT: Final = 10**9  # a number from here on is a moment, in seconds since 1970


def form_of(table: str, column: str, value: str) -> str:
    """The form of a text in a column; a word of Grafana's own is its form itself."""
    if value in WORDS:
        return value
    for name, pattern in (_ANYWHERE | (_IDS if (table, column) in _ID_COLUMNS else {})).items():
        if re.fullmatch(pattern, value, re.DOTALL):
            return name
    return LONG_TEXT if len(value) > _LONG else TEXT


def is_moment(number: int) -> bool:
    """Whether a number is one of seconds since 1970."""
    return number >= _FIRST_MOMENT


def is_kept(column: str, number: int) -> bool:
    """Whether a number is a fact: an id of Grafana's own counting, or a boolean."""
    return column in {"id", "org_id"} or number in {0, 1}
