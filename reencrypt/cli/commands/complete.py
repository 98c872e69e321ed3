"""`reencrypt complete`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from reencrypt.catalogue.store_name import StoreName
from reencrypt.cli import output as out
from reencrypt.cli.options import Only
from reencrypt.cli.work_command import WorkCommand
from reencrypt.keys.manager_options import ManagerOptions
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.planning.options import (
    CompleteOptions,
    DeclaredOptions,
    RunOptions,
    SafetyOptions,
    StoreOptions,
    TargetOptions,
)
from reencrypt.wording import counted

if TYPE_CHECKING:
    from reencrypt.operations.complete.keks import Kek
    from reencrypt.operations.complete.key_usage import KeyUsage
    from reencrypt.operations.complete.report import CompleteReport
    from reencrypt.operations.work import Work

_SHOWN = 20  # finds of one column that are printed; the JSON has more


def prepare(
    stores: StoreOptions,
    declared: DeclaredOptions,
    target: Annotated[
        TargetOptions, Only("to", meaning="The provider that stays. Default: Grafana's encryption_provider.")
    ],
    wanted: CompleteOptions,
    vault: ServiceOptions,
    manager: ManagerOptions,
    safety: Annotated[SafetyOptions, Only("lease_timeout")],
) -> Work[CompleteReport]:
    """Can the old key be retired? Answer yes (exit 0) or no (exit 8), with the evidence. Change nothing.

    Every secret is counted and decrypted again with only the keys that stay, and every text and blob column of the
    database searched for ciphertext that the catalogue does not know. A yes names the command that disables the old
    version. Exit 2 says that only a setting is in the way: Grafana could not read what is there.

    With --finish it answers again under the lease, and on yes drops the journal of the stores that it was asked about,
    so that no run in them can be undone any more.
    """
    from reencrypt.operations.complete.operation import check, complete  # noqa: PLC0415
    from reencrypt.operations.work import in_all_stores  # noqa: PLC0415

    options = RunOptions(stores=stores, declared=declared, target=target, vault=vault, manager=manager, safety=safety)
    check(wanted, stores)
    # A key of one store may be the other's too, also where that is not asked about.
    return in_all_stores(options, partial(complete, wanted=wanted), write=wanted.finish, every=True)


def _print(report: CompleteReport) -> None:
    from reencrypt.operations.complete.report import BLIND_SPOTS, unseen  # noqa: PLC0415

    if report.usage is None:
        out.line(f"Stopped: {report.stop_reason}. Nothing was changed.")
        return
    _print_usage(report, report.usage)
    for spot in (*BLIND_SPOTS, *unseen(report.usage.search)[:_SHOWN]):
        out.line(f"not seen: {spot}")
    out.line(report.in_words)
    if report.outcome == "yes" and report.has_journal:
        out.line("Nothing was changed: with --finish the journal is dropped, and no run before that can be undone.")
    elif report.outcome == "yes" and not report.journal_dropped:
        out.line("Nothing was changed: there is no journal to drop.")
    if report.journal_dropped:
        whose = " and ".join(each.store.in_words for each in report.usage.stores)
        where = f" in {whose}" if report.kept else ""
        out.line(f"The journal is dropped: no run{where} before this can be undone.")
    if report.deleted:
        out.line(f"Deleted: {counted(len(report.deleted), 'data key')}.")
    for command_line in report.commands:
        out.line("Disable the old version, do not delete it:")
        out.command_line(f"  {command_line}")


def _print_usage(report: CompleteReport, usage: KeyUsage) -> None:
    asked, stay = {kek.name for kek in report.retiring}, list(usage.targets.values())
    several = len(usage.stores) > 1
    header = ("key", *(("store",) if several else ()), "secrets", "data keys", "active", "can be retired")
    rows = [
        (
            kek.name,
            *((kek.store.value,) if several else ()),
            kek.secrets.total(),
            kek.data_keys,
            kek.active,
            "it stays" if kek.name in stay else "no" if kek.reasons else "yes" if kek.name in asked else "",
        )
        for kek in usage.keks.values()
    ]
    stays = f"{' and '.join(stay)} stay{'s' if len(stay) == 1 else ''}" if stay else "none is configured to stay"
    out.print_table(f"Keys, {stays}", header, rows)
    out.line()
    lines = [f"no: {blocker}" for blocker in usage.blockers]
    lines += map(str, usage.faults)
    lines += [f"no: {_in_words(kek)}: {reason}" for kek in report.retiring for reason in kek.reasons]
    searched = usage.search
    for each in usage.stores:
        where = f" of {each.store.in_words}" if several else ""
        readable, total = each.verification.readable, each.verification.total
        lines.append(f"Decrypted {readable:,} of {counted(total, 'secret')}{where} with only the keys that stay.")
    lines.append(
        f"Searched {counted(searched.rows, 'row')} of {counted(searched.tables, 'table')} for ciphertext in unknown "
        "places."
    )
    for stray in searched.strays.values():
        column = f"{stray.table}.{stray.column}"
        lines += [f"found: {column} {place.row}, SHA-256 {place.short}" for place in stray.places[:_SHOWN]]
        if stray.number > _SHOWN:
            lines.append(f"found: {stray.number - _SHOWN} more in {column}")
    if searched.strays:
        lines.append("If a find is no secret, give --not-a-secret TABLE.COLUMN:SHA256")
    lines += _proposed(usage)
    lines += [f"not searched: {part}: {reason}" for part, reason in searched.unsearched.items()]
    lines += [f"note: {note}" for note in usage.notes]
    for text in lines:
        out.line(text)


def _proposed(usage: KeyUsage) -> list[str]:
    """The entries that would make the columns with finds known to every command."""
    lines = [f"{each.table}.{each.column} cannot be declared: {each.reason}" for each in usage.proposals if each.reason]
    if stanzas := [each.stanza for each in usage.proposals if each.stanza is not None]:
        lines += ["If finds are secrets, put these entries into the file of --locations, and run again with it:", ""]
        lines += [line for stanza in stanzas for line in (*stanza.splitlines(), "")]
    return lines


def _in_words(kek: Kek) -> str:
    return kek.name if kek.store is StoreName.CLASSIC else f"{kek.name} of {kek.store.in_words}"


command = WorkCommand(
    "complete",
    prepare,
    _print,
    epilog="""\b
Examples:
  reencrypt complete --settle
  reencrypt complete --settle --finish --drop-state
  reencrypt complete --retire azurekv.prod/0123456789abcdef0123456789abcdef
""",
)
