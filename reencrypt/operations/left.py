"""Why a run leaves a secret as it is, in words: what stands behind the codes of `left_because`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reencrypt.state.counts import LEGACY_KEPT, PLAIN_OR_UNPROVEN, UNPROVEN_KEY

#: By the code. `{of}` stands for the key or provider that follows it.
MEANINGS: Final[Mapping[str, str]] = {
    UNPROVEN_KEY: "too little shows that this key is the right one; if you know that it is, give "
    "`--accept-unproven {of}`, else save these secrets again in Grafana",
    PLAIN_OR_UNPROVEN: "it may be plain text, or nothing shows that secret_key is its key: save it again in Grafana",
    LEGACY_KEPT: "nothing shows that Grafana reads another form in this column",
    "skipped_key": "left out by `--skip-key {of}`",
    "not_covered": "nobody but Grafana can read what {of} wraps",
    "target_not_covered": "nobody but Grafana can wrap data keys under {of}",
    "saved_meanwhile": "Grafana saved it while the run ended: run again",
}


def left_in_words(reason: str) -> str:
    """What a reason means, empty for one that an earlier version has recorded."""
    code, _, of = reason.partition(" ")
    return MEANINGS.get(code, "").replace("{of}", of)
