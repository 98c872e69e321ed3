"""The workflows: the shell in them is clean, they may do no more than they need, and they name what exists."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reencrypt import __version__

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
TEXTS = {path.name: path.read_text() for path in FOLDER.glob("*.yaml")}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CLASSIFIERS: list[str] = PROJECT["project"]["classifiers"]


def jobs(name: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(TEXTS[name])["jobs"]
    return found


def scripts() -> Iterator[tuple[str, str]]:
    """Each piece of shell, with where it stands."""
    yield ".ci/run", (ROOT / ".ci" / "run").read_text()
    for name in TEXTS:
        for job, content in jobs(name).items():
            for number, step in enumerate(content.get("steps", ())):
                if "run" in step:
                    yield f"{name}-{job}-{number}", step["run"]


SCRIPTS = list(scripts())
JOBS = [(name, job, content) for name in TEXTS for job, content in jobs(name).items()]


def shellcheck(script: str) -> str:
    program = shutil.which("shellcheck")
    if program is None:
        pytest.skip("NOT RUN: no shellcheck here")
    done = subprocess.run([program, "--shell=bash", "-"], input=script, capture_output=True, text=True, check=False)
    return done.stdout


def test_the_shell_is_clean() -> None:
    assert len(SCRIPTS) > 10
    marked = "\n".join(f"# {place}\n(\n:\n{script}\n)" for place, script in SCRIPTS)
    assert shellcheck(marked) == ""


def test_a_mistake_in_the_shell_would_be_noticed() -> None:
    assert "SC2086" in shellcheck("ls $RUNNER_TEMP/x")


def test_no_expression_stands_in_shell_where_its_value_would_be_run() -> None:
    assert [place for place, script in SCRIPTS if "${{" in script] == []


def test_every_action_is_pinned_by_a_commit_with_its_version_beside_it() -> None:
    for name, text in TEXTS.items():
        for action in re.findall(r"uses: (.*)", text):
            assert re.match(r"\./\.github/|[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", action), f"{name}: {action}"


@pytest.mark.parametrize(("name", "job", "content"), JOBS)
def test_every_job_says_what_it_may_do(name: str, job: str, content: dict[str, Any]) -> None:
    assert yaml.safe_load(TEXTS[name])["permissions"] == {}
    permissions = content["permissions"]
    allowed = {"release": {"contents"}, "codeql.yaml": {"security-events"}}
    signing = {"id-token", "attestations"} if name == "release.yaml" else set()
    writes = {scope for scope, right in permissions.items() if right != "read"}
    assert writes <= allowed.get(job, allowed.get(name, set())) | signing


def test_the_tests_run_on_every_python_that_is_supported() -> None:
    (pythons,) = [job["strategy"]["matrix"]["python"] for job in jobs("tests.yaml").values() if "strategy" in job]
    assert pythons == [each.rpartition(" ")[2] for each in CLASSIFIERS if re.search(r"Python :: 3\.\d+$", each)]


def test_a_release_waits_for_the_tests_and_nothing_is_published_unattested() -> None:
    found = jobs("release.yaml")
    assert found["tests"]["uses"] == "./.github/workflows/tests.yaml"
    assert set(found["attest"]["needs"]) == set(found["image"]["needs"]) == {"tests", "build"}
    assert found["publish"]["needs"] == ["attest"]
    assert set(found["release"]["needs"]) == {"attest", "image"}


def test_grafanas_of_every_major_version_from_9_to_13_are_started() -> None:
    versions = jobs("grafana.yaml")["live"]["strategy"]["matrix"]["grafana"]
    assert [version.split(".")[0] for version in versions] == ["9", "10", "11", "12", "13"]


def test_what_the_workflows_install_and_start_exists() -> None:
    text = "\n".join(script for _, script in SCRIPTS)
    locks = set(re.findall(r"--requirement=(\S+)", text))
    assert locks == {f"config/locks/{name}.txt" for name in ("build", "image", "release")}
    for group in re.findall(r"--group=(\S+)", text):
        assert group in PROJECT["dependency-groups"]
    (module,) = re.findall(r"python -m (tests\.\w+) --config", text)
    assert (ROOT / module.replace(".", "/") / "__main__.py").exists()
    for lock in jobs("audit.yaml")["audit"]["strategy"]["matrix"]["lock"]:
        assert f"config/locks/{lock}.txt" in locks


def test_the_notes_of_a_release_are_the_part_of_the_changelog(tmp_path: Path) -> None:
    (line,) = [line for _, script in SCRIPTS for line in script.splitlines() if line.startswith("awk ")]
    shutil.copy(ROOT / "CHANGELOG.md", tmp_path)
    subprocess.run(
        ["/bin/bash", "-c", line],
        cwd=tmp_path,
        env={"GITHUB_REF_NAME": f"v{__version__}", "PATH": "/usr/bin:/bin"},
        check=True,
    )
    notes = (tmp_path / "notes.md").read_text()
    assert notes.lstrip().startswith("- ")
    assert "## " not in notes
    assert notes in (ROOT / "CHANGELOG.md").read_text()


def test_the_base_of_the_image_is_found_where_the_release_looks_for_it() -> None:
    (command,) = re.findall(r"base=\$\((sed .*)\)", TEXTS["release.yaml"])
    done = subprocess.run(shlex.split(command), cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.fullmatch(r"python:3\.\d+-slim\n", done.stdout)


TEMPLATES = {path.name: yaml.safe_load(path.read_text()) for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yaml")}


def test_every_issue_template_begins_with_a_warning_not_to_paste_secrets() -> None:
    forms = {name: content for name, content in TEMPLATES.items() if name != "config.yaml"}
    assert set(forms) == {"bug.yaml", "wish.yaml"}
    for content in forms.values():
        assert "do not paste secrets" in content["body"][0]["attributes"]["value"].lower()


def test_a_bug_report_asks_for_version_doctor_and_plan() -> None:
    labels = [field["attributes"]["label"] for field in TEMPLATES["bug.yaml"]["body"] if field.get("id")]
    assert {"reencrypt --version", "reencrypt doctor", "reencrypt plan"} <= set(labels)
    assert TEMPLATES["bug.yaml"]["body"][-1]["attributes"]["options"][0]["required"]


def test_the_supported_versions_are_those_that_the_tests_run_on() -> None:
    table = (ROOT / "SECURITY.md").read_text().split("## Supported versions")[1]
    rows = {cells[0]: cells[1:] for line in table.splitlines() if len(cells := line.strip("| ").split(" | ")) == 3}
    pythons = [each.rpartition(" ")[2] for each in CLASSIFIERS if re.search(r"Python :: 3\.\d+$", each)]
    assert rows["Python"][0] == ", ".join(pythons)
    majors = [version.split(".")[0] for version in jobs("grafana.yaml")["live"]["strategy"]["matrix"]["grafana"]]
    assert rows["Grafana"][0].startswith(f"{majors[0]} to {majors[-1]},")
