"""`reencrypt config show`."""

from __future__ import annotations

import click

from reencrypt.cli import output as out
from reencrypt.cli.options import Common, cli_command
from reencrypt.cli.performing import load


@click.group(
    "config",
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
def show(common: Common) -> int:
    """Print every value that matters, with where it came from; secrets are masked."""
    from reencrypt.keys.configuration import read_providers  # noqa: PLC0415

    settings = load(common)
    providers = read_providers(settings)
    shown = (*settings.shown, *providers.shown)
    if common.output == "json":
        values = [
            {"section": each.section, "key": each.key, "value": each.text, "origin": each.origin, "secret": each.secret}
            for each in shown
        ]
        content = {
            "outcome": "shown",
            "config_file": str(settings.config_file) if settings.config_file else None,
            "values": values,
            "unusable_providers": dict(providers.unusable),
        }
        out.print_json("config show", 0, content)
        return 0
    rows = [(f"[{each.section}]", each.key, each.text, each.origin) for each in shown]
    out.print_table("Grafana's configuration", ("section", "key", "value", "from"), rows)
    for provider, reason in providers.unusable.items():
        out.line(f"unusable provider {provider}: {reason}")
    return 0
