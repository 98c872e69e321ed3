"""No value at the place of a secret is passed over: it is none, one secret of one store, or not understood by one."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reencrypt.catalogue.codec import Slot
from reencrypt.catalogue.location import Location, Row
from reencrypt.catalogue.reading import secrets_of
from reencrypt.catalogue.reason import Reason, remedy_of
from reencrypt.catalogue.stores import STORES

LOCATIONS = {location.name: location for store in STORES.values() for location in store.locations}
CIPHERTEXT = base64.b64encode(b"#a2V5#*YWVzLWNmYg*saltSALT" + b"i" * 16 + b"body").decode()
SEALED = {"dataKeyId": "abc", "encryptedData": base64.b64encode(b"*YWVzLWdjbQ*" + bytes(40)).decode()}

TEXTS = st.sampled_from(["", "text", "*", CIPHERTEXT, CIPHERTEXT.rstrip("="), "abc", "Kg=="]) | st.text(max_size=8)
NAMES = st.sampled_from(["dataKeyId", "encryptedData", "password", "private"]) | st.text(max_size=4)
VALUES: st.SearchStrategy[Any] = st.just(SEALED) | st.recursive(
    st.none() | st.booleans() | st.integers(-1, 300) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


def slots(location: Location, cell: bytes) -> list[Slot]:
    row = Row(tuple("1" for _ in location.key), (cell,), tuple("default" for _ in location.extras))
    return [each.slot for each in secrets_of(location, row)]


def both(table: str, cell: bytes) -> dict[str, list[Slot]]:
    return {name: slots(LOCATIONS[name], cell) for name in (table, f"{table}_snapshots")}


def is_empty_object(value: object) -> bool:
    return isinstance(value, dict) and not (value.get("dataKeyId") or value.get("encryptedData"))


def is_fit(value: object) -> bool:
    """Whether the members of an object are of types without which it would not be empty."""
    return isinstance(value, dict) and all(
        value.get(name) is None or isinstance(value.get(name), str) for name in ("dataKeyId", "encryptedData")
    )


@given(VALUES, st.sampled_from(["resource", "resource_history"]))
@example([42, 89], "resource")
@example(7, "resource")
@example({}, "resource")
@example(CIPHERTEXT, "resource")
@example(SEALED, "resource_history")
def test_any_value_of_a_snapshot_belongs_to_one_store_or_is_no_secret(value: Any, table: str) -> None:
    document = {"kind": "Snapshot", "spec": {"title": "x", "dashboardEncrypted": value}}
    found = both(table, json.dumps(document).encode())
    classic, manager = found[table], found[f"{table}_snapshots"]
    is_none = value is None or value == "" or (is_empty_object(value) and is_fit(value))
    if is_none:
        assert classic == manager == []
    elif isinstance(value, dict):
        assert (len(classic), len(manager) >= 1) == (0, True)
        assert len(manager) == 1
    else:
        assert (len(classic), len(manager)) == (1, 0)


@pytest.mark.parametrize("path", [("spec", "github", "encryptedToken"), ("status", "webhook", "encryptedSecret")])
@given(value=VALUES)
def test_any_value_of_a_repository_is_text_or_named(path: tuple[str, ...], value: Any) -> None:
    document: Any = value
    for name in reversed(path):
        document = {name: document}
    found = both("resource", json.dumps(document).encode())
    assert found["resource_snapshots"] == []
    number = len(found["resource"])
    # Text may be a reference to the secrets manager, which is no secret.
    assert number <= 1 if isinstance(value, str) else number == (value is not None)


@pytest.mark.parametrize(
    "location",
    ["data_source", "plugin_setting", "alert_notification"],
)
@given(value=VALUES)
def test_any_value_of_a_map_is_a_secret_or_named(location: str, value: Any) -> None:
    (field,) = LOCATIONS[location].fields
    found = field.codec.find(json.dumps({"password": value}).encode())
    assert len(found) == (value is not None and value != "")


@given(value=VALUES)
def test_any_secure_setting_of_a_contact_point_is_a_secret_or_named(value: Any) -> None:
    integration = {"secureSettings": {"url": value}}
    receivers = [{"grafana_managed_receiver_configs": [integration]}]
    cell = json.dumps({"alertmanager_config": {"receivers": receivers}}).encode()
    found = slots(LOCATIONS["alert_configuration"], cell)
    assert len(found) == (value is not None and value != "")


@given(value=VALUES)
def test_any_document_of_any_type_gives_a_secret_or_a_reason_or_has_none(value: Any) -> None:
    cell = json.dumps(value).encode()
    for name in ("data_source", "alert_configuration", "sso_setting", "resource"):
        found = slots(LOCATIONS[name], cell)
        if not isinstance(value, dict):
            # Strings with a secret's name are found in a document of another type too.
            assert [each.problem for each in found[:1]] == ([] if value is None else [Reason.MALFORMED_ENCODING])
    assert slots(LOCATIONS["resource_snapshots"], cell) == []


def sso(settings: object) -> list[tuple[str, Reason | None]]:
    return [(each.path, each.problem) for each in slots(LOCATIONS["sso_setting"], json.dumps(settings).encode())]


def test_an_array_or_object_with_the_name_of_a_secret_is_read_where_grafana_reads_it_or_named() -> None:
    assert sso({"clientSecret": ["a"]}) == [(".clientSecret", Reason.MALFORMED_ENCODING)]
    assert sso({"config": {"servers": [{"bind_password": 7}]}}) == [
        (".config.servers[0].bind_password", Reason.MALFORMED_ENCODING)
    ]
    text = CIPHERTEXT.rstrip("=")
    assert sso({"config": {"passwords": ["", text], "private": {"key": text}, "secret": [], "private_on": True}}) == [
        (".config.passwords", Reason.NOT_UNDERSTOOD),
        (".config.private", Reason.NOT_UNDERSTOOD),
    ]
    # What is found below is no reason to name what is above.
    assert sso({"config": {"private": {"password": text}}}) == [(".config.private.password", None)]


def test_settings_that_are_nested_deeper_than_calls_are_read() -> None:
    deep: object = "text"
    for _ in range(300):
        deep = [{"a": deep}]
    assert sso({"config": deep}) == []
    assert sso({"config": {"secret": deep}}) == [(".config.secret", Reason.NOT_UNDERSTOOD)]


def test_bytes_in_an_array_of_numbers_are_read_by_go_and_not_here() -> None:
    (field,) = LOCATIONS["data_source"].fields
    cell = b'{"a":[35,97],"b":["x"],"c":"%s"}' % CIPHERTEXT.encode()
    assert [(each.path, each.problem) for each in field.codec.find(cell)] == [
        (".a", Reason.NOT_UNDERSTOOD),
        (".b", Reason.MALFORMED_ENCODING),
        (".c", None),
    ]


def test_a_reason_says_what_to_do_and_a_secret_what_is_wrong() -> None:
    assert all(map(remedy_of, Reason))
    cell = b'{"spec":{"dashboardEncrypted":[35]}}'
    (secret,) = secrets_of(LOCATIONS["resource"], Row(("guid",), (cell,)))
    assert (secret.problem, secret.detail) == (Reason.NOT_UNDERSTOOD, "a form that this version does not know")
