"""What docs, hints and manifests tell people to install is ours: on the public index `reencrypt` is not."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Paths, and the one program of others that the README's test command needs.
ALLOWED = re.compile(r"tox|/[\w./*-]+|\.(/[\w./-]+)?(\[[a-z,]+\])?")
INSTALL = re.compile(r"\b(?:pip3?|pipx|uv pip|uv tool|uvx) (?:install|run|--from)\b([^`|;&\n]*)")


def texts() -> Iterator[tuple[str, str]]:
    git = ["git", "ls-files"]
    names = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    for name in names or [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file()]:
        path = ROOT / name
        if not name.startswith("tests/") and path.suffix in {"", ".md", ".py", ".toml", ".ini", ".yaml", ".yml", ".sh"}:
            yield name, path.read_text(errors="replace")


def installed(line: str) -> list[str]:
    """The things that an install line names; options and their values are none."""
    words = re.sub(r"""[\\'"]""", " ", line).split()
    return [word for word in (word.rstrip(",)") for word in words) if word and not word.startswith("-")]


def named(text: str) -> Iterator[str]:
    """What stands behind each install command of a text. What `uvx --from` starts stands behind what it installs."""
    for match in INSTALL.finditer(text):
        yield (
            re.sub(r"^( \S+(?: --with \S+)*) (?:grafana-)?reencrypt\b.*", r"\1", match[1])
            if "uvx" in match[0]
            else match[1]
        )


LINES = [(name, line) for name, text in texts() for line in named(text)]


@pytest.mark.parametrize(("name", "line"), LINES)
def test_an_install_line_names_only_what_is_ours(name: str, line: str) -> None:
    for word in installed(line):
        assert ALLOWED.fullmatch(word), f"{name}: pip install{line}"


def test_install_lines_are_found_where_they_are_known_to_be() -> None:
    assert {
        "README.md",
        "config/docker/Dockerfile",
        "reencrypt/databases/connect.py",
        "reencrypt/cli/commands/emulator.py",
    } <= {name for name, _ in LINES}


@pytest.mark.parametrize("line", [" 'reencrypt[mysql]'", " -U reencrypt", " grafana-reencrypt", " --upgrade pip"])
def test_a_line_that_names_somebody_elses_program_would_fail(line: str) -> None:
    assert not all(ALLOWED.fullmatch(word) for word in installed(line))


def test_what_uvx_starts_is_no_package_and_what_it_installs_is() -> None:
    assert list(named("uvx --from . --with ./emulator reencrypt demo")) == [" . --with ./emulator"]
    assert list(named("uvx --from reencrypt reencrypt demo")) == [" reencrypt"]


def test_the_distribution_has_a_name_that_is_free_and_the_command_keeps_its_own() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"] == "grafana-reencrypt"
    assert project["scripts"] == dict.fromkeys(("reencrypt", "grafana-reencrypt"), "reencrypt.__main__:main")
    emulator = tomllib.loads((ROOT / "emulator" / "pyproject.toml").read_text())["project"]
    assert emulator["name"] == "keyvault-emulator"
    # Nothing that is installed from the index brings the emulator: it is not published.
    assert "keyvault-emulator" not in str(project)
