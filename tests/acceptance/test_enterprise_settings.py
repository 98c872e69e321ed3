"""Settings that Grafana Enterprise keeps at run time move in the form that they have, or are left and named."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.grafana.decryptor import DecryptedSecret
from tests.grafana.plaintexts import pem
from tests.grafana.planting import Encoding, Plain
from tests.support.engine import Engine
from tests.support.story import LEGACY, TARGET, WRAP, Story
from tests.support.vault import Vault

pytestmark = pytest.mark.engines_in_turn

KEY = pem(random.Random(1), 0).rstrip(b"\n")
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUe\n-----END CERTIFICATE-----\n"


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return Story.of(tmp_path / "grafana.db", shared_vault, engine=engine)


def settings(story: Story) -> dict[str, DecryptedSecret]:
    """The secrets of the table as the judge reads them, by key."""
    return {str(place.key[1]): secret for place, secret in story.secrets().items() if place.table == "setting"}


def plant(story: Story, encodings: tuple[Encoding, ...]) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        builder.add_user_auth({"o_auth_access_token": Plain(b"a token that is long enough", key)})
        for encoding in encodings:
            # Of a length whose base64 shows whether it is padded.
            private, public = (text + b"\n" * ((1 - len(text)) % 3) for text in (KEY, CERTIFICATE))
            builder.add_setting(Plain(private, key), key=f"private_key_{encoding}", encoding=encoding)
            builder.add_setting(Plain(public, key, "aes-gcm"), key=f"certificate_{encoding}", encoding=encoding)
        builder.add_setting(None, key="metadata_url")


def assert_moved(story: Story) -> None:
    before = settings(story)
    report = story.cli.json("run", *WRAP)
    assert report["outcome"] == "done"
    after = settings(story)
    for name, secret in after.items():
        assert (secret.plaintext, secret.error, secret.provider) == (before[name].plaintext, None, TARGET), name
        text = secret.stored_text
        assert text[:1] == before[name].stored_text[:1] == (b"#" if name.endswith("bytes") else b"I")
        assert text != before[name].stored_text
        assert not name.endswith("_padded") or len(text) % 4 == 0
        assert not name.endswith("_unpadded") or b"=" not in text
    assert story.cli.json("verify")["outcome"] == "verified"
    assert story.cli.json("undo", report["run_id"])["outcome"] == "undone"
    assert {name: secret.stored_text for name, secret in settings(story).items()} == {
        name: secret.stored_text for name, secret in before.items()
    }


def test_certificates_and_private_keys_move_in_the_base64_that_they_have(story: Story) -> None:
    plant(story, ("padded", "unpadded"))
    assert_moved(story)


@pytest.mark.one_engine
def test_bytes_stay_bytes(story: Story) -> None:
    plant(story, ("bytes",))
    assert_moved(story)


def test_legacy_values_stay_and_what_is_not_understood_is_named(story: Story) -> None:
    with story.builder() as builder:
        builder.add_user_auth({"o_auth_access_token": Plain(b"a token that is long enough")})
        builder.add_setting(Plain(KEY), key="private_key")
        builder.add_setting(Plain(CERTIFICATE, algorithm="aes-gcm"), key="certificate")
        builder.add_setting(None, key="plain")
        builder.ground.connection.execute("UPDATE setting SET encrypted_value = 'in the clear' WHERE `key` = 'plain'")
    before = settings(story)
    report = story.cli.json("run", *WRAP, expect=3)
    assert report["left_because"] == {"legacy_kept": 2}
    (entry,) = report["quarantine"]
    assert (entry["location"], entry["field"], entry["reason"]) == ("setting", "encrypted_value", "not_understood")
    assert settings(story) == before
    assert before["private_key"].provider == LEGACY
    # Nor does a second run do anything with them, or a rotation by age find itself due for them.
    assert story.cli.json("run", "--fresh-data-key", *WRAP, expect=3)["left_because"] == {"legacy_kept": 2}
    rotation = story.cli.json("run", "--fresh-data-key", *WRAP, "--if-older-than", "90d", expect=None)
    assert rotation["run_id"] is None
    # `rollback` changes nothing either: they are where it would bring them.
    assert story.cli.json("rollback", expect=3)["secrets"]["quarantined"] == 1


def test_a_legacy_value_beside_an_envelope_that_grafana_wrote_becomes_one(story: Story) -> None:
    with story.builder() as builder:
        builder.add_setting(Plain(KEY), key="private_key")
        builder.add_setting(Plain(CERTIFICATE, builder.data_key(), "aes-gcm"), key="certificate")
        builder.add_user_auth({"o_auth_access_token": Plain(b"a token that is long enough")})
    report = story.cli.json("run", *WRAP)
    assert (report["outcome"], report["locations"]["setting"]["re_encrypted"]) == ("done", 2)
    assert {(secret.provider, secret.error) for secret in settings(story).values()} == {(TARGET, None)}


@pytest.mark.one_engine
def test_a_value_too_short_to_prove_how_it_is_read_stays(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key()
        builder.add_user_auth({"o_auth_access_token": Plain(b"a token that is long enough", key)})
        builder.add_setting(Plain(b"short", key, "aes-cfb"), key="password")
        builder.add_setting(Plain(b"x", key, "aes-gcm"), key="tagged")
    report = story.cli.json("run", *WRAP, expect=3)
    assert (report["left_because"], report["secrets"]["re_encrypted"]) == ({"plain_or_unproven": 1}, 2)
    assert {name for name, secret in settings(story).items() if secret.provider == TARGET} == {"tagged"}


@pytest.mark.one_engine
def test_where_padding_does_not_show_and_would_be_needed_a_value_stays(story: Story) -> None:
    with story.builder() as builder:
        key = builder.data_key(id_style="uuid")
        for length in range(3):
            builder.add_setting(Plain(KEY + b"\n" * length, key), key=f"key-{length}", encoding="padded")
    before = settings(story)
    (shown,) = [name for name, secret in before.items() if b"=" not in secret.stored_text]
    report = story.cli.json("run", *WRAP, expect=3)
    (entry,) = report["quarantine"]
    assert (entry["key"], entry["reason"]) == (f'["auth.saml","{shown}"]', "not_understood")
    after = settings(story)
    assert after[shown] == before[shown]
    assert {name for name, secret in after.items() if secret.provider == TARGET} == set(before) - {shown}
