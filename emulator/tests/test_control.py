from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from emulator_clients import Wire, version_of

if TYPE_CHECKING:
    from emulator_clients import Clock
    from keyvault_emulator import Emulator


async def test_the_request_log_says_what_was_asked_and_never_what_was_in_it(
    emulator: Emulator, wire: Wire, clock: Clock
) -> None:
    emulator.clear_requests()
    await wire.sign_in()
    wrapped = await wire.crypt("/keys/prod//wrapkey", b"canary-canary", "RSA-OAEP")
    await wire.crypt("/keys/absent/decrypt", b"x")
    wire.token = ""
    await wire.get("/keys/next/")
    await wire.get("/nonsense")
    log = (await wire.request("GET", "/_control/requests", query="")).json
    version = version_of(wrapped.json["kid"])
    assert [
        (entry["method"], entry["operation"], entry["key"], entry["version"], entry["alg"], entry["status"])
        for entry in log
    ] == [
        ("POST", "token", "", "", "", 200),
        ("POST", "wrapKey", "prod", version, "RSA-OAEP", 200),
        ("POST", "decrypt", "absent", "", "RSA-OAEP-256", 404),
        ("GET", "get", "next", "", "", 401),
        ("GET", "", "", "", "", 404),
    ]
    assert log[1]["path"] == "/keys/prod//wrapkey"
    assert log[1]["request_id"] == wrapped.headers["x-ms-request-id"]
    assert log[1]["time"] == clock.now
    for secret in ("canary", wrapped.json["value"], emulator.client_secret):
        assert secret not in str(log)
        assert secret not in repr(emulator.requests())

    assert (await wire.request("DELETE", "/_control/requests")).status == 200
    assert emulator.requests() == ()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "permissions", {}),
        ("PUT", "permissions", {"allow": "get"}),
        ("PUT", "permissions", {"allow": ["fly"]}),
        ("PUT", "permissions", {"allow": ["get"], "model": "mandatory"}),
        ("PUT", "rsa1_5", {"bad_padding": "maybe"}),
        ("PUT", "rsa1_5", None),
        ("PUT", "disabled", {"shown": "no"}),
        ("PUT", "api-versions", {"known": []}),
        ("PUT", "api-versions", {"known": [7.4]}),
        ("PUT", "api-versions", {"known": "7.4"}),
    ],
)
async def test_a_switch_that_does_not_exist_is_refused_and_changes_nothing(
    wire: Wire, method: str, path: str, body: object
) -> None:
    reply = await wire.request(method, f"/_control/{path}", body)
    assert (reply.status, reply.code) == (400, "BadParameter")
    assert (await wire.get("/keys/prod")).status == 200


async def test_the_control_endpoint_answers_only_to_names_of_this_machine(wire: Wire) -> None:
    reply = await wire.request("GET", "/_control/requests", headers={"Host": "rebound.example"})
    assert reply.status == 404
    assert (await wire.get("/_control/nonsense")).status == 404


async def test_python_callers_are_told_about_switches_that_do_not_exist(emulator: Emulator) -> None:
    with pytest.raises(ValueError, match="fly"):
        emulator.set_permissions(["fly"])
    with pytest.raises(ValueError, match="bad_padding"):
        emulator.set_bad_padding("maybe")
