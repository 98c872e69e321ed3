"""Geometry of the charts: from numbers to places in a drawing. The templates draw them as SVG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

WIDTH: Final = 720
#: Points of a line that anybody can tell apart.
_MOST_POINTS: Final = 200


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a stacked bar, in units of the drawing; `kind` is its class in the style."""

    x: float
    width: float
    label: str
    kind: str
    number: int


@dataclass(frozen=True, slots=True)
class Bars:
    """One stacked bar with its name."""

    name: str
    total: int
    bars: Sequence[Bar]


#: The states of secrets in the order in which a bar has them, with their words.
STATES: Final = {
    "current": "with the target",
    "old": "with another key",
    "key_missing": "their data key is missing",
    "not_understood": "not understood",
    "acknowledged": "given up knowingly",
    "not_applicable": "not applicable",
}


def before_and_after(rows: Sequence[Mapping[str, Any]]) -> list[Bars]:
    """Two bars of one scale: the secrets by state, before and after. The first is left out where nobody knows it."""
    bars = []
    numbers = {when: Counter[str]() for when in ("before", "after")}
    for row in rows:
        for when, counter in numbers.items():
            counter[row["state"]] += row[when] or 0
    known = all(row["before"] is not None for row in rows)
    most = max([counter.total() for counter in numbers.values()] or [0]) or 1
    for when, counter in numbers.items():
        if when == "before" and not known:
            continue
        parts, x = [], 0.0
        for state, words in STATES.items():
            if counter[state]:
                width = WIDTH * counter[state] / most
                parts.append(Bar(round(x, 2), round(width, 2), words, state, counter[state]))
                x += width
        bars.append(Bars(when, counter.total(), parts))
    return bars


@dataclass(frozen=True, slots=True)
class Timeline:
    """The rate over the time at work: `points` for a polyline, the `pauses` by their place and reason."""

    points: str
    most: float
    seconds: float
    pauses: Sequence[tuple[float, str]]


def timeline(invocations: Sequence[Mapping[str, Any]], height: float) -> Timeline | None:
    """The rate of secrets looked at between two samples, one invocation behind the other; None with too few samples."""
    rates: list[tuple[float, float]] = []
    pauses: list[tuple[float, str]] = []
    start = 0.0
    for each in invocations:
        samples = [*each["pace"], *([each["end"]] if each["end"] and "looked_at" in each["end"] else [])]
        for before, after in pairwise(samples):
            took = after["seconds"] - before["seconds"]
            if took > 0:
                rates.append((start + after["seconds"], (after["looked_at"] - before["looked_at"]) / took))
        for sample in samples:
            pauses += [(start + sample["seconds"], reason) for reason in sample.get("waits", ())]
        start += samples[-1]["seconds"] if samples else 0.0
    if len(rates) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    rates = _fewer(rates)
    most, end = max(rate for _, rate in rates) or 1.0, start or 1.0
    points = " ".join(f"{WIDTH * at / end:.1f},{height - height * rate / most:.1f}" for at, rate in rates)
    return Timeline(points, most, end, [(round(WIDTH * at / end, 1), reason) for at, reason in pauses])


def _fewer(rates: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """So many points that a line shows, each the mean of those that it stands for."""
    size = -(-len(rates) // _MOST_POINTS)
    groups = [rates[start : start + size] for start in range(0, len(rates), size)]
    return [(group[-1][0], sum(rate for _, rate in group) / len(group)) for group in groups]
