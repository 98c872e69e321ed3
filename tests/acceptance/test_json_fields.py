"""The fields of JSON that the reference shows are those that the commands print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests import json_fields
from tests.grafana.planting import Plain
from tests.support.story import WRAP, Story
from tests.support.vault import Vault
from tests.support.worlds import fill


def test_every_command_prints_the_fields_of_the_reference_and_no_other(tmp_path: Path, shared_vault: Vault) -> None:
    story = Story.of(tmp_path / "grafana.db", shared_vault, secret_key="the secret_key")
    fill(story, count=20)
    with story.builder() as builder:
        builder.add_user_auth({"o_auth_access_token": Plain(b"a token that was cut off")})
        builder.damage(builder.planted[-1], "bad-base64")
    printed: dict[str, dict[str, Any]] = {}

    def asked(command: str, *arguments: str) -> dict[str, Any]:
        printed[command] = story.cli.json(*command.split(), *arguments, expect=None)
        return printed[command]

    asked("doctor")
    asked("plan", *WRAP)
    run = asked("run", *WRAP)
    asked("verify")
    asked("quarantine list")
    asked("quarantine retry", *WRAP)
    asked("quarantine acknowledge", "--all")
    asked("complete")
    asked("undo", run["run_id"])
    asked("rewrap", *WRAP)
    asked("rollback", "--accept-unproven", "secretKey.v1")
    asked("status")
    asked("config show")
    (tmp_path / "next.key").write_text("the next secret_key of this Grafana\n")
    asked("rekey-secret-key", "--new-secret-key-file", str(tmp_path / "next.key"), *WRAP)
    failed = story.cli.json("undo", "nothing", expect=2)
    assert failed.keys() == json_fields.ALWAYS.keys() | json_fields.ERROR.keys()
    assert {command: report.keys() for command, report in printed.items()} == {
        command: json_fields.ALWAYS.keys()
        | fields.keys()
        | (json_fields.NEXT.keys() if command != "config show" else set())
        for command, fields in json_fields.FIELDS.items()
    }
