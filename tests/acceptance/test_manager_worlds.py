"""What may lie in the secrets manager's tables beside ordinary rows, and what a run in that store does then."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.grafana.manager import ManagerKey, SecretsManagerBuilder
from tests.grafana.planting import Plain
from tests.support.engine import Engine
from tests.support.story import CLASSIC, MANAGER, WRAP, Story, manager_configuration
from tests.support.vault import Vault

pytestmark = [pytest.mark.mysql_for_mariadb, pytest.mark.engines_in_turn]

SECRET_KEY = "a secret_key"
PARTLY, REFUSED, USAGE = 3, 6, 2
#: What MySQL's BLOB holds.
BLOB = 65_535
#: What the cipher adds to a value.
OVERHEAD = 48


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return Story.of(tmp_path / "grafana.db", shared_vault, secret_key=SECRET_KEY, engine=engine, store=MANAGER)


def ordinary(manager: SecretsManagerBuilder, key: ManagerKey, count: int = 12) -> None:
    for number in range(count):
        manager.add_value(key, b"ordinary %d of %s" % (number, key.namespace.encode()))


def configured(story: Story, provider: str, lines: str = "", *, without: str = "") -> Story:
    """The same Grafana with another configuration of its secrets manager."""
    text = manager_configuration(provider, lines)
    if without:
        head, _, rest = text.partition(f"[secrets_manager.encryption.{without}]")
        _, _, tail = rest.partition("[")
        text = f"{head}[{tail}" if tail else head
    path = story.vault.configuration(story.database.parent, secret_key=story.secret_key, extra=text)
    return replace(story, cli=replace(story.cli, configuration=path))


def test_a_key_is_never_taken_from_another_namespace(story: Story) -> None:
    with story.builder() as builder:
        manager = story.manager(builder)
        here, there = manager.data_key(), manager.data_key("org-2")
        ordinary(manager, here)
        ordinary(manager, there)
        # As after a move of rows by hand: the uid is there, under another namespace.
        manager.add_value(replace(there, namespace="default"), b"of a key of org-2", name="wrong-namespace")
        manager.add_value(replace(here, namespace="org-2"), b"of a key of default", name="wrong-namespace")
        # A uid that no table has.
        manager.add_value(replace(here, uid="dangling000000"), b"of a key that is gone", name="dangling")
        # The same alone in its namespace, where nothing moves and no data key has to be made.
        manager.add_value(replace(here, namespace="org-7", uid="dangling7"), b"of a key that is gone", name="dangling")
        # A data key in a namespace that nobody else is in.
        ordinary(manager, manager.data_key("org-9"), count=1)
    before = {address: secret.stored_text for address, secret in story.secrets().items()}
    plaintexts = story.plaintexts()
    odd = {address for address in plaintexts if address.key[1] in {"wrong-namespace", "dangling"}}
    plan = story.cli.json("plan", "--check", *MANAGER.move)
    assert len(plan["orphaned_keys"]) == 4
    report = story.cli.json("run", *MANAGER.move, expect=PARTLY)
    assert report["quarantined_because"] == {"unknown_data_key": 4}
    details = [str(each["detail"]) for each in report["quarantine"]]
    assert sum("secret_data_key has no such key" in each for each in details) == 4
    assert sum("in this namespace, but one of that uid in" in each for each in details) == 2
    assert report["secrets"]["re_encrypted"] == len(plaintexts) - 4
    assert story.plaintexts() == plaintexts
    assert story.off_target().keys() == odd
    after = {address: secret.stored_text for address, secret in story.secrets().items()}
    assert {address: after[address] for address in odd} == {address: before[address] for address in odd}
    made = story.query("SELECT namespace FROM secret_data_key WHERE provider = ? ORDER BY namespace", MANAGER.target)
    assert made == [("default",), ("org-2",), ("org-9",)]


def test_two_active_data_keys_of_one_label_are_both_read(story: Story) -> None:
    with story.builder() as builder:
        manager = story.manager(builder)
        for _ in range(2):
            ordinary(manager, manager.data_key())
    plaintexts = story.plaintexts()
    assert story.cli.json("run", *MANAGER.move)["secrets"]["re_encrypted"] == 24
    assert (story.plaintexts(), story.off_target()) == (plaintexts, {})
    # Two under the target: as two replicas make them at once.
    with story.builder(seed=1) as builder:
        manager = story.manager(builder)
        for _ in range(2):
            ordinary(manager, manager.data_key("org-3", provider=MANAGER.target))
    assert story.cli.json("run", *MANAGER.move)["outcome"] == "nothing_to_do"
    plaintexts = story.plaintexts()
    report = story.cli.json("run", *MANAGER.move, "--fresh-data-key")
    assert (report["outcome"], report["secrets"]["re_encrypted"]) == ("done", 48)
    assert story.plaintexts() == plaintexts
    assert len({secret.key_id for secret in story.secrets().values()}) == 2


def test_an_empty_payload_is_left_and_named(story: Story) -> None:
    with story.builder() as builder:
        manager = story.manager(builder)
        key = manager.data_key()
        ordinary(manager, key)
        manager.add_value(key, b"", name="empty-text")
        manager.add_value(key, b"x", name="nothing-split")
        manager.add_value(key, b"x", name="nothing", split=False)
        manager.add_value(key, b"x", name="prefix-alone")
    update = "UPDATE secret_encrypted_value SET encrypted_data = ? WHERE name = ?"
    for name, data in (("nothing-split", b""), ("nothing", b""), ("prefix-alone", b"*YWVzLWdjbQ*")):
        assert story.execute(update, data, name) == 1
    odd = {"nothing-split", "nothing", "prefix-alone"}
    rows = {row for row in story.rows()["secret_encrypted_value"] if odd & set(row)}
    report = story.cli.json("run", *MANAGER.move, expect=PARTLY)
    assert sum(report["quarantined_because"].values()) == len(odd)
    assert report["secrets"]["re_encrypted"] == 13
    assert {row for row in story.rows()["secret_encrypted_value"] if odd & set(row)} == rows
    assert {address.key[1] for address in story.off_target()} == odd


@pytest.mark.parametrize("engine", ["mysql"], indirect=True)
def test_a_value_that_would_outgrow_its_column_is_left_and_named(story: Story) -> None:
    with story.builder() as builder:
        manager = story.manager(builder, "12.2")
        # An id of one letter: that of the new data key is longer, and stands in front of the value.
        short = manager.data_key(uid="s")
        ordinary(manager, short)
        front = len(b"#cw#")
        manager.add_value(short, b"x" * (BLOB - OVERHEAD - front), name="as-long-as-it-can-be")
        manager.add_value(short, b"x" * (BLOB - OVERHEAD - front - 18), name="just-fits")
    plaintexts = story.plaintexts()
    report = story.cli.json("run", *MANAGER.move, expect=PARTLY)
    assert report["quarantined_because"] == {"value_too_long": 1}
    assert {address.key[1] for address in story.off_target()} == {"as-long-as-it-can-be"}
    assert story.plaintexts() == plaintexts
    # Only its data key is to be wrapped anew: that is the road for such a value.
    assert story.cli.json("rewrap", *MANAGER.move)["outcome"] == "done"
    assert (story.plaintexts(), story.off_target()) == (plaintexts, {})


@pytest.mark.one_engine
def test_a_section_that_cannot_be_resolved_stops_its_store_alone(story: Story) -> None:
    story.fill(30)
    broken = configured(story, "secret_key.v2", 'data_keys_cache_ttl = "$__file{/no/such/file}"')
    for command in ("run", "rewrap"):
        error = broken.cli.json(command, *MANAGER.only, expect=None)["error"]
        assert "/no/such/file" in error["message"]
    missing = configured(story, "secret_key.v1", without="secret_key.v2")
    error = missing.cli.json("run", *MANAGER.move, expect=USAGE)["error"]
    assert "secret_key.v2" in error["message"]
    # What is under a section that is gone cannot be read. That is said, and all else is moved.
    with story.builder(seed=1) as builder:
        manager = story.manager(builder)
        ordinary(manager, manager.data_key("org-5", provider="secret_key.v2"))
    gone = configured(story, "secret_key.v1", without="secret_key.v2")
    stuck = {address for address in story.plaintexts() if address.key[0] == "org-5"}
    report = gone.cli.json("run", "--store", "manager", expect=PARTLY)
    assert report["quarantined_because"] == {"unwrap_failed": len(stuck)}
    assert story.off_target("secret_key.v1").keys() == stuck
    assert gone.cli.json("run", *CLASSIC.move)["outcome"] == "done"
    assert story.other.off_target() == {}


@pytest.mark.one_engine
def test_where_another_service_keeps_the_secrets_nothing_is_done_and_it_is_said(story: Story) -> None:
    story.fill(30)
    remote = configured(story, "secret_key.v1", "grpc_client_enable = true")
    rows = story.rows()
    error = remote.cli.json("run", *MANAGER.move, expect=USAGE)["error"]
    assert "grpc_client_enable" in error["message"]
    plan = remote.cli("plan", *WRAP, "--output", "json")
    assert "grpc_client_enable" in plan.stderr
    assert remote.cli.json("run", *WRAP)["outcome"] == "done"
    assert (story.other.off_target(), story.rows()) == ({}, rows)


def test_a_password_in_three_places_is_named_three_times_and_moved_three_times(story: Story) -> None:
    """As while a data source moves: Grafana leaves what it copies."""
    password = b"the password of one data source"
    with story.builder() as builder:
        manager, classic = story.manager(builder), builder.data_key()
        ordinary(manager, manager.data_key(), count=3)
        builder.add_data_source({"password": Plain(password, classic)})
        builder.add_secret(Plain(json.dumps({"password": password.decode()}).encode(), classic))
        manager.add_value(manager.data_key(), password, name="inline-of-the-data-source")
    plaintexts, others = story.plaintexts(), story.other.plaintexts()
    command = (*WRAP, "--fresh-data-key")
    plan = story.cli.json("plan", "--check", *WRAP)
    named = {name for name, each in plan["locations"].items() if each["total"]}
    assert named == {"data_source", "secrets", "secret_encrypted_value"}
    assert {each["store"] for each in plan["locations"].values() if each["total"]} == {"classic", "manager"}
    report = story.cli.json("run", *command)
    assert (report["outcome"], report["secrets"]["re_encrypted"]) == ("done", 6)
    assert (story.plaintexts(), story.other.plaintexts()) == (plaintexts, others)
    assert story.other.off_target() == {}
    old = {secret.key_id for secret in story.secrets().values()}
    assert len(old) == 1  # the fresh one

    text = story.cli("plan", *WRAP).stdout
    assert all(place in text for place in named)


def test_rows_that_are_collected_while_a_run_is_killed_are_done(story: Story, tmp_path: Path) -> None:
    """Garbage collection takes rows that the first half has moved, and rows that the second half has not yet seen."""
    story.fill(40)
    count = tmp_path / "steps"
    assert story.cli.run("run", *MANAGER.move, "--limit", "10", kill_at=(0, count)).returncode == 4
    for name in ("inline-0-0", "inline-0-1", "inline-3-2", "inline-3-3"):
        story.execute("DELETE FROM secret_encrypted_value WHERE name = ?", name)
    plaintexts = story.plaintexts()
    report = story.cli.json("run", *MANAGER.move)
    assert (report["outcome"], report["resumed"]) == ("done", True)
    assert (story.plaintexts(), story.off_target()) == (plaintexts, {})
