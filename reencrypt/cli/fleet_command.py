"""Commands that do the work of another command in every member of a fleet."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

import click
from click.core import ParameterSource

from reencrypt.cli import output as out
from reencrypt.cli.hints import followable
from reencrypt.cli.monitoring import monitoring
from reencrypt.cli.options import Argument, Common, GroupsCommand, Only
from reencrypt.cli.settings_file import defaults_from
from reencrypt.errors import ConfigurationError, ReencryptError
from reencrypt.fleet.shard import COUNT_VARIABLE, INDEX_VARIABLE, Shard
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.option import option
from reencrypt.planning.options import CompleteOptions
from reencrypt.suggestion import did_you_mean, joined
from reencrypt.telemetry.options import MetricsOptions
from reencrypt.wording import counted

if TYPE_CHECKING:
    from reencrypt.cli.work_command import WorkCommand
    from reencrypt.events import Emit, FleetStarted, MemberEnded, Warned
    from reencrypt.fleet.member import Member
    from reencrypt.fleet.results import FleetReport, MemberResult
    from reencrypt.fleet.work import Task
    from reencrypt.operations.work import Work

#: Of the options of every command: where the configuration is, each member says for itself.
_COMMON: Final = Only("config", "trust_vault", "output", "log_format", "on_finish", "verbose", "quiet")
#: Options that cannot be the same for many databases.
_NOT_SHARED: Final = {CompleteOptions: ("delete_data_keys",)}
#: An option whose value is one for all members, because they share the limiter.
_SHARED: Final = "vault-share"
#: The name of the options of a presentation, among the groups.
_PRESENTED: Final = "presented"


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """Which Grafanas there are, how many at a time, and when all of them stop."""

    members: str | None = option(
        "--members FILE",
        "Read the members from lines of JSON; - is standard input.",
        default=None,
        example="members.jsonl",
    )
    width: int = option("--width N", "Work on this many members at a time.", default=4, minimum=1, maximum=256)
    shard: Shard | None = option(
        "--shard INDEX/COUNT",
        "Take only this part of the members, from 0/COUNT on, and as small a part of the share of each vault's quota.",
        default=None,
        parse=Shard.parse,
        details=f"Default: {INDEX_VARIABLE} and {COUNT_VARIABLE}, as in an Indexed Job of Kubernetes.",
        example="0/3",
    )
    canary: str | None = option(
        "--canary NAME",
        "Begin with this member alone, and stop where it does not end with exit 0.",
        default=None,
        example="staging",
    )
    max_failed: int | None = option(
        "--max-failed N", "Stop all when more members than this have failed.", default=None, minimum=0, example=3
    )


@dataclass(frozen=True, slots=True)
class Presentation:
    """How the reports of all members are shown, where it is not a table: by these options, and made of the result."""

    options: type
    prepare: Callable[[Any], Callable[[FleetReport], out.Report]]
    show: Callable[[Any], None]


#: What wins over a list of members.
_NEARER: Final = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)


class FleetCommand(GroupsCommand):
    """Does the work of `single` in every member, and prints one report."""

    def __init__(
        self, single: WorkCommand, meaning: str, *, epilog: str, presentation: Presentation | None = None
    ) -> None:
        self._single = single
        self._presentation = presentation
        super().__init__(str(single.name), self._do, epilog, stated=single.prepare)
        self.help = meaning

    def groups(self) -> dict[str, Any]:
        """Those of the work, and those of the fleet."""
        return {
            "common": Annotated[Common, _COMMON],
            "sources": Annotated[tuple[str, ...], Argument("[FLEET]...")],
            "fleet": FleetOptions,
            "metrics": MetricsOptions,
            **({} if self._presentation is None else {_PRESENTED: self._presentation.options}),
            **{name: _shared(hint) for name, hint in super().groups().items()},
        }

    def _do(self, sources: tuple[str, ...], fleet: FleetOptions, **_groups: Any) -> int:  # noqa: ANN401 - groups, as `prepare` states them
        from reencrypt.cli.performing import run_to_end  # noqa: PLC0415
        from reencrypt.events import FleetStarted  # noqa: PLC0415
        from reencrypt.fleet.listing import read_listing  # noqa: PLC0415
        from reencrypt.fleet.member import check_members, read_member  # noqa: PLC0415
        from reencrypt.fleet.work import Task  # noqa: PLC0415
        from reencrypt.operations.inventory import with_inventory  # noqa: PLC0415

        ctx = click.get_current_context()
        listing = read_listing(sources, fleet.members)
        members = [read_member(entry) for entry in listing.entries]
        check_members(members)
        defaults = defaults_from(ctx, listing.defaults, f"{listing.place}, [defaults]")
        whole = self._groups_with(ctx, defaults)
        common, fleet, metrics = whole["common"], whole["fleet"], whole["metrics"]
        present = None if self._presentation is None else self._presentation.prepare(whole[_PRESENTED])
        shard = fleet.shard or Shard.of_environment(os.environ)
        _check_canary(fleet, shard, members)
        # Those of other shards too: a wrong entry is named wherever the list is read.
        works = {member.name: self._work(ctx, member, defaults, shard) for member in members}
        mine = [each for each in members if shard is None or shard.has(each.name)]
        vault, tell = whole.get("vault"), _teller(common)
        share = vault.share if vault is not None else None
        part = share / shard.count if share is not None and shard is not None else share
        tell(FleetStarted(len(mine), len(members), fleet.width, str(shard) if shard else None, part))
        with _listening(common, metrics, members, tell) as listener:
            tasks = [
                Task(
                    each,
                    self._single.title,
                    with_inventory(works[each.name]) if metrics.wanted else works[each.name],
                    listener(each.name),
                    partial(each.settings, os.environ, common.trust_vault),
                )
                for each in mine
            ]
            report = run_to_end(_performed(tasks, fleet, tell))
        report = replace(report, shard=str(shard or ""), others=len(members) - len(mine))
        title = f"fleet {self.name}"
        if self._presentation is None or present is None:
            return out.answer(title, common, report.exit_code, report, _print)
        return out.answer(title, common, report.exit_code, present(report), self._presentation.show)

    @property
    def _of_all(self) -> tuple[type, ...]:
        """The groups of options that are one for all members."""
        presented = () if self._presentation is None else (self._presentation.options,)
        return Common, FleetOptions, MetricsOptions, *presented

    def _work(
        self, ctx: click.Context, member: Member, defaults: Mapping[str, object], shard: Shard | None
    ) -> Work[Any]:
        """The work with the member's own options; raises `ConfigurationError` with its place."""
        own = defaults_from(ctx, member.options, member.place)
        for each in self.params:
            name = each.opts[-1].lstrip("-")
            if name in member.options and (name == _SHARED or getattr(each, "group", None) in self._of_all):
                raise ConfigurationError(
                    f"{member.place}: {name} is one for all members", hint="Give it in [defaults], or as an option."
                )
        try:
            everything, stated = self._groups_with(ctx, {**defaults, **own}), super().groups()
            groups = {name: value for name, value in everything.items() if name in stated}
            vault = groups.get("vault")
            if shard is not None and isinstance(vault, ServiceOptions):
                groups["vault"] = replace(vault, share=vault.share / shard.count)
            work: Work[Any] = self._single.prepare(**groups)
        except click.BadParameter as error:
            raise ConfigurationError(f"{member.place}: {error.format_message()}") from None
        except ConfigurationError as error:
            raise ConfigurationError(f"{member.place}: {error.message}", hint=error.hint) from None
        return work

    def _groups_with(self, ctx: click.Context, values: Mapping[str, object]) -> dict[str, Any]:
        """All groups; what neither the command line nor the environment says is as the list has it."""
        given = dict(ctx.params)
        for each in self.params:
            name = str(each.name)
            if name in values and ctx.get_parameter_source(name) not in _NEARER:
                given[name] = each.process_value(ctx, values[name])
        return self.values(given)


def _shared(hint: Any) -> Any:  # noqa: ANN401 - a type
    """A group without the options that cannot be the same for many databases."""
    left_out = _NOT_SHARED.get(hint, ())
    return (
        Annotated[hint, Only(*(each.name for each in fields(hint) if each.name not in left_out))] if left_out else hint
    )


def _check_canary(fleet: FleetOptions, shard: Shard | None, members: Sequence[Member]) -> None:
    if fleet.canary is None:
        return
    names = {each.name for each in members}
    if fleet.canary not in names:
        hint = joined(did_you_mean(fleet.canary, names), "Give a name of the list.")
        raise ConfigurationError(f"--canary {fleet.canary}: there is no such member", hint=hint)
    if shard is not None:
        raise ConfigurationError(
            "--canary goes first and alone, and shards begin at the same time",
            hint="First run with a list that has only the canary and without --shard, then with --shard and without "
            "--canary.",
        )


def _teller(common: Common) -> Callable[[FleetStarted | MemberEnded | Warned], None]:
    """Tell how far the fleet is, on standard error: a result that nobody reads must not end the work."""
    from reencrypt.cli.logs import LogListener  # noqa: PLC0415
    from reencrypt.events import MemberEnded  # noqa: PLC0415
    from reencrypt.telemetry.trace_context import LoggedTrace  # noqa: PLC0415

    def talk(event: FleetStarted | MemberEnded | Warned) -> None:
        out.talk(_in_words(event))

    as_json = common.log_format == "json"
    tell = LogListener("json", common.verbose, LoggedTrace.of_environment(os.environ)) if as_json else talk
    if not common.is_silent:
        return tell

    def tell_failures(event: FleetStarted | MemberEnded | Warned) -> None:
        if isinstance(event, MemberEnded) and event.exit_code:
            tell(event)

    return tell_failures


def _in_words(event: FleetStarted | MemberEnded | Warned) -> str:
    from reencrypt.events import MemberEnded, Warned  # noqa: PLC0415

    if isinstance(event, Warned):
        return f"warning: {event.message}"
    if isinstance(event, MemberEnded):
        return f"[{event.number}/{event.of}] {event.member}: {event.message} ({event.seconds:.1f} s)"
    which = counted(event.listed, "member")
    if event.shard is not None:
        which = f"{event.members} of {counted(event.listed, 'member')} (shard {event.shard})"
    line = f"Fleet: {which}, {event.width} at a time."
    if event.vault_share is None:
        return line
    of_quota = f"{event.vault_share:.3g} of each vault's quota"
    if event.shard is None:
        return f"{line} This process alone uses up to {of_quota}; another one would add its own."
    return f"{line} It uses up to {of_quota}: --vault-share divided by the number of shards."


@contextmanager
def _listening(
    common: Common, metrics: MetricsOptions, members: Sequence[Member], tell: Callable[[Warned], None]
) -> Iterator[Callable[[str], Emit]]:
    """Make the listener of each member by its name: log lines, and what monitors. `tell` hears what is about all."""
    from reencrypt.cli.logs import LogListener  # noqa: PLC0415
    from reencrypt.events import Warned, to_all  # noqa: PLC0415
    from reencrypt.telemetry.trace_context import LoggedTrace  # noqa: PLC0415

    names = frozenset(each.name for each in members)
    with monitoring(metrics, lambda message: tell(Warned("monitoring failed", message)), members=names) as monitors:

        def listener(member: str) -> Emit:
            logged = LoggedTrace.of_environment(os.environ)
            if common.is_silent:
                return to_all(monitors(logged, member))
            log = LogListener(common.log_format, common.verbose, logged, member=member)
            return to_all([*monitors(logged, member), log])

        yield listener


async def _performed(
    tasks: Sequence[Task],
    fleet: FleetOptions,
    tell: Callable[[FleetStarted | MemberEnded], None],
) -> FleetReport:
    from reencrypt.cli.signals import stop_on_signals  # noqa: PLC0415
    from reencrypt.events import MemberEnded  # noqa: PLC0415
    from reencrypt.fleet.halt import Halt  # noqa: PLC0415
    from reencrypt.fleet.results import FleetReport  # noqa: PLC0415
    from reencrypt.fleet.work import FleetWork  # noqa: PLC0415
    from reencrypt.operations.session import open_shared  # noqa: PLC0415

    number, command = 0, click.get_current_context().command

    def ended(result: MemberResult) -> None:
        nonlocal number
        number += 1
        if isinstance(result.error, ReencryptError):
            result.error.hint = followable(result.error.hint, command)
        _show_places(result)
        seconds = round(result.seconds, 1)
        tell(MemberEnded(result.name, number, len(tasks), result.exit_code, seconds, str(result)))

    stop = stop_on_signals()
    async with open_shared() as shared:
        fleet_work = FleetWork(shared, stop, Halt(stop, fleet.max_failed), ended, fleet.width)
        results = await fleet_work.run(tasks, fleet.canary or "")
    return FleetReport(results, stop.reason or "")


def _show_places(result: MemberResult) -> None:
    """Of a bug the places in the code, without the exception's own text, which could quote a secret."""
    if result.error is not None and not isinstance(result.error, ReencryptError):
        import traceback  # noqa: PLC0415

        click.echo("".join(traceback.format_tb(result.error.__traceback__)), err=True)


def _print(report: FleetReport) -> None:
    """What is not done, member by member, and how many ended with each exit code."""
    from reencrypt.outcomes import ExitCode  # noqa: PLC0415

    out.line()
    for result in report.members:
        if isinstance(result.error, ReencryptError) and result.error.hint:
            out.line(f"{result.name}: {result.error.message}")
            out.line(f"  hint: {result.error.hint}")
    if report.stopped:
        out.line(f"Stopped: {report.stopped}. The same command continues where each member is.")
    meanings = {int(code): code.meaning for code in ExitCode}
    rows = [(number, code, meanings[code]) for code, number in sorted(report.by_exit_code.items())]
    out.print_table("Members", ("members", "exit code", "meaning"), rows)
