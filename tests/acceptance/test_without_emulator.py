"""The local Key Vault is a package of its own: what needs it says how to install it, and all else does without."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.vault import clean_environment

#: An installation without it: the import fails as it does there.
WITHOUT = "import sys; sys.modules['keyvault_emulator'] = None; from reencrypt.__main__ import main; main()"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT, *arguments]
    return subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=250, check=False)


@pytest.mark.parametrize("arguments", [("demo",), ("emulator", "--state", "vault")])
def test_what_needs_the_local_vault_says_how_to_install_it(arguments: tuple[str, ...]) -> None:
    ended = run(*arguments)
    assert ended.returncode == 2
    assert "hint: In a checkout, type `pip install ./emulator`." in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize("arguments", [("--help",), ("demo", "--help"), ("emulator", "--help"), ("plan", "--help")])
def test_help_needs_no_local_vault(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).returncode == 0
