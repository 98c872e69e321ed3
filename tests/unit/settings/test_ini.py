from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.errors import ConfigurationError
from reencrypt.settings.ini import parse_ini


def read(text: str) -> dict[str, dict[str, str]]:
    """Parse, drop the line numbers and the default section if it is empty."""
    parsed = parse_ini(text, "test.ini")
    sections = {section: {key: value.text for key, value in keys.items()} for section, keys in parsed.items()}
    return sections if sections["DEFAULT"] else {name: keys for name, keys in sections.items() if name != "DEFAULT"}


def value(line: str) -> str:
    return read(f"key = {line}")["DEFAULT"]["key"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("plain", "plain"),
        ("  spaces around \t", "spaces around"),
        ("a b  c", "a b  c"),
        ("", ""),
        ("x ; comment", "x"),
        ("x # comment", "x"),
        ("pa#ss;word", "pa"),
        ("# nothing but a comment", ""),
        ('"""pa#ss;word"""', "pa#ss;word"),
        ('"""  kept  """ # comment', "  kept  "),
        ('""""""', ""),
        ('"""ends in a quote""""', 'ends in a quote"'),
        ('"""', '"""'),
        ("`back#ticks`", "back#ticks"),
        ("`a` `b`", "a` `b"),
        ('"double"', "double"),
        ("'single'", "single"),
        ("'it's'", "'it's'"),
        ('"half', '"half'),
        ("'mixed\"", "'mixed\""),
        ("'a#b'", "'a"),
        ('""', ""),
        ("=x:y=z", "=x:y=z"),
        ("a\x1fb\x1f", "a\x1fb\x1f"),
        ("\u00a0x\u3000", "x"),
        ("C:\\data", "C:\\data"),
        ("${NAME} %(x)s $__file{/a}", "${NAME} %(x)s $__file{/a}"),
    ],
)
def test_a_value_reads_as_go_ini_reads_it(written: str, meant: str) -> None:
    assert value(written) == meant


def test_a_backslash_at_the_end_continues_the_value_and_comments_mean_nothing_in_it() -> None:
    assert value("one \\\n   two # not a comment \\\n three\nother = 1") == "one two # not a comment three"


def test_a_continuation_ends_at_an_empty_line() -> None:
    assert read("key = one \\\n\nother = 2")["DEFAULT"] == {"key": "one ", "other": "2"}


def test_a_continuation_may_be_the_last_line_of_the_file() -> None:
    assert value("one\\") == "one"


def test_a_triple_quoted_value_keeps_its_line_breaks() -> None:
    text = '[a]\nkey = """first\n  second\r\nthird""" ; comment\nnext = 1'
    assert read(text)["a"] == {"key": "first\n  second\r\nthird", "next": "1"}


def test_a_triple_quoted_value_may_begin_on_the_next_line() -> None:
    assert value('"""\nfirst\n"""') == "\nfirst\n"


@pytest.mark.parametrize(
    ("line", "key", "meant"),
    [
        ("key=value", "key", "value"),
        ("key: value", "key", "value"),
        ("key : a = b", "key", "a = b"),
        ("  indented = value", "indented", "value"),
        ("two words = value", "two words", "value"),
        ('"a = b" = value', "a = b", "value"),
        ('"""a " b""" = value', 'a " b', "value"),
        ("`a:b` : value", "a:b", "value"),
    ],
)
def test_a_key_reads_as_go_ini_reads_it(line: str, key: str, meant: str) -> None:
    assert read(line)["DEFAULT"] == {key: meant}


def test_a_key_that_is_a_hyphen_is_numbered_within_its_section() -> None:
    assert read("[a]\n- = x\n- = y\n[b]\n- = z") == {"a": {"#1": "x", "#2": "y"}, "b": {"#1": "z"}}


def test_comments_and_empty_lines_are_passed_over() -> None:
    assert read("# one\n; two\n\n  # three\n[a] # four\nk = v\n") == {"a": {"k": "v"}}


def test_sections_and_keys_are_case_sensitive() -> None:
    assert read("[A]\nk = 1\n[a]\nK = 2\nk = 3") == {"A": {"k": "1"}, "a": {"K": "2", "k": "3"}}


def test_a_section_written_twice_is_one_and_the_last_key_wins() -> None:
    assert read("[a]\nk = 1\nl = 1\n[b]\n[a]\nk = 2") == {"a": {"k": "2", "l": "1"}, "b": {}}


def test_a_header_ends_at_the_last_bracket_of_its_line() -> None:
    assert read("[a] ; see [b]\nk = 1") == {"a] ; see [b": {"k": "1"}}


def test_windows_line_ends_and_a_byte_order_mark_are_no_part_of_anything() -> None:
    assert read("\ufeff[a]\r\nk = v\r\n\r\nl = \r\n") == {"a": {"k": "v", "l": ""}}


def test_a_value_knows_its_line() -> None:
    sections = parse_ini('# top\n[a]\nk = """1\n2\n3"""\nl = 2', "test.ini")
    assert (sections["a"]["k"].line, sections["a"]["l"].line) == (3, 6)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("[a]\nb = 1\nhunter2canary", 3, "no = between"),
        ("[hunter2canary", 1, "no closing ]"),
        ("\n\n[]", 3, "empty"),
        ("=hunter2canary", 1, "no key"),
        ('""=hunter2canary', 1, "no key"),
        ('"""hunter2canary', 1, "no closing quote"),
        ('"""hunter2canary"""', 1, "no = between"),
        ('k = 1\nl = """hunter2canary\nmore\n', 2, "no closing"),
        ("k = `hunter2canary", 1, "no closing"),
    ],
)
def test_an_error_names_file_and_line_and_never_the_content(text: str, line: int, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_ini(text, "/etc/grafana/grafana.ini")
    assert caught.value.message.startswith(f"/etc/grafana/grafana.ini, line {line}: ")
    assert problem in caught.value.message
    assert "hunter2canary" not in caught.value.message + caught.value.hint


@given(st.text())
def test_the_parser_raises_nothing_but_configuration_errors_on_any_text(text: str) -> None:
    try:
        parse_ini(text, "test.ini")
    except ConfigurationError as error:
        assert error.hint  # noqa: PT017 (both outcomes are right)


@given(st.text(alphabet="[]=:\"'`#;\\\n \t-ab", max_size=40))
def test_the_parser_raises_nothing_but_configuration_errors_on_texts_made_of_its_own_signs(text: str) -> None:
    try:
        parse_ini(text, "test.ini")
    except ConfigurationError as error:
        assert error.hint  # noqa: PT017 (both outcomes are right)


names = st.text(alphabet=st.characters(categories=("L", "Nd"), include_characters="._-"), min_size=1).filter(
    lambda name: name != "-"
)
values = st.text().filter(lambda text: '"""' not in text)


@given(section=names, key=names, text=values)
def test_whatever_is_written_in_triple_quotes_reads_back(section: str, key: str, text: str) -> None:
    assert parse_ini(f'[{section}]\n{key} = """{text}"""\n', "test.ini")[section][key].text == text
