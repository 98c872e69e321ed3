"""Faults: what database servers and files answer, and how they are made."""
# ruff: noqa: S608 - names of tables and columns come from the tests

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

from tests.faults.table import ALL_ENGINES, Answer, Fault, everywhere
from tests.support.accounts import grant, new_account, url_as
from tests.support.story import Story
from tests.support.worlds import MYSQLS, through

_POSTGRES: Final = ("postgres",)


def _account(story: Story) -> str:
    """An account with every right that Grafana's own has."""
    account = new_account(story.engine)
    grant(story.engine, account, "ALL")
    if story.engine.kind == "postgres":
        story.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {account}")
    return account


def _read_only_role(story: Story, _stack: ExitStack) -> Story:
    account = _account(story)
    story.execute(f"ALTER ROLE {account} SET default_transaction_read_only = on")
    return through(story, url_as(story.engine, account))


def _read_only_server(story: Story, stack: ExitStack) -> Story:
    account = _account(story)
    story.execute("SET GLOBAL read_only = 1")
    stack.callback(story.execute, "SET GLOBAL read_only = 0")
    return through(story, url_as(story.engine, account))


def _amended(story: Story, table: str, addition: str, **values: str) -> None:
    """Add to the definition of a table of SQLite, which has no statement for that; `values` are of new columns."""
    ((sql,),) = story.query("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", table)
    (columns,) = story.query(f"SELECT group_concat('`' || name || '`') FROM pragma_table_info('{table}')")[0]
    story.execute(f"ALTER TABLE {table} RENAME TO kept")
    story.execute(f"{str(sql).rstrip().removesuffix(')')}, {addition})")
    into, of = ", ".join((str(columns), *values)), ", ".join((str(columns), *values.values()))
    story.execute(f"INSERT INTO {table} ({into}) SELECT {of} FROM kept")
    story.execute("DROP TABLE kept")


def _column_that_needs_a_value(story: Story, _stack: ExitStack) -> Story:
    """A newer Grafana's, or a DBA's: it has a value in every row, and no default."""
    if story.engine.kind == "sqlite":
        _amended(story, "data_keys", "owner INTEGER NOT NULL", owner="0")
        return story
    story.execute("ALTER TABLE data_keys ADD COLUMN owner INT NOT NULL DEFAULT 0")
    story.execute("ALTER TABLE data_keys ALTER COLUMN owner DROP DEFAULT")
    return story


def _constraint_that_takes_no_new_secret(story: Story, _stack: ExitStack) -> Story:
    texts = story.query("SELECT DISTINCT o_auth_access_token FROM user_auth WHERE o_auth_access_token IS NOT NULL")
    listed = ", ".join(f"'{text}'" for (text,) in texts)
    check = f"CONSTRAINT only_old CHECK (o_auth_access_token IN ({listed}))"
    if story.engine.kind == "sqlite":
        _amended(story, "user_auth", check)
    else:
        story.execute(f"ALTER TABLE user_auth ADD {check}")
    return story


def _trigger_that_lost_its_table(story: Story, _stack: ExitStack) -> Story:
    story.execute("CREATE TABLE audit (id BIGINT)")
    noting, note = "CREATE TRIGGER noting BEFORE UPDATE ON user_auth", "INSERT INTO audit VALUES (NEW.id)"
    if story.engine.kind == "postgres":
        story.execute(
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + note + "; RETURN NEW; END $$"
        )
        story.execute(f"{noting} FOR EACH ROW EXECUTE FUNCTION note()")
    else:
        story.execute(
            f"{noting} BEGIN {note}; END" if story.engine.kind == "sqlite" else f"{noting} FOR EACH ROW {note}"
        )
    story.execute("DROP TABLE audit")
    return story


def _published_without_identity(story: Story, _stack: ExitStack) -> Story:
    """For a migration to another server: an update of a published table has to say which row it was."""
    story.execute("CREATE PUBLICATION all_of_it FOR ALL TABLES")
    story.execute("ALTER TABLE user_auth REPLICA IDENTITY NOTHING")
    return story


def _check_by_a_function_that_lost_its_table(story: Story, _stack: ExitStack) -> Story:
    story.execute("CREATE TABLE banned (text TEXT)")
    story.execute("CREATE FUNCTION fits(text) RETURNS boolean LANGUAGE sql AS 'SELECT NOT EXISTS (SELECT FROM banned)'")
    story.execute("ALTER TABLE user_auth ADD CONSTRAINT fitting CHECK (fits(o_auth_access_token)) NOT VALID")
    story.execute("DROP TABLE banned")
    return story


#: What only reads is answered; `plan` says what would stop a run.
_READ_ONLY: Final = {
    "plan": Answer(0, says=("takes no writes", "address of the primary")),
    "verify": Answer(0),
    "status": Answer(0),
    "complete": Answer(8),
}

#: Words of a server that quotes a row.
_NEVER: Final = ("Failing row", "DETAIL")

FAULTS: Final[tuple[Fault, ...]] = (
    Fault(
        "read_only_role",
        _POSTGRES,
        _read_only_role,
        everywhere(
            Answer(2, says=("takes no writes", "default_transaction_read_only", "address of the primary")), **_READ_ONLY
        ),
    ),
    Fault(
        "read_only_server",
        MYSQLS,
        _read_only_server,
        everywhere(Answer(2, says=("takes no writes", "read_only", "address of the primary")), **_READ_ONLY),
    ),
    Fault(
        "column_that_needs_a_value",
        ALL_ENGINES,
        _column_that_needs_a_value,
        {"run": Answer(2, says=("needs a value", "owner", "default"), never_says=_NEVER, begun=True)},
    ),
    Fault(
        "constraint_that_takes_no_new_secret",
        ALL_ENGINES,
        _constraint_that_takes_no_new_secret,
        {"run": Answer(6, says=("constraint", "only_old", "drop it"), never_says=_NEVER, begun=True)},
    ),
    Fault(
        "trigger_that_lost_its_table",
        ALL_ENGINES,
        _trigger_that_lost_its_table,
        {"run": Answer(6, says=("trigger", "audit", "fix"), never_says=_NEVER, begun=True)},
    ),
    Fault(
        "published_without_identity",
        _POSTGRES,
        _published_without_identity,
        {"run": Answer(2, says=("replica identity", "user_auth"), begun=True)},
    ),
    Fault(
        "check_by_a_function_that_lost_its_table",
        _POSTGRES,
        _check_by_a_function_that_lost_its_table,
        {"run": Answer(6, says=("function", "banned"), never_says=_NEVER, begun=True)},
    ),
)
