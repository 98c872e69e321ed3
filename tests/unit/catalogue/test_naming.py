"""A name of a row says what it is in Grafana, and nothing that the row's writer could do harm with."""

from __future__ import annotations

import base64
import json

import pytest

from reencrypt.catalogue.document import EACH
from reencrypt.catalogue.location import Location
from reencrypt.catalogue.naming import MOST_SHOWN, Naming, named, shown
from reencrypt.catalogue.namings import NAMINGS
from reencrypt.catalogue.stores import STORES

LOCATIONS = {location.name: location for store in STORES.values() for location in store.locations}
#: Columns beside those of the catalogue that nobody may see: clear text of old Grafanas, and what opens a snapshot.
CONFIDENTIAL = {"password", "basic_auth_password", "salt", "rands", "delete_key", "external_url", "url", "settings"}
CIPHERTEXT = base64.b64encode(b"#a2V5#*YWVzLWNmYg*saltSALT" + b"i" * 16 + b"body").decode()
HOSTILE = {
    "\x1b[2J\x1b]0;owned\x07": "\\x1b[2J\\x1b]0;owned\\x07",
    "one\r\ntwo": "one\\r\\ntwo",
    "a\0b": "a\\x00b",
    "\u202egnp.exe": "\\u202egnp.exe",
    "\u2066x\u2028\ufeff": "\\u2066x\\u2028\\ufeff",
    '" of organisation "Other': '\\" of organisation \\"Other',
    "back\\slash": "back\\\\slash",
    "[bold]{namespace}<b>": "[bold]{namespace}<b>",
    "Größe ☃ 🔔": "Größe ☃ 🔔",
}


def columns_of(naming: Naming) -> set[str]:
    return {*naming.columns, *(column for link in naming.links for column in link.columns.values())}


def test_every_location_of_the_catalogue_has_a_name() -> None:
    assert NAMINGS.keys() == LOCATIONS.keys()


@pytest.mark.parametrize("name", NAMINGS)
def test_no_column_of_a_name_holds_a_secret(name: str) -> None:
    naming, location = NAMINGS[name], LOCATIONS[name]
    secret = {each.column for other in LOCATIONS.values() if other.table == location.table for each in other.fields}
    assert not columns_of(naming) & (secret | CONFIDENTIAL)
    assert not {"key"} & {*naming.columns}


@pytest.mark.parametrize("name", [name for name, naming in NAMINGS.items() if naming.documents])
def test_no_member_of_a_document_that_names_something_is_a_place_of_secrets(name: str) -> None:
    for document in NAMINGS[name].documents:
        for path in document.paths.values():
            cell: object = CIPHERTEXT
            for part in reversed(path):
                cell = [cell] if part is EACH else {part: cell}
            for location in LOCATIONS.values():
                for each in location.fields:
                    if location.table == LOCATIONS[name].table and each.column == document.column:
                        found = each.codec.find(json.dumps(cell).encode())
                        assert [slot for slot in found if slot.ciphertext] == []


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_shown_escaped(text: str) -> None:
    assert shown(text) == HOSTILE[text]
    name = named(NAMINGS["data_source"], {"name": text, "org_id": "7", "organisation": text})
    assert name is not None
    assert name.name == f'data source "{HOSTILE[text]}" of organisation "{HOSTILE[text]}"'
    assert name.again == f"save the {name.name} again in Grafana, with its secrets entered again"


@pytest.mark.parametrize("text", ["x" * 10_000, "\0" * 10_000, '"' * 10_000, "\U000e0001" * 10_000])
def test_a_long_text_is_cut_off(text: str) -> None:
    assert len(shown(text)) <= MOST_SHOWN + 1
    assert shown(text).endswith("…")


def test_a_name_says_less_where_less_is_known_and_is_none_where_nothing_is() -> None:
    login = NAMINGS["user_auth"]
    values = {"login": "alice", "auth_module": "oauth_azuread", "user_id": "3"}
    expected = {
        (): 'login of user "alice" by "oauth_azuread"',
        ("auth_module",): 'login of user "alice"',
        ("login",): 'login of user 3 by "oauth_azuread"',
        ("login", "auth_module"): "login of user 3",
        tuple(values): None,
    }
    for missing, words in expected.items():
        name = named(login, {key: value for key, value in values.items() if key not in missing})
        assert (name and name.name) == words
    source = {"name": "Loki"}
    for number, of_organisation in {"2": " of organisation 2", "0": "", "-1": "", "x": ""}.items():
        name = named(NAMINGS["data_source"], {**source, "org_id": number})
        assert name is not None
        assert name.name == f'data source "Loki"{of_organisation}'


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("datasource", 'data source "N" of organisation 1'),
        ("extsvc-token", 'service account token of plugin "N" of organisation 1'),
        ("cloudmigration-snapshot-encryption-key", 'encryption key of cloud migration snapshot "N"'),
        ("other", 'secret "N" of type "other" of organisation 1'),
    ],
)
def test_the_type_of_a_secret_decides_what_its_namespace_names(kind: str, words: str) -> None:
    name = named(NAMINGS["secrets"], {"namespace": "N", "type": kind, "org_id": "1"})
    assert name is not None
    assert name.name == words


@pytest.mark.parametrize(
    ("document", "field", "words"),
    [
        ([{"name": "ops"}], "receivers[0].x", 'contact point "ops"'),
        ([{"name": "ops"}, {"name": "dev"}], "receivers[1].x", 'contact point "dev"'),
        (
            [{"name": "ops", "grafana_managed_receiver_configs": [{}, {"type": "slack", "secureSettings": {}}]}],
            'receivers[0].grafana_managed_receiver_configs[1].secureSettings["[7]"]',
            'contact point "ops", integration "slack"',
        ),
        # What is no name is none, whatever its members are called.
        ([{"name": {"name": CIPHERTEXT}, "secureSettings": {"name": CIPHERTEXT}}], "receivers[0].x", None),
        ([{"secureSettings": {"name": CIPHERTEXT}}], "receivers[0].secureSettings.name", None),
        ([], "receivers[3].x", None),
        ({"0": {"name": CIPHERTEXT}}, "receivers[0].x", None),
        (CIPHERTEXT, "receivers[0].x", None),
    ],
)
def test_a_contact_point_is_named_by_the_index_in_the_field_of_its_secret(
    document: object, field: str, words: str | None
) -> None:
    naming: Naming = NAMINGS["alert_configuration"]
    field = f"alertmanager_configuration.alertmanager_config.{field}"
    found = naming.document_of(field)
    assert found is not None
    values = dict(found.values({"alertmanager_config": {"receivers": document}}, field))
    name = named(naming, values, found)
    assert name is not None
    assert name.name == (words or "Alertmanager configuration")
    assert CIPHERTEXT not in f"{name}"


def test_a_location_that_somebody_has_declared_has_no_name() -> None:
    declared = Location("oncall", "oncall", ("id",), ())
    assert declared.name not in NAMINGS
