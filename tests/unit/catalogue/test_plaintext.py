"""Plaintexts are judged by kind, in bits of evidence that never say more than chance allows."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.catalogue.plaintext import Kind, are_plausible, evidence, is_plausible

PEM = b"-----BEGIN PRIVATE KEY-----\nMIG\n-----END PRIVATE KEY-----\n"
LENGTHS = range(1, 65)


@pytest.mark.parametrize(
    ("plaintext", "kind", "bits"),
    [
        (b"", Kind.TEXT, 0),
        (b"\x00\xff", Kind.BYTES, 0),
        (b"0123456789", Kind.TEXT, 11),
        (b"tab\tcr\rlf\n", Kind.TEXT, 11),
        ("pässwörd".encode(), Kind.TEXT, 11),
        (b"nul\x00", Kind.TEXT, -8),
        (b"del\x7f", Kind.TEXT, -8),
        (b"\xff\xfe", Kind.TEXT, -8),
        (b"{}", Kind.JSON, 16),
        (b'{"password":"long enough"}', Kind.JSON, 1.1 * 26),
        (b'{"password"', Kind.JSON, -8),
        (b' {"a":[1]}\r\n\t', Kind.JSON, 16),
        (b"null", Kind.JSON, 16),
        (b"null null", Kind.JSON, -8),
        (b"nul", Kind.JSON, -8),
        (b"[]", Kind.JSON, 15),
        (b"7", Kind.JSON, 1.1),
        (b"17", Kind.JSON, 2.2),
        (b"true", Kind.JSON, 4.4),
        (b'"a"', Kind.JSON, 3.3),
        (b"9" * 5000, Kind.JSON, 5500),
        (b'{"password":"del\x7f"}', Kind.JSON, 1.1 * 19),
        (b'{"password":"\x01"}', Kind.JSON, -8),
        (b'{"password":"\xff"}', Kind.JSON, -8),
        (b"NaN", Kind.JSON, -8),
        (b"[-Infinity]", Kind.JSON, -8),
        (b"{} {}", Kind.JSON, -8),
        (b" ", Kind.JSON, -8),
        ("\ufeff{}".encode(), Kind.JSON, -8),
        ("\u00a0{}".encode(), Kind.JSON, -8),
        (b"[" * 100_000, Kind.JSON, -8),
        (PEM, Kind.PEM, 1.1 * len(PEM)),
        (PEM[:-6], Kind.PEM, -8),
    ],
)
def test_evidence(plaintext: bytes, kind: Kind, bits: float) -> None:
    assert evidence(plaintext, kind) == pytest.approx(bits)
    assert is_plausible(plaintext, kind) == (bits >= 0)


# -- No more bits than chance allows: of random strings of each length at most 2 * 2**-b score b bits or more. --


def assert_scores_are_honest(scored: Mapping[float, float], total: float, *, measured: bool = False) -> None:
    """`scored` is how many of `total` strings have which score, every one of them unless it was `measured`."""
    for bits in scored:
        there = sum(number for score, number in scored.items() if score >= bits)
        allowed = 2 * 2.0**-bits * total
        # Of a sample the bound holds for what is expected; what is drawn strays from that.
        assert there <= allowed + (5 * allowed**0.5 + 5 if measured else 0), (bits, there, allowed)


def scores(strings: Iterable[bytes], kind: Kind) -> Counter[float]:
    return Counter(bits for each in strings if (bits := evidence(each, kind)) >= 0)


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.JSON, Kind.PEM])
@pytest.mark.parametrize("length", [1, 2])
def test_of_all_short_strings_no_more_score_than_chance_allows(length: int, kind: Kind) -> None:
    every = (bytes(each) for each in itertools.product(range(256), repeat=length))
    assert_scores_are_honest(scores(every, kind), 256**length)


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.JSON, Kind.PEM])
def test_of_random_strings_no_more_score_than_chance_allows(kind: Kind) -> None:
    source = random.Random(14)
    for length in LENGTHS:
        number = 20_000 if length <= 16 else 500
        drawn = (source.randbytes(length) for _ in range(number))
        assert_scores_are_honest(scores(drawn, kind), number, measured=True)


def test_of_every_length_no_more_texts_score_than_chance_allows() -> None:
    for length, number in enumerate(texts(max(LENGTHS)), start=0):
        if length:
            assert_scores_are_honest({evidence(b"x" * length, Kind.TEXT): number / 256**length}, 1)


def test_of_every_length_no_more_json_documents_score_than_chance_allows() -> None:
    objects, arrays, scalars = json_documents(max(LENGTHS))
    shortest = {0: b"{}", 1: b"[]", 2: b"0"}
    for length in LENGTHS:
        found: Counter[float] = Counter()
        for index, numbers in enumerate((objects, arrays, scalars)):
            if numbers[length]:
                found[evidence(shortest[index].ljust(length), Kind.JSON)] += numbers[length] / 256**length
        assert_scores_are_honest(found, 1)


def test_what_is_counted_here_is_what_the_program_takes_for_plausible() -> None:
    kinds = {Kind.TEXT: texts(3), Kind.JSON: [sum(each) for each in zip(*json_documents(3), strict=True)]}
    for kind, numbers in kinds.items():
        for length in (1, 2):
            every = itertools.product(range(256), repeat=length)
            assert sum(is_plausible(bytes(each), kind) for each in every) == numbers[length]
    # Of three bytes only those that begin as a document does.
    beginnings = b' \t\n\r-0123456789"{[ntf'
    every_third = (bytes((first, *rest)) for first in beginnings for rest in itertools.product(range(256), repeat=2))
    assert sum(is_plausible(each, Kind.JSON) for each in every_third) == kinds[Kind.JSON][3]


# How many strings of each length there are, counted by their grammar: the polynomials of the lengths of their parts.

Polynomial = list[int]


def texts(longest: int) -> Polynomial:
    """UTF-8 without control characters but tab, CR and LF: 98 of one byte, 30 * 64 of two, and so on."""
    return repeated(polynomial({1: 98, 2: 30 * 64, 3: 61_440, 4: 1_048_576}, longest))


def json_documents(longest: int) -> tuple[Polynomial, Polynomial, Polynomial]:
    """Objects (with `null`, which scores alike), arrays, and all other documents, each with space around it."""

    def of(**lengths: int) -> Polynomial:
        return polynomial({int(length[1:]): number for length, number in lengths.items()}, longest)

    comma, space = of(n1=1), repeated(of(n1=4))
    characters = of(n1=96 - 2, n2=30 * 64 + 8, n3=61_440, n4=1_048_576, n6=22**4)
    string = product(of(n2=1), repeated(characters))
    digits = product(of(n1=10), repeated(of(n1=10)))
    whole = total(of(n1=1), product(of(n1=9), repeated(of(n1=10))))
    fraction = total(of(n0=1), product(of(n1=1), digits))
    exponent = total(of(n0=1), product(of(n1=2), product(of(n0=1, n1=2), digits)))
    number = product(of(n0=1, n1=1), product(whole, product(fraction, exponent)))
    scalars = total(string, total(number, of(n4=1, n5=1)))  # true, false
    null, objects, arrays = of(n4=1), of(), of()
    for _ in range(longest):
        # A document within another is at least two bytes shorter, so each round settles another length.
        element = padded(total(total(scalars, null), total(objects, arrays)), space)
        member = product(product(of(n1=1), padded(string, space)), element)
        arrays = product(of(n2=1), total(space, product(element, repeated(product(comma, element)))))
        objects = product(of(n2=1), total(space, product(member, repeated(product(comma, member)))))
    return padded(total(objects, null), space), padded(arrays, space), padded(scalars, space)


def polynomial(numbers: Mapping[int, int], longest: int) -> Polynomial:
    return [numbers.get(length, 0) for length in range(longest + 1)]


def total(one: Polynomial, other: Polynomial) -> Polynomial:
    return [a + b for a, b in zip(one, other, strict=True)]


def product(one: Polynomial, other: Polynomial) -> Polynomial:
    return [sum(one[at] * other[length - at] for at in range(length + 1)) for length in range(len(one))]


def padded(inner: Polynomial, space: Polynomial) -> Polynomial:
    return product(space, product(inner, space))


def repeated(part: Polynomial) -> Polynomial:
    """Any number of parts, none among them; a part is not empty."""
    found = [1]
    for length in range(1, len(part)):
        found.append(sum(part[at] * found[length - at] for at in range(1, length + 1)))
    return found


# What is JSON only together with the value before it or behind it, and what is nearly the form that is matched.
PARTS = (
    *(b'{"a":"b"', b'"c":"d"}', b'{"a":"b"}', b'{"a":"b"},{"c":"d"}', b'{"a":"b"}\n{"c":"d"}', b'{"a":"b"}\n'),
    *(b'"', b'{"', b'{"a":"\\', b'{"a":"\\"}', b'{"a":"\\u00e4\\/\\n"}', b'{"a":"\\u00g4"}', b'{"a":"\\x"}'),
    *(b'{"a":1}', b"{}", b"null", b"nullnull", b"null\n", b"", b"\n", b'{"a":"\xc3', b'\xa4"}', b'{"a":"\xc3\xa4"}'),
    *(b"\xc3", b"\xa4", b"text", b"\0", b'{"a":"\x7f"}', b'{"a":"\n"}', b'{"a":"b",}', b'{,"a":"b"}'),
    *(b'{"a":"b","a":"c"}', PEM),
)


@given(st.lists(st.one_of(st.sampled_from(PARTS), st.binary(max_size=3)), max_size=6), st.sampled_from(Kind))
def test_values_are_plausible_together_exactly_where_each_is(plaintexts: list[bytes], kind: Kind) -> None:
    assert are_plausible(plaintexts, kind) == all(is_plausible(each, kind) for each in plaintexts)


@pytest.mark.parametrize("kind", Kind)
def test_each_pair_of_values_is_plausible_together_exactly_where_both_are(kind: Kind) -> None:
    for first, second in itertools.product(PARTS, repeat=2):
        both = is_plausible(first, kind) and is_plausible(second, kind)
        assert are_plausible([first, second], kind) == both, (first, second)
