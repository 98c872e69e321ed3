"""Whatever stands in a file, a variable, a column or a state table, reading it gives a value or an error of ours.

`tests/unit/catalogue/test_fuzz.py` does the same for whole rows.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reencrypt.catalogue.as_found import AsFound
from reencrypt.catalogue.encoding import PADDED, RAW, UNPADDED, BesideKeyId
from reencrypt.catalogue.jsonscan import parse, scan_unparsed, scan_values
from reencrypt.catalogue.plaintext import Kind, evidence, is_plausible
from reencrypt.catalogue.sealed_object import SealedObject
from reencrypt.catalogue.store_name import StoreName
from reencrypt.cli.main import cli
from reencrypt.cli.options import CommandFailedError
from reencrypt.cli.tree import all_commands
from reencrypt.crypto import envelope, gobase64, managed
from reencrypt.crypto.envelope import MalformedEnvelopeError
from reencrypt.crypto.gobase64 import MalformedEncodingError
from reencrypt.errors import ReencryptError
from reencrypt.keys.configuration import read_providers
from reencrypt.keys.manager_options import ManagerVault
from reencrypt.keys.wrap_format import WrapFormat
from reencrypt.operations.complete.search import NotSecrets
from reencrypt.planning.options import parse_age
from reencrypt.planning.target import created_at, due_at
from reencrypt.settings.duration import parse_duration
from reencrypt.settings.expand import expand, unknown_expanders
from reencrypt.settings.holding import problem_of
from reencrypt.settings.ini import parse_ini
from reencrypt.settings.load import load_on
from reencrypt.settings.locate import Machine
from reencrypt.settings.toggles import split_list
from reencrypt.settings.truth import parse_truth
from reencrypt.settings.url import parse_url, split_host_port
from reencrypt.state import checkpoints, journal, runs
from reencrypt.state.quarantine import quarantine_entry
from reencrypt.state.rowkey import key_from_text

#: Everything that a parser here may raise. `ValueError` is what `parse_age` promises to the options.
OURS = (ReencryptError, MalformedEnvelopeError, MalformedEncodingError, click.ClickException)

#: Any text, and text that is nearly what a parser wants.
FRAGMENTS = st.sampled_from(
    [
        *(
            "[",
            "]",
            "[a]",
            "[a.b]",
            "=",
            ":",
            ";",
            "#",
            "\\\n",
            '"""',
            "`",
            '"',
            "'",
            "\n",
            "\r\n",
            "\ufeff",
            "\0",
            "-",
        ),
        *("${A}", "$__env{A}", "$__file{/a}", "$__vault{a}", "${", "}", "%(a)s", "%(b)s", "a = %(b)s\n", "b = %(a)s\n"),
        *(
            "postgres://",
            "mysql://u:p@h/n",
            "[::1]:5432",
            "@",
            "/",
            "?",
            "&",
            "%",
            "%zz",
            "%00",
            "%ff",
            ":99999",
            "host",
        ),
        *("1h30m", "9" * 400, "1e99", "-", "+", ".", "ns", "µs", "m", "d", "90d", "nan", "inf", "true", "0", "-0"),
        *(
            '["a"]',
            "{}",
            "null",
            '{"a": 1}',
            "[[1]]",
            "[true]",
            "azurekv.prod",
            "secretKey",
            ",",
            " ",
            "raw/RSA-OAEP-256",
        ),
        *(
            "security",
            "secret_key",
            "[security]\n",
            "encryption_provider = azurekv.x\n",
            "[security.encryption.azurekv.x]\n",
            "[secrets_manager]\n",
            "[secrets_manager.encryption.secret_key.v2]\n",
            "data_keys_cache_ttl = ",
            "grpc_client_enable = ",
        ),
        *(
            "[database]\n",
            "type = mysql\n",
            "url = ",
            "path = ",
            "[paths]\n",
            "data = ",
            "[feature_toggles]\n",
            "enable = ",
        ),
        *("0001-01-01 00:00:00+14:00", "9999-12-31", "2026-02-30", "\udce9", "\ud800", "é", "\u2028"),
    ]
)
TEXTS = st.text(max_size=30) | st.lists(FRAGMENTS | st.text(max_size=3), max_size=12).map("".join)
JSON_LEAVES: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = st.recursive(
    JSON_LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
).map(json.dumps)
CELLS = st.none() | st.integers() | st.floats() | TEXTS | JSON | st.binary(max_size=20)


def _rows(width: int) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(*[CELLS] * width)


def _variable(name: str) -> str:
    return "" if len(name) > 2 else name


def _split_host_port(text: str) -> object:
    return split_host_port(text, default_host="h", default_port=1, origin="here")


def _url(text: str) -> object:
    text.encode()  # options and variables are refused before
    return parse_url(text, "here")


def _manager_vault(text: str) -> object:
    with contextlib.suppress(ValueError):  # what an option may raise
        return ManagerVault.parse(text)
    return None


PARSERS: dict[str, Callable[[str], object]] = {
    "ini": lambda text: parse_ini(text, "here"),
    "expand": lambda text: expand(text, variable=_variable, read=lambda path: path),
    "unknown expanders": unknown_expanders,
    "duration": parse_duration,
    "truth": parse_truth,
    "vault of the manager": _manager_vault,
    "host and port": _split_host_port,
    "list": split_list,
    "what a configuration can hold": lambda text: problem_of("security", "secret_key", text),
    "wrap format": WrapFormat.parse,
    "find": lambda text: NotSecrets.parse([text]),
    "row key": key_from_text,
    "timestamp": created_at,
}


@pytest.mark.parametrize("name", PARSERS)
@given(text=TEXTS | JSON)
@example(text="[" * 100_000)
@example(text="9" * 5000)
def test_a_text_parser_gives_a_value_or_an_error_of_ours(name: str, text: str) -> None:
    with contextlib.suppress(*OURS):
        PARSERS[name](text)


@given(text=TEXTS)
def test_an_age_is_read_or_is_a_value_error_for_the_option(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert due_at([], parse_age(text), text) is None


@given(text=TEXTS)
def test_a_url_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(*OURS, UnicodeEncodeError):
        _url(text)


def _judged(kind: Kind, data: bytes) -> object:
    return is_plausible(data, kind), evidence(data, kind)


BYTE_PARSERS: dict[str, Callable[[bytes], object]] = {
    "envelope": envelope.parse,
    "value of the manager": managed.parse,
    "wrapping of the manager": managed.parse_payload,
    "base64": gobase64.decode,
    "padded": PADDED.decode,
    "unpadded": UNPADDED.decode,
    "raw": RAW.decode,
    "beside the id of its data key": BesideKeyId().decode,
    "as found": AsFound().find,
    "sealed object": SealedObject(("spec",), "dataKeyId", "encryptedData", Kind.JSON).find,
    "values of JSON": lambda data: [parse(data), *scan_values(data)],
    "JSON strings": lambda data: list(scan_unparsed(data)),
    **{f"plausible {kind}": partial(_judged, kind) for kind in Kind},
}


@pytest.mark.parametrize("name", BYTE_PARSERS)
@given(data=st.binary(max_size=60) | TEXTS.map(lambda text: text.encode(errors="surrogatepass")) | JSON.map(str.encode))
@example(data=b"[" * 100_000)
@example(data=b"9" * 5000)
@example(data=b"#" * 100)
@example(data=b']"dataKeyId"')
def test_a_parser_of_bytes_gives_a_value_or_an_error_of_ours(name: str, data: bytes) -> None:
    with contextlib.suppress(*OURS):
        BYTE_PARSERS[name](data)


#: State tables: how a row is read back, and how many columns it has.
ROWS: dict[str, tuple[Callable[[Any], object], int]] = {
    "run": (runs.read_run, 15),
    "checkpoint": (checkpoints.read_checkpoint, 5),
    "quarantine": (quarantine_entry, 7),
    "journal": (journal.read_entry, 6),
}
RUN = ("r", "run", "open", "p", "aes-cfb", b"", "", "", "none", 0, "", "", "", "{}", 0)
CHECKPOINT = ("data_source", 0, "[1]", 1, "{}")


@pytest.mark.parametrize("name", ROWS)
@given(data=st.data())
def test_a_row_of_a_state_table_is_read_back_or_named(name: str, data: st.DataObject) -> None:
    read, width = ROWS[name]
    row = data.draw(_rows(width))
    if name in ("run", "checkpoint"):
        # One cell is damaged, all others are as reencrypt writes them.
        sound = list(RUN if name == "run" else CHECKPOINT)
        sound[data.draw(st.integers(0, width - 1))] = data.draw(CELLS)
        row = tuple(sound)
    with contextlib.suppress(*OURS):
        read(row)


_SECTION_VARIABLE = "GF_SECRETS_MANAGER_ENCRYPTION_SECRET_KEY_V1_SECRET_KEY"


@given(
    text=TEXTS,
    variables=st.dictionaries(
        st.sampled_from(["A", "GF_DATABASE_URL", "GF_SECURITY_SECRET_KEY", _SECTION_VARIABLE]), TEXTS
    ),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_configuration_is_read_or_refused(tmp_path: Path, text: str, variables: dict[str, str]) -> None:
    machine = Machine((), tmp_path / "no home", tmp_path, "monitoring-1")
    path = tmp_path / "grafana.ini"
    path.write_bytes(text.encode(errors="surrogatepass"))
    with contextlib.suppress(*OURS):
        found = load_on(machine, config=path, home=None, database_url=None, environ=variables)
        for store in StoreName:
            read_providers(found, store)
            found.of(store)


@given(text=TEXTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_url_of_the_command_line_is_read_or_refused(tmp_path: Path, text: str) -> None:
    machine = Machine((), tmp_path / "no home", tmp_path, "monitoring-1")
    with contextlib.suppress(*OURS, UnicodeEncodeError):
        text.encode()
        load_on(machine, config=None, home=None, database_url=text, environ={})


TOML_VALUES = st.sampled_from(
    [
        "1",
        "1.5",
        "-1",
        "nan",
        "inf",
        "true",
        '"x"',
        "'\\u0000'",
        "[1]",
        '["a"]',
        "{a = 1}",
        "2026-01-01",
        "[[",
        "9" * 5000,
    ]
)


@given(
    lines=st.lists(
        st.tuples(st.sampled_from(["limit", "to", "settle", "location", "verbose", "x y", "output"]), TOML_VALUES)
    ),
    rest=TEXTS,
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_any_settings_file_is_read_or_refused(tmp_path: Path, lines: list[tuple[str, str]], rest: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(("\n".join(f"{name} = {value}" for name, value in lines) + rest).encode(errors="surrogatepass"))
    command = dict(all_commands(cli))["run"]
    nowhere = os.fspath(tmp_path / "nowhere.ini")
    with contextlib.suppress(*OURS):
        try:
            command.main(["--config", str(path), "--grafana-config", nowhere], standalone_mode=False)
        except CommandFailedError as failed:
            raise failed.error from None
