"""Connection strings in lib/pq's dialect, and statements in positions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.databases.paramstyle import Positional
from reencrypt.databases.postgres.dsn import parse_keywords
from reencrypt.errors import ConfigurationError


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(max_size=20), max_size=5))
def test_whatever_is_quoted_reads_back(values: dict[str, str]) -> None:
    quoted = {key: value.replace("\\", "\\\\").replace("'", "\\'") for key, value in values.items()}
    assert parse_keywords(" ".join(f"{key}='{value}'" for key, value in quoted.items())) == values


def test_bare_values_spaces_and_escapes() -> None:
    assert parse_keywords(r" host = h  port=5432 password=a\ b\'c dbname='' ") == {
        "host": "h",
        "port": "5432",
        "password": "a b'c",
        "dbname": "",
    }


@given(st.text(max_size=60))
def test_any_text_reads_or_is_refused_without_being_quoted(text: str) -> None:
    try:
        parse_keywords(text)
    except ConfigurationError as error:
        assert "connection_string" in error.message  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize("text", ["host", "password='open", "=x", "host=a'b"])
def test_broken_strings_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_keywords(text)


def test_names_become_positions_and_casts_stay() -> None:
    statement = Positional.of("UPDATE t SET a = :b, c = :d::text WHERE b = :b")
    assert statement.text == "UPDATE t SET a = $1, c = $2::text WHERE b = $1"
    assert statement.values({"d": 2, "b": 1}) == (1, 2)
