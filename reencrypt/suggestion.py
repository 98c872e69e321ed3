"""What somebody may have meant who typed a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, possible: Iterable[str]) -> str:
    """Ask for the names that look like `word`, in a sentence; empty where none does."""
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    near = get_close_matches(word, sorted(set(possible) - {word}), n=3)
    return f"Did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else ""


def joined(*sentences: str) -> str:
    """Those of the sentences that are not empty, as one text."""
    return " ".join(filter(None, sentences))
