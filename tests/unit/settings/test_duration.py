from __future__ import annotations

from datetime import timedelta

import pytest

from reencrypt.settings.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15m", 900), ("1h30m", 5400), ("1.5s", 1.5), (".5s", 0.5), ("0", 0), ("-1m", -60), ("+2ms", 0.002)],
)
def test_a_duration_reads_as_go_reads_it(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "15", "15 m", "1d", "m", "1h-1m", "one", "9999999h", "1" * 400 + "h", "\u0661m"])
def test_what_go_cannot_read_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None
