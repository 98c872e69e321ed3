"""Connection strings in the dialect of Go's MySQL driver, and its TLS modes."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.databases.mysql.dsn import parse_dsn, target_of
from reencrypt.errors import ConfigurationError
from reencrypt.settings import load_settings


@given(password=st.text(max_size=30), user=st.from_regex(r"[a-z_]{1,8}", fullmatch=True))
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
        ("/g", "127.0.0.1", 3306, "", "g", ""),
        ("/", "127.0.0.1", 3306, "", "", ""),
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
