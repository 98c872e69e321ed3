"""Commands that do some work in one database. What the work is they say apart, so that a fleet can do the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reencrypt.cli import output as out
from reencrypt.cli.options import Common, GroupsCommand
from reencrypt.cli.performing import perform_work
from reencrypt.planning.options import SafetyOptions
from reencrypt.telemetry.options import MetricsOptions

if TYPE_CHECKING:
    from reencrypt.operations.work import Work


class WorkCommand(GroupsCommand):
    """Prepares the work that its options mean, does it, prints the report, and returns the exit code.

    `prepare` takes groups of options, all but `Common`; its docstring is the help. `show` prints the report as text.
    `title` is the full name of a command in a group.
    """

    def __init__(
        self,
        name: str,
        prepare: Callable[..., Work[Any]],
        show: Callable[[Any], None],
        *,
        epilog: str,
        title: str = "",
    ) -> None:
        super().__init__(name, self._do, epilog, stated=prepare)
        self.prepare = prepare
        self._show = show
        self.title = title or name

    def groups(self) -> dict[str, Any]:
        """Those of the work, where the configuration is, and where metrics go."""
        return {"common": Common, "metrics": MetricsOptions, **super().groups()}

    def _do(self, common: Common, metrics: MetricsOptions, **groups: Any) -> int:  # noqa: ANN401 - groups, as `prepare` states them
        work = self.prepare(**groups)
        safety = next((each for each in groups.values() if isinstance(each, SafetyOptions)), SafetyOptions())
        report = perform_work(self.title, common, metrics, work, safety=safety)
        return out.answer(self.title, common, work.exit_code(report), report, self._show)
