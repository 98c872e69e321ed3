"""Faults: what database servers and files answer, and how they are made."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

from tests.faults.table import Answer, Fault, everywhere
from tests.support.accounts import grant, new_account, url_as
from tests.support.story import Story
from tests.support.worlds import MYSQLS, through

_POSTGRES: Final = ("postgres",)


def _account(story: Story) -> str:
    """An account with every right that Grafana's own has."""
    account = new_account(story.engine)
    grant(story.engine, account, "ALL")
    if story.engine.kind == "postgres":
        story.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {account}")
    return account


def _read_only_role(story: Story, _stack: ExitStack) -> Story:
    account = _account(story)
    story.execute(f"ALTER ROLE {account} SET default_transaction_read_only = on")
    return through(story, url_as(story.engine, account))


def _read_only_server(story: Story, stack: ExitStack) -> Story:
    account = _account(story)
    story.execute("SET GLOBAL read_only = 1")
    stack.callback(story.execute, "SET GLOBAL read_only = 0")
    return through(story, url_as(story.engine, account))


#: What only reads is answered; `plan` says what would stop a run.
_READ_ONLY: Final = {
    "plan": Answer(0, says=("takes no writes", "address of the primary")),
    "verify": Answer(0),
    "status": Answer(0),
    "complete": Answer(8),
}

FAULTS: Final[tuple[Fault, ...]] = (
    Fault(
        "read_only_role",
        _POSTGRES,
        _read_only_role,
        everywhere(
            Answer(2, says=("takes no writes", "default_transaction_read_only", "address of the primary")), **_READ_ONLY
        ),
    ),
    Fault(
        "read_only_server",
        MYSQLS,
        _read_only_server,
        everywhere(Answer(2, says=("takes no writes", "read_only", "address of the primary")), **_READ_ONLY),
    ),
)
