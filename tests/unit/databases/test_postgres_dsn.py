"""Connection strings in lib/pq's dialect: what they lead to, and what is refused rather than led elsewhere."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reencrypt.databases.paramstyle import Positional
from reencrypt.databases.postgres.dsn import PostgresTarget, parse_keywords, target_of
from reencrypt.errors import ConfigurationError
from reencrypt.secret import Secret
from reencrypt.settings import DatabaseSettings, load_settings

CANARY: Final = "Canary7"


def target(keys: str, tmp_path: Path, **environment: str) -> PostgresTarget:
    """What Grafana's own keys lead to."""
    configuration = tmp_path / "grafana.ini"
    configuration.write_text(f"[database]\ntype = postgres\n{keys}\n")
    settings = load_settings(config=configuration, home=None, database_url=None, environ={}).database
    return target_of(settings, environment)


def from_string(text: str, tmp_path: Path, **environment: str) -> PostgresTarget:
    """What a connection string leads to."""
    return target(f'connection_string = """{text}"""', tmp_path, **environment)


def settings_with(settings: DatabaseSettings, text: str) -> DatabaseSettings:
    """The settings with a connection string."""
    return replace(settings, connection_string=Secret(text))


def from_option(url: str, **environment: str) -> PostgresTarget:
    """What the command line's own URL leads to."""
    return target_of(load_settings(config=None, home=None, database_url=url, environ={}).database, environment)


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(max_size=20), max_size=5))
def test_whatever_is_quoted_reads_back(values: dict[str, str]) -> None:
    quoted = {key: value.replace("\\", "\\\\").replace("'", "\\'") for key, value in values.items()}
    assert parse_keywords(" ".join(f"{key}='{value}'" for key, value in quoted.items())) == values


def test_bare_values_spaces_and_escapes() -> None:
    assert parse_keywords(r" host = h  port=5432 password=a\ b\'c'd dbname='' sslkey= sslcert=x user = ") == {
        "host": "h",
        "port": "5432",
        "password": "a b'c'd",
        "dbname": "",
        "sslkey": "sslcert=x",  # as libpq and lib/pq read it
        "user": "",
    }


@given(st.text(max_size=60))
def test_any_text_reads_or_is_refused_without_being_quoted(text: str) -> None:
    try:
        parse_keywords(text)
    except ConfigurationError as error:
        assert "connection_string" in error.message  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize("text", ["host", "password='open", "=x", "host='a'b", "host=a\\"])
def test_broken_strings_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_keywords(text)


def test_names_become_positions_and_casts_stay() -> None:
    statement = Positional.of("UPDATE t SET a = :b, c = :d::text WHERE b = :b")
    assert statement.text == "UPDATE t SET a = $1, c = $2::text WHERE b = $1"
    assert statement.values({"d": 2, "b": 1}) == (1, 2)


@pytest.mark.parametrize(
    ("text", "host", "port", "user", "password", "name"),
    [
        ("host=db user=u dbname=g", "db", 5432, "u", "", "g"),
        (
            "host=/cloudsql/project:region:instance user=u dbname=g",
            "/cloudsql/project:region:instance",
            5432,
            "u",
            "",
            "g",
        ),
        ("user=u database=g password='a b'", "localhost", 5432, "u", "a b", "g"),
        ("user=u", "localhost", 5432, "u", "", "u"),
        ("host='' port='' user=u dbname=''", "localhost", 5432, "u", "", "u"),
        ("postgres://u:p%5B%23%2F%40%3F@db:5433/g", "db", 5433, "u", "p[#/@?", "g"),
        ("postgresql://u:p@[::1]:5433/g", "::1", 5433, "u", "p", "g"),
        ("postgres://u:p@[fe80::1%25eth0]/g", "fe80::1%eth0", 5432, "u", "p", "g"),
        ("postgres://u@/g?host=/cloudsql/a:b:c", "/cloudsql/a:b:c", 5432, "u", "", "g"),
        ("postgres://db/g?user=grafana@server&password=p%20q", "db", 5432, "grafana@server", "p q", "g"),
        ("postgres://u@db", "db", 5432, "u", "", "u"),
    ],
)
def test_forms_of_lib_pq(text: str, host: str, port: int, user: str, password: str, name: str, tmp_path: Path) -> None:
    found = from_string(text, tmp_path)
    assert (found.host, found.port, found.user, found.password.reveal(), found.name) == (
        host,
        port,
        user,
        password,
        name,
    )


@pytest.mark.parametrize(
    "text",
    [
        f"postgres://u:[{CANARY}@db/g",
        f"postgres://u:#{CANARY}@db/g",
        f"postgres://u:/{CANARY}@db/g",
        f"postgres://u:1/{CANARY}@db/g",
        f"postgres://u:{CANARY}@db:0/g",
        f"postgres://u:{CANARY}@db:65536/g",
        f"postgres://u:{CANARY}@db:text/g",
        f"postgres://u:{CANARY}@db:٥٤٣٢/g",
        f"postgres://u:{CANARY}@a,b/g",
        f"postgres://u:{CANARY}@a:1,b:2/g",
        f"postgres://u:{CANARY}@db/g?host=other",
        f"postgres://u:{CANARY}@db/g%00",
        f"host=a,b user=u password={CANARY}",
        f"host=db hostaddr=1.1.1.1,2.2.2.2 user=u password={CANARY}",
        f"host=db port=1,2 user=u password={CANARY}",
        f"host=db port=0 user=u password={CANARY}",
        f"host=db port=65536 user=u password={CANARY}",
        f"host=db port=5432x user=u password={CANARY}",
        f"host=db port=٥٤٣٢ user=u password={CANARY}",
        f"host=db port=-1 user=u password={CANARY}",
        f"host=db dbname=g password={CANARY}",
        f"host=@abstract user=u password={CANARY}",
        f"host=db user=u password={CANARY} sslmode=sometimes",
        f"host=db user=u password={CANARY} sslmode=prefer sslnegotiation=direct",
        f"host=db user=u password={CANARY} ssl_max_protocol_version=TLSv1",
    ],
)
def test_what_cannot_be_followed_is_refused_without_the_password(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        from_string(text, tmp_path)
    assert CANARY not in refused.value.message + refused.value.hint
    assert refused.value.hint


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("service", "x"),
        ("hostaddr", "not.an.address"),
        ("target_session_attrs", "read-only"),
        ("target_session_attrs", "standby"),
        ("target_session_attrs", "prefer-standby"),
        ("target_session_attrs", "other"),
        ("replication", "database"),
        ("require_auth", "scram-sha-256"),
        ("channel_binding", "require"),
        ("gssencmode", "require"),
        ("requirepeer", "postgres"),
        ("sslcrl", "/crl"),
        ("sslinline", "true"),
        ("sslpassword", "x"),
    ],
)
def test_what_decides_where_or_as_whom_or_how_safely_is_refused_by_name(
    parameter: str, value: str, tmp_path: Path
) -> None:
    refusals: tuple[Callable[[], object], ...] = (
        lambda: from_string(f"host=db user=u {parameter}={value}", tmp_path),
        lambda: from_string(f"postgres://u@db/g?{parameter}={value}", tmp_path),
        lambda: target(f"url = postgres://u:p@db/g?{parameter}={value}", tmp_path),
        lambda: from_option(f"postgresql://u@db/g?{parameter}={value}"),
    )
    for refuse in refusals:
        with pytest.raises(ConfigurationError, match=parameter):
            refuse()


def test_an_address_is_connected_to_and_the_name_is_that_of_the_certificate(tmp_path: Path) -> None:
    found = from_string("host=db hostaddr=10.0.0.1 user=u sslmode=verify-full", tmp_path)
    assert found.arguments(tls=None)["host"] == "10.0.0.1"
    assert getattr(found.tls(), "server_name", "") == "db"
    assert from_string("hostaddr=::1 user=u", tmp_path).arguments(tls=None)["host"] == "::1"


@pytest.mark.parametrize("attributes", ["any", "read-write", "primary"])
def test_a_server_that_takes_writes_may_be_asked_for(attributes: str, tmp_path: Path) -> None:
    found = from_string(f"host=db user=u target_session_attrs={attributes}", tmp_path)
    assert found.arguments(tls=None)["target_session_attrs"] == attributes


def test_settings_of_the_session_are_the_servers_and_limits_for_grafanas_queries_are_left_out(tmp_path: Path) -> None:
    found = from_string(
        "host=db user=u search_path=s options='-c x=y' role=r app.key=v statement_timeout=9 connect_timeout=1 "
        "krbsrvname=k client_encoding=UTF8 binary_parameters=yes load_balance_hosts=random",
        tmp_path,
    )
    assert found.session == {"search_path": "s", "options": "-c x=y", "role": "r", "app.key": "v"}


@pytest.mark.parametrize(
    ("mode", "tries", "verifies"),
    [
        ("disable", (False,), None),
        ("allow", (False, True), ssl.CERT_NONE),
        ("prefer", (True, False), ssl.CERT_NONE),
        ("require", (True,), ssl.CERT_NONE),
        ("verify-ca", (True,), ssl.CERT_REQUIRED),
        ("verify-full", (True,), ssl.CERT_REQUIRED),
    ],
)
def test_each_mode_of_tls(mode: str, tries: tuple[bool, ...], verifies: ssl.VerifyMode | None, tmp_path: Path) -> None:
    for found in (
        from_string(f"host=db user=u sslmode={mode}", tmp_path),
        target(f"host = db\nuser = u\nssl_mode = {mode}", tmp_path),
        from_option(f"postgresql://u@db/g?sslmode={mode}"),
    ):
        assert found.encrypted == tries
        if verifies is not None:
            assert found.tls().verify_mode is verifies
            assert found.tls().check_hostname is (mode == "verify-full")
    assert from_string(f"host=/run user=u sslmode={mode}", tmp_path).encrypted == (False,)  # a socket


def test_a_string_without_a_mode_is_as_safe_as_the_driver_of_its_grafana_or_safer(tmp_path: Path) -> None:
    assert from_string("host=db user=u", tmp_path).ssl_mode == "require"
    assert from_string("host=db user=u sslrootcert=system", tmp_path).ssl_mode == "verify-full"
    assert from_string("host=db user=u", tmp_path, PGSSLMODE="verify-ca").ssl_mode == "verify-ca"
    assert from_string("host=db user=u sslmode=disable", tmp_path, PGSSLMODE="verify-ca").ssl_mode == "disable"


def test_versions_of_tls_and_its_beginning_are_honoured(tmp_path: Path) -> None:
    found = from_string(
        "host=db user=u sslmode=require sslnegotiation=direct ssl_min_protocol_version=TLSv1.3", tmp_path
    )
    assert found.tls().minimum_version is ssl.TLSVersion.TLSv1_3
    assert found.arguments(tls=found.tls())["direct_tls"] is True
    assert from_string("host=db user=u ssl_max_protocol_version=TLSv1.2", tmp_path).tls().maximum_version == (
        ssl.TLSVersion.TLSv1_2
    )


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("PGHOST", "user=u port=1 dbname=g"),
        ("PGHOST", "host='' user=u port=1 dbname=g"),
        ("PGPORT", "host=db user=u dbname=g"),
        ("PGUSER", "host=db port=1 dbname=g"),
        ("PGDATABASE", "host=db port=1 user=u"),
        ("PGHOSTADDR", "host=db port=1 user=u dbname=g"),
        ("PGSERVICE", "host=db port=1 user=u dbname=g"),
        ("PGOPTIONS", "host=db port=1 user=u dbname=g"),
    ],
)
def test_a_variable_that_grafanas_driver_would_follow_is_refused_by_name(
    variable: str, text: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=f"{variable} is set"):
        from_string(text, tmp_path, **{variable: "elsewhere"})
    if variable in ("PGHOSTADDR", "PGSERVICE", "PGOPTIONS"):
        with pytest.raises(ConfigurationError, match=f"{variable} is set"):
            target("host = db\nuser = u", tmp_path, **{variable: "elsewhere"})
    else:  # Grafana's own keys have all of these
        assert target("host = db\nuser = u", tmp_path, **{variable: "elsewhere"}).host == "db"


@pytest.mark.parametrize(
    ("keys", "password", "name"),
    [
        ('password = """a\\\\b"""', "a\\b", "grafana"),  # as the operator of a Grafana that works has written it
        ('password = """a\\ b"""', "a b", "grafana"),
        ('password = """it\'s"""', "it's", "grafana"),
        ('password = """p#;w"""', "p#;w", "grafana"),
        ("password = p\nname = my\\ grafana", "p", "my grafana"),
    ],
)
def test_grafanas_keys_are_read_as_its_driver_reads_them_without_quotes(
    keys: str, password: str, name: str, tmp_path: Path
) -> None:
    found = target(f"host = db\nuser = u\n{keys}", tmp_path)
    assert (found.password.reveal(), found.name) == (password, name)


def test_a_value_that_grafana_cannot_read_either_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="password") as refused:
        target(f'host = db\nuser = u\npassword = "{CANARY} {CANARY}"', tmp_path)
    assert CANARY not in refused.value.message + refused.value.hint
    assert "\\" in refused.value.hint


def test_the_urls_of_the_command_line_are_read_as_they_stand() -> None:
    found = from_option("postgresql://u%20v:a%5Cb%20c%27@db/g%20h")
    assert (found.user, found.password.reveal(), found.name) == ("u v", "a\\b c'", "g h")


_TEXT: Final = st.text(alphabet=st.characters(codec="utf-8"), max_size=40)
_PIECES: Final = st.lists(
    st.sampled_from(
        (
            *("host=", "port=", "user=", "dbname=", "hostaddr=", "sslmode=", "service=", " ", "'", "\\", "=", ","),
            *("postgres://", "u:", "@", "/", "?", "&", "#", "%", "%00", "[", "]", "::1", ":5432", ":99999", "db", "\0"),
        )
    )
    | _TEXT,
    max_size=12,
).map("".join)


@given(text=_PIECES | _TEXT, prefix=st.sampled_from(("", "postgres://", f"user=u password={CANARY} ")))
@example(text="u:[p@db/g", prefix="postgres://")
@example(text="//[", prefix="postgres:")
def test_any_connection_string_is_a_target_or_a_refusal_and_shows_no_password(text: str, prefix: str) -> None:
    settings = load_settings(config=None, home=None, database_url="postgresql://u@db/g", environ={}).database
    try:
        found = target_of(settings_with(settings, prefix + text), {})
        found.arguments(tls=None)
        shown = found.display + repr(found)
    except ConfigurationError as error:
        shown = error.message + error.hint
    assert CANARY not in shown


@given(text=_PIECES | _TEXT, scheme=st.sampled_from(("postgresql://", f"postgres://u:{CANARY}@")))
def test_any_url_of_the_command_line_is_a_target_or_a_refusal_and_shows_no_password(text: str, scheme: str) -> None:
    try:
        found = from_option(scheme + text)
        shown = found.display + repr(found)
    except ConfigurationError as error:
        shown = error.message + error.hint
    assert CANARY not in shown


@given(host=_PIECES, user=_TEXT, password=_TEXT, name=_PIECES)
def test_any_keys_of_grafana_are_a_target_or_a_refusal_and_show_no_password(
    host: str, user: str, password: str, name: str
) -> None:
    variables = {"TYPE": "postgres", "HOST": host, "USER": user, "PASSWORD": f"{CANARY}{password}", "NAME": name}
    try:
        settings = load_settings(
            config=None,
            home=None,
            database_url=None,
            environ={f"GF_DATABASE_{key}": value for key, value in variables.items()},
        )
        found = target_of(settings.database, {})
        found.arguments(tls=None)
        shown = found.display + repr(found)
    except ConfigurationError as error:
        shown = error.message + error.hint
    assert CANARY not in shown
