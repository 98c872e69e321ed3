"""`reencrypt config show`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Final

import click

from reencrypt.cli import output as out
from reencrypt.cli.groups import CommonGroup
from reencrypt.cli.options import Common, Only, cli_command
from reencrypt.cli.performing import load
from reencrypt.cli.settings_file import NO_FILE

#: There is no result to tell anybody.
_SHOWN: Final = Only(*(each.name for each in fields(Common) if each.name != "on_finish"))


@click.group(
    "config",
    cls=CommonGroup,
    epilog="""\b
Example:
  reencrypt config show --grafana-config /etc/grafana/grafana.ini
""",
)
def command() -> None:
    """Show how Grafana's configuration is understood."""


@cli_command(
    "show",
    epilog="""\b
Example:
  reencrypt config show --output json
""",
    parent=command,
)
def show(common: Annotated[Common, _SHOWN]) -> int:
    """Print every value that matters, with where it came from; secrets are masked."""
    from reencrypt.catalogue.store_name import StoreName  # noqa: PLC0415
    from reencrypt.keys.configuration import read_providers  # noqa: PLC0415
    from reencrypt.operations.doctor.manager import notes_on  # noqa: PLC0415

    settings = load(common)
    providers, manager = read_providers(settings), read_providers(settings, StoreName.MANAGER)
    notes = notes_on(settings.manager)
    shown = (*settings.shown, *providers.shown, *manager.shown)
    settings_file = common.config if common.config != Path(NO_FILE) else None
    if common.output == "json":
        values = [
            {"section": each.section, "key": each.key, "value": each.text, "origin": each.origin, "secret": each.secret}
            for each in shown
        ]
        content = {
            "outcome": "shown",
            "settings_file": str(settings_file) if settings_file else None,
            "config_file": str(settings.config_file) if settings.config_file else None,
            "values": values,
            "unusable_providers": dict(providers.unusable),
            "unusable_manager_providers": dict(manager.unusable),
            "notes": notes,
        }
        out.print_json("config show", 0, content)
        return 0
    rows = [(f"[{each.section}]", each.key, each.text, each.origin) for each in shown]
    if settings_file is not None:
        out.line(f"Settings file of reencrypt: {settings_file}")
    out.print_table("Grafana's configuration", ("section", "key", "value", "from"), rows)
    for each in (providers, manager):
        for provider, reason in each.unusable.items():
            out.line(f"unusable {each.in_words(provider)}: {reason}")
    for note in notes:
        out.line(f"note: {note}")
    return 0
