"""`doctor` names what works, what does not and what to do about it, and changes nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.commandline import CommandLine
from tests.support.engine import Engine
from tests.support.story import TARGET, Story
from tests.support.vault import Vault

Checks = dict[tuple[str, str], dict[str, str]]


@pytest.fixture
def story(tmp_path: Path, own_vault: Vault, engine: Engine) -> Story:
    story = Story.of(tmp_path / "grafana.db", own_vault, secret_key="a secret_key of one's own", engine=engine)
    with story.builder() as builder:
        under = [builder.data_key(provider=TARGET, wrap=lambda dek: own_vault.wrap("prod", dek)) for _ in range(3)]
        populate(builder, count=40, under=[None, *under])
    return story


def examine(story: Story, *arguments: str, expect: int = 0) -> Checks:
    digest, requests = story.digest(), len(story.vault.control("GET", "requests"))
    outcome = story.cli("doctor", *arguments, "--output", "json", expect=expect)
    assert story.digest() == digest
    assert len(story.vault.control("GET", "requests")) < requests + 40
    assert outcome.json["healthy"] is (expect == 0)
    return {(check["about"], check["name"]): check for check in outcome.json["checks"]}


def vault_key(story: Story, path: str, body: dict[str, Any], method: str = "PATCH") -> None:
    """Change the key as its owner would."""
    story.vault.as_owner(method, path, body)


@pytest.mark.parametrize("engine", ["sqlite", "postgres", "mariadb"], indirect=True)
def test_a_healthy_setting_is_all_ok_and_says_what_it_found(story: Story) -> None:
    checks = examine(story)
    assert {check["state"] for check in checks.values()} <= {"ok", "note"}
    for name in ("proxy", "token", "get", "list", "encrypt", "wrapKey", "decrypt", "unwrapKey", "round trip", "clock"):
        assert checks[TARGET, name]["state"] == "ok", name
    assert "2048 bits, software" in checks[TARGET, "key"]["detail"]
    assert "400 requests a second" in checks[TARGET, "quota"]["detail"]
    assert "uses 200" in checks[TARGET, "quota"]["detail"]
    assert f"{story.vault.key_version('prod')}: 3 data keys" in checks[TARGET, "needed version"]["detail"]
    assert checks["database", "connection"]["detail"]
    assert "a secret_key of one's own" not in str(checks)


SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@SQLITE
@pytest.mark.parametrize(
    ("allowed", "failing", "fine"),
    [
        (("get", "list", "decrypt"), (), ("decrypt", "round trip")),
        (("decrypt", "encrypt"), (), ("decrypt", "encrypt", "round trip", "token")),
        (("get", "list", "unwrapKey"), (), ("unwrapKey", "round trip")),
        (("get", "list", "encrypt", "wrapKey"), ("unwrapping",), ("get", "encrypt")),
        (("decrypt", "unwrapKey"), ("wrapping",), ("token",)),
    ],
)
def test_permissions_one_by_one(
    allowed: tuple[str, ...], failing: tuple[str, ...], fine: tuple[str, ...], story: Story
) -> None:
    story.vault.control("PUT", "permissions", {"allow": list(allowed)})
    checks = examine(story, expect=2 if failing else 0)
    assert [name for (about, name), check in checks.items() if check["state"] == "failed" and about == TARGET] == list(
        failing
    )
    for name in fine:
        assert checks[TARGET, name]["state"] == "ok", name
    if "get" not in allowed:
        assert checks[TARGET, "validity"]["state"] == "not checked"
    if "unwrapping" in failing:
        assert checks[TARGET, "round trip"]["state"] == "not checked"
    for name in failing:
        assert checks[TARGET, name]["remedy"].startswith("Add ")


@SQLITE
def test_under_rbac_the_remedy_is_a_role(story: Story) -> None:
    story.vault.control("PUT", "permissions", {"allow": ["get", "list"], "model": "rbac"})
    checks = examine(story, expect=2)
    assert "az role assignment create" in checks[TARGET, "unwrapping"]["remedy"]
    assert "'Key Vault Crypto User'" in checks[TARGET, "unwrapping"]["remedy"]


@SQLITE
@pytest.mark.parametrize(
    ("attributes", "check", "state", "word", "exit_code"),
    [
        ({"exp": 1_700_000_000}, "encrypt", "failed", "validity", 6),
        ({"enabled": False}, "validity", "failed", "disabled", 6),
        ({"exp": 4_000_000_000}, "validity", "ok", "expires on 2096", 0),
    ],
)
def test_validity_of_the_key(
    attributes: dict[str, object], check: str, state: str, word: str, exit_code: int, story: Story
) -> None:
    vault_key(story, "/keys/prod/", {"attributes": attributes})
    checks = examine(story, expect=exit_code)
    assert checks[TARGET, check]["state"] == state
    assert word in checks[TARGET, check]["detail"]


@SQLITE
def test_versions_that_data_keys_still_need_are_counted(story: Story) -> None:
    old = story.vault.key_version("prod")
    vault_key(story, "/keys/prod/rotate", {}, "POST")
    checks = examine(story)
    assert checks[TARGET, "needed version"]["detail"] == f"{old}: 3 data keys"
    assert checks[TARGET, "versions"]["detail"] == "2, 0 of them disabled"


@SQLITE
def test_a_key_that_rotates_by_itself_is_a_warning(story: Story) -> None:
    actions = [{"trigger": {"timeAfterCreate": "P90D"}, "action": {"type": "Rotate"}}]
    vault_key(story, "/keys/prod/rotationpolicy", {"lifetimeActions": actions, "attributes": {}}, "PUT")
    check = examine(story)[TARGET, "rotation policy"]
    assert check["state"] == "warning"
    assert "P90D" in check["detail"]


@SQLITE
@pytest.mark.parametrize(
    ("change", "name", "word"),
    [
        (lambda text, vault: text.replace(vault.client_secret, "wrong"), "token", "client_secret is wrong"),
        (lambda text, _vault: text.replace("key_id = prod", "key_id = absent"), "get", "does not exist"),
    ],
)
def test_a_configuration_that_is_wrong_is_named(
    change: Callable[[str, Vault], str], name: str, word: str, story: Story
) -> None:
    path = story.cli.configuration
    assert path is not None
    path.write_text(change(path.read_text(), story.vault))
    checks = examine(story, expect=2)
    assert checks[TARGET, name]["state"] == "failed"
    assert word in checks[TARGET, name]["detail"]
    assert story.vault.client_secret not in str(checks)


@SQLITE
@pytest.mark.parametrize(
    ("change", "exit_code"),
    [
        (lambda text: text.replace("available_encryption_providers", "x"), 6),
        (lambda text: text.replace("a secret_key of one's own", "another one"), 6),
        (lambda text: text + "\n[feature_toggles]\ndisableEnvelopeEncryption = true\n", 6),
    ],
    ids=["not available", "wrong secret_key", "no envelopes"],
)
def test_whatever_would_refuse_a_run_is_not_healthy(change: Callable[[str], str], exit_code: int, story: Story) -> None:
    path = story.cli.configuration
    assert path is not None
    path.write_text(change(path.read_text()))
    refused = story.cli.json("plan", "--check", expect=exit_code)
    checks = examine(story, expect=exit_code)
    assert checks["run", "refusals"]["state"] == "failed"
    assert refused["exit_code"] == exit_code
    if "secret_key" in checks["run", "refusals"]["detail"]:
        assert ("run", "secret_key") not in checks
    else:
        assert checks["run", "secret_key"]["state"] == "ok"


@SQLITE
def test_a_proxys_password_is_not_shown(story: Story) -> None:
    environment = {"HTTPS_PROXY": "http://alice:c4n4ry@proxy.example:3128"}
    path = story.cli.configuration
    assert path is not None
    path.write_text(path.read_text().replace(story.vault.uri, "https://no-such-vault.vault.azure.net"))
    command = CommandLine(story.cli.database, path, story.vault, environment)
    outcome = command("doctor", "--vault-deadline", "1", "--output", "json", expect=None)
    proxy = next(each for each in outcome.json["checks"] if (each["about"], each["name"]) == (TARGET, "proxy"))
    assert proxy["detail"] == "http://proxy.example:3128 (HTTPS_PROXY)"
    assert "c4n4ry" not in outcome.stdout + outcome.stderr


@SQLITE
def test_a_vault_that_is_not_there_is_unavailable(story: Story) -> None:
    assert story.vault.stop() == 0
    outcome = story.cli("doctor", "--vault-deadline", "1", "--output", "json", expect=7)
    (check,) = [each for each in outcome.json["checks"] if each["about"] == TARGET and each["state"] == "failed"]
    assert "no connection" in check["detail"]
    unknown = {each["name"] for each in outcome.json["checks"] if each["state"] == "not checked"}
    assert {"token", "list", "key", "validity", "round trip", "rotation policy", "data keys"} <= unknown


@SQLITE
def test_a_database_that_is_not_there_does_not_keep_from_looking_at_the_vault(story: Story) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = CommandLine("sqlite:////nowhere/grafana.db", story.cli.configuration, story.vault)
        checks = nowhere("doctor", "--output", "json", expect=2).json["checks"]
    states = {(each["about"], each["name"]): each["state"] for each in checks}
    assert states["database", "connection"] == "failed"
    assert states[TARGET, "round trip"] == "ok"
    # What it takes the database to know is not known, which is another thing than fine.
    unknown = {each for each, state in states.items() if state == "not checked"}
    assert unknown == {
        *(
            ("database", name)
            for name in ("writable", "schema", "visibility", "write rights", "state tables", "plain text")
        ),
        ("grafana", "Grafana uses it"),
        (TARGET, "data keys"),
        ("run", "refusals"),
    }


@SQLITE
def test_text_has_every_check_and_its_remedy(story: Story) -> None:
    story.vault.control("PUT", "permissions", {"allow": ["get"]})
    text = story.cli("doctor", expect=2).stdout
    assert "failed      unwrapping" in text
    assert "not checked data keys: the provider does not work" in text
    assert "→ Add decrypt to the key permissions of" in text
    # It would replace the permissions that the identity has.
    assert "set-policy" not in text
    assert "Not healthy: see what failed above, and what to do about it." in text


@pytest.mark.one_engine
def test_every_name_of_a_target_gets_the_same_advice_and_grafanas_own_is_told_from_it(story: Story) -> None:
    with story.builder() as builder:
        populate(builder, count=30, under=[builder.data_key()])

    def checks(*arguments: str) -> list[dict[str, str]]:
        report = story.cli.json("doctor", *arguments, expect=None)
        return [check for check in report["checks"] if check["about"] == "grafana"]

    assert checks("--to", "secretKey") == checks("--to", "secretKey.v1")
    by_name = {check["name"]: check for check in checks("--to", "secretKey.v1")}
    assert by_name["encryption_provider"]["detail"] == f"is {TARGET} (from {story.cli.configuration})"
    assert by_name["target"]["detail"] == f"is secretKey.v1, by --to: Grafana keeps writing under {TARGET}"
    assert by_name["target"]["state"] == "warning"
    assert "target" not in {check["name"] for check in checks()}
    assert "target" not in {check["name"] for check in checks("--to", TARGET)}


@pytest.mark.one_engine
def test_json_tells_what_the_file_says_from_what_was_asked_for(story: Story) -> None:
    for command in ("doctor", "plan"):
        report = story.cli.json(command, "--to", "secretKey", expect=None)
        assert (report["encryption_provider"], report["target_provider"]) == (TARGET, "secretKey.v1")
        assert story.cli.json(command)["target_provider"] == TARGET


@pytest.mark.one_engine
def test_a_section_that_grafana_needs_and_cannot_use_is_a_failure_also_when_nothing_is_to_move(story: Story) -> None:
    assert story.cli.json("run")["outcome"] == "done"
    path = story.cli.configuration
    assert path is not None
    sound = path.read_text()
    path.write_text(sound.replace("key_id = prod", "key_id ="))
    checks = examine(story, expect=2)
    assert checks[TARGET, "configuration"]["state"] == "failed"
    assert checks["run", "refusals"]["state"] == "failed"
    assert f"[security.encryption.{TARGET}]" in checks[TARGET, "configuration"]["remedy"]
    for command in ("plan --check", "run"):
        refused = story.cli(command, "--output", "json", expect=2)
        assert f"provider {TARGET} cannot be used" in refused.stdout
    # A section that nobody needs is none.
    path.write_text(f"{sound}\n[security.encryption.azurekv.spare]\ntenant_id = x\n")
    assert examine(story)["azurekv.spare", "configuration"]["state"] == "warning"
    story.cli.json("plan", "--check")


@pytest.mark.one_engine
def test_a_secret_key_that_nothing_is_under_is_not_called_right(tmp_path: Path, shared_vault: Vault) -> None:
    story = Story.of(tmp_path / "grafana.db", shared_vault, secret_key="a secret_key of one's own")
    with story.builder() as builder:
        key = builder.data_key(provider=TARGET, wrap=lambda dek: shared_vault.wrap("prod", dek))
        builder.add_user_auth({"o_auth_access_token": Plain(b"under the vault", key)})
    checks = {(each["about"], each["name"]): each for each in story.cli.json("doctor")["checks"]}
    assert checks["run", "secret_key"]["state"] == "not checked"
    assert "nothing in it is under it" in checks["run", "secret_key"]["detail"]
