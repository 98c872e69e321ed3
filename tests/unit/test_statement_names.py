"""Statements are named in the packages of databases and of state, so that a table has one place that writes to it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "reencrypt"
AT_HOME = ("databases", "state", "demo")  # the demonstration has a database of its own
CALLS = {"fetch", "execute", "execute_many", "apply"}


def calls(path: Path) -> Iterator[str]:
    """The calls with a text as their first argument, by name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS:
            texts = [each for each in node.args if isinstance(each, ast.JoinedStr | ast.Constant)]
            if texts or node.func.attr != "apply":
                yield f"{node.func.attr} in line {node.lineno}"


MODULES = [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in AT_HOME]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_other_module_names_a_statement(path: Path) -> None:
    assert list(calls(path)) == []


def test_the_search_finds_them_where_they_are() -> None:
    assert any(calls(PACKAGE / "state" / "runs.py"))
