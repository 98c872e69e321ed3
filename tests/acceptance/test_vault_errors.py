"""What an operator reads when the vault, the identity or the configuration is not as it should be, and what happened.

Every case: the exit code, what is wrong and where, what to do about it, the database as it was, nothing secret said.
"""

from __future__ import annotations

import base64
import configparser
import json
import shutil
import socket
import ssl
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from tests.grafana.builder import GrafanaBuilder
from tests.grafana.planting import Plain
from tests.support.commandline import Outcome
from tests.support.story import TARGET, WRAP, Story
from tests.support.vault import OAEP_256, Vault

SECRET_KEY = "c4n4ry-secret_key"
DATA_KEY = b"c4n4ry-data-key1"
NEW_DATA_KEY = b"c4n4ry-data-key2"
PLAINTEXTS = (b"c4n4ry-password-of-the-source", b'{"password":"c4n4ry-in-json"}', b"c4n4ry-token-of-a-user")
ALL = ["get", "list", "encrypt", "decrypt", "wrapKey", "unwrapKey", "create", "rotate", "update", "delete"]
TALK = ("-vv", "--log-format", "json")
OLD_BLOCK = "old-block"  # a file in the vault's folder: a data key under the old version of `rotated`
SECTION = f"[security.encryption.{TARGET}]"


class Operator:
    """Changes the keys of a vault, as somebody with another tool does."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        ini = configparser.ConfigParser(interpolation=None)
        ini.read(vault.grafana_ini)
        self.settings = ini[f"security.encryption.{TARGET}"]
        self._token = self._ask(
            "POST",
            f"/{self.settings['tenant_id']}/oauth2/v2.0/token",
            urllib.parse.urlencode(
                {
                    "grant_type": "client_credentials",
                    "client_id": self.settings["client_id"],
                    "client_secret": self.settings["client_secret"],
                    "scope": "https://vault.azure.net/.default",
                }
            ).encode(),
            {"Content-Type": "application/x-www-form-urlencoded"},
        )["access_token"]

    def change(self, method: str, path: str, **body: object) -> None:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        self._ask(method, f"{path}?api-version=2025-07-01", json.dumps(body).encode(), headers)

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Any:
        request = urllib.request.Request(self.vault.uri + path, method=method, data=body, headers=headers)  # noqa: S310
        context = ssl.create_default_context(cafile=self.vault.environment["SSL_CERT_FILE"])
        with urllib.request.urlopen(request, context=context) as answer:  # noqa: S310 - our own https server
            return json.loads(answer.read())


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """A vault in which keys are as their names say; of `rotated` the old version is disabled."""
    vault = Vault.start(tmp_path_factory.mktemp("vault"), "prod", "disabled", "expired", "deleted", "rotated")
    operator = Operator(vault)
    old = vault.key_version("rotated")
    (vault.state / OLD_BLOCK).write_bytes(vault.wrap("rotated", NEW_DATA_KEY))
    operator.change("POST", "/keys/rotated/rotate")
    operator.change("PATCH", f"/keys/rotated/{old}", attributes={"enabled": False})
    operator.change("PATCH", "/keys/disabled/", attributes={"enabled": False})
    operator.change("PATCH", "/keys/expired/", attributes={"exp": 1_500_000_000})
    operator.change("DELETE", "/keys/deleted")
    yield vault
    assert vault.stop() == 0


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Legacy secrets and secrets under a data key of `secretKey.v1`."""
    path = tmp_path_factory.mktemp("template") / "grafana.db"
    with GrafanaBuilder(path, secret_key=SECRET_KEY) as builder:
        key = builder.data_key(dek=DATA_KEY)
        for under in (None, key):
            builder.add_data_source({"password": Plain(PLAINTEXTS[0], under)})
            builder.add_secret(Plain(PLAINTEXTS[1], under))
            builder.add_user_auth({"o_auth_access_token": Plain(PLAINTEXTS[2], under)})
    return path


@pytest.fixture
def story(template: Path, tmp_path: Path, vault: Vault) -> Story:
    copy = tmp_path / "grafana.db"
    shutil.copyfile(template, copy)
    return Story.of(copy, vault, secret_key=SECRET_KEY)


def reconfigure(story: Story, *changes: tuple[str, str]) -> None:
    """Replace texts in the provider's section, or anywhere before it where they are not in there."""
    path = story.cli.configuration
    assert path is not None
    head, section, rest = path.read_text().partition(SECTION)
    body, gap, others = rest.partition("\n\n")
    for old, new in changes:
        assert old in head + body
        body = body.replace(old, new)
        head = head.replace(old, new)
    path.write_text(head + section + body + gap + others)


def with_data_key(story: Story, wrapped: bytes, *, provider: str = TARGET, active: bool = False) -> None:
    """Add a data key, as of Grafana's, with one secret under it."""
    add = GrafanaBuilder.data_key
    with OpenBuilder(story) as builder:
        key = add(builder, provider=provider, wrap=lambda _: wrapped, dek=NEW_DATA_KEY, active=active)
        builder.add_secret(Plain(PLAINTEXTS[1], key), row_id=99)


class OpenBuilder(GrafanaBuilder):
    """A builder of a new database, whose rows replace those of the story."""

    def __init__(self, story: Story) -> None:
        story.database.unlink()
        super().__init__(story.database, secret_key=SECRET_KEY, seed=1)
        for under in (None, self.data_key(dek=DATA_KEY)):
            self.add_data_source({"password": Plain(PLAINTEXTS[0], under)})
            self.add_secret(Plain(PLAINTEXTS[1], under))


def nobodys_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def assert_says_nothing_secret(story: Story, outcome: Outcome) -> None:
    client_secret = Operator(story.vault).settings["client_secret"]
    said = outcome.stdout + outcome.stderr
    for canary in (client_secret.encode(), SECRET_KEY.encode(), DATA_KEY, NEW_DATA_KEY, *PLAINTEXTS):
        forms = (
            canary.decode(),
            canary.hex(),
            base64.b64encode(canary).decode().rstrip("="),
            base64.urlsafe_b64encode(canary).decode().rstrip("="),
        )
        assert not [form for form in forms if form in said]
    assert "c4n4ry" not in said
    assert "Bearer" not in said


def failing(story: Story, *arguments: str, expect: int) -> dict[str, Any]:
    """Run, twice where that tells more: as a program would read it, and as a person."""
    before = story.digest()
    outcome = story.cli("run", *arguments, *TALK, "--output", "json", expect=expect)
    for line in outcome.stderr.splitlines():
        # Talk is JSON but for the two lines for people.
        assert line.startswith(("error: ", "hint: ")) or "event" in json.loads(line)
    assert_says_nothing_secret(story, outcome)
    assert story.digest() == before
    error = outcome.json["error"]
    assert isinstance(error, dict)
    assert f"error: {error['message']}" in outcome.stderr
    assert error["hint"]
    assert f"hint: {error['hint']}" in outcome.stderr
    return error


Change = tuple[str, str]


@dataclass(frozen=True)
class Case:
    """One thing that is wrong. `changes` is what it is about the configuration."""

    exit_code: int
    message: tuple[str, ...]
    hint: tuple[str, ...]
    changes: Callable[[Operator], tuple[Change, ...]] = lambda _: ()
    arguments: tuple[str, ...] = WRAP
    allow: tuple[str, ...] = tuple(ALL)


OTHER_ID = "00000000-0000-4000-8000-000000000007"


def without(*denied: str) -> tuple[str, ...]:
    return tuple(permission for permission in ALL if permission not in denied)


def of(key: str, value: str) -> Callable[[Operator], tuple[Change, ...]]:
    return lambda operator: ((f"{key} = {operator.settings[key]}", f"{key} = {value}"),)


IN_THE_VAULT = {
    "unreachable": Case(
        7,
        ("key prod in https://localhost:", "no connection", "gave up (deadline 2 s)"),
        ("network", "start again"),
        lambda operator: ((operator.vault.uri, f"https://localhost:{nobodys_port()}"),),
        (*WRAP, "--vault-deadline", "2"),
    ),
    "wrong tenant": Case(2, (SECTION, "tenant_id"), (SECTION,), of("tenant_id", OTHER_ID)),
    "malformed tenant": Case(2, (SECTION, "tenant ID"), ("tenant_id",), of("tenant_id", "no tenant!")),
    "wrong client": Case(2, (SECTION, "client_id is unknown"), (SECTION,), of("client_id", OTHER_ID)),
    "wrong client_secret": Case(
        2, (SECTION, "client_secret is wrong"), (SECTION,), of("client_secret", "c4n4ry-wrong")
    ),
    "missing key": Case(
        2, ("key nosuchkey in https://", "does not exist"), (f"key_id in {SECTION}",), of("key_id", "nosuchkey")
    ),
    "deleted key": Case(
        2,
        ("key deleted in https://", "does not exist"),
        ("recovered",),
        arguments=(*WRAP, "--to", "azurekv.deleted"),
    ),
    "disabled version": Case(
        6,
        ("key disabled in https://", "version ", "is disabled"),
        ("az keyvault key set-attributes", "--enabled true"),
        arguments=(*WRAP, "--to", "azurekv.disabled"),
    ),
    "expired version": Case(
        6,
        ("key expired in https://", "version ", "expired"),
        ("Make a new version",),
        arguments=(*WRAP, "--to", "azurekv.expired"),
    ),
    "no unwrapping permission": Case(
        2,
        ("lacks the permission decrypt on key prod",),
        ("Add decrypt to the key permissions of", "keep those that it has"),
        allow=without("decrypt", "unwrapKey"),
    ),
    "no wrapping permission": Case(
        2,
        ("lacks the permission encrypt on key prod",),
        ("Add encrypt to the key permissions of", "keep those that it has"),
        allow=without("get", "encrypt", "wrapKey"),
    ),
}

IN_THE_CONFIGURATION = {
    "plain http": Case(
        2,
        (f"provider {TARGET} cannot be used", "begins with http://"),
        (SECTION, ".ini"),
        lambda operator: ((operator.vault.uri, "http://localhost:8443"),),
    ),
    "foreign vault": Case(
        2,
        (SECTION, "host vault.example.org", "--trust-vault vault.example.org"),
        ("trust only a host that is yours",),
        lambda operator: ((operator.vault.uri, "https://vault.example.org"),),
    ),
    "unknown provider": Case(
        2,
        ("provider azurekv.nowhere is not configured",),
        (f"Configured are: {TARGET}, azurekv.disabled",),
        arguments=(*WRAP, "--to", "azurekv.nowhere"),
    ),
    "unknown provider that is listed": Case(
        2,
        ("provider azurekv.nowhere cannot be used", "no section [security.encryption.azurekv.nowhere]"),
        ("[security.encryption.azurekv.nowhere]", ".ini"),
        lambda _: (("available_encryption_providers = ", "available_encryption_providers = azurekv.nowhere "),),
        (*WRAP, "--to", "azurekv.nowhere"),
    ),
    "half a provider": Case(
        2,
        (f"provider {TARGET} cannot be used", "no key_id"),
        (SECTION, ".ini"),
        lambda _: (("key_id = prod\n", ""),),
    ),
    "client_secret without client": Case(
        2,
        (f"provider {TARGET} cannot be used", "client_id", "client_secret is set"),
        (SECTION,),
        lambda operator: ((f"client_id = {operator.settings['client_id']}\n", ""),),
    ),
    "provider that Grafana would not load": Case(
        6,
        (f"{TARGET} is not among [security] available_encryption_providers",),
        (
            "available_encryption_providers = secretKey.v1 azurekv.disabled",
            f" azurekv.rotated {TARGET}",
        ),
        lambda _: ((f"secretKey.v1 {TARGET} ", "secretKey.v1 "),),
    ),
    "no format": Case(
        6,
        (f"Grafana has written no data key under {TARGET}",),
        ("--wrap-format raw/RSA-OAEP-256", "pilot"),
        arguments=(),
    ),
    "nonsense for a format": Case(
        2,
        ("'raw/ROT13' is not a wrap format",),
        ("raw|base64|base64url/RSA-OAEP-256|RSA-OAEP|RSA1_5",),
        arguments=("--wrap-format", "raw/ROT13"),
    ),
}


@pytest.mark.parametrize("name", IN_THE_CONFIGURATION)
def test_what_is_wrong_in_the_configuration_is_said_and_nothing_is_written(name: str, story: Story) -> None:
    check(IN_THE_CONFIGURATION[name], story)


@pytest.mark.parametrize("name", IN_THE_VAULT)
def test_what_is_wrong_in_the_vault_is_said_before_anything_is_written(name: str, story: Story) -> None:
    check(IN_THE_VAULT[name], story)


def test_a_disabled_version_that_cannot_even_be_read_is_said_to_be_disabled(story: Story) -> None:
    story.vault.control("PUT", "disabled", {"shown": False})
    try:
        check(IN_THE_VAULT["disabled version"], story)
    finally:
        story.vault.control("PUT", "disabled", {"shown": True})


def check(case: Case, story: Story) -> None:
    reconfigure(story, *case.changes(Operator(story.vault)))
    story.vault.control("PUT", "permissions", {"allow": case.allow})
    try:
        error = failing(story, *case.arguments, expect=case.exit_code)
    finally:
        story.vault.control("PUT", "permissions", {"allow": ALL})
    for text in case.message:
        assert text in error["message"], error
    for text in case.hint:
        assert text in error["hint"], error


@pytest.mark.parametrize("name", ["wrong client_secret", "no unwrapping permission", "disabled version"])
def test_an_active_data_key_of_grafanas_shows_the_same_before_anything_is_written(name: str, story: Story) -> None:
    case = IN_THE_VAULT[name]
    provider = case.arguments[-1] if "--to" in case.arguments else TARGET
    key = provider.partition(".")[2]
    with_data_key(story, story.vault.wrap(key, NEW_DATA_KEY), provider=provider, active=True)
    check(case, story)


def test_a_person_reads_the_error_and_the_hint_and_no_more(story: Story) -> None:
    reconfigure(story, *of("client_secret", "c4n4ry-wrong")(Operator(story.vault)))
    outcome = story.cli("run", *WRAP, expect=2)
    assert outcome.stdout == ""
    assert [line.partition(":")[0] for line in outcome.stderr.splitlines()[-2:]] == ["error", "hint"]
    assert_says_nothing_secret(story, outcome)


# Data keys that do not unwrap hold up nobody else.


def moved_all_but(story: Story, reason: str, *arguments: str) -> list[dict[str, str]]:
    """Run to its end; returns what is in quarantine, which must be for that reason alone."""
    before = story.plaintexts()
    outcome = story.cli("run", *WRAP, *arguments, *TALK, "--output", "json", expect=3)
    assert_says_nothing_secret(story, outcome)
    report = outcome.json
    assert report["outcome"] == "partly_done"
    quarantine = report["quarantine"]
    assert quarantine
    assert {entry["reason"] for entry in quarantine} == {reason}
    assert report["secrets"]["quarantined"] == len(quarantine)
    assert report["secrets"]["re_encrypted"] == report["secrets"]["total"] - len(quarantine)
    assert len(story.off_target()) == len(quarantine)
    assert story.plaintexts() == before
    assert isinstance(quarantine, list)
    return quarantine


def test_a_data_key_whose_provider_is_not_configured_leaves_its_secrets_in_quarantine(story: Story) -> None:
    with_data_key(story, b"\x01" * 256, provider="azurekv.gone")
    (entry,) = moved_all_but(story, "unwrap_failed")
    assert (entry["location"], entry["key"]) == ("secrets", "[99]")
    assert "provider azurekv.gone is not configured" in entry["detail"]


def test_a_data_key_of_another_kind_of_service_leaves_its_secrets_in_quarantine(story: Story) -> None:
    with_data_key(story, b"vault:v1:AAAA", provider="hashicorpvault.main")
    (entry,) = moved_all_but(story, "unwrap_failed")
    assert "hashicorpvault.main" in entry["detail"]


def test_a_data_key_of_a_foreign_rsa_key_leaves_its_secrets_in_quarantine(story: Story) -> None:
    foreign = generate_private_key(65537, 2048).public_key().encrypt(NEW_DATA_KEY, OAEP_256)
    with_data_key(story, foreign, provider="azurekv.expired")
    (entry,) = moved_all_but(story, "unwrap_failed")
    assert "no version of key expired in https://localhost:" in entry["detail"]


def test_an_expired_version_still_gives_its_secrets_away(story: Story) -> None:
    with_data_key(story, story.vault.wrap("expired", NEW_DATA_KEY), provider="azurekv.expired")
    report = story.cli.json("run", *WRAP)
    assert report["outcome"] == "done"


def test_a_data_key_under_a_disabled_version_stops_the_run_and_can_be_left_by_name(story: Story) -> None:
    with_data_key(story, story.vault.wrap("disabled", NEW_DATA_KEY), provider="azurekv.disabled")
    ((key_id,),) = story.query("SELECT name FROM data_keys WHERE provider = 'azurekv.disabled'")
    error = failing(story, *WRAP, expect=6)
    version = story.vault.key_version("disabled")
    assert f"data key {key_id}: key disabled in" in error["message"]
    assert f"version {version} is disabled" in error["message"]
    assert f"--skip-key {key_id}" in error["hint"]
    report = story.cli.json("run", *WRAP, "--skip-key", str(key_id), expect=3)
    assert report["left_because"] == {f"skipped_key {key_id}": 1}
    assert report["secrets"]["re_encrypted"] == report["secrets"]["total"] - 1


def test_secrets_whose_data_key_was_deleted_go_to_quarantine(story: Story) -> None:
    with_data_key(story, story.vault.wrap("prod", NEW_DATA_KEY))
    ((key_id,),) = story.query("SELECT name FROM data_keys WHERE provider = ?", TARGET)
    story.execute("DELETE FROM data_keys WHERE name = ?", key_id)
    (entry,) = moved_all_but(story, "unknown_data_key")
    assert str(key_id) in entry["detail"]


def test_a_format_that_is_named_needs_nothing_of_old_versions_that_are_disabled(story: Story) -> None:
    # An inactive data key under the target, whose version was disabled after a rotation, with no secret left under it.
    with_data_key(story, (story.vault.state / OLD_BLOCK).read_bytes(), provider="azurekv.rotated")
    story.execute("DELETE FROM secrets WHERE id = 99")
    assert story.cli.json("run", *WRAP, "--to", "azurekv.rotated")["outcome"] == "done"
