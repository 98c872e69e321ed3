"""`--version`: a first line for scripts, then what a report of a bug needs."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sqlite3

import pytest

import reencrypt
from reencrypt.cli.main import run_command_line
from reencrypt.cli.version import DISTRIBUTION, LIBRARIES, version_lines


def test_the_first_line_is_for_scripts_and_the_others_for_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["--version"]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert first == f"reencrypt {reencrypt.__version__}"
    said = dict(line.split(" ", 1) for line in others)
    assert list(said) == ["python", "platform", *LIBRARIES, "extras"]
    assert said["python"].startswith(platform.python_version())
    assert sqlite3.sqlite_version in said["aiosqlite"]
    assert re.fullmatch(r"\S+ \(OpenSSL \d\S* .*\)", said["cryptography"])
    for name in ("click", "azure-identity", "azure-keyvault-keys", "asyncpg"):
        assert said[name] == importlib.metadata.version(name)


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = importlib.metadata.version

    def version(name: str) -> str:
        if name in ("asyncmy", "prometheus-client"):
            raise importlib.metadata.PackageNotFoundError(name)
        return installed(name) if name != "opentelemetry-sdk" else "1.30"

    monkeypatch.setattr("importlib.metadata.version", version)
    lines = list(version_lines())
    assert "asyncmy not installed" in lines
    extras = lines[-1].removeprefix("extras ").split(", ")
    assert "mysql" not in extras
    assert "metrics" not in extras
    assert "otel" in extras


def test_the_distribution_has_this_name_and_the_libraries_are_its_own() -> None:
    requirements = importlib.metadata.requires(DISTRIBUTION) or []
    assert set(LIBRARIES) <= {re.split(r"[^\w-]", each)[0] for each in requirements}


@pytest.mark.parametrize("words", [["--version"], ["-v", "--version"], ["--version", "run"]])
def test_it_may_stand_beside_others(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(words) == 0
    assert capsys.readouterr().out.startswith("reencrypt ")
