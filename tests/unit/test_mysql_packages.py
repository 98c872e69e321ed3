"""MySQL for the tests comes from the machine's own mirror, whole or not at all."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import mysql_packages
from tests.support.mysql_packages import NotAvailableError, source_line

BOOKWORM = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n'
DEB822 = """
Types: deb
# a comment, then another
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""
OF_OTHERS = "deb [signed-by=/k.gpg] https://packages.example/apt tool-bookworm main\n"
OFF = "Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: bookworm\nComponents: main\n"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "sources.list.d/debian.sources",
            DEB822,
            "deb [arch=amd64 signed-by=/usr/share/keyrings/debian.gpg] http://mirror.example/debian sid main",
        ),
        (
            "sources.list",
            "# deb http://no.example/debian bookworm main\ndeb http://mirror.example/debian/ bookworm main extra\n",
            "deb [arch=amd64] http://mirror.example/debian/ sid main",
        ),
        (
            "sources.list.d/debian.list",
            "deb [ arch=amd64,i386 signed-by=/k.gpg ] mirror+file:/etc/apt/mirrors/debian.list bookworm main\n",
            "deb [arch=amd64 signed-by=/k.gpg] mirror+file:/etc/apt/mirrors/debian.list sid main",
        ),
        ("sources.list.d/z.sources", f"{OFF}\n{DEB822}", None),
    ],
)
def test_the_mirror_is_the_machines_own(name: str, text: str, expected: str | None, tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/a-tool.list").write_text(OF_OTHERS)
    (tmp_path / name).write_text(text)
    line = source_line(tmp_path, BOOKWORM, "amd64")
    assert line.startswith("deb [arch=amd64")
    assert line.strip() == expected or expected is None
    assert "off.example" not in line


@pytest.mark.parametrize(
    ("os_release", "reason"),
    [
        (BOOKWORM, "no mirror of Debian bookworm"),
        ('ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME="noble"\n', "does not run Debian"),
        ("", "does not run Debian"),
    ],
)
def test_a_machine_without_a_mirror_of_debian_gets_none(os_release: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text(OF_OTHERS + "deb http://ubuntu.example/ubuntu noble main\n")
    with pytest.raises(NotAvailableError, match=reason):
        source_line(tmp_path, os_release, "amd64")


def download(calls: list[float], *, fails: bool = False, version: str = "9.7.4-2") -> object:
    def download(apt: Path, root: Path) -> str:
        del apt
        calls.append(time.monotonic())
        if fails:
            raise NotAvailableError("apt-get: E: no network")
        (root / "usr/sbin").mkdir(parents=True)
        (root / "usr/sbin/mysqld").touch()
        return version

    return download


def test_of_many_that_ask_one_fetches_and_all_get_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[float] = []
    monkeypatch.setattr(mysql_packages, "_download", download(calls))
    monkeypatch.setattr(mysql_packages, "_initialise", lambda packages: packages.template.mkdir())
    (tmp_path / "unfinished-by-one-that-died/root/usr").mkdir(parents=True)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: mysql_packages.mysql_packages(tmp_path), range(8)))
    assert len(calls) == 1
    assert {each.folder for each in found} == {tmp_path / "mysql-9.7.4-2"}
    assert (found[0].folder / "usr/sbin/mysqld").exists()
    assert found[0].template.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mysql-9.7.4-2", "mysql.lock"]


def test_a_folder_without_a_server_that_starts_is_never_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mysql_packages, "_download", download([]))
    with pytest.raises(NotAvailableError, match="lack"):  # there is no loader among the packages
        mysql_packages.mysql_packages(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mysql.lock"]


def test_after_a_week_a_newer_one_is_taken_and_without_a_network_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[float] = []
    old = tmp_path / "mysql-9.6.0-1"
    old.mkdir()
    monkeypatch.setattr(mysql_packages, "_initialise", lambda packages: packages.template.mkdir())
    monkeypatch.setattr(mysql_packages, "_download", download(calls, fails=True))
    assert mysql_packages.mysql_packages(tmp_path).folder == old
    assert calls == []
    week_ago = time.time() - mysql_packages.KEPT_SECONDS - 60
    os.utime(old, (week_ago, week_ago))
    assert mysql_packages.mysql_packages(tmp_path).folder == old
    assert len(calls) == 1
    monkeypatch.setattr(mysql_packages, "_download", download(calls))
    assert mysql_packages.mysql_packages(tmp_path).folder == tmp_path / "mysql-9.7.4-2"


def test_a_machine_that_has_no_apt_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotAvailableError, match="there is no apt-get here"):
        mysql_packages.mysql_packages(tmp_path / "cache")
