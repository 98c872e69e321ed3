"""Connection strings in the dialect of Go's MySQL driver, and its TLS modes."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.databases.mysql.dsn import MysqlTarget, parse_dsn, target_of
from reencrypt.errors import ConfigurationError
from reencrypt.settings import load_settings

CANARY: Final = "Canary7"
_TEXT: Final = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


@given(password=_TEXT, user=st.from_regex(r"[a-z_]{1,8}", fullmatch=True))
def test_nothing_in_a_password_is_escaped(password: str, user: str) -> None:
    target = parse_dsn(f"{user}:{password}@tcp(db:3307)/grafana")
    assert (target.user, target.password.reveal(), target.host, target.port) == (user, password, "db", 3307)


@pytest.mark.parametrize(
    ("text", "host", "port", "socket", "name", "mode"),
    [
        ("u:p@tcp(db)/g", "db", 3306, "", "g", ""),
        ("u:p@tcp([::1]:3307)/g?tls=true", "::1", 3307, "", "g", "true"),
        ("u@unix(/run/mysqld/mysqld.sock)/g", "127.0.0.1", 3306, "/run/mysqld/mysqld.sock", "g", ""),
        ("u@unix/g", "127.0.0.1", 3306, "/tmp/mysql.sock", "g", ""),  # noqa: S108 - the driver's default
        ("u@/g%2Fh?collation=utf8mb4_unicode_ci&tls=skip-verify", "127.0.0.1", 3306, "", "g/h", "skip-verify"),
        ("u@/g", "127.0.0.1", 3306, "", "g", ""),
        ("u@/", "127.0.0.1", 3306, "", "", ""),
    ],
)
def test_forms_of_the_go_driver(text: str, host: str, port: int, socket: str, name: str, mode: str) -> None:
    target = parse_dsn(text)
    assert (target.host, target.port, target.socket, target.name, target.ssl_mode) == (host, port, socket, name, mode)


@pytest.mark.parametrize("text", ["canary", "u:canary@tcp(db/g", "u:canary@udp(db:1)/g", "u:canary@tcp(db:x)/g"])
def test_broken_strings_are_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_dsn(text)
    assert "canary" not in str(refused.value) + refused.value.hint


def tls_of(keys: str, tmp_path: Path) -> ssl.SSLContext | None:
    configuration = tmp_path / "grafana.ini"
    configuration.write_text(f"[database]\ntype = mysql\nhost = db:3306\nname = g\nuser = u\n{keys}\n")
    return target_of(load_settings(config=configuration, home=None, database_url=None, environ={}).database).tls()


@pytest.mark.parametrize("mode", ["", "false", "disable"])
def test_no_tls(mode: str, tmp_path: Path) -> None:
    assert tls_of(f"ssl_mode = {mode}", tmp_path) is None


@pytest.mark.parametrize(("mode", "verifies"), [("true", True), ("skip-verify", False), ("preferred", False)])
def test_tls_verifies_chain_and_name_or_nobody(mode: str, verifies: bool, tmp_path: Path) -> None:  # noqa: FBT001
    context = tls_of(f"ssl_mode = {mode}", tmp_path)
    assert context is not None
    assert context.check_hostname is verifies
    assert context.verify_mode is (ssl.CERT_REQUIRED if verifies else ssl.CERT_NONE)


@pytest.mark.parametrize("keys", ["ssl_mode = verify-full", "ssl_mode = true\nca_cert_path = /nowhere.pem"])
def test_a_mode_or_a_file_that_does_not_exist(keys: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        tls_of(keys, tmp_path)


def target(keys: str, tmp_path: Path) -> MysqlTarget:
    """What Grafana's own keys lead to."""
    configuration = tmp_path / "grafana.ini"
    configuration.write_text(f"[database]\ntype = mysql\n{keys}\n")
    return target_of(load_settings(config=configuration, home=None, database_url=None, environ={}).database)


def from_option(url: str) -> MysqlTarget:
    """What the command line's own URL leads to."""
    return target_of(load_settings(config=None, home=None, database_url=url, environ={}).database)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("db", ("db", 3306, "")),
        ("db:3307", ("db", 3307, "")),
        ("::1", ("::1", 3306, "")),  # as the driver adds its port
        ("[::1]:3307", ("::1", 3307, "")),
        ("/run/mysqld/mysqld.sock", ("127.0.0.1", 3306, "/run/mysqld/mysqld.sock")),
        ("/cloudsql/project:region:instance", ("127.0.0.1", 3306, "/cloudsql/project:region:instance")),
    ],
)
def test_hosts_of_grafanas_keys(host: str, expected: tuple[str, int, str], tmp_path: Path) -> None:
    found = target(f"host = {host}\nuser = u\nname = g", tmp_path)
    assert (found.host, found.port, found.socket) == expected


def test_grafanas_keys_are_read_as_its_driver_reads_them_without_quotes(tmp_path: Path) -> None:
    found = target('host = db\nuser = u@server\nname = g%2Fh\npassword = """p@w/#:)(?x"""', tmp_path)
    assert (found.user, found.password.reveal(), found.name) == ("u@server", "p@w/#:)(?x", "g/h")
    found = target("host = db\nuser = u:v\nname = g\npassword = p", tmp_path)
    assert (found.user, found.password.reveal()) == ("u", "v:p")


def test_the_urls_of_the_command_line_are_read_as_they_stand() -> None:
    found = from_option("mysql://u%3Av%40w:a%2Fb%40c@db/g%2Fh%3Fi")
    assert (found.user, found.password.reveal(), found.name) == ("u:v@w", "a/b@c", "g/h?i")


@pytest.mark.parametrize(
    "parameters",
    [
        "charset=utf8mb4&collation=utf8mb4_bin&parseTime=true&loc=Europe%2FBerlin&timeout=5s&readTimeout=1m",
        "allowNativePasswords=true&clientFoundRows=true&multiStatements=true&interpolateParams=true",
        "sql_mode=%27ANSI_QUOTES%27&transaction_isolation=%27READ-COMMITTED%27&wsrep_sync_wait=1&allowOldPasswords=0",
    ],
)
def test_parameters_for_grafanas_own_queries_change_nothing(parameters: str, tmp_path: Path) -> None:
    assert parse_dsn(f"u:p@tcp(db)/g?{parameters}") == parse_dsn("u:p@tcp(db)/g")
    assert from_option(f"mysql://u:p@db/g?{parameters}") == from_option("mysql://u:p@db/g")
    assert target(f"url = mysql://u:p@db/g?{parameters}", tmp_path) == target("url = mysql://u:p@db/g", tmp_path)


@pytest.mark.parametrize("parameter", ["serverPubKey=name", "allowOldPasswords=true"])
def test_a_parameter_about_passwords_that_is_not_followed_is_refused_by_name(parameter: str, tmp_path: Path) -> None:
    refusals: tuple[Callable[[], object], ...] = (
        lambda: parse_dsn(f"u:{CANARY}@tcp(db)/g?{parameter}"),
        lambda: from_option(f"mysql://u:{CANARY}@db/g?{parameter}"),
        lambda: target(f"url = mysql://u:{CANARY}@db/g?{parameter}", tmp_path),
    )
    for refuse in refusals:
        with pytest.raises(ConfigurationError, match=parameter.partition("=")[0]) as refused:
            refuse()
        assert CANARY not in refused.value.message + refused.value.hint


@pytest.mark.parametrize(
    "text",
    [
        f"u:{CANARY}@tcp(a,b)/g",
        f"u:{CANARY}@tcp(a:1,b:2)/g",
        f"u:{CANARY}@tcp(db:0)/g",
        f"u:{CANARY}@tcp(db:65536)/g",
        f"u:{CANARY}@tcp(db:٣٣٠٦)/g",
        f":{CANARY}@tcp(db)/g",  # asyncmy would sign in as whoever runs this process
        "/g",
        f"u:{CANARY}@tcp(db)/g?loc=Europe/Berlin",
        f"u:{CANARY}\0@tcp(db)/g",
        f"u\0:{CANARY}@tcp(db)/g",
        f"u:{CANARY}@tcp(db)/g%00",
        f"u:{CANARY}@tcp(db)/g%ff",
    ],
)
def test_what_cannot_be_followed_is_refused_without_the_password(text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_dsn(text)
    assert CANARY not in refused.value.message + refused.value.hint
    assert refused.value.hint


_PIECES: Final = st.lists(
    st.sampled_from(
        (
            "u",
            ":",
            "@",
            "tcp(",
            "unix(",
            ")",
            "/",
            "?",
            "&",
            "=",
            "tls=",
            "%",
            "%00",
            "[::1]",
            ",",
            ":3306",
            ":99999",
            "\0",
        )
    )
    | _TEXT,
    max_size=12,
).map("".join)


@given(text=_PIECES, prefix=st.sampled_from(("", f"u:{CANARY}@", "mysql://")))
def test_any_string_is_a_target_or_a_refusal_and_shows_no_password(text: str, prefix: str) -> None:
    for read in (parse_dsn, lambda each: from_option(f"mysql://{each}")):
        try:
            found = read(prefix + text)
            found.arguments()
            shown = found.display + repr(found)
        except ConfigurationError as error:
            shown = error.message + error.hint
        if f"u:{CANARY}@" in prefix + text and CANARY not in text:
            assert CANARY not in shown


@given(host=_PIECES, user=_TEXT, password=_TEXT, name=_PIECES)
def test_any_keys_of_grafana_are_a_target_or_a_refusal_and_show_no_password(
    host: str, user: str, password: str, name: str
) -> None:
    variables = {"TYPE": "mysql", "HOST": host, "USER": user, "PASSWORD": f"{CANARY}{password}", "NAME": name}
    try:
        settings = load_settings(
            config=None,
            home=None,
            database_url=None,
            environ={f"GF_DATABASE_{key}": value for key, value in variables.items()},
        )
        found = target_of(settings.database)
        found.arguments()
        shown = found.display + repr(found)
    except ConfigurationError as error:
        shown = error.message + error.hint
    assert CANARY not in shown
