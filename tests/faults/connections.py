"""Faults: addresses, sign-in and TLS of a database.

The finer cases are beside the modules that read and translate them: `tests/unit/databases/test_postgres_dsn.py`,
`test_mysql_dsn.py`, `test_server_tls.py` and `test_reaching.py`, and `tests/integration/databases/test_refusals.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from tests.faults.table import Answer, Fault, Plant, everywhere
from tests.support.refusing import Answer as Refusal
from tests.support.refusing import RefusingServer, mysql_error, mysql_refusal, postgres_error, web_server
from tests.support.story import Story

_CANARY: Final = "canary-password"
_POSTGRES: Final = ("postgres",)
_MYSQL: Final = ("mariadb",)
_SERVERS: Final = ("postgres", "mariadb")
#: One that reads and one that writes: every command connects by the same function.
_TWO: Final = ("doctor", "run")


def _led(change: Callable[[str], str]) -> Plant:
    """Lead the command line to a changed URL."""
    return lambda story, _stack: replace(story, cli=replace(story.cli, database=change(story.engine.url)))


def _at(authority: str, query: str = "") -> Plant:
    """Lead it to another server, or another account."""
    return _led(lambda url: urlsplit(url)._replace(netloc=authority, query=query).geturl())


def _with(query: str) -> Plant:
    """Add parameters to the URL."""
    return _led(lambda url: urlsplit(url)._replace(query=query).geturl())


def _behind(refusal: Refusal, query: str = "") -> Plant:
    """Put a server that refuses in the place of the database's."""

    def plant(story: Story, stack: ExitStack) -> Story:
        server = stack.enter_context(RefusingServer(refusal))
        return _at(f"grafana:{_CANARY}@127.0.0.1:{server.port}", query)(story, stack)

    return plant


def _no_such_database(url: str) -> str:
    return urlsplit(url)._replace(path="/no_such_database").geturl()


def _no_such_user(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"nobody:{_CANARY}@{parts.netloc.rpartition('@')[2]}").geturl()


def _among(**variables: str) -> Plant:
    """Give the command variables that PostgreSQL's clients follow."""

    def plant(story: Story, _stack: ExitStack) -> Story:
        cli = replace(story.cli, environment={**(story.cli.environment or {}), **variables})
        return replace(story, cli=cli)

    return plant


def _no(*says: str) -> Answer:
    return Answer(2, says=says, never_says=(_CANARY,))


def _later(*says: str) -> Answer:
    return Answer(7, says=says, never_says=(_CANARY,))


FAULTS: Final[tuple[Fault, ...]] = (
    Fault("no_such_user", _SERVERS, _led(_no_such_user), everywhere(_no("refuses the connection", "Check user"))),
    Fault("no_such_database", _SERVERS, _led(_no_such_database), everywhere(_no("no_such_database", "name"), *_TWO)),
    Fault(
        "no_address",
        _SERVERS,
        _at(f"grafana:{_CANARY}@{'x' * 64}:5432"),
        everywhere(_no("cannot", "Check the"), "run"),
    ),
    Fault(
        "a_name_that_is_not_known",
        _SERVERS,
        _at(f"grafana:{_CANARY}@[fe80::1%25nowhere]:5432"),
        everywhere(_no("the host is not known", "Check the host"), "run"),
    ),
    Fault(
        "several_servers",
        _SERVERS,
        _at(f"grafana:{_CANARY}@one,two:5432"),
        everywhere(_no("names several servers", "alone"), *_TWO),
    ),
    Fault("bad_port", _SERVERS, _at(f"grafana:{_CANARY}@db:65536"), everywhere(_no("from 1 to 65535"), "run")),
    Fault(
        "slash_in_a_password",
        _SERVERS,
        _at(f"grafana:1/{_CANARY}@db:5432"),
        everywhere(_no("has an @ behind its host", "%2F"), "run"),
    ),
    Fault("no_user", _SERVERS, _at("127.0.0.1:5432"), everywhere(_no("names no user"), "run")),
    Fault("service", _POSTGRES, _with("service=elsewhere"), everywhere(_no("parameter service"), *_TWO)),
    Fault(
        "address_of_the_environment",
        _POSTGRES,
        _among(PGHOSTADDR="127.0.0.9"),
        everywhere(_no("PGHOSTADDR is set", "Unset it"), "run"),
    ),
    Fault(
        "a_standby_asked_for",
        _POSTGRES,
        _with("target_session_attrs=standby"),
        everywhere(_no("target_session_attrs", "primary"), "run"),
    ),
    Fault(
        "no_tls_there",
        _POSTGRES,
        _behind(postgres_error("53300", "sorry, too many clients already"), "sslmode=require"),
        everywhere(_no("offers no TLS", "ssl_mode"), *_TWO),
    ),
    Fault(
        "tls_only",
        _POSTGRES,
        _behind(postgres_error("28000", 'no pg_hba.conf entry for host "10.0.0.1", user "grafana", no encryption')),
        everywhere(_no("no encryption", "set ssl_mode"), *_TWO),
    ),
    Fault(
        "tls_only_on_mysql",
        _MYSQL,
        _behind(mysql_refusal(3159, "HY000", "Connections using insecure transport are prohibited")),
        everywhere(_no("takes TLS connections only", "Set ssl_mode"), "run"),
    ),
    Fault(
        "a_ca_that_is_a_folder",
        _POSTGRES,
        _at(f"grafana:{_CANARY}@127.0.0.1:5432", "sslmode=verify-full&sslrootcert=/etc"),
        everywhere(_no("ca_cert_path names /etc"), *_TWO),
    ),
    Fault(
        "a_parameter_that_pgbouncer_refuses",
        _POSTGRES,
        _behind(postgres_error("08P01", "unsupported startup parameter: search_path")),
        everywhere(_no("unsupported startup parameter: search_path", "ignore_startup_parameters"), *_TWO),
    ),
    Fault(
        "a_database_that_pgbouncer_does_not_know",
        _POSTGRES,
        _behind(postgres_error("08P01", "no such database: grafana")),
        everywhere(_no("no such database: grafana", "proxy"), "run"),
    ),
    Fault(
        "a_pgbouncer_that_is_full",
        _POSTGRES,
        _behind(postgres_error("08P01", "no more connections allowed (max_client_conn)")),
        everywhere(_later("no more connections allowed", "start again"), "run"),
    ),
    Fault(
        "an_address_that_mysql_does_not_allow",
        _MYSQL,
        _behind(mysql_error(1130, "Host '10.0.0.1' is not allowed to connect to this MySQL server")),
        everywhere(_no("is not allowed to connect", "CREATE USER"), "run"),
    ),
    Fault(
        "a_password_in_the_clear",
        _MYSQL,
        _behind(mysql_refusal(1045, "28000", "", ask=b"mysql_clear_password")),
        everywhere(_no("asks for the password itself", "allowCleartextPasswords"), "run"),
    ),
    Fault(
        "a_mysql_that_is_full",
        _MYSQL,
        _behind(mysql_error(1040, "Too many connections")),
        everywhere(_later("Too many connections", "start again"), "run"),
    ),
    Fault("a_web_server", _POSTGRES, _behind(web_server), everywhere(_no("a web server answers there"), "run")),
)
