from __future__ import annotations

import pytest

from reencrypt.settings.expand import expand, unknown_expanders

VARIABLES = {"A": "alpha", "B": "${A}", "POINTER": "$__file{/secret}"}
FILES = {"/secret": "from the file", "/nested": "${A}", "/again": "$__file{/secret}"}


def expanded(text: str) -> str:
    return expand(text, variable=lambda name: VARIABLES.get(name, ""), read=FILES.__getitem__).text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("plain $A $ {A} $(A)", "plain $A $ {A} $(A)"),
        ("${A}", "alpha"),
        ("$__env{A}", "alpha"),
        ("x${A}y$__env{A}z", "xalphayalphaz"),
        ("${UNSET}", ""),
        ("$__file{/secret}", "from the file"),
        ("${POINTER}", "from the file"),
        ("$__file{/nested}", "${A}"),
        ("$__file{/again}", "$__file{/secret}"),
        ("${B}", "${A}"),
        ("${B}${A}", "alpha${A}"),
        ("$__vault{secret/data:x}", "$__vault{secret/data:x}"),
        ("${}", "${}"),
        ("${A", "${A"),
    ],
)
def test_an_expression_expands_as_grafana_expands_it(text: str, meant: str) -> None:
    assert expanded(text) == meant


def test_the_notes_name_what_was_asked_for_and_never_what_it_gave() -> None:
    expansion = expand("${A} ${X} $__file{/secret}", variable=lambda name: VARIABLES.get(name, ""), read=FILES.get)  # type: ignore[arg-type]
    assert expansion.notes == ("${A}", "${X} is not set", "$__file{/secret}")
    assert "alpha" not in repr(expansion)


def test_only_expanders_that_are_not_built_in_are_unknown() -> None:
    assert unknown_expanders("${A} $__env{A} $__file{/a} $__vault{b} $__other_1{c} $vault{d}") == (
        "$__vault",
        "$__other_1",
    )
