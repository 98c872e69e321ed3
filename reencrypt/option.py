"""Options as dataclass fields: type and default are those of the field, everything else is metadata."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field
from typing import Any, Final, TypeVar

_T = TypeVar("_T")
_REQUIRED: Final[Any] = MISSING


@dataclass(frozen=True, slots=True)
class Option:
    """Spelling (`-v, --verbose` or `--to PROVIDER`), explanation and limits of an option."""

    usage: str
    explanation: str
    minimum: float | None
    above: float | None
    maximum: float | None
    parse: Callable[[str], object] | None
    counts: bool
    early: Callable[..., object] | None
    completes: str
    details: str
    example: str | float

    @property
    def names(self) -> list[str]:
        """Its names, the long one last."""
        return [word.strip(",") for word in self.usage.split() if word.startswith("-")]

    @property
    def name(self) -> str:
        """Its long name."""
        return self.names[-1]

    @property
    def metavar(self) -> str | None:
        """The placeholder of its value, if it has one."""
        return next((word for word in self.usage.split() if not word.startswith("-")), None)

    @property
    def variable(self) -> str | None:
        """The environment variable that can set it."""
        return None if self.counts else f"REENCRYPT_{self.name.removeprefix('--').replace('-', '_').upper()}"


def option(
    usage: str,
    explanation: str,
    *,
    default: _T = _REQUIRED,
    minimum: float | None = None,
    above: float | None = None,
    maximum: float | None = None,
    parse: Callable[[str], object] | None = None,
    counts: bool = False,
    early: Callable[..., object] | None = None,
    completes: str = "",
    details: str = "",
    example: str | float = "",
) -> _T:
    """Declare a dataclass field as an option.

    The type decides the rest: bool is a flag, a tuple or frozenset is repeatable, an enum or a Literal has choices.
    `parse` reads the text: a `ValueError` becomes a usage error. `counts` is the number of times that it is given.
    `completes` is what a shell completes it with: "location", "provider" or "run". `early` is click's callback, called
    before other options are read. `details` and `example` are for documents alone.
    """
    stated = Option(usage, explanation, minimum, above, maximum, parse, counts, early, completes, details, example)
    return field(default=default, metadata={"option": stated})
