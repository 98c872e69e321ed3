"""Pages grow and shrink until their locks are held as long as the engine's policy says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.databases.protocol import LockPolicy
from reencrypt.operations.migrate.page_sizer import PageSizer

POLICY = LockPolicy(hold_seconds=0.05, gaps=False)


@given(st.floats(1e-5, 1e-3), st.integers(1, 2000))
def test_pages_become_as_long_as_the_policy_says(row_seconds: float, start: int) -> None:
    sizer = PageSizer(POLICY, start)
    for _ in range(20):
        sizer.learn(sizer.rows, sizer.rows * row_seconds)
    assert sizer.rows == 2000 or 0.04 < sizer.rows * row_seconds < 0.06


def test_one_page_moves_it_by_half_or_double_at_most() -> None:
    sizer = PageSizer(POLICY, 400)
    sizer.learn(400, 1e-9)
    assert sizer.rows == 800
    sizer.learn(800, 60.0)
    assert sizer.rows == 400


def test_the_short_last_page_of_a_location_changes_nothing() -> None:
    sizer = PageSizer(POLICY, 800)
    for rows in (0, 1, 30):
        sizer.learn(rows, 0.002)
    assert sizer.rows == 800


def test_a_short_page_that_was_locked_for_long_counts() -> None:
    sizer = PageSizer(POLICY, 1000)
    sizer.learn(10, 0.2)
    assert sizer.rows == 500


def test_a_page_has_a_row_at_least() -> None:
    sizer = PageSizer(POLICY, 1)
    sizer.learn(1, 9.0)
    assert sizer.rows == 1


@given(st.floats(0.0, 0.1), st.floats(2e-5, 4e-4))
def test_the_round_trips_to_a_server_far_away_make_no_page_smaller(round_trip: float, row_seconds: float) -> None:
    sizer = PageSizer(POLICY)
    for _ in range(20):
        locked = 5 * round_trip + sizer.rows * row_seconds
        sizer.learn(sizer.rows, sizer.work_of(locked, round_trip))
    assert sizer.rows == 2000 or 0.04 < sizer.rows * row_seconds < 0.06


def test_one_round_trip_that_took_long_excuses_nothing() -> None:
    sizer = PageSizer(POLICY)
    assert sizer.work_of(0.1, 0.001) == pytest.approx(0.095)
    assert sizer.work_of(0.1, 0.5) == pytest.approx(0.095)
