"""How far a command is: the same figures for a bar and for a log, and a line of the log every half minute."""

from __future__ import annotations

import json
import signal
import sys
import threading

import pytest

from reencrypt.cli.figures import Figures
from reencrypt.cli.logs import PROGRESS_SECONDS, LogListener, ticking
from reencrypt.cli.progress import progress_listener
from reencrypt.events import PageCommitted, PassStarted, RunStarted, Surveyed, Waiting, Warned
from reencrypt.telemetry.trace_context import LoggedTrace


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def page(location: str, secrets: int, *, quarantined: int = 0, left: int = 0) -> PageCommitted:
    return PageCommitted(location, secrets, secrets, 0.01, {"quarantined": quarantined, "left": left})


def test_a_resumed_run_counts_what_is_done_and_not_how_fast_that_went() -> None:
    clock = Clock()
    figures = Figures(clock)
    figures.listen(Surveyed("data_source", 500))
    figures.listen(RunStarted("a-run", resumed=True, target_provider="azurekv.prod", secrets=1000, looked_at=600))
    assert (figures.phase, figures.done, figures.percent, figures.rate) == ("run", 600, 60, 0.0)
    clock.now += 2
    figures.listen(page("data_source", 100, quarantined=3, left=1))
    figures.listen(page("data_source", 100, quarantined=4, left=1))
    figures.listen(page("secrets", 0, quarantined=2))
    assert (figures.done, figures.percent, figures.rate, figures.seconds_left) == (800, 80, 100.0, 2.0)
    assert (figures.quarantined, figures.left) == (6, 1)


def test_a_wait_is_told_until_work_goes_on_and_a_sweep_counts_anew() -> None:
    figures = Figures(Clock())
    figures.listen(RunStarted("a-run", resumed=False, target_provider="azurekv.prod", secrets=10))
    figures.listen(Waiting("the vault allows 200 requests a second"))
    assert figures.as_fields()["waiting"] == "the vault allows 200 requests a second"
    figures.listen(page("secrets", 10, quarantined=1))
    assert (figures.waiting, figures.percent) == ("", 100)
    figures.listen(PassStarted(0))
    assert figures.done == 10
    figures.listen(PassStarted(1))
    assert (figures.phase, figures.done, figures.quarantined) == ("sweep 1", 0, 0)


def test_more_secrets_than_were_counted_are_no_more_than_everything() -> None:
    figures = Figures(Clock())
    figures.listen(RunStarted("a-run", resumed=True, target_provider="azurekv.prod", secrets=10, looked_at=12))
    figures.listen(page("secrets", 5))
    assert (figures.percent, figures.seconds_left) in ((100, 0.0), (100, None))


def test_a_log_has_the_figures_every_half_minute_without_being_asked(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    listen = LogListener("json", 0, LoggedTrace.of_environment({}), clock=clock)
    listen(RunStarted("a-run", resumed=False, target_provider="azurekv.prod", secrets=100))
    for _ in range(10):
        clock.now += PROGRESS_SECONDS / 5
        listen(page("secrets", 10, quarantined=1))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    told = [line for line in lines if line["event"] == "progress"]
    assert [(line["looked_at"], line["of"], line["percent"]) for line in told] == [(50, 100, 50), (100, 100, 100)]
    assert told[0]["level"] == "info"
    assert (told[0]["quarantined"], told[0]["left"], told[0]["seconds_left"]) == (1, 0, 30)


def test_a_log_has_the_figures_and_the_reason_of_a_wait_in_which_nothing_happens(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    listen = LogListener("json", 0, LoggedTrace.of_environment({}), clock=clock)
    listen(RunStarted("a-run", resumed=False, target_provider="azurekv.prod", secrets=100))
    listen(page("secrets", 100))
    listen(Waiting("Grafana keeps data keys in its cache for 900 s; a last sweep follows"))
    for _ in range(900):
        clock.now += 1
        listen.tick()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    told = [(line["looked_at"], line["percent"], line["waiting"]) for line in lines if line["event"] == "progress"]
    assert len(told) == 900 / PROGRESS_SECONDS
    assert set(told) == {(100, 100, "Grafana keeps data keys in its cache for 900 s; a last sweep follows")}


def test_ticks_come_by_themselves_and_end_with_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    ticks = threading.Event()

    class Ticked(LogListener):
        def tick(self) -> None:
            ticks.set()

    with ticking(Ticked("json", 0, LoggedTrace.of_environment({})), seconds=0.001):
        assert ticks.wait(60)
    assert not any(thread.name == "reencrypt-log" for thread in threading.enumerate())
    assert capsys.readouterr().err == ""


def test_the_bar_shows_the_same_and_fits(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    reason = "the vault answers 429: all requests wait for 30 s more, and the share of the quota is halved"
    with progress_listener() as listen:
        listen(RunStarted("a-run", resumed=True, target_provider="azurekv.prod", secrets=2_000_000, looked_at=900_000))
        listen(page("alert_configuration_history", 100_000, quarantined=7, left=1_234))
        listen(Waiting(reason))
    printed = capsys.readouterr().err
    assert " 50%  1,000,000 of 2,000,000" in printed
    assert "waiting: the vault answers 429" in printed
    assert "quota is halved; 7 secrets in quarantine; 1,234 left as is" in " ".join(printed.split())


def test_ctrl_c_while_the_bar_appears_leaves_a_cursor(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")

    keys = [signal.SIGINT]

    def typed(_figures: Figures) -> int:
        """Ctrl-C at the moment at which the first bar is drawn."""
        if keys:
            signal.raise_signal(keys.pop())
        return 0

    monkeypatch.setattr(Figures, "percent", property(typed))
    stderr = sys.stderr
    with pytest.raises(KeyboardInterrupt), progress_listener():
        pytest.fail("the bar has appeared")
    assert sys.stderr is stderr
    printed = capsys.readouterr().err
    assert -1 < printed.rfind("\x1b[?25l") < printed.rfind("\x1b[?25h")


def test_a_warning_is_an_event_with_a_name_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    listen = LogListener("json", 0, LoggedTrace.of_environment({}))
    listen(Warned("secret_key is the default", "secret_key is Grafana's shipped default"))
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"]) == ("secret_key is the default", "warning")
    assert line["message"] == "secret_key is Grafana's shipped default"
    assert "name" not in line
