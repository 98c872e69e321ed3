"""The emulator as a program of its own, which stands alone."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import keyvault_emulator
import pytest

PACKAGE = Path(keyvault_emulator.__file__).parent
PROGRAM = (sys.executable, "-W", "error", "-m", "keyvault_emulator")


def test_it_announces_itself_and_ends_when_it_is_told_to(state: Path) -> None:
    command = [*PROGRAM, "--state", str(state), "--key", "prod", "--key", "next"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        announced = json.loads(process.stdout.readline())
        process.terminate()
        _, said = process.communicate(timeout=120)
    assert set(announced) == {"vault_uri", "authority", "ca_bundle", "grafana_ini"}
    assert (process.returncode, said) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--key", "under_score"), "cannot be the name of a key"),
        (("--port", "70000"), "cannot listen"),
        (("--port", "none"), "invalid int value"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    command = [*PROGRAM, "--state", str(tmp_path / "state"), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_it_imports_nothing_but_what_it_declares() -> None:
    roots = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                roots |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                roots.add((node.module or "").partition(".")[0])
    assert roots - set(sys.stdlib_module_names) == {"aiohttp", "cryptography", "keyvault_emulator", "trustme"}
