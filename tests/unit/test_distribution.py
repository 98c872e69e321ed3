"""The wheel and the source archive: the same bytes wherever they are built, with the commands that users call."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from configparser import ConfigParser
from datetime import date
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

import pytest

from reencrypt import __version__

ROOT = Path(__file__).parents[2]
#: What a build reads, and a part of what goes into the source archive besides.
SOURCES = ("reencrypt", "config", "pyproject.toml", "README.md", "LICENSE")
EPOCH = "1764288000"
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()


class Conditions(NamedTuple):
    """In what a build may differ from another one."""

    folder: str
    umask: int
    mode: int
    time: int
    zone: str


BUILDS = (
    Conditions("here", umask=0o022, mode=0o644, time=1_500_000_000, zone="UTC"),
    Conditions("a/place elsewhere", umask=0o077, mode=0o600, time=1_700_000_000, zone="Pacific/Auckland"),
)


def build(parent: Path, conditions: Conditions) -> Path:
    """Build both in a copy of the checkout, as the release does; returns the folder of the results."""
    checkout = parent / conditions.folder
    checkout.mkdir(parents=True)
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, checkout)
    for path in checkout.rglob("*"):
        if path.is_file():
            path.chmod(conditions.mode)
        os.utime(path, (conditions.time, conditions.time))
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--target", "sdist"],
        cwd=checkout,
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "TZ": conditions.zone},
        umask=conditions.umask,
        capture_output=True,
        check=True,
    )
    return checkout / "dist"


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    parent = tmp_path_factory.mktemp("builds")
    return [build(parent, conditions) for conditions in BUILDS]


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_wheel_and_source_archive_have_the_same_bytes_wherever_they_are_built(builds: list[Path]) -> None:
    first, second = map(digests, builds)
    assert first == second
    assert set(first) == {
        f"grafana_reencrypt-{__version__}-py3-none-any.whl",
        f"grafana_reencrypt-{__version__}.tar.gz",
    }


def test_the_wheel_has_a_command_of_its_own_name_and_one_of_the_distributions(builds: list[Path]) -> None:
    with ZipFile(next(builds[0].glob("*.whl"))) as wheel:
        (listed,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
        entries = ConfigParser()
        entries.read_string(wheel.read(listed).decode())
    assert dict(entries["console_scripts"]) == {
        "reencrypt": "reencrypt.__main__:main",
        "grafana-reencrypt": "reencrypt.__main__:main",
    }


def test_the_wheel_holds_the_program_alone_and_all_of_it(builds: list[Path]) -> None:
    with ZipFile(next(builds[0].glob("*.whl"))) as wheel:
        files = {name for name in wheel.namelist() if ".dist-info/" not in name}
    ours = {path.relative_to(ROOT) for path in (ROOT / "reencrypt").rglob("*") if path.is_file()}
    assert files == {str(path) for path in ours if "__pycache__" not in path.parts}


def test_the_source_archive_has_the_configuration_that_the_documents_name(builds: list[Path]) -> None:
    with tarfile.open(next(builds[0].glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"config/locks/image.txt", "config/systemd/reencrypt.service", "config/docker/Dockerfile"} <= names


def releases() -> list[tuple[str, date]]:
    """The versions of the changelog with their days, as they stand there."""
    found = re.findall(r"^## (\d+\.\d+\.\d+) — (\d{4}-\d{2}-\d{2})$", CHANGELOG, re.MULTILINE)
    return [(version, date.fromisoformat(day)) for version, day in found]


def test_the_changelog_has_an_entry_for_this_version_and_room_for_the_next() -> None:
    headings = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert len(headings) == 1 + len(releases()), "a heading is a version and a day: `## 1.2.3 — 2026-11-28`"
    version, _ = releases()[0]
    assert version == __version__


def test_the_versions_of_the_changelog_go_back_in_time() -> None:
    days = [day for _, day in releases()]
    assert days == sorted(days, reverse=True)
    numbers = [tuple(map(int, version.split("."))) for version, _ in releases()]
    assert numbers == sorted(set(numbers), reverse=True)
