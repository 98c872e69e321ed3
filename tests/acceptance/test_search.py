"""`complete` sees a secret wherever it stands and however it is encoded, or says by name what it did not see."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from reencrypt.operations.complete.report import BLIND_SPOTS
from tests.acceptance.test_complete import fill, hasty
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.disguises import BYTES, NEAR_MISSES, TEXTS, TOO_DEEP
from tests.grafana.planting import Plain
from tests.support.engine import Engine
from tests.support.story import Story
from tests.support.vault import Vault

pytestmark = [pytest.mark.mysql_for_mariadb, pytest.mark.engines_in_turn]

ASK = ("complete", "--check", "--settle")


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return hasty(Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key", engine=engine))


def moved(story: Story) -> dict[str, tuple[str | None, bytes]]:
    """A database whose every known secret is under the target; returns ciphertexts that are not."""
    fill(story)
    with story.builder() as builder:
        values = ciphertexts(builder)
    story.cli.json("run")
    return values


def ciphertexts(builder: GrafanaBuilder) -> dict[str, tuple[str | None, bytes]]:
    """Values of each form under the old keys; None stands for `secret_key`."""
    key = builder.data_keys[0] if builder.data_keys else builder.data_key()
    return {
        "envelope": (key.key_id, builder.encrypt(Plain(b"kept by a plugin", key))),
        "envelope without an algorithm": (key.key_id, builder.encrypt(Plain(b"kept by a plugin", key, bare=True))),
        "legacy": (None, builder.encrypt(Plain(b"kept by a plugin"))),
        "legacy GCM": (None, builder.encrypt(Plain(b"kept by a plugin", algorithm="aes-gcm"))),
    }


def found(answer: dict[str, Any]) -> Counter[tuple[str, str | None]]:
    """By TABLE.COLUMN and data key how many values were found."""
    return Counter(
        {
            (f"{each['table']}.{each['column']}", each["data_key"]): each["number"]
            for each in answer["searched"]["finds"]
        }
    )


def blob(story: Story) -> str:
    return story.engine.particulars.blob


def test_a_legacy_value_in_a_place_that_nobody_knows_keeps_secret_key(story: Story) -> None:
    values = moved(story)
    _, legacy = values["legacy"]
    story.execute(f"CREATE TABLE odd (id INT PRIMARY KEY, kept {blob(story)})")
    story.execute("INSERT INTO odd VALUES (1, ?)", legacy)
    answer = story.cli.json(*ASK, expect=8)
    (secret_key,) = [kek for kek in answer["keys"] if kek["name"] == "secret_key"]
    assert secret_key["reasons"] == ["a legacy value where the catalogue knows none: 1 in odd.kept"]
    # It is not in the way of another key.
    (target,) = [kek["name"] for kek in answer["keys"] if kek["name"] == answer["target"]]
    assert "legacy" not in str(next(kek["reasons"] for kek in answer["keys"] if kek["name"] == target))


#: Places of every engine: how a row gets there, whether its value is text, and what stands around it. Quotes as SQL has
#: them; the number of the row is put in. Each takes every encoding.
PLACES = {
    "odd_text.kept": ("INSERT INTO odd_text VALUES ({n}, ?)", True, "%s"),
    "odd_bytes.kept": ("INSERT INTO odd_bytes VALUES ({n}, ?)", False, "%s"),
    "cloud_migration_session.slug": (
        (
            "INSERT INTO cloud_migration_session (id, slug, stack_id, region_slug, cluster_slug, created, updated) "
            "VALUES ({n} + 90000, ?, 1, '', '', {time}, {time})"
        ),
        True,
        "%s",
    ),
    # Rows that the catalogue leaves out, and a path that it does not know.
    "resource.value": (
        (
            'INSERT INTO resource (guid, "group", resource, namespace, name, value, action) VALUES '
            "('odd{n}', 'playlist.grafana.app', 'playlists', 'default', 'odd{n}', ?, 1)"
        ),
        True,
        "%s",
    ),
    "sso_setting.settings": (
        "INSERT INTO sso_setting (id, provider, settings, created, updated) VALUES ('odd{n}', 'a', ?, {time}, {time})",
        True,
        '{"clientId": "abc", "kept": [{"a": %s}]}',
    ),
    "cache_data.data": (
        "INSERT INTO cache_data (cache_key, data, expires, created_at) VALUES ('odd{n}', ?, 86400, 1738310400)",
        False,
        "%s",
    ),
}


def make_tables(story: Story) -> None:
    text = story.engine.particulars.text
    story.execute(f"CREATE TABLE odd_text (id INT PRIMARY KEY, kept {text})")
    story.execute(f"CREATE TABLE odd_bytes (id INT PRIMARY KEY, kept {blob(story)})")


def fill_place(story: Story, place: str, values: Sequence[bytes], start: int = 0) -> None:
    """Put a value into each of so many new rows."""
    insert, text, around = PLACES[place]
    insert = insert.replace('"', story.engine.particulars.quote)
    with story.engine.session() as execute:
        for number, value in enumerate(values, start + 1):
            if around != "%s":
                value = around.encode() % json.dumps(value.decode()).encode()  # noqa: PLW2901 - the same in its document
            statement = insert.replace("{n}", str(number)).replace("{time}", "'2025-01-31 08:00:00'")
            execute(statement, value.decode() if text else value)


def test_what_is_planted_is_found_in_every_encoding_and_place(story: Story) -> None:
    values = moved(story)
    make_tables(story)
    expected: Counter[tuple[str, str | None]] = Counter()
    for place, (_, text, _) in PLACES.items():
        encodings = TEXTS if text else TEXTS | BYTES
        for number, (key_id, value) in enumerate(values.values()):
            fill_place(story, place, [encode(value) for encode in encodings.values()], start=number * 100)
            expected[place, key_id] += len(encodings)
    answer = story.cli.json(*ASK, expect=8)
    assert found(answer) == expected
    assert answer["searched"]["not_searched"] == {}
    assert len(answer["not_seen"]) == len(BLIND_SPOTS)
    (secret_key,) = [kek for kek in answer["keys"] if kek["name"] == "secret_key"]
    assert len(secret_key["reasons"]) == 2 * len(PLACES)
    assert [each for each in secret_key["reasons"] if "wait until they expire" in each and "cache_data" in each]


@pytest.mark.parametrize("name", ["odd`name", 'odd"name', "odd'name", "100%s of it", "odd.name", "Ödd 名"])
def test_a_table_of_any_name_is_searched(story: Story, name: str) -> None:
    if "`" in name and story.engine.kind == "postgres":
        pytest.skip("the tests write PostgreSQL's quotes as `")
    values = moved(story)
    quote = story.engine.particulars.quote
    quoted = quote + name.replace(quote, quote * 2) + quote
    story.execute(f"CREATE TABLE {quoted} (id INT PRIMARY KEY, {quoted[0]}a %s b{quoted[0]} {blob(story)})")
    story.execute(f"INSERT INTO {quoted} VALUES (1, ?)", values["legacy"][1])  # noqa: S608 - one of the names above
    assert found(story.cli.json(*ASK, expect=8)) == {(f"{name}.a %s b", None): 1}


def test_what_is_too_deep_or_too_large_is_named_with_its_place(story: Story) -> None:
    (_, value), *_ = moved(story).values()
    make_tables(story)
    bombs: list[bytes] = [encode(value) for encode in TOO_DEEP.values()]
    bombs.append(gzip.compress(bytes(65 * 1024 * 1024) + value, 1))
    fill_place(story, "odd_bytes.kept", bombs)
    answer = story.cli.json(*ASK, expect=8)
    digests = [hashlib.sha256(bomb).hexdigest() for bomb in bombs]
    reasons = [*("more than 3 layers of encoding" for _ in TOO_DEEP), "more than 64 MiB unpacked"]
    assert answer["not_seen"][len(BLIND_SPOTS) :] == [
        f"odd_bytes.kept [{number}], SHA-256 {sha256[:16]}: {reason}"
        for number, (sha256, reason) in enumerate(zip(digests, reasons, strict=True), 1)
    ]
    assert len(answer["blockers"]) == 2
    assert f"--not-a-secret odd_bytes.kept:{digests[0][:16]}" in answer["blockers"][0]
    assert story.cli.json(*ASK, "--unsearched", "odd_bytes.kept")["outcome"] == "yes"
    known = [argument for each in digests for argument in ("--not-a-secret", f"odd_bytes.kept:{each[:16]}")]
    assert story.cli.json(*ASK, *known)["outcome"] == "yes"
    assert "not searched completely" in str(story.cli.json(*ASK, *known[:2], expect=8)["blockers"])


@pytest.mark.parametrize("engine", ["sqlite", "postgres"], indirect=True)
def test_a_value_of_more_than_64_mib_is_read_in_part_and_named(story: Story) -> None:
    moved(story)
    make_tables(story)
    size = 65 * 1024 * 1024
    if story.engine.kind == "postgres":
        story.execute("INSERT INTO odd_bytes VALUES (1, decode(repeat('00', ?), 'hex'))", size)
        story.execute("INSERT INTO odd_text VALUES (1, repeat('.', ?))", size)
    else:
        story.execute("INSERT INTO odd_bytes VALUES (1, zeroblob(?))", size)
    answer = story.cli.json(*ASK, expect=8)
    assert set(answer["searched"]["not_searched"]) == (
        {"odd_bytes.kept", "odd_text.kept"} if story.engine.kind == "postgres" else {"odd_bytes.kept"}
    )
    assert answer["searched"]["not_searched"]["odd_bytes.kept"] == "row [1] holds more than 64 MiB"
    assert answer["searched"]["finds"] == []


def test_the_answer_is_yes_on_a_database_full_of_near_misses(story: Story) -> None:
    moved(story)
    make_tables(story)
    for place in PLACES:
        fill_place(story, place, NEAR_MISSES)
    answer = story.cli.json(*ASK)
    assert (answer["outcome"], answer["searched"]["finds"], answer["searched"]["not_searched"]) == ("yes", [], {})
    assert len(answer["not_seen"]) == len(BLIND_SPOTS)


def test_a_find_on_a_later_page_counts_as_well(story: Story) -> None:
    values = moved(story)
    make_tables(story)
    rows = [b"# text"] * 2500
    rows[1200] = rows[2499] = base64.b64encode(values["legacy"][1])
    fill_place(story, "odd_text.kept", rows)
    (find,) = story.cli.json(*ASK, expect=8)["searched"]["finds"]
    sha256 = hashlib.sha256(rows[1200]).hexdigest()
    assert find["places"] == [{"row": "[1201]", "sha256": sha256}, {"row": "[2500]", "sha256": sha256}]


def test_a_find_that_is_no_secret_is_acknowledged_until_its_bytes_change(story: Story) -> None:
    moved(story)
    make_tables(story)
    text = "How Grafana writes it: *YWVzLWNmYg* and then salt, IV and ciphertext, as many bytes as the secret has."
    story.execute("INSERT INTO odd_text VALUES (1, ?)", text)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    shown = story.cli(*ASK, expect=8).stdout
    assert f"found: odd_text.kept [1], SHA-256 {sha256[:16]}" in shown
    assert "How Grafana" not in shown
    (find,) = story.cli.json(*ASK, expect=8)["searched"]["finds"]
    assert find == {
        "table": "odd_text",
        "column": "kept",
        "data_key": None,
        "stores": ["classic"],
        "number": 1,
        "places": [{"row": "[1]", "sha256": sha256}],
    }

    acknowledged = ("--not-a-secret", f"odd_text.kept:{sha256[:16]}")
    answer = story.cli.json(*ASK, *acknowledged)
    assert answer["outcome"] == "yes"
    assert f"acknowledged as no secret by {' '.join(acknowledged)}: 1 value" in answer["notes"]
    # It is this column that was looked at, and these bytes.
    story.cli.json(*ASK, "--not-a-secret", f"odd_bytes.kept:{sha256[:16]}", expect=8)
    story.execute("INSERT INTO odd_text VALUES (2, ?)", text)
    assert story.cli.json(*ASK, *acknowledged)["outcome"] == "yes"
    story.execute("UPDATE odd_text SET kept = ? WHERE id = 2", text + ".")
    answer = story.cli.json(*ASK, *acknowledged, expect=8)
    assert answer["searched"]["finds"][0]["number"] == 1
    story.execute("UPDATE odd_text SET kept = ?", text + ".")
    answer = story.cli.json(*ASK, *acknowledged, expect=8)
    assert "fits no find: it is gone, or its bytes have changed" in str(answer["notes"])


@pytest.mark.one_engine
@pytest.mark.parametrize(
    "given", ["odd_text.kept", "odd_text.kept:", "odd_text.kept:0123", "odd_text.kept:xyz456789abc"]
)
def test_what_names_no_find_is_refused(story: Story, given: str) -> None:
    moved(story)
    error = story.cli.json(*ASK, "--not-a-secret", given, expect=2)["error"]
    assert given in error["message"]
    assert "DIGEST" in error["hint"]


def test_an_acknowledged_find_stays_acknowledged_when_its_neighbours_are_encrypted_anew(story: Story) -> None:
    fill(story)
    text = "*YWVzLWNmYg* and then salt, IV and ciphertext, as many bytes as the secret has"
    story.cli.json("run")
    ((settings,),) = story.query("SELECT settings FROM sso_setting WHERE id = (SELECT MIN(id) FROM sso_setting)")
    document = json.loads(settings if isinstance(settings, str | bytes) else str(settings)) | {"note": text}
    story.execute(
        "UPDATE sso_setting SET settings = ? WHERE id = (SELECT id FROM (SELECT MIN(id) AS id FROM sso_setting) AS a)",
        json.dumps(document),
    )
    (find,) = story.cli.json(*ASK, expect=8)["searched"]["finds"]
    acknowledged = ("--not-a-secret", f"sso_setting.settings:{find['places'][0]['sha256']}")
    assert story.cli.json(*ASK, *acknowledged)["outcome"] == "yes"
    story.cli.json("run", "--fresh-data-key")
    assert story.cli.json(*ASK, *acknowledged)["outcome"] == "yes"
