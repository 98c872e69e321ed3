"""Words that the glossary retires are in no document, help text, message, report or settings file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from reencrypt.cli.main import cli
from reencrypt.cli.tree import all_commands

ROOT = Path(__file__).parents[2]
GLOSSARY = (ROOT / "docs/glossary.md").read_text()
HEADING = "## Retired words"
#: The changelog tells what was said then.
DOCUMENTS = [path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")) if path.name != "CHANGELOG.md"]
PACKAGE = sorted((ROOT / "reencrypt").rglob("*.py"))
OTHERS = [
    path
    for folder in ("reencrypt/reports/templates", "config")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.is_file()
]
#: Where a docstring may stand.
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def retired() -> dict[str, str]:
    """The words that are retired, each with what is said instead."""
    rows = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|$", GLOSSARY.split(HEADING)[1], re.MULTILINE)
    return {word.lower(): instead for words, instead in rows if words != "retired" for word in words.split(", ")}


RETIRED = retired()
PATTERN = re.compile(rf"\b(?:{'|'.join(map(re.escape, RETIRED))})\b", re.IGNORECASE)


def found_in(text: str) -> list[str]:
    """What is said instead of each retired word of a text, with the words around it."""
    words = " ".join(text.split())
    return [
        f"…{words[max(0, match.start() - 30) : match.end() + 30]}… say: {RETIRED[match[0].lower()]}"
        for match in PATTERN.finditer(words)
    ]


def literals(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The texts of a module without its docstrings; what an f-string fills in is `…`."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, DOCUMENTED) and node.body and isinstance(node.body[0], ast.Expr)
    }
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            texts = (str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            yield node.lineno, "".join(texts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (docstrings | parts):
            yield node.lineno, node.value


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_no_document_says_a_retired_word(path: Path) -> None:
    assert found_in(path.read_text().split(HEADING)[0]) == []


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_no_report_and_no_file_of_the_configuration_says_a_retired_word(path: Path) -> None:
    assert found_in(path.read_text()) == []


def test_no_help_says_a_retired_word() -> None:
    texts = [str(cli.help), str(cli.epilog)]
    for _, command in all_commands(cli):
        texts += [str(command.help), str(command.epilog)]
        texts += [str(each.help) for each in command.params if isinstance(each, click.Option)]
    assert [found for text in texts for found in found_in(text)] == []


def test_no_message_says_a_retired_word() -> None:
    said = {
        f"{path.relative_to(ROOT)}:{line}": found
        for path in PACKAGE
        for line, text in literals(ast.parse(path.read_text()))
        if (found := found_in(text))
    }
    assert said == {}


def test_the_words_are_read_from_the_glossary_and_found_across_lines_and_placeholders() -> None:
    assert len(RETIRED) >= 10
    assert found_in("Keys under the\n  vault.") == [f"…Keys under the vault.… say: {RETIRED['under the vault']}"]
    tree = ast.parse('"""Anew."""\nx = f"{y} data keys wrapped " f"anew under {z}"\n')
    assert [(line, found_in(text) != []) for line, text in literals(tree)] == [(2, True)]
