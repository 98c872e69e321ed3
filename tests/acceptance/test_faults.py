"""Every fault of the table ends each command in its own exit code and words: never in a bug, and never with a write."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from reencrypt.outcomes import ExitCode
from tests.faults import configurations, connections, identities, servers, silence, vaults
from tests.faults.table import COMMANDS, Answer, Fault
from tests.support.engine import SqliteEngine
from tests.support.servers import server_engine
from tests.support.story import WRAP, Story
from tests.support.vault import Vault
from tests.support.worlds import fill

FAULTS = (
    *servers.FAULTS,
    *silence.FAULTS,
    *connections.FAULTS,
    *vaults.FAULTS,
    *identities.FAULTS,
    *configurations.FAULTS,
)
_HOW_MANY = Counter(command for fault in FAULTS for command in fault.answers)
_SUCCESSES = (ExitCode.DONE, ExitCode.PARTLY_DONE)


def _marks(fault: Fault, kind: str, command: str) -> tuple[pytest.MarkDecorator, ...]:
    """Pairwise: `run` on every engine of a fault and another command in turn; on the first `doctor` too."""
    place = fault.engines.index(kind)
    # Those that fewest faults have come first.
    others = sorted(set(fault.answers) - {"run", "doctor"}, key=lambda each: (_HOW_MANY[each], each)) or ["run"]
    wanted = {"run", others[(FAULTS.index(fault) + place) % min(len(others), 4)]}
    if place == 0:
        wanted.add("doctor")
    return () if command in wanted else (pytest.mark.rest_of_pairs,)


CASES = [
    pytest.param(fault, kind, command, id=f"{kind}-{fault.name}-{command}", marks=_marks(fault, kind, command))
    for fault in FAULTS
    for kind in fault.engines
    for command in fault.answers
]


@pytest.fixture
def vault(request: pytest.FixtureRequest) -> Vault:
    """The emulator of all tests, or one of the fault's own."""
    fault = request.getfixturevalue("fault")
    found: Vault = request.getfixturevalue("own_vault" if fault.vault_of_its_own else "shared_vault")
    return found


@pytest.mark.parametrize(("fault", "kind", "command"), CASES)
def test_the_answer_is_the_tables(
    fault: Fault, kind: str, command: str, tmp_path: Path, vault: Vault, request: pytest.FixtureRequest
) -> None:
    engine = SqliteEngine(tmp_path / "grafana.db") if kind == "sqlite" else server_engine(kind, request)
    story = Story.of(tmp_path / "grafana.db", vault, secret_key="the secret_key", engine=engine)
    fill(story, count=30)
    run_id = story.cli.json("run", *WRAP)["run_id"] if fault.after_run else ""
    answer = fault.answers[command]
    with ExitStack() as stack:
        faulty = fault.plant(story, stack)
        digest, secrets = story.digest(), story.plaintexts()
        line = [*_arguments(command, run_id, tmp_path), *fault.options.get(command, ())]
        outcome = faulty.cli(command, *line, "--output", "json", expect=answer.exit_code)
        after = story.digest()
    assert outcome.exit_code != ExitCode.BUG, outcome.stderr
    _says(answer, "\n".join([*_texts(json.loads(outcome.stdout)), outcome.stderr]))
    if answer.exit_code not in _SUCCESSES and not answer.begun:
        assert after == digest
    assert story.plaintexts() == secrets


def test_every_command_meets_faults_in_every_run_of_the_tests() -> None:
    met = Counter(
        command for fault in FAULTS for command in fault.answers if not _marks(fault, fault.engines[0], command)
    )
    assert all(met[command] >= 2 for command in COMMANDS), met


def test_no_fault_ends_in_a_bug() -> None:
    for fault in FAULTS:
        assert fault.answers, fault.name
        assert all(answer.exit_code != ExitCode.BUG for answer in fault.answers.values()), fault.name
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def _says(answer: Answer, said: str) -> None:
    missing = [word for word in answer.says if word not in said]
    assert not missing, f"{missing} not in:\n{said}"
    forbidden = [word for word in answer.never_says if word in said]
    assert not forbidden, f"{forbidden} in:\n{said}"


def _texts(content: object) -> Iterator[str]:
    """Every string of a JSON answer, as a person reads it."""
    match content:
        case str():
            yield content
        case dict():
            for each in content.values():
                yield from _texts(each)
        case list():
            for each in content:
                yield from _texts(each)


def _arguments(command: str, run_id: str, folder: Path) -> tuple[str, ...]:
    if command == "rekey-secret-key":
        path = folder / "next.key"
        path.write_text("another secret_key, and a long one\n")
        return ("--new-secret-key-file", str(path))
    return {
        "plan": WRAP,
        "run": WRAP,
        "rewrap": WRAP,
        "undo": (run_id,),
        "complete": ("--check",),
    }.get(command, ())
