"""The geometry of a report's charts."""

from __future__ import annotations

from typing import Any

from reencrypt.reports.charts import WIDTH, before_and_after, timeline


def row(state: str, before: int | None, after: int) -> dict[str, Any]:
    return {"location": "secrets", "provider": "a", "state": state, "before": before, "after": after}


def test_the_bars_share_a_scale_and_their_parts_add_up() -> None:
    before, after = before_and_after([row("old", 60, 10), row("current", 0, 90)])
    assert (before.name, before.total, after.name, after.total) == ("before", 60, "after", 100)
    assert [(each.kind, each.number, each.x, each.width) for each in after.bars] == [
        ("current", 90, 0.0, 0.9 * WIDTH),
        ("old", 10, 0.9 * WIDTH, 0.1 * WIDTH),
    ]
    assert [each.width for each in before.bars] == [0.6 * WIDTH]


def test_without_an_audit_there_is_one_bar_and_with_no_secrets_none_has_parts() -> None:
    assert [each.name for each in before_and_after([row("old", None, 10)])] == ["after"]
    assert [each.total for each in before_and_after([])] == [0, 0]


def invocation(*samples: tuple[float, int], end: bool = True) -> dict[str, Any]:
    pace = [{"seconds": seconds, "looked_at": looked_at, "waits": {}} for seconds, looked_at in samples]
    return {"pace": pace[:-1] if end else pace, "end": pace[-1] if end else None}


def test_the_line_is_the_rate_between_samples_over_all_invocations() -> None:
    line = timeline([invocation((0, 0), (10, 100), (20, 300), end=False), invocation((0, 0), (20, 400))], 100)
    assert line is not None
    assert (line.most, line.seconds) == (20.0, 40.0)
    assert line.points == "180.0,50.0 360.0,0.0 720.0,0.0"


def test_a_run_that_was_sampled_once_or_stood_still_draws_nothing_wrong() -> None:
    assert timeline([invocation((0, 0), (1, 5))], 100) is None
    assert timeline([], 100) is None
    still = timeline([invocation((0, 0), (1, 0), (2, 0))], 100)
    assert still is not None
    assert (still.most, still.points) == (1.0, "360.0,100.0 720.0,100.0")


def test_a_long_run_has_no_more_points_than_a_line_shows() -> None:
    line = timeline([invocation(*[(second, second * 7) for second in range(5000)])], 100)
    assert line is not None
    points = line.points.split()
    assert len(points) <= 200
    assert points[-1] == f"{WIDTH}.0,0.0"
