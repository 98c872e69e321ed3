"""The fixtures are faithful and their judge is right: both are held against those of releases and known vectors."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, get_args

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.grafana import plaintexts
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.damage import DAMAGES, Damage
from tests.grafana.datakeys import Shape
from tests.grafana.decrypting import Inner, PayloadError, decrypt_inner, decrypt_legacy, split_envelope
from tests.grafana.decryptor import LEGACY, DecryptedSecret, SecretAddress, read_secrets
from tests.grafana.encrypting import Recipe, derive_key, envelope
from tests.grafana.fidelity import snapshot_non_secret_bytes
from tests.grafana.gobase64 import Base64Error, decode_raw_std, decode_std
from tests.grafana.jsonspans import JsonError, Node, parse
from tests.grafana.jsontext import STYLES, Json, Style, render
from tests.grafana.locations import PLACES
from tests.grafana.planting import Plain, PlantedSecret, Storage
from tests.grafana.populate import populate
from tests.grafana.releases import LEGACY as LEGACY_RELEASES
from tests.grafana.releases import WITH_DATA_KEYS, WITHOUT_SECRETS, GrafanaDatabase, databases
from tests.grafana.schema import ALL, SQLITE, Table, create_statements
from tests.grafana.unwrapping import azure_unwrappers
from tests.support.mysql import MYSQL
from tests.support.postgres import POSTGRES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHIPPED = b"SW2YcwTIb9zpOOhoPsMm"
DEK = bytes(range(0xF0, 0x100))
V2 = "306337323330534214632fee3d2c817d0e25a2e62f1f684690df1a33b4114c34245d11cb639edb664aad4a"


def address(secret: PlantedSecret) -> SecretAddress:
    return SecretAddress(secret.table, secret.key, secret.path)


def is_plausible(plaintext: bytes | None) -> bool:
    try:
        text = (plaintext or b"").decode()
    except UnicodeDecodeError:
        return False
    return plaintext is not None and all(character >= " " or character in "\t\r\n" for character in text)


# --- known vectors


@pytest.mark.parametrize(
    ("payload", "algorithm"),
    [
        ("4554557841526b5890bc6de55b585571dc23b2bed0b6d15bfc778a85c60801", "aes-cfb"),
        (V2, "aes-gcm"),
        ("49473239796e5a6d7317ed0d82bc9776626750d14f8f167a2c28662988101b", "aes-cfb"),
    ],
    ids=["V1", "V2", "V4"],
)
def test_bodies_from_grafanas_own_tests_decrypt(payload: str, algorithm: str) -> None:
    assert decrypt_inner(Inner(algorithm, bytes.fromhex(payload)), b"1234") == b"grafana"


def test_prefixed_payload_from_grafanas_own_tests_decrypts() -> None:
    assert decrypt_legacy(bytes.fromhex("2a5957567a4c57646a62512a" + V2), b"1234") == b"grafana"


@pytest.mark.parametrize(
    ("password", "salt", "key"),
    [
        (SHIPPED, b"abcdefgh", "59d4cee5b140fec7c1234935b8e4b2b1444e5167d1a0e64756e16bf33a0bbae0"),
        (b"1234", b"ETUxARkX", "91fbe7f029f23182409bf06eece1e5b2ab45b38131190e221b48688da217a7fa"),
        (DEK, b"ABCDEFGH", "0d95a0ac23e74162d48d427e1a3bcddf623276356bb74bdec484253a79f2a639"),
    ],
)
def test_keys_are_derived_as_published(password: bytes, salt: bytes, key: str) -> None:
    assert derive_key(password, salt).hex() == key
    assert hashlib.pbkdf2_hmac("sha256", password, salt, 10_000).hex() == key


def test_data_key_wrapped_with_cfb_is_the_published_bytes() -> None:
    wrapped = Recipe("aes-cfb", b"abcdefgh", bytes(range(16))).encrypt(DEK, SHIPPED)
    assert wrapped.hex() == (
        "2a5957567a4c574e6d59672a6162636465666768000102030405060708090a0b0c0d0e0f4085d4828f0badf00351651ea34b1e23"
    )
    assert decrypt_legacy(wrapped, SHIPPED) == DEK


def test_data_key_wrapped_with_gcm_is_the_published_bytes() -> None:
    wrapped = Recipe("aes-gcm", b"abcdefgh", bytes(range(12))).encrypt(DEK, SHIPPED)
    assert wrapped.hex() == (
        "2a5957567a4c57646a62512a6162636465666768000102030405060708090a0b"
        "048454d4254390ca85505828518eade34f31776be9151fe6ae065d9e0267ac8e"
    )
    assert decrypt_legacy(wrapped, SHIPPED) == DEK


def test_envelope_is_the_published_bytes() -> None:
    recipe = Recipe("aes-cfb", b"ABCDEFGH", bytes(range(16, 32)))
    payload = envelope("abcdefghijkl12", recipe.encrypt(b"grafana", DEK))
    assert base64.b64encode(payload) == (
        b"I1lXSmpaR1ZtWjJocGFtdHNNVEkjKllXVnpMV05tWWcqQUJDREVGR0gQERITFBUWFxgZGhscHR4fkja8f6pc9Q=="
    )
    assert split_envelope(payload) == ("abcdefghijkl12", recipe.encrypt(b"grafana", DEK))
    assert envelope("abcdefghijkl12", recipe.encrypt(b"", DEK)) == payload[:-7]


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", "empty payload"),
        (b"*YWVzLWNmYg*", "too short"),
        (b"*YWVzLWNmYg*" + b"s" * 23, "too short"),
        (b"*YWVzLWdjbQ*" + b"s" * 35, "too short"),
        (b"*YWVzLWdjbQ*" + b"s" * 36, "tag"),
        (b"*YWVzLXh5eg*" + b"s" * 36, "unknown algorithm"),
        (b"*YWVzLWNmYg==*" + b"s" * 36, "algorithm not base64"),
        (b"sssssss", "too short"),
    ],
)
def test_payload_that_grafana_refuses_is_refused(payload: bytes, code: str) -> None:
    with pytest.raises(PayloadError) as caught:
        decrypt_legacy(payload, b"1234")
    assert caught.value.code == code


@pytest.mark.parametrize("prefix", [b"", b"**", b"*"])
def test_missing_empty_and_unclosed_prefixes_mean_cfb(prefix: bytes) -> None:
    body = Recipe("aes-cfb", b"saltsalt", b"0123456789abcdef", bare=True).encrypt(b"plain", b"1234").replace(b"*", b"")
    assert decrypt_legacy(prefix + body, b"1234") == b"plain"


def test_wrong_key_is_an_error_under_gcm_and_garbage_under_cfb() -> None:
    with pytest.raises(PayloadError, match="tag"):
        decrypt_inner(Inner("aes-gcm", bytes.fromhex(V2)), b"1235")
    body = Recipe("aes-cfb", b"saltsalt", bytes(16), bare=True).encrypt(b"plaintext", b"1234")
    assert decrypt_legacy(body, b"1235") != b"plaintext"


# --- base64 as Go decodes it


@pytest.mark.parametrize(
    ("text", "std", "raw"),
    [
        (b"", b"", b""),
        (b"Zm9v", b"foo", b"foo"),
        (b"Zm8=", b"fo", "padding"),
        (b"Zm8", "padding", b"fo"),
        (b"Zg==", b"f", "padding"),
        (b"Zg=", "padding", "padding"),
        (b"Zm9v====", "padding", "padding"),
        (b"Zm\r\n8=\n", b"fo", "padding"),
        (b"Zm9=", b"fo", "padding"),  # left-over bits are not looked at
        (b"Zm9", "padding", b"fo"),
        (b"Zm9vZ", "base64", "base64"),
        (b"Zm 8=", "base64", "base64"),
        (b"Zm-_", "base64", "base64"),
        (b"Zg==Zg==", "base64", "base64"),
    ],
)
def test_base64_is_decoded_as_go_does(text: bytes, std: bytes | str, raw: bytes | str) -> None:
    for decode, expected in ((decode_std, std), (decode_raw_std, raw)):
        if isinstance(expected, bytes):
            assert decode(text) == expected
        else:
            with pytest.raises(Base64Error) as caught:
                decode(text)
            assert caught.value.code == expected


# --- JSON with positions

json_documents: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)  # a busy machine is no failure
@given(document=json_documents, style=st.sampled_from(STYLES))
def test_parser_finds_every_string_where_it_stands(document: Json, style: Style) -> None:
    text = render(document, style)
    assert json.loads(text) == document

    def check(node: Node, value: Json) -> None:
        if isinstance(value, str):
            assert node.string == value
            assert json.loads(text[node.start - 1 : node.end + 1]) == value
        elif isinstance(value, dict):
            assert node.members is not None
            assert set(node.members) == set(value)
            for name, inner in value.items():
                check(node.members[name], inner)
        elif isinstance(value, list):
            assert len(node.items) == len(value)
            for item, inner in zip(node.items, value, strict=True):
                check(item, inner)
        else:
            assert node.is_null == (value is None)

    check(parse(text), document)


@pytest.mark.parametrize("text", ["", "{", '{"a" 1}', '{"a":1,}', "[1,]", "[1 2]", '"a', '"\n"', "01", "{}{}", "nul"])
def test_parser_refuses_what_is_not_json(text: str) -> None:
    with pytest.raises(JsonError):
        parse(text)


# --- the schema


def described(connection: sqlite3.Connection, table: Table) -> tuple[object, object]:
    columns = [
        (name, kind, required, (default or "").strip("'"), primary)
        for _, name, kind, required, default, primary in connection.execute(f"PRAGMA table_info(`{table.name}`)")
    ]
    indexes = {
        (name, unique, tuple(row[2] for row in connection.execute(f"PRAGMA index_info('{name}')")))
        for _, name, unique, *_ in connection.execute(f"PRAGMA index_list(`{table.name}`)")
    }
    return columns, indexes


@pytest.mark.parametrize("table", ALL, ids=lambda table: table.name)
@pytest.mark.parametrize("release", databases("grafana-12-2026"))
def test_sqlite_schema_is_that_of_grafana_12(release: GrafanaDatabase, table: Table, tmp_path: Path) -> None:
    with (
        closing(sqlite3.connect(release.write(tmp_path / "grafana.db"))) as genuine,
        closing(sqlite3.connect(":memory:")) as ours,
    ):
        for statement in create_statements(SQLITE, [table]):
            ours.execute(statement)
        assert described(ours, table) == described(genuine, table)


def test_special_types_are_those_of_each_server() -> None:
    postgres, mysql = ("\n".join(create_statements(each.schema)) for each in (POSTGRES, MYSQL))
    assert '"id" SERIAL PRIMARY KEY NOT NULL' in postgres
    assert '"encrypted_data" BYTEA NOT NULL' in postgres
    assert '"with_credentials" BOOL NOT NULL DEFAULT FALSE' in postgres
    assert "`dashboard_encrypted` MEDIUMBLOB NULL" in mysql
    assert "`label` VARCHAR(100) NULL\n" in mysql
    assert "`alertmanager_configuration` MEDIUMTEXT NULL" in mysql
    assert "`session_id` NATIONAL VARCHAR(1024) NULL" in mysql
    assert mysql.count("utf8mb4_unicode_ci") == len(ALL)


# --- databases of releases


@pytest.mark.parametrize("release", databases(*WITH_DATA_KEYS, *LEGACY_RELEASES))
def test_every_secret_of_a_release_decrypts_to_plausible_text(release: GrafanaDatabase, tmp_path: Path) -> None:
    secrets = read_secrets(release.write(tmp_path / "grafana.db"))
    assert len(secrets) == {"9.5": 2, "7.5": 2, "8.0": 1}.get(release.name.split("-")[1], 4)
    for place, secret in secrets.items():
        assert secret.error is None, place
        assert is_plausible(secret.plaintext), place
        assert secret.provider == (LEGACY if release.name in LEGACY_RELEASES else "secretKey.v1")
        if place.table == "signing_key":
            assert (secret.plaintext or b"").startswith(b"-----BEGIN PRIVATE KEY-----\n")


@pytest.mark.parametrize("release", databases(*WITHOUT_SECRETS))
def test_a_release_without_secrets_has_none(release: GrafanaDatabase, tmp_path: Path) -> None:
    assert read_secrets(release.write(tmp_path / "grafana.db")) == {}


@pytest.mark.parametrize("release", databases("grafana-11-2024", "grafana-12-2026"))
def test_secrets_of_a_release_under_a_wrong_secret_key_are_not_plausible(
    release: GrafanaDatabase, tmp_path: Path
) -> None:
    secrets = read_secrets(release.write(tmp_path / "grafana.db"), secret_key="wrong")
    assert secrets
    assert not any(is_plausible(secret.plaintext) for secret in secrets.values() if secret.plaintext)


# --- builder and judge together


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "grafana.db"


def judged(database: Path, planted: list[PlantedSecret]) -> dict[SecretAddress, DecryptedSecret]:
    """Every planted secret reads back, and nothing else is found."""
    found = read_secrets(database)
    assert set(found) == {address(secret) for secret in planted}
    for secret in planted:
        read = found[address(secret)]
        assert (read.plaintext, read.error) == (secret.plaintext, None), secret
        assert read.key_id == (secret.under.key_id if secret.under else None)
    return found


@pytest.mark.parametrize("own_salts", [False, True])
def test_every_location_reads_back(database: Path, own_salts: bool) -> None:  # noqa: FBT001 - a parameter of the test
    with GrafanaBuilder(database) as builder:
        keys = [
            builder.data_key(),
            builder.data_key(id_style="uuid", algorithm="aes-gcm", active=False),
            builder.data_key(id_style="short", label_date="2023-06-02"),
            builder.data_key(id_style="old-name", label_date="2021-11-30", provider="secretKey", bare=True),
        ]
        planted = populate(builder, count=400, under=[*keys, None], own_salts=own_salts)
    found = judged(database, planted)
    assert {(place.table, place.path.split(".")[0].split("[")[0]) for place in found} == {
        (place.table, place.column) for place in PLACES
    }
    assert {secret.algorithm for secret in found.values()} == {"aes-cfb", "aes-gcm"}
    assert {secret.provider for secret in found.values()} == {"secretKey.v1", LEGACY}
    salts = [secret.stored_text for secret in found.values()]
    assert len(set(salts)) >= len(salts) * 0.8  # twins in the history share theirs


@pytest.mark.parametrize("count", [0, 1, 2, 13, 101, 2000])
def test_population_plants_exactly_as_many_as_asked_for(database: Path, count: int) -> None:
    with GrafanaBuilder(database) as builder:
        planted = populate(builder, count=count, under=[builder.data_key()])
        planted += populate(builder, count=3, under=[builder.data_keys[0]])
    assert len(planted) == count + 3 == len(judged(database, planted))
    assert not any(secret.table == "alert_notification" for secret in planted)


def test_population_covers_every_remainder_and_the_empty_plaintext(database: Path) -> None:
    with GrafanaBuilder(database) as builder:
        planted = populate(builder, count=600, under=[builder.data_key()], max_len=40)
    found = judged(database, planted)
    for decoding in ("std", "raw-std"):
        columns = {(place.table, place.column) for place in PLACES if place.decoding == decoding}
        lengths = [len(found[address(s)].stored_text) for s in planted if (s.table, s.path) in columns]
        assert len({length % 4 for length in lengths}) == (1 if decoding == "std" else 3)
    assert any(not secret.plaintext for secret in planted)
    assert all(is_plausible(s.plaintext) for s in planted if s.table != "secrets")


def test_same_seed_gives_the_same_database(tmp_path: Path) -> None:
    dumps = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        with GrafanaBuilder(tmp_path / name, seed=seed) as builder:
            populate(builder, count=150, under=[builder.data_key(), None])
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            dumps.append("\n".join(connection.iterdump()))
    assert dumps[0] == dumps[1] != dumps[2]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("storage", get_args(Storage))
def test_every_style_and_storage_class_reads_back(database: Path, style: Style, storage: Storage) -> None:
    with GrafanaBuilder(database) as builder:
        key = builder.data_key()
        secrets = {"zürich": Plain(b"z", key), "a.b": Plain(b"", key), "<html>&": Plain(b"abc", None)}
        builder.add_data_source(secrets, style=style, storage=storage)
        builder.add_alert_configuration(
            [secrets] * 3, extra=[Plain(b"x: y", key)], style=style, storage=storage, other_row=True
        )
        builder.add_repository(token=Plain(b"t", key), webhook=Plain(b"w", key), style=style, storage=storage)
        builder.add_sso_setting({"clientSecret": Plain(b"s", key)}, servers=[{"bind_password": Plain(b"p", key)}])
        planted = builder.planted
    judged(database, planted)
    with closing(sqlite3.connect(database)) as connection:
        classes = connection.execute("SELECT typeof(secure_json_data) FROM data_source").fetchall()
    assert classes == [(storage,)]


def test_alert_configuration_carries_the_hash_of_its_text(database: Path) -> None:
    with GrafanaBuilder(database) as builder:
        builder.add_alert_configuration([{"url": Plain(b"https://example.org")}], style="pretty")
    with closing(sqlite3.connect(database)) as connection:
        ((text, digest),) = connection.execute(
            "SELECT alertmanager_configuration, configuration_hash FROM alert_configuration"
        )
    assert hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() == digest


def test_leftover_plaintext_in_sso_settings_is_what_grafana_cannot_decode(database: Path) -> None:
    with GrafanaBuilder(database) as builder:
        key = builder.add_sso_setting({}, leftovers={"certificate_path": "/etc/ssl/cert.pem", "private": ""})
    (found,) = read_secrets(database).items()
    assert found[0] == SecretAddress("sso_setting", (key,), "settings.certificate_path")
    assert found[1].error == "base64"


@pytest.mark.parametrize("shape", ["current", "id-and-name", "name-only"])
def test_data_keys_of_every_age_are_found(database: Path, shape: Shape) -> None:
    with GrafanaBuilder(database, data_keys=shape) as builder:
        builder.add_secret(Plain(b"{}", builder.data_key(id_style="old-name")))
    (secret,) = read_secrets(database).values()
    assert secret.plaintext == b"{}"


def test_database_from_before_envelopes_has_legacy_secrets_only(database: Path) -> None:
    with GrafanaBuilder(database, data_keys="none") as builder:
        planted = populate(builder, count=30, under=[None], algorithms=["aes-cfb"])
    assert {secret.provider for secret in judged(database, planted).values()} == {LEGACY}


def test_big_snapshot_reads_back(database: Path) -> None:
    with GrafanaBuilder(database) as builder:
        builder.add_dashboard_snapshot(Plain(plaintexts.json_object(random.Random(0), 1 << 20), builder.data_key()))
        planted = builder.planted
    judged(database, planted)


# --- damage


def one_of_each(builder: GrafanaBuilder) -> None:
    key = builder.data_key()
    text = Plain(b"plain text of some length", key, algorithm="aes-gcm")
    builder.add_secret(text)
    builder.add_data_source({"password": text}, style="escaped")
    builder.add_alert_configuration([{"url": text}], extra=[text], style="odd", storage="blob")
    builder.add_user_auth({"o_auth_access_token": text})
    builder.add_dashboard_snapshot(text)
    builder.add_sso_setting({"secret": text}, style="pretty")
    builder.add_repository(token=text)


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("algorithm", ["aes-cfb", "aes-gcm"])
def test_damage_is_seen_and_stays_where_it_is(database: Path, kind: Damage, algorithm: str) -> None:
    cfb = algorithm == "aes-cfb"
    if cfb and kind == "cut-tag":
        return
    with GrafanaBuilder(database) as builder:
        one_of_each(builder)
        key = builder.data_keys[0]
        plain = Plain(b"plain text of some length", key, algorithm="aes-cfb" if cfb else "aes-gcm")
        builder.add_data_source({"a": plain, "b": plain, "c": plain}, style="escaped")
        victims = [s for s in builder.planted if s.path.endswith("_data.b")] if cfb else list(builder.planted)
        victims = [v for v in victims if kind != "bad-base64" or v.table != "dashboard_snapshot"]
        records = [builder.damage(victim, kind) for victim in victims]
        planted = builder.planted
    found = read_secrets(database)
    expected: dict[Damage, str | None] = {
        "flipped-byte": None if cfb else "tag",
        "garbage": None if cfb else "tag",
        "noise": None,
        "truncated": "too short",
        "bad-base64": "base64",
        "unknown-key": "unknown key",
        "unclosed-key": "key id not closed",
        "unknown-algorithm": "unknown algorithm",
        "cut-tag": "tag",
    }
    assert all(record.damaged for record in records)
    for secret in planted:
        read = found[address(secret)]
        if secret.damaged:
            assert read.error == expected[kind]
            assert read.plaintext != secret.plaintext
            if kind == "flipped-byte" and cfb:
                assert read.plaintext is not None
                with pytest.raises(UnicodeDecodeError):
                    read.plaintext.decode()
        else:
            assert read.plaintext == secret.plaintext


def test_wrong_padding_is_an_error_except_where_grafana_strips_it(database: Path) -> None:
    with GrafanaBuilder(database) as builder:
        key = builder.data_key(key_id="abcdefghijkl12")
        odd = Plain(b"x", key, odd_padding=True)  # 73 bytes: base64 of it needs padding
        builder.add_secret(odd)
        builder.add_data_source({"password": odd})
        builder.add_user_auth({"o_auth_token_type": odd})
        builder.add_sso_setting({"client_secret": odd})
        builder.add_signing_key(odd)
    errors = {place.table: secret.error for place, secret in read_secrets(database).items()}
    assert errors == {
        "secrets": "padding",
        "data_source": "padding",
        "user_auth": "padding",
        "sso_setting": "padding",
        "signing_key": None,
    }


# --- key management


OAEP_256 = OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None)
OAEP_1 = OAEP(mgf=MGF1(SHA1()), algorithm=SHA1(), label=None)  # noqa: S303 - RSA-OAEP of Key Vault is SHA-1


@pytest.fixture(scope="module")
def versions() -> list[rsa.RSAPrivateKey]:
    return [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)]


@pytest.mark.parametrize("framing", [bytes, base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize(("padding", "weak"), [(OAEP_256, False), (OAEP_1, False), (PKCS1v15(), True)])
def test_data_key_of_a_vault_is_unwrapped(
    tmp_path: Path,
    database: Path,
    versions: list[rsa.RSAPrivateKey],
    framing: Callable[[bytes], bytes],
    padding: AsymmetricPadding,
    weak: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    folder = tmp_path / "state" / "keys" / "grafana-key"
    folder.mkdir(parents=True)
    for number, version in enumerate(versions):
        pem = version.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{number}.pem").write_bytes(pem)
    with GrafanaBuilder(database) as builder:
        key = builder.data_key(
            provider="azurekv.prod", wrap=lambda dek: framing(versions[1].public_key().encrypt(dek, padding))
        )
        builder.add_secret(Plain(b"{}", key))
    mapping = {"azurekv.prod": "grafana-key"}
    unwrappers = azure_unwrappers(tmp_path / "state", mapping, rsa1_5=weak)
    (secret,) = read_secrets(database, unwrappers=unwrappers).values()
    assert (secret.plaintext, secret.provider, secret.key_id) == (b"{}", "azurekv.prod", key.key_id)
    (unknown,) = read_secrets(database).values()
    assert (unknown.plaintext, unknown.error) == (None, "unknown provider")
    if weak:
        (unread,) = read_secrets(database, unwrappers=azure_unwrappers(tmp_path / "state", mapping)).values()
        assert unread.error == "data key: not unwrapped"


# --- fidelity


def test_new_ciphertexts_leave_the_snapshot_as_it_was(tmp_path: Path) -> None:
    snapshots = []
    for name in ("a", "b"):
        with GrafanaBuilder(tmp_path / name) as builder:
            planted = populate(builder, count=200, under=[builder.data_key(), None])
            if name == "b":
                for secret in [s for s in planted if s.plaintext and s.table != "alert_configuration_history"]:
                    builder.damage(secret, "garbage")
        snapshots.append(snapshot_non_secret_bytes(tmp_path / name))
    assert snapshots[0] == snapshots[1]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE data_source SET secure_json_data = ' ' || secure_json_data WHERE secure_json_data LIKE '{\"%'",
        "UPDATE data_source SET secure_json_data = CAST(secure_json_data AS BLOB)",
        "UPDATE secrets SET value = NULL",
        "UPDATE user_auth SET created = '2020-01-01 00:00:00'",
        "UPDATE sso_setting SET settings = replace(settings, 'openid', 'Openid')",
        "UPDATE resource SET value = CAST(replace(value, 'main', 'other') AS TEXT)",
        "DELETE FROM signing_key",
        "INSERT INTO secrets SELECT 77, org_id, namespace, type, value, created, updated FROM secrets LIMIT 1",
    ],
)
def test_any_other_change_shows_in_the_snapshot(database: Path, change: str) -> None:
    with GrafanaBuilder(database) as builder:
        populate(builder, count=60, under=[builder.data_key()])
    before = snapshot_non_secret_bytes(database)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute(change).rowcount > 0
        connection.commit()
    assert snapshot_non_secret_bytes(database) != before


def test_updated_and_configuration_hash_do_not_show_in_the_snapshot(database: Path) -> None:
    with GrafanaBuilder(database) as builder:
        populate(builder, count=60, under=[builder.data_key()])
    before = snapshot_non_secret_bytes(database)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE secrets SET updated = 'x'")
        connection.execute("UPDATE alert_configuration SET configuration_hash = 'x'")
        connection.commit()
    assert snapshot_non_secret_bytes(database) == before
