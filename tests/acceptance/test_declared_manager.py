"""Declared locations of the secrets manager: a plugin's values under its data keys, in their namespaces."""

from __future__ import annotations

import base64
import random
from pathlib import Path

import pytest

from tests.grafana.encrypting import Recipe, envelope, make_nonce
from tests.grafana.manager import ManagerKey
from tests.grafana.manager_decryptor import decrypt
from tests.grafana.planting import Plain
from tests.support.engine import Engine
from tests.support.manager_story import OLD, ManagerStory
from tests.support.story import SECTIONS
from tests.support.vault import Vault

pytestmark = pytest.mark.engines_in_turn

FILE = """
[[location]]
name = "managed_plugin"
table = "managed"
key = ["id"]
column = "kept"
encoding = "{encoding}"
kind = "bytes"
store = "manager"
namespace = "space"
"""


@pytest.fixture
def managed(tmp_path: Path, shared_vault: Vault, engine: Engine) -> ManagerStory:
    return ManagerStory.of(tmp_path, shared_vault, engine)


@pytest.mark.parametrize("encoding", ["raw", "base64"])
def test_values_of_the_secrets_manager_in_a_plugins_table_move_in_their_namespace(
    managed: ManagerStory, encoding: str
) -> None:
    story = managed.story
    plant(managed, encoding)
    before, said = rows(managed, encoding), texts(managed, encoding)
    path = story.database.parent / "locations.toml"
    path.write_text(FILE.format(encoding=encoding))
    given = ("--store", "manager", "--fresh-data-key")
    assert story.cli.json("plan", *given, "--locations", str(path))["declared"] == {"managed_plugin": "new"}
    run = story.cli.json("run", *given, "--locations", str(path))
    assert run["locations"]["managed_plugin"]["re_encrypted"] == 6
    after = rows(managed, encoding)
    assert all(after[number] != value for number, value in before.items())
    assert texts(managed, encoding) == said
    assert story.cli.json("undo", run["run_id"])["outcome"] == "undone"
    assert rows(managed, encoding) == before
    assert story.cli.json("plan", "--store", "manager")["declared"] == {"managed_plugin": "saved"}
    # A run in the classic store has nothing to do with it.
    assert "managed_plugin" not in story.cli.json("plan", "--store", "classic")["declared"]


@pytest.mark.one_engine
@pytest.mark.parametrize("wrong", ["manager", "classic"])
def test_a_declaration_that_moves_to_the_other_store_is_kept_with_all_that_the_run_found_out_by_it(
    managed: ManagerStory, wrong: str
) -> None:
    story = managed.story
    stanza = {
        "classic": FILE.format(encoding="base64").replace('store = "manager"\nnamespace = "space"\n', ""),
        "manager": FILE.format(encoding="base64"),
    }
    plant(managed, "base64")
    with story.builder() as builder:
        key = builder.data_key()
        for number in range(5):
            builder.add_user_auth({"o_auth_access_token": Plain(b"a token that is long enough %d" % number, key)})
        values = [builder.encrypt(Plain(b"a plugin's %d" % number, key)) for number in range(3)]
    if wrong == "manager":
        story.execute("DELETE FROM managed")
        for number, value in enumerate(values):
            story.execute("INSERT INTO managed VALUES (?, 'default', ?)", number, base64.b64encode(value).decode())
    story.execute("INSERT INTO managed VALUES (99, 'default', 'no base64!')")
    path = story.database.parent / "locations.toml"
    given = ("--to", "secretKey.v1", "--fresh-data-key", "--locations", str(path))
    path.write_text(stanza[wrong])
    story.cli.json("run", *given, expect=None)
    right = "classic" if wrong == "manager" else "manager"
    path.write_text(stanza[right])
    assert story.cli.json("plan", *given, expect=None)["declared"] == {"managed_plugin": "changed"}
    run = story.cli.json("run", *given, expect=None)
    moved = run["stores"][right]["locations"]["managed_plugin"]["re_encrypted"]
    assert moved == (3 if right == "classic" else 6)
    ((text,),) = story.query("SELECT declaration FROM reencrypt_location")
    assert f'"store":"{right}"' in str(text)
    ((place,),) = story.query("SELECT location FROM reencrypt_quarantine")
    assert place == "managed_plugin"
    assert story.query("SELECT COUNT(*) FROM reencrypt_checkpoint WHERE location = 'managed_plugin'") != [(0,)]
    assert story.cli.json("plan", expect=None)["declared"] == {"managed_plugin": "saved"}
    assert story.cli.json("verify", expect=None)["locations"]["managed_plugin"]["total"] == moved + 1
    undone = story.cli.json("undo", run["stores"][right]["run_id"])
    assert (undone["outcome"], undone["restored"] >= moved) == ("undone", True)


@pytest.mark.one_engine
def test_a_declaration_of_a_secrets_manager_that_is_not_in_the_database_is_refused(managed: ManagerStory) -> None:
    story = managed.story
    path = story.database.parent / "locations.toml"
    path.write_text(FILE.format(encoding="base64"))
    with story.builder() as builder:
        builder.data_key()
    story.execute("CREATE TABLE managed (id INT PRIMARY KEY, space VARCHAR(253) NOT NULL, kept TEXT)")
    refused_everywhere(managed, path, "has no secrets manager (no table secret_data_key)")


@pytest.mark.one_engine
def test_a_declaration_of_a_secrets_manager_that_another_service_keeps_is_refused(managed: ManagerStory) -> None:
    path = managed.story.database.parent / "locations.toml"
    path.write_text(FILE.format(encoding="base64"))
    plant(managed, "base64")
    managed.configure(OLD, extra="grpc_client_enable = true")
    refused_everywhere(managed, path, "grpc_client_enable is on")


def refused_everywhere(managed: ManagerStory, path: Path, words: str) -> None:
    digest = managed.story.digest()
    for store in ("all", "classic"):
        for command in ("plan", "run", "verify", "complete"):
            error = managed.story.cli.json(command, "--store", store, "--locations", str(path), expect=2)["error"]
            assert error["code"] == "declaration"
            assert f"{path}: managed_plugin: store: " in error["message"]
            assert words in error["message"]
            assert 'write store = "classic"' in error["hint"]
    doctor = managed.story.cli("doctor", "--locations", str(path), expect=None)
    assert doctor.exit_code != 0
    assert words in doctor.stdout + doctor.stderr
    assert managed.story.digest() == digest


def plant(managed: ManagerStory, encoding: str) -> None:
    story = managed.story
    with managed.builder() as builder:
        keys = [builder.data_key(namespace) for namespace in ("default", "org-2")]
        for key in keys:
            builder.add_value(key, b"a secure value")
    rng = random.Random(17)
    values = [(number, key, sealed(key, b"a plugin's %d" % number, rng)) for number in range(3) for key in keys]
    kind = story.engine.particulars.blob if encoding == "raw" else story.engine.particulars.text
    story.execute(f"CREATE TABLE managed (id INT PRIMARY KEY, space VARCHAR(253) NOT NULL, kept {kind})")
    for place, (_, key, value) in enumerate(values):
        stored = value if encoding == "raw" else base64.b64encode(value).decode()
        story.execute("INSERT INTO managed VALUES (?, ?, ?)", place, key.namespace, stored)


def sealed(key: ManagerKey, text: bytes, rng: random.Random) -> bytes:
    salt, nonce = rng.randbytes(8), make_nonce("aes-gcm", rng)
    return envelope(key.uid, Recipe("aes-gcm", salt, nonce).encrypt(text, key.dek))


def rows(managed: ManagerStory, encoding: str) -> dict[int, tuple[str, bytes]]:
    found = managed.story.query("SELECT id, space, kept FROM managed")
    return {
        int(str(number)): (
            str(space),
            _bytes(kept) if encoding == "raw" else base64.b64decode(str(kept), validate=True),
        )
        for number, space, kept in found
    }


def texts(managed: ManagerStory, encoding: str) -> list[bytes]:
    """What a reader makes of them that finds a data key by namespace and id."""
    select = "SELECT namespace, uid, provider, encrypted_data FROM secret_data_key"
    keys = {
        (namespace, uid): decrypt(_bytes(wrapped), SECTIONS[str(provider)].encode())
        for namespace, uid, provider, wrapped in managed.story.query(select)
    }
    found = []
    for _, (space, value) in sorted(rows(managed, encoding).items()):
        _, uid, payload = value.split(b"#", 2)
        key = keys[space, base64.b64decode(uid + b"=" * (-len(uid) % 4)).decode()]
        found.append(decrypt(payload, key))
    return found


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes | memoryview)
    return bytes(value)
