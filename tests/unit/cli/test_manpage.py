"""The manual page: read without a warning, complete, and installed where `man` looks."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from reencrypt.cli.main import cli
from reencrypt.cli.stated_option import StatedOption
from reencrypt.cli.tree import all_commands

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/reencrypt.1"


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def read(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)


def test_groff_reads_it_without_a_warning_and_shows_every_command_and_option() -> None:
    done = read(program("groff"), "-ww", "-man", "-Tascii", "-P-cbou", "-rLL=200n", str(PAGE))
    assert done.stderr == ""
    words = " ".join(done.stdout.split())
    for name, command in all_commands(cli):
        assert f"reencrypt {name}" in words
        for each in command.params:
            if isinstance(each, StatedOption):
                assert each.stated.name in words


@pytest.mark.parametrize("columns", ["60", "80", "132"])
def test_no_width_of_a_terminal_makes_it_warn(columns: str) -> None:
    assert read(program("groff"), "-ww", "-man", "-Tutf8", f"-rLL={columns}n", str(PAGE)).stderr == ""


def test_man_finds_its_name() -> None:
    assert (
        "reencrypt - encrypt Grafana's secrets with a key in Azure Key Vault"
        in read(program("lexgrog"), str(PAGE)).stdout
    )


def test_the_wheel_installs_it_where_man_looks() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["shared-data"] == {"docs/reencrypt.1": "share/man/man1/reencrypt.1"}
