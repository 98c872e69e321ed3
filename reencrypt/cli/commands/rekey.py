"""`reencrypt rekey-secret-key`."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reencrypt.cli import output as out
from reencrypt.cli.awaiting import operate
from reencrypt.cli.listening import listening
from reencrypt.cli.options import (
    Common,
    option,
    run_options_shared,
    settings_options,
    target_options,
    vault_options,
)

if TYPE_CHECKING:
    from reencrypt.operations.rekey.operation import RekeyReport
    from reencrypt.secret import Secret

VARIABLE = "REENCRYPT_NEW_SECRET_KEY"


@click.command(
    "rekey-secret-key",
    epilog="""\b
Example:
  openssl rand -base64 32 > next.key
  reencrypt rekey-secret-key --new-secret-key-file next.key                     # while Grafana runs
  reencrypt rekey-secret-key --new-secret-key-file next.key --grafana-stopped   # once it is stopped
""",
)
@settings_options
@target_options
@vault_options
@option(
    "--new-secret-key-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"The file that holds the next secret_key. Or set {VARIABLE}.",
)
@option("--grafana-stopped", is_flag=True, help="Every Grafana on this database is stopped: make the change.")
@run_options_shared
def command(
    common: Common,
    new_secret_key_file: Path | None,
    grafana_stopped: bool,  # noqa: FBT001 - click passes by name
    **options: Any,  # noqa: ANN401 - handed on by name
) -> int:
    """Go from the configured `secret_key` to the next one, in two steps.

    While Grafana runs, secrets that are directly under `secret_key` go into envelopes. Then, with Grafana stopped, the
    data keys under `secret_key` and the legacy alerting follow in one transaction. Only after that the new key goes
    into Grafana's configuration. Everybody has to sign in again.
    """
    from reencrypt.cli.loading import load, run_options  # noqa: PLC0415
    from reencrypt.operations.rekey.operation import check_new_secret_key, rekey  # noqa: PLC0415

    settings = load(common)
    new = _new_key(new_secret_key_file)
    check_new_secret_key(settings, new)
    with listening(common) as emit:
        change = partial(rekey, new=new, grafana_stopped=grafana_stopped)
        report = operate(settings, run_options(**options), emit, change)
    if common.output == "json":
        out.print_json("rekey-secret-key", report.exit_code, report.as_json())
    else:
        _print(report)
    return report.exit_code


def _new_key(path: Path | None) -> Secret:
    from reencrypt.errors import ConfigurationError  # noqa: PLC0415
    from reencrypt.secret import Secret  # noqa: PLC0415

    text = os.environ.get(VARIABLE, "")
    if path is not None:
        try:
            # As it is: reading as text would make a line break of every carriage return.
            text = path.read_bytes().decode().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}",
                hint="--new-secret-key-file names the file that holds the next secret_key",
            ) from None
    if not text:
        raise ConfigurationError(
            "there is no new secret_key", hint=f"give --new-secret-key-file FILE, or set {VARIABLE}"
        )
    return Secret(text)


def _print(report: RekeyReport) -> None:
    out.line(f"{report.legacy.total.re_encrypted} secrets went from secret_key into envelopes.")
    if report.run_id:
        out.line(f"{report.data_keys} data keys and {report.alerting} alerting secrets are under the new secret_key.")
    if report.before:
        out.line(f"{report.before} were under it already, from a run before.")
    for key_id, reason in report.left.items():
        out.line(f"left: {key_id}: {reason}")
    if report.quarantined:
        out.line(f"{report.quarantined} alerting secrets did not decrypt, and are in quarantine.")
    for number, step in enumerate(report.next_steps, 1):
        out.line(f"{number}. {step}")
