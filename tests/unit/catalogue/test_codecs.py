"""Secrets are found where Grafana keeps them, and replacing them keeps every other byte."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reencrypt.catalogue.codec import splice
from reencrypt.catalogue.jsonscan import locate, parse, scan_strings
from reencrypt.catalogue.location import fit
from reencrypt.catalogue.locations import BY_NAME, LOCATIONS
from reencrypt.catalogue.reason import Reason
from reencrypt.crypto.gobase64 import MalformedEncodingError

CIPHERTEXT = b"#a2V5#*YWVzLWNmYg*saltSALT" + b"i" * 16 + b"body"
PADDED = base64.b64encode(CIPHERTEXT)
UNPADDED = PADDED.rstrip(b"=")
CODECS = {(location.name, field.column): field.codec for location in LOCATIONS for field in location.fields}


def found(location: str, column: str, cell: bytes) -> list[tuple[str, bytes]]:
    return [(slot.path.removeprefix("."), slot.ciphertext) for slot in CODECS[location, column].find(cell)]


@pytest.mark.parametrize(
    ("location", "column", "written"),
    [
        ("dashboard_snapshot", "dashboard_encrypted", CIPHERTEXT),
        ("user_auth", "o_auth_token_type", PADDED),
        ("secrets", "value", UNPADDED),
        ("signing_key", "private_key", UNPADDED),
        ("user_external_session", "session_id", PADDED),
        ("cloud_migration_session", "auth_token", PADDED),
    ],
)
def test_a_column_that_is_one_secret(location: str, column: str, written: bytes) -> None:
    codec = CODECS[location, column]
    readable = [written] if written == CIPHERTEXT else [PADDED, UNPADDED]
    for text in readable:
        (slot,) = codec.find(text)
        assert (slot.path, slot.ciphertext, slot.problem) == ("", CIPHERTEXT, None)
        assert splice(text, [(slot, CIPHERTEXT)]) == written
    assert codec.find(b"") == []


def test_padding_that_grafana_cannot_read_is_noticed() -> None:
    text = {True: PADDED, False: UNPADDED}
    assert PADDED != UNPADDED
    for location, column, padded in (("user_auth", "o_auth_access_token", True), ("secrets", "value", False)):
        assert CODECS[location, column].find(text[padded])[0].strict
        assert not CODECS[location, column].find(text[not padded])[0].strict
    assert all(CODECS["signing_key", "private_key"].find(each)[0].strict for each in text.values())


def test_every_value_of_a_secure_json_map_is_a_secret() -> None:
    cell = b'{"a":"%s", "b" : null, "c":"", "d":"%s"}' % (PADDED, PADDED)
    assert found("data_source", "secure_json_data", cell) == [("a", CIPHERTEXT), ("d", CIPHERTEXT)]
    for empty in (b"", b"{}", b"null"):
        assert found("plugin_setting", "secure_json_data", empty) == []


def test_a_json_column_of_white_space_is_damaged_because_go_unmarshals_whatever_is_not_empty() -> None:
    (slot,) = CODECS["plugin_setting", "secure_json_data"].find(b" \n")
    assert slot.problem is Reason.MALFORMED_ENCODING


def test_contact_points_and_imported_configurations_are_found() -> None:
    document = {
        "template_files": {},
        "alertmanager_config": {
            "route": {"receiver": "x"},
            "receivers": [
                {"name": "a", "grafana_managed_receiver_configs": [{"secureSettings": None}]},
                {
                    "name": "b",
                    "grafana_managed_receiver_configs": [
                        {"settings": {"url": PADDED.decode()}, "secureSettings": {"url": PADDED.decode(), "token": ""}},
                    ],
                },
            ],
        },
        "extra_config": [
            {"identifier": "plain", "alertmanager_config": "route: {}"},
            {"identifier": "sealed", "alertmanager_config": "crypto_" + PADDED.decode()},
        ],
    }
    cell = json.dumps(document, indent=1).encode()
    assert found("alert_configuration", "alertmanager_configuration", cell) == [
        ("alertmanager_config.receivers[1].grafana_managed_receiver_configs[0].secureSettings.url", CIPHERTEXT),
        ("extra_config[1].alertmanager_config", CIPHERTEXT),
    ]
    codec = CODECS["alert_configuration_history", "alertmanager_configuration"]
    replaced = splice(cell, [(slot, b"#bmV3#" + slot.ciphertext) for slot in codec.find(cell)])
    assert json.loads(replaced)["extra_config"][1]["alertmanager_config"].startswith("crypto_I2Jt")
    assert [slot.ciphertext for slot in codec.find(replaced)] == [b"#bmV3#" + CIPHERTEXT] * 2


def test_sso_secrets_are_found_by_name_at_any_depth_and_plain_text_is_tolerated() -> None:
    cell = json.dumps(
        {
            "clientId": UNPADDED.decode(),
            "clientSecret": UNPADDED.decode(),
            "certificate": base64.b64encode(b"-----BEGIN CERTIFICATE-----").decode(),
            "private_key_path": "/etc/key.pem",
            "config": {"servers": [{"bind_password": UNPADDED.decode(), "root_ca_cert": "x"}, {"client_key": ""}]},
        }
    ).encode()
    assert found("sso_setting", "settings", cell) == [
        ("clientSecret", CIPHERTEXT),
        ("config.servers[0].bind_password", CIPHERTEXT),
    ]


def test_a_bare_value_of_an_old_release_is_told_from_plain_text() -> None:
    bare = base64.b64encode(b"saltSALT" + bytes(range(200, 216)) + b"body").rstrip(b"=").decode()
    # These decode to "*" and "#" followed by noise, as one plain text in a hundred does.
    odd = {"certificate": "Kp3xZq9LmW7aTbR5yHcVd2NsEf8GuJ4Pko", "secretA": "I8eYcM0yTNqJXo2bZ0Wk7gqf3u1V9s6D"}
    assert [base64.b64decode(text + "==")[:1] for text in odd.values()] == [b"*", b"#"]
    cell = json.dumps(
        odd | {"clientSecret": bare, "privateKey": base64.b64encode(b"a printable name" * 2).decode()}
    ).encode()
    assert [path for path, _ in found("sso_setting", "settings", cell)] == ["clientSecret"]


def test_a_damaged_sso_secret_is_not_taken_for_plain_text() -> None:
    cell = json.dumps({"clientSecret": UNPADDED.decode() + "!"}).encode()
    (slot,) = CODECS["sso_setting", "settings"].find(cell)
    assert slot.problem is Reason.MALFORMED_ENCODING


def test_references_to_the_new_secrets_manager_are_not_secrets() -> None:
    name = base64.b64encode(b"my-repository-github-token").decode()
    cell = json.dumps({"spec": {"github": {"encryptedToken": name}}}).encode()
    assert found("resource", "value", cell) == []
    cell = json.dumps({"status": {"webhook": {"encryptedSecret": PADDED.decode()}}}).encode()
    assert found("resource_history", "value", cell) == [("status.webhook.encryptedSecret", CIPHERTEXT)]


@pytest.mark.parametrize("cell", [b"{", b'{"a":1}x', b"\xff\xfe{}", b"[" * 100_000, b'{"a":"\x00"}'])
def test_a_document_that_cannot_be_read_is_one_malformed_secret(cell: bytes) -> None:
    (slot,) = CODECS["data_source", "secure_json_data"].find(cell)
    assert (slot.problem, slot.path) == (Reason.MALFORMED_ENCODING, "")


def test_text_that_is_not_base64_is_malformed_and_spoils_no_neighbour() -> None:
    cell = b'{"bad":"@@@","good":"%s"}' % PADDED
    bad, good = CODECS["data_source", "secure_json_data"].find(cell)
    assert (bad.problem, good.problem) == (Reason.MALFORMED_ENCODING, None)
    assert splice(cell, [(good, b"*new")]) == b'{"bad":"@@@","good":"Km5ldw=="}'


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def strings_of(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        return [(path, value)]
    if isinstance(value, dict):
        return [each for key, inner in value.items() for each in strings_of(inner, (*path, key))]
    if isinstance(value, list):
        return [each for index, inner in enumerate(value) for each in strings_of(inner, (*path, index))]
    return []


@given(JSON_VALUES, st.sampled_from([None, 1, 4]), st.booleans())
def test_the_scan_finds_every_string_of_any_document(value: object, indent: int | None, ascii_only: bool) -> None:  # noqa: FBT001
    document = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    try:
        data = document.encode()
    except UnicodeEncodeError:
        return
    scanned = [(s.path, s.text.decode(errors="surrogatepass")) for s in scan_strings(data)]
    assert scanned == strings_of(json.loads(document))


@given(st.binary(max_size=40))
def test_the_scan_of_any_bytes_gives_strings_or_one_clear_error(document: bytes) -> None:
    try:
        parse(document)
    except MalformedEncodingError:
        return
    assert [s.text.decode(errors="surrogatepass") for s in scan_strings(document)] == [
        text for _, text in strings_of(json.loads(document.decode()))
    ]


def values_of(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], object]]:
    inner: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    if isinstance(value, list):
        inner = list(enumerate(value))
    return [(path, value), *(each for part, below in inner for each in values_of(below, (*path, part)))]


@given(JSON_VALUES, st.sampled_from([None, 1, 4]), st.booleans())
def test_every_value_of_any_document_is_located(value: object, indent: int | None, ascii_only: bool) -> None:  # noqa: FBT001
    document = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    try:
        data = document.encode()
    except UnicodeEncodeError:
        return
    for path, each in values_of(json.loads(document)):
        start, end = locate(data, path)
        found = data[start:end]
        if isinstance(each, dict | list):
            assert found == (b"{" if isinstance(each, dict) else b"[")
        else:
            assert json.loads(found) == each


@given(st.dictionaries(st.text(), st.just(PADDED.decode()), max_size=5), st.sampled_from([None, 2]))
def test_replacing_a_secret_by_itself_changes_not_one_byte(values: dict[str, str], indent: int | None) -> None:
    cell = json.dumps(values, indent=indent).encode()
    codec = CODECS["data_source", "secure_json_data"]
    assert splice(cell, [(slot, slot.ciphertext) for slot in codec.find(cell)]) == cell


def test_escaped_solidus_in_base64_reads_as_base64() -> None:
    ciphertext = b"#a2V5#*YWVzLWNmYg*saltSALT" + b"\xff" * 18
    cell = b'{"a":"%s"}' % base64.b64encode(ciphertext).replace(b"/", rb"\/")
    assert rb"\/" in cell
    assert found("data_source", "secure_json_data", cell) == [("a", ciphertext)]


def test_tables_and_columns_that_a_release_lacks_are_left_out_and_named() -> None:
    columns = {
        "user_auth": frozenset({"id", "o_auth_access_token", "o_auth_refresh_token", "o_auth_token_type"}),
        "secrets": frozenset({"id", "value", "type"}),
        "alert_configuration": frozenset({"id", "alertmanager_configuration", "configuration_hash", "org_id"}),
    }
    fitted = fit(LOCATIONS, columns)
    by_name = {location.name: location for location in fitted.locations}
    assert set(by_name) == set(columns)
    assert len(by_name["user_auth"].fields) == 3
    assert by_name["secrets"].updated is None
    assert by_name["secrets"].extras == ("type",)
    assert by_name["alert_configuration"].linked is not None
    assert "user_auth.o_auth_id_token" in fitted.missing
    assert "dashboard_snapshot" in fitted.missing


def test_the_current_alerting_configuration_comes_before_its_history() -> None:
    names = list(BY_NAME)
    assert names.index("alert_configuration") < names.index("alert_configuration_history")
