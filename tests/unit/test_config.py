"""The files under `config/`: valid by the schemas of those who read them, and true to the program."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner

from reencrypt.cli.main import cli
from reencrypt.cli.options import CommandFailedError, all_commands
from reencrypt.outcomes import ExitCode

CONFIG = Path(__file__).parents[2] / "config"
MANIFESTS = sorted((CONFIG / "kubernetes").glob("*.yaml"))
PERHAPS = ("config", "verbose", "help")


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in MANIFESTS:
        for number, document in enumerate(yaml.safe_load_all(path.read_text())):
            yield f"{path.name}-{number}", document


def pod_of(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The specification of the job, and of its pod."""
    job = {"Job": lambda: document["spec"], "CronJob": lambda: document["spec"]["jobTemplate"]["spec"]}
    if document["kind"] not in job:
        return None
    spec = job[document["kind"]]()
    return spec, spec["template"]["spec"]


JOBS = [(name, pod_of(document)) for name, document in documents() if pod_of(document)]


@pytest.mark.parametrize(("name", "document"), list(documents()))
def test_every_manifest_is_valid_by_the_schema_of_kubernetes(name: str, document: dict[str, Any]) -> None:
    del name
    kubernetes_validate.validate(document, "1.31", strict=True)


@pytest.mark.parametrize(("name", "specs"), JOBS)
def test_the_jobs_know_our_exit_codes_and_options(name: str, specs: tuple[dict[str, Any], dict[str, Any]]) -> None:
    job, pod = specs
    codes = {rule["action"]: set(rule["onExitCodes"]["values"]) for rule in job["podFailurePolicy"]["rules"][1:]}
    assert codes["FailJob"] | codes["Count"] == set(ExitCode) - {0}
    assert not codes["FailJob"] & codes["Count"]
    (container,) = pod["containers"]
    parse(container["args"])
    assert container["securityContext"]["readOnlyRootFilesystem"], name
    assert pod["restartPolicy"] == "Never"


def test_the_schedule_forbids_two_at_a_time() -> None:
    ((_, document),) = [each for each in documents() if each[1]["kind"] == "CronJob"]
    assert document["spec"]["concurrencyPolicy"] == "Forbid"


def parse(arguments: list[str]) -> None:
    """Fails for what the command line does not take."""
    command = cli.get_command(click.Context(cli), arguments[0])
    assert command is not None
    command.make_context(arguments[0], list(arguments[1:]))


def test_the_units_are_valid_and_start_what_exists(tmp_path: Path) -> None:
    service = (CONFIG / "systemd" / "reencrypt.service").read_text()
    (line,) = re.findall(r"^ExecStart=(.*)$", service, re.MULTILINE)
    program, *arguments = shlex.split(line)
    assert program.endswith("/reencrypt")
    parse(arguments)
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze here")
    # It insists on a program that exists.
    (tmp_path / "reencrypt.service").write_text(service.replace(program, "/bin/true"))
    shutil.copy(CONFIG / "systemd" / "reencrypt.timer", tmp_path)
    done = subprocess.run(
        [analyze, "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_image_copies_what_exists_and_runs_without_rights() -> None:
    text = (CONFIG / "docker" / "Dockerfile").read_text()
    copied = [name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for name in line.split()]
    assert "reencrypt" in copied
    for name in copied:
        assert (CONFIG.parent / name).exists(), name
    assert re.search(r"^USER 65532", text, re.MULTILINE)
    assert 'ENTRYPOINT ["reencrypt"]' in text


def options() -> dict[str, click.Option]:
    """Every option of every command that reads a settings file, by its long name."""
    found: dict[str, click.Option] = {}
    for _, command in all_commands(cli):
        names = {long_name(each): each for each in command.params if isinstance(each, click.Option)}
        if "config" in names:
            found.update({name: each for name, each in names.items() if name not in PERHAPS and name not in found})
    return found


def long_name(each: click.Option) -> str:
    return next(name for name in each.opts if name.startswith("--")).removeprefix("--")


def test_the_settings_file_has_every_option_with_its_default() -> None:
    text = (CONFIG / "reencrypt.toml").read_text()
    known = options()
    written = tomllib.loads(text)
    shown = tomllib.loads(re.sub(r"^#(?=[a-z-]+ = )", "", text, flags=re.MULTILINE))
    assert set(shown) == set(known)
    for name, each in known.items():
        default = False if each.is_flag else each.default if isinstance(each.default, int | float | str) else None
        assert written.get(name) == default, name
    for name, each in known.items():
        assert str(each.help).replace("`", "")[:40] in re.sub(r"\n# ", " ", text).replace("`", ""), name


@pytest.mark.parametrize("command", ["plan", "run", "complete", "quarantine list"])
def test_the_settings_file_is_read_by_every_command(command: str, tmp_path: Path) -> None:
    arguments = [*command.split(), "--config", str(CONFIG / "reencrypt.toml"), "--database", f"sqlite:///{tmp_path}/no"]
    result = CliRunner().invoke(cli, arguments)
    # It got as far as the database, which does not exist.
    assert isinstance(result.exception, CommandFailedError), result.output
    assert f"{tmp_path}/no" in str(result.exception.error)
