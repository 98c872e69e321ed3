"""Grafana's `[feature_toggles]`: the one toggle that matters here, and the syntax of lists."""

from __future__ import annotations

import json
import re
from typing import Final

from reencrypt.settings.environment import variable_name
from reencrypt.settings.layers import Layers, Value

SECTION: Final = "feature_toggles"
DISABLE_ENVELOPE: Final = "disableEnvelopeEncryption"

_ITEM: Final = re.compile(r'"[^"]+"|[^,\t\n\v\f\r ]+')
#: Values that Go's `strconv.ParseBool` accepts.
_TRUE: Final = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE: Final = frozenset(("0", "f", "F", "FALSE", "false", "False"))


def split_list(text: str) -> tuple[str, ...]:
    """Split a list by spaces or commas, with quotes, or as a JSON array; one that is broken is empty, as in Grafana."""
    if not text.strip().startswith("["):
        return tuple(item.strip('"') for item in _ITEM.findall(text))
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        return ()
    return tuple(items)


def envelope_disabled(layers: Layers) -> Value:
    """Return `true` or `false`, and its origin.

    The toggle's own key wins over the list `enable`. Its variable is `GF_FEATURE_TOGGLES_disableEnvelopeEncryption`,
    in this spelling also without a key in a file (newer versions), or in capitals for a key that is there.
    """
    value = layers.get(SECTION, DISABLE_ENVELOPE)
    own = layers.environment.lookup(variable_name(SECTION, "") + DISABLE_ENVELOPE)
    if own is not None:
        value = Value(own.text, own.origin)
    if value.text in _TRUE or value.text in _FALSE:
        return Value("true" if value.text in _TRUE else "false", value.source)
    listed = layers.get(SECTION, "enable")
    if DISABLE_ENVELOPE in split_list(listed.text):
        return Value("true", listed.source)
    return Value("false", "default")
