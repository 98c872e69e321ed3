from __future__ import annotations

import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.errors import ConfigurationError
from reencrypt.settings.url import parse_url, split_host_port


def test_a_url_is_split_and_decoded() -> None:
    url = parse_url("Postgres://us%40er:p%3Ass@[::1]:5432/graf%61na/x?sslmode=require&a=b+c&bad=%zz&c;d=1#x", "test")
    assert (url.scheme, url.user, url.password, url.host) == ("postgres", "us@er", "p:ss", "[::1]:5432")
    assert (url.path, url.query) == ("/grafana/x", (("sslmode", "require"), ("a", "b c")))


def test_the_user_ends_at_the_last_at_sign_and_at_the_first_colon() -> None:
    url = parse_url("mysql://a:b:c@d@host/db", "test")
    assert (url.user, url.password, url.host) == ("a", "b:c@d", "host")


def test_everything_but_the_scheme_may_be_missing() -> None:
    url = parse_url("postgres://", "test")
    assert (url.user, url.password, url.host, url.path, url.query) == ("", "", "", "", ())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("hunter2canary", "scheme://"),
        ("postgres:hunter2canary", "scheme://"),
        ("://hunter2canary", "scheme://"),
        ("postgres://user:hunter2canary%@host/db", "hexadecimal"),
        ("postgres://user:hunter2canary%ff@host/db", "not UTF-8"),
        ("postgres://user:hunter2canary^@host/db", "percent-encoded"),
        ("postgres://user:hunter2 canary@host/db", "percent-encoded"),
        ("postgres://user:hunter2canary\n@host/db", "control character"),
        ("postgres://user:hunter2canary@ho st/db", "host"),
        ("postgres://user:hunter2canary@host/%zz", "hexadecimal"),
    ],
)
def test_a_url_that_grafana_cannot_read_is_refused_without_showing_it(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match="from GF_DATABASE_URL") as caught:
        parse_url(text, "GF_DATABASE_URL")
    assert problem in caught.value.message
    assert "hunter2" not in caught.value.message + caught.value.hint


@given(st.text(alphabet=string.printable) | st.text())
def test_any_password_survives_a_url_when_it_is_percent_encoded(password: str) -> None:
    url = parse_url(f"postgres://grafana:{quote(password, safe='')}@db:5432/grafana?sslmode=disable", "test")
    assert url.password == password
    assert (url.user, url.host, url.path) == ("grafana", "db:5432", "/grafana")


@given(st.text())
def test_the_url_parser_raises_nothing_but_configuration_errors(text: str) -> None:
    try:
        parse_url(f"mysql://{text}", "test")
    except ConfigurationError as error:
        assert error.hint  # noqa: PT017 (both outcomes are right)


def test_a_url_shows_neither_user_nor_password_in_its_repr() -> None:
    assert "canary" not in repr(parse_url("mysql://canary-user:canary@host/db?password=canary", "test"))


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("db", "db", 5432),
        ("db:5433", "db", 5433),
        (":5433", "127.0.0.1", 5433),
        ("db:", "db", 5432),
        ("", "127.0.0.1", 5432),
        ("[::1]:5433", "::1", 5433),
        ("[::1]", "::1", 5432),
        ("/var/run/postgresql", "/var/run/postgresql", 5432),
        ("/var/run/postgresql:5433", "/var/run/postgresql", 5433),
        # These two Grafana refuses for PostgreSQL, and they mean one thing alone.
        ("::1", "::1", 5432),
        ("/cloudsql/project:region:instance", "/cloudsql/project:region:instance", 5432),
    ],
)
def test_host_and_port_are_split_as_grafana_splits_them(text: str, host: str, port: int) -> None:
    assert split_host_port(text, default_host="127.0.0.1", default_port=5432, origin="test") == (host, port)


@pytest.mark.parametrize("text", ["a:b", "a:٥٤٣٢", "a:1:2", "a:0", "a:65536", "[::1", "[::1]5432", "a:" + "9" * 5000])
def test_a_host_that_has_no_port_where_one_should_be_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="the database host from test is not host:port"):
        split_host_port(text, default_host="", default_port=5432, origin="test")


@pytest.mark.parametrize("text", ["a,b", "a:1,b:2", "[::1]:1,[::2]:1"])
def test_several_servers_are_refused_because_any_of_them_might_answer(text: str) -> None:
    with pytest.raises(ConfigurationError, match="names several servers"):
        split_host_port(text, default_host="", default_port=5432, origin="test")


@pytest.mark.parametrize(
    "text", ["postgres://u:12/canary@db/g", "postgres://u:12?canary@db/g", "mysql://u:12#canary@db/g"]
)
def test_a_password_that_would_make_its_user_the_host_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_url(text, "test")
    assert "%2F" in refused.value.hint
    assert "canary" not in str(refused.value) + refused.value.hint


def test_an_at_sign_in_a_parameter_is_no_password() -> None:
    assert parse_url("postgres://db/g?user=grafana@server", "test").query == (("user", "grafana@server"),)
