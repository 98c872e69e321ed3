"""Shards: every member is in exactly one, the same everywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.errors import ConfigurationError
from reencrypt.fleet.shard import COUNT_VARIABLE, INDEX_VARIABLE, Shard


@given(st.text(min_size=1), st.integers(1, 50))
def test_each_name_is_in_one_shard(name: str, count: int) -> None:
    assert sum(Shard(index, count).has(name) for index in range(count)) == 1


def test_a_name_stays_where_it_is() -> None:
    """A list that is worked on by pods of two versions must not have members that none of them takes."""
    assert [name for name in ("a", "b", "c", "d", "e", "f") if Shard(1, 3).has(name)] == ["a", "b"]


def test_names_are_spread() -> None:
    sizes = [sum(Shard(index, 8).has(f"grafana-{number}") for number in range(1000)) for index in range(8)]
    assert min(sizes) > 90


@pytest.mark.parametrize("text", ["", "1", "3/3", "-1/3", "0/0", "1/2/3", "a/b", " 0/1", "0/99999", "\u0660/\u0663"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="INDEX/COUNT"):
        Shard.parse(text)


def test_an_indexed_job_says_which_one() -> None:
    assert Shard.of_environment({}) is None
    assert Shard.of_environment({INDEX_VARIABLE: "2", COUNT_VARIABLE: "3"}) == Shard.parse("2/3") == Shard(2, 3)


@pytest.mark.parametrize(
    "environ", [{INDEX_VARIABLE: "0"}, {COUNT_VARIABLE: "3"}, {INDEX_VARIABLE: "3", COUNT_VARIABLE: "3"}]
)
def test_half_of_it_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=f"{INDEX_VARIABLE}|{COUNT_VARIABLE}") as caught:
        Shard.of_environment(environ)
    assert "completions" in caught.value.hint
