"""What the demonstration tells fits the terminal, its own words and the output of the commands that it shows."""

from __future__ import annotations

import pytest

from reencrypt.demo.stage import Stage


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_longer_than_the_terminal_and_no_word_is_broken(width: int) -> None:
    lines: list[str] = []
    stage = Stage(lambda text: lines.extend(text.split("\n")), width)
    prose = "The interrupted run resumes behind the last committed stage. " * 4
    output = "A running Grafana may have saved under an older data key for up to 15 minutes meanwhile. " * 3
    stage.heading("A title", prose)
    stage.item(prose)
    stage.output(output)
    assert max(map(len, lines)) <= width
    assert " ".join(lines).count("interrupted") == 8
    assert " ".join(lines).count("Grafana") == 3
