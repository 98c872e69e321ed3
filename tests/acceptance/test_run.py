"""`run` on whole databases: everything moves, nothing else changes, and every interruption is survived."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.engine import Engine
from tests.support.story import LEGACY, NOT_APPLICABLE, TARGET, WRAP, Story
from tests.support.vault import Vault


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return Story.of(tmp_path / "grafana.db", shared_vault, secret_key="a secret_key of one's own", engine=engine)


def fill(story: Story, count: int, *, snapshot_len: int = 0, own_salts: bool = False) -> None:
    with story.builder() as builder:
        keys = [
            builder.data_key(id_style="uuid"),
            builder.data_key(id_style="short", algorithm="aes-gcm"),
            builder.data_key(id_style="old-name", bare=True),
            builder.data_key(provider="secretKey"),
            builder.data_key(provider="azurekv.other", wrap=lambda dek: story.vault.wrap("other", dek)),
        ]
        populate(
            builder,
            count=count,
            under=[None, *keys],
            snapshot_len=snapshot_len,
            own_salts=own_salts,
            odd_padding_every=7,
        )


@pytest.mark.every_server
def test_every_location_key_and_style_moves_and_nothing_else_changes(story: Story) -> None:
    fill(story, 1200, snapshot_len=1 << 20)
    plaintexts, rest = story.plaintexts(), story.rest()
    before = story.secrets()

    report = story.cli.json("run", *WRAP)

    applicable = [address for address in before if address.table != NOT_APPLICABLE]
    assert report["outcome"] == "done"
    assert report["secrets"]["re_encrypted"] == len(applicable)
    assert report["secrets"]["not_applicable"] == len(before) - len(applicable)
    by_table = Counter(address.table for address in before)
    assert {name: numbers["total"] for name, numbers in report["locations"].items()} == by_table
    for numbers in (report["secrets"], *report["locations"].values()):
        assert numbers["total"] == sum(value for name, value in numbers.items() if name != "total")

    after = story.secrets()
    # Old rows with padding that Grafana does not decode become readable; all others keep their plaintext.
    unreadable = {address for address, secret in before.items() if secret.error == "padding"}
    assert unreadable
    assert {address: secret.plaintext for address, secret in after.items() if address not in unreadable} == {
        address: text for address, text in plaintexts.items() if address not in unreadable
    }
    assert [address for address, secret in after.items() if secret.error and address.table != NOT_APPLICABLE] == []
    assert story.off_target() == {}
    assert story.rest() == rest

    digest = story.digest()
    assert story.cli.json("run")["outcome"] == "nothing_to_do"
    assert story.digest() == digest


@pytest.mark.one_engine
def test_plaintexts_of_every_length_are_written_with_the_padding_of_their_column(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        for length in range(1, 10):
            text = Plain(b"x" * length, key)
            builder.add_secret(text, kind="plugin")
            builder.add_data_source({"password": text})
            builder.add_plugin_setting({"password": text})
            builder.add_user_auth({"o_auth_access_token": text})
            builder.add_user_external_session({"session_id": text})
            builder.add_cloud_migration_session(text)
            builder.add_sso_setting({"client_secret": text})
            builder.add_repository(token=text)
            builder.add_alert_configuration([{"url": text}])
        populate(builder, count=300, under=[key])
    before = story.plaintexts()
    story.cli("run", *WRAP)
    # The decryptor holds to Go's strict rule for each column, so a wrong padding would be an error here.
    assert story.plaintexts() == before
    assert story.off_target() == {}


def test_legacy_and_data_keys_move_within_secret_key_too(story: Story) -> None:
    with story.builder() as builder:
        populate(builder, count=200, under=[None, builder.data_key()])
    before = story.plaintexts()
    report = story.cli.json("run", "--to", "secretKey.v1")
    assert any("encryption_provider" in warning for warning in report["warnings"])
    assert story.plaintexts() == before
    assert story.off_target("secretKey.v1") == {}


@pytest.mark.one_engine
def test_secrets_do_not_leave_a_vault_for_secret_key_unless_that_is_spelled_out(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key(provider="azurekv.other", wrap=lambda dek: story.vault.wrap("other", dek))
        populate(builder, count=60, under=[key, builder.data_key()])
    digest = story.digest()
    keep = story.cli.configuration
    assert keep is not None
    keep.write_text(
        keep.read_text().replace("encryption_provider = azurekv.prod", "encryption_provider = secretKey.v1")
    )
    report = story.cli.json("run", expect=6)
    assert "--to secretKey.v1" in report["error"]["hint"]
    assert story.digest() == digest
    before = story.plaintexts()
    assert story.cli.json("run", "--to", "secretKey.v1")["outcome"] == "done"
    assert story.plaintexts() == before


@pytest.mark.one_engine
def test_grafanas_own_active_data_key_is_used_and_its_format_needs_no_name(story: Story) -> None:
    with story.builder() as builder:
        old = builder.data_key(provider=TARGET, label_date="2020-01-01", wrap=lambda dek: story.vault.wrap("prod", dek))
        newest = builder.data_key(
            provider=TARGET, label_date="2025-06-01", wrap=lambda dek: story.vault.wrap("prod", dek)
        )
        builder.data_key(
            provider=TARGET, label_date="2025-07-01", active=False, wrap=lambda dek: story.vault.wrap("prod", dek)
        )
        populate(builder, count=120, under=[None, old])
    keys = story.query("SELECT * FROM data_keys ORDER BY name")
    report = story.cli.json("run")
    assert report["outcome"] == "done"
    assert report["target_data_key"] == newest.key_id
    assert report["secrets"]["already_current"] > 0
    assert story.query("SELECT * FROM data_keys ORDER BY name") == keys


@pytest.mark.one_engine
def test_the_format_is_learned_from_an_inactive_data_key_of_grafanas(story: Story) -> None:
    with story.builder() as builder:
        builder.data_key(provider=TARGET, active=False, wrap=lambda dek: story.vault.wrap("prod", dek))
        populate(builder, count=60, under=[None])
    plan = story.cli.json("plan")
    assert (plan["wrap_format"], plan["target_data_key"]) == ("raw/RSA-OAEP-256", None)
    report = story.cli.json("run")
    assert report["outcome"] == "done"
    assert story.off_target() == {}


@pytest.mark.one_engine
def test_our_own_data_key_is_no_evidence_that_grafana_knows_the_provider(story: Story) -> None:
    with story.builder() as builder:
        populate(builder, count=60, under=[None])
    story.cli("run", *WRAP)
    legacy = story.query("SELECT old_bytes FROM reencrypt_journal WHERE table_name = 'secrets' LIMIT 1")[0][0]
    assert isinstance(legacy, bytes)
    ((first,),) = story.query("SELECT MIN(id) FROM secrets")
    story.execute("UPDATE secrets SET value = ? WHERE id = ?", legacy.decode(), first)
    report = story.cli.json("run", expect=6)
    assert "--wrap-format" in report["error"]["hint"]
    assert story.cli.json("run", *WRAP)["secrets"]["re_encrypted"] == 1


def interrupt_after_a_page(story: Story, number: signal.Signals, *arguments: str) -> int:
    """Start a run, and send it a signal as soon as it has committed something."""
    process = story.cli.start("run", *arguments, "-v", "--log-format", "json", "--lease-timeout", "1")
    assert process.stderr is not None
    for line in process.stderr:
        event = json.loads(line)
        if event["event"] == "page committed" and event["moved"]:
            process.send_signal(number)
            break
    process.communicate()
    return process.returncode


def test_an_interrupted_run_saves_its_progress_and_is_resumed(story: Story) -> None:
    fill(story, 2500)
    before = story.plaintexts()
    assert interrupt_after_a_page(story, signal.SIGINT, *WRAP) == 4
    halfway = story.secrets()
    moved = sum(secret.provider == TARGET for secret in halfway.values())
    assert 0 < moved < len(halfway)
    status = story.cli.json("status")
    assert status["runs"][-1]["state"] == "open"
    assert status["lease_holder"] is None
    assert "reencrypt run" in status["next_command"]

    # Without --wrap-format: the interrupted run remembers it.
    report = story.cli.json("run")
    assert report["resumed"]
    assert report["run_id"] == status["runs"][-1]["run_id"]
    assert report["outcome"] == "done"
    applicable = [address for address in before if address.table != NOT_APPLICABLE]
    assert report["secrets"]["re_encrypted"] == len(applicable)
    assert story.off_target() == {}
    after = story.secrets()
    assert {address: text for address, text in before.items() if isinstance(text, bytes)}.items() <= {
        address: secret.plaintext for address, secret in after.items()
    }.items()
    # One data key for both halves.
    assert len({secret.key_id for secret in after.values() if secret.provider == TARGET}) == 1


def test_a_second_run_names_the_holder_of_the_lease_and_stays_out(story: Story) -> None:
    fill(story, 3000, own_salts=True)
    process = story.cli.start("run", *WRAP, "-v", "--log-format", "json", "--lease-timeout", "1")
    assert process.stderr is not None
    for line in process.stderr:
        if json.loads(line)["event"] == "page committed":
            break
    report = story.cli.json("run", *WRAP, "--lease-timeout", "1", expect=5)
    assert f"process {process.pid}" in report["error"]["message"]
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 4


def test_a_pilot_moves_so_many_and_the_next_run_goes_on(story: Story) -> None:
    fill(story, 600)
    total = Counter(address.table for address in story.secrets())["secrets"]
    pilot = story.cli.json("run", *WRAP, "--location", "secrets", "--limit", "5", expect=4)
    assert pilot["outcome"] == "stopped"
    assert "limit of 5" in pilot["stop_reason"]
    assert pilot["secrets"]["re_encrypted"] == 5
    under = [address for address, secret in story.secrets().items() if secret.provider == TARGET]
    assert {address.table for address in under} == {"secrets"}
    assert len(under) == 5

    more = story.cli.json("run", "--location", "secrets", expect=4)
    assert more["locations"]["secrets"]["re_encrypted"] == total
    rest = story.cli.json("run")
    assert rest["outcome"] == "done"
    assert rest["run_id"] == pilot["run_id"]
    assert story.off_target() == {}


def test_a_run_stops_when_its_time_is_over(story: Story) -> None:
    fill(story, 2500)
    report = story.cli.json("run", *WRAP, "--max-runtime", "0", expect=4)
    assert "time" in report["stop_reason"]
    assert story.cli.json("run", *WRAP)["outcome"] == "done"


@pytest.mark.one_engine
def test_what_this_grafana_lacks_is_named_in_the_plan(story: Story) -> None:
    with story.builder() as builder:
        populate(builder, count=60, under=[builder.data_key()])
    story.execute("DROP TABLE cloud_migration_session")
    story.execute("ALTER TABLE user_auth DROP COLUMN o_auth_id_token")
    plan = story.cli.json("plan", *WRAP)
    assert set(plan["missing"]) == {"cloud_migration_session", "setting", "user_auth.o_auth_id_token"}
    assert story.cli.json("run", *WRAP)["outcome"] == "done"


@pytest.mark.one_engine
def test_legacy_alerting_is_counted_and_left(story: Story) -> None:
    with story.builder() as builder:
        builder.add_alert_notification({"url": Plain(b"https://example.org/hook"), "token": Plain(b"t0ken")})
        builder.add_secret(Plain(b'{"password":"enough evidence"}'))
    report = story.cli.json("run", *WRAP)
    assert report["outcome"] == "done"
    assert report["locations"]["alert_notification"]["not_applicable"] == 2
    assert {each.provider for address, each in story.secrets().items() if address.table == NOT_APPLICABLE} == {LEGACY}


@pytest.mark.one_engine
def test_grafanas_own_key_under_rsa1_5_is_proven_by_its_secrets(story: Story) -> None:
    def wrap(data_key: bytes) -> bytes:
        return story.vault.private_key("prod").public_key().encrypt(data_key, PKCS1v15())

    with story.builder() as builder:
        key = builder.data_key(provider=TARGET, wrap=wrap)
        populate(builder, count=150, under=[None, key])
    before = story.plaintexts()
    report = story.cli.json("run")
    assert (report["outcome"], report["target_data_key"]) == ("done", key.key_id)
    verified = story.cli.json("verify")
    assert verified["secrets"]["unreadable"] == 0
    assert {address: before[address] for address in before if address.table == "secrets"}
    assert len(story.query("SELECT name FROM data_keys")) == 1


def test_state_tables_that_were_created_in_part_are_completed(story: Story) -> None:
    with story.builder() as builder:
        populate(builder, count=60, under=[None])
    (first, *_) = [line for line in story.cli("plan", "--ddl").stdout.split(";\n") if "CREATE TABLE" in line]
    story.execute(first[first.index("CREATE TABLE") :])
    assert story.cli.json("status")["runs"] == []
    assert story.cli.json("verify")["outcome"] == "verified"
    assert story.cli.json("run", *WRAP)["outcome"] == "done"
