"""A data key that RSA-OAEP unwraps to other than 16 bytes: that is said, and it is read only where secrets prove it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.grafana.builder import GrafanaBuilder
from tests.grafana.datakeys import DataKey
from tests.grafana.planting import Plain
from tests.support.story import TARGET, WRAP, Story
from tests.support.vault import Vault

OTHER = "azurekv.other"
PROVING = b'{"password":"a text that is long enough to prove a key"}'
RAW = "cloudmigration-snapshot-encryption-key"
SHAPES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "a NUL": (lambda key: key + b"\x00", "to 17 bytes instead of 16 (16 bytes and trailing NULs)"),
    "text": (base64.b64encode, "to 24 bytes instead of 16 (base64 text of 16 bytes)"),
    "text without padding": (lambda key: base64.urlsafe_b64encode(key).rstrip(b"="), "to 22 bytes instead of 16 (base"),
    "something else": (lambda key: b"v2" + key, "to 18 bytes instead of 16"),
}
READABLE = [name for name in SHAPES if name != "something else"]

pytestmark = pytest.mark.one_engine


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault) -> Story:
    return Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key")


def odd_key(builder: GrafanaBuilder, story: Story, shape: str, provider: str = OTHER) -> DataKey:
    """A data key that was wrapped in this shape."""
    name = provider.removeprefix("azurekv.")
    return builder.data_key(
        provider=provider, wrap=lambda key: story.vault.wrap(name, SHAPES[shape][0](key)), active=True
    )


@pytest.mark.parametrize("shape", READABLE)
def test_secrets_that_prove_the_reading_are_moved_away_and_the_key_is_never_written_under(
    shape: str, story: Story
) -> None:
    with story.builder() as builder:
        key = odd_key(builder, story, shape)
        builder.add_secret(Plain(PROVING, key))
        builder.add_secret(Plain(bytes([1, 255, 0, 128]) * 8, key), kind=RAW, org_id=-1)
        builder.add_secret(Plain(b'{"password":"legacy"}', None))
    report = story.cli.json("run", *WRAP)
    assert report["outcome"] == "done"
    said = {each.plaintext for each in story.secrets().values()}
    assert PROVING in said
    assert {each.provider for each in story.secrets().values()} == {TARGET}


@pytest.mark.parametrize("shape", list(SHAPES))
def test_where_nothing_proves_the_reading_it_is_said_and_left(shape: str, story: Story) -> None:
    with story.builder() as builder:
        # Bytes prove nothing, and nothing else is under it.
        key = odd_key(builder, story, shape)
        builder.add_secret(Plain(bytes([1, 255, 0, 128]) * 8, key), kind=RAW, org_id=-1)
        builder.add_secret(Plain(b'{"password":"legacy"}', None))
    ((before,),) = story.query("SELECT value FROM secrets WHERE type = ?", RAW)
    report = story.cli.json("run", *WRAP, "--accept-unproven", OTHER, expect=3)
    (entry,) = report["quarantine"]
    assert entry["reason"] == "unwrap_failed"
    assert SHAPES[shape][1] in entry["detail"]
    assert "unwraps it with RSA-OAEP-256" in entry["detail"]
    assert story.query("SELECT value FROM secrets WHERE type = ?", RAW) == [(before,)]


def test_a_wrong_reading_is_refuted_by_what_is_under_it(story: Story) -> None:
    """The text of another key in the block: its secrets are under the bytes that nobody knows."""
    with story.builder() as builder:
        key = builder.data_key(
            provider=OTHER, wrap=lambda key: story.vault.wrap("other", base64.b64encode(key[::-1])), active=True
        )
        builder.add_secret(Plain(PROVING, key))
        builder.add_secret(Plain(b'{"password":"legacy"}', None))
    report = story.cli.json("run", *WRAP, expect=3)
    assert [entry["reason"] for entry in report["quarantine"]] == ["unwrap_failed"]
    assert "only where secrets prove it" in report["quarantine"][0]["detail"]


@pytest.mark.parametrize("shape", ["a NUL", "text"])
def test_no_run_writes_under_such_a_key_and_no_rewrap_wraps_it_anew(shape: str, story: Story) -> None:
    with story.builder() as builder:
        key = odd_key(builder, story, shape, TARGET)
        builder.add_secret(Plain(PROVING, key))
        builder.add_secret(Plain(b'{"password":"legacy"}', None))
    wrapped = story.query("SELECT encrypted_data FROM data_keys WHERE name = ?", key.key_id)
    report = story.cli.json("rewrap", "--to", OTHER, *WRAP, expect=3)
    assert SHAPES[shape][1].partition("(")[2].rstrip(")") in str(report)
    assert story.query("SELECT encrypted_data FROM data_keys WHERE name = ?", key.key_id) == wrapped
    digest = story.digest()
    error = story.cli.json("run", *WRAP, expect=6)["error"]
    assert f"{key.key_id} under {TARGET} has a form that --wrap-format does not name" in error["message"]
    assert f"--skip-key {key.key_id}" in error["hint"]
    assert story.digest() == digest
    story.cli.json("run", *WRAP, "--skip-key", key.key_id)
    (moved,) = [each for each in story.secrets().values() if each.key_id != key.key_id]
    assert (moved.provider, moved.plaintext) == (TARGET, b'{"password":"legacy"}')


@pytest.mark.parametrize("options", [("--fresh-data-key",), ()])
def test_a_named_format_that_is_not_grafanas_own_is_refused(options: tuple[str, ...], story: Story) -> None:
    with story.builder() as builder:
        block = builder.data_key(
            provider=TARGET, wrap=lambda key: base64.b64encode(story.vault.wrap("prod", key)), active=bool(options)
        )
        builder.add_secret(Plain(PROVING, block))
        builder.add_secret(Plain(b'{"password":"legacy"}', None))
    digest = story.digest()
    error = story.cli.json("run", *WRAP, *options, expect=6)["error"]
    assert (
        f"Grafana wraps its data keys under {TARGET} as base64/RSA-OAEP-256, as {block.key_id} shows"
        in error["message"]
    )
    assert "raw/RSA-OAEP-256" in error["message"]
    assert story.digest() == digest
    assert story.cli.json("run", *options)["outcome"] == "done"
