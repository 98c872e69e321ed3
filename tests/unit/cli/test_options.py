"""Options as fields of dataclasses: what a command's function gets for what stands on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import click
import pytest
from click.testing import CliRunner, Result

from reencrypt.cli.main import cli
from reencrypt.cli.options import (
    Argument,
    CommandFailedError,
    Common,
    Only,
    cli_command,
)
from reencrypt.cli.stated_option import StatedOption, options_of
from reencrypt.cli.tree import all_commands
from reencrypt.crypto.algorithm import Algorithm
from reencrypt.errors import ConfigurationError
from reencrypt.keys.manager_options import ManagerOptions, ManagerVault
from reencrypt.keys.service_options import ServiceOptions
from reencrypt.option import option
from reencrypt.planning.options import (
    RotationOptions,
    ScopeOptions,
    TargetOptions,
    TrustOptions,
)


@dataclass(frozen=True, slots=True)
class Needed:
    """What has no default."""

    number: int = option("--number", "A number.")


def given(*arguments: str, environ: dict[str, str] | None = None) -> list[object]:
    """The groups that a command gets, for a command that takes all kinds."""
    got: list[object] = []

    @cli_command("try", "")
    def command(
        common: Common,
        target: TargetOptions,
        trust: TrustOptions,
        vault: ServiceOptions,
        rotation: RotationOptions,
        scope: Annotated[ScopeOptions, Only("max_runtime")],
    ) -> int:
        got.extend((common, target, trust, vault, rotation, scope))
        return 0

    # Beside the real ones: a settings file may name the options of them all.
    others = {name: command for name, command in all_commands(cli) if " " not in name}
    invoked(click.Group("reencrypt", others | {"try": command}), ("try", *arguments), environ)
    return got[1:]


def invoked(command: click.Command, arguments: tuple[str, ...], environ: dict[str, str] | None = None) -> Result:
    result = CliRunner().invoke(command, arguments, env=environ, standalone_mode=False)
    if result.exception is not None:
        failed = result.exception
        raise failed.error if isinstance(failed, CommandFailedError) else failed
    return result


def test_a_command_gets_the_defaults_of_its_groups() -> None:
    assert given() == [TargetOptions(), TrustOptions(), ServiceOptions(), RotationOptions(), ScopeOptions()]


def test_a_command_gets_values_in_the_types_of_the_fields() -> None:
    target, trust, vault, rotation, scope = given(
        *("--to", "azurekv.prod", "--wrap-format", "raw/RSA-OAEP-256", "--algorithm", "aes-gcm"),
        *("--skip-key", "a", "--skip-key", "b", "--key-version", "A" * 32, "--vault-share", "1"),
        *("--fresh-data-key", "--if-older-than", "90d", "--max-runtime", "3"),
    )
    assert isinstance(target, TargetOptions)
    assert (target.to, str(target.wrap_format), target.algorithm) == (
        "azurekv.prod",
        "raw/RSA-OAEP-256",
        Algorithm.AES_GCM,
    )
    assert trust == TrustOptions(skip_keys=frozenset("ab"))
    assert vault == ServiceOptions(share=1.0, key_versions=("A" * 32,))
    assert rotation == RotationOptions(fresh_data_key=True, if_older_than=timedelta(days=90))
    assert scope == ScopeOptions(max_runtime=3.0)


def test_an_empty_wrap_format_is_none() -> None:
    assert given("--wrap-format", "")[0] == TargetOptions()


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('to = "file"\nvault-share = 0.1\nvault-deadline = 5\nskip-key = ["x", "y"]\nlimit = 3\n')
    environ = {"REENCRYPT_VAULT_SHARE": "0.2", "REENCRYPT_VAULT_DEADLINE": "6", "REENCRYPT_ACCEPT_UNPROVEN": "m n"}
    target, trust, vault, *_ = given("--config", str(file), "--vault-deadline", "7", environ=environ)
    assert target == TargetOptions(to="file")
    assert vault == ServiceOptions(deadline_seconds=7.0, share=0.2)
    assert trust == TrustOptions(skip_keys=frozenset("xy"), accept_unproven=frozenset("mn"))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("--fresh-data-key", "--if-older-than", "soon"), click.BadParameter, "number of days"),
        (("--if-older-than", "90d"), ConfigurationError, "data keys that get replaced"),
        (("--wrap-format", "raw/ROT13"), ConfigurationError, "not a wrap format"),
        (("--vault-share", "0"), click.BadParameter, "0<x<=1"),
        (("--max-runtime", "-1"), click.BadParameter, "x>=0"),
        (("--algorithm", "des"), click.BadParameter, "aes-gcm"),
        (("--limit", "1"), click.NoSuchOption, "--limit"),
        (("--max-runtime", "nan"), click.BadParameter, "1,000,000,000 at most"),
        (("--max-runtime", "inf"), click.BadParameter, "1,000,000,000 at most"),
        (("--max-runtime", "1e400"), click.BadParameter, "1,000,000,000 at most"),
        (("--vault-share", "nan"), click.BadParameter, "at most"),
        (("--vault-deadline", "1e300"), click.BadParameter, "at most"),
        (("--database", "sqlite:////caf\udce9"), click.BadParameter, "not text in UTF-8"),
        (("--skip-key", "a", "--skip-key", "caf\udce9"), click.BadParameter, "not text in UTF-8"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: tuple[str, ...], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as failed:
        given(*arguments)
    raised = failed.value
    assert words in (raised.format_message() if isinstance(raised, click.ClickException) else str(raised))


def test_a_bad_value_names_its_option_and_answers_in_json_where_the_file_asks_for_it(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('output = "json"\nif-older-than = "soon"\n')
    command = dict(all_commands(cli))["run"]
    result = CliRunner().invoke(command, ["--config", str(file), "--fresh-data-key"], standalone_mode=False)
    failed = result.exception
    assert isinstance(failed, CommandFailedError)
    assert failed.as_json
    assert isinstance(failed.error, click.BadParameter)
    assert "'--if-older-than'" in failed.error.format_message()


@pytest.mark.parametrize("number", ["1" + "0" * 30, "9" * 5000])
def test_a_count_without_end_is_refused(number: str) -> None:
    command = dict(all_commands(cli))["run"]
    with pytest.raises(click.BadParameter, match=r"at most|integer"):
        invoked(command, ("--limit", number))


SETTINGS_FILES = {
    "limit = [1]": "a list of this kind",
    "limit = {a = 1}": "a table",
    "limit = true": "true or false",
    "limit = 1.5": "a number",
    'limit = "5"': "a text",
    "settle = 3": "a number",
    "settle = [true]": "a list of this kind",
    'location = "data_source"': "a text",
    "location = [1]": "a list of this kind",
    "max-runtime = true": "true or false",
    "to = 2026-01-01": "a date or time",
    "to = 3": "a number",
    "grafana-config = [1]": "a list of this kind",
    "if-older-than = 90": "a number",
    "verbose = true": "true or false",
    "a = " + "[" * 100_000: "is not TOML",
    "limit = 1" + "0" * 5000: "is not TOML",
    "to = '\0'": "is not TOML",
    "limit = 1 nonsense": "is not TOML",
}


@pytest.mark.parametrize("text", SETTINGS_FILES, ids=lambda text: text[:20])
def test_a_settings_file_that_cannot_be_meant_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=SETTINGS_FILES[text]) as refused:
        invoked(dict(all_commands(cli))["run"], ("--config", str(file)))
    assert str(file) in refused.value.message
    assert refused.value.hint


def test_a_settings_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('\ufeffto = "azurekv.prod"\n')
    assert given("--config", str(file))[0] == TargetOptions(to="azurekv.prod")


@pytest.mark.parametrize("name", dict(all_commands(cli)))
def test_no_option_with_a_value_may_stand_without_one(name: str) -> None:
    command = dict(all_commands(cli))[name]
    for each in command.params:
        if isinstance(each, StatedOption) and not (each.is_flag or each.count):
            with pytest.raises(click.BadOptionUsage, match="requires an argument"):
                invoked(command, (each.stated.name,))


def test_a_field_without_a_default_is_required() -> None:
    @cli_command("try", "")
    def command(needed: Needed, name: Annotated[str, Argument("NAME")]) -> int:
        click.echo(f"{needed.number} {name}")
        return 0

    assert invoked(command, ("--number", "3", "x")).output == "3 x\n"
    with pytest.raises(click.MissingParameter):
        invoked(command, ("x",))


def test_an_option_in_the_words_of_one_command_keeps_its_own_elsewhere() -> None:
    @cli_command("try", "")
    def command(target: Annotated[TargetOptions, Only("to", meaning="Where.")]) -> int:
        return target.to == "x"

    (option,) = command.params
    assert isinstance(option, StatedOption)
    assert (option.help, option.stated.explanation.split()[0]) == ("Where.", "Target")
    assert "Target provider" in str(options_of(TargetOptions)[0].help)


def test_a_vault_of_the_manager_is_read_and_another_form_is_a_usage_error() -> None:
    (vaults,) = options_of(ManagerOptions)
    read = vaults.read(("azure_kv.a=azurekv.b", "x=azurekv.c"))
    assert read == (ManagerVault("azure_kv.a", "azurekv.b"), ManagerVault("x", "azurekv.c"))
    with pytest.raises(click.BadParameter, match=r"'azurekv\.b' is not PROVIDER=KIND\.NAME"):
        vaults.read(("azurekv.b",))
