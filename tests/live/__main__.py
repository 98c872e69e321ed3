"""`python -m tests.live`: save secrets in a running Grafana, re-encrypt them meanwhile, and read all of them back.

It ends with 0 if Grafana, restarted, sends every secret as it was last saved.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from tests.live.api import Grafana
from tests.live.echo import Echo, listening
from tests.live.secrets import ContactPoint, DataSource, all_mistakes

_COUNT: Final = 200
_RUN_SECONDS: Final = 600.0
_NOTIFICATION_SECONDS: Final = 240.0  # a rule is looked at once a minute
_PASSWORD_VARIABLE: Final = "GRAFANA_PASSWORD"


def say(text: str) -> None:
    """One line of progress."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def reencrypt(config: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start the program on Grafana's database."""
    return subprocess.Popen([sys.executable, "-m", "reencrypt", *arguments, "--grafana-config", str(config)])


def ended(process: subprocess.Popen[bytes]) -> None:
    """Wait for its end. Raises CalledProcessError where that is no success."""
    code = process.wait(_RUN_SECONDS)
    if code:
        raise subprocess.CalledProcessError(code, process.args)


def save_and_use(grafana: Grafana, echo: Echo, sources: list[DataSource], process: subprocess.Popen[bytes]) -> None:
    """While the program is at work, save each data source once more and use what was saved already."""
    saved = used = 0
    while process.poll() is None:
        if saved < len(sources):
            changed = DataSource(saved, generation=1)
            grafana.change(changed, echo.url)
            sources[saved] = changed
            saved += 1
        each = sources[used % len(sources)]
        if mistakes := each.mistakes(grafana.use(each)):
            raise AssertionError("\n".join(mistakes))
        used += 1
    say(f"{saved} data sources saved and {used} used meanwhile")


def notified(point: ContactPoint, echo: Echo) -> None:
    """Wait until an alert has come with the password of its contact point. Raises AssertionError if it does not."""
    deadline = time.monotonic() + _NOTIFICATION_SECONDS
    received = echo.taken()
    while not any(each.path == "/alert" for each in received):
        assert time.monotonic() < deadline, "no alert came"
        time.sleep(1)  # an alert comes when Grafana looks at its rules
        received = echo.taken()
    assert point.proven(received), "an alert came without the password of its contact point"


def check(grafana: Grafana, sources: list[DataSource]) -> None:
    """Use every data source. Raises AssertionError with all that is wrong."""
    mistakes = all_mistakes(sources, {each.uid: grafana.use(each) for each in sources})
    assert not mistakes, "\n".join(mistakes)
    say(f"{len(sources)} data sources send the secrets that were saved")


def main() -> None:
    """Tell the whole story once."""
    parser = argparse.ArgumentParser(prog="python -m tests.live")
    parser.add_argument("--port", type=int, default=3000, help="of Grafana, on this machine")
    parser.add_argument("--config", type=Path, required=True, help="Grafana's configuration, as it reads it")
    parser.add_argument("--restart", required=True, help="the command that restarts Grafana")
    options = parser.parse_args()
    grafana = Grafana(options.port, "admin", os.environ[_PASSWORD_VARIABLE])
    point = ContactPoint()
    with listening() as echo:
        grafana.wait()
        sources = [DataSource(number) for number in range(_COUNT)]
        for each in sources:
            grafana.create(each, echo.url)
        grafana.alert(point, echo.url)
        check(grafana, sources)
        notified(point, echo)
        say("an alert came with the password of its contact point")
        process = reencrypt(options.config, "run", "--fresh-data-key")
        try:
            save_and_use(grafana, echo, sources, process)
        finally:
            ended(process)
        ended(reencrypt(options.config, "verify"))
        subprocess.run(shlex.split(options.restart), check=True)
        grafana.wait()
        echo.taken()
        say("Grafana is restarted: nothing comes from its caches")
        check(grafana, sources)
        notified(point, echo)
        say("an alert came with the password of its contact point")


if __name__ == "__main__":
    main()
