"""A ciphertext that fills its column to the last byte was cut off when it was saved, and is not taken for whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from reencrypt.databases.cut_off import cut_off
from reencrypt.databases.protocol import ColumnLimit
from tests.grafana.planting import Plain
from tests.support.engine import Engine
from tests.support.story import WRAP, Story
from tests.support.vault import Vault

#: MySQL's TEXT, in bytes.
TEXT = 65_535


@pytest.mark.parametrize(
    ("cell", "limit", "is_cut"),
    [
        (b"x" * 190, ColumnLimit(190, in_characters=True), True),
        ("é".encode() * 190, ColumnLimit(190, in_characters=True), True),
        ("é".encode() * 95, ColumnLimit(190, in_characters=True), False),
        (b"x" * 189, ColumnLimit(190, in_characters=True), False),
        (b"x" * 255, ColumnLimit(255, in_characters=False), True),
        (b"x" * 254, ColumnLimit(255, in_characters=False), False),
        (b"x" * TEXT, None, True),
        (b"x" * (TEXT - 1), None, False),
        (b"", None, False),
    ],
)
def test_a_value_as_long_as_its_column_is_called_cut_off(
    cell: bytes, limit: ColumnLimit | None, *, is_cut: bool
) -> None:
    assert bool(cut_off(cell, limit)) is is_cut


def test_a_ciphertext_that_ends_with_its_column_is_told_from_other_damage(
    engine: Engine, tmp_path: Path, shared_vault: Vault
) -> None:
    story = Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key", engine=engine)
    with story.builder() as builder:
        key = builder.data_key()
        builder.add_user_auth({"o_auth_access_token": Plain(b"short and whole", key)})
        builder.add_secret(Plain(b"x" * 65_000, key), kind="extsvc-token", namespace="loki-app")
        builder.add_user_auth({"o_auth_access_token": Plain(b"y" * 65_000, key)})
        connection = builder.ground.connection
        token = "UPDATE user_auth SET o_auth_access_token = substr(o_auth_access_token, 1, ?)"
        connection.execute(token, (TEXT,))
        connection.execute("UPDATE secrets SET value = substr(value, 1, ?)", (TEXT,))
    report = story.cli.json("verify", expect=8)
    (problem,) = report["problems"]
    assert (problem["location"], problem["reason"]) == ("user_auth", "unreadable_padding")
    assert f"{TEXT}" in problem["detail"]
    assert "probably cut off when it was saved: " in problem["detail"]
    # Unpadded base64 can end anywhere, and what is left of a text is a text.
    (place,) = report["possibly_cut_off"]
    assert place.startswith("secrets [")
    assert 'value (service account token of plugin "loki-app" of organisation' in place
    assert f"possibly cut off: {place}" in story.cli("verify", expect=8).stdout
    # A run mends the padding of others. Here Grafana would take a part for the whole then.
    (entry,) = story.cli.json("run", *WRAP, expect=3)["quarantine"]
    assert (entry["location"], entry["reason"]) == ("user_auth", "malformed_encoding")
    assert "probably cut off when it was saved: " in entry["detail"]
