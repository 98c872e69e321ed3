"""A key that is not proven is neither read from nor written under: the design's cases, through the command line."""

from __future__ import annotations

import base64
import re
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from tests.grafana.builder import GrafanaBuilder
from tests.grafana.damage import DAMAGES, Damage
from tests.grafana.encrypting import Algorithm
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.story import NOT_APPLICABLE, TARGET, WRAP, Story
from tests.support.vault import Vault

RIGHT, WRONG = "the right secret_key", "the wrong secret_key"


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return Story.of(tmp_path / "grafana.db", shared_vault, secret_key=RIGHT, engine=engine)


def with_wrong_key(story: Story) -> Story:
    return story.with_secret_key(WRONG)


def assert_refused(story: Story) -> None:
    before = story.digest()
    report = with_wrong_key(story).cli.json("run", *WRAP, expect=6)
    assert "secret_key" in report["error"]["message"]
    assert story.digest() == before


@pytest.mark.parametrize("legacy", [True, False])
def test_a_wrong_secret_key_changes_not_one_byte(story: Story, legacy: bool) -> None:  # noqa: FBT001
    with story.builder() as builder:
        populate(builder, count=300, under=[None] if legacy else [builder.data_key()])
    assert_refused(story)


def test_a_wrong_secret_key_is_refused_on_2000_times_bearer(story: Story) -> None:
    with story.builder() as builder:
        for _ in range(2000):
            builder.add_user_auth({"o_auth_token_type": Plain(b"Bearer")})
    assert_refused(story)
    assert story.cli.json("run", *WRAP)["secrets"]["re_encrypted"] == 2000


@pytest.mark.one_engine
def test_many_data_keys_with_one_short_secret_each(story: Story, pytestconfig: pytest.Config) -> None:
    # A unit test judges a thousand of them; here they only go through the program.
    keys = 1000 if pytestconfig.getoption("--nightly") else 150
    with story.builder() as builder:
        for number in range(keys):
            key = builder.data_key(label_date=f"20{number % 90 + 10}-01-01")
            builder.add_user_auth({"o_auth_token_type": Plain(b"Bearer", key)})
    assert_refused(story)
    report = story.cli.json("run", *WRAP)
    assert (report["outcome"], report["secrets"]["re_encrypted"]) == ("done", keys)


@pytest.mark.one_engine
def test_only_empty_secrets_move_without_proof(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        for under in (None, key):
            builder.add_user_auth({"o_auth_access_token": Plain(b"", under), "o_auth_id_token": Plain(b"", under)})
    report = story.cli.json("run", *WRAP)
    assert (report["outcome"], report["secrets"]["re_encrypted"]) == ("done", 4)
    assert set(story.plaintexts().values()) == {b""}
    assert story.off_target() == {}


def add_raw_keys(builder: GrafanaBuilder, count: int) -> None:
    for number in range(count):
        raw = bytes([number, 255, 0, 128]) * 8
        builder.add_secret(Plain(raw), kind="cloudmigration-snapshot-encryption-key", org_id=-1)


@pytest.mark.one_engine
def test_raw_byte_secrets_alone_prove_nothing_and_are_left(story: Story) -> None:
    with story.builder() as builder:
        add_raw_keys(builder, 3)
    before = {address: secret.stored_text for address, secret in story.secrets().items()}
    report = story.cli.json("run", *WRAP, expect=3)
    assert (report["outcome"], report["secrets"]["left"]) == ("partly_done", 3)
    assert report["left_because"] == {"unproven_key secretKey.v1": 3}
    assert {address: secret.stored_text for address, secret in story.secrets().items()} == before
    accepted = story.cli.json("run", *WRAP, "--accept-unproven", "secretKey.v1")
    assert accepted["secrets"]["re_encrypted"] == 3


@pytest.mark.one_engine
def test_raw_byte_secrets_move_when_others_have_proven_the_key(story: Story) -> None:
    with story.builder() as builder:
        add_raw_keys(builder, 3)
        builder.add_secret(Plain(b'{"password":"a long enough text"}'))
    before = story.plaintexts()
    assert story.cli.json("run", *WRAP)["outcome"] == "done"
    assert story.plaintexts() == before


def plant_two_eras(story: Story) -> tuple[int, int]:
    """A database whose secret_key was changed once: what was written before is dead, short secrets among it."""
    before = GrafanaBuilder(story.database, secret_key="the key before", seed=1)
    with before as builder:
        key = builder.data_key(label_date="2020-01-01")
        for _ in range(20):
            builder.add_user_auth({"o_auth_token_type": Plain(b"Bearer"), "o_auth_access_token": Plain(b"x" * 40)})
            builder.add_user_auth({"o_auth_token_type": Plain(b"Bearer", key)})
            builder.add_cloud_migration_session(Plain(b"a longer secret of then", key))
    dump = story.database.with_suffix(".before")
    story.database.rename(dump)
    with story.builder() as builder:
        key = builder.data_key(label_date="2024-01-01")
        short = builder.data_key(label_date="2024-01-02")
        for number in range(30):
            builder.add_user_auth(
                {"o_auth_access_token": Plain(b"a token of now " + b"y" * number)}, row_id=1000 + number
            )
            builder.add_user_auth({"o_auth_token_type": Plain(b"Bearer", key)}, row_id=2000 + number)
            builder.add_secret(Plain(b'{"a":"%d"}' % number, key), row_id=3000 + number)
        builder.add_user_auth({"o_auth_token_type": Plain(b"Bearer")}, row_id=4000)
        builder.add_user_auth({"o_auth_token_type": Plain(b"Bearer", short)}, row_id=4001)
    connection = sqlite3.connect(story.database)
    connection.execute("ATTACH ? AS old", (str(dump),))
    for table in ("user_auth", "cloud_migration_session", "data_keys"):
        connection.execute(f"INSERT INTO main.{table} SELECT * FROM old.{table}")  # noqa: S608
    connection.commit()
    connection.close()
    story.engine.load(story.database)
    return 4000, 4001


@pytest.mark.one_engine
def test_a_secret_key_that_was_changed_once_moves_what_is_proven_and_leaves_the_rest(story: Story) -> None:
    plant_two_eras(story)
    before = story.secrets()
    # More than a fifth of what is under secret_key fails, so the user has to say that this is known.
    assert "--max-quarantine" in story.cli.json("run", *WRAP, expect=6)["error"]["hint"]
    report = story.cli.json("run", *WRAP, "--max-quarantine", "1", expect=3)
    after = story.secrets()
    # Not one plaintext of the present era is lost, and no garbage of the dead one was written anew.
    moved = {address for address, secret in after.items() if secret.provider == TARGET}
    for address in moved:
        assert after[address].plaintext == before[address].plaintext
        text = after[address].plaintext
        assert text is not None
        assert text.isascii()
    for address in after.keys() - moved:
        assert after[address].stored_text == before[address].stored_text
    keys = Counter((address.table, address.key >= (1000,)) for address in moved)
    assert keys == {("user_auth", True): 60, ("secrets", True): 30}
    # The short ones of now, legacy or alone under a key, cannot be told from the dead: left, not lost.
    assert report["secrets"]["left"] >= 2
    assert all(reason.startswith("unproven_key") for reason in report["left_because"])
    assert report["secrets"]["quarantined"] > 0
    assert set(report["quarantined_because"]) == {"implausible_plaintext"}


@pytest.mark.one_engine
@pytest.mark.parametrize("damage", DAMAGES)
def test_one_damaged_secret_spoils_neither_its_neighbours_nor_the_run(story: Story, damage: Damage) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        algorithm: Algorithm = "aes-gcm" if damage == "cut-tag" else "aes-cfb"
        neighbours = {name: Plain(f"the secret {name}".encode(), key) for name in ("a", "c")}
        victim = Plain(b"the secret b, which will be damaged", key, algorithm)
        row = builder.add_data_source({"a": neighbours["a"], "b": victim, "c": neighbours["c"]})
        populate(builder, count=120, under=[None, key])
        planted = next(each for each in builder.planted if each.path == "secure_json_data.b" and each.key == (row,))
        builder.damage(planted, damage)
    before = story.secrets()
    report = story.cli.json("run", *WRAP, expect=3)
    assert report["outcome"] == "partly_done"
    assert report["secrets"]["quarantined"] == 1
    (entry,) = report["quarantine"]
    assert (entry["location"], entry["key"], entry["field"]) == ("data_source", f"[{row}]", "secure_json_data.b")
    assert entry["reason"] in {
        "unknown_data_key",
        "malformed_envelope",
        "malformed_encoding",
        "implausible_plaintext",
        "authentication_failed",
    }
    assert entry["remedy"]
    after = story.secrets()
    off = [address for address, each in after.items() if each.provider != TARGET and address.table != NOT_APPLICABLE]
    assert [(address.table, address.key, address.path) for address in off] == [
        ("data_source", (row,), "secure_json_data.b")
    ]
    assert after[off[0]].stored_text == before[off[0]].stored_text
    # It stays known, it fails no verification, and a second run changes nothing.
    assert story.cli.json("verify")["secrets"]["quarantined"] == 1
    again = story.cli.json("run", *WRAP, expect=3)
    assert (again["secrets"]["re_encrypted"], again["secrets"]["quarantined"]) == (0, 1)


def test_a_damaged_secret_that_no_run_has_seen_fails_verification(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        populate(builder, count=120, under=[key])
        builder.damage(next(each for each in builder.planted if each.table == "data_source"), "truncated")
    report = story.cli.json("verify", expect=8)
    assert (report["outcome"], report["secrets"]["unreadable"]) == ("failed", 1)


@pytest.mark.one_engine
def test_a_healed_secret_leaves_the_quarantine_with_the_next_run(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        populate(builder, count=120, under=[key])
        planted = next(each for each in builder.planted if each.table == "secrets" and each.plaintext)
        builder.damage(planted, "unclosed-key")
    assert len(story.cli.json("run", *WRAP, expect=3)["quarantine"]) == 1
    story.execute("UPDATE secrets SET value = '' WHERE id = ?", *planted.key)
    again = story.cli.json("run", *WRAP, expect=None)
    assert again["outcome"] == "nothing_to_do"
    assert story.cli.json("status")["quarantine"] == []


@pytest.mark.one_engine
def test_all_under_a_key_can_be_left_by_name(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        other = builder.data_key(provider="azurekv.other", wrap=lambda dek: story.vault.wrap("other", dek))
        populate(builder, count=120, under=[key, other])
    wrong = with_wrong_key(story)
    report = wrong.cli.json("run", *WRAP, "--skip-key", "secretKey.v1", expect=3)
    assert report["secrets"]["re_encrypted"] > 0
    assert list(report["left_because"]) == ["skipped_key secretKey.v1"]
    assert {each.provider for each in story.secrets().values()} == {TARGET, "secretKey.v1"}


@pytest.mark.one_engine
def test_a_provider_that_is_left_by_name_is_not_even_asked(story: Story) -> None:
    with story.builder() as builder:
        other = builder.data_key(provider="azurekv.other", wrap=lambda dek: story.vault.wrap("other", dek))
        populate(builder, count=120, under=[None, other])
    configuration = story.cli.configuration
    assert configuration is not None
    before, section, rest = configuration.read_text().partition("[security.encryption.azurekv.other]")
    configuration.write_text(before + section + re.sub(r"vault_uri = .*", "vault_uri = https://localhost:1", rest))
    for name in ("azurekv.other", other.key_id):
        report = story.cli.json("run", *WRAP, "--skip-key", name, "--vault-deadline", "3", expect=3)
        assert list(report["left_because"]) == [f"skipped_key {name}"]


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.one_engine
def test_a_damaged_secret_that_is_all_that_remains_does_not_refute_the_key(story: Story, legacy: bool) -> None:  # noqa: FBT001
    with story.builder() as builder:
        key = None if legacy else builder.data_key()
        for number in range(30):
            builder.add_user_auth({"o_auth_access_token": Plain(b"the token number %d" % number, key)})
            builder.add_secret(Plain(b'{"password":"%d"}' % number, key))
        builder.damage(builder.planted[4], "flipped-byte")
    assert story.cli.json("run", *WRAP, expect=3)["secrets"]["re_encrypted"] == 59
    # What the first run moved still proves the key, and still refutes another one.
    again = story.cli.json("run", *WRAP, expect=3)
    assert (again["outcome"], again["secrets"]["quarantined"]) == ("partly_done", 1)
    with story.builder() as builder:
        builder.add_secret(Plain(b'{"saved":"by Grafana meanwhile"}'))
    assert_refused(story)
    assert story.cli.json("run", *WRAP, expect=3)["secrets"]["re_encrypted"] == 1


@pytest.mark.one_engine
def test_damaged_values_that_are_the_longest_of_all_do_not_refute_the_key(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        for under in (None, key):
            for number in range(70):
                builder.add_dashboard_snapshot(Plain(b'{"title":"%s"}' % (b"x" * 200), under))
                builder.damage(builder.planted[-1], "flipped-byte")
                builder.add_user_auth({"o_auth_access_token": Plain(b"the token number %d" % number, under)})
    report = story.cli.json("run", *WRAP, "--max-quarantine", "1", expect=3)
    assert report["secrets"]["re_encrypted"] == 140
    assert report["secrets"]["quarantined"] == 140


def test_plain_text_that_looks_like_an_old_ciphertext_is_left_as_it_is(story: Story) -> None:
    # It decodes to eight letters and sixteen odd bytes: the bare body of an empty secret, to the letter.
    text = base64.b64encode(b"saltSALT" + bytes(range(200, 216))).decode()
    starred = "Kp3xZq9LmW7aTbR5yHcVd2NsEf8GuJ4Pko"
    with story.builder() as builder:
        builder.add_sso_setting({"client_secret": Plain(b"a secret that is one")}, leftovers={"bind_password": text})
        builder.add_sso_setting(
            {"client_secret": Plain(b"another one that is")},
            leftovers={"bind_password": "Kp3xZq9LmW7aTbR5yHcVd2NsEf8GuJ4Pko"},
        )
    report = story.cli.json("run", *WRAP, expect=3)
    assert report["left_because"] == {"plain_or_unproven": 1}
    settings = " ".join(str(row[0]) for row in story.query("SELECT settings FROM sso_setting"))
    assert text in settings
    assert starred in settings


@pytest.mark.one_engine
def test_a_data_key_whose_row_was_replaced_moves_nothing_not_even_raw_bytes(story: Story) -> None:
    """It unwraps, as often as one asks: to a key that its secrets were never written under."""
    with story.builder() as builder:
        key = builder.data_key(provider="azurekv.other", wrap=lambda dek: story.vault.wrap("other", dek))
        for _ in range(3):
            builder.add_secret(Plain(b'{"password":"a long enough text"}', key))
        for number in range(3):
            raw = bytes([number, 255, 0, 128]) * 8
            builder.add_secret(Plain(raw, key), kind="cloudmigration-snapshot-encryption-key", org_id=-1)
        builder.add_user_auth({"o_auth_token_type": Plain(b"Bearer")})
        builder.add_secret(Plain(b'{"password":"another long text"}'))
    story.execute("UPDATE data_keys SET encrypted_data = ?", story.vault.wrap("other", b"another data key"))
    before = {address: secret.stored_text for address, secret in story.secrets().items() if secret.key_id == key.key_id}
    report = story.cli.json("run", *WRAP, expect=3)
    assert report["quarantined_because"] == {"implausible_plaintext": 3}
    assert report["left_because"] == {f"unproven_key {key.key_id}": 3}
    after = story.secrets()
    assert {address: after[address].stored_text for address in before} == before


@pytest.mark.one_engine
def test_copies_of_one_ciphertext_prove_no_more_than_one(story: Story) -> None:
    """The history of alerting configurations holds the same bytes many times over."""
    with story.builder() as builder:
        builder.add_alert_configuration([{"pin": Plain(b"1234")}], other_row=True)
    # Under about one wrong secret_key in fifty four bytes are printable characters.
    wrong = next(
        each
        for each in (story.with_secret_key(f"a wrong secret_key {number}") for number in range(500))
        if all(isinstance(text, bytes) and re.fullmatch(rb"[ -~]+", text) for text in each.plaintexts().values())
    )
    columns = [str(row[1]) for row in story.query("PRAGMA table_info(alert_configuration_history)")]
    others = ", ".join(f'"{name}"' for name in columns if name != "id")
    for _ in range(30):
        story.execute(
            f"INSERT INTO alert_configuration_history ({others}) SELECT {others} FROM alert_configuration_history "  # noqa: S608 - our own names
            "WHERE id = (SELECT MIN(id) FROM alert_configuration_history)"
        )
    before = story.plaintexts()
    report = wrong.cli.json("run", *WRAP, expect=3)
    assert report["left_because"] == {"unproven_key secretKey.v1": 32}
    assert story.plaintexts() == before


@pytest.mark.one_engine
def test_what_was_undone_proves_no_more_than_it_did_before(story: Story) -> None:
    with story.builder() as builder:
        builder.add_user_auth({"o_auth_access_token": Plain(b"12345678")})
    assert story.cli.json("run", *WRAP, expect=3)["secrets"]["left"] == 1
    accepted = story.cli.json("run", *WRAP, "--accept-unproven", "secretKey.v1")
    story.cli("undo", accepted["run_id"])
    # The journal still has the value that the column holds again.
    assert story.cli.json("run", *WRAP, expect=3)["secrets"]["left"] == 1


@pytest.mark.one_engine
def test_the_tag_of_a_wrapping_says_nothing_of_the_secrets_under_its_data_key(story: Story) -> None:
    with story.builder() as builder:
        populate(builder, count=10, under=[None])
        other = builder.data_key(algorithm="aes-gcm")
        key = builder.data_key()
        for number in range(6):
            builder.add_secret(Plain(b'{"number":"some text %d"}' % number, key))
        row = builder.add_secret(
            Plain(bytes(range(128, 160)), key), org_id=-1, kind="cloudmigration-snapshot-encryption-key"
        )
    before = story.query("SELECT value FROM secrets WHERE id = ?", row)
    story.execute("UPDATE data_keys SET encrypted_data = ? WHERE name = ?", other.wrapped, key.key_id)
    report = story.cli.json("run", *WRAP, "--max-quarantine", "1", expect=3)
    assert report["quarantined_because"] == {"implausible_plaintext": 6}
    assert story.query("SELECT value FROM secrets WHERE id = ?", row) == before
