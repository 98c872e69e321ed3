"""Lays out tables for people, in the width of a terminal.

Nothing is ever cut off, and no word is broken: what does not fit beside something stands below it. Where there is no
terminal, a row is a line however long it is, because programs read lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reencrypt.wording import paragraph

_GAP: Final = "  "
_INDENT: Final = "  "


def table(header: Sequence[str], rows: Sequence[Sequence[object]], width: int | None) -> list[str]:
    """The lines of a table whose columns are aligned; a column of numbers stands right.

    Where its columns do not fit into `width`, the first one, which names the row, gets a line of its own; where that
    is not enough, each cell does.
    """
    texts = [[str(cell) for cell in row] for row in rows]
    right = [bool(rows) and all(isinstance(row[index], int) for row in rows) for index in range(len(header))]
    for stacked in (0, 1):
        for lines_of_header in ([[name] for name in header], [name.split() for name in header]):
            widths = [
                max([len(part) for part in lines_of_header[index]] + [len(row[index]) for row in texts])
                for index in range(len(header))
            ]
            beside = widths[stacked:]
            if width is None or _width(beside, stacked) <= width >= max(widths) + len(_INDENT):
                return _lines(lines_of_header, texts, widths, right, stacked)
    return _records(header, texts, width)


def _width(widths: Sequence[int], stacked: int) -> int:
    return len(_INDENT) * (1 + stacked) + sum(widths) + len(_GAP) * (len(widths) - 1)


def _lines(
    header: Sequence[Sequence[str]],
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
    right: Sequence[bool],
    stacked: int,
) -> list[str]:
    def line(cells: Sequence[str], indent: str) -> str:
        start = len(widths) - len(cells)
        padded = [
            cell.rjust(widths[start + index]) if right[start + index] else cell.ljust(widths[start + index])
            for index, cell in enumerate(cells)
        ]
        return (indent + _GAP.join(padded)).rstrip()

    beside = header[stacked:]
    deep = max((len(parts) for parts in beside), default=0)
    # Short headers stand at the bottom, next to their numbers.
    tops = [["" for _ in range(deep - len(parts))] + list(parts) for parts in beside]
    heads = [line([parts[index] for parts in tops], _INDENT * (1 + stacked)) for index in range(deep)]
    found = [_INDENT + " ".join(header[0])] if stacked else []
    found += heads
    for row in rows:
        found += [_INDENT + row[0]] if stacked else []
        found.append(line(row[stacked:], _INDENT * (1 + stacked)))
    return found


def _records(header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    found = []
    for first, *rest in rows:
        found.append(_INDENT + first)
        found += [
            paragraph(f"{_INDENT * 2}{name}: {cell}", width)
            for name, cell in zip(header[1:], rest, strict=True)
            if cell
        ]
    return found
