"""Two Grafanas in one PostgreSQL database, each in a schema of its own: what is done to one leaves the other alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from reencrypt.databases.statements import OUR_TABLES
from tests.support.postgres import PostgresEngine, PostgresServer
from tests.support.schema_worlds import account_with_schema, fill_schema, make_older
from tests.support.story import NOT_APPLICABLE, WRAP, Story, StoryStore
from tests.support.vault import Vault
from tests.support.worlds import fill, quick, stored


@pytest.fixture(params=["older_in_user", "older_in_public"])
def pair(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    shared_vault: Vault,
    postgres_server: PostgresServer,
    store: StoryStore,
) -> tuple[Story, Story, str]:
    """The Grafana of the account's own schema, that of `public`, and the account, whose search path has both."""
    engine = PostgresEngine(postgres_server.new_database())
    path = tmp_path / "grafana.db"
    outer = quick(Story.of(path, shared_vault, secret_key="of the public one", engine=engine, store=store))
    own = tmp_path / "own"
    own.mkdir()
    path = own / "grafana.db"
    template = quick(Story.of(path, shared_vault, secret_key="of the first one", engine=engine, store=store))
    account = account_with_schema(outer)
    inner = fill_schema(template, account)
    fill(outer)
    make_older(outer, account if request.param == "older_in_user" else "public")
    return inner, outer, account


def test_a_run_on_one_leaves_the_other_as_it_was(pair: tuple[Story, Story, str]) -> None:
    inner, outer, account = pair
    before, truth, others = outer.digest(), inner.plaintexts(), stored(outer)
    plan = inner.cli.json("plan", *inner.store.move)
    assert plan["schema"] == account
    assert plan["secrets"]["total"] == len(truth)

    report = inner.cli.json("run", *inner.store.move)
    applicable = sum(address.table != NOT_APPLICABLE for address in truth)
    assert (report["outcome"], report["secrets"]["re_encrypted"]) == ("done", applicable)
    assert inner.off_target() == {}
    assert inner.plaintexts() == truth
    assert outer.digest() == before
    assert stored(outer) == others
    assert inner.cli.json("verify", *inner.store.only)["secrets"]["total"] == len(truth)

    # The other one is a Grafana of its own, with its own state.
    assert outer.cli.json("status")["runs"] == []
    untouched = inner.digest()
    assert outer.cli.json("run", *outer.store.move)["outcome"] == "done"
    assert inner.digest() == untouched


def test_an_interrupted_run_on_one_is_not_resumed_on_the_other(pair: tuple[Story, Story, str]) -> None:
    inner, outer, account = pair
    begun = outer.cli.json("run", *outer.store.move, "--limit", "5", expect=4)
    before = outer.digest()
    report = inner.cli.json("run", *inner.store.move)
    assert (report["resumed"], report["outcome"]) == (False, "done")
    assert report["run_id"] != begun["run_id"]
    assert outer.digest() == before
    tables = inner.query(
        "SELECT tablename FROM pg_tables WHERE schemaname = ? AND tablename LIKE 'reencrypt%'", account
    )
    assert {name for (name,) in tables} == set(OUR_TABLES)
    resumed = outer.cli.json("run", *outer.store.move)
    assert (resumed["resumed"], resumed["run_id"]) == (True, begun["run_id"])


def test_plan_and_doctor_show_the_schema(pair: tuple[Story, Story, str]) -> None:
    inner, outer, account = pair
    assert f"schema {account}" in inner.cli("plan", *WRAP).stdout
    assert f'"{account}".reencrypt_lease' in inner.cli("plan", *WRAP, "--ddl").stdout
    assert f"in the schema {account}" in inner.cli("doctor", expect=None).stdout
    assert inner.cli.json("doctor", expect=None)["schema"] == account
    assert outer.cli.json("doctor", expect=None)["schema"] == "public"
