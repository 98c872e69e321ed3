"""Alert rules and dashboard know our metrics; promtool, a real Prometheus and a real Pushgateway try them."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from reencrypt.events import (
    CommandEnded,
    CommandStarted,
    Continued,
    Event,
    InventoryTaken,
    KeysCounted,
    PageCommitted,
    SecretsCounted,
    Throttled,
    VaultAnswered,
)
from reencrypt.planning.inventory import SecretState
from reencrypt.state.counts import Counts
from reencrypt.telemetry.metrics import Metrics
from tests.acceptance.test_metrics import Samples
from tests.grafana.builder import GrafanaBuilder
from tests.grafana.planting import Plain
from tests.grafana.populate import populate
from tests.support.prometheus import PrometheusServer, PushgatewayServer, promtool, served
from tests.support.story import WRAP, Story
from tests.support.vault import Vault

CONFIG: Final = Path(__file__).parents[2] / "config"
RULES: Final = CONFIG / "prometheus" / "reencrypt-alerts.yaml"
TESTS: Final = CONFIG / "prometheus" / "reencrypt-alerts.test.yaml"
DASHBOARD: Final = CONFIG / "grafana-dashboard.json"

#: Labels that others give our series: a scrape, a Pushgateway, and `--metrics-label` as the documents have it.
OTHERS_LABELS: Final = {"instance", "job", "grafana"}
#: What Grafana puts in the place of its variables.
VARIABLES: Final = {"$__rate_interval": "5m", "$instance": ".*", "$grafana": ".*", "$member": ".*"}


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def panels() -> list[dict[str, Any]]:
    """Those of the dashboard that show something."""
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return [each for each in found if each["type"] != "row"]


def asked_for() -> dict[str, str]:
    """Every expression of the rules and of the dashboard, by where it stands."""
    found = {each["alert"]: each["expr"] for each in rules()}
    for panel in panels():
        for target in panel["targets"]:
            expression = target["expr"]
            for variable, value in VARIABLES.items():
                expression = expression.replace(variable, value)
            found[f"{panel['title']}, {target['refId']}"] = expression
    return found


def told(metrics: Metrics) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The series in the text of metrics."""
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            yield sample.name, sample.labels


@cache
def written() -> list[tuple[str, Mapping[str, str]]]:
    """The series that we write when everything has happened, for a single Grafana and for a member of a fleet."""
    then = datetime(2026, 1, 1)  # noqa: DTZ001 - as events have it
    happened: list[Event] = [
        InventoryTaken(
            {"classic": "azurekv.prod"},
            [SecretsCounted("classic", "secrets", "azurekv.prod", state, 1) for state in SecretState],
            [KeysCounted("classic", "azurekv.prod", True, True, 1, then, then)],  # noqa: FBT003 - as counted
            [("secrets", state, 1) for state in ("open", "acknowledged")],
        ),
        PageCommitted("secrets", 1, 1, 0.01, Counts(re_encrypted=1).as_numbers()),
        VaultAnswered("azurekv.prod", "unwrapkey", "200", 0.1, ""),
        Throttled(1.0),
        Continued(1.0),
    ]
    for command in ("run", "rewrap", "status"):
        happened += [CommandStarted(command), CommandEnded(command, 0, 1.0)]
    found = []
    for metrics, name in ((Metrics(), ""), (Metrics(members=["a"]), "a")):
        for event in happened:
            metrics.listener(name)(event)
        found += list(told(metrics))
    return found


@dataclass(frozen=True)
class Selector:
    """A series that an expression asks for: its name, and what it wants of labels."""

    name: str
    wants: tuple[tuple[str, str, str], ...]

    @classmethod
    def all_in(cls, expression: str) -> list[Selector]:
        found = re.findall(r"\b(reencrypt_\w+)(?:\{([^}]*)\})?", expression)
        return [cls(name, tuple(re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', wants))) for name, wants in found]

    def takes(self, name: str, labels: Mapping[str, str]) -> bool:
        return name == self.name and all(self._wants(labels.get(label, ""), *what) for label, *what in self.wants)

    @staticmethod
    def _wants(value: str, operator: str, wanted: str) -> bool:
        fits = re.fullmatch(wanted, value) is not None if operator.endswith("~") else value == wanted
        return fits is not operator.startswith("!")


def test_every_series_that_is_asked_for_is_one_that_we_write() -> None:
    asked = {each: where for where, expression in asked_for().items() for each in Selector.all_in(expression)}
    assert len({each.name for each in asked}) > 10
    unknown = {
        f"{where}: {each}" for each, where in asked.items() if not any(each.takes(*series) for series in written())
    }
    assert unknown == set()
    # And what we write is shown: a metric that nobody looks at is not worth its lines.
    shown = {re.sub(r"_(bucket|sum|count|created)$", "", each.name) for each in asked}
    assert {re.sub(r"_(bucket|sum|count|created)$", "", name) for name, _ in written()} - shown == set()


def test_every_label_that_is_named_is_one_that_we_write() -> None:
    known = {label for _, labels in written() for label in labels} | OTHERS_LABELS
    names = set[str]()
    for expression in asked_for().values():
        for listed in re.findall(r"\b(?:without|ignoring|by|on)\s*\(([^)]*)\)", expression):
            names |= {name.strip() for name in listed.split(",")}
        names |= {label for each in Selector.all_in(expression) for label, *_ in each.wants}
    texts = [str(each["annotations"]) for each in rules()]
    texts += [target["legendFormat"] for panel in panels() for target in panel["targets"]]
    for text in texts:
        names |= set(re.findall(r"\$labels\.(\w+)", text)) | set(re.findall(r"\{\{(\w+)\}\}", text))
    assert {"location", "member", "provider"} <= names
    assert names - known == set()


def test_no_rule_adds_up_over_labels_that_it_does_not_know() -> None:
    for each in rules():
        assert not re.search(r"\b(by|on)\s*\(", each["expr"]), each["alert"]


def test_every_alert_says_what_it_means_how_bad_it_is_and_what_to_type() -> None:
    for each in rules():
        assert set(each["annotations"]) == {"summary", "description"}, each["alert"]
        assert "$labels.member" in each["annotations"]["summary"], each["alert"]
        assert re.search(r"`(reencrypt|systemctl|--)", each["annotations"]["description"]), each["alert"]
        assert each["labels"]["severity"] in {"critical", "warning", "info"}


def test_the_rules_are_rules() -> None:
    done = promtool("check", "rules", RULES)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules())} rules found" in done.stdout


def test_every_expression_of_the_dashboard_can_be_read(tmp_path: Path) -> None:
    recorded = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(asked_for().values())]
    file = tmp_path / "rules.yaml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": recorded}]}))
    done = promtool("check", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr
    recorded[-1]["expr"] += ")"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": recorded}]}))
    assert promtool("check", "rules", file).returncode != 0


def test_the_alerts_fire_and_keep_silent_as_their_tests_say() -> None:
    done = promtool("test", "rules", TESTS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_test_in_which_it_fires_and_one_moment_later_does_not() -> None:
    resolving = set()
    for each in yaml.safe_load(TESTS.read_text())["tests"]:
        moments: dict[str, list[bool]] = {}
        for moment in each.get("alert_rule_test", ()):
            moments.setdefault(moment["alertname"], []).append(bool(moment.get("exp_alerts")))
        resolving |= {name for name, fires in moments.items() if (True, False) in pairwise(fires)}
    assert resolving == {each["alert"] for each in rules()}


def test_a_rule_that_is_wrong_fails_those_tests(tmp_path: Path) -> None:
    content = yaml.safe_load(TESTS.read_text())
    content["tests"] = [each for each in content["tests"] if "ReencryptQuarantine" in str(each)]
    (tmp_path / TESTS.name).write_text(json.dumps(content))
    (tmp_path / RULES.name).write_text(RULES.read_text())
    assert promtool("test", "rules", tmp_path / TESTS.name).returncode == 0
    (tmp_path / RULES.name).write_text(RULES.read_text().replace('state="open"', 'state="acknowledged"', 1))
    assert promtool("test", "rules", tmp_path / TESTS.name).returncode != 0


def test_the_dashboard_can_be_imported_and_explains_itself() -> None:
    board = json.loads(DASHBOARD.read_text())
    assert board["schemaVersion"] >= 38, "Grafana 10"
    # Nothing in it is of the Grafana that it was made in.
    assert not {"id", "__inputs"} & set(board)
    data_source, *variables = board["templating"]["list"]
    assert (data_source["name"], data_source["type"]) == ("datasource", "datasource")
    assert data_source["query"] == "prometheus"
    assert {f"${each['name']}" for each in variables} == {name for name in VARIABLES if not name.startswith("$__")}
    for each in variables:
        # All of them, those without this label included.
        assert (each["includeAll"], each["allValue"]) == (True, ".*")
        (asked,) = Selector.all_in(each["query"]["query"])
        assert asked.name == "reencrypt_build_info"
    data_source_of_choice = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels():
        assert panel["title"]
        assert panel["description"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert all(each["datasource"] == data_source_of_choice for each in (panel, *panel["targets"])), panel["title"]
    assert len({each["id"] for each in board["panels"]}) == len(board["panels"])
    assert len({each["title"] for each in board["panels"]}) == len(board["panels"])
    taken = [cell for each in board["panels"] for cell in cells(each["gridPos"])]
    assert len(taken) == len(set(taken)), "panels lie over each other"
    assert max(x for x, _ in taken) < 24


def cells(place: Mapping[str, int]) -> list[tuple[int, int]]:
    """Where a panel is on the grid."""
    return [
        (x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])
    ]


@pytest.fixture
def story(tmp_path: Path, shared_vault: Vault) -> Story:
    story = Story.of(tmp_path / "grafana.db", shared_vault)
    with story.builder() as builder:
        populate(builder, count=10, under=[None, builder.data_key()])
    return story


def save_elsewhere(builder: GrafanaBuilder) -> None:
    """Save a secret as a replica of Grafana does that still has the old configuration."""
    builder.add_data_source({"password": Plain(b"a long enough password", builder.data_key())})


def test_a_real_prometheus_fires_and_resolves(story: Story, tmp_path: Path) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    metrics = ("--metrics-file", str(folder / "metrics"))
    story.cli("run", *WRAP, *metrics)
    with story.builder() as builder:
        save_elsewhere(builder)
    story.cli("status", *metrics)
    impatient, changed = re.subn(r"(?m)^( +for:) .*", r"\1 1s", RULES.read_text())
    assert changed > 5
    with served(folder) as address:
        prometheus = PrometheusServer(address, impatient)
        try:
            # The test's data keys are from 2025. All others keep silent, and have seen the same series.
            prometheus.wait_for("ReencryptOldKeyInUse", "ReencryptDataKeyTooOld")
            (alert,) = (each for each in prometheus.alerts() if each["labels"]["alertname"] == "ReencryptOldKeyInUse")
            assert alert["annotations"]["summary"] == "1 secrets are still under an old key"
            story.cli("run", *WRAP, *metrics)
            prometheus.wait_for()
            # They are resolved, not lost.
            assert prometheus.values("up") == [1]
            assert prometheus.values('sum(reencrypt_secrets{state="current"})') > [1]
            assert prometheus.values('sum(reencrypt_secrets{state="old"})') == []
            # What can be read can still have no answer, for example where one series finds several partners.
            assert prometheus.health() == {each["alert"]: "ok" for each in rules()}
            assert sum(prometheus.values(expression) != [] for expression in asked_for().values()) > 20
        finally:
            prometheus.stop()


@pytest.fixture(scope="module")
def gateway() -> Iterator[PushgatewayServer]:
    gateway = PushgatewayServer()
    yield gateway
    gateway.stop()


@dataclass
class Pushed:
    """A Grafana that pushes into a group of its own."""

    story: Story
    gateway: PushgatewayServer
    group: str

    def __call__(self, command: str, *arguments: str, expect: int | None = 0, story: Story | None = None) -> str:
        """Run a command; returns its standard error."""
        address = f"{self.gateway.url}/metrics/job/{self.group}/instance/y"
        return (story or self.story).cli(command, *arguments, "--pushgateway", address, expect=expect).stderr

    def samples(self, folder: Path) -> Samples:
        """Those of the group, without its labels."""
        (folder / "pushed").write_text(self.gateway.get("/metrics"))
        return Samples(
            {
                (name, frozenset(set(labels) - set(self.labels))): value
                for (name, labels), value in Samples.read(folder / "pushed").items()
                if set(self.labels) <= labels
            }
        )

    @property
    def labels(self) -> list[tuple[str, str]]:
        return [("job", self.group), ("instance", "y")]


@pytest.fixture
def pushed(story: Story, gateway: PushgatewayServer, request: pytest.FixtureRequest) -> Pushed:
    return Pushed(story, gateway, request.node.name.removeprefix("test_"))


def test_a_run_pushes_into_the_group_of_the_path_and_a_failure_keeps_what_it_cannot_know(
    pushed: Pushed, tmp_path: Path
) -> None:
    assert "warning: the metrics" not in pushed("run", *WRAP)
    before = pushed.samples(tmp_path)
    assert before.of("last_run_exit_code", command="run") == 0
    assert before.total("secrets", state="current", provider="azurekv.prod") > 0
    assert before.total("lock_seconds_count") > 0
    wrong = replace(pushed.story.cli, environment={"GF_SECURITY_ENCRYPTION_PROVIDER": "azurekv.other"})
    pushed("run", expect=None, story=replace(pushed.story, cli=wrong))
    after = pushed.samples(tmp_path)
    assert after.of("last_run_exit_code", command="run") not in (0, None)
    assert (after.of("last_run_timestamp_seconds", command="run") or 0) > (
        before.of("last_run_timestamp_seconds", command="run") or 0
    )
    for kept in (
        "last_success_timestamp_seconds",
        "inventory_timestamp_seconds",
        "secrets",
        "target_info",
        "oldest_data_key_created_timestamp_seconds",
    ):
        assert before.all(kept)
        assert sorted(map(repr, after.all(kept))) == sorted(map(repr, before.all(kept)))


def test_a_status_in_the_same_group_keeps_what_the_runs_have_said(pushed: Pushed, tmp_path: Path) -> None:
    pushed("run", *WRAP)
    # The last run finds nothing to do, so that the database does not know of it.
    pushed("run", *WRAP)
    before = pushed.samples(tmp_path)
    pushed("status")
    after = pushed.samples(tmp_path)
    assert after.of("last_run_exit_code", command="status") == 0
    for kept in (
        "last_run_timestamp_seconds",
        "last_success_timestamp_seconds",
        "last_run_exit_code",
        "last_run_duration_seconds",
    ):
        assert after.of(kept, command="run") == before.of(kept, command="run") is not None
    assert (after.of("inventory_timestamp_seconds") or 0) > (before.of("inventory_timestamp_seconds") or 0)


def test_what_is_mended_is_gone_from_the_gateway_too(pushed: Pushed, tmp_path: Path) -> None:
    with pushed.story.builder() as builder:
        lost = builder.data_key()
        builder.add_data_source({"password": Plain(b"a long enough password", lost)})
    pushed.story.execute("DELETE FROM data_keys WHERE name = ?", lost.key_id)
    pushed("run", *WRAP, "--max-quarantine", "1", expect=3)
    assert pushed.samples(tmp_path).total("quarantined_secrets", state="open") == 1
    pushed.story.execute("DELETE FROM data_source WHERE id = (SELECT max(id) FROM data_source)")
    pushed("run", *WRAP)
    found = pushed.samples(tmp_path)
    assert found.total("quarantined_secrets", state="open") == 0
    assert found.total("secrets", state="key_missing") == 0


def test_two_grafanas_in_groups_of_their_own_leave_each_other_alone(pushed: Pushed, tmp_path: Path) -> None:
    other = replace(pushed, group=f"{pushed.group}_other")
    other("status")
    before = other.samples(tmp_path)
    pushed("run", *WRAP)
    assert other.samples(tmp_path) == before
    assert before.total("secrets", state="old") > 0 == pushed.samples(tmp_path).total("secrets", state="old")


def test_a_gateway_that_is_not_there_is_a_warning_and_changes_no_exit_code(story: Story) -> None:
    with socket.socket() as taken:
        # Bound and not listening: nobody else gets this port, and whoever connects is refused.
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        outcome = story.cli("run", *WRAP, "--pushgateway", address, "--output", "json")
        assert outcome.json["outcome"] == "done"
        (warning,) = (line for line in outcome.stderr.splitlines() if "the metrics could not be written" in line)
        assert address in warning
        wrong = replace(story.cli, configuration=Path("/nowhere/grafana.ini"))
        assert "the metrics could not be written" in wrong("run", "--pushgateway", address, expect=2).stderr
