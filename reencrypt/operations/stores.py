"""The results of an operation in several stores of one database, as one report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from reencrypt.catalogue.store_name import StoreName
from reencrypt.next_steps import NextStep, steps_as_json
from reencrypt.outcomes import ExitCode, Outcome

_R_co = TypeVar("_R_co", bound="StoreReport", covariant=True)

#: Which exit code stands for several: the first of these that one of them has. Whatever needs a person comes first.
_ORDER: Final = (
    ExitCode.BUG,
    ExitCode.REFUSED,
    ExitCode.NO,
    ExitCode.USAGE,
    ExitCode.STOPPED,
    ExitCode.NO_SECRETS,
    ExitCode.PARTLY_DONE,
    ExitCode.UNAVAILABLE,
    ExitCode.LEASE_HELD,
    ExitCode.DONE,
)


class StoreReport(Protocol):
    """The result of an operation in one store."""

    @property
    def store(self) -> StoreName:
        """The store."""
        ...

    @property
    def exit_code(self) -> int:
        """See `ExitCode`."""
        ...

    @property
    def next_steps(self) -> Sequence[NextStep]:
        """What to type next."""
        ...

    def as_json(self) -> Mapping[str, Any]:
        """The object of this store."""
        ...


@dataclass(frozen=True, slots=True)
class StoresReport(Generic[_R_co]):
    """The reports of each store, the classic one first; at least one."""

    reports: Sequence[_R_co]

    @property
    def exit_code(self) -> int:
        """The exit code of the report that matters most."""
        codes = {report.exit_code for report in self.reports}
        return next(code for code in _ORDER if code in codes)

    @property
    def next_steps(self) -> Sequence[NextStep]:
        """Those of the stores that matter most, each once: what is not done comes before what is."""
        first = [report for report in self.reports if report.exit_code == self.exit_code]
        return list(dict.fromkeys(step for report in first for step in report.next_steps))

    def as_json(self) -> dict[str, Any]:
        """The object that `--output json` prints: all stores together, and under `stores` each by itself.

        Numbers are added up, lists and objects are joined. A text that only one store can have, such as the id of a
        run, is that of the first store whose report has it.
        """
        parts = {report.store: {**report.as_json(), **steps_as_json(report.next_steps)} for report in self.reports}
        together: dict[str, Any] = {}
        for part in parts.values():
            together = _joined(together, part)
        if len(parts) > 1:
            together |= {"store": "all", "outcome": _outcome([part["outcome"] for part in parts.values()])}
        return together | steps_as_json(self.next_steps) | {"stores": parts}


def _joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(first)
    for name, value in second.items():
        found[name] = _both(found[name], value) if name in found else value
    return found


def _both(first: Any, second: Any) -> Any:  # noqa: ANN401 - values of JSON
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return _joined(first, second)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return [*first, *(each for each in second if each not in first)]
    if isinstance(first, bool) and isinstance(second, bool):
        return first or second
    if isinstance(first, int | float) and isinstance(second, int | float):
        return round(first + second, 3)
    return second if first is None else first


def _outcome(outcomes: Sequence[str]) -> str:
    """The outcome that stands for several: what needs a person first, nothing to do last."""
    order = ("refused", "failed", Outcome.NO, Outcome.STOPPED, Outcome.PARTLY_DONE, Outcome.DONE, "ready")
    return next((each for each in order if each in outcomes), outcomes[0])
