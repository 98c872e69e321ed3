"""The files under `config/`: valid by the schemas of those who read them, and true to the program."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner

from reencrypt.cli.main import cli
from reencrypt.cli.options import CommandFailedError, all_commands
from reencrypt.fleet.listing import read_listing
from reencrypt.fleet.member import check_members, read_member
from reencrypt.outcomes import ExitCode

CONFIG = Path(__file__).parents[2] / "config"
#: The base for many Grafanas.
FLEET = CONFIG / "kubernetes" / "fleet"
MANIFESTS = sorted(each for each in (CONFIG / "kubernetes").rglob("*.yaml") if each.name != "kustomization.yaml")
SCALE = (CONFIG.parent / "docs/scale.md").read_text()
PERHAPS = ("config", "verbose", "help")


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in MANIFESTS:
        for number, document in enumerate(yaml.safe_load_all(path.read_text())):
            yield f"{path.relative_to(CONFIG)}-{number}", document


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
    fails = codes["FailIndex"] if job.get("completionMode") == "Indexed" else codes["FailJob"]
    assert fails | codes["Count"] == set(ExitCode) - {0}
    assert codes["Count"] == {ExitCode.STOPPED, ExitCode.LEASE_HELD, ExitCode.UNAVAILABLE}
    (container,) = pod["containers"]
    parse(container["args"])
    assert container["securityContext"]["readOnlyRootFilesystem"], name
    assert pod["restartPolicy"] == "Never"
    assert re.fullmatch(r".*:\d+\.\d+\.\d+", container["image"]), "a name that moves is no version"


def test_every_schedule_forbids_two_at_a_time() -> None:
    found = [document for _, document in documents() if document["kind"] == "CronJob"]
    assert {document["spec"]["concurrencyPolicy"] for document in found} == {"Forbid"}
    assert len(found) == 2
    # It must not begin beside the job of the same base.
    assert [document["spec"].get("suspend", False) for document in found] == [False, True]


def parse(arguments: list[str]) -> None:
    """Fails for what the command line does not take."""
    command: click.Command = cli
    words = list(arguments)
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words.pop(0))
        assert found is not None
        command = found
    command.make_context(str(command.name), words)


INDEXED = [(name, specs) for name, specs in JOBS if specs and specs[0].get("completionMode") == "Indexed"]


@pytest.mark.parametrize(("name", "specs"), INDEXED)
def test_the_indexed_jobs_divide_the_fleet(name: str, specs: tuple[dict[str, Any], dict[str, Any]]) -> None:
    job, pod = specs
    environment = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    assert environment["REENCRYPT_SHARDS"] == str(job["completions"]), name
    assert job["backoffLimitPerIndex"] > 0
    assert job["maxFailedIndexes"] == job["completions"], "one part that fails must not stop another"
    assert job["activeDeadlineSeconds"] > 0
    listed = next(each for each in pod["containers"][0]["args"] if each.endswith(".toml"))
    mounts = {each["mountPath"] for each in pod["containers"][0]["volumeMounts"]}
    assert listed.rpartition("/")[0] in mounts
    for member in tomllib.loads((FLEET / "fleet.toml").read_text())["member"]:
        assert {member["grafana-config"].rpartition("/")[0], member["environment-file"].rpartition("/")[0]} <= mounts


def test_the_base_builds_to_valid_objects_in_one_namespace() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("NOT RUN: no kubectl here")
    built = subprocess.run([kubectl, "kustomize", str(FLEET)], capture_output=True, text=True, check=True)
    found = list(yaml.safe_load_all(built.stdout))
    for document in found:
        kubernetes_validate.validate(document, "1.31", strict=True)
        if document["kind"] != "Namespace":
            assert document["metadata"]["namespace"] == "reencrypt"
    assert sorted(document["kind"] for document in found) == [
        "ConfigMap",
        "CronJob",
        "Job",
        "Namespace",
        "ServiceAccount",
    ]
    (members,) = [document for document in found if document["kind"] == "ConfigMap"]
    for document in found:
        if specs := pod_of(document):
            named = {each["configMap"]["name"] for each in specs[1]["volumes"] if "configMap" in each}
            assert named == {members["metadata"]["name"]}


def test_the_overlay_in_the_documents_builds_with_its_secret_and_members(tmp_path: Path) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("NOT RUN: no kubectl here")
    (overlay,) = re.findall(r"```yaml\n# kustomization.yaml\n(.*?)```", SCALE, re.DOTALL)
    (remote,) = re.findall(r"- (https://\S+)", overlay)
    shutil.copytree(FLEET, tmp_path / "base")
    (tmp_path / "kustomization.yaml").write_text(overlay.replace(remote, "base"))
    for name in ("fleet.toml", "customer-a.ini", "customer-a.env"):
        (tmp_path / name).write_text("")
    built = subprocess.run([kubectl, "kustomize", str(tmp_path)], capture_output=True, text=True, check=True)
    found = list(yaml.safe_load_all(built.stdout))
    there = {(each["kind"], each["metadata"]["name"]) for each in found if each["kind"] in ("Secret", "ConfigMap")}
    for document in found:
        if specs := pod_of(document):
            volumes = specs[1]["volumes"]
            wanted = {("ConfigMap", each["configMap"]["name"]) for each in volumes if "configMap" in each}
            wanted |= {("Secret", each["secret"]["secretName"]) for each in volumes if "secret" in each}
            assert wanted == there
            assert specs[1]["containers"][0]["image"].startswith("registry.your-company.example/")


def test_the_lists_of_members_are_lists() -> None:
    for path in (CONFIG / "fleet.toml", FLEET / "fleet.toml"):
        text = path.read_text()
        # The files that an entry names are not here.
        listing = read_listing([str(path)], None)
        entries = [
            replace(each, values={key: value for key, value in each.values.items() if key != "environment-file"})
            for each in listing.entries
        ]
        check_members([read_member(entry) for entry in entries])
        assert "environment-file" in text


def test_the_units_are_valid_and_start_what_exists(tmp_path: Path) -> None:
    service = (CONFIG / "systemd" / "reencrypt.service").read_text()
    (line,) = re.findall(r"^ExecStart=(.*)$", service, re.MULTILINE)
    program, *arguments = shlex.split(line)
    assert program.endswith("/reencrypt")
    parse(arguments)
    (told,) = re.findall(r"^OnFailure=(.*)$", service, re.MULTILINE)
    assert (CONFIG / "systemd" / told).exists()
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze here")
    # It insists on a program that exists.
    (tmp_path / "reencrypt.service").write_text(service.replace(program, "/bin/true"))
    for other in ("reencrypt.timer", "reencrypt-failed.service"):
        shutil.copy(CONFIG / "systemd" / other, tmp_path)
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
