"""MySQL itself, from Debian's packages, in a folder of the tests: the system is neither asked for it nor changed.

Only Debian's unstable suite has a MySQL server, built for a newer C library than most machines have. So apt, with a
configuration of its own, downloads the server and every library that it needs, `dpkg-deb` unpacks them into one folder,
and the loader in that folder starts the server. The mirror and the keys that sign its packages are read from the
machine's own sources; apt checks the signatures.

`python3 -m tests.support.mysql_packages` fetches it ahead of the tests. It needs the standard library alone.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "mysql-server-core"
SUITE = "sid"
KEPT_SECONDS = 7 * 86400.0  # then ask whether there is a newer one
FORGOTTEN_SECONDS = 30 * 86400.0
LONGEST_SECONDS = 300.0
OS_RELEASE = Path("/etc/os-release")
SOURCES = Path("/etc/apt")

# With an empty list of installed packages apt takes all that the server needs. Perl is for the package's scripts alone.
STATUS = (
    "Package: perl\nStatus: install ok installed\nVersion: 999\nArchitecture: {architecture}\nMulti-Arch: allowed\n\n"
)
# The machine's hooks after an update work on the machine's own lists.
CONFIGURATION = """
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::State "{folder}";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::State::extended_states "{folder}/extended_states";
Dir::Cache "{folder}";
Dir::Cache::archives "{folder}/archives";
Dir::Log "{folder}/log";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Sandbox::User "{user}";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
"""


class NotAvailableError(Exception):
    """MySQL cannot be had on this machine; the message says why, in one line."""


@dataclass(frozen=True)
class MysqlPackages:
    """The unpacked server. Its folder is complete once it has its name, and nothing writes into it then."""

    folder: Path

    @property
    def template(self) -> Path:
        """A data folder to copy: initialised, shut down, `root` without a password, and without a server's identity."""
        return self.folder / "template"

    def command(self) -> list[str]:
        """What starts `mysqld`, up to where its data are named."""
        libraries = _one(self.folder, "usr/lib/*-linux-gnu")
        share = self.folder / "usr/share/mysql"
        return [
            str(_one(libraries, "ld-linux-*.so.*")),
            "--library-path",
            str(libraries),
            str(self.folder / "usr/sbin/mysqld"),
            "--no-defaults",
            f"--basedir={self.folder}/usr",
            f"--lc-messages-dir={share}",
            f"--character-sets-dir={share}/charsets",
            f"--plugin-dir={self.folder}/usr/lib/mysql/plugin",
            "--secure-file-priv=NULL",
            "--mysqlx=OFF",
            *(("--user=root",) if os.geteuid() == 0 else ()),
        ]


def mysql_packages(cache: Path | None = None) -> MysqlPackages:
    """The server: the one in the cache, else a new one from Debian. Raises `NotAvailableError`.

    One process fetches at a time, and the others wait for what it brings.
    """
    cache = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reencrypt-tests"
    if sys.platform != "linux":
        raise NotAvailableError("Debian's packages run on Linux only")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with _lock(cache / "mysql.lock"):
            return MysqlPackages(_newest(cache) or _fetched(cache))
    except OSError as error:
        raise NotAvailableError(f"{cache} cannot be used: {error}") from error


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unpacked(cache: Path) -> list[Path]:
    """The servers in the cache, the one that was confirmed last first."""
    return sorted(cache.glob("mysql-*"), key=lambda path: path.stat().st_mtime, reverse=True)


def _newest(cache: Path) -> Path | None:
    found = _unpacked(cache)
    return found[0] if found and time.time() - found[0].stat().st_mtime < KEPT_SECONDS else None


def _fetched(cache: Path) -> Path:
    """Fetch, unpack and initialise; the folder gets its name when all of it is done."""
    for unfinished in cache.glob("unfinished-*"):
        shutil.rmtree(unfinished, ignore_errors=True)  # we hold the lock, so the process that made it is gone
    folder = Path(tempfile.mkdtemp(prefix="unfinished-", dir=cache))
    try:
        version = _download(folder / "apt", folder / "root")
        target = cache / f"mysql-{version}"
        if not target.exists():
            _initialise(MysqlPackages(folder / "root"))
            (folder / "root").rename(target)
        target.touch()
    except NotAvailableError:
        if found := _unpacked(cache):
            return found[0]
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for old in _unpacked(cache):
        if time.time() - old.stat().st_mtime > FORGOTTEN_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    return target


def _download(apt: Path, root: Path) -> str:
    """Unpack the server and its libraries into `root`; returns the package's version."""
    for tool in ("apt-get", "dpkg-deb", "dpkg"):
        if shutil.which(tool) is None:
            raise NotAvailableError(f"there is no {tool} here")
    architecture = _run("dpkg", "--print-architecture").strip()
    line = source_line(SOURCES, OS_RELEASE.read_text(), architecture)
    for name in ("lists/partial", "archives/partial", "log"):
        (apt / name).mkdir(parents=True)
    root.mkdir(mode=0o755)
    (apt / "sources.list").write_text(line)
    (apt / "status").write_text(STATUS.format(architecture=architecture))
    configuration = apt / "apt.conf"
    # As root apt would download as another user, who cannot get at this folder.
    user = "root" if os.geteuid() == 0 else ""
    configuration.write_text(CONFIGURATION.format(folder=apt, user=user))
    get = ("apt-get", "-c", str(configuration), "-q", "-y")
    _run(*get, "-o", "APT::Update::Error-Mode=any", "update")
    _run(*get, "--download-only", "install", PACKAGE)
    archives = sorted((apt / "archives").glob("*.deb"))
    for archive in archives:
        _run("dpkg-deb", "--extract", str(archive), str(root))
    for unused in ("usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(root / unused, ignore_errors=True)
    return _one(apt / "archives", f"{PACKAGE}_*.deb").name.split("_")[1].replace("%3a", ":")


def source_line(folder: Path, os_release: str, architecture: str) -> str:
    """The unstable suite at this machine's own mirror, as a line of apt's. Raises `NotAvailableError`.

    The mirror is the first entry that has this machine's own release, as `sources.list` or in the newer form.
    """
    release = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    if release.get("ID", "").strip('"') != "debian":
        raise NotAvailableError("this machine does not run Debian")
    codename = release.get("VERSION_CODENAME", "").strip('"') or SUITE
    for entry in _entries(folder):
        if codename in entry["suites"].split() and "main" in entry["components"].split():
            signed = entry.get("signed-by", "")
            options = f"arch={architecture}" + (f" signed-by={signed}" if signed.startswith("/") else "")
            return f"deb [{options}] {entry['uris'].split()[0]} {SUITE} main\n"
    raise NotAvailableError(f"apt's sources in {folder} name no mirror of Debian {codename}")


def _entries(folder: Path) -> Iterator[Mapping[str, str]]:
    """The `deb` entries of apt's sources: `uris`, `suites`, `components`, `signed-by`."""
    lists = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*.list"))]
    for line in (line for path in lists if path.exists() for line in path.read_text().splitlines()):
        if found := re.match(r"\s*deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)", line):
            options = dict(option.lower().split("=", 1) for option in (found[1] or "").split() if "=" in option)
            yield {**options, "uris": found[2], "suites": found[3], "components": found[4]}
    for path in sorted((folder / "sources.list.d").glob("*.sources")):
        text = re.sub(r"^#.*\n?", "", path.read_text(), flags=re.MULTILINE)
        for stanza in re.split(r"\n\s*\n", text):
            fields = {
                name.lower(): " ".join(value.split())
                for name, value in re.findall(r"^([\w-]+):((?:.*)(?:\n[ \t].*)*)", stanza, flags=re.MULTILINE)
            }
            kind = {"deb"} & set(fields.get("types", "").split())
            if kind and fields.get("enabled", "yes") != "no" and {"uris", "suites", "components"} <= set(fields):
                yield fields


def _initialise(packages: MysqlPackages) -> None:
    """Make the template: `--initialize` takes several seconds, a copy of what it wrote takes a fraction of one."""
    first = packages.folder / "first.sql"
    first.write_text("CREATE USER root@'127.0.0.1';\nGRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n")
    data = f"--datadir={packages.template}"
    _run(*packages.command(), data, "--initialize-insecure", f"--init-file={first}", "--innodb-redo-log-capacity=64M")
    (packages.template / "auto.cnf").unlink(missing_ok=True)  # the identity, which no two servers may share


def _one(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise NotAvailableError(f"the packages lack {pattern}")
    return found[0]


def _run(*command: str) -> str:
    """Run a command to its end; what it says last is the reason where it fails."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LONGEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotAvailableError(f"{command[0]} took longer than {LONGEST_SECONDS:.0f} s") from None
    if done.returncode != 0:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        errors = [line for line in said if line.startswith("E:") or "[ERROR]" in line]
        raise NotAvailableError(f"{Path(command[0]).name}: {(errors or said or ['no word'])[-1].strip()}")
    return done.stdout


if __name__ == "__main__":
    try:
        print(f"MySQL for the tests: {mysql_packages().folder}")  # noqa: T201 - a command
    except NotAvailableError as reason:
        print(f"NOT RUN: the tests on MySQL itself: {reason}")  # noqa: T201 - a command
