"""Triggers and rules of each engine that change what is written, and some that do no harm."""
# ruff: noqa: S608 - names of tables and columns come from the tests

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.support.engine import Engine

NAME: Final = "meddler"
#: By engine the ways in which a write to a table can become another one.
KINDS: Final = {
    "sqlite": ("after", "swallow", "delete"),
    "postgres": ("before", "after", "deferred", "swallow", "delete", "rule"),
    "mariadb": ("before",),
    "mysql": ("before",),
}


def plant(engine: Engine, kind: str, table: str, column: str, *, key: str = "id", event: str = "UPDATE") -> None:
    """Create the trigger or rule `meddler`, which damages every row of the table that is written."""
    _PLANT[engine.kind](engine.execute, kind, table, column, key, event)


def plant_harmless(engine: Engine, table: str, column: str) -> None:
    """A trigger that appends to another column of each row that is updated."""
    if engine.kind == "sqlite":
        engine.execute(
            f"CREATE TRIGGER {NAME} AFTER UPDATE ON {table} "
            f"BEGIN UPDATE {table} SET {column} = {column} || 'x' WHERE id = NEW.id; END"
        )
    elif engine.kind == "postgres":
        _function(engine.execute, f"NEW.{column} := NEW.{column} || 'x'; RETURN NEW;")
        engine.execute(f"CREATE TRIGGER {NAME} BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {NAME}()")
    else:
        engine.execute(
            f"CREATE TRIGGER {NAME} BEFORE UPDATE ON {table} FOR EACH ROW SET NEW.{column} = CONCAT(NEW.{column}, 'x')"
        )


def plant_at_deactivation(engine: Engine) -> None:
    """A trigger that damages the wrapping of each data key that is set inactive."""
    if engine.kind == "sqlite":
        engine.execute(
            f"CREATE TRIGGER {NAME} AFTER UPDATE ON data_keys WHEN NOT NEW.active "
            "BEGIN UPDATE data_keys SET encrypted_data = encrypted_data || 'x' WHERE name = NEW.name; END"
        )
    elif engine.kind == "postgres":
        _function(engine.execute, "NEW.encrypted_data := NEW.encrypted_data || 'x'; RETURN NEW;")
        engine.execute(
            f"CREATE TRIGGER {NAME} BEFORE UPDATE ON data_keys FOR EACH ROW WHEN (NOT NEW.active) "
            f"EXECUTE FUNCTION {NAME}()"
        )
    else:
        engine.execute(
            f"CREATE TRIGGER {NAME} BEFORE UPDATE ON data_keys FOR EACH ROW "
            "SET NEW.encrypted_data = IF(NEW.active, NEW.encrypted_data, CONCAT(NEW.encrypted_data, 'x'))"
        )


def plant_refusing(engine: Engine, table: str) -> None:
    """A trigger that raises an error for each row that is updated."""
    if engine.kind == "sqlite":
        engine.execute(f"CREATE TRIGGER {NAME} BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, 'not allowed'); END")
    elif engine.kind == "postgres":
        _function(engine.execute, "RAISE EXCEPTION 'not allowed';")
        engine.execute(f"CREATE TRIGGER {NAME} BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {NAME}()")
    else:
        engine.execute(
            f"CREATE TRIGGER {NAME} BEFORE UPDATE ON {table} FOR EACH ROW "
            "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not allowed'"
        )


def remove(engine: Engine, kind: str, table: str) -> None:
    """Drop it again."""
    if engine.kind == "postgres":
        engine.execute(f"DROP {'RULE' if kind == 'rule' else 'TRIGGER'} {NAME} ON {table}")
    else:
        engine.execute(f"DROP TRIGGER {NAME}")


def _function(execute: Callable[..., int], body: str) -> None:
    execute(f"CREATE OR REPLACE FUNCTION {NAME}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$")


def _sqlite(execute: Callable[..., int], kind: str, table: str, column: str, key: str, event: str) -> None:
    timing = "BEFORE" if kind == "swallow" else "AFTER"
    body = {
        "after": f"UPDATE {table} SET {column} = {column} || 'x' WHERE {key} = NEW.{key}",
        "delete": f"DELETE FROM {table} WHERE {key} = NEW.{key}",
        "swallow": "SELECT RAISE(IGNORE)",
    }[kind]
    execute(f"CREATE TRIGGER {NAME} {timing} {event} ON {table} BEGIN {body}; END")


def _postgres(execute: Callable[..., int], kind: str, table: str, column: str, key: str, event: str) -> None:
    if kind == "rule":
        execute(f"CREATE RULE {NAME} AS ON {event} TO {table} DO INSTEAD NOTHING")
        return
    # Text or bytes: what a string without a type is appended to decides.
    again = f"UPDATE {table} SET {column} = {column} || 'x' WHERE {key} = NEW.{key};"
    once = f"IF pg_trigger_depth() = 1 THEN {again} END IF; RETURN NULL;"
    body = {
        "before": f"NEW.{column} := NEW.{column} || 'x'; RETURN NEW;",
        "after": once,
        "deferred": once,
        "delete": f"DELETE FROM {table} WHERE {key} = NEW.{key}; RETURN NULL;",
        "swallow": "RETURN NULL;",
    }[kind]
    _function(execute, body)
    timing = "BEFORE" if kind in ("before", "swallow") else "AFTER"
    tail = f"FOR EACH ROW EXECUTE FUNCTION {NAME}()"
    if kind == "deferred":
        execute(f"CREATE CONSTRAINT TRIGGER {NAME} AFTER {event} ON {table} DEFERRABLE INITIALLY DEFERRED {tail}")
    else:
        execute(f"CREATE TRIGGER {NAME} {timing} {event} ON {table} {tail}")


def _mysql(execute: Callable[..., int], kind: str, table: str, column: str, key: str, event: str) -> None:
    del kind, key  # a trigger here can change the row that is written, and no other of its table
    execute(
        f"CREATE TRIGGER {NAME} BEFORE {event} ON {table} FOR EACH ROW SET NEW.{column} = CONCAT(NEW.{column}, 'x')"
    )


_PLANT: Final = {"sqlite": _sqlite, "postgres": _postgres, "mysql": _mysql}
