"""Pages are read in one place, which proves the end."""

from __future__ import annotations

import ast
from pathlib import Path

import reencrypt
from reencrypt.databases.paging import Coverage

PACKAGE = Path(reencrypt.__file__).parent
ALLOWED = {"databases/paging.py"}


def test_no_module_but_paging_reads_pages_itself() -> None:
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "read_page"
    }
    assert found == ALLOWED


def test_a_pass_is_short_only_where_both_counts_are_larger() -> None:
    assert Coverage(9, before=10, after=10).is_short
    assert not Coverage(10, before=10, after=12).is_short
    assert not Coverage(10, before=12, after=10).is_short
    assert not Coverage(0, before=0, after=5).is_short


def test_a_pass_without_its_counts_is_not_called_short() -> None:
    assert not Coverage(0, before=10).is_short
    assert not Coverage(0, after=10).is_short
    assert not Coverage().is_short
