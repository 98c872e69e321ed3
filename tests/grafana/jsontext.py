"""JSON documents as text, in the ways Grafana's Go code and everybody else writes them."""

from __future__ import annotations

import json
from typing import Final, Literal, get_args

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]
#: go: sorted and compact, `<>&` escaped; plain: in the order given; pretty: indented; odd: white space in strange
#: places; escaped: every slash, and everything beyond ASCII, as an escape.
Style = Literal["go", "plain", "pretty", "odd", "escaped"]

STYLES: Final[tuple[Style, ...]] = get_args(Style)


def render(document: Json, style: Style = "go") -> str:
    """Return `document` as text in `style`."""
    if style == "pretty":
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if style == "odd":
        text = json.dumps(document, ensure_ascii=False, separators=(" ,\t", " :\r\n  "))
        return f" \t{text}\n\n"
    if style == "escaped":
        return json.dumps(document, separators=(",", ":")).replace("/", "\\/")
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=style == "go")
    return _escape_like_go(text) if style == "go" else text


def _escape_like_go(text: str) -> str:
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
