"""Any answer, of a vault or of what stands in its place, ends in one of our errors and shows nothing that was sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from reencrypt.errors import ReencryptError
from reencrypt.keys.azure.errors import BadCiphertextError
from reencrypt.keys.azure.refusals import Asked
from reencrypt.keys.azure.responses import (
    asks_for_version,
    clock_ahead,
    judge,
    read_crypt,
    read_key,
    read_rotation,
    read_versions,
    reading,
)
from reencrypt.keys.azure.retry import TransientError
from reencrypt.outcomes import ExitCode
from tests.unit.keys.azure.answers import SECTION, VAULT, VERSION, Answered, key_in

#: Canaries: the value of the request, and the client's secret.
SENT: Final = "c4n4rySENTdatakeyvalue"
SETTINGS: Final = key_in()
KID: Final = f"{VAULT}/keys/grafana/{VERSION}"
N: Final = "_" * 341 + "w"  # 2048 bits, all set
OPERATIONS: Final[dict[str, Callable[[dict[str, Any]], object]]] = {
    "get": lambda answer: read_key(answer, SETTINGS),
    "list": lambda answer: read_versions(answer, SETTINGS),
    "rotationpolicy": read_rotation,
    **{
        name: lambda answer: read_crypt(answer, SETTINGS, VERSION)
        for name in ("encrypt", "decrypt", "wrapkey", "unwrapkey")
    },
}

texts = st.text(max_size=30) | st.sampled_from(
    [
        SENT,
        KID,
        VERSION,
        "",
        *("RSA", "EC", "AQAB", N, "%%%", "\ud800", "rotate"),
        *("Forbidden", "BadParameter", "Throttled", "KeyNotFound", "KeyDisabled"),
        "Operation decrypt is not permitted on this key.",
        "The specified version (x) is not recognized. Consider using the latest supported version (7.4).",
        f"Matched Data: {SENT} found",
        f"https://other.vault.azure.net/keys/grafana/{VERSION}",
        f"{VAULT}/keys/other/{VERSION}",
        f"{VAULT}/keys/grafana",
        f"{VAULT}/keys/grafana/versions?$skiptoken={{x}}",
        "https://[broken",
    ]
)
numbers = st.one_of(st.integers(), st.integers(10**18, 10**40), st.floats(), st.just(10**400), st.booleans(), st.none())
names = st.sampled_from(
    [
        *("error", "code", "message", "innererror", "kid", "value", "nextLink"),
        *("key", "kty", "n", "e", "attributes", "enabled", "nbf", "exp", "created"),
        *("lifetimeActions", "action", "type", "trigger", "timeAfterCreate", "timeBeforeExpiry"),
    ]
)
values = st.recursive(
    texts | numbers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=6),
    max_leaves=12,
)
bodies = st.one_of(
    st.binary(max_size=60),
    st.builds(lambda content: json.dumps(content).encode(), st.dictionaries(names, values, max_size=6)),
    st.builds(
        lambda code, message, inner: json.dumps(
            {"error": {"code": code, "message": message, "innererror": inner}}
        ).encode(),
        texts,
        texts,
        values,
    ),
    st.builds(
        lambda attributes, key: json.dumps(
            {
                "key": {"kid": KID, "kty": "RSA", "n": N, "e": "AQAB"} | key,
                "attributes": {"enabled": True} | attributes,
                "kid": KID,
                "value": [{"kid": KID, "attributes": attributes}],
            }
        ).encode(),
        st.dictionaries(names, texts | numbers, max_size=3),
        st.dictionaries(names, texts | numbers, max_size=3),
    ),
)
headers = st.dictionaries(
    st.sampled_from(
        ["Content-Type", "Retry-After", "Location", "WWW-Authenticate", "Server", "Date", "x-ms-request-id"]
    ),
    st.text(max_size=20) | st.sampled_from(["Bearer x", "-1", "nan", "1e999", "https://[x", f"https://h/?{SENT}"]),
)
statuses = st.sampled_from(
    [200, 200, 201, 204, 301, 307, 400, 401, 403, 404, 405, 407, 408, 409, 429, 451, 500, 501, 503]
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(list(OPERATIONS)), statuses | st.integers(100, 599), headers, bodies)
@example("get", 200, {}, b'{"a":' * 100_000)
@example("get", 200, {}, b'{"key": {"kid": "x"}, "attributes": {"created": 1e999}}')
@example("decrypt", 200, {}, b'{"value": ' + b"9" * 10_000 + b"}")
@example("decrypt", 404, {"Content-Type": "application/json; charset=hex"}, b"\xff\xfe\x00")
@example("decrypt", 302, {"Location": "https://[broken"}, b"")
def test_any_answer_ends_in_one_of_our_errors_and_says_nothing_that_was_sent(
    operation: str, status: int, headers: dict[str, str], body: bytes
) -> None:
    answer = Answered(status, body, CIMultiDict(headers))
    clock_ahead(answer.headers.get("Date", ""))
    asks_for_version(answer)
    error = _error_of(operation, answer)
    if error is None:
        assert status == 200
        return
    said = f"{error.message} {error.hint}" if isinstance(error, ReencryptError) else str(error)
    if isinstance(error, ReencryptError):
        assert error.exit_code == (ExitCode.REFUSED if error.code in ("key_disabled", "refused") else ExitCode.USAGE)
        assert error.hint
        # Permanent: a redirect, a 4xx, a 5xx that no second request changes, and a key of another type.
        assert (300 <= status < 500 and status not in (408, 429)) or status in (501, 505, 511) or "not RSA" in said
    elif isinstance(error, TransientError):
        assert not 300 <= status < 500 or status in (408, 429)
    assert SENT not in said
    assert SETTINGS.client_secret.reveal() not in said
    # Whatever a screen or a log can show.
    assert said.isprintable()


def _error_of(operation: str, answer: Answered) -> Exception | None:
    try:
        reading(OPERATIONS[operation], judge(Asked(SETTINGS, operation, VERSION), answer, SENT))
    except (ReencryptError, TransientError, BadCiphertextError) as error:
        return error
    return None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"kid": f"https://other.vault.azure.net/keys/grafana/{VERSION}", "value": ""}, "of another vault"),
        ({"kid": f"{VAULT}/keys/other/{VERSION}", "value": ""}, "about another key"),
        ({"kid": f"{VAULT}/keys/grafana", "value": ""}, "about another key"),
        ({"kid": f"{VAULT}/keys/grafana/{'f' * 32}", "value": ""}, "about another version"),
        ({"kid": KID, "value": "%%%"}, "not base64url"),
        ({"kid": KID}, "without a value"),
        ({"value": ""}, "another form"),
    ],
)
def test_an_answer_about_something_else_is_told_by_what_it_is_about(content: dict[str, Any], says: str) -> None:
    with pytest.raises(TransientError, match=says):
        reading(OPERATIONS["decrypt"], content)


def test_a_vault_behind_a_name_of_its_own_may_say_azures() -> None:
    behind = key_in("https://vault.example.org", trusted_suffix=False)
    assert read_crypt({"kid": KID, "value": "eA"}, behind, VERSION) == (b"x", VERSION)
    for uri in ("https://MyVault.vault.azure.net", f"{VAULT}:443"):
        assert read_crypt({"kid": KID, "value": "eA"}, key_in(uri), "") == (b"x", VERSION)


@pytest.mark.parametrize(
    "changes",
    [
        {"n": "_w"},
        {"n": "_" * 341 + "g", "e": "AA"},
        {"e": "Ag"},
        {"kid": "x"},
        {"kty": 3},
        {"n": None},
    ],
)
def test_numbers_that_are_no_key_are_no_key(changes: dict[str, Any]) -> None:
    key = {"kid": KID, "kty": "RSA", "n": N, "e": "AQAB"}
    bundle = {"key": key, "attributes": {"enabled": True, "exp": 1}}
    assert read_key(bundle, SETTINGS).bits == 2048
    with pytest.raises(TransientError):
        reading(OPERATIONS["get"], bundle | {"key": key | changes})


@pytest.mark.parametrize("link", [7, "x", "https://[broken", f"{VAULT}/keys/grafana/versions?api-version=7.4"])
def test_a_next_page_that_leads_nowhere_is_no_page(link: object) -> None:
    with pytest.raises(TransientError):
        reading(OPERATIONS["list"], {"value": [], "nextLink": link})


def test_a_next_page_is_a_query_of_the_same_list() -> None:
    link = f"https://evil.example.org:443/secrets?api-version=7.1&$skiptoken=eyJO&maxresults=25#{SECTION}"
    assert read_versions({"value": [], "nextLink": link}, SETTINGS) == ([], "$skiptoken=eyJO&maxresults=25")
    assert read_versions({"value": [], "nextLink": None}, SETTINGS) == ([], None)
