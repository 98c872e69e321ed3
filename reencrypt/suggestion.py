"""What somebody may have meant who typed a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: How much of two names has to be the same: `rum` and `run` are two thirds alike, `force` and `store` three fifths.
_LIKENESS: Final = 0.65


def did_you_mean(word: str, possible: Iterable[str]) -> str:
    """Ask for the names that look like `word`, in a sentence; empty where none does."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    # Every option begins with the same dashes: that they are alike says nothing.
    names = {each.lstrip("-"): each for each in sorted(set(possible) - {word})}
    near = [names[each] for each in get_close_matches(word.lstrip("-"), names, n=3, cutoff=_LIKENESS)]
    return f"Did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else ""


def joined(*sentences: str) -> str:
    """Those of the sentences that are not empty, as one text."""
    return " ".join(filter(None, sentences))
