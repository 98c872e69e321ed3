"""`doctor` names each right to write that the account lacks, on Grafana's tables and on the state tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.grafana.populate import populate
from tests.support.accounts import grant, new_account, tables_of, url_as
from tests.support.engine import Engine
from tests.support.story import WRAP, Story
from tests.support.vault import Vault
from tests.support.worlds import through

pytestmark = pytest.mark.parametrize("engine", ["postgres", "mysql", "mariadb"], indirect=True)

WRITES = ("INSERT", "UPDATE", "DELETE")
#: Table → the rights to write that the account gets there. It gets all of them on every other table.
GIVEN = {
    "reencrypt_journal": "INSERT",
    "reencrypt_checkpoint": "",
    "reencrypt_lease": "INSERT, DELETE",
    "data_keys": "UPDATE",
    "user_auth": "INSERT, DELETE",
}
LACKS = (
    "DELETE on reencrypt_journal; INSERT and UPDATE and DELETE on reencrypt_checkpoint; UPDATE on reencrypt_lease; "
    "INSERT and DELETE on data_keys; UPDATE on user_auth"
)


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    """With state tables, because a run has begun."""
    story = Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key", engine=engine)
    with story.builder() as builder:
        populate(builder, count=60, under=[None])
    story.cli("run", *WRAP, "--limit", "3", expect=4)
    return story


def limited(story: Story, given: dict[str, str]) -> str:
    """An account that sees everything, and has no more rights on these tables than it is given."""
    account = new_account(story.engine)
    grant(story.engine, account, "SELECT")
    for table in tables_of(story.engine):
        if rights := given.get(table, ", ".join(WRITES)):
            grant(story.engine, account, rights, table)
    return account


def check_of(story: Story, expect: int) -> dict[str, str]:
    """The check of the rights to write, as `doctor` has it."""
    found = story.cli.json("doctor", "--store", "classic", "--to", "azurekv.prod", expect=expect)
    (check,) = [each for each in found["checks"] if each["name"] == "write rights"]
    assert isinstance(check, dict)
    return check


def test_each_right_that_is_missing_is_named_and_the_remedy_is_enough(story: Story) -> None:
    account = limited(story, GIVEN)
    limited_story = through(story, url_as(story.engine, account))
    before = story.digest()
    check = check_of(limited_story, expect=2)
    assert check["state"] == "failed"
    lacks = check["detail"].removeprefix("this account lacks ").split("; ")
    assert sorted(lacks) == sorted(LACKS.split("; "))
    assert story.digest() == before

    for rights, table in re.findall(r"GRANT ([A-Z, ]+) ON (\w+)", check["remedy"]):
        grant(story.engine, account, rights, table)
    assert check_of(limited_story, expect=0)["state"] == "ok"
    assert story.digest() == before
    run = limited_story.cli.json("run", *WRAP)
    assert run["outcome"] == "done"
    assert story.off_target() == {}
    assert limited_story.cli.json("undo", run["run_id"])["outcome"] == "undone"


def test_rights_on_the_columns_that_are_written_are_enough(story: Story) -> None:
    columns = ("o_auth_access_token", "o_auth_refresh_token", "o_auth_token_type", "o_auth_id_token")
    account = limited(story, {"user_auth": f"UPDATE ({', '.join(columns)})"})
    limited_story = through(story, url_as(story.engine, account))
    assert check_of(limited_story, expect=0)["state"] == "ok"
    assert limited_story.cli.json("run", *WRAP)["outcome"] == "done"

    account = limited(story, {"user_auth": f"UPDATE ({', '.join(columns[1:])})"})
    check = check_of(through(story, url_as(story.engine, account)), expect=2)
    assert check["detail"] == "this account lacks UPDATE on user_auth"


def test_rights_of_a_role_are_rights(story: Story) -> None:
    role = limited(story, {})
    account = new_account(story.engine)
    if story.engine.kind == "postgres":
        story.execute(f"GRANT {role} TO {account}")
    else:
        story.execute(f"CREATE ROLE r_{account}")
        story.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON *.* TO r_{account}")
        story.execute(f"GRANT r_{account} TO {account}")
        default = "SET DEFAULT ROLE {} {} {}"
        marked = ("FOR" if story.engine.name == "mariadb" else "TO", account)
        story.execute(default.format(f"r_{account}", *marked))
    assert check_of(through(story, url_as(story.engine, account)), expect=0)["state"] == "ok"
