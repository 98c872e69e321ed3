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
from reencrypt.cli.options import CommandFailedError
from reencrypt.cli.tree import all_commands
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


SYSTEMD = CONFIG / "systemd"
UNITS = {path.name: path.read_text() for path in SYSTEMD.iterdir() if path.is_file()}
DROP_IN = SYSTEMD / "reencrypt.service.d" / "client-secret.conf"
INSTALL = (CONFIG.parent / "docs/install.md").read_text()


def values(unit: str, key: str) -> list[str]:
    """What a unit says for a key; comments do not count."""
    return re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE)


def verified(folder: Path, units: dict[str, str], drop_in: str | None = None) -> str:
    """What `systemd-analyze verify` has to say about these units, with the drop-in in its place."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("NOT RUN: no systemd-analyze here")
    for name, text in units.items():
        # It insists on a program that exists.
        (folder / name).write_text(text.replace("/usr/local/bin/reencrypt", "/bin/true"))
    if drop_in is not None:
        (folder / DROP_IN.parent.name).mkdir()
        (folder / DROP_IN.parent.name / DROP_IN.name).write_text(drop_in)
    done = subprocess.run(
        [analyze, "verify", "--man=no", *(str(folder / name) for name in units)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if not done.returncode or done.stderr else f"exit code {done.returncode}"


@pytest.mark.parametrize("drop_in", [None, DROP_IN.read_text()], ids=["as-they-are", "with-the-client-secret"])
def test_the_units_are_valid(tmp_path: Path, drop_in: str | None) -> None:
    assert verified(tmp_path, UNITS, drop_in) == ""


def test_a_drop_in_with_a_mistake_would_be_noticed(tmp_path: Path) -> None:
    assert "LoadCredentials" in verified(tmp_path, UNITS, DROP_IN.read_text().replace("Credential=", "Credentials="))


def test_the_units_start_what_exists() -> None:
    started = {name: shlex.split(line) for name, unit in UNITS.items() for line in values(unit, "ExecStart")}
    ours = {name: words for name, words in started.items() if words[0].endswith("/reencrypt")}
    assert set(ours) == {"reencrypt.service", "reencrypt-status.service"}
    for program, *arguments in ours.values():
        assert program == "/usr/local/bin/reencrypt"
        parse(arguments)
    for name in [name for unit in UNITS.values() for name in values(unit, "OnFailure")]:
        assert name in UNITS
    for name in UNITS:
        assert name.replace(".timer", ".service") in UNITS


def test_the_unit_needs_no_file_with_a_client_secret_and_the_drop_in_brings_both_halves() -> None:
    for name, unit in UNITS.items():
        assert values(unit, "LoadCredential") == [], f"{name} would not start with a managed identity"
        assert "CLIENT_SECRET" not in unit
    drop_in = DROP_IN.read_text()
    (credential,) = values(drop_in, "LoadCredential")
    name, _, path = credential.partition(":")
    assert values(drop_in, "Environment") == [f"GF_SECURITY_ENCRYPTION_AZUREKV_PROD_CLIENT_SECRET__FILE=%d/{name}"]
    assert f"install -m 0600 /dev/stdin {path} " in drop_in


def test_the_units_agree_on_where_they_may_write_and_what_they_may_not() -> None:
    rules = (
        "ReadWritePaths",
        "SystemCallFilter",
        "RestrictAddressFamilies",
        "User",
        "ProtectSystem",
        "ProtectHome",
        "UMask",
    )
    for rule in rules:
        assert values(UNITS["reencrypt.service"], rule) == values(UNITS["reencrypt-status.service"], rule) != []
    (file,) = values(UNITS["reencrypt-status.service"], "Environment=REENCRYPT_METRICS_FILE")
    assert f"-{file.rpartition('/')[0]}" in values(UNITS["reencrypt-status.service"], "ReadWritePaths")


def test_the_lines_that_install_the_service_are_the_same_in_the_unit_and_in_the_document() -> None:
    comment = UNITS["reencrypt.service"].split("[Unit]")[0]
    lines = re.findall(r"^#   (\S.*)$", comment, re.MULTILINE)
    assert len(lines) == 8
    section = INSTALL.split("## For a service")[1].split("\n## ")[0]
    documented = [line for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL) for line in block.splitlines()]
    assert documented == lines
    for pattern in re.findall(r"config/\S+", " ".join(lines)):
        assert list(CONFIG.parent.glob(pattern)), pattern


DOCKERFILE = (CONFIG / "docker" / "Dockerfile").read_text()
COPIED = [name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()]


def test_the_image_copies_what_exists_and_runs_without_rights() -> None:
    assert "reencrypt" in COPIED
    for name in COPIED:
        assert (CONFIG.parent / name).exists(), name
    assert re.search(r"^USER 65532", DOCKERFILE, re.MULTILINE)
    assert 'ENTRYPOINT ["reencrypt"]' in DOCKERFILE


def test_docker_sees_what_the_image_copies_and_nothing_else_that_is_here() -> None:
    lines = (CONFIG.parent / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*", "everything is left out but what is named"
    seen = {line.removeprefix("!") for line in rules if line.startswith("!")}
    for name in seen:
        assert (CONFIG.parent / name).exists(), name
        assert any(Path(name).is_relative_to(copied) or Path(copied).is_relative_to(name) for copied in COPIED), name
    for copied in COPIED:
        assert any(Path(name).is_relative_to(copied) or Path(copied).is_relative_to(name) for name in seen), copied
    for project, folder in ((CONFIG.parent, ""), (CONFIG.parent / "emulator", "emulator/")):
        settings = tomllib.loads((project / "pyproject.toml").read_text())
        needed = [settings["project"]["readme"], *settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]
        assert {folder + name for name in needed} <= seen, "a build needs these"


def test_the_image_installs_nothing_without_a_hash() -> None:
    commands = re.sub(r"\\\n", " ", DOCKERFILE)
    installs = re.findall(r"pip install ([^&\n]*)", commands)
    assert len(installs) == 3
    for each in installs:
        assert "--require-hashes --only-binary=:all:" in each or "--no-index --no-deps" in each


def test_the_base_of_the_image_is_an_argument_without_host_and_digest() -> None:
    (base,) = re.findall(r"^ARG BASE=(.*)$", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"python:\d\.\d+-slim", base)
    assert f"Programming Language :: Python :: {base[7:11]}" in (CONFIG.parent / "pyproject.toml").read_text()
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${BASE}"}
    labels = re.findall(r"org\.opencontainers\.image\.([a-z.]+)=", DOCKERFILE)
    assert labels == ["title", "description", "licenses", "base.name"]


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
