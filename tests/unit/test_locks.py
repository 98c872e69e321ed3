"""The lock files hold everything that `pyproject.toml` asks for, at versions that it allows, each with its hashes."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "config" / "locks"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EMULATOR = tomllib.loads((ROOT / "emulator" / "pyproject.toml").read_text())
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]


class Locked(NamedTuple):
    """One entry of a lock file."""

    name: str
    version: str
    hashes: int


def read(name: str) -> dict[str, Locked]:
    text = (LOCKS / f"{name}.txt").read_text()
    found: dict[str, Locked] = {}
    for entry in re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines():
        requirement = Requirement(entry.split(" --hash")[0])
        (pin,) = requirement.specifier
        assert pin.operator == "==", entry
        key = canonicalize_name(requirement.name)
        found[key] = Locked(requirement.name, pin.version, len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", entry)))
    return found


def demands(name: str) -> list[Requirement]:
    """What the files of the project ask for, of what one lock file holds."""
    groups: dict[str, Any] = PROJECT["dependency-groups"]
    lines = {
        "image": [
            *PROJECT["project"]["dependencies"],
            *chain.from_iterable(EXTRAS.values()),
            *EMULATOR["project"]["dependencies"],
        ],
        "build": groups["build"],
        "release": groups["release"],
    }
    return [Requirement(line) for line in lines[name]]


def missing(locked: dict[str, Locked], wanted: list[Requirement]) -> list[str]:
    """The demands that a lock file does not meet."""
    return [
        str(each)
        for each in wanted
        if (found := locked.get(canonicalize_name(each.name))) is None
        or not each.specifier.contains(found.version, prereleases=True)
    ]


ALL = sorted(path.stem for path in LOCKS.glob("*.txt"))


def test_there_is_a_lock_for_the_image_the_build_and_the_release() -> None:
    assert ALL == ["build", "image", "release"]


@pytest.mark.parametrize("name", ALL)
def test_a_lock_holds_everything_that_is_asked_for(name: str) -> None:
    assert missing(read(name), demands(name)) == [], "run `tox -e lock`"


@pytest.mark.parametrize("name", ALL)
def test_a_lock_holds_what_its_entries_ask_for_in_their_turn(name: str) -> None:
    locked = read(name)
    looked_at = 0
    for each in locked.values():
        try:
            installed = metadata.distribution(each.name)
        except metadata.PackageNotFoundError:
            continue
        if installed.version == each.version:  # another version may ask for something else
            looked_at += 1
            wanted = [Requirement(line) for line in installed.requires or ()]
            unconditional = [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
            assert missing(locked, unconditional) == [], f"{each.name}: run `tox -e lock`"
    if not looked_at:
        pytest.skip("NOT RUN: no package of the lock is installed here in its locked version")


@pytest.mark.parametrize("name", ALL)
def test_every_entry_has_hashes_and_the_file_names_no_host(name: str) -> None:
    assert [each.name for each in read(name).values() if not each.hashes] == []
    text = (LOCKS / f"{name}.txt").read_text()
    assert "tox -e lock" in text
    assert re.search(r"://|^--?[a-z]", text, re.MULTILINE) is None


def test_a_demand_that_no_lock_meets_is_noticed() -> None:
    locked = read("image")
    assert missing(locked, [Requirement("aiohttp>=99"), Requirement("nothing-of-ours"), Requirement("aiohttp>=3")]) == [
        "aiohttp>=99",
        "nothing-of-ours",
    ]


def test_the_build_is_locked_with_what_it_asks_for() -> None:
    for project in (PROJECT, EMULATOR):
        assert project["build-system"]["requires"] == PROJECT["dependency-groups"]["build"]
