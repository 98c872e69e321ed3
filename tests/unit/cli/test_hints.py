"""A hint names only options of the command that was typed. Every hint in the source is looked at, for every command."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import reencrypt
from reencrypt.cli.hints import followable, options_in
from reencrypt.cli.main import cli, run_command_line
from reencrypt.cli.tree import all_commands
from reencrypt.errors import ConfigurationError

COMMANDS = dict(all_commands(cli))
OPTIONS = {name: {each for one in command.params for each in one.opts} for name, command in COMMANDS.items()}


def texts_of(node: ast.expr) -> Iterator[str]:
    """The texts that an expression can be, with a letter for what is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(each.value) if isinstance(each, ast.Constant) else "x" for each in node.values)
    else:
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, ast.expr):
                yield from texts_of(inner)


def hints() -> dict[str, str]:
    """Every hint in the source, by its place: what is given as `hint`, and what such a name is made of."""
    found = {}
    for path in sorted(Path(reencrypt.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            value = node.value if isinstance(node, ast.keyword) and node.arg == "hint" else None
            if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and node.value is not None:
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                name = target.id if isinstance(target, ast.Name) else getattr(target, "attr", "")
                value = node.value if name.lower().strip("_") in ("hint", "check") else None
            for number, text in enumerate(texts_of(value) if value is not None else ()):
                found[f"{path.stem}:{getattr(value, 'lineno', 0)}:{number}"] = text
    return found


HINTS = hints()
WITH_OPTIONS = {place: text for place, text in HINTS.items() if options_in(text)}


def test_the_hints_are_found() -> None:
    assert len(HINTS) > 150
    assert len(WITH_OPTIONS) > 30


@pytest.mark.parametrize("name", COMMANDS)
def test_no_hint_names_an_option_that_the_command_does_not_have(name: str) -> None:
    for text in HINTS.values():
        shown = followable(text, COMMANDS[name])
        assert options_in(shown) <= OPTIONS[name] | {"--help"}, text


@pytest.mark.parametrize("place", WITH_OPTIONS)
def test_every_hint_can_be_followed_as_a_whole_by_some_command(place: str) -> None:
    text = WITH_OPTIONS[place]
    assert any(followable(text, command) == text for command in COMMANDS.values()), text


def test_what_helps_every_command_stays() -> None:
    hint = (
        "Check the vault key. Check --wrap-format too. Or leave it, with `--skip-key x`. `reencrypt run --to x` helps."
    )
    assert followable(hint, COMMANDS["run"]) == hint
    assert followable(hint, COMMANDS["complete"]) == "Check the vault key. `reencrypt run --to x` helps."
    assert followable(hint, None) == hint


def test_a_command_shows_the_hint_that_fits_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_given: object) -> int:
        raise ConfigurationError("no secrets", hint="Is this the right database? If so, give --allow-empty.")

    for name, rest in (("run", " If so, give --allow-empty."), ("complete", ""), ("quarantine list", "")):
        monkeypatch.setattr(COMMANDS[name], "callback", fail)
        assert run_command_line([*name.split(), "--output", "json"]) == 2
        said = capsys.readouterr()
        assert f"hint: Is this the right database?{rest}\n" in said.err
    monkeypatch.setattr(COMMANDS["run"], "callback", fail)
    monkeypatch.setenv("REENCRYPT_OUTPUT", "json")
    assert run_command_line(["run"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["hint"].endswith("--allow-empty.")
