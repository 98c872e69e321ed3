"""The runbook says what the program says: every `console` block is run, one after the other, and compared.

`REENCRYPT_UPDATE_RUNBOOK=1 pytest tests/acceptance/test_runbook.py` writes what it said into the file instead.
"""

from __future__ import annotations

import os
import re
import shlex
import textwrap
from pathlib import Path

from reencrypt.catalogue.reason import Reason, remedy_of
from reencrypt.operations.undo import journal as undo_journal
from reencrypt.operations.undo.journal import UndoSkipReason
from tests.grafana.planting import Plain
from tests.support.commandline import CommandLine
from tests.support.story import TARGET, Story, manager_configuration
from tests.support.vault import Vault

RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"
BLOCK = re.compile(
    r"^(?P<indent> *)```console\n(?P<body>.*?)^ *```$|^<!-- do: (?P<action>[a-z-]+) -->$", re.MULTILINE | re.DOTALL
)
VERSIONS = ("3f9c1b7a5d2e4860a1b2c3d4e5f60718", "91d4e2c3b5a64f708192a3b4c5d6e7f8", "c7b8a9d0e1f24354657687980a1b2c3d")
DATA_KEYS = tuple(f"{letter}dgk3qv7m2pxw{number}" for number, letter in enumerate("abcdefghijk", 1))
SECRET_KEY = "the secret_key of the runbook"


class Tale:
    """The database of the runbook, and what has to be made up in its outputs."""

    def __init__(self, folder: Path, vault: Vault) -> None:
        self.folder, self.vault = folder, vault
        self.story = Story.of(folder / "grafana.db", vault, secret_key=SECRET_KEY)
        self.versions = [vault.key_version("prod")]
        self.seen: dict[str, str] = {}
        self.runs: list[str] = []
        self.take(SECRET_KEY)
        with self.story.builder() as builder:
            old = builder.data_key()
            builder.data_key(provider=TARGET, wrap=lambda key: vault.wrap("prod", key), label_date="2026-08-01")
            for number in range(4):
                builder.add_user_auth({"o_auth_access_token": Plain(b"the token number %d" % number, old)})
                builder.add_data_source({"password": Plain(b"the password number %d" % number)})
                builder.add_secret(Plain(b'{"password":"number %d"}' % number, old))
            builder.add_user("alice", row_id=6)
            planted = len(builder.planted)
            builder.add_user_auth({"o_auth_access_token": Plain(b"a token that was cut off")})
            builder.damage(builder.planted[planted], "bad-base64")

    def take(self, secret_key: str) -> None:
        self.story = self.story.with_secret_key(secret_key)
        environment = {
            "REENCRYPT_GRAFANA_CONFIG": str(self.story.cli.configuration),
            "REENCRYPT_DATABASE": self.story.engine.url,
            "GF_SECURITY_ENCRYPTION_DATA_KEYS_CACHE_TTL": "1s",
        }
        self.cli = CommandLine(vault=self.vault, environment=environment)

    def act(self, action: str) -> None:
        """What happens between two commands."""
        match action:
            case "legacy":
                with self.story.builder() as builder:
                    for number in range(5):
                        builder.add_user_auth({"o_auth_access_token": Plain(b"saved later, number %d" % number)})
            case "rotate":
                bundle = self.vault.as_owner("POST", "/keys/prod/rotate")
                self.versions.append(bundle["key"]["kid"].rpartition("/")[2])
            case "next-key":
                (self.folder / "next.key").write_text("the next secret_key of the runbook\n")
            case "take-next-key":
                self.take("the next secret_key of the runbook")
            case "secrets-manager":
                configuration = self.story.cli.configuration
                assert configuration is not None
                configuration.write_text(
                    configuration.read_text() + manager_configuration("secret_key.v2", "data_keys_cache_ttl = 1s")
                )
                with self.story.builder() as builder:
                    manager = Story.manager(builder)
                    for namespace in ("default", "org-2"):
                        key = manager.data_key(namespace)
                        for number in range(3):
                            manager.add_value(key, b"token number %d" % number, name=f"inline-token-{number}")
                    manager.add_snapshot(key, b"{}")
                    saved = manager.data_key(provider="secret_key.v2", label_date="2026-11-25")
                    manager.add_value(saved, b"a token saved since", name="inline-token-saved-since")
            case _:
                raise ValueError(action)

    def say(self, line: str) -> str:
        """Run a command of the runbook; returns what it says, made up."""
        line = line.replace("RUN", self.runs[-1] if self.runs else "").replace("/OLD", f"/{self.versions[0]}")
        program, *arguments = shlex.split(line.replace("next.key", str(self.folder / "next.key")))
        assert program == "reencrypt"
        done = self.cli(arguments[0], *arguments[1:], expect=None)
        assert done.exit_code != 1, done.stderr
        if re.search(r"^  all +\d+ +[1-9]", done.stdout, re.MULTILINE):
            # One that has moved something.
            self.runs += re.findall(r"^Run (\d{8}-\d{6}-[0-9a-f]{4}), target", done.stdout, re.MULTILINE)
        # The SQL for a DBA is as long as it is dull.
        said = re.sub(r"^CREATE TABLE.*", "…\n", done.stdout, count=1, flags=re.MULTILINE | re.DOTALL)
        if done.exit_code in (2, 5, 6, 7, 9):
            said += "".join(re.findall(r"^(?:error|hint): .*\n", done.stderr, re.MULTILINE))
        return self.make_up(said) + (f"[exit {done.exit_code}]\n" if done.exit_code else "")

    def managed_keys(self) -> list[tuple[object, ...]]:
        """The ids of the secrets manager's data keys, where there is one."""
        found = self.story.query("SELECT name FROM sqlite_master WHERE name = 'secret_data_key'")
        return self.story.query("SELECT uid FROM secret_data_key ORDER BY namespace, created") if found else []

    def make_up(self, text: str) -> str:
        """Replace what differs from time to time."""
        text = text.replace(str(self.folder / "grafana.db"), "/var/lib/grafana/grafana.db")
        text = text.replace(self.vault.uri, "https://my-vault.vault.azure.net").replace(
            str(self.folder), "/etc/grafana"
        )
        for version, made_up in zip(self.versions, VERSIONS, strict=False):
            text = text.replace(version, made_up)
        for (name,) in self.story.query("SELECT name FROM data_keys") + self.managed_keys():
            self.seen.setdefault(str(name), DATA_KEYS[len(self.seen)])
        for name, made_up in self.seen.items():
            text = text.replace(name, made_up)
        text = re.sub(r"\d{8}-\d{6}-[0-9a-f]{4}", "20261125-093000-a1b2", text)
        text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "2026-11-25 09:30:00", text)
        text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "2027-02-23 09:30 UTC", text)
        text = re.sub(r"\b\d+\.\d s\b", "0.3 s", text)
        text = re.sub(r"[\d.]+ [kMGT]B are free", "74 GB are free", text)
        text = re.sub(r"vault's clock is [^\n]*", "vault's clock is 0 s ahead of this machine's", text)
        return re.sub(r" +$", "", text, flags=re.MULTILINE)


def test_the_runbook_says_what_the_program_says(tmp_path: Path, own_vault: Vault) -> None:
    tale = Tale(tmp_path, own_vault)
    written = RUNBOOK.read_text()
    told: list[str] = []
    end = 0
    for match in BLOCK.finditer(written):
        told.append(written[end : match.start()])
        end = match.end()
        if match["action"]:
            tale.act(match["action"])
            told.append(match[0])
            continue
        indent = match["indent"]
        commands = re.findall(r"^ *(\$ .*)$", match["body"], re.MULTILINE)
        said = "".join(f"{command}\n{tale.say(command.removeprefix('$ '))}" for command in commands)
        told.append(textwrap.indent(f"```console\n{said}```", indent, lambda line: bool(line.strip())))
    told.append(written[end:])
    if os.environ.get("REENCRYPT_UPDATE_RUNBOOK"):
        RUNBOOK.write_text("".join(told))
    assert "".join(told) == RUNBOOK.read_text()


def test_the_runbook_explains_every_reason() -> None:
    text = RUNBOOK.read_text()
    for reason in Reason:
        assert f"| `{reason.value}` | {remedy_of(reason)} |" in text


def test_the_runbook_explains_every_reason_to_keep_a_column() -> None:
    text = RUNBOOK.read_text()
    for kept in UndoSkipReason:
        assert f"| `{kept.value}` | {undo_journal.REMEDY[kept]} |" in text
