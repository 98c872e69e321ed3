"""Named parameters for drivers that know only positions, one by one and by the thousand."""

from __future__ import annotations

import pytest

from reencrypt.databases.paramstyle import Positional, arranged, in_order

INSERT = "INSERT INTO t (a, b, c, d) VALUES (:a, :b, :c, :d)"


@pytest.mark.parametrize(
    ("names", "row", "shared"),
    [
        (("c", "d"), (3, 4), {"a": 1, "b": 2}),
        (("d", "c"), (4, 3), {"a": 1, "b": 2}),
        (("a", "b"), (1, 2), {"c": 3, "d": 4}),
        (("d", "b", "a", "c"), (4, 2, 1, 3), {}),
        ((), (), {"d": 4, "c": 3, "b": 2, "a": 1}),
    ],
)
def test_values_go_where_their_names_stand_whatever_their_order(
    names: tuple[str, ...], row: tuple[int, ...], shared: dict[str, int]
) -> None:
    query, parameters = in_order(INSERT, "?", names, [row, row], shared)
    assert query == "INSERT INTO t (a, b, c, d) VALUES (?, ?, ?, ?)"
    assert parameters == [(1, 2, 3, 4)] * 2


@pytest.mark.parametrize(
    ("names", "shared"),
    [(("c",), {"a": 1, "b": 2}), (("c", "d", "e"), {"a": 1, "b": 2}), (("c", "d"), {"a": 1, "b": 2, "c": 3})],
)
def test_a_name_that_is_missing_or_too_many_is_an_error(names: tuple[str, ...], shared: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="wanted a, b, c, d; given"):
        arranged(("a", "b", "c", "d"), names, [(3, 4)], shared)


def test_the_same_name_gets_the_same_position_and_a_cast_is_none() -> None:
    statement = Positional.of("SELECT :a::text, :b WHERE x = :a")
    assert (statement.text, statement.names) == ("SELECT $1::text, $2 WHERE x = $1", ("a", "b"))
    assert statement.values({"b": 2, "a": 1}) == (1, 2)
