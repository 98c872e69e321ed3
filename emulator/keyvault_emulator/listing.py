"""Lists in pages: at most 25 entries and an absolute link to the rest."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from keyvault_emulator.wire import bad_parameter, decode_base64url, encode_base64url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keyvault_emulator.wire import Call

#: The service's limit, and its default.
PAGE_SIZE: Final = 25

_SIZE: Final = re.compile(r"[0-9]{1,2}")


def page(call: Call, entries: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the page of `entries` that the query of `call` asks for, in the order of their markers.

    Version ids are such markers, so versions come in no order of time, as from the service.

    Raises:
        RefusalError: 400, `maxresults` or `$skiptoken` is wrong.
    """
    size = _page_size(call.query.get("maxresults", ""))
    after = _read_token(call.query.get("$skiptoken", ""))
    markers = sorted(marker for marker in entries if marker > after)
    shown = markers[:size]
    more = len(markers) > size
    link = _link(call, size, shown[-1]) if more else None
    return {"value": [entries[marker] for marker in shown], "nextLink": link}


def _page_size(text: str) -> int:
    if not text:
        return PAGE_SIZE
    if not (_SIZE.fullmatch(text) and 1 <= int(text) <= PAGE_SIZE):
        raise bad_parameter(f"Invalid maxresults: it has to be a number from 1 to {PAGE_SIZE}.\r\n")
    return int(text)


def _link(call: Call, size: int, last: str) -> str:
    # The service names even the default port, and the SDK has to cope with that.
    origin = call.base if re.search(r":\d+$", call.base) else f"{call.base}:443"
    token = encode_base64url(json.dumps({"NextMarker": last}).encode())
    version = quote(call.query["api-version"], safe="")
    return f"{origin}{call.path}?api-version={version}&$skiptoken={token}&maxresults={size}"


def _read_token(text: str) -> str:
    if not text:
        return ""
    try:
        return str(json.loads(decode_base64url(text))["NextMarker"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise bad_parameter("Invalid $skiptoken.\r\n") from error
