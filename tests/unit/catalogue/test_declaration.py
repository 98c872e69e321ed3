"""Declared locations: every wrong entry is refused by its place, and what is right survives being written and read."""

from __future__ import annotations

import contextlib
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reencrypt.catalogue.codec import splice
from reencrypt.catalogue.declaration import ENCODINGS, LEGACIES, Declaration, read_entry, read_stored
from reencrypt.catalogue.location import Legacy
from reencrypt.catalogue.plaintext import Kind
from reencrypt.catalogue.reason import Reason
from reencrypt.catalogue.store_name import StoreName
from reencrypt.errors import DeclarationError
from reencrypt.planning.declared import parse_file, read_file
from tests.grafana.encrypting import envelope

ENTRY: dict[str, Any] = {
    "name": "my_plugin",
    "table": "my_plugin_secret",
    "key": ["id"],
    "column": "token",
    "encoding": "base64",
    "kind": "text",
}
MANAGED = {**ENTRY, "store": "manager", "namespace": "org"}

#: An entry, and the words that its refusal has to hold.
WRONG: list[tuple[Any, list[str]]] = [
    ("text", ["entry 1", "[[location]]"]),
    ({}, ["name", "is missing"]),
    ({**ENTRY, "tabel": "x"}, ["'tabel'".replace("'", '"'), "table"]),
    ({**ENTRY, "name": "my plugin"}, ["name", "my plugin", "letters"]),
    ({**ENTRY, "name": ""}, ["name"]),
    ({**ENTRY, "name": "x" * 65}, ["name", "64"]),
    ({**ENTRY, "name": 7}, ["name", "7", "text"]),
    ({**ENTRY, "name": "data_source"}, ["name", "taken"]),
    ({**ENTRY, "name": "secret_encrypted_value"}, ["name", "taken"]),
    ({**ENTRY, "name": "journal"}, ["name", "taken"]),
    ({**ENTRY, "name": "data_keys"}, ["name", "taken"]),
    ({**ENTRY, "table": ""}, ["table", "my_plugin"]),
    ({**ENTRY, "table": "a\nb"}, ["table"]),
    ({**ENTRY, "table": "reencrypt_journal"}, ["table", "reencrypt's own"]),
    ({**ENTRY, "table": "data_keys", "column": "encrypted_data"}, ["table", "data keys"]),
    ({**ENTRY, "table": "secret_data_key", "column": "encrypted_data"}, ["table", "data keys"]),
    ({**ENTRY, "table": "data_source", "column": "secure_json_data"}, ["column", "catalogue", "secure_json_data"]),
    ({**ENTRY, "table": "secrets", "column": "type"}, ["column", "catalogue"]),
    ({**ENTRY, "table": "secret_encrypted_value", "column": "data_key_id"}, ["column", "catalogue"]),
    ({**ENTRY, "key": "id"}, ["key", '["id"]']),
    ({**ENTRY, "key": []}, ["key"]),
    ({**ENTRY, "key": ["id", "id"]}, ["key", "twice"]),
    ({**ENTRY, "key": ["token"]}, ["column", "part of the key"]),
    ({**ENTRY, "key": [""]}, ["key"]),
    ({**ENTRY, "key": [1]}, ["key"]),
    ({**ENTRY, "key": list("abcdefghi")}, ["key", "8"]),
    ({k: v for k, v in ENTRY.items() if k != "column"}, ["column", "is missing"]),
    ({**ENTRY, "encoding": "hex"}, ["encoding", "hex", "base64, base64-unpadded, raw"]),
    ({k: v for k, v in ENTRY.items() if k != "encoding"}, ["encoding", "is missing"]),
    ({**ENTRY, "kind": "xml"}, ["kind", "xml", "text, json, pem, bytes"]),
    ({k: v for k, v in ENTRY.items() if k != "kind"}, ["kind", "is missing"]),
    ({**ENTRY, "store": "all"}, ["store", "all", "classic, manager"]),
    ({**ENTRY, "legacy": "like_others"}, ["legacy", "keep, envelope"]),
    ({**ENTRY, "legacy": True}, ["legacy", "true", "text"]),
    ({**ENTRY, "namespace": "org"}, ["namespace", "manager"]),
    ({**ENTRY, "store": "manager"}, ["namespace", "is missing"]),
    ({**MANAGED, "legacy": "keep"}, ["legacy", "secrets manager"]),
    ({**MANAGED, "namespace": "token"}, ["namespace"]),
    ({**ENTRY, "updated": "token"}, ["updated"]),
    ({**ENTRY, "updated": "id"}, ["updated"]),
    ({**ENTRY, "table": "data_source", "column": "json_data", "updated": "secure_json_data"}, ["updated", "catalogue"]),
    ({**ENTRY, "table": "data_source", "column": "json_data", "key": ["secure_json_data"]}, ["key", "changes"]),
    ({**ENTRY, "path": "a"}, ["path"]),
    ({**ENTRY, "path": []}, ["path"]),
    ({**ENTRY, "path": [[]]}, ["path"]),
    ({**ENTRY, "path": [["a"], "b"]}, ["path"]),
    ({**ENTRY, "path": [["a"], ["a"]]}, ["path", "twice"]),
    ({**ENTRY, "path": ["a"] * 17}, ["path", "16"]),
    ({**ENTRY, "path": [[str(n)] for n in range(33)]}, ["path", "32"]),
    ({**ENTRY, "path": ["a"], "encoding": "raw"}, ["encoding", "JSON"]),
]


@pytest.mark.parametrize(("entry", "words"), WRONG)
def test_a_wrong_entry_is_refused_with_its_place_and_what_is_allowed(entry: Any, words: list[str]) -> None:
    with pytest.raises(DeclarationError) as caught:
        parse_file({"location": [entry]}, "locations.toml")
    error = caught.value
    for word in ["locations.toml", *words]:
        assert word in f"{error.message} {error.hint}"
    assert error.hint


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("location = 1", ["location", "[[location]]"]),
        ("[location]\nname = 'a'", ["location"]),
        ("locations = []", ["locations"]),
        ("forget = 'a'", ["forget"]),
        ("forget = [1]", ["forget"]),
        ("= 1", ["not TOML", "line 1"]),
        ("a = " + "[" * 5000, ["not TOML"]),
        ("a = " + "1" * 5000, ["not TOML"]),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, content: str, words: list[str]) -> None:
    path = tmp_path / "locations.toml"
    path.write_text(content)
    with pytest.raises(DeclarationError) as caught:
        read_file(path)
    for word in [str(path), *words]:
        assert word in f"{caught.value.message} {caught.value.hint}"


def test_names_and_columns_stand_once() -> None:
    other = {**ENTRY, "column": "other"}
    with pytest.raises(DeclarationError, match=r"entry 2 \(my_plugin\): name: entry 1 has it too"):
        parse_file({"location": [ENTRY, other]}, "f")
    with pytest.raises(DeclarationError, match=r"both declare my_plugin_secret\.token"):
        parse_file({"location": [ENTRY, {**ENTRY, "name": "b", "path": ["a"]}]}, "f")
    with pytest.raises(DeclarationError, match=r"b sets my_plugin_secret\.token, in which my_plugin has secrets"):
        parse_file({"location": [ENTRY, {**other, "name": "b", "updated": "token"}]}, "f")
    with pytest.raises(DeclarationError, match=r"b finds rows by my_plugin_secret\.token"):
        parse_file({"location": [ENTRY, {**other, "name": "b", "key": ["token"]}]}, "f")
    with pytest.raises(DeclarationError, match="forget has it too"):
        parse_file({"location": [ENTRY], "forget": ["my_plugin"]}, "f")
    assert len(parse_file({"location": [ENTRY, {**other, "name": "b"}], "forget": ["c"]}, "f").declarations) == 2


def test_without_more_words_a_value_under_secret_key_stays_and_the_store_is_the_classic_one() -> None:
    (declared,) = parse_file({"location": [ENTRY]}, "f").declarations
    location = declared.location()
    assert (declared.store, location.legacy, location.updated) == (StoreName.CLASSIC, Legacy.KEEP, None)
    assert (location.name, location.table, location.key) == ("my_plugin", "my_plugin_secret", ("id",))


def test_secrets_of_a_document_are_found_at_its_paths_and_nothing_else_is_touched() -> None:
    (declared,) = parse_file(
        {"location": [{**ENTRY, "path": [["secureData", "*"], ["list", "[]", "token"]], "kind": "pem"}]}, "f"
    ).declarations
    codec = declared.location().fields[0].codec
    cell = b'{"secureData": {"a": "I0E=", "b": null}, "x": "I0E=", "list": [{"token": "I0E="}, {"other": 1}, null]}'
    slots = codec.find(cell)
    assert [(slot.path, slot.ciphertext, slot.kind) for slot in slots] == [
        (".secureData.a", b"#A", Kind.PEM),
        (".list[0].token", b"#A", Kind.PEM),
    ]
    assert splice(cell, [(slot, b"#B") for slot in slots]) == cell.replace(b'"a": "I0E="', b'"a": "I0I="').replace(
        b'"token": "I0E="', b'"token": "I0I="'
    )
    assert [
        (slot.path, slot.problem) for slot in codec.find(b'{"secureData": {"a": 1, "b": {}}, "list": {"token": "x"}}')
    ] == [
        (".secureData.a", Reason.NOT_UNDERSTOOD),
        (".secureData.b", Reason.NOT_UNDERSTOOD),
        (".list", Reason.NOT_UNDERSTOOD),
    ]
    assert [slot.problem for slot in codec.find(b"no JSON")] == [Reason.MALFORMED_ENCODING]


def test_the_secrets_manager_reads_the_form_with_the_id_before_the_value_in_its_namespace() -> None:
    (declared,) = parse_file({"location": [{**MANAGED, "encoding": "raw"}]}, "f").declarations
    location = declared.location()
    assert location.extras == ("org",)
    value = envelope("abcdefghijkl12", b"*YWVzLWdjbQ*" + bytes(60))
    (slot,) = location.fields[0].codec.find(value)
    assert location.parse(slot.ciphertext).key_id == "abcdefghijkl12"


def test_the_example_of_the_runbook_is_a_right_one() -> None:
    text = (Path(__file__).parents[3] / "docs" / "runbook.md").read_text()
    (block,) = [each.partition("```")[0] for each in text.split("```toml\n")[1:] if "[[location]]" in each]
    (declared,) = parse_file(tomllib.loads(block), "the runbook").declarations
    assert set(declared.entry()) == {*ENTRY, "store", "legacy", "path", "updated"}


names = st.from_regex(r"[A-Za-z0-9_]{1,64}", fullmatch=True)
identifiers = st.text(min_size=1, max_size=128).filter(str.isprintable)
paths = st.lists(st.lists(st.text(), min_size=1, max_size=16).map(tuple), max_size=4, unique=True).map(tuple)


@st.composite
def declarations(draw: st.DrawFn) -> Declaration:
    columns = draw(st.lists(identifiers, min_size=4, max_size=8, unique=True))
    column, namespace, updated, *key = columns
    manages = draw(st.booleans())
    found = draw(paths)
    encodings = [each for each in ENCODINGS if not (found and each == "raw")]
    return Declaration(
        f"declared_{draw(names)}"[:64],
        draw(identifiers),
        tuple(key),
        column,
        draw(st.sampled_from(encodings)),
        draw(st.sampled_from(Kind)),
        StoreName.MANAGER if manages else StoreName.CLASSIC,
        Legacy.KEEP if manages else draw(st.sampled_from(LEGACIES)),
        namespace if manages else None,
        found,
        draw(st.sampled_from((None, updated))),
    )


@given(declarations())
@example(Declaration("a", 'x"\\', ("ключ",), "€", "base64", Kind.TEXT, paths=(("\x7f", "\0", "[]", "*", "\n"),)))
def test_what_is_written_is_read_back(declared: Declaration) -> None:
    assert read_stored(declared.as_json()) == declared
    assert read_stored(declared.as_json()).as_json() == declared.as_json()
    (entry,) = tomllib.loads(declared.stanza())["location"]
    assert read_entry(entry, "the stanza") == declared
    assert declared.location().name == declared.name


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
entries = st.fixed_dictionaries(
    {},
    optional={key: anything | st.just(value) for key, value in MANAGED.items()}
    | {
        "legacy": anything | st.sampled_from(LEGACIES),
        "path": anything | st.lists(st.lists(st.text())),
        "updated": anything | st.text(),
    },
)


@given(st.dictionaries(st.sampled_from(["location", "forget", "other"]), anything | st.lists(entries | anything)))
def test_no_file_makes_the_parser_fail_in_another_way(content: dict[str, Any]) -> None:
    try:
        file = parse_file(content, "f")
    except DeclarationError as error:
        refusal = error
    else:
        assert all(read_stored(each.as_json()) == each for each in file.declarations)
        return
    assert refusal.message.startswith("f")
    assert refusal.hint


@given(st.text() | anything.map(lambda value: json.dumps(value, default=str)))
def test_no_stored_text_makes_the_reader_fail_in_another_way(text: str) -> None:
    with contextlib.suppress(ValueError):
        read_stored(text)
