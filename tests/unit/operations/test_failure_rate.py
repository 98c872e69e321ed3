"""How often secrets under a key fail: copies of one ciphertext say nothing new, good or bad."""

from __future__ import annotations

import pytest

from reencrypt.errors import RefusedError
from reencrypt.planning.options import SafetyOptions
from reencrypt.state.failure_rate import FailureRate


def page(*notes: tuple[bytes, bool]) -> FailureRate:
    """The tally of one page: ciphertexts, and whether each failed."""
    failure_rate = FailureRate()
    for text, failed in notes:
        failure_rate.note("k", text, failed=failed)
    return failure_rate


def run_of(*pages: FailureRate) -> FailureRate:
    total = FailureRate()
    for each in pages:
        total.add(each)
    return total


def test_copies_of_one_dead_secret_count_once_within_a_page_and_over_pages() -> None:
    good = page(*((b"good %d" % number, False) for number in range(30)))
    copies = page(*[(b"dead", True)] * 10)
    total = run_of(good, *[copies] * 10)
    assert (total.tried, total.failed) == ({"k": 31}, {"k": 1})
    total.check(SafetyOptions().max_quarantine, ["k"])


def test_copies_of_one_good_secret_hide_no_wrong_key() -> None:
    copies = page(*[(b"good", False)] * 100)
    bad = page(*((b"bad %d" % number, True) for number in range(24)))
    total = run_of(*[copies] * 10, bad)
    assert (total.tried, total.failed) == ({"k": 25}, {"k": 24})
    with pytest.raises(RefusedError, match="24 of 25 secrets under data key k"):
        total.check(SafetyOptions().max_quarantine, ["k"])


def test_what_is_remembered_is_bounded_and_what_is_new_still_counts() -> None:
    pages = [page(*((b"%d" % (start + number), True) for number in range(500))) for start in range(0, 5000, 500)]
    assert run_of(*pages).failed == {"k": 5000}
    assert run_of(*pages, pages[0]).failed == {"k": 5000}


def test_a_page_that_is_added_is_left_as_it_was() -> None:
    first, second = page((b"a", True), (b"b", False)), page((b"a", True))
    total = run_of(first, second, second)
    assert (total.tried, total.failed) == ({"k": 2}, {"k": 1})
    assert (second.tried, second.failed) == ({"k": 1}, {"k": 1})


def test_a_tally_goes_through_the_runs_row_with_the_keys_that_failed() -> None:
    total = run_of(page((b"a", True), (b"b", False)))
    total.note_moved("other", 7)
    again = FailureRate.from_json(total.to_json())
    assert (again.tried, again.failed) == ({"k": 2}, {"k": 1})


def test_parts_of_an_interrupted_run_add_up_to_what_the_run_had_counted() -> None:
    """Copies of a ciphertext in several parts, and parts that meet no failure after others have."""
    whole = run_of(page(*((b"good %d" % number, False) for number in range(50))))
    parts = [FailureRate() for _ in range(8)]
    for number, part in enumerate(parts):
        part.add(whole.add(page((b"a copy", True), (b"bad %d" % number, True))))
    saved = [part.to_json(whole) for part in parts]
    parts[0].add(whole.add(page(*((b"late %d" % number, False) for number in range(500)))))
    saved[0] = parts[0].to_json(whole)
    again = FailureRate()
    for text in saved:
        again.resume(FailureRate.from_json(text))
    assert (again.tried, again.failed) == (whole.tried, whole.failed) == ({"k": 559}, {"k": 9})
