"""What `complete` finds where nobody knows it, it proposes to declare, and a run takes the proposal as it is."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reencrypt.planning.declared import read_file
from tests.acceptance.test_complete import fill, hasty
from tests.grafana.disguises import BYTES, TEXTS
from tests.grafana.planting import Plain
from tests.support.engine import Engine
from tests.support.manager_story import ManagerStory
from tests.support.story import Story
from tests.support.vault import Vault

pytestmark = pytest.mark.engines_in_turn

ASK = ("complete", "--settle")

#: How a plugin may store ciphertexts in ways that an entry can express: the column is text, the encoding, the paths.
FORMS: dict[str, tuple[bool, str, object, Callable[[bytes], bytes]]] = {
    "raw": (False, "raw", None, lambda data: data),
    "base64": (True, "base64", None, base64.b64encode),
    "base64_unpadded": (True, "base64-unpadded", None, lambda data: base64.b64encode(data).rstrip(b"=")),
    "document": (
        True,
        "base64",
        ["secureJsonData", "a.b"],
        lambda data: b'{"secureJsonData": {"a.b": "%s"}, "c": 1}' % base64.b64encode(data),
    ),
    "documents_list": (
        True,
        "base64-unpadded",
        [["a", "[]", "token"], ["b"]],
        lambda data: (
            b'{"a": [{"user": "x"}, {"token": "%s"}], "b": "%s"}' % ((base64.b64encode(data).rstrip(b"="),) * 2)
        ),
    ),
}
#: Those that no entry can express.
OTHERS = [
    "base64url",
    "base64 behind a prefix",
    "hexadecimal",
    "JSON in JSON",
    "base64 of JSON",
    "base64 of gzip",
    "base64 three times",
]


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault, engine: Engine) -> Story:
    return hasty(Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key", engine=engine))


def ciphertexts(story: Story, *, legacy: bool = False) -> list[bytes]:
    """Moves all that is known; returns values of a plugin under the data key from before, of several lengths."""
    fill(story)
    with story.builder() as builder:
        key = None if legacy else builder.data_keys[0] if builder.data_keys else builder.data_key()
        values = [builder.encrypt(Plain(b"kept by a plugin" + b"!" * number, key)) for number in range(4)]
    story.cli.json("run")
    return values


def proposals(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{each['table']}.{each['column']}": each for each in answer["searched"]["proposals"]}


def test_the_proposal_for_every_form_that_an_entry_can_express_leads_to_a_yes(story: Story, tmp_path: Path) -> None:
    values = ciphertexts(story)
    for name, (text, _, _, form) in FORMS.items():
        particulars = story.engine.particulars
        kind = particulars.text if text else particulars.blob
        story.execute(f"CREATE TABLE plugin_{name} (id INT NOT NULL PRIMARY KEY, kept {kind})")
        for number, value in enumerate(values):
            stored = form(value).decode() if text else form(value)
            story.execute(f"INSERT INTO plugin_{name} VALUES (?, ?)", number, stored)  # noqa: S608 - ours
    answer = story.cli.json(*ASK, expect=8)
    found = proposals(answer)
    assert found.keys() == {f"plugin_{name}.kept" for name in FORMS}
    file = tmp_path / "locations.toml"
    file.write_text("\n\n".join(each["stanza"] for each in found.values()))
    declared = {each.name: each.entry() for each in read_file(file).declarations}
    for name, (_, encoding, path, _) in FORMS.items():
        entry = declared[f"plugin_{name}_kept"]
        assert (entry["encoding"], entry.get("path"), entry["key"]) == (encoding, path, ["id"]), name
        assert (entry["store"], entry["kind"], entry["legacy"]) == ("classic", "text", "keep")
        assert found[f"plugin_{name}.kept"]["why_not"] is None
    # The text has them as well, as they are.
    printed = story.cli(*ASK, expect=8).stdout
    assert all(each["stanza"] in printed for each in found.values())
    assert not any(base64.b64encode(value)[8:40].decode() in printed for value in values)
    run = story.cli.json("run", "--locations", str(file))
    assert run["outcome"] == "done"
    assert run["secrets"]["re_encrypted"] == len(values) * (len(FORMS) + 1)
    again = story.cli.json(*ASK)
    assert (again["outcome"], again["searched"]["proposals"]) == ("yes", [])


@pytest.mark.one_engine
def test_a_form_that_no_entry_can_express_is_named(story: Story) -> None:
    value = ciphertexts(story)[0]
    particulars = story.engine.particulars
    for number, name in enumerate(OTHERS):
        story.execute(f"CREATE TABLE odd_{number} (id INT NOT NULL PRIMARY KEY, kept {particulars.text})")
        story.execute(f"INSERT INTO odd_{number} VALUES (1, ?)", TEXTS[name](value).decode())  # noqa: S608 - ours
    story.execute(f"CREATE TABLE odd_bytes (id INT NOT NULL PRIMARY KEY, kept {particulars.blob})")
    story.execute("INSERT INTO odd_bytes VALUES (1, ?)", BYTES["raw behind other bytes"](value))
    found = proposals(story.cli.json(*ASK, expect=8))
    assert len(found) == len(OTHERS) + 1
    for each in found.values():
        assert (each["stanza"], each["why_not"]) == (None, "no entry can express how they stand there")
    assert "odd_0.kept cannot be declared: no entry can express" in story.cli(*ASK, expect=8).stdout


@pytest.mark.one_engine
def test_what_cannot_be_declared_for_another_reason_is_named_too(story: Story) -> None:
    value = ciphertexts(story)[0]
    text = base64.b64encode(value).decode()
    kind = story.engine.particulars.text
    story.execute(f"CREATE TABLE keyless (kept {kind})")
    story.execute("INSERT INTO keyless VALUES (?)", text)
    story.execute(f"CREATE TABLE moments (at FLOAT NOT NULL, kept {kind})")
    story.execute("INSERT INTO moments VALUES (1.5, ?)", text)
    story.execute(
        "INSERT INTO sso_setting (id, provider, settings, created, updated) VALUES "
        "('odd', 'a', ?, '2025-01-31 08:00:00', '2025-01-31 08:00:00')",
        json.dumps({"kept": text}),
    )
    story.execute(
        "INSERT INTO cache_data (cache_key, data, expires, created_at) VALUES ('odd', ?, 86400, 1738310400)", value
    )
    found = proposals(story.cli.json(*ASK, expect=8))
    why = {name: each["why_not"] for name, each in found.items()}
    assert why == {
        "keyless.kept": "no key tells its rows apart that an entry could name",
        "moments.kept": "no key tells its rows apart that an entry could name",
        "sso_setting.settings": "column: the catalogue reads sso_setting.settings itself",
        "cache_data.data": "its rows expire by themselves",
    }


@pytest.mark.one_engine
def test_values_under_secret_key_and_undecided_padding_are_noted_in_the_entry(story: Story, tmp_path: Path) -> None:
    values = [each for each in ciphertexts(story, legacy=True) if len(each) % 3 == 0]
    story.execute(f"CREATE TABLE plugin (id INT NOT NULL PRIMARY KEY, kept {story.engine.particulars.text})")
    for number, value in enumerate(values):
        story.execute("INSERT INTO plugin VALUES (?, ?)", number, base64.b64encode(value).decode())
    (each,) = proposals(story.cli.json(*ASK, expect=8)).values()
    assert any("base64-unpadded" in note for note in each["notes"])
    assert any("directly under secret_key" in note for note in each["notes"])
    file = tmp_path / "locations.toml"
    file.write_text(each["stanza"].replace('legacy = "keep"', 'legacy = "envelope"'))
    assert story.cli.json("run", "--locations", str(file))["secrets"]["re_encrypted"] == len(values)
    assert story.cli.json(*ASK)["outcome"] == "yes"


@pytest.mark.one_engine
def test_an_envelope_of_the_secrets_manager_is_declared_with_the_column_of_its_namespace(
    tmp_path: Path, shared_vault: Vault, engine: Engine
) -> None:
    from tests.acceptance.test_declared_manager import plant, rows  # noqa: PLC0415 - the same table

    managed = ManagerStory.of(tmp_path, shared_vault, engine)
    story = managed.story
    plant(managed, "base64")
    story.execute("ALTER TABLE managed ADD COLUMN other VARCHAR(20)")
    story.execute("UPDATE managed SET other = 'default'")
    (each,) = proposals(story.cli.json("complete", expect=None)).values()
    file = tmp_path / "locations.toml"
    file.write_text(each["stanza"])
    (declared,) = read_file(file).declarations
    assert (declared.store, declared.namespace, declared.encoding) == ("manager", "space", "base64")
    before = rows(managed, "base64")
    run = story.cli.json("run", "--store", "manager", "--fresh-data-key", "--locations", str(file))
    assert run["locations"]["managed_kept"]["re_encrypted"] == len(before)
