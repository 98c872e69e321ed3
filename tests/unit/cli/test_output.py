"""Texts of others, such as names in the database, reach neither a terminal nor a pipe as control characters."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.catalogue.naming import shown
from reencrypt.cli import output as out
from reencrypt.cli.logs import LogListener
from reencrypt.cli.progress import progress_listener
from reencrypt.events import Emit, Quarantined, Waiting, Warned
from reencrypt.next_steps import NextStep
from reencrypt.telemetry.trace_context import LoggedTrace
from reencrypt.wording import printable, printable_lines

#: A title for the terminal, a C1 control, a change of the direction, a surrogate alone, and DEL.
EVIL = "evil\x1b]0;owned\x07\x9b\u202e\udc80\x7f"
HARMLESS = r"evil\x1b]0;owned\x07\x9b\u202e\udc80\x7f"

SAID: dict[str, Callable[[], None]] = {
    "line": lambda: out.line(f"first\n{EVIL}"),
    "talk": lambda: out.talk(f"first\n{EVIL}"),
    "command_line": lambda: out.command_line(f"CREATE TABLE\n{EVIL}"),
    "next_command": lambda: out.print_next(NextStep(f"reencrypt run --from '{EVIL}'", f"why {EVIL}")),
    "print_table": lambda: out.print_table(EVIL, ("provider", EVIL), [(EVIL, 1)]),
    "print_error": lambda: out.print_error("plan", out.ReportedError("x", 2, EVIL, EVIL), as_json=False),
}


@pytest.mark.parametrize("stream", ["pipe", "terminal"])
@pytest.mark.parametrize("way", SAID)
def test_what_is_not_printable_is_escaped(
    way: str, stream: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: stream == "terminal")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: stream == "terminal")
    SAID[way]()
    said = "".join(capsys.readouterr())
    assert HARMLESS in said
    assert [each for each in said if not each.isprintable() and each != "\n"] == []
    assert len(said.splitlines()) > 1 or way == "next_command"


def test_columns_stand_under_each_other_beside_what_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    out.print_table("Keys", ("provider", "secrets"), [("a\nb\x1b", 1), ("azurekv.prod", 10)])
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  provider      secrets",
        r"  a\nb\x1b            1",
        "  azurekv.prod       10",
    ]


@pytest.mark.parametrize("way", ["bar", "log"])
def test_progress_and_log_escape_it_too(
    way: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def happens(listen: Emit) -> None:
        listen(Warned("name", EVIL))
        listen(Quarantined("data_source", "1", "a field of " + EVIL, "undecryptable", ""))
        listen(Waiting(EVIL))

    if way == "bar":
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "200")
        with progress_listener() as listen:
            happens(listen)
    else:
        happens(LogListener("console", 2, LoggedTrace.of_environment({})))
    said = capsys.readouterr().err
    # Warning, quarantine, and the reason to wait.
    assert said.count(HARMLESS) >= 3
    assert "\x1b]0;" not in said
    assert not {"\x07", "\x9b", "\u202e", "\udc80", "\x7f"} & set(said)


def test_a_document_is_as_it_is_for_a_program_and_harmless_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"# {'word ' * 40}\n\n{EVIL.replace(chr(0xDC80), '')}\x1b[31m\n"
    out.document(text)
    assert capsys.readouterr().out == text
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    out.document(text)
    assert capsys.readouterr().out == printable_lines(text)


@given(st.text())
def test_nothing_that_controls_a_terminal_passes(text: str) -> None:
    assert printable(text).isprintable()
    assert shown(text).isprintable()
    assert printable(printable(text)) == printable(text)
    lines = printable_lines(text)
    assert lines.count("\n") == text.count("\n")
    assert lines.replace("\n", "").isprintable()
