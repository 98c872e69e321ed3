"""Every error that a server or a driver can raise has a decision: one of our errors, or a bug of ours."""

from __future__ import annotations

import inspect
import re
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from asyncmy import errors as mysql
from asyncmy.constants import CR, ER
from hypothesis import example, given
from hypothesis import strategies as st

from reencrypt.databases.meanings import OWN_FAULT, Meaning
from reencrypt.databases.mysql import errors as of_mysql
from reencrypt.databases.postgres import errors as of_postgres
from reencrypt.databases.sqlite import errors as of_sqlite
from reencrypt.errors import (
    ConfigurationError,
    NotVisibleError,
    ReadOnlyError,
    ReencryptError,
    RefusedError,
    SchemaChangedError,
    TransactionLostError,
    UnavailableError,
)

# The classes of https://www.postgresql.org/docs/current/errcodes-appendix.html.
_POSTGRES_CLASSES = set(
    re.findall("..", "0001020308090A0B0F0L0P0Z102021222324252627282B2D2F3438393B3D3F404244535455575872F0HVP0XX")
)
_BUGS = {"42601", "42P02", "08P01"}
_ERRMSG = Path("/usr/share/mysql/errmsg-utf8.txt")


def _translated(translated: Callable[[str], AbstractContextManager[None]], error: Exception) -> Exception:
    with pytest.raises(Exception) as raised, translated("db"):  # noqa: PT011 - what comes out is what is asked
        raise error
    return raised.value


def _postgres(state: str, *, message: str = "it failed", **fields: str) -> asyncpg.PostgresError:
    """An error as asyncpg makes it of the server's message."""
    sent = {"S": "ERROR", "V": "ERROR", "C": state, "M": message, "R": "a_function", **fields}
    return asyncpg.PostgresError.new(sent)


def _postgres_answer(state: str, *, message: str = "it failed", **fields: str) -> Exception:
    return _translated(of_postgres.translated, _postgres(state, message=message, **fields))


def _mysql(number: int, state: str | None, message: str = "it failed") -> mysql.MySQLError:
    body = b"\xff" + number.to_bytes(2, "little")
    body += (b"#" + state.encode() if state else b"") + message.encode()
    with pytest.raises(mysql.MySQLError) as raised:
        mysql.raise_mysql_exception(body)
    return raised.value


def _mysql_answer(number: int, state: str | None, message: str = "it failed") -> Exception:
    return _translated(of_mysql.translated, _mysql(number, state, message))


def _sqlite(
    name: str, message: str = "it failed", kind: type[sqlite3.Error] = sqlite3.OperationalError
) -> sqlite3.Error:
    error = kind(message)
    if name:
        error.sqlite_errorname = name
    return error


def _sqlite_answer(name: str, message: str = "it failed") -> Exception:
    return _translated(lambda path: of_sqlite.translated(Path(path)), _sqlite(name, message))


def _classes() -> list[Any]:
    return [each for _, each in inspect.getmembers(asyncpg.exceptions, inspect.isclass)]


def test_every_state_that_asyncpg_knows_has_a_decision_of_its_own_or_of_its_class() -> None:
    states = {each.sqlstate for each in _classes() if issubclass(each, asyncpg.PostgresError) and each.sqlstate}
    assert len(states) > 200
    assert {state[:2] for state in states} <= set(of_postgres.MEANINGS)
    bugs = {state for state in states if not isinstance(_postgres_answer(state), ReencryptError)}
    assert bugs == _BUGS


def test_every_class_of_postgresqls_documentation_has_a_decision() -> None:
    assert len(_POSTGRES_CLASSES) == 44
    assert set(of_postgres.MEANINGS) >= _POSTGRES_CLASSES


def test_every_exception_that_asyncpg_raises_by_itself_has_a_decision() -> None:
    """A bug is what only a wrong call causes."""
    own = [each for each in _classes() if issubclass(each, asyncpg.InterfaceError | asyncpg.InternalClientError)]
    bugs = {each.__name__ for each in own if of_postgres.meaning_of_driver(each("a message")) is OWN_FAULT}
    assert bugs == {"InterfaceError", "UnsupportedClientFeatureError", "ClientConfigurationError"}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("connection is closed", TransactionLostError),
        ("cannot perform operation: connection is closed", TransactionLostError),
        ("cannot perform operation: another operation is in progress", asyncpg.InterfaceError),
        ("the server expects 1 argument for this query, 2 were passed", asyncpg.InterfaceError),
    ],
)
def test_a_connection_that_is_gone_is_no_misuse_of_the_driver(message: str, expected: type[Exception]) -> None:
    answer = _translated(of_postgres.translated, asyncpg.InterfaceError(message))
    assert type(answer) is expected


def test_a_value_that_the_driver_cannot_encode_is_a_bug_and_one_that_the_server_cannot_take_is_not() -> None:
    own = asyncpg.DataError("invalid input for query argument $1: 'x' (an integer is required)")
    assert _translated(of_postgres.translated, own) is own
    assert isinstance(_postgres_answer("22000"), ConfigurationError)


@pytest.mark.parametrize(
    ("state", "expected", "exit_code"),
    [
        ("25006", ReadOnlyError, 7),
        ("40001", TransactionLostError, 7),
        ("55P03", TransactionLostError, 7),
        ("57P01", TransactionLostError, 7),
        ("53300", TransactionLostError, 7),
        ("25P03", TransactionLostError, 7),
        ("42P01", SchemaChangedError, 7),
        ("42703", SchemaChangedError, 7),
        ("53100", UnavailableError, 7),
        ("XX000", UnavailableError, 7),
        ("XX001", ConfigurationError, 2),
        ("23502", ConfigurationError, 2),
        ("23514", RefusedError, 6),
        ("23505", RefusedError, 6),
        ("23P01", RefusedError, 6),
        ("P0001", RefusedError, 6),
        ("54000", ConfigurationError, 2),
        ("22P02", ConfigurationError, 2),
        ("42501", ConfigurationError, 2),
        ("26000", ConfigurationError, 2),
        ("55000", ConfigurationError, 2),
        ("ABCDE", RefusedError, 6),
    ],
)
def test_what_a_state_of_postgresql_means(state: str, expected: type[ReencryptError], exit_code: int) -> None:
    answer = _postgres_answer(state)
    assert type(answer) is expected
    assert answer.exit_code == exit_code
    assert "it failed" in answer.message or state == "22P02"
    assert answer.hint.endswith(".")


def test_a_poolers_refusal_is_told_from_a_message_out_of_order() -> None:
    pooler = asyncpg.PostgresError.new({"S": "FATAL", "C": "08P01", "M": "query_wait_timeout"})
    assert isinstance(_translated(of_postgres.translated, pooler), TransactionLostError)


@pytest.mark.parametrize("state", ["42601", "42P01", "22012", "23505", "0A000", "42883"])
@pytest.mark.parametrize(
    "context",
    ["PL/pgSQL function audit() line 3 at EXECUTE", "PL/pgSQL-Funktion audit() Zeile 3 bei EXECUTE"],
)
def test_an_error_inside_a_function_of_the_database_is_that_functions(state: str, context: str) -> None:
    assert type(_postgres_answer(state, W=context)) is RefusedError
    assert type(_postgres_answer("40P01", W=context)) is TransactionLostError


@pytest.mark.parametrize("state", ["42601", "42P01", "42703", "42883"])
def test_an_error_inside_a_function_in_sql_is_that_functions(state: str) -> None:
    assert type(_postgres_answer(state, W='SQL function "fits" during startup')) is RefusedError
    assert type(_postgres_answer("55P03", W='SQL function "fits" statement 1')) is TransactionLostError


def test_a_plan_of_before_an_alteration_is_made_anew() -> None:
    answer = _postgres_answer("0A000", R="RevalidateCachedQuery")
    assert isinstance(answer, TransactionLostError)


def test_rows_and_values_are_never_quoted() -> None:
    """The detail of a constraint holds the whole row, the message of a value that does not convert the value."""
    constraint = _postgres_answer("23514", D="Failing row contains (1, SECRET).", n="short", t="data_source")
    assert isinstance(constraint, RefusedError)
    assert "constraint short" in constraint.message
    assert "table data_source" in constraint.message
    value = _postgres_answer("22P02", message='invalid input syntax for type json: "SECRET"')
    duplicate = _mysql_answer(1062, "23000", "Duplicate entry 'it''s SECRET' for key 'data_source.name'")
    incorrect = _mysql_answer(1366, "22007", "Incorrect integer value: 'SECRET' for column `a`.`b`.`c` at row 1")
    text = _sqlite_answer("", "Could not decode to UTF-8 column 'name' with text 'SECRET'")
    for answer in (constraint, value, duplicate, incorrect, text):
        assert isinstance(answer, ReencryptError)
        assert "SECRET" not in answer.message + answer.hint
    assert isinstance(duplicate, RefusedError)
    assert "'data_source.name'" in duplicate.message


def test_a_row_policy_keeps_its_own_words() -> None:
    assert isinstance(_postgres_answer("42501", R="check_enable_rls"), NotVisibleError)


def _mysql_numbers() -> dict[int, str | None]:
    """The numbers of the driver's lists; those of MariaDB's own where it is installed, with their SQLSTATEs."""
    found: dict[int, str | None] = {
        value: None for module in (ER, CR) for value in vars(module).values() if isinstance(value, int)
    }
    number = 0
    for line in _ERRMSG.read_text(errors="replace").splitlines() if _ERRMSG.exists() else ():
        if start := re.match(r"start-error-number (\d+)", line):
            number = int(start[1])
        elif entry := re.match(r"(?!languages|default-language)(\w+)((?: +[0-9A-Z]{5})*) *$", line):
            found[number] = (entry[2].split() or ["HY000"])[0]
            number += 1
    return found


def test_every_number_of_the_servers_lists_has_a_decision() -> None:
    numbers = _mysql_numbers()
    assert len(numbers) > 500
    bugs = {
        number
        for number, state in numbers.items()
        if number and not isinstance(_mysql_answer(number, state or "HY000"), ReencryptError)
    }
    assert bugs == {1064, 1065, 1149}


@pytest.mark.parametrize(
    ("number", "state", "expected", "exit_code"),
    [
        (1364, "HY000", ConfigurationError, 2),
        (1048, "23000", ConfigurationError, 2),
        (1290, "HY000", ReadOnlyError, 7),
        (1792, "25006", ReadOnlyError, 7),
        (1836, "HY000", ReadOnlyError, 7),
        (1054, "42S22", SchemaChangedError, 7),
        (1146, "42S02", SchemaChangedError, 7),
        (1062, "23000", RefusedError, 6),
        (3819, "HY000", RefusedError, 6),
        (4025, "23000", RefusedError, 6),
        (1644, "45000", RefusedError, 6),
        (1449, "HY000", RefusedError, 6),
        (1406, "22001", ConfigurationError, 2),
        (1213, "40001", TransactionLostError, 7),
        (7777, "40001", TransactionLostError, 7),
        (7777, "08S01", TransactionLostError, 7),
        (7777, "23000", RefusedError, 6),
        (7777, "HY000", ConfigurationError, 2),
        (7777, "QQ001", RefusedError, 6),
        (2999, None, TransactionLostError, 7),
        (1235, "42000", ConfigurationError, 2),
    ],
)
def test_what_a_number_of_mysql_means(
    number: int, state: str | None, expected: type[ReencryptError], exit_code: int
) -> None:
    answer = _mysql_answer(number, state)
    assert type(answer) is expected
    assert answer.exit_code == exit_code
    assert answer.hint.endswith(".")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (mysql.InterfaceError(0, "Not connected"), TransactionLostError),
        (mysql.InternalError("Truncated row packet"), TransactionLostError),
        (mysql.Error("Already closed"), TransactionLostError),
        (mysql.OperationalError("Couldn't receive server's public key"), ConfigurationError),
        (mysql.ProgrammingError("Cursor closed"), mysql.ProgrammingError),
        (mysql.NotSupportedError("Backwards scrolling not supported by this cursor"), mysql.NotSupportedError),
    ],
)
def test_what_asyncmy_says_by_itself(error: mysql.MySQLError, expected: type[Exception]) -> None:
    assert type(_translated(of_mysql.translated, error)) is expected


def test_every_result_code_of_sqlite_has_a_decision() -> None:
    primary = [name for name in dir(sqlite3) if name.startswith("SQLITE_") and isinstance(getattr(sqlite3, name), int)]
    codes = [
        name
        for name in primary
        if name in of_sqlite.CODES or any(name.startswith(f"{each}_") for each in of_sqlite.CODES)
    ]
    assert len(codes) > 70
    bugs = {name for name in codes if not isinstance(_sqlite_answer(name), ReencryptError)}
    assert bugs == {"SQLITE_MISUSE", "SQLITE_NOTFOUND", "SQLITE_RANGE"}


@pytest.mark.parametrize(
    ("name", "message", "exit_code"),
    [
        ("SQLITE_BUSY_SNAPSHOT", "database is locked", 7),
        ("SQLITE_READONLY_DIRECTORY", "attempt to write a readonly database", 2),
        ("SQLITE_READONLY_DBMOVED", "attempt to write a readonly database", 7),
        ("SQLITE_FULL", "database or disk is full", 7),
        ("SQLITE_IOERR_FSYNC", "disk I/O error", 7),
        ("SQLITE_CORRUPT_INDEX", "database disk image is malformed", 2),
        ("SQLITE_CONSTRAINT_CHECK", "CHECK constraint failed: short", 6),
        ("SQLITE_CONSTRAINT_NOTNULL", "NOT NULL constraint failed: data_keys.owner", 2),
        ("SQLITE_CONSTRAINT_TRIGGER", "not allowed", 6),
        ("SQLITE_ERROR", "no such module: spellfix1", 2),
        ("SQLITE_ERROR", "no such table: user_auth", 7),
        ("SQLITE_ERROR", "no such column: secure_json_data", 7),
        ("SQLITE_ERROR", "malformed JSON", 6),
        ("SQLITE_ERROR", 'fts5: syntax error near "#"', 6),
        ("SQLITE_SCHEMA", "database schema has changed", 7),
    ],
)
def test_what_a_result_code_of_sqlite_means(name: str, message: str, exit_code: int) -> None:
    answer = _sqlite_answer(name, message)
    assert isinstance(answer, ReencryptError)
    assert answer.exit_code == exit_code
    assert message in answer.message


@pytest.mark.parametrize(
    "error",
    [
        _sqlite("SQLITE_ERROR", 'near "FORM": syntax error'),
        _sqlite("SQLITE_ERROR", "wrong number of arguments to function COUNT()"),
        _sqlite("SQLITE_ERROR", "cannot start a transaction within a transaction"),
        sqlite3.ProgrammingError("Cannot operate on a closed database."),
        sqlite3.InterfaceError("bad parameter or other API misuse"),
        OverflowError("Python int too large to convert to SQLite INTEGER"),
    ],
)
def test_misuse_of_sqlite_stays_a_bug(error: Exception) -> None:
    assert _translated(lambda path: of_sqlite.translated(Path(path)), error) is error


@pytest.mark.parametrize(
    "code",
    [
        "CREATE TRIGGER t BEFORE UPDATE ON secrets BEGIN SELECT json_extract(NEW.value, '$.a'); END",
        "CREATE TRIGGER t BEFORE UPDATE ON secrets BEGIN SELECT json_extract('{}', NEW.value); END",
        "CREATE TRIGGER t BEFORE UPDATE ON secrets BEGIN SELECT abs(-9223372036854775807 - 1); END",
        "CREATE TRIGGER t BEFORE UPDATE ON secrets BEGIN SELECT 'x' LIKE 'y' ESCAPE NEW.value; END",
        "CREATE TRIGGER t BEFORE UPDATE ON secrets BEGIN SELECT 1 WHERE NEW.value MATCH 'a'; END",
        "CREATE TRIGGER t BEFORE UPDATE ON secrets BEGIN INSERT INTO secrets VALUES (1, 2, 3); END",
        "ALTER TABLE secrets ADD COLUMN a CHECK (json_extract(value, '$.a') IS NULL)",
    ],
)
def test_code_in_the_file_that_fails_is_the_files(code: str) -> None:
    with closing(sqlite3.connect(":memory:")) as file:
        file.execute("CREATE TABLE secrets (id INTEGER PRIMARY KEY, value TEXT)")
        file.execute("INSERT INTO secrets VALUES (1, '{}')")
        file.execute(code)
        with pytest.raises(sqlite3.Error) as failed:
            file.execute("UPDATE secrets SET value = '#abc'")
    answer = _translated(lambda path: of_sqlite.translated(Path(path)), failed.value)
    assert isinstance(answer, RefusedError)
    assert "trigger" in answer.message


_STATES = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=5, max_size=5)


@given(_STATES, st.integers(1, 65535), st.text(min_size=1, max_size=20))
@example("42601", 1064, "x")
def test_any_code_ends_in_a_decision(state: str, number: int, message: str) -> None:
    """Whatever a server sends: one of our errors, or a bug that is listed above."""
    for answer, is_bug in (
        (_postgres_answer(state, message=message), state in _BUGS),
        (_mysql_answer(number, state, message), number in (1064, 1065, 1149)),
        (_mysql_answer(number, None, message), number in (1064, 1065, 1149)),
        (_sqlite_answer(f"SQLITE_{state}", message), False),
    ):
        assert isinstance(answer, ReencryptError) != is_bug
        assert not isinstance(answer, ReencryptError) or answer.exit_code in (2, 6, 7)


def test_every_hint_is_a_sentence() -> None:
    tables = (of_postgres.MEANINGS, of_mysql.NUMBERS, of_mysql.STATES, of_sqlite.CODES)
    meanings = [each for table in tables for each in table.values() if isinstance(each, Meaning)]
    assert all(each.hint.endswith(".") and each.hint[0].isupper() for each in meanings)
