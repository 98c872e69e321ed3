"""What Grafana's configuration can hold as a `secret_key`, and in which words everything else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.settings import holding, load_settings
from reencrypt.settings.holding import problem_of

TWO_LINES = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ\nq83vEjRWeJCrze8SNFZ4kA=="

TAKEN = (
    "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",  # openssl rand -base64 32
    "0123456789abcdef0123456789abcdef",  # openssl rand -hex 16
    "a passphrase, of several words!",
    "=:[]{}()<>|/?@*&^%$~+-_.,",
    "p\u00e4ssw\u00f6rter sind \u4e2d\u6587 \U0001f511",
)
REFUSED = (
    (TWO_LINES, "has more than one line"),
    ("the first line of a key\n", "has more than one line"),
    ("a key from another system\r", "has a carriage return (CR)"),
    ("a key from\r\nanother system", "has a carriage return (CR)"),
    ("a key with a\0in it", "has a NUL"),
    ("\ufeffa key from an editor", "has a byte order mark (BOM)"),
    ("a key in\ufeff two parts", "has a byte order mark (BOM)"),
    ("a key from a\u200bweb page", "invisible character (U+200B, ZERO WIDTH SPACE)"),
    ("a key from a\u200dweb page", "invisible character (U+200D, ZERO WIDTH JOINER)"),
    ("a key from a\u2060web page", "invisible character (U+2060, WORD JOINER)"),
    ("a key from a\u00adweb page", "invisible character (U+00AD, SOFT HYPHEN)"),
    ("a key from a\u202eweb page", "invisible character (U+202E, RIGHT-TO-LEFT OVERRIDE)"),
    ("a key from a\u00a0web page", "invisible character (U+00A0, NO-BREAK SPACE)"),
    ("a key from a\u3164chat", "invisible character (U+3164, HANGUL FILLER)"),
    ("a key from a\ufe0fchat", "invisible character (U+FE0F, VARIATION SELECTOR-16)"),
    ("a key with a\ttab", "invisible character (U+0009, a control character)"),
    ("a key with a\x1bescape", "invisible character (U+001B, a control character)"),
    ("a key of bytes \udcff", "is not text in UTF-8"),
    (" a key with a blank", "has blanks around it"),
    ("a key with a blank ", "has blanks around it"),
    ("${SECRET} and more", "has ${ in it"),
    ("$__file{/x} and more", "has $__ in it"),
    ("a key of %(others)s", "has %( in it"),
    ("a key with a # in it", "has # in it"),
    ("a key with a ; in it", "has ; in it"),
    ("`a key in quotes`", "has ` in it"),
    ('"a key in quotes"', 'has " in it'),
    ("'a key in quotes'", "has ' in it"),
    ("a key that goes on\\", "has \\ in it"),
)


def read_back(folder: Path, text: str) -> tuple[str, str]:
    """What the whole of the configuration makes of it: from a file, and from the environment."""
    ini = folder / "grafana.ini"
    ini.write_bytes(b"[security]\nsecret_key = " + text.encode() + b"\n")
    from_file = load_settings(config=ini, home=None, database_url="sqlite:////x", environ={})
    variables = {"GF_SECURITY_SECRET_KEY": text}
    from_variable = load_settings(config=None, home=None, database_url="sqlite:////x", environ=variables)
    return from_file.secret_key.reveal(), from_variable.secret_key.reveal()


@pytest.mark.parametrize("text", TAKEN)
def test_what_is_taken_is_read_back(tmp_path: Path, text: str) -> None:
    assert problem_of("security", "secret_key", text) == ""
    assert read_back(tmp_path, text) == (text, text)


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_what_is_refused_says_why(text: str, words: str) -> None:
    assert words in problem_of("security", "secret_key", text)


@given(st.text(st.characters(codec="utf-8"), min_size=16, max_size=24))
def test_whatever_is_taken_is_read_back(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    if not problem_of("security", "secret_key", text):
        assert read_back(tmp_path_factory.getbasetemp(), text) == (text, text)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a key with a # in it", "an ini file"),
        ("`a key in quotes`", "an ini file"),
        ("a key that goes on\\", "an ini file"),
        ("${SECRET} and more", "an ini file"),
        ("$__file{/x} and more", "an ini file"),
    ],
)
def test_what_no_rule_knows_is_found_by_reading_it_back(monkeypatch: pytest.MonkeyPatch, text: str, where: str) -> None:
    monkeypatch.setattr(holding, "_READ_OTHERWISE", ())
    assert problem_of("security", "secret_key", text) == f"is not what Grafana would read from {where}"
