"""`reencrypt rekey-secret-key`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reencrypt.cli import output as out
from reencrypt.cli.options import Common, cli_command
from reencrypt.cli.performing import load, perform
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.option import option
from reencrypt.planning.options import DeclaredOptions, RunOptions, SafetyOptions, TargetOptions, TrustOptions
from reencrypt.wording import counted

if TYPE_CHECKING:
    from reencrypt.operations.rekey.report import RekeyReport
    from reencrypt.secret import Secret

VARIABLE = "REENCRYPT_NEW_SECRET_KEY"
STOPPED = "--grafana-stopped"


@dataclass(frozen=True, slots=True)
class RekeyOptions:
    """The options of `rekey-secret-key` alone."""

    new_secret_key_file: Path | None = option(
        "--new-secret-key-file FILE",
        f"The file that holds the next secret_key. Or set {VARIABLE}.",
        default=None,
        example="/root/next.key",
    )
    grafana_stopped: bool = option(
        STOPPED, "Every Grafana on this database is stopped: make the change.", default=False
    )


@cli_command(
    "rekey-secret-key",
    epilog="""\b
Example:
  openssl rand -base64 32 > next.key
  reencrypt rekey-secret-key --new-secret-key-file next.key
  # Then stop Grafana, and go on:
  reencrypt rekey-secret-key --new-secret-key-file next.key --grafana-stopped
""",
)
def command(
    common: Common,
    declared: DeclaredOptions,
    target: TargetOptions,
    trust: TrustOptions,
    vault: ServiceOptions,
    wanted: RekeyOptions,
    safety: SafetyOptions,
) -> int:
    """Go from the configured `secret_key` to the next one, in two steps.

    While Grafana runs, secrets that are directly under `secret_key` go into envelopes. Then, with Grafana stopped, the
    data keys under `secret_key` and the legacy alerting follow in one transaction. Only after that the new key goes
    into Grafana's configuration. Everybody has to sign in again.

    It is about the classic store alone: the secrets manager has secrets in sections of its own, which `rewrap` changes.
    """
    from reencrypt.operations.rekey.operation import check_new_secret_key, rekey  # noqa: PLC0415

    settings = load(common)
    new = _new_key(wanted.new_secret_key_file)
    check_new_secret_key(settings, new)
    # Where the file with the next key is, nothing records.
    flags = frozenset({STOPPED} if wanted.grafana_stopped else ())
    options = RunOptions(declared=declared, target=target, trust=trust, vault=vault, safety=safety, flags=flags)
    change = partial(rekey, new=new, grafana_stopped=wanted.grafana_stopped)
    report = perform(common, options, change, settings=settings)
    return out.answer("rekey-secret-key", common, report.exit_code, report, _print)


def _new_key(path: Path | None) -> Secret:
    from reencrypt.errors import ConfigurationError  # noqa: PLC0415
    from reencrypt.secret import Secret  # noqa: PLC0415
    from reencrypt.settings.files import read_text  # noqa: PLC0415

    text = os.environ.get(VARIABLE, "")
    if path is not None:
        hint = "--new-secret-key-file names the file that holds the next secret_key."
        text = read_text(path, "the file of the next secret_key", hint).rstrip("\r\n")
    if not text:
        raise ConfigurationError(
            "there is no new secret_key", hint=f"Give --new-secret-key-file FILE, or set {VARIABLE}."
        )
    return Secret(text)


def _print(report: RekeyReport) -> None:
    out.line(f"Secrets that went from secret_key into envelopes: {report.legacy.total.re_encrypted}.")
    if report.run_id:
        keys, secrets = counted(report.data_keys, "data key"), counted(report.alerting, "secret")
        out.line(f"Under the new secret_key now: {keys} and {secrets} of legacy alerting.")
    if report.before:
        out.line(f"Under it already, from a run before: {report.before}.")
    for key_id, reason in report.left.items():
        out.line(f"left as is: {key_id}: {reason}")
    if report.quarantined:
        out.line(f"Secrets of legacy alerting that did not decrypt, and are in quarantine: {report.quarantined}.")
    for warning in report.warnings:
        out.line(f"warning: {warning}.")
    for number, step in enumerate(report.instructions, 1):
        out.line(f"{number}. {step}")
