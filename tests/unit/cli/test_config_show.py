"""`config show` names both stores, and a fault of the second one does not keep it from showing the first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from reencrypt.cli.main import cli

FILE = """
[secrets_manager.encryption.secret_key.v2]
secret_key = canary
[secrets_manager.encryption.azure_keyvault.a]
key = x
[secrets_manager]
encryption_provider = $__vault{a}
"""


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    file = tmp_path / "grafana.ini"
    file.write_text(FILE)
    return ["config", "show", "--grafana-config", str(file), "--database", f"sqlite:///{tmp_path}/grafana.db"]


def test_in_json(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, [*arguments, "--output", "json"])
    assert result.exit_code == 0, result.output
    assert "canary" not in result.output
    content = json.loads(result.stdout)
    values = {(each["section"], each["key"]): each for each in content["values"]}
    provider = values["secrets_manager", "encryption_provider"]
    assert provider["value"] == ""
    assert "cannot be resolved: [secrets_manager] encryption_provider" in provider["origin"]
    secret = values["secrets_manager.encryption.secret_key.v2", "secret_key"]
    assert (secret["value"], secret["secret"]) == ("*********", True)
    assert content["unusable_providers"] == {}
    assert list(content["unusable_manager_providers"]) == ["azure_keyvault.a"]


def test_in_words(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert "canary" not in result.output
    assert "unusable provider azure_keyvault.a of the secrets manager: Providers of the kind" in result.output


@pytest.mark.parametrize(
    ("lines", "notes"),
    [
        ("", ["[secrets_manager.encryption.secret_key.v1] is the default that Grafana ships"]),
        ("[secrets_manager]\nencryption_provider = secret_key.v2\n", []),
        ("[secrets_manager]\ngrpc_client_enable = true\n", ["in the database of another service"]),
    ],
)
def test_what_to_know_of_the_secrets_manager_is_a_note(lines: str, notes: list[str], arguments: list[str]) -> None:
    file = Path(arguments[3])
    file.write_text(f"{lines}[secrets_manager.encryption.secret_key.v2]\nsecret_key = canary\n")
    found = json.loads(CliRunner().invoke(cli, [*arguments, "--output", "json"]).stdout)["notes"]
    assert len(found) == len(notes)
    assert all(note in each for note, each in zip(notes, found, strict=True))
    in_words = CliRunner().invoke(cli, arguments).output
    assert all(f"note: {each}\n" in in_words for each in found)
    assert ("note:" in in_words) is bool(notes)
