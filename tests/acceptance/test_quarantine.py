"""Secrets that cannot be moved: shown, tried again, given up knowingly; and the run that stops where they are many."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.grafana.builder import GrafanaBuilder
from tests.grafana.planting import Plain, PlantedSecret
from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.story import TARGET, WRAP, Story
from tests.support.vault import Vault


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key", engine=engine)


def plant_source(builder: GrafanaBuilder, *texts: bytes) -> list[PlantedSecret]:
    """A data source with one secret for each text; returns their records."""
    before = len(builder.planted)
    builder.add_data_source({f"field{number}": Plain(text) for number, text in enumerate(texts)})
    return list(builder.planted[before:])


def with_a_damaged_secret(story: Story) -> None:
    with story.builder() as builder:
        populate(builder, count=60, under=[None])
        planted = plant_source(builder, b"a good password", b"another good password")
        builder.damage(planted[0], "bad-base64")


def test_a_secret_is_listed_given_up_and_looked_at_again_when_it_changes(story: Story) -> None:
    with_a_damaged_secret(story)
    assert story.cli.json("run", *WRAP, expect=3)["secrets"]["quarantined"] == 1
    before = story.plaintexts()

    (entry,) = story.cli.json("quarantine list")["quarantine"]
    assert (entry["location"], entry["reason"], entry["state"]) == ("data_source", "malformed_encoding", "open")
    assert entry["field"].endswith("field0")
    source = f'data source "Quelle {entry["key"].strip("[]")} für ☃" of organisation "Main Org."'
    assert entry["name"] == source
    assert f"save the {source} again in Grafana" in entry["remedy"]
    text = story.cli("quarantine list").stdout
    assert entry["field"] in text
    assert f"  {source}  " in text
    assert f"malformed_encoding: Grafana cannot read it either: save the {source} again" in text
    assert story.cli.json("quarantine list", "--reason", "race_lost")["quarantine"] == []

    assert "no option says" in story.cli.json("quarantine acknowledge", expect=2)["error"]["message"]
    story.cli("quarantine acknowledge", "--location", "user_auth", expect=2)
    done = story.cli.json("quarantine acknowledge", "--location", "data_source", "--key", entry["key"].strip("[]"))
    assert done["acknowledged"] == 1

    report = story.cli.json("run")
    assert (report["outcome"], report["secrets"]["quarantined"]) == ("nothing_to_do", 1)
    assert [each["state"] for each in report["quarantine"]] == ["acknowledged"]
    assert "acknowledged: data_source" in story.cli("run").stdout
    assert story.plaintexts() == before

    # Grafana saves that data source, and it is still damaged.
    ((text_now,),) = story.query("SELECT secure_json_data FROM data_source WHERE secure_json_data LIKE '%field0%'")
    changed = text_now.decode() if isinstance(text_now, bytes) else str(text_now)
    damaged = json.loads(changed)["field0"]
    saved = changed.replace(damaged, damaged + "!")
    story.execute("UPDATE data_source SET secure_json_data = ? WHERE secure_json_data LIKE '%field0%'", saved)
    report = story.cli.json("run", expect=3)
    assert [each["state"] for each in report["quarantine"]] == ["open"]


@pytest.mark.one_engine
def test_a_secret_stays_given_up_when_its_neighbour_in_the_column_is_written(story: Story) -> None:
    with_a_damaged_secret(story)
    story.cli.json("run", *WRAP, expect=3)
    story.cli.json("quarantine acknowledge", "--all")
    # Another provider is the target now: the good password in the same document is rewritten.
    report = story.cli.json("run", "--to", "secretKey.v1")
    assert report["secrets"]["re_encrypted"] > 50
    assert [each["state"] for each in report["quarantine"]] == ["acknowledged"]


def test_what_is_implausible_by_nature_is_moved_on_the_users_word(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        populate(builder, count=60, under=[key])
        builder.add_secret(Plain(b"this is no JSON object, and yet somebody's secret", key))
    before = story.plaintexts()
    report = story.cli.json("run", *WRAP, expect=3)
    assert report["quarantined_because"] == {"implausible_plaintext": 1}
    assert story.cli.json("quarantine retry", *WRAP, expect=3)["secrets"]["quarantined"] == 1
    report = story.cli.json("quarantine retry", *WRAP, "--accept-implausible")
    assert (report["outcome"], report["secrets"]["re_encrypted"]) == ("done", 1)
    assert story.plaintexts() == before
    assert story.off_target() == {}
    assert story.cli.json("quarantine list")["quarantine"] == []


@pytest.mark.one_engine
def test_only_what_is_chosen_and_not_given_up_is_moved_on_the_users_word(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        populate(builder, count=60, under=[key])
        for number in range(3):
            builder.add_secret(Plain(b"no JSON object, number %d" % number, key))
    before = story.plaintexts()
    entries = story.cli.json("run", *WRAP, expect=3)["quarantine"]
    given_up, wanted, other = (entry["key"] for entry in entries)
    story.cli.json("quarantine acknowledge", "--location", "secrets", "--key", given_up)
    report = story.cli.json("quarantine retry", *WRAP, "--accept-implausible", "--key", wanted, expect=3)
    assert report["secrets"]["re_encrypted"] == 1
    assert {entry["key"] for entry in report["quarantine"]} == {given_up, other}
    assert (
        "fits"
        in story.cli.json("quarantine retry", *WRAP, "--accept-implausible", "--key", "x", expect=2)["error"]["message"]
    )
    report = story.cli.json("quarantine retry", *WRAP, "--accept-implausible")
    assert report["secrets"]["re_encrypted"] == 1
    assert [(entry["key"], entry["state"]) for entry in report["quarantine"]] == [(given_up, "acknowledged")]
    assert story.plaintexts() == before
    assert "--accept-implausible" in story.cli.json("quarantine retry", "--key", given_up, expect=2)["error"]["hint"]


@pytest.mark.one_engine
def test_what_nobody_has_seen_in_quarantine_is_not_accepted(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        populate(builder, count=60, under=[key])
        builder.add_secret(Plain(b"this is no JSON object", key))
    report = story.cli.json("quarantine retry", *WRAP, "--accept-implausible", expect=3)
    assert report["quarantined_because"] == {"implausible_plaintext": 1}


def test_too_many_failures_under_one_key_stop_the_run(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        populate(builder, count=100, under=[None])
        for number in range(40):
            text = b"not what belongs here" if number % 3 == 0 else b'{"number":"%d"}' % number
            builder.add_secret(Plain(text, key))
    before = story.plaintexts()
    report = story.cli.json("run", *WRAP, expect=6)
    assert "under data key" in report["error"]["message"]
    assert key.key_id in report["error"]["message"]
    assert "--max-quarantine" in report["error"]["hint"]
    assert story.plaintexts() == before
    under_key = [address for address, where in story.off_target().items() if where == "secretKey.v1"]
    # Those on the first pages, before there were 20, have moved.
    assert len(under_key) >= 20
    report = story.cli.json("run", *WRAP, "--max-quarantine", "0.5", expect=3)
    assert report["secrets"]["quarantined"] == 14
    assert story.plaintexts() == before
    assert len(story.off_target(TARGET)) == 14


@pytest.mark.one_engine
def test_failures_are_counted_over_all_resumptions_of_a_run(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        populate(builder, count=100, under=[None])
        for number in range(80):
            text = b"not what belongs here" if number % 3 == 0 else b'{"number":"%d"}' % number
            builder.add_secret(Plain(text, key))
    before = story.plaintexts()
    pilot = ("run", *WRAP, "--location", "secrets", "--limit", "10")
    assert story.cli.json(*pilot, expect=4)["secrets"]["quarantined"] < 20
    assert "under data key" in story.cli.json(*pilot, expect=6)["error"]["message"]
    assert story.plaintexts() == before


@pytest.mark.one_engine
def test_an_acknowledgement_outlasts_a_run_that_leaves_its_key_alone(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        populate(builder, count=60, under=[key])
        builder.add_secret(Plain(b"no JSON object", key))
    story.cli.json("run", *WRAP, expect=3)
    story.cli.json("quarantine acknowledge", "--all")
    report = story.cli.json("run", *WRAP, "--skip-key", key.key_id, expect=3)
    assert (report["secrets"]["left"], report["secrets"]["quarantined"]) == (1, 0)
    report = story.cli.json("run", *WRAP)
    assert [entry["state"] for entry in report["quarantine"]] == ["acknowledged"]


@pytest.mark.one_engine
def test_an_acknowledgement_counts_where_there_is_no_data_key_to_write_under(story: Story) -> None:
    with_a_damaged_secret(story)
    story.cli.json("run", *WRAP, expect=3)
    story.cli.json("quarantine acknowledge", "--all")
    # Grafana's own rotation of data keys: it makes another when it saves next.
    story.execute("UPDATE data_keys SET active = (1 = 0)")
    keys = story.query("SELECT name FROM data_keys")
    report = story.cli.json("run")
    assert (report["outcome"], report["target_data_key"]) == ("nothing_to_do", None)
    assert [entry["state"] for entry in report["quarantine"]] == ["acknowledged"]
    assert story.cli.json("status")["runs"][-1]["state"] == "finished"
    assert story.query("SELECT name FROM data_keys") == keys


@pytest.mark.one_engine
def test_verify_knows_a_failure_by_its_text_and_not_by_its_place(story: Story) -> None:
    with_a_damaged_secret(story)
    story.cli.json("run", *WRAP, expect=3)
    assert story.cli.json("verify")["secrets"]["quarantined"] == 1
    # Saved anew, and damaged in another way.
    ((text,),) = story.query("SELECT secure_json_data FROM data_source WHERE secure_json_data LIKE '%field0%'")
    document = json.loads(text.decode() if isinstance(text, bytes) else str(text))
    ciphertext = bytearray(base64.b64decode(document["field1"]))
    ciphertext[-1] ^= 0xFF
    document["field0"] = base64.b64encode(ciphertext).decode()
    saved = json.dumps(document)
    story.execute("UPDATE data_source SET secure_json_data = ? WHERE secure_json_data LIKE '%field0%'", saved)
    (problem,) = story.cli.json("verify", expect=8)["problems"]
    assert (problem["reason"], problem["in_quarantine"]) == ("implausible_plaintext", False)


def rotate_with_a_finding(story: Story) -> None:
    """A database under the vault, and a secret there that only a rotation looks at, and finds odd."""
    with story.builder() as builder:
        key = builder.data_key(provider=TARGET, wrap=lambda data_key: story.vault.wrap("prod", data_key))
        populate(builder, count=60, under=[key])
        builder.add_secret(Plain(b"no JSON object", key))
    report = story.cli.json("run", *WRAP, "--fresh-data-key", expect=3)
    assert report["quarantined_because"] == {"implausible_plaintext": 1}


def test_a_finding_of_a_rotation_is_kept_by_a_run_that_has_nothing_to_move_there(story: Story) -> None:
    rotate_with_a_finding(story)
    report = story.cli.json("run", *WRAP, expect=3)
    assert (report["outcome"], report["quarantined_because"]) == ("partly_done", {"implausible_plaintext": 1})
    story.cli.json("quarantine acknowledge", "--all")
    report = story.cli.json("run", *WRAP)
    assert (report["outcome"], [entry["state"] for entry in report["quarantine"]]) == (
        "nothing_to_do",
        ["acknowledged"],
    )
    # Also the next rotation knows that it was given up.
    assert story.cli.json("run", *WRAP, "--fresh-data-key")["outcome"] == "done"


def test_a_finding_leaves_the_quarantine_once_its_secret_reads_again(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key(provider=TARGET, wrap=lambda data_key: story.vault.wrap("prod", data_key))
        populate(builder, count=60, under=[builder.data_key(), key])
    ((wrapped,),) = story.query("SELECT encrypted_data FROM data_keys WHERE name = ?", key.key_id)
    story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = ?", b"damaged", key.key_id)
    lost = story.cli.json("run", *WRAP, "--fresh-data-key", expect=3)["secrets"]["quarantined"]
    assert lost > 10
    assert story.cli.json("run", *WRAP, expect=3)["secrets"]["quarantined"] == lost
    # A backup of the data key's row was found.
    story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = ?", wrapped, key.key_id)
    report = story.cli.json("run", *WRAP)
    assert (report["outcome"], report["quarantine"]) == ("done", [])
    # Some are GCM and move; what is where it belongs was looked at too.
    assert report["secrets"]["re_encrypted"] < lost
    assert story.cli.json("verify")["outcome"] == "verified"


@pytest.mark.one_engine
def test_copies_of_one_dead_secret_are_no_wrong_key(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        populate(builder, count=30, under=[key])
        builder.add_secret(Plain(b"no JSON object", key))
        ((value,),) = builder.ground.connection.execute("SELECT value FROM secrets ORDER BY id DESC LIMIT 1")
        for _ in range(100):
            row = builder.add_secret(Plain(b'{"a":"secret"}', key))
            builder.ground.connection.execute("UPDATE secrets SET value = ? WHERE id = ?", (value, row))
    assert story.cli.json("run", *WRAP, expect=3)["secrets"]["quarantined"] == 101


def with_a_damaged_data_key(story: Story) -> tuple[str, object]:
    """Twelve secrets are in quarantine because the row of their data key was damaged; returns its id and wrapping."""
    with story.builder() as builder:
        key = builder.data_key(provider=TARGET, wrap=lambda data_key: story.vault.wrap("prod", data_key))
        other = builder.data_key()
        for number in range(12):
            builder.add_user_auth({"o_auth_access_token": Plain(b"a token of some length %d" % number, key)})
            builder.add_user_auth({"o_auth_access_token": Plain(b"a token of another length %d" % number, other)})
    ((wrapped,),) = story.query("SELECT encrypted_data FROM data_keys WHERE name = ?", key.key_id)
    story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = ?", b"damaged", key.key_id)
    assert story.cli.json("run", *WRAP, "--fresh-data-key", expect=3)["secrets"]["quarantined"] == 12
    return key.key_id, wrapped


@pytest.mark.one_engine
def test_a_finding_leaves_also_where_there_is_no_data_key_to_write_under(story: Story) -> None:
    key_id, wrapped = with_a_damaged_data_key(story)
    story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = ?", wrapped, key_id)
    story.execute("UPDATE data_keys SET active = (1 = 0)")
    report = story.cli.json("run", *WRAP)
    assert (report["outcome"], report["quarantine"], report["target_data_key"]) == ("nothing_to_do", [], None)


@pytest.mark.one_engine
def test_a_disabled_key_of_what_was_given_up_stops_no_run(tmp_path: Path, own_vault: Vault) -> None:
    story = Story.of(tmp_path / "grafana.db", own_vault, secret_key="the secret_key")
    with story.builder() as builder:
        key = builder.data_key(provider=TARGET, wrap=lambda data_key: own_vault.wrap("prod", data_key))
        populate(builder, count=30, under=[key])
        builder.add_secret(Plain(b"no JSON object", key))
    old = own_vault.key_version("prod")
    own_vault.as_owner("POST", "/keys/prod/rotate")
    story.cli.json("run", *WRAP, "--fresh-data-key", expect=3)
    story.cli.json("quarantine acknowledge", "--all")
    # As the answer of `complete` says.
    own_vault.as_owner("PATCH", f"/keys/prod/{old}", {"attributes": {"enabled": False}})
    report = story.cli.json("run", *WRAP)
    assert (report["outcome"], [each["state"] for each in report["quarantine"]]) == ("nothing_to_do", ["acknowledged"])
