"""Faults: files, variables, numbers and settings of an operator, and rows of the state tables that somebody changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.faults.table import ALL_ENGINES, Answer, Fault, Plant, everywhere
from tests.support.story import TARGET, WRAP, Story

_SQLITE: Final = ALL_ENGINES[:1]
#: Every command reads the configuration in the same way: a few show that.
_SOME: Final = ("run", "doctor", "status")
_SECRET_KEY: Final = "the secret_key"


def _path(story: Story) -> Path:
    assert story.cli.configuration is not None
    return story.cli.configuration


def _missing_configuration(story: Story, _stack: ExitStack) -> Story:
    _path(story).unlink()
    return story


def _configured(change: Callable[[str], str | bytes]) -> Plant:
    """Change the text of grafana.ini. The folder of the test stands for `FOLDER` in it."""

    def plant(story: Story, _stack: ExitStack) -> Story:
        path = _path(story)
        changed = change(path.read_text())
        text = changed if isinstance(changed, bytes) else changed.replace("FOLDER", str(path.parent)).encode()
        path.with_name("faulty.ini").write_bytes(text)
        return replace(story, cli=replace(story.cli, configuration=path.with_name("faulty.ini")))

    return plant


def _secret_key(value: str) -> Plant:
    return _configured(lambda text: text.replace(f'"""{_SECRET_KEY}"""', value))


def _at(path: str) -> Plant:
    """Another file as the configuration."""

    def plant(story: Story, _stack: ExitStack) -> Story:
        return replace(story, cli=replace(story.cli, configuration=_path(story).parent / path))

    return plant


def _with_pipe(plant: Plant) -> Plant:
    def planted(story: Story, stack: ExitStack) -> Story:
        os.mkfifo(_path(story).with_name("pipe"))
        return plant(story, stack)

    return planted


def _variables(**variables: str) -> Plant:
    def plant(story: Story, _stack: ExitStack) -> Story:
        return replace(story, cli=replace(story.cli, environment=variables))

    return plant


def _certificates_in_a_pipe(story: Story, stack: ExitStack) -> Story:
    return _with_pipe(_variables(SSL_CERT_FILE=str(_path(story).with_name("pipe"))))(story, stack)


def _settings_file(text: str) -> Plant:
    def plant(story: Story, stack: ExitStack) -> Story:
        path = _path(story).with_name("settings.toml")
        path.write_text(text)
        return _variables(REENCRYPT_CONFIG=str(path))(story, stack)

    return plant


def _wrong_secret_key(story: Story, _stack: ExitStack) -> Story:
    return story.with_secret_key("another secret_key")


def _section_unusable_when_all_is_moved(story: Story, stack: ExitStack) -> Story:
    story.cli("run", *WRAP)
    return _configured(lambda text: text.replace("key_id = prod", "key_id ="))(story, stack)


def _statement(sql: str) -> Plant:
    def plant(story: Story, _stack: ExitStack) -> Story:
        assert story.execute(sql)
        return story

    return plant


FAULTS: Final[tuple[Fault, ...]] = (
    Fault(
        "missing_configuration",
        _SQLITE,
        _missing_configuration,
        everywhere(Answer(2, says=("does not exist", "--grafana-config"))),
    ),
    Fault(
        "endless_configuration",
        _SQLITE,
        _at("/dev/zero"),
        everywhere(Answer(2, says=("/dev/zero is longer than 4 MiB",)), *_SOME),
    ),
    Fault(
        "silent_pipe_as_configuration",
        _SQLITE,
        _with_pipe(_at("pipe")),
        everywhere(Answer(2, says=("pipe is a pipe or device from which nothing came in 10 seconds",)), "run"),
    ),
    Fault(
        "utf_16_configuration",
        _SQLITE,
        _configured(lambda text: text.encode("utf-16")),
        everywhere(Answer(2, says=("faulty.ini is UTF-16, not UTF-8", "Save it as UTF-8")), *_SOME),
    ),
    Fault(
        "unclosed_quotes",
        _SQLITE,
        _configured(lambda text: text + '\n[x]\ny = """never closed\n'),
        everywhere(Answer(2, says=("faulty.ini, line ", 'has no closing """')), *_SOME),
    ),
    Fault(
        "nul_in_a_path",
        _SQLITE,
        _configured(lambda text: text + "\n[paths]\ndata = /var/lib\0/grafana\n"),
        everywhere(Answer(2, says=("[paths] data from ", "has a NUL")), *_SOME),
    ),
    Fault(
        "secret_key_of_an_unset_variable",
        _SQLITE,
        _secret_key("$__env{NOT_SET_HERE}"),
        everywhere(Answer(2, says=("[security] secret_key in ", "$__env{NOT_SET_HERE} is not set")), *_SOME),
    ),
    Fault(
        "secret_key_of_a_missing_file",
        _SQLITE,
        _secret_key("$__file{/nowhere/secret}"),
        everywhere(Answer(2, says=("[security] secret_key names the file /nowhere/secret does not exist",)), *_SOME),
    ),
    Fault(
        "secret_key_of_an_endless_device",
        _SQLITE,
        _secret_key("$__file{/dev/zero}"),
        everywhere(Answer(2, says=("[security] secret_key names the file /dev/zero is longer than",)), "run"),
    ),
    Fault(
        "secret_key_of_a_silent_pipe",
        _SQLITE,
        _with_pipe(_secret_key("$__file{FOLDER/pipe}")),
        everywhere(Answer(2, says=("[security] secret_key names the file", "from which nothing came")), "run"),
    ),
    Fault(
        "secret_key_of_an_unknown_expander",
        _SQLITE,
        _secret_key("$__vault{secret/data/grafana:key}"),
        everywhere(Answer(2, says=("uses $__vault{…}", "GF_SECURITY_SECRET_KEY")), *_SOME),
    ),
    Fault(
        "number_without_end",
        _SQLITE,
        _variables(REENCRYPT_LEASE_TIMEOUT="1e300"),
        everywhere(Answer(2, says=("--lease-timeout", "at most")), "run", "complete", "rekey-secret-key"),
    ),
    Fault(
        "no_number",
        _SQLITE,
        _variables(REENCRYPT_VAULT_DEADLINE="nan"),
        everywhere(Answer(2, says=("--vault-deadline", "at most")), "run", "verify", "plan"),
    ),
    Fault(
        "variable_in_another_encoding",
        _SQLITE,
        _variables(REENCRYPT_TO="azurekv.caf\udce9"),
        everywhere(Answer(2, says=("--to", "it is not text in UTF-8")), "run", "doctor"),
    ),
    Fault(
        "certificates_in_a_pipe",
        _SQLITE,
        _certificates_in_a_pipe,
        everywhere(Answer(2, says=("SSL_CERT_FILE", "is a pipe, not a file")), "run", "doctor"),
    ),
    Fault(
        "settings_file_of_another_type",
        _SQLITE,
        _settings_file("limit = true\n"),
        everywhere(Answer(2, says=("limit cannot be true or false", "limit = 100")), "run"),
    ),
    Fault(
        "wrong_secret_key",
        ALL_ENGINES,
        _wrong_secret_key,
        everywhere(
            Answer(6, says=("secret_key (from ", "is wrong"), never_says=("another secret_key",)),
            *("run", "plan", "doctor", "rollback"),
            verify=Answer(2, says=("[security] secret_key", "none shows that it is the right one")),
        ),
        options={"plan": ("--check",), "run": WRAP},
    ),
    Fault(
        "section_unusable_when_all_is_moved",
        _SQLITE,
        _section_unusable_when_all_is_moved,
        everywhere(
            Answer(2, says=(f"provider {TARGET} cannot be", "key_id", f"Complete [security.encryption.{TARGET}]")),
            *("run", "plan", "doctor", "verify"),
        ),
        options={"plan": ("--check",)},
    ),
    Fault(
        "state_changed_by_hand",
        ALL_ENGINES,
        _statement("UPDATE reencrypt_run SET state = 'halfway'"),
        everywhere(
            Answer(2, says=("in reencrypt_run cannot be read back", "Restore the table from a backup")),
            *("run", "plan", "verify", "status", "complete", "undo", "doctor"),
        ),
        options={"plan": ("--check",)},
        after_run=True,
    ),
)
