"""A real Prometheus and a real Pushgateway for the tests, each on a port and in a folder of its own."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Literal
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

Program = Literal["prometheus", "promtool", "prometheus-pushgateway"]

_PLACES: Final = "/usr/bin:/usr/sbin:/usr/local/bin"
_LONGEST_SECONDS: Final = 60.0
#: What both say in their logs once they listen.
_LISTENING: Final = re.compile(r'Listening on" address=(\S+)')


def program_or_skip(name: Program) -> str:
    """Where a program is; where it is not installed, the test is skipped with a line that says so."""
    found = shutil.which(name) or shutil.which(name, path=_PLACES)
    if found is None:
        package = "prometheus-pushgateway" if name == "prometheus-pushgateway" else "prometheus"
        pytest.skip(f"NOT RUN: no {name}: the package {package} is not installed")
    return found


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run promtool to its end."""
    line = [program_or_skip("promtool"), *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)


def until(is_so: Callable[[], bool], what: Callable[[], str]) -> None:
    """Ask again and again until it is so; `what` says how things are when that takes too long."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)  # nothing here tells by itself that it has changed


class _Server:
    """A program that serves HTTP on a free port, with a folder for its data."""

    def __init__(self, program: Program) -> None:
        self._program = program_or_skip(program)
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = Path(tempfile.mkdtemp(prefix=f"reencrypt-{program}-"))
        self._log = self.folder / "log"
        self.url = ""

    def _start(self, *arguments: str) -> None:
        """Start it and wait until it is ready."""
        try:
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    [self._program, "--web.listen-address=127.0.0.1:0", *arguments],
                    cwd=self.folder,
                    stdout=log,
                    stderr=log,
                )
            until(self._is_ready, self._log.read_text)
        except BaseException:
            self._end()
            raise

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()
        listening = _LISTENING.search(self._log.read_text())
        if listening is None:
            return False
        self.url = f"http://{listening[1]}"
        try:
            self.get("/-/ready")
        except URLError:
            return False
        return True

    def get(self, path: str) -> str:
        """What it answers."""
        with urlopen(f"{self.url}{path}", timeout=10) as answer:  # noqa: S310 - our own http server
            text: str = answer.read().decode()
        return text

    def stop(self) -> None:
        """End it and forget its data; one that has ended by itself says why."""
        assert self._process is not None
        died = self._process.poll() is not None
        said = self._log.read_text()[-4000:] if died else ""
        self._end()
        assert not died, said

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class PushgatewayServer(_Server):
    """A Pushgateway that keeps nothing."""

    def __init__(self) -> None:
        super().__init__("prometheus-pushgateway")
        self._start()


class PrometheusServer(_Server):
    """A Prometheus that scrapes one address and looks at the rules of one file, five times a second."""

    def __init__(self, scraped: str, rules: str) -> None:
        super().__init__("prometheus")
        (self.folder / "rules.yaml").write_text(rules)
        configuration = {
            "global": {"scrape_interval": "200ms", "evaluation_interval": "200ms"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [
                # As from a Pushgateway, the labels in the file are the labels of the series.
                {"job_name": "reencrypt", "honor_labels": True, "static_configs": [{"targets": [scraped]}]}
            ],
        }
        # JSON is YAML, too.
        (self.folder / "prometheus.yaml").write_text(json.dumps(configuration))
        self._start("--config.file=prometheus.yaml", "--storage.tsdb.path=data")

    def _api(self, path: str, **parameters: str) -> Any:
        answer = json.loads(self.get(f"/api/v1/{path}?{urlencode(parameters)}"))
        assert answer["status"] == "success", answer
        return answer["data"]

    def values(self, expression: str) -> list[float]:
        """What an expression is now, for each series."""
        return [float(each["value"][1]) for each in self._api("query", query=expression)["result"]]

    def alerts(self) -> list[dict[str, Any]]:
        """All alerts, pending and firing."""
        found: list[dict[str, Any]] = self._api("alerts")["alerts"]
        return found

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {each["labels"]["alertname"] for each in self.alerts() if each["state"] == "firing"}

    def health(self) -> dict[str, str]:
        """Whether each alert could be looked at."""
        (group,) = self._api("rules")["groups"]
        return {each["name"]: each["health"] for each in group["rules"]}

    def wait_for(self, *names: str) -> None:
        """Wait until these alerts fire, and no others."""
        until(lambda: self.firing() == set(names), lambda: f"not {names}, but {self.alerts()}")


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files without a word, as what node_exporter says of them."""

    extensions_map: Final = {"": "text/plain; version=0.0.4"}  # type: ignore[misc] # of the class, and never changed

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - so named by the base
        """Leave it out."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder while the block runs; yields HOST:PORT."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
