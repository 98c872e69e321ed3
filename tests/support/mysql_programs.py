"""The programs of the servers that the tests start: of an installed MariaDB, and of MySQL itself, which they unpack."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import pytest

from tests.support.mysql_packages import MysqlPackages, NotAvailableError, mysql_packages

Product = Literal["mariadb", "mysql"]

_AS_ROOT = ("--user=root",) if os.geteuid() == 0 else ()


class Programs(Protocol):
    """A product's server: how its data are made, and what starts it."""

    def create(self, data: Path, temporary: Path) -> None:
        """Make a data folder in which `root` needs no password."""
        ...

    def command(self) -> list[str]:
        """The server, with what makes it quick; the caller names folders, addresses and its own settings."""
        ...


@dataclass(frozen=True)
class Mariadb:
    """A MariaDB that is installed on this machine."""

    install: str
    server: str

    def create(self, data: Path, temporary: Path) -> None:
        """Run `mariadb-install-db`."""
        subprocess.run(
            [
                self.install,
                "--no-defaults",
                f"--datadir={data}",
                f"--tmpdir={temporary}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                *_AS_ROOT,
            ],
            check=True,
            capture_output=True,
        )

    def command(self) -> list[str]:
        """Start `mariadbd`."""
        return [self.server, "--no-defaults", "--innodb-log-file-size=64M", *_AS_ROOT]


@dataclass(frozen=True)
class Mysql:
    """MySQL itself, from Debian's packages."""

    packages: MysqlPackages

    def create(self, data: Path, temporary: Path) -> None:
        """Copy what was initialised once: it was shut down cleanly and has no identity, so it is as good as new."""
        del temporary
        shutil.copytree(self.packages.template, data)

    def command(self) -> list[str]:
        """Start `mysqld` by its own loader."""
        return [*self.packages.command(), "--innodb-redo-log-capacity=64M"]


def installed_mariadb() -> Mariadb | None:
    """MariaDB's programs, if they are installed."""
    install = shutil.which("mariadb-install-db") or shutil.which("mysql_install_db")
    server = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin:/usr/libexec")
    return Mariadb(install, server) if install and server else None


def programs_of(product: Product) -> Programs:
    """The programs of a product. Raises `NotAvailableError`."""
    if product == "mysql":
        return Mysql(mysql_packages())
    found = installed_mariadb()
    if found is None:
        raise NotAvailableError("mariadb-server is not installed")
    return found


def available(product: Product) -> bool:
    """Whether there are programs of a product."""
    try:
        programs_of(product)
    except NotAvailableError:
        return False
    return True


def programs_or_skip(product: Product) -> Programs:
    """The programs of a product; where they cannot be had, the test is skipped with a line that says why."""
    try:
        return programs_of(product)
    except NotAvailableError as reason:
        name = {"mysql": "MySQL itself", "mariadb": "MariaDB"}[product]
        pytest.skip(f"NOT RUN: no {name}: {reason}")
