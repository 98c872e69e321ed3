"""The document: evidence with a seal, which is the SHA-256 of its canonical JSON, and the seal of the report before it.

The chain of seals shows that no report was changed or left out. The canonical JSON has sorted names, no spaces between
its parts, and UTF-8; the seal itself is not part of it.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from reencrypt.errors import ConfigurationError

#: The form of the document, raised where a reader of an earlier form would misunderstand it.
REPORT_VERSION: Final = 1
_SEAL: Final = "sha256"
_IN_HTML: Final = re.compile(r'<pre id="canonical">(.*?)</pre>', re.DOTALL)
_NAMED: Final = re.compile(r"SHA-256:\s*(?:<[^>]*>|`)?([0-9a-f]{64})")
_MARKDOWN: Final = "# Evidence of "
_LARGEST_BYTES: Final = 256 * 1024 * 1024


def sealed(content: Mapping[str, Any], previous: str | None) -> dict[str, Any]:
    """Add the form, the seal of the report before, and the seal."""
    # What an operating system or an earlier audit calls text need not be text that a file can hold.
    clean = json.loads(json.dumps(content, ensure_ascii=False).encode(errors="replace"))
    document = {"report_version": REPORT_VERSION, "previous": previous, **clean}
    return {**document, _SEAL: hashlib.sha256(canonical(document)).hexdigest()}


def canonical(document: Mapping[str, Any]) -> bytes:
    """The bytes that the seal is of."""
    unsealed = {name: value for name, value in document.items() if name != _SEAL}
    return json.dumps(unsealed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def all_read(verified: Mapping[str, Any]) -> bool:
    """Whether every secret reads; one in quarantine does not, although `verify` knows of it."""
    secrets = verified.get("secrets", {})
    return bool(verified["outcome"] == "verified" and secrets["readable"] == secrets["total"])


def seal_of(path: Path) -> str:
    """Return the seal of an earlier report in a file, in any of its forms.

    Raises `ConfigurationError` for a file that is no report, and for one that does not fit its own seal.
    """
    hint = "--previous names the last report of this Grafana, as it was written."
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ConfigurationError(f"{path} is too large to be a report", hint=hint)
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", hint=hint) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not a report", hint=hint) from None
    content = _content_in(text)
    if content is not None and isinstance(content.get("report"), dict):
        # As `--output json` prints it.
        content = content["report"]
    # Only Markdown may name its seal without the data.
    named = _NAMED.search(text) if content is not None or text.startswith(_MARKDOWN) else None
    claimed = (content or {}).get(_SEAL) or (named[1] if named else None)
    if not isinstance(claimed, str) or not re.fullmatch(r"[0-9a-f]{64}", claimed):
        raise ConfigurationError(f"{path} is not a report: it names no SHA-256", hint=hint)
    if content is not None and hashlib.sha256(canonical(content)).hexdigest() != claimed:
        raise ConfigurationError(
            f"{path} does not fit the SHA-256 that it names: somebody has changed it",
            hint="Find the report as it was written; without it, leave --previous out, and say so to the auditor.",
        )
    return claimed


def _content_in(text: str) -> dict[str, Any] | None:
    """The canonical JSON in a report, or the report itself; None in Markdown, which only names the seal."""
    embedded = _IN_HTML.search(text)
    try:
        found = json.loads(html.unescape(embedded[1]) if embedded else text, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object with a name twice, of which readers would see one and the seal the other."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found
