"""A verification counts every problem, however many of them it can name."""

from __future__ import annotations

from reencrypt.crypto.algorithm import Algorithm
from reencrypt.crypto.envelope import Envelope
from reencrypt.operations.verify.keys import KEY_RETIRES, PROVIDER_NOT_CONFIGURED
from reencrypt.operations.verify.verification import NAMED_PROBLEMS, Problem, Verification


def problem(number: int, *, reason: str = "implausible_plaintext", quarantine: str = "") -> Problem:
    return Problem(
        "user_auth", f"[{number}]", "token", reason, "", quarantine, "user_auth", "token", b"%d" % number, "a key"
    )


def test_problems_are_counted_beyond_those_that_are_named() -> None:
    verification = Verification()
    for number in range(NAMED_PROBLEMS + 5):
        verification.add(problem(number))
    assert (verification.unreadable, len(verification.problems), verification.unnamed) == (
        NAMED_PROBLEMS + 5,
        NAMED_PROBLEMS,
        5,
    )


def test_what_is_given_up_is_always_named_because_the_journal_is_searched_for_it() -> None:
    verification = Verification()
    for number in range(NAMED_PROBLEMS):
        verification.add(problem(number))
    verification.add(problem(-1, quarantine="acknowledged"))
    verification.add(problem(-2, quarantine="open"))
    assert [each.key for each in verification.problems[NAMED_PROBLEMS:]] == ["[-1]"]
    assert (verification.quarantined, verification.unreadable, verification.unnamed) == (2, NAMED_PROBLEMS, 1)


def test_a_problem_of_the_configuration_or_of_the_question_is_told_from_a_secret_that_does_not_read() -> None:
    verification = Verification()
    for reason in (PROVIDER_NOT_CONFIGURED, KEY_RETIRES, "authentication_failed"):
        verification.add(problem(1, reason=reason))
    assert (verification.of_configuration, verification.unreadable) == (1, 3)
    assert verification.reasons[KEY_RETIRES] == 1


def test_a_location_that_is_read_again_counts_its_evidence_again_and_its_copies_once() -> None:
    secret = Envelope("k", Algorithm.AES_CFB, prefixed=True, salt=b"saltSALT", nonce=b"n" * 16, body=b"a ciphertext")
    before = Verification()
    # A scan that missed rows is made again, from what there was before it.
    for _ in range(2):
        again = before.copy()
        again.weigh(secret, 20.0)
        again.weigh(secret, 20.0)
        assert again.proven_bits == {"k": 20.0}
    assert before.proven_bits == {}
