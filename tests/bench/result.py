"""Numbers with their targets, as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Result:
    """One number, and whether it reaches its target; `better` says in which direction."""

    name: str
    value: float
    target: float
    better: Literal["higher", "lower"]

    @property
    def holds(self) -> bool:
        """Whether the target is reached."""
        return self.value >= self.target if self.better == "higher" else self.value <= self.target


def publish(name: str, results: list[Result]) -> int:
    """Print a table, write `bench-NAME.json` (`bench.json` without a name), and return 0 if every target is reached."""
    width = max(len(each.name) for each in results)
    for each in results:
        sign = "≥" if each.better == "higher" else "≤"
        verdict = "holds" if each.holds else "MISSED"
        print(f"{each.name:{width}}  {each.value:10.3f}  {sign} {each.target:<8g}  {verdict}")  # noqa: T201 - its job
    path = Path(f"bench-{name}.json" if name else "bench.json")
    path.write_text(json.dumps([{**asdict(each), "holds": each.holds} for each in results], indent=2) + "\n")
    return 0 if all(each.holds for each in results) else 1
